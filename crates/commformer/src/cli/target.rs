//! A file that a command writes: where its bytes go, which is known, with all that speaks against it, before the work is
//! done.

use super::say;
use crate::links;
use crate::run_dir::RunDir;
use anyhow::{Context, bail, ensure};
use commformer_train::{CheckpointError, write_beside};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file to write.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// As it was asked for.
    asked: PathBuf,
    /// Where the bytes go.
    place: Place,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// A file, which is replaced as a whole.
    File(PathBuf),
    /// A device or a pipe, which is written into.
    Stream,
}

/// More links than these, one after the other, lead nowhere; Linux has the same bound.
const MOST_LINKS: usize = 40;

impl Target {
    /// The one that the user named with an option such as `--out`, or else `name` in a run's folder. Links that the user
    /// names are followed; one in a run's folder may be of somebody else.
    ///
    /// # Errors
    ///
    /// If nothing can be written there, or something would be lost by it.
    pub fn of(
        named: Option<&Path>,
        option: &str,
        folder: &RunDir,
        name: &str,
    ) -> anyhow::Result<Self> {
        match named {
            Some(path) => Self::named(path, option, name),
            None => {
                let path = folder.path().join(name);
                Self::file(&path, located(&path), option, name)
            }
        }
    }

    /// The one that the user named with an option; `example` is a name that it could have in a folder.
    ///
    /// # Errors
    ///
    /// As of [`of`](Self::of).
    pub fn named(path: &Path, option: &str, example: &str) -> anyhow::Result<Self> {
        ensure!(
            path != Path::new("-"),
            "{option} -: for the standard output name /dev/stdout, and ./- for a file of this name"
        );
        if fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            return Ok(Self {
                asked: path.to_owned(),
                place: Place::Stream,
            });
        }
        let place = end(path)?;
        if let Some(run) = RunDir::made_of(&place) {
            bail!(
                "{} is a part of the run in {}, which would be lost: name another file with {option}, such as {}",
                path.display(),
                run.display(),
                run.join(example).display()
            );
        }
        Self::file(path, place, option, example)
    }

    fn file(asked: &Path, place: PathBuf, option: &str, example: &str) -> anyhow::Result<Self> {
        let shown = asked.display();
        // Where a link is replaced, what it leads to is of no interest.
        let found = fs::symlink_metadata(&place);
        ensure!(
            !found.is_ok_and(|found| found.is_dir()),
            "cannot write {shown}: it is a folder; name a file in it with {option}, such as {}",
            asked.join(example).display()
        );
        let folder = match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        ensure!(
            folder.is_dir(),
            "cannot write {shown}: there is no folder {}; make it, or name another file with {option}",
            folder.display()
        );
        can_hold_more(folder).with_context(|| {
            format!(
                "cannot write {shown} (another file can be named with {option}): in its folder, {}",
                folder.display()
            )
        })?;
        Ok(Self {
            asked: asked.to_owned(),
            place: Place::File(place),
        })
    }

    /// Its name, as it was asked for.
    pub fn path(&self) -> &Path {
        &self.asked
    }

    /// Whether both are one file.
    pub fn is_file_of(&self, other: &Self) -> bool {
        self.place == other.place && self.place != Place::Stream
    }

    /// Tells of what a command writes: on `out`, the standard output, unless one of its targets may be that.
    ///
    /// # Errors
    ///
    /// If nobody reads `out` any more.
    pub fn tell(all: &[&Self], out: &mut dyn Write, line: &str) -> io::Result<()> {
        match all.iter().any(|target| target.place == Place::Stream) {
            true => say(line),
            false => writeln!(out, "{line}")?,
        }
        Ok(())
    }

    /// Writes all of it.
    ///
    /// # Errors
    ///
    /// What the system says. A file is then what it was before.
    pub fn write(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let written = match &self.place {
            Place::File(path) => match write_beside(path, bytes) {
                Err(CheckpointError::Io { cause, .. }) => Err(cause),
                written => return Ok(written?),
            },
            // Not made: if it is gone, a file in its place would be read by nobody.
            Place::Stream => (OpenOptions::new().write(true).open(&self.asked))
                .and_then(|mut stream| stream.write_all(bytes)),
        };
        written.with_context(|| format!("cannot write {}", self.asked.display()))
    }
}

/// Where a name leads, link by link; nothing need be there.
fn end(path: &Path) -> anyhow::Result<PathBuf> {
    let mut end = located(path);
    for _ in 0..MOST_LINKS {
        if !links::is_link(&end) {
            return Ok(end);
        }
        ensure!(
            !end.ancestors().skip(1).any(RunDir::holds_run),
            "{}",
            links::refusal(&end)
        );
        let to = fs::read_link(&end).with_context(|| format!("cannot read {}", end.display()))?;
        // What a process has open: it goes on writing to what is replaced here.
        ensure!(
            !end.starts_with("/proc"),
            "{} is the file {}, which is open: name that one",
            path.display(),
            to.display()
        );
        end = located(&end.with_file_name(&to));
    }
    bail!("{} is a link that leads in a circle", path.display())
}

