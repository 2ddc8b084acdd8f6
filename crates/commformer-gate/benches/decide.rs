//! Whether agents receive: the learned gate and a draw, in 20 environments.

use std::hint::black_box;

use commformer_gate::{TemporalGate, TemporalGateConfig, decision};
use commformer_torch::threads;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tch::{Device, Kind, Tensor};

const ENVIRONMENTS: i64 = 20;
const WIDTH: usize = 64;

fn decide(c: &mut Criterion) {
    threads::set_intra_op(1).expect("one thread");
    let cpu = (Kind::Float, Device::Cpu);
    let mut group = c.benchmark_group("decide, 20 environments");
    for agents in [3, 10, 27] {
        let config = TemporalGateConfig::new(agents, WIDTH);
        let mut normal = || Tensor::randn([1], cpu).double_value(&[0]) as f32;
        let gate = TemporalGate::new(&config, Device::Cpu, &mut normal).expect("valid sizes");
        let embeddings = Tensor::randn([ENVIRONMENTS, agents as i64, WIDTH as i64], cpu);
        let uniform = Tensor::rand([ENVIRONMENTS, agents as i64, 1], cpu);
        group.throughput(Throughput::Elements(ENVIRONMENTS as u64));
        group.bench_function(BenchmarkId::new("agents", agents), |b| {
            b.iter(|| {
                tch::no_grad(|| {
                    let found = gate.forward(&embeddings).expect("shapes fit");
                    let open = decision::draw(&found.logits, &uniform);
                    let log_probs = decision::log_prob(&found.logits, &open);
                    black_box((open, log_probs, found.values))
                })
            });
        });
    }
}

criterion_group!(benches, decide);
criterion_main!(benches);
