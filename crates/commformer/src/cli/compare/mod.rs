//! `commformer compare`.

mod show;

use super::warn;
use crate::compare::{self, Event, Happened, Part, Plan, Planned, State, Summary};
use crate::interrupt::Interrupt;
use crate::lock::Lock;
use anyhow::Context;
use clap::Args;
use commformer_train::create_folders;
use commformer_view::text::shell_word;
use commformer_view::{Compared, Report, ReportError};
use show::Show;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Compare {
    /// A TOML file that names tasks, methods and seeds. Runs that are at their end are not run again, and those that were
    /// begun go on
    file: PathBuf,
    /// List the runs and how far they are, and do nothing else
    #[arg(long)]
    dry_run: bool,
    /// Make the report of all that is there, and train nothing
    #[arg(long, conflicts_with = "dry_run")]
    report: bool,
    /// Print what happens as lines of JSON, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    part: Part,
}

impl Compare {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let plan = Plan::read(&self.file)?;
        for note in &plan.notes {
            super::note(note);
        }
        let part = plan.part(&self.part)?;
        plan.check_existing()?;
        if self.dry_run {
            part.check_sizes()?;
            self.list(&part, out)?;
            for orphans in plan.orphans() {
                super::note(&orphans);
            }
            return Ok(ExitCode::SUCCESS);
        }
        if self.report {
            self.make_report(&plan, None, out)?;
            return Ok(ExitCode::SUCCESS);
        }
        let interrupt = Interrupt::watch(true).context("cannot watch for Ctrl-C")?;
        part.check_sizes()?;
        part.check_teams(|| interrupt.exit_code().is_some())?;
        // Workers that told what tasks in Python are would be idle from here on.
        commformer_bridge::forget();
        let _lock = lock(&plan.folder)?;
        // Another comparison may have trained there until now.
        plan.check_existing()?;
        let summary = self.train(&part, &interrupt, out)?;
        if let Some(code) = interrupt.exit_code().filter(|_| summary.left > 0) {
            self.say(
                out,
                &format!(
                    "\nStopped with {} left to train; everything is saved. To go on:\n  {}",
                    runs(summary.left),
                    self.line()
                ),
            )?;
            return Ok(ExitCode::from(code));
        }
        let reported = self.make_report(&plan, Some(&summary), out);
        let code = self.conclude(&summary, out)?;
        reported.map(|()| code)
    }

    fn train(
        &self,
        plan: &Plan,
        interrupt: &Interrupt,
        out: &mut dyn Write,
    ) -> anyhow::Result<Summary> {
        let mut show = Show::new(plan, self.json);
        let shown = std::cell::RefCell::new(&mut show);
        let mut tell = |event: &Event| -> anyhow::Result<()> {
            if self.json {
                writeln!(out, "{}", serde_json::to_string(event)?)?;
                out.flush()?;
            }
            shown.borrow_mut().event(event);
            Ok(())
        };
        let mut look = |pool: &compare::Pool<'_>| shown.borrow_mut().look(pool);
        let summary = compare::run(plan, interrupt, &mut tell, &mut look);
        show.finish();
        summary
    }

    /// Says what failed, and how to go on.
    fn conclude(&self, summary: &Summary, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
        let Summary {
            finished,
            failed,
            left,
            full,
        } = summary;
        self.say(out, &format!("\n{} finished.", runs(*finished)))?;
        if failed.is_empty() && *left == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        for (name, why) in failed {
            super::say(&format!("failed: {name}: {why}"));
        }
        if *left > 0 {
            super::say(&format!("stopped before their end: {}", runs(*left)));
        }
        if *full {
            super::say(
                "error: no space is left on the disk, so that no other run was begun: free some and call the same command \
                 again. What is finished or saved is kept",
            );
        }
        let line = self.line();
        super::say(&format!(
            "`{line}` goes on with what can go on. Where numbers of a built-in task were not finite, the run would end there \
             again: change its settings and remove its folder, and it begins anew"
        ));
        Ok(ExitCode::FAILURE)
    }

    /// Says something to people.
    fn say(&self, out: &mut dyn Write, what: &str) -> io::Result<()> {
        match self.json {
            true => Ok(()),
            false => writeln!(out, "{what}"),
        }
    }

    /// What to type to go on.
    fn line(&self) -> String {
        let mut line = format!("{} compare {}", super::program(), shell_word(&self.file));
        let seeds: Vec<String> = self.part.seeds.iter().map(u64::to_string).collect();
        for (option, names) in [
            ("--task", &self.part.tasks),
            ("--method", &self.part.methods),
            ("--seed", &seeds),
        ] {
            for name in names {
                line += &format!(" {option} {}", shell_word(name.as_ref()));
            }
        }
        line
    }

    fn list(&self, plan: &Plan, out: &mut dyn Write) -> anyhow::Result<()> {
        let states = plan.states();
        if self.json {
            for (run, state) in &states {
                let state = state.to_string();
                let event = Event::new(run, Happened::Planned { state });
                writeln!(out, "{}", serde_json::to_string(&event)?)?;
            }
            return Ok(());
        }
        let width = states
            .iter()
            .map(|(run, _)| run.name().len())
            .max()
            .unwrap_or(0);
        for (run, state) in &states {
            writeln!(out, "{:width$}  {state}", run.name())?;
        }
        let left = states.iter().filter(|(_, state)| !state.is_over()).count();
        let finished = states
            .iter()
            .filter(|(_, state)| matches!(state, State::Finished(_)))
            .count();
        let [processes, threads] = plan.processes(left);
        let of_each = states.iter().filter(|(_, state)| !state.is_over());
        let of_each: BTreeSet<usize> = of_each.map(|(run, _)| run.threads(threads)).collect();
        let threads = match (of_each.first(), of_each.last()) {
            (Some(1), Some(1)) => "one thread".to_owned(),
            (Some(few), Some(many)) if few < many => format!("{few} to {many} threads"),
            (few, _) => format!("{} threads", few.unwrap_or(&threads)),
        };
        let failed = match states.len() - finished - left {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        write!(
            out,
            "\n{} in {}: {finished} finished{failed}, {left} to train",
            runs(states.len()),
            plan.folder.display()
        )?;
        match left {
            0 => writeln!(out)?,
            _ => writeln!(out, ", {processes} at a time on {threads} each")?,
        }
        Ok(())
    }

    /// The report of what is there; none as long as no run has begun.
    fn make_report(
        &self,
        plan: &Plan,
        summary: Option<&Summary>,
        out: &mut dyn Write,
    ) -> anyhow::Result<()> {
        let compared = |(run, state): (&Planned, State)| {
            let now = || {
                let mut failed = summary?.failed.iter();
                let (_, why) = failed.find(|(name, _)| *name == run.name())?;
                Some(why.clone())
            };
            let failed = match state {
                State::Failed(why) => Some(why),
                // Of this time, or of a time before.
                State::New | State::Begun(_) => now().or_else(|| run.last_failure()),
                State::Finished(_) => None,
            };
            Compared {
                task: run.task.clone(),
                method: run.method.clone(),
                seed: run.seed,
                folder: run.folder.clone(),
                failed,
            }
        };
        let runs: Vec<Compared> = plan.states().into_iter().map(compared).collect();
        let title = plan.file.file_stem().unwrap_or_default().to_string_lossy();
        let (orphans, defaults) = (plan.orphans(), super::report::defaults);
        let report = match Report::across(&title, &runs, &plan.scales, orphans, defaults) {
            Err(ReportError::NoRun) => {
                warn("no run has begun: there is nothing to report");
                return Ok(());
            }
            report => report?,
        };
        let folder = plan.folder.join("report");
        super::report::write(&report, &folder)?;
        for note in &report.notes {
            warn(note);
        }
        let page = folder.join(Report::PAGE);
        self.say(out, &format!("The report is {}.", page.display()))?;
        Ok(())
    }
}

/// `1 run`, `2 runs`.
fn runs(number: usize) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} run{plural}")
}

/// Keeps other comparisons out of the folder.
fn lock(folder: &Path) -> anyhow::Result<Lock> {
    create_folders(folder)?;
    let path = folder.join(".lock");
    let shown = folder.display();
    match Lock::take(&path).with_context(|| format!("cannot use {}", path.display()))? {
        Ok(lock) => {
            if !lock.holds {
                warn(&format!(
                    "the file system of {shown} knows no locks: nothing keeps a second comparison from training there"
                ));
            }
            Ok(lock)
        }
        Err(process) => anyhow::bail!(
            "process {process} compares in {shown}; wait for its end or stop it, or name another `folder`"
        ),
    }
}
