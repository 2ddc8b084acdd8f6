//! The files of a report in its folder. Those of an older report that the new one does not have are removed.

use crate::links;
use anyhow::Context;
use commformer_train::write_beside;
use commformer_view::Report;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path};
use std::time::Duration;

/// The names of the files that reports have written here, a line each: what is not in it is the user's.
const LIST: &str = ".report-files";
/// A list is not longer.
const LONGEST: u64 = 16 << 20;
/// A file that was begun so long ago and has not its own name yet is one that nobody writes any more.
const ABANDONED: Duration = Duration::from_secs(600);

/// Writes a report's files, and removes those of the report before it that it does not have. Interrupted anywhere, the
/// list still names all that was written, and the next report removes what is left. A file that was just being written
/// has a hidden name, and waits until no other report can be writing it.
pub(in crate::cli) fn write(report: &Report, folder: &Path) -> anyhow::Result<()> {
    let before = listed(folder);
    let now: BTreeSet<String> = report.files.iter().map(|(name, _)| name.clone()).collect();
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let all = &before | &now;
    if all != before {
        list(folder, &all)?;
    }
    for (name, bytes) in &report.files {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot make {}", parent.display()))?;
        }
        write_beside(&path, bytes)?;
    }
    for name in abandoned(folder, &all).into_iter().chain(&before - &now) {
        remove(folder, &name).with_context(|| {
            let path = folder.join(&name);
            format!("cannot remove {}, of an older report", path.display())
        })?;
    }
    match all == now {
        true => Ok(()),
        false => list(folder, &now),
    }
}

fn list(folder: &Path, names: &BTreeSet<String>) -> anyhow::Result<()> {
    let lines: String = names.iter().map(|name| format!("{name}\n")).collect();
    Ok(write_beside(&folder.join(LIST), lines.as_bytes())?)
}

/// What reports have written here. A folder may come from somebody else: other names than those of reports are left
/// out.
fn listed(folder: &Path) -> BTreeSet<String> {
    let path = folder.join(LIST);
    let mut text = String::new();
    let is_file = fs::symlink_metadata(&path).is_ok_and(|what| what.is_file());
    let read = |file: File| file.take(LONGEST).read_to_string(&mut text);
    if !is_file || File::open(&path).and_then(read).is_err() {
        return BTreeSet::new();
    }
    let names = text.lines().filter(|name| is_of_report(name));
    names.map(str::to_owned).collect()
}

/// Hidden files, in the folders of these, that reports were writing when they were interrupted.
fn abandoned(folder: &Path, names: &BTreeSet<String>) -> Vec<String> {
    let parents = names
        .iter()
        .filter_map(|name| name.get(..=name.rfind('/')?));
    let parents: BTreeSet<&str> = parents.chain([""]).collect();
    let mut found = Vec::new();
    for parent in parents {
        let entries = fs::read_dir(folder.join(parent)).into_iter().flatten();
        for entry in entries.flatten() {
            let hidden = entry.file_name().to_string_lossy().into_owned();
            let of_report = |file| file == LIST || is_of_report(&format!("{parent}{file}"));
            let begun = entry.metadata().and_then(|what| what.modified());
            let age = begun.ok().and_then(|begun| begun.elapsed().ok());
            if hidden_for(&hidden).is_some_and(of_report) && age.is_some_and(|age| age > ABANDONED)
            {
                found.push(format!("{parent}{hidden}"));
            }
        }
    }
    found
}

/// The file that a hidden one was to become, by its name from [`write_beside`].
fn hidden_for(name: &str) -> Option<&str> {
    let (file, random) = (name.strip_prefix('.')?.strip_suffix(".tmp")?).rsplit_once('.')?;
    let is_random = random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_random.then_some(file)
}

/// Whether a report may have a file of this name: in its own folder, or in that of a task.
fn is_of_report(name: &str) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let parts: Vec<&str> = name.split('/').collect();
    let of_page = |parts: &[&str]| match parts {
        [file] => matches!(*file, Report::PAGE | "marl-eval.json"),
        ["plots", file] => file.ends_with(".svg"),
        ["tables", file] => file.ends_with(".csv"),
        _ => false,
    };
    Path::new(name).components().all(plain)
        && parts.iter().all(|part| !matches!(*part, "" | "."))
        && (of_page(&parts) || of_page(&parts[1..]))
}

