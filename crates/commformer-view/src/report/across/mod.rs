//! The report of a comparison: methods over several tasks on one page, and a page for each task.

mod overall;
mod scores;
mod tables;

use super::absent::Absent;
use super::methods::{Method, Methods};
use super::outcomes::{Finals, unended};
use super::page::{Head, Page};
use super::run::{Run, count};
use super::{Kinds, Report, ReportError, files_of, marl_eval};
use crate::log::RunLog;
use scores::TaskScores;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A run of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Its task's name.
    pub task: String,
    /// The name of its method.
    pub method: String,
    /// Its seed.
    pub seed: u64,
    /// Its folder; a run that has not begun has none yet.
    pub folder: PathBuf,
    /// What it said when it failed.
    pub failed: Option<String>,
}

/// A task with its runs.
#[derive(Clone, Debug)]
struct Task {
    name: String,
    /// Every method of the comparison, in its order, with runs that have begun and not failed, if there are any. Where all
    /// runs failed there are none: the task stays, for without it the others would look better.
    methods: Methods,
}

/// All tasks, and the names of all methods.
#[derive(Clone, Debug)]
struct Across<'a> {
    tasks: Vec<Task>,
    methods: Vec<&'a str>,
    runs: &'a [Compared],
}

impl Report {
    /// The report of a comparison: a page over all tasks, and one for each task in a folder of its name. Tasks and
    /// methods come in the order in which the runs first name them. `scales` has, for tasks by their names, the scores that are
    /// 0 and 1 on the scale of all tasks; a share of episodes has that scale already, and any other metric is scaled between
    /// the lowest and the highest run where nothing is said. `notes` stand before what is missing, a sentence each. `defaults` is as for [`of`](Self::of).
    ///
    /// # Errors
    ///
    /// [`ReportError`], which names the folder; [`ReportError::NoRun`] if none has begun or failed.
    pub fn across(
        title: &str,
        runs: &[Compared],
        scales: &BTreeMap<String, [f64; 2]>,
        mut notes: Vec<String>,
        defaults: impl Fn(Kinds<'_>) -> toml::Table,
    ) -> Result<Self, ReportError> {
        let across = Across::read(runs)?;
        let tasks = across.tasks.iter();
        let scores = tasks.map(|task| TaskScores::of(task, scales.get(&task.name).copied()));
        let scores: Vec<TaskScores<'_>> = scores.collect();
        let begun: Vec<Methods> = across.tasks.iter().map(Task::begun).collect();
        let (mut files, mut pages, mut read) = (Vec::new(), Vec::new(), Vec::new());
        for (task, begun) in across.tasks.iter().zip(&begun) {
            if begun.list.is_empty() {
                notes.push(format!(
                    "{}: has no page of its own, for every run that began has failed.",
                    task.name
                ));
                continue;
            }
            read.push((task.name.as_str(), begun));
            if begun.list.len() > Methods::MOST {
                let most = Methods::MOST;
                notes.push(format!(
                    "{}: has no page of its own, which compares {most} methods at most.",
                    task.name
                ));
                continue;
            }
            let failures = across.failures(&task.name);
            // This page has a section of them.
            let told = failures.len();
            let report = Self::of_methods(begun, failures, &defaults)?;
            if let [first, ..] = &report.notes[told..] {
                let found = count(report.notes.len() - told, "remark");
                notes.push(format!(
                    "{}: {found} on its page; the first is: {first}",
                    task.name
                ));
            }
            let place = |(name, bytes): (String, Vec<u8>)| (format!("{}/{name}", task.name), bytes);
            files.extend(report.files.into_iter().map(place));
            pages.push((task.name.clone(), format!("{}/{}", task.name, Self::PAGE)));
        }
        let mut sections = vec![tables::section(&across, &scores, pages)];
        sections.extend(overall::sections(&across, &scores)?);
        sections.push(tables::runs(&across));
        let facts = vec![
            count(across.tasks.len(), "task"),
            count(across.methods.len(), "method"),
            count(runs.len(), "run"),
        ];
        let (marl_eval, left_out) = marl_eval::export(&read)?;
        notes.extend(left_out);
        let page = Page::across(title, facts, across.heads(), &sections, &notes).html()?;
        let mut all = files_of(page, marl_eval, sections);
        all.extend(files);
        Ok(Self { files: all, notes })
    }
}

impl<'a> Across<'a> {
    fn read(runs: &'a [Compared]) -> Result<Self, ReportError> {
        let (mut tasks, mut methods): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        for run in runs {
            for (known, name) in [(&mut tasks, &run.task), (&mut methods, &run.method)] {
                if !known.contains(&name.as_str()) {
                    known.push(name);
                }
            }
        }
        let begun =
            |run: &&Compared| run.failed.is_none() && run.folder.join(RunLog::CONFIG).is_file();
        let mut found = Vec::new();
        for task in tasks {
            let mut list = Vec::new();
            for method in &methods {
                let of_method = runs
                    .iter()
                    .filter(|run| run.task == task && run.method == *method);
                let read = of_method.filter(begun).map(|run| Run::read(&run.folder));
                list.push(((*method).to_owned(), read.collect::<Result<Vec<_>, _>>()?));
            }
            let failed = (runs.iter()).any(|run| run.task == task && run.failed.is_some());
            if failed || list.iter().any(|(_, runs)| !runs.is_empty()) {
                let name = task.to_owned();
                let methods = Methods::named(list);
                found.push(Task { name, methods });
            }
        }
        match found.is_empty() {
            true => Err(ReportError::NoRun),
            false => Ok(Self {
                tasks: found,
                methods,
                runs,
            }),
        }
    }

