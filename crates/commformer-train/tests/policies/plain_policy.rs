//! A policy without a graph and without gates is trained, saved and goes on to the bit.

use crate::common::{bits, one_round, same_in_a_box, settings};
use crate::plain::Plain;
use commformer_env::{PredatorPrey, PredatorPreyConfig, VecEnv};
use commformer_train::{
    Actor, BilevelConfig, Budget, CheckpointStore, Estimator, EvaluationReport, GatePlan,
    GraphPlan, Payment, Policy, Price, Purpose, RolloutGraph, Settings, TrainError, Trainer, Which,
    evaluate, seed_for,
};
use tch::Tensor;

const ENVS: usize = 4;

fn envs(purpose: Purpose) -> VecEnv<PredatorPrey> {
    let config = PredatorPreyConfig {
        agents: 3,
        ..PredatorPreyConfig::default()
    };
    let task = PredatorPrey::new(config).unwrap();
    VecEnv::new(vec![task; ENVS], seed_for(1, purpose)).unwrap()
}

fn trainer(plan: GraphPlan, threads: usize) -> Result<Trainer<Plain, PredatorPrey>, TrainError> {
    trainer_of(|plain| plain, plan, threads)
}

/// Of what is made of the policy.
fn trainer_of<P: Policy>(
    made: impl FnOnce(Plain) -> P,
    plan: GraphPlan,
    threads: usize,
) -> Result<Trainer<P, PredatorPrey>, TrainError> {
    let mut settings = settings(ENVS, 16);
    settings.run.threads = threads;
    trainer_with(settings, made, plan)
}

fn trainer_with<P: Policy>(
    settings: Settings,
    made: impl FnOnce(Plain) -> P,
    plan: GraphPlan,
) -> Result<Trainer<P, PredatorPrey>, TrainError> {
    let envs = envs(Purpose::Environments);
    let policy = made(Plain::new(envs.spec(), 1));
    Trainer::new(settings, plan, policy, envs)
}

fn evaluated(policy: &(impl Actor + ?Sized), graph: &Tensor) -> EvaluationReport {
    evaluate(policy, graph, &mut envs(Purpose::Evaluation), &one_round()).unwrap()
}

#[test]
fn it_trains_and_sends_nothing() {
    let mut trainer = trainer(GraphPlan::None, 1).unwrap();
    let before = bits(&trainer);
    let report = trainer.iterate().unwrap();
    assert_eq!(report.steps, 64);
    assert!(report.losses.policy.is_finite() && report.losses.grad_norm > 0.0);
    assert_ne!(bits(&trainer), before);
    let traffic = report.traffic;
    assert_eq!((traffic.messages(), traffic.bytes()), (0.0, 0.0));
    assert_eq!(traffic.active_steps, 64.0 * 3.0);
    assert_eq!((report.graph_changes, report.price), (0, None));
    let graph = trainer.execution_graph().unwrap();
    let report = evaluated(trainer.policy(), &graph);
    assert_eq!((report.episodes.len(), report.graph.len()), (ENVS, 0));
}

#[test]
fn a_gradient_is_no_longer_than_it_may_be() {
    // By how much a weight moves at the most in an iteration, and the norm that is told.
    let moved = |max_grad_norm: f64| {
        let mut settings = settings(ENVS, 16);
        settings.ppo.max_grad_norm = max_grad_norm;
        let mut trainer = trainer_with(settings, |plain| plain, GraphPlan::None).unwrap();
        let before = bits(&trainer);
        let norm = trainer.iterate().unwrap().losses.grad_norm;
        let after = bits(&trainer);
        let moves = before.iter().zip(&after);
        let moves =
            moves.map(|(before, after)| (f32::from_bits(*before) - f32::from_bits(*after)).abs());
        (moves.fold(0.0, f32::max), norm)
    };
    let (far, _) = moved(1.0);
    // Far below Adam's epsilon of 1e-5, a step is as much shorter than the learning rate.
    let (near, norm) = moved(1e-9);
    assert!(far > 1e-3 && near < 1e-5, "{far} {near}");
    // As it was before.
    assert!(norm > 1e-3, "{norm}");
}

#[test]
fn it_goes_on_to_the_bit_with_any_number_of_workers() {
    let mut whole = trainer(GraphPlan::None, 1).unwrap();
    whole.iterate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::create(folder.path(), 2).unwrap();
    store.save(&whole.checkpoint().unwrap()).unwrap();
    whole.iterate().unwrap();
    let mut resumed = trainer(GraphPlan::None, 2).unwrap();
    resumed
        .restore(store.load(Which::Latest).unwrap().checkpoint)
        .unwrap();
    let report = resumed.iterate().unwrap();
    assert_eq!(report.steps, 128);
    assert_eq!(bits(&resumed), bits(&whole));
}

#[test]
fn in_a_box_it_does_the_same_to_the_bit() {
    let mut plain = trainer(GraphPlan::None, 2).unwrap();
    let boxed = trainer_of(|plain| Box::new(plain) as _, GraphPlan::None, 2);
    let mut boxed = boxed.unwrap();
    same_in_a_box(&mut plain, &mut boxed);
    let graph = plain.execution_graph().unwrap();
    // An evaluation takes what is in the box as well as the box.
    let of_plain = evaluated(plain.policy(), &graph);
    assert_eq!(of_plain, evaluated(&**boxed.policy(), &graph));
    assert_eq!(of_plain, evaluated(boxed.policy(), &graph));
}

/// A budget that asks for nothing.
#[derive(Debug)]
struct NoBudget;

impl Budget for NoBudget {
    fn update(&mut self, _: f64, _: f64) {}

    fn price(&self) -> Price {
        Price::default()
    }

    fn target(&self, _: f64) -> Option<f64> {
        None
    }

    fn state(&self) -> Vec<f64> {
        Vec::new()
    }

    fn restore(&mut self, _: &[f64]) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn what_it_does_not_offer_is_refused() {
    let field = |error| match error {
        TrainError::Setting { field, .. } => field,
        other => panic!("{other}"),
    };
    let schedule = BilevelConfig {
        estimator: Estimator::StraightThrough,
        rollout: RolloutGraph::Exact,
        ..BilevelConfig::default()
    };
    let learned = trainer(GraphPlan::Learned(schedule), 1);
    assert_eq!(field(learned.unwrap_err()), "graph.mode");
    let gates = GatePlan {
        start: 0.0,
        ramp: 0.0,
        entropy_coef: 0.0,
        budget: Box::new(NoBudget),
        payment: Payment::Loss,
    };
    let gated = trainer(GraphPlan::None, 1).unwrap().with_gates(gates);
    assert_eq!(field(gated.unwrap_err()), "gate.mode");
}
