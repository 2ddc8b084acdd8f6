//! The arithmetic of an update beside the policy's: advantages of a rollout, and the loss of a part of a
//! minibatch.

use std::hint::black_box;

use commformer_torch::threads;
use commformer_train::{Evaluation, PpoConfig, Targets, gae, loss};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ndarray::Array3;
use tch::{Device, Kind, Tensor};

/// Those of the default configuration.
const STEPS: usize = 50;
const ENVS: usize = 80;
/// Samples of a part of a minibatch.
const PART: i64 = 500;

fn advantages(c: &mut Criterion) {
    let mut group = c.benchmark_group("advantages, 50 steps of 80 environments");
    for agents in [3, 10, 27] {
        let numbers = |scale: f32| {
            Array3::from_shape_fn((STEPS, ENVS, agents), |(t, env, agent)| {
                ((t * 7 + env * 3 + agent) as f32 * scale).sin()
            })
        };
        let (rewards, values, next) = (numbers(0.3), numbers(0.7), numbers(1.1));
        let ended = numbers(0.9).mapv(|number| if number > 0.95 { 1.0 } else { 0.0 });
        group.throughput(Throughput::Elements(rewards.len() as u64));
        group.bench_function(BenchmarkId::new("agents", agents), |b| {
            b.iter(|| {
                let [rewards, values] = [rewards.view(), values.view()];
                black_box(gae(rewards, values, next.view(), ended.view(), 0.99, 0.95))
            });
        });
    }
}

fn loss_and_backward(c: &mut Criterion) {
    threads::set_intra_op(1).expect("one thread");
    threads::keep_memory();
    let config = PpoConfig::default();
    let mut group = c.benchmark_group("loss and backward, 500 samples");
    for agents in [3, 10, 27] {
        let numbers = || Tensor::randn([PART, agents], (Kind::Float, Device::Cpu)) * 0.1;
        let leaf = || numbers().set_requires_grad(true);
        let leaves = [leaf(), leaf(), leaf()];
        let [log_probs, entropy, values] = leaves.each_ref().map(Tensor::shallow_clone);
        let now = Evaluation {
            log_probs,
            entropy,
            values,
            gate: None,
        };
        let then = Targets {
            log_probs: numbers(),
            values: numbers(),
            advantages: numbers(),
            returns: numbers(),
            active: numbers().ones_like(),
            valued: numbers().ones_like(),
            gate: None,
        };
        let count = PART * agents;
        group.throughput(Throughput::Elements(count as u64));
        group.bench_function(BenchmarkId::new("agents", agents), |b| {
            b.iter(|| {
                let loss = loss(&config, None, &now, &then, count as f64);
                black_box(Tensor::run_backward(&[loss.total], &leaves, false, false))
            });
        });
    }
}

criterion_group!(benches, advantages, loss_and_backward);
criterion_main!(benches);
