//! Several processes train one team: the same bytes for every number of them, and nobody waits for one that is lost. Every
//! test starts this program again, once for each process.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../src/ports.rs"]
mod ports;
mod processes;
mod tasks;

use commformer::compose::TeamTrainer;
use commformer::config::Config;
use commformer_env::VecEnv;
use commformer_train::{
    CheckpointStore, GradientExchange, IterationReport, Which, encode_state, seed_for,
};
use common::{Ear, config};
use processes::{FOLDER, PART, PATIENCE, THREADS, lines, play, refused, together, variable};
use std::env;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::time::Instant;
use tasks::{configs, trainer};

/// Of all that a trainer knows, and of what it reported.
fn digest(trainer: &TeamTrainer, reports: &[IterationReport]) -> u64 {
    let checkpoint = trainer.checkpoint().unwrap();
    let mut hasher = DefaultHasher::new();
    for (name, numbers) in common::weights(checkpoint.weights) {
        let bits: Vec<u32> = numbers.iter().map(|number| number.to_bits()).collect();
        (name, bits).hash(&mut hasher);
    }
    encode_state(&checkpoint.state).unwrap().hash(&mut hasher);
    format!("{reports:?}").hash(&mut hasher);
    hasher.finish()
}

/// Runs from what the folder holds, and prints how it ended.
fn run(config: &Config, trap: Option<(u32, bool)>, stop_after: Option<usize>) {
    let store = CheckpointStore::create(Path::new(&variable(FOLDER)), 2).unwrap();
    let mut trainer = trainer(config, trap);
    if !store.is_empty().unwrap() {
        let found = store.load(Which::Latest).unwrap();
        trainer.restore(found.checkpoint).unwrap();
    }
    let mut trainer = together(trainer, 0).unwrap();
    let mut environments = |purpose| {
        let envs = (0..3).map(|_| config.env.build().unwrap());
        let seed = seed_for(config.run.seed, purpose);
        Ok(VecEnv::new(envs.collect(), seed)?)
    };
    let mut ear = Ear {
        stop_after,
        ..Ear::default()
    };
    match trainer.run(&mut environments, &store, &mut ear) {
        Ok(outcome) => println!(
            "\nended: {outcome:?} after {}",
            ear.iterations.last().unwrap()
        ),
        Err(error) => println!("\nended: {error}"),
    }
}

/// A run of five iterations that is evaluated after every second one.
fn of_five() -> Config {
    let mut config = configs().remove(0);
    config.run.threads = 1;
    let per_iteration = (config.rollout.num_envs * config.rollout.steps) as u64;
    config.run.steps = 5 * per_iteration;
    (config.eval.every, config.run.save_every) = (2 * per_iteration, 100 * per_iteration);
    config
}

#[test]
fn one_of_them() {
    let Ok(part) = env::var(PART) else {
        return;
    };
    let rank: usize = variable("RANK").parse().unwrap();
    let of_one = |trap: (u32, bool)| (rank == 1).then_some(trap);
    match part.as_str() {
        "iterate" | "iterate by sums" | "iterate in 8 bits" => {
            for (at, mut config) in configs().into_iter().enumerate() {
                config.ppo.gradients = match part.as_str() {
                    "iterate" => GradientExchange::Exact,
                    "iterate by sums" => GradientExchange::Sum,
                    _ => GradientExchange::EightBit,
                };
                config.run.threads = variable(THREADS).parse().unwrap();
                let mut trainer = together(trainer(&config, None), at).unwrap();
                if let Some(note) = trainer.note() {
                    println!("\nnote: {note}");
                }
                let reports: Vec<_> = (0..2)
                    .map(|_| IterationReport {
                        phases: Default::default(),
                        ..trainer.iterate().unwrap()
                    })
                    .collect();
                println!("\ndigest: {:x}", digest(&trainer, &reports));
            }
        }
        "run" => run(&of_five(), None, None),
        // One is told to stop, and not the first.
        "stop" => run(&of_five(), None, (rank == 1).then_some(3)),
        // In the second iteration.
        "abort" => run(&of_five(), of_one((15, true)), None),
        "fault" => run(&of_five(), of_one((15, false)), None),
        "few" => {
            let few = config("signal", &["rollout.shard=6"]);
            println!("\nended: {}", refused(trainer(&few, None), 0));
        }
        "unlike" => {
            for at in [0, 1] {
                let mut unlike = config("signal", &["rollout.shard=1"]);
                match at {
                    0 => unlike.run.seed += rank as u64,
                    _ => unlike.eval.episodes += rank,
                }
                println!("\nended: {}", refused(trainer(&unlike, None), at));
            }
        }
        other => panic!("no part {other}"),
    }
}

