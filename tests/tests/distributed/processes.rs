//! The processes of a run: each is this program, with a part to play.

use super::ports::port;
use super::tasks::configs;
use commformer::compose::TeamTrainer;
use commformer_torch::group::{Group, Rendezvous, Waits};
use commformer_train::TrainError;
use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_secs(60);
pub const WAITS: Waits = Waits {
    meeting: PATIENCE,
    answer: PATIENCE,
};

/// Which part this process plays, if it was started by a test, on how many threads, in which folder, and at which ports
/// the processes meet.
pub const PART: &str = "COMMFORMER_TEST_PART";
pub const THREADS: &str = "COMMFORMER_TEST_THREADS";
pub const FOLDER: &str = "COMMFORMER_TEST_FOLDER";
pub const PORTS: &str = "COMMFORMER_TEST_PORTS";

/// The processes of a run, each with what it printed and whether it ended well.
pub fn play(part: &str, size: usize, threads: usize, folder: &Path) -> Vec<(bool, String)> {
    let ports: Vec<_> = configs().iter().map(|_| port().to_string()).collect();
    let ports = ports.join(",");
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
pub fn lines<'a>(said: &'a str, begin: &str) -> Vec<&'a str> {
    said.lines()
        .filter_map(|line| line.strip_prefix(begin))
        .collect()
}

pub fn variable(name: &str) -> String {
    env::var(name).unwrap()
}

/// The trainer among the others, if there are any, who meet at port number `at`.
pub fn together(trainer: TeamTrainer, at: usize) -> Result<TeamTrainer, TrainError> {
    let Some(mut meeting) = Rendezvous::from_env().unwrap() else {
        return Ok(trainer);
    };
    let ports = variable(PORTS);
    meeting.port = ports.split(',').nth(at).unwrap().parse().unwrap();
    trainer.with_group(Group::meet(&meeting, WAITS, &mut || None).unwrap())
}

/// Why the trainer cannot be among the others, who meet at port number `at`.
pub fn refused(trainer: TeamTrainer, at: usize) -> TrainError {
    let found = together(trainer, at).map(drop);
    found.unwrap_err()
}
