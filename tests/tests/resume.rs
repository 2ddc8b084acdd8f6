//! A trainer goes on from a checkpoint as if it had never stopped.

mod common;

use commformer::compose::{self, TeamTrainer};
use commformer::config::{Config, EnvConfig};
use commformer_env::{Environment, VecEnv};
use commformer_train::{CheckpointStore, Outcome, Purpose, TrainError, Which, seed_for};
use common::{Ear, Trapped, config, go, weights};
use tch::Device;

fn trainer(config: &Config) -> TeamTrainer {
    compose::trainer(config, Device::Cpu).unwrap()
}

/// A run of four iterations whose curriculum begins after the first.
const RISING: [&str; 3] = [
    "run.steps=288",
    "env.curriculum_start=0.2",
    "env.curriculum_end=0.9",
];

#[test]
fn every_kind_of_run_goes_on_to_the_bit() {
    let gates = ["gate.mode='learned'", "gate.start=0.0", "gate.ramp=0.5"];
    let kinds = [
        ("predator-prey", &[][..]),
        (
            "predator-capture-prey",
            &["rollout.shard=3", "env.episode_limit=5"],
        ),
        (
            "signal",
            &[
                "graph.upper_data='held-out'",
                "graph.held_out=0.5",
                "graph.groups=3",
            ],
        ),
        ("released", &["rollout.num_envs=5"]),
        ("predator-prey", &["policy.obs_norm='running'"]),
        (
            "predator-prey",
            &["graph.mode='random'", "ppo.lr_decay=false"],
        ),
        ("predator-prey", &gates),
        (
            "predator-prey",
            &[&gates[..], &["gate.closed='stale'"]].concat(),
        ),
        (
            "signal",
            &[
                &gates[..],
                &["gate.per='edge'", "gate.execution='threshold'"],
            ]
            .concat(),
        ),
        (
            "signal",
            &[&gates[..], &["gate.estimator='straight-through'"]].concat(),
        ),
        ("signal", &["gate.mode='uncertainty'", "gate.start=0.0"]),
        // Traffic rises from iteration to iteration, and agents come and go.
        ("traffic-junction-easy", &RISING),
        (
            "traffic-junction-easy",
            &[&gates[..], &RISING, &["gate.closed='stale'"]].concat(),
        ),
        ("signal", &["gate.mode='periodic'", "gate.start=0.0"]),
        (
            "traffic-junction-easy",
            &[
                &gates[..],
                &[
                    "policy.recurrence='gru'",
                    "policy.decoder='parallel'",
                    "gate.execution='error-diffusion'",
                ],
            ]
            .concat(),
        ),
        // What agents saw before the checkpoint they are shown after it.
        ("traffic-junction-easy", &["env.stack=3"]),
        (
            "signal",
            &["policy.dropout=0.1", "run.precision='bfloat16'"],
        ),
    ];
    for (at, (preset, set)) in kinds.into_iter().enumerate() {
        let config = config(preset, set);
        let folder = tempfile::tempdir().unwrap();
        let store = CheckpointStore::create(folder.path(), 1).unwrap();
        let mut first = trainer(&config);
        let mut reports = go(&mut first, 2).0;
        store.save(&first.checkpoint().unwrap()).unwrap();
        let (after, weights) = go(&mut first, 2);
        // On another number of threads, for it makes no difference.
        let mut other = config.clone();
        other.run.threads = 2;
        let mut second = trainer(&other);
        let found = store.load(Which::Latest).unwrap();
        second.restore(found.checkpoint).unwrap();
        assert_eq!(second.iterations(), 2);
        assert_eq!(
            go(&mut second, 2),
            (after.clone(), weights.clone()),
            "{preset} with {set:?}"
        );
        let state = first.checkpoint().unwrap().state;
        assert_eq!(second.checkpoint().unwrap().state, state);
        // Nor was anything changed by saving: some of each kind are enough.
        if at % 6 == 0 {
            reports.extend(after);
            let mut whole = trainer(&config);
            assert_eq!(go(&mut whole, 4), (reports, weights));
            assert_eq!(whole.checkpoint().unwrap().state, state);
        }
    }
}

#[test]
fn a_checkpoint_of_other_settings_is_refused() {
    let refused = |of: &Config, by: &Config| {
        let checkpoint = trainer(of).checkpoint().unwrap();
        trainer(by).restore(checkpoint).unwrap_err().to_string()
    };
    let own = config("predator-prey", &[]);
    let other = |set: &str| config("predator-prey", &[set]);
    for (set, part) in [
        ("rollout.num_envs=7", "environments, not 7"),
        ("env.episode_limit=9", "other settings"),
        ("env.stack=2", "of the task's observations"),
        ("policy.embed_dim=8", "shape"),
        ("gate.mode='learned'", "gate"),
    ] {
        let said = refused(&own, &other(set));
        assert!(said.contains(part), "{set}: {said}");
        assert!(!refused(&other(set), &own).is_empty());
    }
    let mut checkpoint = trainer(&own).checkpoint().unwrap();
    checkpoint.state.obs_version += 1;
    let error = trainer(&own).restore(checkpoint).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("version 2 of the task's observations"),
        "{error}"
    );
}

