//! `commformer report`.

use super::warn;
use crate::config::{Config, Source};
use crate::links;
use anyhow::Context;
use clap::Args;
use commformer_train::write_beside;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct Report {
    /// The runs' folders, of one task; those that differ in nothing but the seed are taken together
    #[arg(long, value_name = "DIR", num_args = 1.., required = true)]
    run: Vec<PathBuf>,
    /// Folder to write to; by default `report` in the run's folder, or here if there are several runs
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Report {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let report = commformer_view::Report::of(&self.run, defaults)?;
        let folder = self.folder();
        if self.out.is_none() {
            let names: Vec<&str> = report.files.iter().map(|(name, _)| name.as_str()).collect();
            check_links(&folder, &names)?;
        }
        write(&report, &folder)?;
        for note in &report.notes {
            warn(note);
        }
        let page = folder.join(commformer_view::Report::PAGE);
        writeln!(out, "The report is {}; beside it:", page.display())?;
        for (name, what) in [
            ("plots/", "every plot as SVG"),
            ("tables/", "every metric as CSV"),
            ("marl-eval.json", "the same as marl-eval reads it"),
        ] {
            writeln!(out, "  {name:15} {what}")?;
        }
        Ok(())
    }

    fn folder(&self) -> PathBuf {
        let beside = match &self.run[..] {
            [run] => run.join("report"),
            _ => PathBuf::from("report"),
        };
        self.out.clone().unwrap_or(beside)
    }
}

/// Writes a report's files.
pub(super) fn write(report: &commformer_view::Report, folder: &Path) -> anyhow::Result<()> {
    for (name, bytes) in &report.files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot make {}", parent.display()))?;
        }
        write_beside(&path, bytes)?;
    }
    Ok(())
}

/// The folder in a run may lead elsewhere, and so may those in it. One that the user named may.
fn check_links(folder: &Path, files: &[&str]) -> anyhow::Result<()> {
    let folders = files.iter().filter_map(|name| name.split_once('/'));
    let folders = folders.map(|(inner, _)| folder.join(inner));
    for path in std::iter::once(folder.to_owned()).chain(folders) {
        let link = links::is_link(&path);
        anyhow::ensure!(
            !link,
            "{}; or name another folder with --out",
            links::refusal(&path)
        );
    }
    Ok(())
}

/// The configuration of a task of which nothing was set; empty if this version does not know it.
pub(super) fn defaults(task: &str) -> toml::Table {
    let mut env = toml::Table::from_iter([("kind".to_owned(), task.into())]);
    if task == "python" {
        // It has no default: whatever it is, it differs.
        env.insert("make".to_owned(), "module:function".into());
    }
    let config = toml::Table::from_iter([("env".to_owned(), env.into())]);
    let config = Config::parse(&config.to_string(), Source::Default);
    let table = config
        .ok()
        .and_then(|config| toml::Table::try_from(config).ok());
    table.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::kinds;

    #[test]
    fn every_task_has_defaults_and_an_unknown_one_has_none() {
        for kind in kinds() {
            assert_eq!(defaults(kind)["env"]["kind"].as_str(), Some(kind));
            assert_eq!(defaults(kind)["run"]["steps"].as_integer(), Some(600_000));
        }
        assert!(defaults("chess").is_empty());
    }

    #[test]
    fn a_report_lies_in_its_run_and_that_of_several_runs_here() {
        let folder = |run: &[&str], out: Option<&str>| {
            let run = run.iter().map(PathBuf::from).collect();
            Report {
                run,
                out: out.map(PathBuf::from),
            }
            .folder()
        };
        assert_eq!(folder(&["a"], None), PathBuf::from("a/report"));
        assert_eq!(folder(&["a", "b"], None), PathBuf::from("report"));
        assert_eq!(folder(&["a"], Some("c")), PathBuf::from("c"));
    }
}
