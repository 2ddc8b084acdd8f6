//! The gate on a GPU. Alone in its process, since CUDA must be loaded before anything of tch.

#[path = "../../../tests/src/skip.rs"]
mod skip;

use commformer_gate::{Per, TemporalGate, TemporalGateConfig, decision, fixed};
use tch::{Device, Kind, Tensor};

#[test]
fn a_gpu_decides_as_the_cpu_does() {
    let device = commformer_torch::cuda::device("auto").unwrap();
    if !tch::Cuda::is_available() {
        skip::skipped_without_device("no CUDA device");
        return;
    }
    for per in [Per::Receiver, Per::Edge] {
        let config = TemporalGateConfig {
            per,
            ..TemporalGateConfig::new(3, 16)
        };
        let build = |device: Device| {
            let mut angle = 0f32;
            let mut numbers = || {
                angle += 1.7;
                angle.sin() * 1.4
            };
            TemporalGate::new(&config, device, &mut numbers).unwrap()
        };
        let (here, there) = (build(Device::Cpu), build(device));
        let options = (Kind::Float, Device::Cpu);
        let embeddings = Tensor::randn([64, 3, 16], options);
        let logits = here.logits(&embeddings).unwrap();
        let found = there.forward(&embeddings.to_device(device)).unwrap();
        assert_eq!(found.logits.device(), device);
        let near = |a: &Tensor, b: &Tensor| a.to_device(Device::Cpu).allclose(b, 0.0, 1e-4, false);
        assert!(near(&found.logits, &logits));
        assert!(near(&found.values, &here.values(&embeddings).unwrap()));

        // Noise that leaves no decision within rounding of its threshold.
        let uniform = Tensor::rand(logits.size(), options);
        let noisy = &logits + decision::logistic(&uniform);
        let uniform = uniform.where_self(&noisy.abs().gt(1e-2), &Tensor::from(0.99f32));
        let drawn = decision::draw(&found.logits, &uniform.to_device(device));
        let expected = decision::draw(&logits, &uniform);
        assert_eq!(drawn.device(), device);
        assert_eq!(drawn.to_device(Device::Cpu), expected);

        let open = expected.to_device(device);
        let log_prob = decision::log_prob(&found.logits, &open);
        assert!(near(&log_prob, &decision::log_prob(&logits, &expected)));
        let entropy = decision::entropy(&found.logits);
        assert!(near(&entropy, &decision::entropy(&logits)));
        (log_prob + entropy).sum(None).backward();
        let mut gradients = there.parameters().into_iter().take(4);
        assert!(gradients.all(|(_, leaf)| leaf.grad().isfinite().all().int64_value(&[]) == 1));
    }

    // Twelve agents, open in every fourth step of 80.
    let options = (Kind::Float, device);
    let (mut phase, uniform) = (
        Tensor::zeros([4, 3, 1], options),
        Tensor::full([4, 3, 1], 0.375, options),
    );
    let mut total = 0.0;
    for _ in 0..80 {
        let (open, next) = fixed::periodic(&phase, &uniform, 0.25);
        total += open.sum(None).double_value(&[]);
        phase = next;
    }
    assert_eq!(total, 12.0 * 20.0);
}
