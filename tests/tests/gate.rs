//! Receive gates in whole iterations of training, with the real policy, gate and environments.

mod common;

use commformer::compose;
use commformer::config::Config;
use commformer_train::{
    CheckpointStore, EvaluateOptions, EvaluationReport, MessageStats, Policy, Purpose, evaluate,
    seed_for,
};
use common::{Ear, config, train, weights};
use tch::Device;

/// Every kind of gate.
const KINDS: [&[&str]; 11] = [
    &["gate.mode='learned'"],
    &["gate.mode='learned'", "gate.per='edge'"],
    &["gate.mode='learned'", "gate.estimator='straight-through'"],
    &[
        "gate.mode='learned'",
        "gate.closed='stale'",
        "policy.blocks=2",
    ],
    &[
        "gate.mode='learned'",
        "gate.budget='cost'",
        "gate.cost=0.01",
    ],
    &["gate.mode='learned'", "policy.previous_action='always'"],
    &["gate.mode='learned'", "policy.recurrence='gru'"],
    &[
        "gate.mode='learned'",
        "policy.recurrence='gru'",
        "policy.decoder='parallel'",
        "gate.estimator='straight-through'",
    ],
    &["gate.mode='random'"],
    &["gate.mode='periodic'", "gate.closed='stale'"],
    &["gate.mode='uncertainty'"],
];

/// A small run in which the gates are in force from the first iteration on.
fn gated(preset: &str, set: &[&str]) -> Config {
    config(
        preset,
        &[&["gate.start=0.0", "gate.ramp=0.0"], set].concat(),
    )
}

#[test]
fn a_gated_run_is_a_function_of_its_config_and_seed() {
    for set in KINDS {
        let one = gated("predator-prey", set);
        let first = train(&one, 3);
        let mut other = one.clone();
        other.run.threads = 3;
        assert_eq!(first, train(&other, 3), "{set:?}: on three threads");
        other.run.seed += 1;
        assert_ne!(first, train(&other, 3), "{set:?}: another seed");
    }
}

/// The first epoch evaluates the very policy and the very gates that acted, whether those are in
/// force or not yet.
#[test]
fn the_first_epoch_has_ratios_of_one() {
    for set in KINDS {
        for start in ["gate.start=0.0", "gate.start=1.0"] {
            let set = [set, &[start, "ppo.minibatches=1"]].concat();
            let mut config = gated("predator-capture-prey", &set);
            config.ppo.epochs = 1;
            let (reports, _) = train(&config, 2);
            for report in reports {
                let losses = report.losses;
                assert!(losses.kl.abs() < 1e-6, "{set:?}: {}", losses.kl);
                assert_eq!(losses.clipped, 0.0, "{set:?}");
                let learned = set[0].contains("learned") && !set.concat().contains("straight");
                assert_eq!(losses.gate.is_some(), learned, "{set:?}");
                if let Some(gate) = losses.gate {
                    assert!(gate.kl.abs() < 1e-6, "{set:?}: {}", gate.kl);
                    assert_eq!(gate.clipped, 0.0, "{set:?}");
                }
            }
        }
    }
}

/// A gate that is always open is no gate, bit for bit.
#[test]
fn an_open_gate_trains_as_no_gate() {
    let heard = "policy.previous_action='heard'";
    let off = config("predator-prey", &[heard]);
    let open = gated("predator-prey", &[heard, "gate.mode='open'"]);
    assert_eq!(train(&off, 3).1, train(&open, 3).1);
}

#[test]
fn gates_are_open_and_cost_nothing_before_they_start() {
    let config = config(
        "signal",
        &["gate.mode='learned'", "gate.start=0.5", "run.steps=288"],
    );
    // Four iterations of 72 steps, the gates in force in the last two.
    let (reports, _) = train(&config, 4);
    let started: Vec<bool> = reports
        .iter()
        .map(|report| report.price.is_some())
        .collect();
    assert_eq!(started, [false, false, true, true]);
    let rates: Vec<f64> = reports
        .iter()
        .map(|report| report.traffic.open_rate())
        .collect();
    assert_eq!(rates[..2], [1.0, 1.0]);
    assert!(rates[2..].iter().all(|rate| *rate < 1.0), "{rates:?}");
}

