//! Steps per second of one environment of a robotic warehouse on one thread: random actions that are drawn beforehand,
//! observations written, and episodes begun where one ends. `docs/experiments/rware-speed.py` does the same with the
//! package `rware`.

use commformer_env::{
    Actions, Environment, Observation, Rng, Status, Warehouse, WarehouseConfig, WarehouseSize,
};
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};

/// Joint actions, used over and over.
const PREPARED: usize = 1024;

fn steps(b: &mut Bencher, mut env: Warehouse) {
    let (agents, obs_dim) = (env.spec().agents, env.spec().obs_dim);
    let mut obs = vec![0.0; agents * obs_dim];
    let (mut active, mut rewards) = (vec![false; agents], vec![0.0; agents]);
    let mut rng = Rng::new(1, 0);
    let prepared: Vec<i64> = (0..PREPARED * agents)
        .map(|_| rng.below(5).into())
        .collect();
    let mut prepared = prepared.chunks_exact(agents).cycle();
    let mut status = Status::Terminated;
    b.iter(|| {
        let out = Observation {
            obs: &mut obs,
            available: &mut [],
            active: &mut active,
        };
        match prepared.next() {
            Some(actions) if status == Status::Running => {
                status = env.step(Actions::Discrete(actions), &mut rng, out, &mut rewards);
            }
            _ => {
                env.reset(&mut rng, out);
                status = Status::Running;
            }
        }
    });
}

fn warehouses(c: &mut Criterion) {
    let mut group = c.benchmark_group("rware");
    group.throughput(Throughput::Elements(1));
    for (name, size, agents) in [
        ("tiny-2ag", WarehouseSize::Tiny, 2),
        ("tiny-4ag", WarehouseSize::Tiny, 4),
        ("small-4ag", WarehouseSize::Small, 4),
        ("large-16ag", WarehouseSize::Large, 16),
    ] {
        let config = WarehouseConfig {
            agents,
            size,
            ..Default::default()
        };
        let env = Warehouse::new(config).expect("a task of the package");
        group.bench_function(name, |b| steps(b, env.clone()));
    }
}

criterion_group!(benches, warehouses);
criterion_main!(benches);