/// Weights, optimisers, environments, reports: everything.
#[test]
fn every_number_of_processes_and_threads_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected: Option<Vec<String>> = None;
    for (size, threads) in [(1, 1), (1, 2), (2, 1), (3, 2), (4, 1)] {
        for (ended_well, said) in play("iterate", size, threads, folder.path()) {
            assert!(ended_well, "{said}");
            let found: Vec<_> = lines(&said, "digest: ")
                .into_iter()
                .map(ToOwned::to_owned)
                .collect();
            assert_eq!(found.len(), configs().len());
            let notes = lines(&said, "note: ").concat();
            assert_eq!(
                notes.contains("3 parts, so 1 of 4 processes wait"),
                size == 4
            );
            let expected = expected.get_or_insert_with(|| found.clone());
            assert_eq!(
                found, *expected,
                "{size} processes with {threads} threads each"
            );
        }
    }
}

/// Bits then differ from those of one process, but not between processes, one of which has no part of a minibatch here.
#[test]
fn sums_of_gradients_leave_all_processes_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let digests = |part: &str, size: usize| -> Vec<Vec<String>> {
        let of_each = play(part, size, 1, folder.path()).into_iter();
        let found = of_each.map(|(ended_well, said)| {
            assert!(ended_well, "{said}");
            let found = lines(&said, "digest: ").into_iter();
            found.map(ToOwned::to_owned).collect()
        });
        found.collect()
    };
    let exact = digests("iterate", 1).remove(0);
    for part in ["iterate by sums", "iterate in 8 bits"] {
        assert_eq!(digests(part, 1), std::slice::from_ref(&exact));
        let found = digests(part, 4);
        for other in &found {
            assert_eq!((other, other.len()), (&found[0], exact.len()));
        }
        assert_ne!(found[0], exact, "{part}");
    }
}

/// The bytes of a folder's last checkpoint, and of its best one.
fn kept(folder: &Path) -> Vec<(u64, Vec<u8>)> {
    let store = CheckpointStore::create(folder, 2).unwrap();
    [Which::Latest, Which::Best]
        .map(|which| {
            let checkpoint = store.load(which).unwrap().checkpoint;
            let weights: Vec<_> = common::weights(checkpoint.weights);
            let mut hasher = DefaultHasher::new();
            for (name, numbers) in weights {
                let bits: Vec<u32> = numbers.iter().map(|number| number.to_bits()).collect();
                (name, bits).hash(&mut hasher);
            }
            (hasher.finish(), encode_state(&checkpoint.state).unwrap())
        })
        .to_vec()
}

#[test]
fn a_run_stops_for_all_and_goes_on_with_another_number_of_processes() {
    let [whole, stopped] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    for (part, size, folder, expected) in [
        ("run", 1, &whole, "Finished after 5"),
        ("stop", 2, &stopped, "Stopped after 3"),
        ("run", 3, &stopped, "Finished after 5"),
    ] {
        for (ended_well, said) in play(part, size, 1, folder.path()) {
            assert!(ended_well, "{said}");
            assert_eq!(lines(&said, "ended: "), [expected], "{said}");
        }
    }
    assert!(kept(whole.path()) == kept(stopped.path()));
}

/// What the others say names the one that is lost, and the run goes on from the iteration before.
#[test]
fn nobody_waits_for_a_process_that_ends() {
    let whole = tempfile::tempdir().unwrap();
    play("run", 1, 1, whole.path());
    for (part, size, words) in [
        ("abort", 2, "process 0 of 2 lost the others"),
        ("abort", 3, "process 0 of 3 lost the others"),
        (
            "fault",
            3,
            "process 1 ended: environment 2, step 5 of its episode: the reward of agent 0 is NaN",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let begun = Instant::now();
        let ended = play(part, size, 1, folder.path());
        assert!(begun.elapsed() < PATIENCE, "{ended:?}");
        assert_eq!(ended[1].0, part == "fault", "{ended:?}");
        let said = lines(&ended[0].1, "ended: ").concat();
        assert!(said.contains(words), "{said}");
        let store = CheckpointStore::create(folder.path(), 2).unwrap();
        let saved = store.load(Which::Latest).unwrap().checkpoint;
        assert_eq!(saved.state.iteration, 1);
        let ended = play("run", 1, 1, folder.path());
        assert_eq!(lines(&ended[0].1, "ended: "), ["Finished after 5"]);
        assert!(kept(whole.path()) == kept(folder.path()));
    }
}

#[test]
fn what_cannot_be_shared_out_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (part, words) in [
        (
            "few",
            "rollout.shard is 6, which makes 1 shard of 6 environments, expected a number such as 3",
        ),
        ("unlike", "has another configuration or other weights"),
    ] {
        for (ended_well, said) in play(part, 2, 1, folder.path()) {
            let ends = lines(&said, "ended: ");
            let refused = ends.iter().all(|end| end.contains(words)) && !ends.is_empty();
            assert!(ended_well && refused, "{said}");
        }
    }
}
