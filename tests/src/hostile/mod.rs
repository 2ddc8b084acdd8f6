//! What reads files from strangers, to be given any bytes. A [`Target`] fails, by a panic, where the
//! program would: where reading panics, takes more memory than its bound, or what was read is not
//! what was written.
//!
//! The tests in `tests/hostile/` give each target mutations of its seeds and of the files in
//! `fuzz/corpus/`; the fuzzers in `fuzz/` give it whatever reaches new code.
//!
//! The bounds are for memory that Rust code allocates. libtorch's is not counted: it holds the
//! tensors of a file of weights, which are made of bytes that are there, and no larger.

mod seeds;

use std::fs;
use std::path::Path;
use std::str;

use commformer::config::{Config, Overrides, Source};
use commformer_env::smac::Scenario;
use commformer_torch::weights::{decode, encode};
use commformer_train::{Manifest, decode_state, encode_state};
use commformer_view::record::Outcome;
use commformer_view::{Report, RunLog};
use tch::Tensor;
use tempfile::TempDir;

use crate::memory;

/// Something that reads.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its fuzzer, and of its folder in `fuzz/corpus/`.
    pub name: &'static str,
    /// Valid inputs, to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Pieces of input that mean something to it.
    pub words: &'static [&'static [u8]],
    /// Whether it understood what it was given.
    read: fn(&[u8]) -> bool,
    /// The most bytes that it may allocate for any input.
    base: usize,
    /// How many more for each byte of the input.
    factor: usize,
}

/// All of them.
pub const TARGETS: [Target; 7] = [CONFIG, WEIGHTS, CHECKPOINT, TASK, SCENARIO, ANSWER, RUN];

/// A configuration file, and the same lines as arguments of `--set`.
pub const CONFIG: Target = Target {
    name: "config",
    seeds: seeds::configs,
    words: seeds::CONFIG_WORDS,
    read: config,
    // Every key there is, and a preset, take 50 KiB. The two bytes of an entry of `graph.edges` become
    // tokens, values and copies of those: 240 bytes, and up to twice that where a list has just grown.
    base: 128 << 10,
    factor: 300,
};

/// A file of named tensors.
pub const WEIGHTS: Target = Target {
    name: "weights",
    seeds: seeds::weights,
    words: seeds::WEIGHT_WORDS,
    read: weights,
    // The header is held as parts of JSON, 32 bytes for a number of two, and 96 while a list of them
    // grows. Data is held once for each of three files here: the one read, and the two compared.
    base: 16 << 10,
    factor: 100,
};

/// The trainer's state, and a checkpoint's manifest.
pub const CHECKPOINT: Target = Target {
    name: "checkpoint",
    seeds: seeds::checkpoints,
    words: seeds::CHECKPOINT_WORDS,
    read: checkpoint,
    // serde makes room for 1 MiB of a list before it has seen an element, and there are lists in lists.
    // Moments without a name or an element have 4 bytes in a file, 96 in memory, and 288 while their
    // list grows.
    base: 3 << 20,
    factor: 150,
};

/// A task in the middle of an episode, which a checkpoint holds for every environment.
pub const TASK: Target = Target {
    name: "task",
    seeds: seeds::tasks,
    words: seeds::LENGTHS,
    read: task,
    // Settings may ask for 10,000 agents, each with a place and a symbol, before they are compared with
    // the task's own; and serde makes room for 1 MiB of a list, of which a state has three.
    base: 4 << 20,
    factor: 100,
};

/// A scenario of battles.
pub const SCENARIO: Target = Target {
    name: "scenario",
    seeds: seeds::scenarios,
    words: seeds::SCENARIO_WORDS,
    read: scenario,
    // The table of units takes 200 KiB, 512 units and the map 100; TOML's parts as in a configuration.
    base: 1 << 20,
    factor: 300,
};

/// What a run has written of itself: its metrics, and its last evaluation.
pub const RUN: Target = Target {
    name: "run",
    seeds: seeds::runs,
    words: seeds::RUN_WORDS,
    read: run,
    // A metric of eight bytes is a name, a number and its place in a map.
    base: 1 << 20,
    factor: 300,
};

/// What a Python worker answers.
pub const ANSWER: Target = Target {
    name: "answer",
    seeds: seeds::answers,
    words: seeds::ANSWER_WORDS,
    read: answer,
    // A number of two bytes in a picture is held as a part of JSON, 32 bytes, and 96 while a list of them grows.
    base: 16 << 10,
    factor: 100,
};

