//! A policy in a box is trained as it is by itself, with all that a policy can offer.

mod common;

use commformer::compose;
use commformer::config::Config;
use commformer_env::{PredatorPrey, PredatorPreyConfig, VecEnv};
use commformer_methods::TeamPolicy;
use commformer_train::{
    Budget, EvaluateOptions, EvaluationReport, GatePlan, IterationReport, Payment, Policy, Price,
    Trainer, evaluate,
};
use common::{config, go, settings};
use tch::Device;

/// Half of the messages, at a price that stays.
#[derive(Debug)]
struct Half;

impl Budget for Half {
    fn price(&self) -> Price {
        Price {
            message: 0.01,
            receiving: 0.1,
        }
    }

    fn update(&mut self, _: f64, _: f64) {}

    fn target(&self, _: f64) -> Option<f64> {
        Some(0.5)
    }

    fn state(&self) -> Vec<f64> {
        Vec::new()
    }

    fn restore(&mut self, _: &[f64]) -> Result<(), String> {
        Ok(())
    }
}

type Weights = Vec<(String, Vec<f32>)>;

/// What comes of training and judging whatever is made of the team's policy.
fn trained<P: Policy>(
    config: &Config,
    made: impl FnOnce(TeamPolicy) -> P,
) -> (Vec<IterationReport>, Weights, EvaluationReport) {
    let envs = |count: usize, seed| {
        let task = PredatorPrey::new(PredatorPreyConfig::default()).unwrap();
        VecEnv::new(vec![task; count], seed).unwrap()
    };
    let mut settings = settings(config);
    settings.run.threads = 2;
    let environments = envs(config.rollout.num_envs, 1);
    let policy = TeamPolicy::new(&config.team(), environments.spec(), Device::Cpu).unwrap();
    let plan = compose::plan(config, Device::Cpu).unwrap();
    let gates = GatePlan {
        start: 0.0,
        ramp: 0.0,
        entropy_coef: 0.01,
        budget: Box::new(Half),
        payment: Payment::Rewards,
    };
    let trainer = Trainer::new(settings, plan, made(policy), environments).unwrap();
    let mut trainer = trainer.with_gates(gates).unwrap();
    let (reports, weights) = go(&mut trainer, 2);
    let options = EvaluateOptions {
        gates: Some(3),
        max_steps: 1_000,
        ..EvaluateOptions::default()
    };
    let graph = trainer.execution_graph().unwrap();
    let report = evaluate(trainer.policy(), &graph, &mut envs(4, 2), &options).unwrap();
    (reports, weights, report)
}

#[test]
fn it_is_the_same_to_the_bit() {
    for set in [
        &["policy.obs_norm='running'", "gate.execution='threshold'"][..],
        &["graph.estimator='straight-through'", "gate.closed='stale'"],
    ] {
        let set = [&["gate.mode='learned'", "env.agents=3"], set].concat();
        let config = config("predator-prey", &set);
        let alone = trained(&config, |policy| policy);
        let boxed = trained(&config, |policy| Box::new(policy) as Box<dyn Policy>);
        assert_eq!(alone, boxed, "{set:?}");
        let (reports, _, evaluated) = alone;
        assert!(evaluated.gated && reports.iter().all(|report| report.traffic.bytes() > 0.0));
    }
}
