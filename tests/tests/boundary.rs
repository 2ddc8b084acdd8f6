//! Environments that write what nobody can learn from are stopped before a policy sees it, and named.

mod common;

use commformer::config::Config;
use commformer_env::{ActionSpace, Actions, Environment, Observation, Rng, Spec, Status, VecEnv};
use commformer_methods::TeamPolicy;
use commformer_train::{
    EnvironmentFault, EvaluateOptions, FaultKind, GraphPlan, TrainError, Trainer, evaluate,
};
use common::{config, settings};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tch::{Device, Kind, Tensor};

const AGENTS: usize = 3;
const OBS: usize = 4;
const ACTIONS: usize = 5;
/// Steps of an episode, which is then cut.
const LIMIT: u32 = 5;

/// What is wrong, with which agent, in which step of which episode; episodes count from 1, and step 0 is
/// the observation with which one begins.
#[derive(Clone, Copy, Debug)]
struct Wrong {
    episode: u32,
    step: u32,
    agent: usize,
    found: FaultKind,
}

/// A team of which one agent is not active; something is wrong in one step of one episode.
#[derive(Clone)]
struct Faulty {
    spec: Spec,
    /// Episodes that have begun.
    episodes: u32,
    steps: u32,
    wrong: Option<Wrong>,
    /// Steps that were taken after the faulty one.
    after: Arc<AtomicUsize>,
    must_receive: Option<Vec<bool>>,
}

impl Faulty {
    fn new() -> Self {
        Self {
            spec: Spec {
                masks_actions: true,
                ..Spec::new(AGENTS, OBS, ActionSpace::Discrete(ACTIONS))
            },
            episodes: 0,
            steps: 0,
            wrong: None,
            after: Arc::default(),
            must_receive: None,
        }
    }

    /// Six environments; something is wrong in one of them.
    fn envs(faulty: usize, wrong: Wrong) -> Vec<Self> {
        let mut envs = vec![Self::new(); 6];
        envs[faulty].wrong = Some(wrong);
        envs[faulty].after = Arc::default();
        envs
    }

    /// What is wrong in the present step, with the agent.
    fn wrong(&self) -> Option<(usize, FaultKind)> {
        self.wrong
            .filter(|wrong| (wrong.episode, wrong.step) == (self.episodes, self.steps))
            .map(|wrong| (wrong.agent, wrong.found))
    }

    fn observe(&self, rng: &mut Rng, out: Observation<'_>) {
        out.obs.iter_mut().for_each(|number| *number = rng.normal());
        out.available.fill(true);
        out.active.copy_from_slice(&[true, true, false]);
        match self.wrong() {
            Some((
                agent,
                FaultKind::Observation { number, value }
                | FaultKind::LastObservation { number, value },
            )) => {
                out.obs[agent * OBS + number] = value;
            }
            Some((agent, FaultKind::NoAction)) => {
                out.available[agent * ACTIONS..(agent + 1) * ACTIONS].fill(false);
            }
            // It gives no global state.
            Some((
                _,
                FaultKind::Reward(_) | FaultKind::State { .. } | FaultKind::LastState { .. },
            ))
            | None => {}
        }
    }
}

impl Environment for Faulty {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.episodes += 1;
        self.steps = 0;
        self.observe(rng, out);
    }

    fn step(
        &mut self,
        _: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        if let Some(wrong) = self.wrong
            && (self.episodes, self.steps) >= (wrong.episode, wrong.step)
        {
            self.after.fetch_add(1, Ordering::SeqCst);
        }
        self.steps += 1;
        rewards.fill(0.5);
        if let Some((agent, FaultKind::Reward(value))) = self.wrong() {
            rewards[agent] = value;
        }
        self.observe(rng, out);
        match self.steps {
            LIMIT => Status::Truncated,
            _ => Status::Running,
        }
    }

    fn metrics(&self, _: &mut [f32]) {}

    fn must_receive(&self) -> Option<&[bool]> {
        self.must_receive.as_deref()
    }
}

fn full() -> Tensor {
    Tensor::ones([AGENTS as i64; 2], (Kind::Float, Device::Cpu))
}

fn trainer(config: &Config, envs: Vec<Faulty>) -> Result<Trainer<TeamPolicy, Faulty>, TrainError> {
    let envs = VecEnv::new(envs, 1).unwrap();
    let policy = TeamPolicy::new(&config.team(), envs.spec(), Device::Cpu).unwrap();
    Trainer::new(settings(config), GraphPlan::Fixed(full()), policy, envs)
}

fn play(envs: Vec<Faulty>) -> Result<(), TrainError> {
    let mut envs = VecEnv::new(envs, 1).unwrap();
    let policy = TeamPolicy::new(
        &config("predator-prey", &[]).team(),
        envs.spec(),
        Device::Cpu,
    )
    .unwrap();
    let options = EvaluateOptions {
        max_steps: 100,
        ..EvaluateOptions::default()
    };
    evaluate(&policy, &full(), &mut envs, &options).map(drop)
}

/// The fault that is named, and how.
fn named(error: TrainError) -> (EnvironmentFault, String) {
    let text = error.to_string();
    match error {
        TrainError::Fault(fault) => (fault, text),
        other => panic!("{other:?}"),
    }
}

