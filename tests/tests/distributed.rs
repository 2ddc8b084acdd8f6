//! Several processes train one team: the same bytes for every number of them, and nobody waits for one that is lost. Every
//! test starts this program again, once for each process.

mod common;

use commformer::compose::{self, TeamTrainer};
use commformer::config::Config;
use commformer_env::{Actions, Environment, Observation, Rng, Spec, StateError, Status, VecEnv};
use commformer_torch::group::{Group, Rendezvous, Waits};
use commformer_train::{
    CheckpointStore, EvaluationReport, GradientExchange, IterationReport, Listener, Purpose,
    TrainError, Which, encode_state, seed_for,
};
use common::{config, resolve};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::TcpListener;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, io, iter};
use tch::Device;

const PATIENCE: Duration = Duration::from_secs(60);
const WAITS: Waits = Waits {
    meeting: PATIENCE,
    answer: PATIENCE,
};

/// Which part this process plays, if it was started by a test, on how many threads, in which folder, and at which ports
/// the processes meet.
const PART: &str = "COMMFORMER_TEST_PART";
const THREADS: &str = "COMMFORMER_TEST_THREADS";
const FOLDER: &str = "COMMFORMER_TEST_FOLDER";
const PORTS: &str = "COMMFORMER_TEST_PORTS";

/// Seven environments in four shards, and fewer parts of a minibatch than processes at times.
const SHARED: [&str; 4] = [
    "rollout.num_envs=7",
    "rollout.steps=12",
    "rollout.shard=2",
    "ppo.chunk=7",
];

/// Learned graphs of both estimators with gates of several kinds, and a recurrent team that sees the global state.
fn configs() -> Vec<Config> {
    let gates = ["gate.mode='learned'", "gate.start=0.0", "gate.ramp=0.5"];
    let set = |own: &[&'static str]| [&SHARED[..], &gates, own].concat();
    vec![
        config(
            "predator-prey",
            &set(&[
                "gate.closed='stale'",
                "env.episode_limit=5",
                "policy.obs_norm='running'",
            ]),
        ),
        config(
            "signal",
            &set(&[
                "gate.per='edge'",
                "gate.execution='threshold'",
                "graph.estimator='straight-through'",
                "policy.dropout=0.1",
            ]),
        ),
        config("traffic-junction-easy", &[&SHARED, &RISING[..]].concat()),
        resolve(
            "smac-3m",
            &[
                &SHARED[..],
                &[
                    "method.kind='mappo'",
                    "method.recurrence='gru'",
                    "method.hidden=16",
                    "env.episode_limit=9",
                ],
            ]
            .concat(),
        ),
    ]
}

/// A run of four iterations whose curriculum begins after the first.
const RISING: [&str; 3] = [
    "run.steps=336",
    "env.curriculum_start=0.2",
    "env.curriculum_end=0.9",
];

/// Free ports that no two tests share. They are below those that a system hands out by itself, so that no other
/// connection takes one before the processes meet.
fn ports(count: usize) -> String {
    const RANGE: Range<u16> = 10_000..30_000;
    static TRIED: AtomicU32 = AtomicU32::new(0);
    let next = || {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        RANGE.start + (std::process::id().wrapping_add(tried) % RANGE.len() as u32) as u16
    };
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let free = iter::repeat_with(next).filter(is_free).take(count);
    let ports: Vec<_> = free.map(|port| port.to_string()).collect();
    ports.join(",")
}

/// The processes of a run, each with what it printed and whether it ended well.
fn play(part: &str, size: usize, threads: usize, folder: &Path) -> Vec<(bool, String)> {
    let ports = ports(configs().len());
    let start = |rank: usize| -> Child {
        Command::new(env::current_exe().unwrap())
            .args(["--exact", "one_of_them", "--nocapture", "--test-threads=1"])
            .env(PART, part)
            .env(THREADS, threads.to_string())
            .env(FOLDER, folder)
            .env(PORTS, &ports)
            .env("MASTER_ADDR", "127.0.0.1")
            .env("MASTER_PORT", ports.split(',').next().unwrap())
            .env("RANK", rank.to_string())
            .env("WORLD_SIZE", size.to_string())
            .env("COMMFORMER_INTERFACE", "127.0.0.1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let all: Vec<Child> = (0..size).map(start).collect();
    let ended = all.into_iter().map(|child| {
        let output = child.wait_with_output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.success(), text.concat())
    });
    ended.collect()
}

/// The lines that begin so.
fn lines<'a>(said: &'a str, begin: &str) -> Vec<&'a str> {
    said.lines()
        .filter_map(|line| line.strip_prefix(begin))
        .collect()
}

