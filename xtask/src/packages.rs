//! What `cargo xtask ci` asks of the crates as packages: each can be packaged, and all of them compile from what is in
//! their packages alone. And the programs of `tests/scratch`, outside the workspace, run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::ci::ADVICE;
use crate::{Failure, cargo, files};

/// Members of the workspace that are no packages.
const OTHERS: [&str; 2] = ["commformer-tests", "xtask"];

/// The programs of `tests/scratch`.
const SCRATCH: [&str; 3] = ["environments", "networks", "trainer"];

/// Packages every crate, unpacks them into a workspace of their own, and compiles that.
pub fn check(root: &Path) -> Result<(), Failure> {
    let target = cargo::target_folder(root);
    let mut package = cargo::command(root, "package");
    package.args(["--quiet", "--locked", "--offline", "--allow-dirty"]);
    // Verified below, all at once.
    package.args(["--workspace", "--no-verify"]);
    for other in OTHERS {
        package.args(["--exclude", other]);
    }
    package.arg("--target-dir").arg(&target);
    let archives = target.join("package");
    remove_archives(&archives).map_err(failed)?;
    cargo::carry_out(package, ADVICE)?;

    let workspace = target.join("packages");
    let unpacked = target.join("package/unpacked");
    let packages = unpack(&archives, &unpacked)?;
    assemble(root, &unpacked, &packages, &workspace).map_err(failed)?;
    let mut build = cargo::command_in(root, &workspace, "check");
    build.args(["--workspace", "--offline", "--quiet"]);
    // Tests are left out: they need files of the repository.
    build.args(["--lib", "--bins", "--examples"]);
    build.arg("--target-dir").arg(&target);
    cargo::carry_out(build, ADVICE)
}

/// Runs the programs of `tests/scratch`.
pub fn scratch(root: &Path) -> Result<(), Failure> {
    let folder = root.join("tests/scratch");
    let mut format = cargo::command_in(root, &folder, "fmt");
    format.args(["--all", "--check"]);
    cargo::carry_out(format, ADVICE)?;
    for program in SCRATCH {
        let mut run = cargo::command_in(root, &folder, "run");
        run.args(["--locked", "--package", program, "--target-dir"]);
        run.arg(cargo::target_folder(root));
        cargo::carry_out(run, ADVICE)?;
    }
    Ok(())
}

/// Those of crates that are gone would be looked at, too.
fn remove_archives(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "crate") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Unpacks every archive into an empty folder. The names of the folders in it.
fn unpack(archives: &Path, into: &Path) -> Result<Vec<String>, Failure> {
    files::remove_folder(into).map_err(failed)?;
    fs::create_dir_all(into).map_err(failed)?;
    let mut names = Vec::new();
    for entry in fs::read_dir(archives).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if let Some(name) = name.strip_suffix(".crate") {
            names.push(name.to_owned());
            let mut tar = Command::new("tar");
            tar.arg("-xzf").arg(&path).arg("-C").arg(into);
            cargo::carry_out(tar, ADVICE)?;
        }
    }
    names.sort();
    Ok(names)
}

/// Makes a workspace of the packages, with the workspace's own manifest and versions. Files that are the same stay
/// untouched, so that they are not compiled again.
fn assemble(root: &Path, unpacked: &Path, names: &[String], workspace: &Path) -> io::Result<()> {
    for name in names {
        let package = unpacked.join(name);
        // As it was written: it asks the workspace for versions.
        fs::rename(package.join("Cargo.toml.orig"), package.join("Cargo.toml"))?;
        // Differ with every commit, and nothing reads them here.
        fs::remove_file(package.join("Cargo.lock"))?;
        fs::remove_file(package.join(".cargo_vcs_info.json")).or_else(|error| {
            match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            }
        })?;
        let (crate_name, _) = name.rsplit_once('-').unwrap_or((name, ""));
        fs::rename(&package, unpacked.join(crate_name))?;
    }
    let manifest = manifest(&fs::read_to_string(root.join("Cargo.toml"))?, "packages");
    fs::create_dir_all(workspace)?;
    let lock = fs::read(root.join("Cargo.lock"))?;
    replace(&workspace.join("Cargo.toml"), manifest.as_bytes())?;
    update(unpacked, &workspace.join("packages"))?;
    // Cargo removes from it what only tests and xtask need.
    fs::write(workspace.join("Cargo.lock"), lock)
}

/// The manifest of a workspace whose members are in `folder`.
pub fn manifest(workspace: &str, folder: &str) -> String {
    let lines = workspace.lines().map(|line| match line {
        line if line.starts_with("members = ") => format!("members = [\"{folder}/*\"]"),
        line if line.starts_with("exclude = ") || line.starts_with("default-members = ") => {
            String::new()
        }
        line => line.replace("path = \"crates/", &format!("path = \"{folder}/")),
    });
    lines.map(|line| line + "\n").collect()
}

/// Makes `to` what `from` is.
pub fn update(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    let entries = |folder: &Path| -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    for old in entries(to)? {
        let still = old.file_name().is_some_and(|name| from.join(name).exists());
        match still {
            true => {}
            false if old.is_dir() => fs::remove_dir_all(&old)?,
            false => fs::remove_file(&old)?,
        }
    }
    for new in entries(from)? {
        let Some(name) = new.file_name() else {
            continue;
        };
        match new.is_dir() {
            true => update(&new, &to.join(name))?,
            false => replace(&to.join(name), &fs::read(&new)?)?,
        }
    }
    Ok(())
}

/// Writes a file that has other bytes, or is not there.
pub fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::read(file) {
        Ok(found) if found == bytes => Ok(()),
        _ => fs::write(file, bytes),
    }
}

fn failed(error: io::Error) -> Failure {
    files::no_room("the packages could not be laid out below target/", &error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn every_program_outside_the_workspace_is_run() {
        let folder = crate::root().join("tests/scratch");
        let entries = fs::read_dir(folder).expect("the folder").flatten();
        let mut programs: Vec<_> = entries
            .filter(|entry| entry.path().join("Cargo.toml").is_file())
            .map(|entry| entry.file_name())
            .collect();
        programs.sort();
        assert_eq!(programs, SCRATCH);
    }

    #[test]
    fn a_workspace_of_packages_has_the_workspaces_versions() {
        let written = "[workspace]\nmembers = [\"crates/*\", \"tests\"]\nexclude = [\"tests/fuzz\"]\n\
                       a = { path = \"crates/a\", version = \"1\" }\nb = \"2\"\n";
        let made = manifest(written, "packages");
        assert_eq!(
            made,
            "[workspace]\nmembers = [\"packages/*\"]\n\na = { path = \"packages/a\", version = \"1\" }\nb = \"2\"\n"
        );
    }

    #[test]
    fn files_that_are_gone_go_and_the_same_ones_stay() {
        let folder = Scratch::new("packages");
        let (from, to) = (folder.join("from"), folder.join("to"));
        let write = |path: PathBuf, text: &str| {
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        write(from.join("src/same"), "1");
        write(from.join("src/new"), "2");
        write(to.join("src/same"), "1");
        write(to.join("src/new"), "old");
        write(to.join("gone/file"), "3");
        let time = |name: &str| fs::metadata(to.join(name)).and_then(|data| data.modified());
        let before = time("src/same").expect("a time");
        update(&from, &to).expect("updated");
        assert_eq!(time("src/same").expect("a time"), before);
        assert_eq!(fs::read_to_string(to.join("src/new")).expect("text"), "2");
        assert!(!to.join("gone").exists());
    }
}
