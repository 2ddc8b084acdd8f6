//! Shards of a rollout: who acts beside whom changes nothing, and they do so at the same time.

mod common;

use commformer::compose;
use commformer::config::Config;
use commformer_env::{ActionSpace, Actions, Environment, Observation, Rng, Spec, Status, VecEnv};
use commformer_methods::Team;
use commformer_train::{GraphPlan, Trainer};
use common::{config, go, settings, train};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tch::{Device, Kind, Tensor};

/// Three agents that may not repeat their last action; cut after some steps.
#[derive(Clone)]
struct NoRepeat {
    spec: Spec,
    last: [usize; 3],
    steps: usize,
    /// Steps begun by all environments. An environment goes on when the other has come as far.
    begun: Option<Arc<AtomicUsize>>,
    own: usize,
}

impl NoRepeat {
    fn new(begun: Option<Arc<AtomicUsize>>) -> Self {
        Self {
            spec: Spec {
                masks_actions: true,
                ..Spec::new(3, 4, ActionSpace::Discrete(4))
            },
            last: [0; 3],
            steps: 0,
            begun,
            own: 0,
        }
    }

    fn observe(&self, rng: &mut Rng, out: Observation<'_>) {
        out.obs.iter_mut().for_each(|number| *number = rng.normal());
        out.active.fill(true);
        for (agent, last) in self.last.iter().enumerate() {
            for action in 0..4 {
                out.available[agent * 4 + action] = action != *last;
            }
        }
    }
}

impl Environment for NoRepeat {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.steps = 0;
        self.last = [0; 3];
        self.observe(rng, out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        if let Some(begun) = &self.begun {
            self.own += 1;
            begun.fetch_add(1, Ordering::SeqCst);
            let start = Instant::now();
            while begun.load(Ordering::SeqCst) < 2 * self.own {
                assert!(start.elapsed() < Duration::from_secs(60), "alone");
                std::thread::yield_now();
            }
        }
        for (agent, action) in actions.indices().iter().enumerate() {
            assert_ne!(*action as usize, self.last[agent], "not available");
            self.last[agent] = *action as usize;
            rewards[agent] = *action as f32;
        }
        self.observe(rng, out);
        self.steps += 1;
        match self.steps {
            5 => Status::Truncated,
            _ => Status::Running,
        }
    }

    fn metrics(&self, _: &mut [f32]) {}
}

fn trainer(config: &Config, envs: Vec<NoRepeat>) -> Trainer<Box<dyn Team>, NoRepeat> {
    let envs = VecEnv::new(envs, 1).unwrap();
    let policy = compose::team(config, envs.spec(), Device::Cpu).unwrap();
    let full = Tensor::ones([3, 3], (Kind::Float, Device::Cpu));
    Trainer::new(settings(config), GraphPlan::Fixed(full), policy, envs).unwrap()
}

/// Each environment waits in every step for the other: without two shards at work at once they would
/// wait for ever.
#[test]
fn shards_step_at_the_same_time() {
    let set = ["rollout.num_envs=2", "rollout.shard=1", "run.threads=2"];
    let begun = Arc::new(AtomicUsize::new(0));
    let envs = (0..2).map(|_| NoRepeat::new(Some(begun.clone()))).collect();
    let (reports, _) = go(&mut trainer(&config("predator-prey", &set), envs), 2);
    assert_eq!(begun.load(Ordering::SeqCst), 2 * 2 * 12);
    assert_eq!(reports[1].episodes, 2 * (24 / 5 - 12 / 5));
}

/// Environments draw for themselves and act on their own graphs, so the first rollout is the same however
/// they are dealt out, but for the rounding of what the policy computes for many at once.
#[test]
fn how_environments_are_dealt_out_changes_little() {
    for (preset, set) in [
        (
            "predator-prey",
            &["graph.groups=3", "env.episode_limit=4"][..],
        ),
        ("signal", &["gate.mode='learned'", "gate.start=0.0"]),
        ("signal", &["gate.mode='random'", "gate.start=0.0"]),
    ] {
        let dealt = |shard: &str| {
            let set = [set, &[shard, "ppo.minibatches=1"]].concat();
            train(&config(preset, &set), 1).0.remove(0)
        };
        let whole = dealt("rollout.shard=6");
        for shard in ["rollout.shard=1", "rollout.shard=4"] {
            let parts = dealt(shard);
            assert_eq!(parts.episodes, whole.episodes);
            // The same messages, added up in another order.
            let differs = |one: f64, other: f64, by: f64| {
                assert!(
                    (one - other).abs() < by,
                    "{preset}, {shard}: {one}, {other}"
                );
            };
            differs(parts.traffic.messages(), whole.traffic.messages(), 1e-9);
            differs(parts.traffic.open_rate(), whole.traffic.open_rate(), 1e-9);
            let returns = [&parts, &whole].map(|report| report.episode_return.unwrap());
            differs(returns[0], returns[1], 1e-9);
            differs(parts.losses.value, whole.losses.value, 1e-3);
            differs(parts.losses.entropy, whole.losses.entropy, 1e-3);
        }
    }
}

/// What the policy reads and writes may lie apart from the environments' memory.
#[test]
fn a_mirror_changes_no_bit() {
    for (preset, set) in [
        ("predator-capture-prey", &[][..]),
        ("predator-prey", &["env.episode_limit=4"]),
        (
            "signal",
            &["ppo.minibatches=1", "graph.estimator='straight-through'"],
        ),
        ("released", &["rollout.shard=2"]),
        ("traffic-junction-easy", &["env.episode_limit=9"]),
        (
            "signal",
            &["gate.mode='learned'", "gate.start=0.0", "gate.per='edge'"],
        ),
        (
            "predator-prey",
            &[
                "gate.mode='learned'",
                "gate.start=0.0",
                "gate.closed='stale'",
                "env.episode_limit=4",
            ],
        ),
        ("signal", &["gate.mode='uncertainty'", "gate.start=0.0"]),
        ("signal", &["gate.mode='periodic'", "gate.start=0.0"]),
    ] {
        let config = config(preset, set);
        let mirrored = compose::trainer(&config, Device::Cpu).unwrap().mirrored();
        assert_eq!(
            go(&mut mirrored.unwrap(), 3),
            train(&config, 3),
            "{preset} {set:?}"
        );
    }
    let config = config("predator-prey", &[]);
    let plain = || trainer(&config, vec![NoRepeat::new(None); 6]);
    assert_eq!(go(&mut plain().mirrored().unwrap(), 3), go(&mut plain(), 3));
}
