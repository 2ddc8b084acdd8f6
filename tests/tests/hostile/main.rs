//! Files from strangers: whatever they hold, reading them ends, without a panic, and takes no more
//! memory than their length allows.
//!
//! Each case is a seed, or a file of `fuzz/corpus/`, with a few mutations drawn from the case's number:
//! the same cases in every run. The fuzzers in `fuzz/` look further.

mod mutation;

use std::fs;
use std::panic::{catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use commformer_env::Rng;
use commformer_tests::hostile::{ANSWER, CHECKPOINT, CONFIG, RUN, SCENARIO, TASK, Target, WEIGHTS};
use mutation::mutate;

/// Mutated inputs for each target.
const CASES: u64 = 10_000;

/// What failed once.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let files = fs::read_dir(folder.join(target.name)).unwrap();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Gives an input to a target. Where it fails, the input is kept for the corpus.
fn check(target: &Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(|| target.check(input)) {
        let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{}", target.name));
        fs::write(&kept, input).unwrap();
        eprintln!(
            "the input that failed is {}; once it is mended, put that file into tests/fuzz/corpus/{}/",
            kept.display(),
            target.name
        );
        resume_unwind(panic);
    }
}

fn check_all(target: &Target, cases: u64) {
    let seeds = (target.seeds)();
    // What mutations are made from is understood, so that they are of something.
    for seed in seeds.iter().filter(|seed| !seed.is_empty()) {
        assert!(target.understands(seed), "{}", seed.escape_ascii());
    }
    let seeds = [seeds, corpus(target)].concat();
    for seed in &seeds {
        check(target, seed);
    }
    for case in 0..cases {
        let mut rng = Rng::new(5, case);
        check(target, &mutate(&seeds, target.words, &mut rng));
    }
}

#[test]
fn no_configuration_panics_or_takes_memory_by_the_numbers_in_it() {
    check_all(&CONFIG, CASES);
}

#[test]
fn no_file_of_weights_panics_or_takes_memory_by_the_lengths_it_claims() {
    check_all(&WEIGHTS, CASES);
}

#[test]
fn no_checkpoint_panics_or_takes_memory_by_the_lengths_it_claims() {
    check_all(&CHECKPOINT, CASES);
}

#[test]
fn no_task_panics_or_takes_memory_by_the_lengths_it_claims() {
    check_all(&TASK, CASES);
}

#[test]
fn no_scenario_panics_or_takes_memory_by_the_numbers_in_it() {
    // Each is played, too.
    check_all(&SCENARIO, CASES / 4);
}

#[test]
fn no_records_of_a_run_panic_or_take_memory_by_the_numbers_in_them() {
    // Each is drawn, too.
    check_all(&RUN, CASES / 10);
}

#[test]
fn no_answer_of_a_worker_panics_or_takes_memory_by_the_numbers_in_it() {
    check_all(&ANSWER, CASES);
}