fn variable(name: &str) -> String {
    env::var(name).unwrap()
}

/// A task in which something happens to one process: it aborts, or writes what nobody can learn from.
struct Mine {
    task: Box<dyn Environment>,
    /// After how many steps, and whether it aborts.
    trap: (u32, bool),
}

impl Environment for Mine {
    fn spec(&self) -> &Spec {
        self.task.spec()
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        self.task.reset(rng, out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let status = self.task.step(actions, rng, out, rewards);
        let (steps, aborts) = &mut self.trap;
        *steps = steps.saturating_sub(1);
        match (*steps, *aborts) {
            (0, true) => std::process::abort(),
            (0, false) => rewards[0] = f32::NAN,
            _ => {}
        }
        status
    }

    fn metrics(&self, out: &mut [f32]) {
        self.task.metrics(out);
    }

    fn save(&self) -> Option<Vec<u8>> {
        self.task.save()
    }

    fn restore(&mut self, state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
        self.task.restore(state, out)
    }
}

/// Wants the run to stop after some iterations.
#[derive(Default)]
struct Ear {
    iterations: u64,
    stop_after: Option<u64>,
}

impl Listener for Ear {
    fn iteration(&mut self, report: &IterationReport) -> io::Result<()> {
        self.iterations = report.iteration;
        Ok(())
    }

    fn evaluated(&mut self, _: &EvaluationReport) -> io::Result<()> {
        Ok(())
    }

    fn stop(&self) -> bool {
        (self.stop_after).is_some_and(|iterations| self.iterations >= iterations)
    }
}

fn trainer(config: &Config, trap: Option<(u32, bool)>) -> TeamTrainer {
    let envs = (0..config.rollout.num_envs).map(|env| -> Box<dyn Environment> {
        let task = config.env.build().unwrap();
        match trap {
            // The first environment of rank 1's first shard.
            Some(trap) if env == 2 => Box::new(Mine { task, trap }),
            _ => task,
        }
    });
    let seed = seed_for(config.run.seed, Purpose::Environments);
    let envs = VecEnv::new(envs.collect(), seed).unwrap();
    compose::trainer_in(config, Device::Cpu, envs).unwrap()
}

/// The trainer among the others, if there are any, who meet at port number `at`.
fn together(trainer: TeamTrainer, at: usize) -> Result<TeamTrainer, TrainError> {
    let Some(mut meeting) = Rendezvous::from_env().unwrap() else {
        return Ok(trainer);
    };
    let ports = variable(PORTS);
    meeting.port = ports.split(',').nth(at).unwrap().parse().unwrap();
    trainer.with_group(Group::meet(&meeting, WAITS, &mut || None).unwrap())
}

/// Why the trainer cannot be among the others.
fn refused(trainer: TeamTrainer) -> TrainError {
    let found = together(trainer, 0).map(drop);
    found.unwrap_err()
}

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
fn run(config: &Config, trap: Option<(u32, bool)>, stop_after: Option<u64>) {
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
        Ok(outcome) => println!("\nended: {outcome:?} after {}", ear.iterations),
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
            println!("\nended: {}", refused(trainer(&few, None)));
        }
        "unlike" => {
            let mut unlike = config("signal", &["rollout.shard=1"]);
            unlike.run.seed += rank as u64;
            println!("\nended: {}", refused(trainer(&unlike, None)));
        }
        other => panic!("no part {other}"),
    }
}

/// Weights, optimisers, environments, reports: everything.
#[test]
fn every_number_of_processes_and_threads_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected: Option<Vec<String>> = None;
    for threads in [1, 2] {
        for size in 1..=4 {
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
            "rollout.shard is 6, which makes 1 shards of 6 environments, expected at most 3",
        ),
        ("unlike", "has another configuration or other weights"),
    ] {
        for (ended_well, said) in play(part, 2, 1, folder.path()) {
            assert!(ended_well && said.contains(words), "{said}");
        }
    }
}
