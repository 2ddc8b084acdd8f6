//! Several processes that train one team.

use crate::cli::warn;
use crate::compose::{Envs, TeamTrainer};
use crate::config::{Config, Source};
use crate::interrupt::Interrupt;
use crate::process;
use anyhow::{Context, bail, ensure};
use commformer_torch::group::{Group, Rendezvous, Waits};
use commformer_torch::weights;
use commformer_train::{
    Checkpoint, EvaluationReport, IterationReport, Listener, Purpose, decode_state, encode_state,
    workers,
};
use std::env;
use std::error::Error;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdin, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// How long a process that has lost the others may take to say so.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The option of `train` by which a process stops when its input ends.
const WHILE_INPUT: &str = "--while-input";

/// Processes that this one has started, by their ranks from 1 on.
#[derive(Debug, Default)]
pub(super) struct Started {
    children: Vec<Child>,
    /// Nothing is written there: they end with this process.
    inputs: Vec<ChildStdin>,
}

/// The number of this process among those of its machine, as the environment says.
pub(super) fn on_this_machine() -> anyhow::Result<usize> {
    Ok(Rendezvous::from_env()?.map_or(0, |told| told.local_rank))
}

/// Where this process meets others, if there are any: as the environment says, or here, with `ranks` processes of which the
/// others are started now. Not before the trainer has work for all of them.
pub(super) fn meeting(
    ranks: Option<usize>,
    trainer: &TeamTrainer,
) -> anyhow::Result<(Option<Rendezvous>, Started)> {
    let told = Rendezvous::from_env()?;
    if let (Some(told), Some(ranks)) = (&told, ranks) {
        ensure!(
            told.size == ranks,
            "--ranks is {ranks}, but WORLD_SIZE in the environment {}: leave one of them out",
            told.size
        );
    }
    let size = ranks.unwrap_or(1);
    ensure!(size > 0, "--ranks is 0, but must be at least 1");
    trainer.check_ranks(told.as_ref().map_or(size, |told| told.size))?;
    if told.is_some() || size == 1 {
        return Ok((told, Started::default()));
    }
    let host = Ipv4Addr::LOCALHOST.to_string();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|free| free.local_addr())
        .context("no free port for the processes to meet at")?
        .port();
    let mut started = Started::default();
    for rank in 1..size {
        let mut child = process::again()?;
        child.args(env::args_os().skip(1));
        // It stops when this process is gone, however that ends.
        if !env::args_os().any(|option| option == WHILE_INPUT) {
            child.arg(WHILE_INPUT);
        }
        let child = child
            .env("MASTER_ADDR", &host)
            .env("MASTER_PORT", port.to_string())
            .env("WORLD_SIZE", size.to_string())
            .env("RANK", rank.to_string())
            .env("LOCAL_RANK", rank.to_string())
            .env("COMMFORMER_INTERFACE", &host)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn();
        let mut child = child.with_context(|| format!("cannot start rank {rank}"))?;
        // Apart, since to wait for a child closes its input.
        started.inputs.extend(child.stdin.take());
        started.children.push(child);
    }
    let meeting = Rendezvous {
        host: host.clone(),
        port,
        rank: 0,
        size,
        local_rank: 0,
        store_is_there: false,
        prefix: "commformer/attempt_0".into(),
        interface: Some(host),
    };
    Ok((Some(meeting), started))
}

impl Started {
    /// Which of them has ended already, and how.
    fn ended(&mut self) -> Option<String> {
        let mut ended = (self.children.iter_mut().zip(1..)).filter_map(|(child, rank)| {
            let status = child.try_wait().ok()??;
            Some(format!("rank {rank} ended with {status}"))
        });
        ended.next()
    }

    /// Tells of those that were killed: they have not said so themselves.
    pub fn tell_killed(&mut self) {
        for (child, rank) in self.children.iter_mut().zip(1..) {
            if let Ok(Some(status)) = child.try_wait()
                && status.code().is_none()
            {
                warn(&format!("rank {rank} ended with {status}"));
            }
        }
    }

    /// Waits for their end.
    ///
    /// # Errors
    ///
    /// If one of them failed.
    pub fn wait(mut self) -> anyhow::Result<()> {
        for (child, rank) in std::mem::take(&mut self.children).iter_mut().zip(1..) {
            let status = child
                .wait()
                .with_context(|| format!("cannot wait for rank {rank}"))?;
            ensure!(status.success(), "rank {rank} ended with {status}");
        }
        Ok(())
    }
}

