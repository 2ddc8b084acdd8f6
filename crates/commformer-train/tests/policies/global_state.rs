//! A policy that asks for the global state is shown that of its tasks, in rollouts, at truncated ends and in updates.

use crate::common::{bits, same_in_a_box, settings};
use crate::plain::Plain;
use commformer_env::smac::{Smac, SmacConfig};
use commformer_env::{Actions, Environment, Observation, Rng, Status, VecEnv, forward_environment};
use commformer_train::{
    Act, Actor, Evaluation, Gates, GraphPlan, Needs, ObsBatch, Policy, PolicyResult, Samples,
    TrainError, Trainer,
};
use std::sync::{Arc, Mutex};
use tch::{Kind, Tensor};

const ENVS: usize = 3;
const STEPS: usize = 10;
const SEED: u64 = 5;

/// What a policy was shown.
#[derive(Debug, Default)]
struct Shown {
    /// States and actions of each step.
    acted: Vec<(Tensor, Tensor)>,
    /// States that were valued: those after the last step, and those of truncated ends.
    valued: Vec<Tensor>,
    /// States of an update's samples.
    samples: Vec<Tensor>,
}

/// Its value sees the global state, its actions do not.
#[derive(Debug)]
struct Central {
    plain: Box<dyn Policy>,
    critic: Tensor,
    asks: bool,
    shown: Arc<Mutex<Shown>>,
}

impl Central {
    fn values_of(&self, batch: &ObsBatch<'_>) -> Tensor {
        assert_eq!(batch.state.is_some(), self.asks);
        let agents = batch.obs.size()[1];
        match batch.state {
            Some(state) => state.matmul(&self.critic).expand([-1, agents], false),
            None => batch.obs.sum_dim_intlist(-1, false, Kind::Float) * 0.0,
        }
    }

    fn state_of(batch: &ObsBatch<'_>) -> Option<Tensor> {
        batch.state.map(Tensor::copy)
    }
}

impl Actor for Central {
    fn needs(&self) -> Needs {
        Needs {
            state: self.asks,
            ..Needs::default()
        }
    }

    fn act(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act> {
        let act = self.plain.act(batch, gates, noise)?;
        let values = self.values_of(batch);
        if let Some(state) = Self::state_of(batch) {
            let mut shown = self.shown.lock().unwrap();
            shown.acted.push((state, act.actions.copy()));
        }
        Ok(Act { values, ..act })
    }
}

impl Policy for Central {
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>> {
        Ok(Box::new(Self {
            // SAFETY: the caller keeps to it.
            plain: unsafe { self.plain.replica() }?,
            critic: self.critic.detach().set_requires_grad(true),
            asks: self.asks,
            shown: Arc::clone(&self.shown),
        }))
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        let mut parameters = self.plain.parameters();
        parameters.push(("critic".into(), self.critic.shallow_clone()));
        parameters
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        let evaluation = self.plain.evaluate(samples, uniform)?;
        let mut shown = self.shown.lock().unwrap();
        shown.samples.extend(Self::state_of(&samples.batch));
        Ok(Evaluation {
            values: self.values_of(&samples.batch),
            ..evaluation
        })
    }

    fn values(&self, batch: &ObsBatch<'_>, _: Gates<'_>) -> PolicyResult<Tensor> {
        let mut shown = self.shown.lock().unwrap();
        shown.valued.extend(Self::state_of(batch));
        Ok(self.values_of(batch))
    }
}

fn battle() -> Smac {
    let config = SmacConfig {
        map: "3m".into(),
        episode_limit: Some(7),
        ..SmacConfig::default()
    };
    Smac::new(config).unwrap()
}

fn trainer(asks: bool) -> Trainer<Central, Smac> {
    trainer_of(|central| central, asks, vec![battle(); ENVS]).unwrap()
}

/// Of what is made of the policy.
fn trainer_of<P: Policy, E: Environment>(
    made: impl FnOnce(Central) -> P,
    asks: bool,
    envs: Vec<E>,
) -> Result<Trainer<P, E>, TrainError> {
    let envs = VecEnv::new(envs, SEED).unwrap();
    let spec = envs.spec();
    let policy = made(Central {
        plain: Box::new(Plain::new(spec, 1)),
        critic: Tensor::ones([spec.state_dim as i64, 1], (Kind::Float, tch::Device::Cpu))
            .set_requires_grad(true),
        asks,
        shown: Arc::default(),
    });
    let mut settings = settings(ENVS, STEPS);
    settings.rollout.shard = ENVS;
    // All samples at once, in order.
    let ppo = &mut settings.ppo;
    (ppo.epochs, ppo.minibatches, ppo.chunk) = (1, 1, ENVS * STEPS);
    Trainer::new(settings, GraphPlan::None, policy, envs)
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.detach().contiguous().view(-1)).unwrap()
}

/// A battle by itself, stepped as the trainer's environment of this number.
struct Alone {
    battle: Smac,
    rng: Rng,
    obs: Vec<f32>,
    available: Vec<bool>,
    active: Vec<bool>,
}

impl Alone {
    fn new(env: u64) -> Self {
        let battle = battle();
        let spec = battle.spec();
        Self {
            obs: vec![0.0; spec.agents * spec.obs_dim],
            available: vec![false; spec.available_len()],
            active: vec![false; spec.agents],
            rng: Rng::new(SEED, env),
            battle,
        }
    }