impl Target {
    /// Reads `input`.
    ///
    /// # Panics
    ///
    /// Where the program must not: see the module.
    pub fn check(&self, input: &[u8]) {
        let taken = memory::peak(|| {
            self.understands(input);
        });
        let bound = self.base + self.factor * input.len();
        assert!(
            taken <= bound,
            "{} bytes of input made it allocate {taken}, more than {bound}",
            input.len()
        );
    }

    /// Reads `input`; whether it is of the kind that is read.
    pub fn understands(&self, input: &[u8]) -> bool {
        (self.read)(input)
    }
}

fn config(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else {
        return false;
    };
    let parsed = Config::parse(text, Source::Default);
    let is_file = parsed.is_ok();
    match parsed {
        Ok(found) => {
            let written = found.to_toml().expect("a checked configuration");
            let read = Config::parse(&written, Source::Default).expect("what was written");
            assert_eq!(read, found);
        }
        Err(error) => drop(error.to_string()),
    }
    let overrides = Overrides {
        set: text.lines().map(str::to_owned).collect(),
        ..Overrides::default()
    };
    let resolved = Config::resolve(Some("signal"), &overrides);
    is_file || understood(resolved)
}

/// Whether it was read; if not, the error is told.
fn understood<T>(read: Result<T, impl ToString>) -> bool {
    read.map_err(|error| error.to_string()).is_ok()
}

fn weights(bytes: &[u8]) -> bool {
    match decode(bytes) {
        Ok(found) => {
            let written = encode(&found.tensors, &found.metadata).expect("what was read");
            let read = decode(&written).expect("what was written");
            assert_eq!(contents(&read.tensors), contents(&found.tensors));
            assert_eq!(read.metadata, found.metadata);
            true
        }
        error => understood(error),
    }
}

/// Names, shapes and bits.
fn contents(tensors: &[(String, Tensor)]) -> Vec<(&str, Vec<i64>, Vec<u8>)> {
    let bits = |tensor: &Tensor| {
        let mut bits = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
        tensor.copy_data_u8(&mut bits, tensor.numel());
        bits
    };
    tensors
        .iter()
        .map(|(name, tensor)| (name.as_str(), tensor.size(), bits(tensor)))
        .collect()
}

fn checkpoint(bytes: &[u8]) -> bool {
    let path = Path::new("state.bin");
    let is_state = match decode_state(bytes, path) {
        Ok(found) => {
            // As bytes, for a number may be none.
            let written = encode_state(&found).expect("what was read");
            let read = decode_state(&written, path).expect("what was written");
            assert_eq!(encode_state(&read).expect("what was read"), written);
            true
        }
        error => understood(error),
    };
    match Manifest::decode(bytes, Path::new("manifest.json")) {
        Ok(found) => {
            assert_eq!(found.encode().expect("what was read"), bytes);
            true
        }
        error => understood(error) || is_state,
    }
}

fn task(bytes: &[u8]) -> bool {
    let mut is_task = false;
    for mut task in seeds::fresh_tasks() {
        let before = task.save();
        match seeds::observed(&mut *task, |task, out| task.restore(bytes, out)) {
            Ok(()) => {
                let written = task.save().expect("a task that can be saved");
                let read = seeds::observed(&mut *task, |task, out| task.restore(&written, out));
                assert_eq!((read, task.save()), (Ok(()), Some(written)));
                is_task = true;
            }
            Err(error) => {
                drop(error.to_string());
                assert_eq!(task.save(), before);
            }
        }
    }
    is_task
}

thread_local! {
    /// A folder for the runs that a thread reads.
    static FOLDER: TempDir = tempfile::tempdir().expect("a folder");
}

fn run(bytes: &[u8]) -> bool {
    FOLDER.with(|folder| {
        let folder = folder.path();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).expect("room");
        write("config.toml", b"[run]\nseed = 3\nsteps = 6400\n");
        write("metrics.jsonl", bytes);
        write("final.json", bytes);
        let log = RunLog::read(folder).expect("a configuration is there");
        let is_outcome = understood(Outcome::read(folder));
        understood(Report::of(&[folder.to_owned()], |_| Default::default()));
        is_outcome || log.unreadable.is_empty()
    })
}

fn scenario(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_ok_and(|text| understood(Scenario::parse(text)))
}

fn answer(bytes: &[u8]) -> bool {
    let lines = bytes.split(|byte| *byte == b'\n');
    // Every line is read, whatever those before it were.
    let strange = lines.filter(|line| !commformer_bridge::read_answer(line));
    strange.count() == 0
}
