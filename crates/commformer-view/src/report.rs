//! A report of one run or several: a page for a browser, its plots, its tables, and the same metrics as
//! marl-eval reads them.
//!
//! Runs that differ in nothing but their seed are a [method](methods); a report is of one task, and says
//! of each metric how it differs between methods and how sure that is. It is a function of the runs'
//! files: the same files give the same bytes.

mod absent;
mod across;
mod communication;
mod compare;
mod config;
mod csv;
mod curves;
mod marl_eval;
mod methods;
pub(crate) mod names;
mod outcomes;
mod page;
mod run;
mod time;

pub use across::Compared;

use crate::chart::{ChartError, standalone};
use crate::log::LogError;
use methods::Methods;
use page::{Page, Section};
use run::Run;
use std::path::{Path, PathBuf};

/// A report, not yet written anywhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Each file by its place in the report's folder, parts divided by `/`.
    pub files: Vec<(String, Vec<u8>)>,
    /// What is missing or not finite, a sentence each.
    pub notes: Vec<String>,
}

/// What chooses the settings that a run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds<'a> {
    /// `env.kind`.
    pub task: &'a str,
    /// `method.kind`.
    pub method: &'a str,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A folder holds no run.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nothing was named.
    #[error("a report needs a run; name its folder")]
    NoRun,
    /// Runs of two tasks.
    #[error(
        "{} is of another task than {}: {setting} is {} there and {} here; make a report of each",
        other.display(),
        first.display(),
        values[1],
        values[0]
    )]
    OtherTask {
        /// A run.
        first: PathBuf,
        /// One of another task.
        other: PathBuf,
        /// The setting in which they differ.
        setting: String,
        /// Its value in each.
        values: [String; 2],
    },
    /// A run that would count twice.
    #[error(
        "{} and {} are one run: settings and seed are the same, so their results are too; leave one out",
        first.display(),
        second.display()
    )]
    Twice {
        /// Where it is.
        first: PathBuf,
        /// Where it is as well.
        second: PathBuf,
    },
    /// More methods than can be told apart.
    #[error(
        "these runs are of {found} different configurations; a report compares at most {}: leave some out",
        Methods::MOST
    )]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// A plot was not drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The page was not put together.
    #[error("the page could not be put together")]
    Page(#[from] askama::Error),
    /// The metrics were not written as JSON.
    #[error("the metrics could not be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Report {
    /// The page, among [`files`](Self::files).
    pub const PAGE: &str = "report.html";

    /// The report of the runs in these folders. `defaults` gives the configuration of a run of which nothing but its
    /// [`Kinds`] was set, in the sections that its method reads; an empty one if it does not know one of them.
    ///
    /// # Errors
    ///
    /// [`ReportError`], which names the folder.
    pub fn of(
        folders: &[PathBuf],
        defaults: impl Fn(Kinds<'_>) -> toml::Table,
    ) -> Result<Self, ReportError> {
        let runs: Result<Vec<Run>, _> = folders.iter().map(|folder| Run::read(folder)).collect();
        Self::of_methods(&Methods::of(runs?)?, Vec::new(), &defaults)
    }

    /// `notes` stand before those of the runs.
    fn of_methods(
        methods: &Methods,
        mut notes: Vec<String>,
        defaults: &impl Fn(Kinds<'_>) -> toml::Table,
    ) -> Result<Self, ReportError> {
        let task = methods.task.as_str();
        let defaults = methods.list.iter().map(|method| {
            let method = method.kind();
            defaults(Kinds { task, method })
        });
        let defaults: Vec<toml::Table> = defaults.collect();
        let finals = outcomes::finals(methods);
        let mut sections = vec![outcomes::section(methods, &finals)];
        if methods.list.len() > 1 {
            sections.extend(compare::sections(methods, &finals)?);
        }
        sections.extend([
            curves::evaluations(methods)?,
            curves::training(methods)?,
            communication::section(methods)?,
            communication::graph(methods)?,
            time::section(methods)?,
            config::section(methods, &defaults),
        ]);
        notes.extend(methods.runs().flat_map(|run| run.notes()));
        let task = marl_eval::task(methods, &defaults);
        let (marl_eval, left_out) = marl_eval::export(&[(&task, methods)])?;
        notes.extend(left_out);
        let page = Page::new(methods, &sections, &notes).html()?;
        let files = files_of(page, marl_eval, sections);
        Ok(Self { files, notes })
    }

    /// A file's bytes.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        let found = self.files.iter().find(|(known, _)| known == name);
        found.map(|(_, bytes)| bytes.as_slice())
    }
}

/// The page, what marl-eval reads, and the plots and tables of the sections.
fn files_of(page: String, marl_eval: Vec<u8>, sections: Vec<Section>) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        (Report::PAGE.to_owned(), page.into_bytes()),
        ("marl-eval.json".to_owned(), marl_eval),
    ];
    for Section { plots, tables, .. } in sections {
        for plot in plots {
            let name = format!("plots/{}.svg", plot.file);
            files.push((name, standalone(&plot.svg).into_bytes()));
        }
        for (name, table) in tables {
            files.push((format!("tables/{name}.csv"), table.into_bytes()));
        }
    }
    files
}

/// How a folder is named on the page.
fn shown(folder: &Path) -> String {
    folder.display().to_string()
}