/// A name in the folder that its folder is, whatever leads there; a link of this name is not followed.
fn located(file: &Path) -> PathBuf {
    let whole = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    match (whole.parent().map(Path::canonicalize), whole.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        // It ends with `..`.
        (_, None) => whole.canonicalize().unwrap_or(whole),
        _ => whole,
    }
}

/// Whether files can be made in a folder.
fn can_hold_more(folder: &Path) -> io::Result<()> {
    use rustix::fs::Access;
    Ok(rustix::fs::access(
        folder,
        Access::WRITE_OK | Access::EXEC_OK,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    fn named(path: &Path) -> anyhow::Result<Target> {
        Target::named(path, "--out", "team.safetensors")
    }

    #[track_caller]
    fn refused(path: &Path, parts: &[&str]) {
        let said = format!("{:#}", named(path).unwrap_err());
        for part in parts {
            assert!(said.contains(part), "{said}");
        }
        assert!(said.contains(path.to_str().unwrap()), "{said}");
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_written() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::create_dir(at("inner")).unwrap();
        fs::write(at("inner/there"), "old").unwrap();
        symlink("there", at("inner/second")).unwrap();
        symlink("inner/second", at("first")).unwrap();
        symlink("inner/new", at("dangling")).unwrap();
        for (link, file) in [("first", "inner/there"), ("dangling", "inner/new")] {
            named(&at(link)).unwrap().write(b"new").unwrap();
            assert!(links::is_link(&at(link)), "{link}");
            assert_eq!(fs::read(at(file)).unwrap(), b"new");
            let [link, file] = [link, file].map(|name| named(&at(name)).unwrap());
            assert!(link.is_file_of(&file));
        }
        assert!(links::is_link(&at("inner/second")));
        symlink("round", at("round")).unwrap();
        refused(&at("round"), &["in a circle"]);
    }

    #[test]
    fn a_pipe_and_a_device_are_written_into() {
        let scratch = tempfile::tempdir().unwrap();
        let [pipe, full] = ["pipe", "full"].map(|name| scratch.path().join(name));
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let target = named(&pipe).unwrap();
        let read = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        target.write(b"team").unwrap();
        assert_eq!(read.join().unwrap(), b"team");
        assert!(!fs::metadata(&pipe).unwrap().is_file());
        assert!(
            !target.is_file_of(&target),
            "a pipe takes one after the other"
        );
        // By a link, so that a fault here replaces nothing in /dev.
        if Path::new("/dev/full").exists() {
            symlink("/dev/full", &full).unwrap();
            let said = named(&full).unwrap().write(b"team").unwrap_err();
            let said = format!("{said:#}");
            assert!(
                said.contains("full: No space left") && links::is_link(&full),
                "{said}"
            );
        }
        fs::remove_file(&pipe).unwrap();
        target.write(b"team").unwrap_err();
        assert!(!pipe.exists());
    }

    #[test]
    fn what_a_run_is_made_of_is_refused_by_whatever_name() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        fs::create_dir_all(at("run/checkpoints/00000004")).unwrap();
        let parts = [
            "config.toml",
            "metrics.jsonl",
            "final.json",
            "failure.json",
            ".lock",
            "graph.svg",
            "checkpoints/00000004/weights.safetensors",
            "tensorboard/new",
            "../run/config.toml",
        ];
        let refuse = || {
            for part in parts {
                let what = [
                    "is a part of the run in",
                    "with --out",
                    "run/team.safetensors",
                ];
                refused(&at("run").join(part), &what);
            }
        };
        // Its checkpoints are enough, and so are its settings.
        refuse();
        fs::write(at("run/config.toml"), "[run]").unwrap();
        fs::remove_dir_all(at("run/checkpoints")).unwrap();
        refuse();
        symlink("run/config.toml", at("link")).unwrap();
        refused(&at("link"), &["is a part of the run in"]);
        for other in [
            "run/team.safetensors",
            "run/replay.html",
            "config.toml",
            "graph.svg",
        ] {
            named(&at(other)).unwrap();
        }
        // A link in a run may be of whoever made the run.
        symlink("../mine", at("run/page.html")).unwrap();
        refused(&at("run/page.html"), &["symbolic link", "remove it"]);
    }

    #[test]
    fn what_cannot_be_written_is_named_before_it_is_tried() {
        let scratch = tempfile::tempdir().unwrap();
        let at = |name: &str| scratch.path().join(name);
        refused(&at("none/team"), &["there is no folder", "none;", "--out"]);
        let folder = scratch.path();
        refused(folder, &["it is a folder", "/team.safetensors"]);
        refused(&folder.join("."), &["it is a folder"]);
        symlink(folder, at("link")).unwrap();
        refused(&at("link"), &["it is a folder"]);
        fs::write(at("file"), "").unwrap();
        refused(&at("file/team"), &["there is no folder"]);
        // Files of a process: what is open here is a file without a name, and the name must stay what it is.
        let open = tempfile::NamedTempFile::new_in(folder).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(open.as_file());
        if Path::new("/proc/self/fd").exists() {
            let name = PathBuf::from(format!("/proc/self/fd/{number}"));
            refused(&name, &["which is open: name that one"]);
        }
    }
}