/// Gates that no rollout has used yet stay open where the team is judged.
#[test]
fn untrained_gates_are_not_in_force_in_an_evaluation() {
    for (start, gated) in [("1.0", [false; 4]), ("0.6", [false, false, false, true])] {
        let start = format!("gate.start={start}");
        let set = [
            "gate.mode='learned'",
            "gate.ramp=0.0",
            &start,
            "run.steps=288",
        ];
        let mut trainer = compose::trainer(&config("signal", &set), Device::Cpu).unwrap();
        for (iteration, gated) in gated.into_iter().enumerate() {
            trainer.iterate().unwrap();
            let state = trainer.checkpoint().unwrap().state;
            assert_eq!(state.gated, gated, "{start}, iteration {iteration}");
        }
    }
}

/// Gates are the lower level's: its step changes them, the graph's step does not.
#[test]
fn gates_learn_in_the_lower_level() {
    for estimator in ["action", "straight-through"] {
        for (epochs, upper_every, moves) in [(2, 3, true), (1, 1, false)] {
            let estimator = format!("gate.estimator='{estimator}'");
            // Its upper steps take the place of lower ones.
            let through = "graph.estimator='straight-through'";
            let mut config = gated("signal", &["gate.mode='learned'", &estimator, through]);
            // The program refuses schedules in which one level never learns.
            (config.ppo.epochs, config.graph.schedule.upper_every) = (epochs, upper_every);
            let mut trainer = compose::trainer(&config, Device::Cpu).unwrap();
            let of_gate = |state: Vec<(String, Vec<f32>)>| -> Vec<_> {
                let decides = |name: &str| name == "gate.hidden.weight" || name == "gate.out.bias";
                state
                    .into_iter()
                    .filter(|(name, _)| decides(name))
                    .collect()
            };
            let before = of_gate(weights(trainer.policy().state()));
            trainer.iterate().unwrap();
            let after = of_gate(weights(trainer.policy().state()));
            assert_eq!(before.len(), 2);
            assert_eq!(before != after, moves, "{estimator}");
        }
    }
}

#[test]
fn the_budget_is_in_the_checkpoint() {
    let config = gated("signal", &["gate.mode='learned'", "gate.target_rate=0.1"]);
    let mut trainer = compose::trainer(&config, Device::Cpu).unwrap();
    trainer.iterate().unwrap();
    let state = trainer.checkpoint().unwrap().state;
    // The multiplier has moved by the step, 0.1, times the violation.
    assert!(state.gated);
    let [multiplier, violation] = state.budget[..] else {
        panic!("{:?}", state.budget)
    };
    assert!(violation > 0.5 && (multiplier - 0.1 * violation).abs() < 1e-12);
}

/// What agents take in is paid for once: out of the rewards, or in the loss.
#[test]
fn receiving_is_paid_for_in_one_place() {
    for (estimator, in_rewards) in [("action", true), ("straight-through", false)] {
        let [free, dear] = [0.0, 0.5].map(|cost| {
            let estimator = format!("gate.estimator='{estimator}'");
            let cost = format!("gate.cost={cost:?}");
            let set = [
                "gate.mode='learned'",
                "gate.budget='cost'",
                &estimator,
                &cost,
            ];
            let mut trainer = compose::trainer(&gated("signal", &set), Device::Cpu).unwrap();
            trainer.iterate().unwrap();
            let norm = trainer.checkpoint().unwrap().state.value_norm;
            (format!("{norm:?}"), weights(trainer.policy().state()))
        });
        // The normaliser has seen the returns: those without tolls are the same at every price.
        assert_eq!(free.0 != dear.0, in_rewards, "{estimator}: returns");
        assert_ne!(free.1, dear.1, "{estimator}: what is learned");
    }
}

