//! `commformer train`.

mod end;
mod origin;
mod ranks;

pub(super) use ranks::follower;

use super::options::{ConfigOptions, whole};
use super::trust::{self, Trust};
use super::warn;
use super::{agents, misfit};
use crate::compose::{self, TeamTrainer};
use crate::config::{Config, MethodConfig, Overrides};
use crate::interrupt::{Interrupt, TERMINATED};
use crate::record::Recorder;
use crate::run_dir::RunDir;
use anyhow::Context;
use clap::Args;
use commformer_train::{
    CheckpointError, CheckpointStore, Found, Outcome, TrainError, Which, write_beside,
};
use commformer_view::numbers::{clock, grouped};
use origin::Origin;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Train {
    #[command(flatten)]
    pub(super) config: ConfigOptions,
    /// Environment steps, over all environments (run.steps)
    #[arg(long, value_parser = whole::<u64>, allow_negative_numbers = true)]
    steps: Option<u64>,
    /// Begin with the weights of another run's best checkpoint. With policy.shared_head they serve a team of another
    /// size, too (run.weights)
    #[arg(long, value_name = "DIR")]
    weights: Option<PathBuf>,
    /// The run's folder; a run that is there goes on from its newest checkpoint. By default a new one, runs/NAME-SEED, or
    /// runs/NAME-METHOD-SEED for another method than CommFormer, with a number if that is there
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    /// Train in so many processes on this machine, which share the work. Torchrun, Slurm and Kubernetes start them
    /// themselves, also on several machines
    #[arg(long, value_name = "N")]
    ranks: Option<usize>,
    /// Stop as by SIGTERM when the standard input ends: whoever started this process has
    #[arg(long, hide = true)]
    while_input: bool,
}

