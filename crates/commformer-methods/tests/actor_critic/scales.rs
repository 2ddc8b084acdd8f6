//! Observations whose scales nobody knows.

use crate::happened::{off, spec};
use crate::{config, of_team, team};
use commformer_env::{ActionSpace, Actions, Environment, Observation, Rng, Spec, Status, VecEnv};
use commformer_methods::{TeamConfig, trainer};
use commformer_train::{EvaluateOptions, Purpose, Settings, evaluate, seed_for};

/// Two agents see a number each, from `offset` to `offset + scale`, and are paid for saying whether it is in the upper half.
#[derive(Clone)]
struct Half {
    spec: Spec,
    offset: f32,
    scale: f32,
    seen: [f32; 2],
    steps: u32,
}

impl Half {
    fn new(offset: f32, scale: f32) -> Self {
        Self {
            spec: Spec::new(2, 1, ActionSpace::Discrete(2)),
            offset,
            scale,
            seen: [0.0; 2],
            steps: 0,
        }
    }

    fn look(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.seen = [(); 2].map(|()| rng.uniform());
        for (to, seen) in out.obs.iter_mut().zip(self.seen) {
            *to = self.offset + self.scale * seen;
        }
        out.active.fill(true);
    }
}

impl Environment for Half {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.steps = 0;
        self.look(rng, out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        for ((reward, action), seen) in rewards.iter_mut().zip(actions.indices()).zip(self.seen) {
            *reward = f32::from(u8::from((*action == 1) == (seen > 0.5)));
        }
        self.steps += 1;
        self.look(rng, out);
        match self.steps {
            10 => Status::Terminated,
            _ => Status::Running,
        }
    }

    fn metrics(&self, _: &mut [f32]) {}
}

/// The share of right answers after some training.
fn learned(method: &str, [offset, scale]: [f32; 2], agent_id: bool, known_scales: bool) -> f64 {
    let envs = |count, purpose| {
        let task = Half::new(offset, scale);
        VecEnv::new(vec![task; count], seed_for(3, purpose)).unwrap()
    };
    let config = TeamConfig {
        known_scales,
        ..config(method, &[("agent_id", agent_id.into())])
    };
    let mut settings = Settings::default();
    (settings.rollout.num_envs, settings.rollout.steps) = (16, 50);
    settings.run.steps = 12_000;
    let training = envs(16, Purpose::Environments);
    let mut trainer = trainer(&config, settings, training).unwrap();
    while trainer.progress() < 1.0 {
        trainer.iterate().unwrap();
    }
    let graph = trainer.execution_graph().unwrap();
    let mut fresh = envs(50, Purpose::Evaluation);
    let options = EvaluateOptions::default();
    let report = evaluate(trainer.policy(), &graph, &mut fresh, &options).unwrap();
    report.mean(|episode| episode.team_return) / 10.0
}

#[test]
fn scales_are_learned_where_nobody_knows_them() {
    for (method, seen, agent_id) in [
        ("ippo", [0.0, 1.0], false),
        ("ippo", [0.0, 1000.0], true),
        ("mappo", [500.0, 100.0], true),
        ("commnet", [-3.0, 0.001], true),
    ] {
        let found = learned(method, seen, agent_id, false);
        assert!(found > 0.95, "{method} {seen:?}: {found}");
    }
    // A layer norm over a large number and the agent's own place leaves nothing of the number.
    let blind = learned("ippo", [0.0, 1000.0], true, true);
    assert!(blind < 0.65, "{blind}");
}

#[test]
fn what_was_saved_before_scales_were_learned_goes_on_without() {
    let spec = spec(ActionSpace::Discrete(4), 0);
    let known = TeamConfig {
        known_scales: true,
        ..config("mappo", &[])
    };
    let old = team(&known, &spec);
    let happened = of_team(&*old, &spec, 3);
    let expected = happened.act(&*old);
    let mut state = old.state();
    for _ in 0..2 {
        let mut new = team(&config("mappo", &[]), &spec);
        new.load_state(&state).unwrap();
        new.take_in(&[100.0; 14], &[true; 2]).unwrap();
        let found = happened.act(&*new);
        assert!(expected.iter().zip(&found).all(|(a, b)| off(a, b) == 0.0));
        // Saved again, it is still so.
        state = new.state();
    }
}