/// What is wrong in the episode and step, and what is said of it after the environment's number. Rollouts
/// have 12 steps and episodes 5: those of episode 3 after its second step are of the second rollout.
fn faults() -> Vec<(Wrong, &'static str)> {
    let wrong = |episode, step, agent, found| Wrong {
        episode,
        step,
        agent,
        found,
    };
    let number = |value| FaultKind::Observation { number: 2, value };
    let last = FaultKind::LastObservation {
        number: 3,
        value: f32::NAN,
    };
    vec![
        (
            wrong(1, 1, 0, FaultKind::Reward(f32::NAN)),
            "step 1 of its episode: the reward of agent 0 is NaN; \
             it must be a number within 1e15 of zero, since squares are added up: correct the environment",
        ),
        (
            wrong(3, 5, 2, FaultKind::Reward(f32::NEG_INFINITY)),
            "step 5 of its episode: the reward of agent 2 is -inf; \
             it must be a number within 1e15 of zero, since squares are added up: correct the environment",
        ),
        (
            wrong(1, 3, 1, number(f32::INFINITY)),
            "step 3 of its episode: number 2 of agent 1's observation is inf; \
             it must be a number within 1e15 of zero, since squares are added up: correct the environment",
        ),
        (
            wrong(3, 0, 2, number(f32::NAN)),
            "at the beginning of an episode: number 2 of agent 2's observation is NaN; \
             it must be a number within 1e15 of zero, since squares are added up: correct the environment",
        ),
        // The last step of the first rollout: only its values would be asked for.
        (
            wrong(3, 2, 0, number(f32::NAN)),
            "step 2 of its episode: number 2 of agent 0's observation is NaN; \
             it must be a number within 1e15 of zero, since squares are added up: correct the environment",
        ),
        (
            wrong(2, 5, 1, last),
            "step 5 of its episode: number 3 of agent 1's observation, in which the episode was truncated, \
             is NaN; it must be a number within 1e15 of zero, since squares are added up: correct the environment",
        ),
        (
            wrong(1, 4, 0, FaultKind::NoAction),
            "step 4 of its episode: agent 0 has no available action; \
             every agent needs one, whether it is active or not: correct the environment",
        ),
        // This one is not active.
        (
            wrong(2, 0, 2, FaultKind::NoAction),
            "at the beginning of an episode: agent 2 has no available action; \
             every agent needs one, whether it is active or not: correct the environment",
        ),
    ]
}

#[test]
fn training_stops_and_names_environment_step_and_agent() {
    for (wrong, text) in faults() {
        for (env, shard, threads) in [(0, 6, 1), (3, 4, 2), (5, 4, 1), (4, 1, 2)] {
            let set = [
                format!("rollout.shard={shard}"),
                format!("run.threads={threads}"),
            ];
            let set: Vec<&str> = set.iter().map(String::as_str).collect();
            let envs = Faulty::envs(env, wrong);
            let after = Arc::clone(&envs[env].after);
            let mut trainer = trainer(&config("predator-prey", &set), envs).unwrap();
            let error = (0..2).find_map(|_| trainer.iterate().err()).unwrap();
            let (found, said) = named(error);
            assert_eq!(said, format!("environment {env}, {text}"));
            assert_eq!(
                (found.env, found.step, found.agent),
                (env, wrong.step, wrong.agent)
            );
            // Who tries again gets no further.
            assert_eq!(named(trainer.iterate().unwrap_err()).1, said);
            assert_eq!(after.load(Ordering::SeqCst), 0, "{said}");
        }
    }
}

#[test]
fn an_evaluation_stops_and_names_environment_step_and_agent() {
    for (wrong, text) in faults() {
        let envs = Faulty::envs(
            4,
            Wrong {
                episode: 1,
                ..wrong
            },
        );
        let after = Arc::clone(&envs[4].after);
        let (_, said) = named(play(envs).unwrap_err());
        assert_eq!(said, format!("environment 4, {text}"));
        assert_eq!(after.load(Ordering::SeqCst), 0, "{said}");
    }
}

#[test]
fn an_environment_that_begins_wrong_makes_no_trainer() {
    let found = FaultKind::Observation {
        number: 0,
        value: f32::NAN,
    };
    let wrong = Wrong {
        episode: 1,
        step: 0,
        agent: 1,
        found,
    };
    let envs = Faulty::envs(5, wrong);
    let config = config("predator-prey", &["rollout.shard=4"]);
    let (_, said) = named(trainer(&config, envs).map(drop).unwrap_err());
    let expected =
        "environment 5, at the beginning of an episode: number 0 of agent 1's observation is NaN";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn a_sound_environment_goes_on_without_end() {
    let config = config("predator-prey", &["rollout.shard=4"]);
    let mut trainer = trainer(&config, vec![Faulty::new(); 6]).unwrap();
    for _ in 0..3 {
        trainer.iterate().unwrap();
    }
    play(vec![Faulty::new(); 6]).unwrap();
}

#[test]
fn an_answer_that_does_not_fit_the_team_ends_the_evaluation() {
    let mut envs = vec![Faulty::new(); 6];
    envs[2].must_receive = Some(vec![true; 2]);
    let said = play(envs).unwrap_err().to_string();
    assert_eq!(said, "`must_receive` has 2 elements, but needs 3");
}