/// This process fails: the others notice, and have a moment to say so.
impl Drop for Started {
    fn drop(&mut self) {
        let begun = Instant::now();
        for child in &mut self.children {
            while matches!(child.try_wait(), Ok(None)) && begun.elapsed() < LAST_WORDS {
                std::thread::sleep(Duration::from_millis(20));
            }
            // One that has ended already is no error.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Threads of each process, where the configuration leaves it to the program and they share one machine.
pub(super) fn threads(configured: usize, ranks: Option<usize>) -> usize {
    match (configured, ranks) {
        (0, Some(ranks)) if ranks > 1 => (workers(0) / ranks).max(1),
        _ => configured,
    }
}

/// Meets the others. One that was started here and has ended is waited for no longer, nor is anybody once this process is
/// told to stop.
pub(super) fn meet(
    at: &Rendezvous,
    started: &mut Started,
    interrupt: &Interrupt,
) -> anyhow::Result<Group> {
    Ok(Group::meet(at, Waits::from_env()?, &mut || {
        let told = interrupt.exit_code();
        started
            .ended()
            .or_else(|| told.map(|_| "it was told to stop".to_owned()))
    })?)
}

/// Refuses processes that were started with other settings, or are another version of the program: they would train together,
/// each for a task or by rules of its own.
pub(super) fn agree(group: &mut Group, config: &Config) -> anyhow::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let mine = format!("{version}\n{}", config.settings_of_ranks()?);
    let all = group.gather_bytes(mine.as_bytes(), &mut 0)?;
    let text = |rank: usize| String::from_utf8_lossy(all.get(rank).map_or(&[][..], Vec::as_slice));
    let Some(rank) = (0..all.len()).find(|rank| text(*rank) != text(0)) else {
        return Ok(());
    };
    let [first, other] = [text(0), text(rank)];
    let part = |text: &str| {
        let (version, settings) = text.split_once('\n').unwrap_or_default();
        (version.to_owned(), Config::parse(settings, Source::Default))
    };
    let why = match (part(&first), part(&other)) {
        ((of, _), (own, _)) if of != own => format!("commformer {own}, and rank 0 is {of}"),
        ((_, Ok(of)), (_, Ok(own))) => {
            let differences = of.differences(&own)?;
            let told = differences.iter().map(|difference| {
                let [of, own] = difference.shown();
                format!("{} = {own}, and rank 0 has {of}", difference.path)
            });
            told.collect::<Vec<_>>().join("; ")
        }
        _ => "other settings than rank 0".to_owned(),
    };
    bail!(
        "rank {rank} was started with another configuration: it has {why}. Start all ranks with the same program, files and options"
    )
}

/// The number of this process if it follows another, which speaks for the run.
pub(in crate::cli) fn follower() -> Option<usize> {
    let at = Rendezvous::from_env().ok()??;
    Some(at.rank).filter(|rank| *rank > 0)
}

/// Says whose error it is: several processes share a terminal, and rank 0 speaks for the run.
pub(super) fn named<T>(found: anyhow::Result<T>) -> anyhow::Result<T> {
    match follower() {
        Some(rank) => found.with_context(|| format!("rank {rank}")),
        None => found,
    }
}

/// What came of something while the others wait; they are told if it failed.
pub(super) fn or_leave<T>(
    found: anyhow::Result<T>,
    group: Option<&mut Group>,
) -> anyhow::Result<T> {
    if let (Err(error), Some(group)) = (&found, group) {
        group.leave(&format!("{error:#}"));
    }
    found
}

/// Lets all of them go on from what the first process has: no other reads the run's folder.
pub(super) fn share(mut trainer: TeamTrainer, mut group: Group) -> anyhow::Result<TeamTrainer> {
    let handed_over = hand_over(&mut trainer, &mut group);
    or_leave(handed_over, Some(&mut group))?;
    Ok(trainer.with_group(group)?)
}

fn hand_over(trainer: &mut TeamTrainer, group: &mut Group) -> anyhow::Result<()> {
    let first = group.rank() == 0;
    let (mut weights, mut state) = (Vec::new(), Vec::new());
    if first {
        let checkpoint = trainer.checkpoint()?;
        weights = weights::encode(&checkpoint.weights, &[])?;
        state = encode_state(&checkpoint.state)?;
    }
    let mut of_first = |mine: &[u8]| -> anyhow::Result<Vec<u8>> {
        Ok(group.gather_bytes(mine, &mut 0)?.swap_remove(0))
    };
    let (weights, state) = (of_first(&weights)?, of_first(&state)?);
    if !first {
        trainer.restore(Checkpoint {
            weights: weights::decode(&weights)?.tensors,
            state: decode_state(&state, Path::new("what rank 0 sent"))?,
        })?;
    }
    Ok(())
}

/// Trains with the first process, which alone keeps and tells anything.
pub(super) fn follow(
    trainer: TeamTrainer,
    group: Group,
    environments: &mut dyn FnMut(Purpose) -> Result<Envs, Box<dyn Error + Send + Sync>>,
    interrupt: Interrupt,
) -> anyhow::Result<ExitCode> {
    let mut trainer = share(trainer, group)?;
    trainer.follow(environments, &mut Follower(interrupt))?;
    Ok(ExitCode::SUCCESS)
}

/// Tells nobody anything.
struct Follower(Interrupt);

impl Listener for Follower {
    fn iteration(&mut self, _: &IterationReport) -> io::Result<()> {
        Ok(())
    }

    fn evaluated(&mut self, _: &EvaluationReport) -> io::Result<()> {
        Ok(())
    }

    fn stop(&self) -> bool {
        self.0.exit_code().is_some()
    }
}
