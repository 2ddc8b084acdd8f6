//! Environment steps per second of the built-in tasks in a [`VecEnv`]: few environments and many, on one
//! thread and on all.

use std::hint::black_box;

use commformer_env::{
    ActionSpace, Actions, Batch, BuiltIn, Environment, PredatorPreyConfig, Rng, Status, TASKS,
    Task, VecEnv,
};
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};
use rayon::{ThreadPool, ThreadPoolBuilder};

/// Random joint actions are drawn beforehand, and used over and over.
const PREPARED: usize = 64;
/// Observations go to one row after the other of a memory, as in a rollout: at most so many rows
/// of at most so many numbers together, which is more than the nearer caches hold.
const ROWS: usize = 200;
const NUMBERS: usize = 1 << 22;

fn random_actions(envs: &VecEnv<impl Environment>) -> Vec<Vec<i64>> {
    let ActionSpace::Discrete(count) = envs.spec().actions else {
        return Vec::new();
    };
    let mut rng = Rng::new(1, 0);
    let width = envs.num_envs() * envs.spec().agents;
    let mut joint = || (0..width).map(|_| rng.below(count as u32).into()).collect();
    (0..PREPARED).map(|_| joint()).collect()
}

fn steps(b: &mut Bencher, task: &dyn Task, num_envs: usize) {
    let env = |_| task.build().expect("valid settings");
    let mut envs =
        VecEnv::new((0..num_envs).map(env).collect(), 2).expect("environments of one task");
    let agents = num_envs * envs.spec().agents;
    let row = agents * envs.spec().obs_dim;
    let mut available = vec![true; num_envs * envs.spec().available_len()];
    let mut obs = vec![0.0; row * (NUMBERS / row).clamp(1, ROWS)];
    let (mut active, mut rewards) = (vec![true; agents], vec![0.0; agents]);
    let mut status = vec![Status::Running; num_envs];
    envs.reset(Batch {
        obs: &mut obs[..row],
        available: &mut available,
        active: &mut active,
    })
    .expect("buffers fit");
    let prepared = random_actions(&envs);
    let mut actions = prepared.iter().cycle();
    let mut starts = (0..obs.len()).step_by(row).cycle();
    b.iter(|| {
        if let (Some(actions), Some(start)) = (actions.next(), starts.next()) {
            let out = Batch {
                obs: &mut obs[start..start + row],
                available: &mut available,
                active: &mut active,
            };
            envs.step(Actions::Discrete(actions), out, &mut rewards, &mut status)
                .expect("buffers fit");
        }
        black_box(&mut obs);
    });
}

fn pool(threads: usize) -> ThreadPool {
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("threads can be started")
}

fn task(c: &mut Criterion, name: &str, task: &dyn Task, many: usize) {
    // 0 threads are as many as there are cores.
    let (one, all) = (pool(1), pool(0));
    let mut group = c.benchmark_group(name);
    let mut measure = |envs: usize, pool: &ThreadPool, threads: &str| {
        group.throughput(Throughput::Elements(envs as u64));
        group.bench_function(format!("{envs} environments, {threads}"), |b| {
            pool.install(|| steps(b, task, envs));
        });
    };
    measure(1, &one, "one thread");
    measure(20, &one, "one thread");
    measure(many, &one, "one thread");
    measure(20, &all, "all threads");
    measure(many, &all, "all threads");
}

fn tasks(c: &mut Criterion) {
    for kind in TASKS {
        let built_in = BuiltIn::of_kind(kind).expect("a registered task");
        task(c, kind, built_in.task(), 4096);
    }
    let large = PredatorPreyConfig {
        agents: 10,
        dim: 20,
        ..Default::default()
    };
    task(c, "predator-prey-large", &large, 128);
}

criterion_group!(benches, tasks);
criterion_main!(benches);
