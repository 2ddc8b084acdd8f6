//! Does multiplying in bfloat16 pay on this machine?
//!
//! Times acting and an update's pass in both precisions over one batch of 250, as the program computes
//! them: on the CPU float32 by the kernels of this crate, bfloat16 by libtorch.
//!
//! `cargo run --release -p commformer-model --example precision [THREADS] [EMBED_DIM]`

use commformer_model::{ActionSpace, CommFormer, Input, PolicyConfig, Precision, SelfEdge, graph};
use std::time::Instant;
use tch::{Device, Kind, Tensor};

/// Milliseconds of the fastest of some runs.
fn fastest(mut work: impl FnMut()) -> f64 {
    work();
    let (begin, mut best) = (Instant::now(), f64::INFINITY);
    while begin.elapsed().as_secs_f64() < 1.5 {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    1e3 * best
}

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|text| text.parse().ok());
    tch::set_num_threads(numbers.next().unwrap_or(1));
    let embed_dim = numbers.next().unwrap_or(64) as usize;
    let (batch, options) = (250, (Kind::Float, Device::Cpu));
    println!("B = {batch}, E = {embed_dim}, ms:   N  precision     act  forward and backward");
    for agents in [3, 10] {
        for precision in [Precision::Float32, Precision::Bfloat16] {
            let config = PolicyConfig {
                embed_dim,
                precision,
                ..PolicyConfig::new(agents, 29, ActionSpace::Discrete(5))
            };
            let mut state = 1u64;
            let mut normal = || {
                state = state
                    .wrapping_mul(6364136223846793005)
                    .wrapping_add(1442695040888963407);
                (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
            };
            let policy = CommFormer::new(&config, Device::Cpu, &mut normal).expect("a policy");
            let n = agents as i64;
            let graph = graph::exact(policy.edge_logits(), 1, SelfEdge::Excluded).unsqueeze(0);
            let obs = Tensor::randn([batch, n, 29], options);
            let actions = Tensor::zeros([batch, n], (Kind::Int64, Device::Cpu));
            let act = fastest(|| {
                let (embedding, _) = policy.observe(&obs).expect("an embedding");
                policy
                    .act(&Input::new(&embedding, &graph), None)
                    .expect("actions");
            });
            let update = fastest(|| {
                let (mut pass, embedding) = policy.pass(&obs).expect("an embedding");
                let found = pass
                    .evaluate(&Input::new(&embedding, &graph), &actions, None)
                    .expect("scores");
                let loss = found.log_probs.sum(Kind::Float) + found.values.sum(Kind::Float);
                pass.backward(&loss, &[]).expect("gradients");
            });
            println!("{agents:31}  {precision:?}  {act:6.2}  {update:6.2}");
        }
    }
}
