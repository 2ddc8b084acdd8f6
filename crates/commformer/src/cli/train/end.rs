//! What a run says at its end.

use crate::cli::warn;
use crate::config::{Config, GateMode, GraphMode};
use crate::evaluation::{self, Evaluated, EvaluationError, Request};
use crate::interrupt::Interrupt;
use crate::lock::Lock;
use crate::record;
use crate::record::past::{Move, Past};
use crate::record::tensorboard::{Ending, EventWriter};
use crate::run_dir::RunDir;
use anyhow::Context;
use commformer_train::{CheckpointError, CheckpointStore, Found, TrainError, Which, write_beside};
use commformer_view::chart::circle;
use commformer_view::numbers::grouped;
use commformer_view::text::shell_word;
use std::io::Write;
use std::path::Path;

/// Divergence of an iteration, in nats, at which teams were seen to lose what they had learned; those that kept it had
/// at most 0.16 (docs/src/results.md, "One sample that overturns a team").
const TOO_FAR: f64 = 0.25;

/// What to say of a run that failed after so many steps, and what to do, which of a run that is started `by_program` that
/// program says. Numbers that were not finite are written down, and TensorBoard is told.
pub(super) fn failed(
    error: TrainError,
    folder: &RunDir,
    steps: u64,
    events: &mut EventWriter,
    by_program: bool,
    ranks: Option<usize>,
) -> anyhow::Error {
    let (path, again) = (folder.path().display(), training_in(folder, ranks));
    let told = match &error {
        TrainError::NotFinite(found) => Some(serde_json::to_vec_pretty(found)),
        TrainError::Diverged(found) => Some(serde_json::to_vec_pretty(found)),
        _ => None,
    };
    let advice = match told {
        Some(told) => {
            let told = told.map_err(anyhow::Error::from);
            let written = told.and_then(|told| Ok(write_beside(&folder.failure(), &told)?));
            if let Err(error) = written {
                warn(&format!("failure.json was not written: {error:#}"));
            }
            let held =
                format!("{path} holds the last good weights, and failure.json says what was found");
            let anew = format!("begin anew with `{} --set ...`", training_like(folder));
            let found = newest(folder.path());
            // Environments that cannot be saved begin other episodes.
            let repeats = found.is_ok_and(|found| found.checkpoint.state.envs.is_some());
            match (by_program, repeats) {
                (true, _) => held,
                (false, true) => format!("{held}; the same settings would end here again: {anew}"),
                (false, false) => {
                    format!("{held}: `{again}` goes on with other episodes, or {anew}")
                }
            }
        }
        None => kept(folder, by_program, ranks),
    };
    tell_events(folder, steps, events);
    let steps = grouped(steps);
    anyhow::Error::new(error).context(format!("the run stopped after {steps} steps; {advice}"))
}

/// What to say of a run that an error kept from its end after its last step.
pub(super) fn unfinished(
    error: anyhow::Error,
    folder: &RunDir,
    steps: u64,
    events: &mut EventWriter,
    by_program: bool,
    ranks: Option<usize>,
) -> anyhow::Error {
    tell_events(folder, steps, events);
    let (steps, advice) = (grouped(steps), kept(folder, by_program, ranks));
    error.context(format!(
        "the run did not come to its end after {steps} steps; {advice}"
    ))
}

/// Tells TensorBoard that the run failed.
fn tell_events(folder: &RunDir, steps: u64, events: &mut EventWriter) {
    // Where the lock is lost, the events are another process's.
    if folder.lock().is_none_or(|lock| lock.check().is_ok())
        && let Err(error) = events.end(steps, Ending::Failure, &[])
    {
        warn(&format!(
            "TensorBoard's events do not say that the run failed: {error}"
        ));
    }
}

/// The command by which a run goes on, with as many processes as this one has started.
fn training_in(folder: &RunDir, ranks: Option<usize>) -> String {
    let program = crate::cli::program();
    let ranks = ranks.map_or(String::new(), |ranks| format!(" --ranks {ranks}"));
    format!("{program} train --run {}{ranks}", shell_word(folder.path()))
}

