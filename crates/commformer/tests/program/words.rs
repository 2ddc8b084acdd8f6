//! The words in which the program tells things.

use crate::{printed, program, words};
use std::process::Command;

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
        let output = Command::new(env!("CARGO_BIN_EXE_commformer"))
            .args(words(command))
            .env("COLUMNS", "80")
            .output();
        let said = printed(&output.unwrap());
        for line in said.lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
}
