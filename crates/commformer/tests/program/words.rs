//! The words in which the program tells things.

use crate::{printed, program, words};

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