    fn advance(&mut self, actions: Option<&[i64]>) -> Status {
        let out = Observation {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        match actions {
            None => {
                self.battle.reset(&mut self.rng, out);
                Status::Running
            }
            Some(actions) => {
                let mut rewards = vec![0.0; actions.len()];
                let actions = Actions::Discrete(actions);
                self.battle.step(actions, &mut self.rng, out, &mut rewards)
            }
        }
    }

    fn state(&self) -> Vec<f32> {
        let mut state = vec![f32::NAN; self.battle.spec().state_dim];
        self.battle.global_state(&mut state);
        state
    }
}

#[test]
fn it_is_that_of_the_task_after_the_same_actions() {
    let mut trainer = trainer(true);
    trainer.iterate().unwrap();
    trainer.iterate().unwrap();
    let shown = std::mem::take(&mut *trainer.policy().shown.lock().unwrap());
    let mut alone: Vec<Alone> = (0..ENVS as u64).map(Alone::new).collect();
    let (mut ends, mut valued) = (Vec::new(), shown.valued.iter());
    for one in &mut alone {
        one.advance(None);
    }
    assert_eq!(shown.acted.len(), 2 * STEPS);
    for (t, (states, actions)) in shown.acted.iter().enumerate() {
        let all: Vec<f32> = alone.iter().flat_map(Alone::state).collect();
        assert_eq!(numbers(states), all, "step {t}");
        let actions = Vec::<i64>::try_from(actions.view(-1)).unwrap();
        let agents = actions.len() / ENVS;
        for (one, actions) in alone.iter_mut().zip(actions.chunks(agents)) {
            let status = one.advance(Some(actions));
            if status == Status::Truncated {
                ends.extend(one.state());
            }
            if status != Status::Running {
                one.advance(None);
            }
        }
        if (t + 1) % STEPS == 0 {
            let last: Vec<f32> = alone.iter().flat_map(Alone::state).collect();
            assert_eq!(numbers(valued.next().unwrap()), last);
            assert!(!ends.is_empty(), "no episode was truncated");
            assert_eq!(numbers(valued.next().unwrap()), ends);
            ends.clear();
        }
    }
    let acted = shown.acted.iter().flat_map(|(states, _)| numbers(states));
    let samples = shown.samples.iter().flat_map(numbers);
    assert!(acted.eq(samples), "other states in the updates");
}

#[test]
fn a_run_with_it_goes_on_to_the_bit_and_with_a_mirror() {
    let mut whole = trainer(true);
    whole.iterate().unwrap();
    let saved = whole.checkpoint().unwrap();
    whole.iterate().unwrap();
    let mut resumed = trainer(true);
    resumed.restore(saved).unwrap();
    resumed.iterate().unwrap();
    assert_eq!(bits(&resumed), bits(&whole));
    let mut mirrored = trainer(true).mirrored().unwrap();
    mirrored.iterate().unwrap();
    mirrored.iterate().unwrap();
    assert_eq!(bits(&mirrored), bits(&whole));
}

#[test]
fn in_a_box_it_does_the_same_to_the_bit() {
    let boxed = trainer_of(|central| Box::new(central) as _, true, vec![battle(); ENVS]);
    same_in_a_box(&mut trainer(true), &mut boxed.unwrap());
}

/// A battle whose state is not a number once it has taken so many steps.
struct Spoilt {
    task: Smac,
    steps: Option<u32>,
}

#[deny(clippy::missing_trait_methods)]
impl Environment for Spoilt {
    forward_environment! { |this| this.task =>
        spec reset metrics progress save restore sources must_receive departed action_names agent_names draw remote
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.steps = self.steps.and_then(|steps| steps.checked_sub(1));
        self.task.step(actions, rng, out, rewards)
    }

    fn global_state(&self, out: &mut [f32]) {
        self.task.global_state(out);
        if self.steps == Some(0) {
            out[4] = f32::NAN;
        }
    }
}

#[test]
fn one_that_is_not_finite_is_refused() {
    let of = |asks: bool, steps: u32| {
        let envs = (0..ENVS).map(|env| Spoilt {
            task: battle(),
            steps: (env == 1).then_some(steps),
        });
        let mut trainer = trainer_of(|central| central, asks, envs.collect())?;
        trainer.iterate().map(|_| ())
    };
    for (steps, step, place) in [
        (0, "at the beginning of an episode", "state"),
        (3, "step 3 of its episode", "state"),
        (
            7,
            "step 7 of its episode",
            "state, in which the episode was truncated,",
        ),
    ] {
        let expected = format!(
            "environment 1, {step}: number 4 of the global {place} is NaN; it must be a number within"
        );
        let found = of(true, steps).unwrap_err().to_string();
        assert!(found.contains(&expected), "{found}");
        // Nobody looks at what nobody asked for.
        of(false, steps).unwrap();
    }
}

#[test]
fn who_does_not_ask_is_not_shown_any() {
    let mut trainer = trainer(false);
    trainer.iterate().unwrap();
    assert!(trainer.policy().shown.lock().unwrap().samples.is_empty());
}
