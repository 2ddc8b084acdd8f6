//! A panic of a policy or an environment is an error, and nobody goes on with what it left.

use crate::bent::{Bent, ENVS, Misfit, STRAIGHT, prey, trainer_in};
use crate::common::{one_round, settings};
use crate::plain::Plain;
use crate::without_graph::Heard;
use commformer_env::{
    Actions, Environment, Observation, PredatorPrey, Rng, Status, VecEnv, forward_environment,
};
use commformer_train::{
    Actor, CheckpointStore, Evaluation, GraphPlan, Policy, TrainError, Trainer, evaluate,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tch::{Device, Kind, Tensor};

/// Whether it panicked so, and refuses to go on.
fn is_over<P: Policy, E: Environment>(trainer: &mut Trainer<P, E>, said: &str) {
    let panicked = trainer.iterate().unwrap_err();
    assert!(matches!(panicked, TrainError::Panicked(_)), "{panicked}");
    assert!(panicked.to_string().contains(said), "{panicked}");
    nobody_goes_on(trainer, said);
}

/// Whether a trainer refuses to go on after an iteration that failed so.
fn nobody_goes_on<P: Policy, E: Environment>(trainer: &mut Trainer<P, E>, said: &str) {
    for refused in [trainer.iterate().map(drop), trainer.checkpoint().map(drop)] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, TrainError::Failed(_)), "{refused}");
        assert!(refused.to_string().contains(said), "{refused}");
    }
    // Tensors of this thread still have gradients.
    let one = Tensor::ones([1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    assert!((one * 2.0).requires_grad());
}

#[test]
fn of_a_policy() {
    let bents = [
        Bent {
            act: |_| panic!("no idea"),
            ..STRAIGHT
        },
        Bent {
            values: |_| panic!("no idea"),
            ..STRAIGHT
        },
        Bent {
            evaluation: |_: Evaluation| panic!("no idea"),
            ..STRAIGHT
        },
    ];
    for bent in bents {
        is_over(&mut trainer_in(&prey(3), bent), "no idea");
    }
}

#[test]
fn an_error_leaves_as_much_undone_as_a_panic() {
    let bent = Bent {
        evaluation: |evaluation: Evaluation| Evaluation {
            values: evaluation.values * f64::NAN,
            ..evaluation
        },
        ..STRAIGHT
    };
    let mut trainer = trainer_in(&prey(3), bent);
    let failed = trainer.iterate().unwrap_err();
    assert!(!matches!(failed, TrainError::Panicked(_)), "{failed}");
    nobody_goes_on(&mut trainer, &failed.to_string());
}

/// Panics in the third step of all of its kind.
#[derive(Clone)]
struct Short {
    task: PredatorPrey,
    steps: Arc<AtomicU32>,
}

#[deny(clippy::missing_trait_methods)]
impl Environment for Short {
    forward_environment! { |this| this.task =>
        spec reset metrics progress save restore sources must_receive departed action_names agent_names draw remote
        global_state
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let before = self.steps.fetch_add(1, Ordering::SeqCst);
        assert!(before != 2, "nobody is prepared for this");
        self.task.step(actions, rng, out, rewards)
    }
}

fn short() -> VecEnv<Short> {
    let short = Short {
        task: prey(3),
        steps: Arc::default(),
    };
    VecEnv::new(vec![short; ENVS], 1).unwrap()
}

#[test]
fn of_an_environment() {
    for threads in [1, 2] {
        let mut settings = settings(ENVS, 10);
        (settings.run.threads, settings.rollout.shard) = (threads, 2);
        let policy = Plain::new(short().spec(), 1);
        let mut trainer = Trainer::new(settings, GraphPlan::None, policy, short()).unwrap();
        is_over(&mut trainer, "nobody is prepared for this");
    }
}

#[test]
fn in_an_evaluation() {
    let mut envs = short();
    let plain = Plain::new(envs.spec(), 1);
    let graph = Tensor::zeros([0, 0], (Kind::Float, Device::Cpu));
    let refused = evaluate(&plain, &graph, &mut envs, &one_round()).unwrap_err();
    assert!(matches!(refused, TrainError::Panicked(_)), "{refused}");
    // The third step is behind.
    let report = evaluate(&plain, &graph, &mut envs, &one_round()).unwrap();
    assert_eq!(report.episodes.len(), ENVS);

    let bent = Bent {
        act: |_| panic!("no idea"),
        ..STRAIGHT
    };
    let trainer = trainer_in(&prey(3), bent);
    let policy: &Misfit = trainer.policy();
    assert_eq!(policy.needs().gate, 0);
    let refused = evaluate(policy, &graph, &mut envs, &one_round()).unwrap_err();
    assert!(refused.to_string().contains("no idea"), "{refused}");
    let one = Tensor::ones([1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    assert!((one * 2.0).requires_grad());
}

/// Panics when it is asked for its state.
struct Stateless(PredatorPrey);

#[deny(clippy::missing_trait_methods)]
impl Environment for Stateless {
    forward_environment! { |this| this.0 =>
        spec reset step metrics progress restore sources must_receive departed action_names agent_names draw remote
        global_state
    }

    fn save(&self) -> Option<Vec<u8>> {
        panic!("nobody has asked before")
    }
}

#[test]
fn before_the_first_iteration_of_a_run() {
    let made = || VecEnv::new((0..ENVS).map(|_| Stateless(prey(3))).collect(), 1);
    let envs = made().unwrap();
    let policy = Plain::new(envs.spec(), 1);
    let mut trainer = Trainer::new(settings(ENVS, 10), GraphPlan::None, policy, envs).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::create(folder.path(), 1).unwrap();
    let ended = trainer.run(&mut |_| Ok(made()?), &store, &mut Heard::default());
    let said = ended.unwrap_err();
    assert!(matches!(said, TrainError::Panicked(_)), "{said}");
    assert!(
        said.to_string().contains("nobody has asked before"),
        "{said}"
    );
}