#[test]
fn a_run_that_begins_with_the_weights_of_another_has_them_and_no_more() {
    let config = config("predator-prey", &[]);
    let mut first = trainer(&config);
    go(&mut first, 2);
    let mut checkpoint = first.checkpoint().unwrap();
    let mut second = trainer(&config);
    assert_ne!(second.checkpoint().unwrap().weights, checkpoint.weights);
    second.begin_with(&checkpoint).unwrap();
    let begun = second.checkpoint().unwrap();
    assert_eq!(begun.weights, checkpoint.weights);
    assert_eq!(begun.state.value_norm, checkpoint.state.value_norm);
    assert_eq!((begun.state.iteration, begun.state.steps), (0, 0));
    checkpoint.state.obs_version += 1;
    let error = second.begin_with(&checkpoint).unwrap_err().to_string();
    assert!(error.contains("of the task's observations"), "{error}");
}

/// Runs from what the store holds, in an environment whose environment 3 panics after so many steps.
fn run(
    config: &Config,
    store: &CheckpointStore,
    steps: Option<u32>,
    ear: &mut Ear,
) -> Result<Outcome, TrainError> {
    let build = |task: &EnvConfig, mut steps: Option<u32>| -> Box<dyn Environment> {
        let task = task.build().unwrap();
        let after_step = move |_: &mut [f32]| {
            if let Some(steps) = &mut steps {
                *steps = steps.checked_sub(1).expect("stepped on a mine");
            }
        };
        Box::new(Trapped { task, after_step })
    };
    let envs = (0..config.rollout.num_envs)
        .map(|env| build(&config.env, steps.filter(|_| env == 3)))
        .collect();
    let seed = |purpose| seed_for(config.run.seed, purpose);
    let envs = VecEnv::new(envs, seed(Purpose::Environments)).unwrap();
    let mut trainer = compose::trainer_in(config, Device::Cpu, envs).unwrap();
    if !store.is_empty().unwrap() {
        let found = store.load(Which::Latest).unwrap();
        trainer.restore(found.checkpoint).unwrap();
    }
    let mut environments = |purpose| {
        let envs = (0..config.eval.episodes).map(|_| build(&config.env, None));
        Ok(VecEnv::new(envs.collect(), seed(purpose))?)
    };
    trainer.run(&mut environments, store, ear)
}

#[test]
fn a_panic_ends_the_run_with_its_message_and_a_checkpoint() {
    for threads in [1, 2] {
        let mut config = config("predator-prey", &["rollout.shard=2", "eval.episodes=3"]);
        let per_iteration = (config.rollout.num_envs * config.rollout.steps) as u64;
        config.run.steps = 6 * per_iteration;
        (config.eval.every, config.run.save_every) = (2 * per_iteration, 100 * per_iteration);
        config.run.threads = threads;
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [whole, broken] = folders
            .each_ref()
            .map(|folder| CheckpointStore::create(folder.path(), 2).unwrap());
        run(&config, &whole, None, &mut Ear::default()).unwrap();

        // In the middle of the fourth iteration, after the evaluation and checkpoint of the second.
        let steps = 3 * config.rollout.steps as u32 + 2;
        let mut ear = Ear::default();
        let error = run(&config, &broken, Some(steps), &mut ear).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("panicked: stepped on a mine"), "{said}");
        assert_eq!(ear.iterations, [1, 2, 3]);
        let saved = broken.load(Which::Latest).unwrap().checkpoint;
        assert_eq!(saved.state.iteration, 3);
        // It is the state between two iterations: the run goes on as if nothing had happened.
        let mut ear = Ear::default();
        assert_eq!(
            run(&config, &broken, None, &mut ear).unwrap(),
            Outcome::Finished
        );
        assert_eq!(ear.iterations, [4, 5, 6]);
        for which in [Which::Latest, Which::Best] {
            let [a, b] = [&whole, &broken].map(|store| store.load(which).unwrap().checkpoint);
            assert_eq!(a.state, b.state);
            assert_eq!(weights(a.weights), weights(b.weights));
        }
    }
}

#[test]
fn a_run_that_is_to_stop_is_saved_first() {
    // Rollouts draw by a threshold that the one before has set.
    let gates = [
        "gate.mode='uncertainty'",
        "gate.start=0.0",
        "gate.ramp=1.0",
        "gate.target_rate=0.25",
    ];
    for set in [&[][..], &gates] {
        let mut config = config("signal", &[&["eval.episodes=2"], set].concat());
        let per_iteration = (config.rollout.num_envs * config.rollout.steps) as u64;
        config.run.steps = 4 * per_iteration;
        (config.eval.every, config.run.save_every) = (100 * per_iteration, 100 * per_iteration);
        let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [store, whole] =
            (folders.each_ref()).map(|folder| CheckpointStore::create(folder.path(), 1).unwrap());
        for (stop_after, iterations, outcome) in [
            // Even if it was to stop from the beginning.
            (Some(0), &[1][..], Outcome::Stopped),
            (Some(2), &[2, 3], Outcome::Stopped),
            (Some(1), &[4], Outcome::Finished),
            (None, &[], Outcome::Finished),
        ] {
            let mut ear = Ear {
                stop_after,
                ..Ear::default()
            };
            assert_eq!(run(&config, &store, None, &mut ear).unwrap(), outcome);
            assert_eq!(ear.iterations, iterations);
        }
        run(&config, &whole, None, &mut Ear::default()).unwrap();
        let [found, expected] =
            [store, whole].map(|store| store.load(Which::Best).unwrap().checkpoint);
        assert_eq!(found.state.iteration, 4);
        assert_eq!(found.state, expected.state);
        assert_eq!(weights(found.weights), weights(expected.weights));
    }
}
