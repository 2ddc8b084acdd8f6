//! Environment steps per second, of one copy and of 80 that a [`VecEnv`] steps together.

use std::hint::black_box;

use commformer_env::{
    ActionSpace, Actions, Batch, Environment, Observation, PredatorCapturePrey, PredatorPrey, Rng,
    Signal, Status, VecEnv,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const COPIES: usize = 80;
/// Random joint actions are drawn beforehand, and used over and over.
const PREPARED: usize = 1024;

fn random_actions(env: &impl Environment, copies: usize) -> Vec<Vec<i64>> {
    let ActionSpace::Discrete(count) = env.spec().actions else {
        return Vec::new();
    };
    let mut rng = Rng::new(1, 0);
    let width = copies * env.spec().agents;
    let mut joint = || (0..width).map(|_| rng.below(count as u32).into()).collect();
    (0..PREPARED).map(|_| joint()).collect()
}

fn single<E: Environment>(c: &mut Criterion, name: &str, mut env: E) {
    let actions = random_actions(&env, 1);
    let (agents, obs_dim) = (env.spec().agents, env.spec().obs_dim);
    let (mut obs, mut active, mut rewards) = (
        vec![0.0; agents * obs_dim],
        vec![true; agents],
        vec![0.0; agents],
    );
    let mut rng = Rng::new(2, 0);
    let mut actions = actions.iter().cycle();
    let mut status = Status::Terminated;
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    group.bench_function("1 copy", |b| {
        b.iter(|| {
            let (available, active) = (&mut [], &mut active);
            if status != Status::Running {
                env.reset(
                    &mut rng,
                    Observation {
                        obs: &mut obs,
                        available,
                        active,
                    },
                );
            }
            if let Some(actions) = actions.next() {
                let out = Observation {
                    obs: &mut obs,
                    available,
                    active,
                };
                status = env.step(Actions::Discrete(actions), &mut rng, out, &mut rewards);
            }
            black_box(&mut obs);
        });
    });
}

fn many<E: Environment + Clone>(c: &mut Criterion, name: &str, env: E) {
    let actions = random_actions(&env, COPIES);
    let rows = COPIES * env.spec().agents;
    let (mut obs, mut active) = (vec![0.0; rows * env.spec().obs_dim], vec![true; rows]);
    let (mut rewards, mut status) = (vec![0.0; rows], vec![Status::Running; COPIES]);
    let mut envs = VecEnv::new(vec![env; COPIES], 2).expect("copies of one task");
    envs.reset(Batch {
        obs: &mut obs,
        available: &mut [],
        active: &mut active,
    })
    .expect("buffers fit");
    let mut actions = actions.iter().cycle();
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(COPIES as u64));
    group.bench_function("80 copies", |b| {
        b.iter(|| {
            if let Some(actions) = actions.next() {
                let out = Batch {
                    obs: &mut obs,
                    available: &mut [],
                    active: &mut active,
                };
                envs.step(Actions::Discrete(actions), out, &mut rewards, &mut status)
                    .expect("buffers fit");
            }
            black_box(&mut obs);
        });
    });
}

fn steps(c: &mut Criterion) {
    let predator_prey = PredatorPrey::new(Default::default()).expect("defaults are valid");
    single(c, "predator-prey", predator_prey.clone());
    many(c, "predator-prey", predator_prey);
    let capture = PredatorCapturePrey::new(Default::default()).expect("defaults are valid");
    single(c, "predator-capture-prey", capture.clone());
    many(c, "predator-capture-prey", capture);
    let signal = Signal::new(Default::default()).expect("defaults are valid");
    single(c, "signal", signal.clone());
    many(c, "signal", signal);
}

criterion_group!(benches, steps);
criterion_main!(benches);
