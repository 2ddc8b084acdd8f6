//! Training on a GPU. Alone in its process, since CUDA must be loaded before anything of tch.

mod common;
#[path = "../src/skip.rs"]
mod skip;

use commformer::compose;
use common::{config, go, train};

/// The first rollout on a GPU is that of the CPU, but for rounding; and it learns.
#[test]
fn a_gpu_trains_as_the_cpu_does() {
    let device = commformer_torch::cuda::device("auto").unwrap();
    if !tch::Cuda::is_available() {
        skip::skipped_without_device("no CUDA device");
        return;
    }
    for (preset, set) in [
        ("predator-prey", &[][..]),
        (
            "signal",
            &[
                "gate.mode='learned'",
                "gate.start=0.0",
                "gate.closed='stale'",
            ],
        ),
    ] {
        let config = config(preset, set);
        let there = go(&mut compose::trainer(&config, device).unwrap(), 2).0;
        let here = train(&config, 2).0;
        let first = [&there[0], &here[0]];
        assert_eq!(first[0].episodes, first[1].episodes, "{preset}");
        let losses = first.map(|report| report.losses);
        assert!(
            (losses[0].value - losses[1].value).abs() < 1e-2,
            "{losses:?}"
        );
        assert!(
            (losses[0].entropy - losses[1].entropy).abs() < 1e-2,
            "{losses:?}"
        );
        assert!(there[1].losses.grad_norm.is_finite(), "{preset}");
    }
}