/// The command by which another run begins with the settings of this one.
fn training_like(folder: &RunDir) -> String {
    let program = crate::cli::program();
    format!("{program} train --config {}", shell_word(&folder.config()))
}

fn newest(run: &Path) -> Result<Found, CheckpointError> {
    CheckpointStore::open(run).and_then(|store| store.load(Which::Latest))
}

/// What a run that failed has saved, and what training in its folder does next, unless the program that started it says so.
fn kept(folder: &RunDir, by_program: bool, ranks: Option<usize>) -> String {
    let shown = folder.path().display();
    if !RunDir::holds_run(folder.path()) {
        return format!(
            "{shown} is not there any more; if it was moved, name its new place with --run, and it goes on"
        );
    }
    let (holds, next) = match newest(folder.path()) {
        Ok(found) => {
            let steps = grouped(found.checkpoint.state.steps);
            (
                format!("what {shown} holds is safe, its newest checkpoint that of step {steps}"),
                "goes on from there",
            )
        }
        Err(CheckpointError::Missing(_)) => {
            ("no checkpoint was written yet".to_owned(), "begins it anew")
        }
        Err(error) => (
            format!("no checkpoint in {shown} can be read now ({error})"),
            "goes on once one can",
        ),
    };
    match by_program {
        true => holds,
        false => format!("{holds}: `{}` {next}", training_in(folder, ranks)),
    }
}

/// Says how a run that was stopped goes on.
pub(super) fn stopped(
    out: &mut dyn Write,
    folder: &RunDir,
    steps: u64,
    ranks: Option<usize>,
) -> std::io::Result<()> {
    let steps = grouped(steps);
    writeln!(
        out,
        "\nStopped after {steps} steps; everything is saved. To go on:"
    )?;
    writeln!(out, "  {}", training_in(folder, ranks))
}

/// Evaluates the best checkpoint of a run that has ended; fails once it is asked to stop.
pub(super) fn evaluate(
    config: &Config,
    device: tch::Device,
    folder: &RunDir,
    store: &CheckpointStore,
    interrupt: &Interrupt,
) -> anyhow::Result<Evaluated> {
    let evaluate = |which| {
        let request = Request {
            which,
            episodes: config.eval.final_episodes,
            seed: config.run.seed,
            sampled: false,
            target_rate: None,
        };
        evaluation::run_until(config, store, &request, device, interrupt)
    };
    let evaluated = match evaluate(Which::Best) {
        // The best one was damaged, and no evaluation has come since.
        Err(EvaluationError::Checkpoint(damage)) if damage.is_damage() => {
            warn(&format!("{damage}; the latest is evaluated in its place"));
            evaluate(Which::Latest)?
        }
        evaluated => evaluated?,
    };
    folder.lock().map_or(Ok(()), Lock::check)?;
    if !evaluated.report.graph.is_empty() {
        let title = format!("{}: who hears whom", config.env.kind());
        let picture = circle(&evaluated.report.graph, &config.env.labels(), &title);
        write_beside(&folder.graph(), picture.as_bytes())?;
    }
    Ok(evaluated)
}

/// Writes down how it does: the run has come to its end.
pub(super) fn keep(
    evaluated: &Evaluated,
    config: &Config,
    folder: &RunDir,
    events: &mut EventWriter,
    steps: u64,
) -> anyhow::Result<()> {
    let last = record::means("final", &evaluated.metrics);
    (events.end(steps, Ending::Success, &last))
        .and_then(|()| events.sync())
        .with_context(|| format!("cannot write to {}", folder.path().display()))?;
    // Last of all: a comparison never comes back to a run that has it.
    let told = evaluated.to_json(config)?;
    Ok(write_beside(&folder.final_evaluation(), told.as_bytes())?)
}