impl Train {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        ranks::named(self.train(out))
    }

    fn train(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let speaks = ranks::follower().is_none();
        let interrupt = Interrupt::watch(speaks).context("cannot watch for Ctrl-C")?;
        if self.while_input {
            let watched = interrupt.watch_end_of(std::io::stdin());
            watched.context("cannot watch the standard input")?;
        }
        let origin = self.origin()?;
        let config = &origin.config;
        // Everything that can be refused is, before a folder is made.
        let device = compose::device_of_rank(config, ranks::on_this_machine()?)?;
        compose::memory::check(config, device)?;
        let mut of_process = config.clone();
        of_process.run.threads = ranks::threads(config.run.threads, self.ranks);
        let mut trainer = compose::trainer(&of_process, device)?;
        let (meeting, mut started) = ranks::meeting(self.ranks, &trainer)?;
        // The same episodes each time, so that evaluations differ by the policy alone.
        let mut environments = |purpose| {
            let (episodes, seed) = (config.eval.episodes, config.run.seed);
            Ok(compose::evaluation(config, episodes, seed, purpose)?)
        };
        let group = (meeting.as_ref()).map(|at| ranks::meet(at, &mut started, &interrupt));
        let mut group = match (group.transpose(), interrupt.exit_code()) {
            // Nobody waits, and nothing has begun.
            (Err(_) | Ok(None), Some(code)) => return Ok(ExitCode::from(code)),
            (group, _) => group?,
        };
        if let Some(group) = &mut group {
            ranks::agree(group, config)?;
        }
        if let Some(group) = group.take_if(|group| group.rank() > 0) {
            return ranks::follow(trainer, group, &mut environments, interrupt);
        }
        let begun = self.begin(&origin, &mut trainer);
        let (folder, store) = ranks::or_leave(begun, group.as_mut())?;
        if let Some(group) = group {
            trainer = ranks::share(trainer, group)?;
        }
        let steps = [trainer.steps(), planned(config, trainer.steps())];
        describe(out, config, device, &folder, steps)?;

        if let Some(note) = trainer.note() {
            writeln!(out, "Note: {note}")?;
        }

        let mut recorder = Recorder::open(&folder, steps, config.run.seed, interrupt.clone())
            .with_context(|| format!("cannot write to {}", folder.path().display()))?;
        let (iterations, told) = (trainer.iterations(), recorder.iterations());
        if iterations != told {
            warn(&format!(
                "{} tells of {told} of the {iterations} iterations that were made",
                folder.metrics().display()
            ));
        }
        let outcome = trainer.run(&mut environments, &store, &mut recorder);
        let (past, mut events) = recorder.finish();
        let steps = trainer.steps();
        drop(trainer);
        let outcome = outcome.map_err(|error| {
            started.tell_killed();
            end::failed(
                error,
                &folder,
                steps,
                &mut events,
                self.while_input,
                self.ranks,
            )
        })?;
        let evaluated = started.wait().and_then(|()| match outcome {
            Outcome::Stopped => Ok(None),
            // All is saved, and who goes on evaluates.
            Outcome::Finished if interrupt.exit_code().is_some() => Ok(None),
            Outcome::Finished => match end::evaluate(config, device, &folder, &store, &interrupt) {
                Err(_) if interrupt.exit_code().is_some() => Ok(None),
                evaluated => evaluated.map(Some),
            },
        });
        let evaluated = evaluated.map_err(|error| {
            end::unfinished(
                error,
                &folder,
                steps,
                &mut events,
                self.while_input,
                self.ranks,
            )
        })?;
        let Some(evaluated) = evaluated else {
            end::stopped(out, &folder, steps, self.ranks)?;
            // Another process of the run was told to.
            return Ok(ExitCode::from(interrupt.exit_code().unwrap_or(TERMINATED)));
        };
        end::keep(&evaluated, config, &folder, &mut events, steps)?;

        let (steps, time) = (grouped(steps), clock(past.elapsed));
        writeln!(out, "\nTrained {steps} steps in {time}.")?;
        end::profile(out, &past)?;
        end::warn_of_move(out, past.furthest)?;
        end::conclude(out, config, &folder, &evaluated)?;
        Ok(ExitCode::SUCCESS)
    }

    /// The run's folder and its checkpoints, from the newest of which the trainer goes on.
    fn begin(
        &self,
        origin: &Origin,
        trainer: &mut TeamTrainer,
    ) -> anyhow::Result<(RunDir, CheckpointStore)> {
        let config = &origin.config;
        // What cannot be read is told when the run goes on.
        let begun = |run: &PathBuf| {
            CheckpointStore::open(run).is_ok_and(|store| !matches!(store.is_empty(), Ok(true)))
        };
        let weights =
            (config.run.weights.as_deref()).filter(|_| !origin.run.as_ref().is_some_and(begun));
        if let Some(from) = weights {
            begin_with(trainer, from, config)?;
        }
        let folder = self.folder(origin)?;
        let store = CheckpointStore::create(folder.path(), config.run.keep)?;
        ensure_can_begin(&folder, &store)?;
        if weights.is_some() {
            // From here on the run needs no other one.
            store.save(&trainer.checkpoint()?)?;
        }
        go_on(trainer, &store)?;
        // Should it end there again, it says so again.
        let failure = folder.failure();
        match std::fs::remove_file(&failure) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                warn(&format!("cannot remove {}: {error}", failure.display()));
            }
            _ => {}
        }
        Ok((folder, store))
    }

    /// The folder of the run, as one that can go on.
    fn folder(&self, origin: &Origin) -> anyhow::Result<RunDir> {
        let folder = match &origin.run {
            Some(path) => RunDir::resume(path)?,
            None => {
                let folder = self.new_folder(&origin.config)?;
                // A folder with a configuration is a run that can go on, and nobody is asked about one that began here.
                trust::began(folder.path(), &origin.config);
                write_beside(&folder.config(), self.header(&origin.config)?.as_bytes())?;
                folder
            }
        };
        if folder.lock().is_some_and(|lock| !lock.holds) {
            warn(&format!(
                "the file system of {} knows no locks: nothing keeps a second process from training there",
                folder.path().display()
            ));
        }
        Ok(folder)
    }

    fn new_folder(&self, config: &Config) -> anyhow::Result<RunDir> {
        Ok(match &self.run {
            Some(path) => RunDir::create(path)?,
            None => {
                let mut name = self.config.name_of(config);
                // Runs of other methods than the program's own lie beside its own.
                if config.method.kind() != MethodConfig::default().kind() {
                    name = format!("{name}-{}", config.method.kind());
                }
                let name = format!("{name}-{}", config.run.seed);
                RunDir::create_named(Path::new("runs"), &name)?
            }
        })
    }

    fn header(&self, config: &Config) -> anyhow::Result<String> {
        let name = self.config.name();
        // Of a file whose name has a line break, the rest would be settings.
        let name = name.escape_debug();
        let toml = config.to_toml()?;
        Ok(format!(
            "# Everything that made this run, from `{name}`. `commformer train --config` repeats it.\n\n{toml}"
        ))
    }
}

/// Steps that a run has behind it when it ends, given those that are done: an iteration is made whole.
fn planned(config: &Config, done: u64) -> u64 {
    let each = (config.rollout.num_envs as u64).saturating_mul(config.rollout.steps as u64);
    let left = config.run.steps.saturating_sub(done);
    let iterations = left.div_ceil(each.max(1));
    done.saturating_add(iterations.saturating_mul(each))
}

