//! The words in which the program tells things.

use crate::{SMALL, printed, program, read, train, words};
use std::path::Path;

#[test]
fn settings_have_no_addresses_of_links_outside_the_book() {
    let scratch = tempfile::tempdir().unwrap();
    let said = |line: &str| printed(&program(scratch.path(), &words(line)));
    for line in [
        "settings",
        "settings ppo.max_grad_norm",
        "settings --json-schema",
    ] {
        let said = said(line);
        assert!(!said.contains(".md"), "{line}: {said}");
    }
    let gate = said("settings gate");
    assert!(gate.contains("what that may cost (the gate)."), "{gate}");
}

#[test]
fn help_fits_the_terminal_and_breaks_between_words() {
    for command in ["help", "train --help", "bench act --help"] {
        let mut help = crate::command(Path::new("."), &words(command));
        let said = printed(&help.env("COLUMNS", "80").output().unwrap());
        for line in said.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
}

/// Names and meanings of commands, as lines of help have them: what stands further to the right goes on with a line.
fn commands(lines: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in lines.lines().filter_map(|line| line.strip_prefix("  ")) {
        match (line.strip_prefix("    "), found.last_mut()) {
            (Some(more), Some((_, about))) => *about += &format!(" {}", more.trim()),
            _ => {
                let (name, about) = line.split_once(' ').unwrap();
                found.push((name.to_owned(), about.trim().to_owned()));
            }
        }
    }
    found
}

#[test]
fn cargo_xtask_lists_the_commands_that_the_program_has() {
    let said = printed(&program(Path::new("."), &["help"]));
    let (_, said) = said.split_once("\nCommands:\n").unwrap();
    let (said, _) = said.split_once("\n\n").unwrap();
    let mut own = commands(said);
    assert_eq!(own.pop().unwrap().0, "help");
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xtask/src/help.txt");
    let list = read(&list);
    let (_, list) = list.split_once("\nCommands of the program").unwrap();
    let (list, _) = list.split_once("\n\n").unwrap();
    assert_eq!(commands(list), own);
}

#[test]
fn a_run_says_how_many_steps_it_makes_and_what_its_metrics_are_in() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    // Iterations of 40 steps.
    let (last, most) = SMALL.split_last().unwrap();
    assert_eq!(*last, "160");
    let small = [&["train", "signal", "--run", "run"], most, &["100"]].concat();
    let output = program(folder, &small);
    let said = printed(&output);
    for part in [
        " for 120 steps (100 are not a whole number of iterations) on cpu",
        "Trained 120 steps",
        "   per agent and step\n",
        "   reward per agent and episode\n",
        "  final.json     the best checkpoint's metrics, each episode's, and the settings",
    ] {
        assert!(said.contains(part), "no {part:?} in\n{said}");
    }
    let progress = String::from_utf8(output.stderr).unwrap();
    assert!(progress.contains("40 of 120 steps"), "{progress}");
    // What is recorded is what was asked for.
    assert!(read(&folder.join("run/config.toml")).contains("\nsteps = 100\n"));
    let again = printed(&program(folder, &["train", "--run", "run"]));
    assert!(
        again.contains("The run in run has taken its 120 steps; its last evaluation is made again"),
        "{again}"
    );
    let evaluated = printed(&program(folder, &["eval", "--run", "run"]));
    assert!(
        evaluated.contains("   bytes per agent and step\n"),
        "{evaluated}"
    );

    let whole = printed(&train(folder, &["signal", "--run", "whole"]));
    assert!(whole.contains(" for 160 steps on cpu"), "{whole}");
}
