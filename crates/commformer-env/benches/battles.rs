//! Steps per second of one environment of a battle on one thread: random available actions are drawn, observations
//! written, and episodes begun where one ends.

use commformer_env::smac::{Script, Smac, SmacConfig};
use commformer_env::{Actions, Environment, Observation, Rng, Status};
use criterion::{Bencher, Criterion, Throughput, criterion_group, criterion_main};

fn steps(b: &mut Bencher, mut env: Smac) {
    let spec = env.spec();
    let agents = spec.agents;
    let mut obs = vec![0.0; agents * spec.obs_dim];
    let mut available = vec![false; spec.available_len()];
    let (mut active, mut rewards) = (vec![false; agents], vec![0.0; agents]);
    let mut actions = vec![0; agents];
    let mut rng = Rng::new(1, 0);
    let mut status = Status::Terminated;
    b.iter(|| {
        let out = Observation {
            obs: &mut obs,
            available: &mut available,
            active: &mut active,
        };
        if status == Status::Running {
            Script::Random.act(&env, &mut rng, &mut actions);
            status = env.step(Actions::Discrete(&actions), &mut rng, out, &mut rewards);
        } else {
            env.reset(&mut rng, out);
            status = Status::Running;
        }
    });
}

fn battles(c: &mut Criterion) {
    let mut group = c.benchmark_group("smac");
    group.throughput(Throughput::Elements(1));
    for map in ["3m", "8m", "MMM", "27m_vs_30m", "2c_vs_64zg"] {
        let config = SmacConfig {
            map: map.into(),
            ..SmacConfig::default()
        };
        let env = Smac::new(config).expect("the map is built in");
        group.bench_function(map, |b| steps(b, env.clone()));
    }
}

criterion_group!(benches, battles);
criterion_main!(benches);