/// Removes a file, and the folders that it leaves empty. Nothing is removed through a symbolic link.
fn remove(folder: &Path, name: &str) -> io::Result<()> {
    let path = folder.join(name);
    let inner = || path.ancestors().skip(1).take_while(|path| *path != folder);
    if inner().any(links::is_link) || !fs::symlink_metadata(&path).is_ok_and(|what| what.is_file())
    {
        return Ok(());
    }
    fs::remove_file(&path)?;
    for folder in inner() {
        // One that holds more stays.
        if fs::remove_dir(folder).is_err() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(names: &[&str]) -> Report {
        let files = names
            .iter()
            .map(|name| ((*name).to_owned(), name.as_bytes().to_vec()));
        Report {
            files: files.collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn files_of_an_older_report_are_removed_and_those_of_the_user_stay() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("report");
        let old = [
            "report.html",
            "tables/improvements.csv",
            "plots/improvement-a.svg",
            "old/report.html",
            "old/plots/x.svg",
            "mine/plots/x.svg",
        ];
        write(&report(&old), &folder).unwrap();
        let own = ["tables/own.csv", "plots/own.svg", "mine/plots/own.svg"];
        for name in own {
            fs::write(folder.join(name), "own").unwrap();
        }
        let new = report(&["report.html", "plots/improvement-b.svg"]);
        write(&new, &folder).unwrap();
        for name in &old[1..] {
            assert!(!folder.join(name).exists(), "{name}");
        }
        assert!(!folder.join("old").exists());
        for name in own {
            assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), "own");
        }
        let listed = || fs::read_to_string(folder.join(LIST)).unwrap();
        assert_eq!(listed(), "plots/improvement-b.svg\nreport.html\n");
        // The same report changes nothing.
        write(&new, &folder).unwrap();
        assert_eq!(listed(), "plots/improvement-b.svg\nreport.html\n");
    }

    #[test]
    fn what_an_interruption_leaves_is_removed_by_the_next_report() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        write(&report(&["report.html", "tables/a.csv"]), folder).unwrap();
        // A file in the way of a folder ends it: the new page is there, and so is the old table.
        fs::write(folder.join("plots"), "").unwrap();
        let next = report(&["report.html", "tables/b.csv", "plots/b.svg"]);
        write(&next, folder).unwrap_err();
        assert!(folder.join("tables/a.csv").exists() && folder.join("tables/b.csv").exists());
        fs::remove_file(folder.join("plots")).unwrap();
        write(&report(&["report.html"]), folder).unwrap();
        assert!(!folder.join("tables").exists());
    }

    #[test]
    fn hidden_files_of_interrupted_reports_are_removed_once_nobody_can_be_writing_them() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        write(&report(&["report.html", "old/plots/a.svg"]), folder).unwrap();
        let hidden = |name: &str| format!("{name}.0123456789abcdef.tmp");
        let abandoned = ["..report-files", ".report.html", "old/plots/.b.svg"].map(hidden);
        let others = [
            hidden(".own.txt"),
            ".report.html.0123.tmp".into(),
            "old/plots/.b.svg.fedcba9876543210.tmp".into(),
        ];
        let long_ago = std::time::SystemTime::now() - 2 * ABANDONED;
        for name in abandoned.iter().chain(&others) {
            let file = File::create(folder.join(name)).unwrap();
            // The last of them is being written.
            if !name.contains("fedc") {
                file.set_modified(long_ago).unwrap();
            }
        }
        write(&report(&["report.html"]), folder).unwrap();
        for name in abandoned {
            assert!(!folder.join(&name).exists(), "{name}");
        }
        for name in others {
            assert!(folder.join(&name).exists(), "{name}");
        }
    }

    #[test]
    fn a_list_from_elsewhere_removes_nothing_but_files_of_reports() {
        for name in ["report.html", "signal/plots/a-2.svg", "tables/a.csv"] {
            assert!(is_of_report(name), "{name}");
        }
        for name in [
            "",
            "../report.html",
            "/report.html",
            "plots/../../a.svg",
            "./report.html",
            "a//report.html",
            "config.toml",
            "plots/a.csv",
            "a/b/report.html",
        ] {
            assert!(!is_of_report(name), "{name}");
        }
    }

    #[test]
    fn nothing_is_removed_through_a_link() {
        let scratch = tempfile::tempdir().unwrap();
        let [folder, other] = ["report", "other"].map(|name| scratch.path().join(name));
        write(&report(&["tables/a.csv"]), &other).unwrap();
        write(&report(&["tables/a.csv"]), &folder).unwrap();
        fs::remove_dir_all(folder.join("tables")).unwrap();
        std::os::unix::fs::symlink(other.join("tables"), folder.join("tables")).unwrap();
        write(&report(&["report.html"]), &folder).unwrap();
        assert!(other.join("tables/a.csv").exists());
    }
}
