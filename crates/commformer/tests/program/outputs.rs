//! Files that the user names, to be written: what is there is not lost.

use crate::strangers::files;
use crate::{complaint, printed, program, train, words};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

#[test]
fn an_output_that_the_user_names_costs_no_run_no_link_and_no_pipe() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &words("signal --run run")));
    let before = files(&folder.join("run"));
    let all = [
        "export --run run --out",
        "replay --run run --episodes 1 --out",
        "replay --run run --episodes 1 --gif",
    ];
    let refused = |command: &str, name: &str, parts: &[&str]| {
        let line = format!("{command} {name}");
        let said = complaint(&program(folder, &words(&line)), 1);
        for part in parts {
            assert!(said.contains(part), "{line}: {said}");
        }
        // The other file of a replay is not written either.
        assert_eq!(files(&folder.join("run")), before, "{line}");
    };
    symlink("run/final.json", folder.join("link")).unwrap();
    for command in all {
        let option = command.rsplit(' ').next().unwrap();
        for name in ["run/config.toml", "run/checkpoints/mine", "link"] {
            let what = [name, " is a part of the run in ", option, ", such as "];
            refused(command, name, &what);
        }
        let what = ["cannot write none/a: there is no folder ", option];
        refused(command, "none/a", &what);
        let what = ["cannot write run: it is a folder", option, "run/"];
        refused(command, "run", &what);
    }
    let made = Command::new("mkfifo").arg(folder.join("pipe")).status();
    assert!(made.unwrap().success());
    symlink("file", folder.join("link-of-mine")).unwrap();
    for (command, begins) in all
        .into_iter()
        .zip([&b""[..], b"<!doctype html>", b"GIF89a"])
    {
        let mut written = Vec::new();
        for name in ["link-of-mine", "pipe"] {
            let reader = std::thread::spawn({
                let path = folder.join(name);
                move || (name == "pipe").then(|| fs::read(path).unwrap())
            });
            printed(&program(folder, &words(&format!("{command} {name}"))));
            let read = reader.join().unwrap();
            written.push(read.unwrap_or_else(|| fs::read(folder.join("file")).unwrap()));
        }
        assert!(written[0].starts_with(begins) && !written[0].is_empty());
        // A page has the command that made it, which does not name the page.
        assert_eq!(written[0], written[1], "{command}");
        let output = program(folder, &words(&format!("{command} /dev/stdout")));
        assert!(output.stdout == written[0], "{command}: more than it wrote");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("/dev/stdout: "), "{said}");
        fs::remove_file(folder.join("file")).unwrap();
    }
    assert!(
        fs::symlink_metadata(folder.join("link-of-mine"))
            .unwrap()
            .is_symlink()
    );
    assert!(!fs::metadata(folder.join("pipe")).unwrap().is_file());
}