/// How the best checkpoint does, where everything lies, and what to try next.
pub(super) fn conclude(
    out: &mut dyn Write,
    config: &Config,
    folder: &RunDir,
    evaluated: &Evaluated,
) -> anyhow::Result<()> {
    let path = folder.path().display();
    writeln!(
        out,
        "\nThe best checkpoint, of step {}, over {} episodes it was not chosen by:\n{}",
        grouped(evaluated.trained_steps),
        evaluated.request.episodes,
        evaluated.metrics
    )?;
    writeln!(out, "In {path}:")?;
    let files = [
        ("config.toml", "everything that made this run"),
        ("metrics.jsonl", "every iteration and evaluation"),
        ("tensorboard/", "the same for TensorBoard"),
        ("checkpoints/", "weights, the best and the latest"),
        (
            "final.json",
            "the best checkpoint's metrics, each episode's, and the settings",
        ),
        ("graph.svg", "who hears whom"),
    ];
    let has_graph = !evaluated.report.graph.is_empty();
    for (name, what) in files
        .into_iter()
        .filter(|(name, _)| has_graph || *name != "graph.svg")
    {
        writeln!(out, "  {name:14} {what}")?;
    }
    let (program, path) = (crate::cli::program(), shell_word(folder.path()));
    let like = training_like(folder);
    writeln!(out, "\nTry next:")?;
    writeln!(out, "  {program} replay --run {path}")?;
    writeln!(out, "  {program} report --run {path}")?;
    // Whom it hears is learned; the next question is when, and then what each agent needs.
    match (config.method.reads("gate"), config.gate.mode) {
        (true, GateMode::Off) => writeln!(out, "  {like} --set gate.mode=learned")?,
        _ => writeln!(out, "  {program} eval --run {path} --decentralised")?,
    }
    // The same run with one difference.
    if config.method.reads("graph") {
        let change = match config.graph.mode {
            GraphMode::Learned => "graph.mode=none",
            GraphMode::Given => "graph.mode=learned --set graph.edges=[]",
            GraphMode::Full | GraphMode::None | GraphMode::Random => "graph.mode=learned",
        };
        writeln!(out, "  {like} --set {change}")?;
    }
    let events = shell_word(&folder.tensorboard());
    writeln!(out, "  tensorboard --logdir {events}")?;
    Ok(())
}

/// Where the time went; what is left over went into evaluations and files.
pub(super) fn profile(out: &mut dyn Write, past: &Past) -> std::io::Result<()> {
    let (phases, seconds) = (past.phases, past.elapsed);
    let rest = (seconds - phases.total()).max(0.0);
    let parts = [
        ("environment", phases.environment),
        ("act", phases.act),
        ("update", phases.update),
        ("the rest", rest),
    ];
    for (phase, spent) in parts {
        let share = 100.0 * spent / seconds.max(1e-9);
        writeln!(out, "  {phase:12} {spent:>9.1} s  {share:>5.1} %")?;
    }
    Ok(())
}

/// Tells of an iteration in which the policy moved too far, if there was one.
pub(super) fn warn_of_move(out: &mut dyn Write, furthest: Option<Move>) -> std::io::Result<()> {
    if let Some(Move { steps, kl }) = furthest.filter(|furthest| furthest.kl > TOO_FAR) {
        let steps = grouped(steps);
        writeln!(
            out,
            "\nNote: in the iteration that ended at step {steps} the policy moved by {kl:.2} nats, where 0.01 is usual.\n\
             A team can lose there what it had learned. Lower ppo.max_grad_norm or ppo.lr if it did."
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_move_is_told() {
        let told = |kl| {
            let mut out = Vec::new();
            let furthest = Some(Move { steps: 64_000, kl });
            warn_of_move(&mut out, furthest).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(told(0.2), "");
        let note = told(0.787);
        assert!(
            note.contains("64,000") && note.contains("0.79 nats"),
            "{note}"
        );
    }
}