/// What is trained, by what, for how long and where.
fn describe(
    out: &mut dyn Write,
    config: &Config,
    device: tch::Device,
    folder: &RunDir,
    [done, planned]: [u64; 2],
) -> std::io::Result<()> {
    let device = match device {
        tch::Device::Cuda(number) => format!("cuda:{number}"),
        other => format!("{other:?}").to_lowercase(),
    };
    let begun = match done {
        0 => String::new(),
        done => format!(" from step {} on,", grouped(done)),
    };
    let rounded = match config.run.steps {
        steps if steps < planned && done < planned => {
            format!(" ({} are not a whole number of iterations)", grouped(steps))
        }
        _ => String::new(),
    };
    if done >= planned {
        return writeln!(
            out,
            "The run in {} has taken its {} steps; its last evaluation is made again",
            folder.path().display(),
            grouped(done)
        );
    }
    writeln!(
        out,
        "Training {} by {} on {} for {} steps{rounded}{begun} on {device}, seed {}, in {}",
        agents(config.env.agents()),
        config.method.kind(),
        config.env.title(),
        grouped(planned),
        config.run.seed,
        folder.path().display()
    )?;
    for note in config.env.notes() {
        writeln!(out, "Note: {note}")?;
    }
    Ok(())
}

/// Takes the weights of another run: its best ones, or its latest where none is the best yet.
fn begin_with(trainer: &mut TeamTrainer, from: &Path, config: &Config) -> anyhow::Result<()> {
    let named = || format!("`run.weights` is {}", from.display());
    let folder = RunDir::open(from).with_context(named)?;
    let store = CheckpointStore::open(folder.path()).with_context(named)?;
    let found = match store.load(Which::Best) {
        Err(CheckpointError::NotEvaluated(_)) => store.load(Which::Latest),
        found => found,
    }?;
    for damage in &found.damaged {
        warn(&format!("{damage}; the checkpoint before it is taken"));
    }
    trainer.begin_with(&found.checkpoint).map_err(|error| {
        let why = match &error {
            // A configuration that cannot be read is not what is wrong here.
            TrainError::Policy(_) | TrainError::Mismatch(_) => {
                folder.settings(Overrides::default()).ok()
            }
            _ => None,
        };
        let why = why.and_then(|there| misfit::why(&there, config));
        let why = why.map_or(String::new(), |why| format!(" ({why})"));
        let from = from.display();
        anyhow::Error::new(error).context(format!("the weights of {from} do not fit this run{why}"))
    })
}

/// Refuses a run that has come to its end and whose checkpoints were removed: to train it anew would take its results away.
fn ensure_can_begin(folder: &RunDir, store: &CheckpointStore) -> anyhow::Result<()> {
    let path = folder.path().display();
    anyhow::ensure!(
        !(folder.final_evaluation().exists() && store.is_empty()?),
        "{path} has the results of a run, and no checkpoint of it any more; name another folder with --run, or move {path} away \
         to train it anew"
    );
    Ok(())
}

/// Takes up the newest whole checkpoint; a run that was stopped before its first begins anew.
fn go_on(trainer: &mut TeamTrainer, store: &CheckpointStore) -> anyhow::Result<()> {
    if store.is_empty()? {
        return Ok(());
    }
    let Found {
        mut checkpoint,
        damaged,
    } = store.load(Which::Latest)?;
    for damage in damaged {
        warn(&format!("{damage}; the checkpoint before it is taken"));
    }
    if let (Some(_), Err(damage)) = (checkpoint.state.best, store.load(Which::Best)) {
        // What cannot be read just now is not to be removed as one that no longer counts.
        anyhow::ensure!(damage.is_damage(), damage);
        warn(&format!(
            "{damage}; the best of the coming evaluations takes its place"
        ));
        checkpoint.state.best = None;
    }
    if checkpoint.state.envs.is_none() {
        warn(
            "the task cannot be saved: new episodes begin, and this run will not repeat another's",
        );
    }
    Ok(trainer.restore(checkpoint)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Source;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        train: Train,
    }

    #[test]
    fn the_name_of_a_file_is_no_setting() {
        let Line { train } = Line::parse_from(["x", "--config", "a\n[run]\nseed = 2 #.toml"]);
        let config = Config::default();
        let written = train.header(&config).unwrap();
        assert!(written.contains("from `a\\n[run]"), "{written}");
        assert_eq!(Config::parse(&written, Source::Default).unwrap(), config);
    }
}