    /// All runs of a task by a method.
    fn of(&self, task: &str, method: &str) -> impl Iterator<Item = &'a Compared> {
        let is_of = move |run: &&Compared| run.task == task && run.method == method;
        self.runs.iter().filter(is_of)
    }

    /// Runs of a task and a method that are in no number.
    fn absent(&self, task: &Task, method: usize, finals: &Finals) -> Absent {
        let Method { name, runs, .. } = &task.methods.list[method];
        finals.absent(runs) + self.unread(&task.name, name, runs.len())
    }

    /// Those of a task and a method that failed or have not begun, where so many others were read.
    fn unread(&self, task: &str, method: &str, read: usize) -> Absent {
        let of = || self.of(task, method);
        let failed = of().filter(|run| run.failed.is_some()).count();
        Absent {
            begun: 0,
            failed,
            to_do: of().count() - failed - read,
        }
    }

    /// What the page of a task must say of runs that it has no numbers of: a sentence for each method that failed.
    fn failures(&self, task: &str) -> Vec<String> {
        let told = |method: &&str| {
            let failed = self.of(task, method).filter(|run| run.failed.is_some());
            let seeds: Vec<String> = failed.map(|run| run.seed.to_string()).collect();
            (!seeds.is_empty()).then(|| {
                format!(
                    "{method}: {} of {} failed (seed {}) and {} in no number here.",
                    seeds.len(),
                    count(self.of(task, method).count(), "run"),
                    seeds.join(", "),
                    if seeds.len() == 1 { "is" } else { "are" },
                )
            })
        };
        self.methods.iter().filter_map(told).collect()
    }

    /// The list at the top.
    fn heads(&self) -> Vec<Head> {
        let head = |(index, name): (usize, &&str)| {
            let of_task = |task: &Task| {
                let runs = &task.methods.list[index].runs;
                unended(runs) + self.unread(&task.name, name, runs.len())
            };
            let absent: Absent = self.tasks.iter().map(of_task).sum();
            let planned = self.tasks.iter();
            let planned = planned.map(|task| self.of(&task.name, name).count());
            let ended = planned.sum::<usize>() - absent.runs();
            Head::of(index, name, absent.beside(ended))
        };
        self.methods.iter().enumerate().map(head).collect()
    }
}

impl Task {
    /// Without methods of which no run has begun.
    fn begun(&self) -> Methods {
        let begun = |method: &&Method| !method.runs.is_empty();
        Methods {
            list: self.methods.list.iter().filter(begun).cloned().collect(),
            task: self.methods.task.clone(),
        }
    }
}
