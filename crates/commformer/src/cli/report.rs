//! `commformer report`.

mod files;

pub(super) use files::write;

use super::warn;
use crate::config::{Config, Source, sections};
use crate::links;
use clap::Args;
use commformer_env::settings::Setting;
use commformer_view::Kinds;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use toml::Value;

#[derive(Debug, Args)]
pub(super) struct Report {
    /// The runs' folders, of one task; those that differ in nothing but the seed are taken together. What a comparison writes
    /// beside them (`seed-1.toml`, `.log`, `.failed`) is passed over
    #[arg(long, value_name = "DIR", num_args = 1.., required = true)]
    run: Vec<PathBuf>,
    /// Folder to write to; by default `report` in the run's folder, or here if there are several runs
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Report {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let folder = self.folder();
        anyhow::ensure!(
            folder.is_dir() || !folder.exists(),
            "--out {0}: found a file, expected a folder or a name that is not taken",
            folder.display()
        );
        let (runs, failures) = without_files_beside(&self.run);
        let report = commformer_view::Report::of(&runs, defaults)?;
        for failed in failures {
            let said = fs::read_to_string(&failed).unwrap_or_default();
            let failed = failed.display();
            warn(&format!(
                "{failed} is of a run that failed: {}",
                said.trim()
            ));
        }
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
        let beside = match &without_files_beside(&self.run).0[..] {
            [run] => run.join("report"),
            _ => PathBuf::from("report"),
        };
        self.out.clone().unwrap_or(beside)
    }
}

/// The folders among these paths, without the files that a comparison writes beside its runs; and those files that tell of a
/// run that failed. So `TASK/METHOD/seed-*` names all runs of a method.
fn without_files_beside(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let ending = |path: &PathBuf| path.extension()?.to_str().map(str::to_owned);
    let is_beside = |path: &&PathBuf| {
        let ending = ending(path);
        path.is_file() && matches!(ending.as_deref(), Some("toml" | "log" | "failed"))
    };
    let (files, runs): (Vec<&PathBuf>, Vec<&PathBuf>) = paths.iter().partition(is_beside);
    let failures = files
        .into_iter()
        .filter(|file| ending(file).as_deref() == Some("failed"));
    (
        runs.into_iter().cloned().collect(),
        failures.cloned().collect(),
    )
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

/// The configuration of a task and a method of which nothing else was set; empty if this version does not know one of them.
pub(super) fn defaults(kinds: Kinds<'_>) -> toml::Table {
    let section = |kind: &str| toml::Table::from_iter([("kind".to_owned(), kind.into())]);
    let (mut env, method) = (section(kinds.task), section(kinds.method));
    if kinds.task == "python" {
        // It has no default: whatever it is, it differs.
        env.insert("make".to_owned(), "module:function".into());
    }
    let set = [("env", env), ("method", method)];
    let set = set.map(|(name, keys)| (name.to_owned(), keys.into()));
    let config = toml::Table::from_iter(set).to_string();
    let config = Config::parse(&config, Source::Default).and_then(|config| config.to_toml());
    let table = config.ok().and_then(|text| text.parse().ok());
    let mut table: toml::Table = table.unwrap_or_default();
    // Some settings are not written where they have their default.
    for section in sections(kinds.task, kinds.method) {
        let Some(Value::Table(keys)) = table.get_mut(section.name) else {
            continue;
        };
        for Setting { name, default, .. } in section.settings {
            if let Some(default) = default {
                keys.entry(name).or_insert(default);
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{METHODS, kinds};

    #[test]
    fn every_task_and_method_has_defaults_and_an_unknown_one_has_none() {
        let of = |task, method| defaults(Kinds { task, method });
        for task in kinds() {
            for method in METHODS {
                let defaults = of(task, method);
                assert_eq!(defaults["env"]["kind"].as_str(), Some(task));
                assert_eq!(defaults["method"]["kind"].as_str(), Some(*method));
                assert_eq!(defaults["run"]["steps"].as_integer(), Some(600_000));
                // It is not written where it is 1.
                assert_eq!(defaults["env"]["stack"].as_integer(), Some(1));
            }
        }
        // A method has the sections that it reads alone.
        let has_graph = |method| of("signal", method).contains_key("graph");
        assert_eq!([has_graph("commformer"), has_graph("mappo")], [true, false]);
        assert!(of("chess", "mappo").is_empty() && of("signal", "chess").is_empty());
    }

    #[test]
    fn files_beside_runs_are_no_runs() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::create_dir(at("seed-1")).unwrap();
        fs::create_dir(at("runs.log")).unwrap();
        for name in ["seed-1.toml", "seed-1.log", "seed-2.failed", "seed-2.md"] {
            fs::write(at(name), "").unwrap();
        }
        let names = [
            "seed-1",
            "seed-1.toml",
            "seed-1.log",
            "seed-2.failed",
            "seed-2.md",
            "runs.log",
            "nothing.log",
        ];
        let (runs, failures) = without_files_beside(&names.map(at));
        // What is not there, or is no such file, is refused later by its name.
        assert_eq!(
            runs,
            ["seed-1", "seed-2.md", "runs.log", "nothing.log"].map(at)
        );
        assert_eq!(failures, [at("seed-2.failed")]);
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
