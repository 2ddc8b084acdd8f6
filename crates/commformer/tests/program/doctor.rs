//! What `doctor` prints.

use crate::{complaint, printed, program};
use std::path::Path;

/// Where the doctor's values begin, after four spaces and a key.
const VALUES: usize = 20;

/// Keys and values of what `doctor` prints; a value that goes on in further lines is cut.
#[track_caller]
fn told(said: &str) -> Vec<(&str, &str)> {
    let lines = said.lines().filter(|line| !line.is_empty());
    let pairs = lines.map(|line| {
        assert!(line.starts_with("    "), "{line}");
        let (key, value) = line.split_at(VALUES);
        (key.trim(), value)
    });
    pairs.filter(|(key, _)| !key.is_empty()).collect()
}

#[test]
fn a_doctor_tells_each_fact_once_and_finds_nothing_wrong() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let said = printed(&program(folder, &["doctor", "--seconds", "0.1"]));
    let told = told(&said);
    let keys: Vec<_> = told.iter().map(|(key, _)| *key).collect();
    let facts = [
        "commformer",
        "libtorch",
        "CUDA",
        "system",
        "processor",
        "vectors",
        "threads",
        "memory",
        "disk",
        "environment",
    ];
    let checks = [
        "kernels",
        "speed",
        "repeatable",
        "learning",
        "checkpoint",
        "GPU",
    ];
    assert_eq!(keys, [&facts[..], &checks].concat());
    let values = told.iter().map(|(_, value)| *value);
    for value in values.clone().take(facts.len()) {
        assert!(!value.is_empty() && !value.starts_with(' '), "{said}");
    }
    for value in values.skip(facts.len()) {
        let well = value.starts_with("ok: ") || value.starts_with("skipped: ");
        assert!(well, "{said}");
    }
    assert!(said.contains("steps/s"), "{said}");
    // It has one name.
    assert!(!said.contains("AVX512"), "{said}");
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

/// Even the superuser can make no folder in /proc.
#[cfg(target_os = "linux")]
#[test]
fn a_doctor_in_a_folder_that_takes_no_file_says_so_and_goes_on() {
    let output = program(Path::new("/proc"), &["doctor", "--seconds", "0.1"]);
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    let message = complaint(&output, 1);
    assert!(
        message.starts_with("error: failed here: checkpoint;"),
        "{message}"
    );
    let told = told(&said);
    let value = |key: &str| told.iter().find(|(found, _)| *found == key).unwrap().1;
    let found = value("checkpoint");
    assert!(
        found.starts_with("FAILED: cannot make a folder in the current one: "),
        "{said}"
    );
    assert!(found.contains("(os error "), "{said}");
    assert!(!value("GPU").is_empty(), "{said}");
    // It lies on no disk, and not on the one around it.
    assert!(value("disk").ends_with("not known"), "{said}");
}