/// Gates are calibrated in evaluations; those that rollouts draw by are not.
#[test]
fn evaluations_change_nothing_that_is_learned() {
    for set in KINDS {
        let [often, never] = [1, 1000].map(|every| {
            let mut config = gated("predator-prey", set);
            let per_iteration = (config.rollout.num_envs * config.rollout.steps) as u64;
            config.run.steps = 3 * per_iteration;
            (config.eval.every, config.run.save_every) =
                (every * per_iteration, 1000 * per_iteration);
            config.eval.episodes = 4;
            let mut environments = |purpose| {
                let seed = seed_for(config.run.seed, purpose);
                Ok(compose::evaluation(
                    &config,
                    config.eval.episodes,
                    seed,
                    purpose,
                )?)
            };
            let folder = tempfile::tempdir().unwrap();
            let store = CheckpointStore::create(folder.path(), 1).unwrap();
            let mut trainer = compose::trainer(&config, Device::Cpu).unwrap();
            (trainer.run(&mut environments, &store, &mut Ear::default())).unwrap();
            let mut weights = weights(trainer.policy().state());
            // It is of execution alone, but for gates that rollouts draw by.
            weights.retain(|(name, _)| name != "gate.threshold" || set[0].contains("uncertainty"));
            weights
        });
        assert_eq!(often, never, "{set:?}");
    }
}

/// Plays the episodes of an evaluation with the gates as in execution.
fn played(config: &Config, trainer: &compose::TeamTrainer, episodes: usize) -> EvaluationReport {
    let mut envs = compose::evaluation(config, episodes, 1, Purpose::FinalEvaluation).unwrap();
    let options = EvaluateOptions {
        gates: Some(1),
        max_steps: 100,
        ..EvaluateOptions::default()
    };
    let graph = trainer.execution_graph().unwrap();
    evaluate(trainer.policy(), &graph, &mut envs, &options).unwrap()
}

/// Chance and clock keep to their rate in rollouts and in execution.
#[test]
fn gates_that_do_not_learn_have_their_rate_by_design() {
    for mode in ["random", "periodic"] {
        for rate in [0.0, 0.1, 0.5, 1.0] {
            let mode = format!("gate.mode='{mode}'");
            let target = format!("gate.target_rate={rate:?}");
            let config = gated("signal", &[&mode, &target]);
            let mut trainer = compose::trainer(&config, Device::Cpu).unwrap();
            let mut all = MessageStats::default();
            for _ in 0..5 {
                all.add(&trainer.iterate().unwrap().traffic);
            }
            let report = played(&config, &trainer, 100);
            assert!(report.gated);
            // 5 x 72 x 8 and 100 x 10 x 8 decisions: three standard deviations of chance are 0.03.
            for found in [all.open_rate(), report.message_stats().open_rate()] {
                assert!((found - rate).abs() < 0.03, "{mode}: {found} of {rate}");
            }
        }
    }
}

/// Three agents that must receive in a quarter of the steps, and know when: they do exactly that.
#[test]
fn signal_is_listened_to_when_the_cue_says_so() {
    let set = [
        "env.agents=3",
        "env.cue_probability=0.25",
        "graph.sparsity=0.4",
        "run.threads=2",
        "run.steps=50000",
        "gate.mode='learned'",
    ];
    let config = common::resolve("signal", &set);
    let mut trainer = compose::trainer(&config, Device::Cpu).unwrap();
    while trainer.progress() < 1.0 {
        trainer.iterate().unwrap();
    }
    trainer.calibrate_by_rollout().unwrap();
    let report = played(&config, &trainer, 100);
    let accuracy = report.metric("accuracy").unwrap();
    let accuracy = report.mean(|episode| episode.metrics[accuracy]);
    let right = report.mean(|episode| episode.gates_right.unwrap());
    let rate = report.message_stats().open_rate();
    assert!(accuracy > 0.95 && right > 0.95, "{accuracy} {right}");
    assert!((rate - 0.25).abs() < 0.03, "{rate}");
}
