//! From how many agents on, and down to how few senders, do lists of senders pay?
//!
//! Times a pass of the policy over all agents (`AttentionOver::All`) and over lists
//! (`AttentionOver::Listed`), and prints the ratio of the two; the rule of `AttentionOver::Auto` follows
//! from it. One graph for all samples, and one each.
//!
//! `cargo run --release -p commformer-model --example crossover [THREADS]`

use commformer_model::{
    ActionSpace, AttentionOver, CommFormer, Input, PolicyConfig, SelfEdge, graph,
};
use std::time::Instant;
use tch::{Device, Kind, Tensor};

/// Seconds of the fastest of some runs.
fn fastest(mut work: impl FnMut()) -> f64 {
    work();
    let mut best = f64::INFINITY;
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < 0.6 {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

/// Seconds of evaluating with a backward pass, by libtorch.
fn seconds(over: AttentionOver, agents: usize, k: usize, batch: i64, graphs: i64) -> f64 {
    let mut state = 1u64;
    let mut normal = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    let config = PolicyConfig {
        shared_head: true,
        attention_over: over,
        ..PolicyConfig::new(agents, 17, ActionSpace::Discrete(5))
    };
    let policy = CommFormer::new(&config, Device::Cpu, &mut normal).expect("a policy");
    let n = agents as i64;
    let options = (Kind::Float, Device::Cpu);
    let gumbel = Tensor::rand([graphs, n, n], options);
    let graph = tch::no_grad(|| {
        graph::sample(policy.edge_logits(), &gumbel, 1.0, k, SelfEdge::Excluded).graph
    });
    let obs = Tensor::randn([batch, n, 17], options);
    let actions = Tensor::zeros([batch, n], (Kind::Int64, Device::Cpu));
    fastest(|| {
        let embedding = policy.embed(&obs).expect("an embedding");
        let input = Input::new(&embedding, &graph);
        let found = policy.evaluate(&input, &actions, None).expect("scores");
        (found.log_probs.sum(Kind::Float) + found.values.sum(Kind::Float)).backward();
    })
}

fn main() {
    let threads = std::env::args().nth(1).and_then(|text| text.parse().ok());
    tch::set_num_threads(threads.unwrap_or(1));
    println!("ms over all agents / over lists = ratio (above 1: lists are faster)");
    println!("   N   k    B graphs | evaluate and backward");
    for (agents, batch) in [
        (27, 64),
        (50, 32),
        (50, 256),
        (100, 16),
        (100, 128),
        (300, 4),
        (300, 32),
        (1000, 4),
    ] {
        for k in [2, 4, 10] {
            for graphs in [1, batch] {
                let all = seconds(AttentionOver::All, agents, k, batch, graphs);
                let listed = seconds(AttentionOver::Listed, agents, k, batch, graphs);
                let (ratio, [all, listed]) = (all / listed, [all, listed].map(|x| 1e3 * x));
                println!(
                    "{agents:4} {k:3} {batch:4} {graphs:6} | {all:8.2} /{listed:8.2} = {ratio:5.2}"
                );
            }
        }
    }
}
