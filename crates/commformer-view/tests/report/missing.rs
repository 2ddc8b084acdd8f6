//! Runs that lack something: the page says so, and nothing on it is blank.

use crate::{Sample, assert_well_formed, page, report};
use std::fs;
use std::path::Path;

/// A run that lacks something: what `spoil` does to its folder, and what the page then says.
fn check_missing(spoil: impl Fn(&Path), expected: &[&str]) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Sample::default().write(scratch.path(), "spoiled");
    spoil(&folder);
    // Alone, and beside a whole one.
    let other = Sample::seed(2).write(scratch.path(), "whole");
    for folders in [vec![folder.clone()], vec![folder, other]] {
        let report = report(&folders);
        let page = page(&report);
        let visible = page.replace("&#39;", "'").replace("&#96;", "`");
        for expected in expected {
            let said = report
                .notes
                .iter()
                .any(|note| note.contains(expected) && note.contains("spoiled"));
            assert!(said, "{expected}: {:?}", report.notes);
            assert!(visible.contains(expected), "{expected} is not on the page");
        }
        // No section is blank: below its head there is a paragraph, a table or a plot.
        for section in page.split("<section").skip(1) {
            let below = section.split("</h2>").nth(1).unwrap();
            let something = ["<p>", "<table", "<figure", "<dl"];
            assert!(something.iter().any(|tag| below.contains(tag)), "{section}");
        }
        for (name, bytes) in report
            .files
            .iter()
            .filter(|(name, _)| name.ends_with(".svg"))
        {
            let svg = std::str::from_utf8(bytes).unwrap();
            assert_well_formed(svg);
            let drawn = ["<polyline", "<rect", "<circle"]
                .iter()
                .any(|tag| svg.contains(tag));
            assert!(drawn, "{name} is blank");
        }
    }
}

fn rewrite(folder: &Path, file: &str, change: impl Fn(String) -> String) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(path, change(text)).unwrap();
}

#[test]
fn a_run_without_iterations_is_told() {
    let empty = |folder: &Path| {
        fs::remove_file(folder.join("metrics.jsonl")).unwrap();
        fs::remove_file(folder.join("final.json")).unwrap();
    };
    check_missing(
        empty,
        &[
            "has ended no iteration",
            "has no evaluation",
            "stands at 0 of 10k steps",
        ],
    );
}

#[test]
fn a_run_without_evaluations_is_told() {
    let without_evaluations = |folder: &Path| {
        rewrite(folder, "metrics.jsonl", |text| {
            let kept = text.lines().filter(|line| !line.contains("\"evaluation\""));
            kept.map(|line| format!("{line}\n")).collect()
        });
    };
    check_missing(without_evaluations, &["has no evaluation"]);
}

#[test]
fn metrics_that_are_not_finite_are_told() {
    let not_finite = |folder: &Path| {
        let sample = Sample::default();
        let value = format!("\"return\":{}", sample.success(3000) - 1.0);
        rewrite(folder, "metrics.jsonl", |text| {
            text.replace(&value, "\"return\":null")
        });
        rewrite(folder, "final.json", |text| {
            text.replace("\"success\":{\"mean\":0.71", "\"success\":{\"mean\":null")
        });
    };
    check_missing(
        not_finite,
        &[
            "`return` is no number in 1 of 10 iterations",
            "first at step 3k",
            "`success` is not finite in the final evaluation",
        ],
    );
}

#[test]
fn an_iteration_in_which_no_episode_ended_is_no_remark() {
    let scratch = tempfile::tempdir().unwrap();
    let sample = Sample::default();
    let folder = sample.write(scratch.path(), "run");
    let none_ended = |text: String, success: f64| {
        let ended = format!(
            "\"episodes\":3,\"return\":{},\"episode_steps\":{},",
            success - 1.0,
            20.0 - 10.0 * success
        );
        assert!(text.contains(&ended));
        text.replace(
            &ended,
            "\"episodes\":0,\"return\":null,\"episode_steps\":null,",
        )
    };
    rewrite(&folder, "metrics.jsonl", |text| {
        none_ended(text, sample.success(3000))
    });
    let found = report(std::slice::from_ref(&folder));
    assert_eq!(found.notes, [""; 0]);
    // A loss is finite in any case.
    rewrite(&folder, "metrics.jsonl", |text| {
        text.replacen("\"policy\":-0.01", "\"policy\":null", 3)
    });
    let notes = report(&[folder]).notes;
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("`losses.policy` is no number in 3 of 10"));
}

#[test]
fn a_metric_that_is_never_finite_is_told() {
    let nothing = |folder: &Path| {
        rewrite(folder, "metrics.jsonl", |text| {
            text.replace("\"policy\":-0.01", "\"policy\":null")
        });
    };
    check_missing(
        nothing,
        &["`losses.policy` is no number in 10 of 10 iterations"],
    );
}

#[test]
fn spoiled_lines_are_told() {
    let spoiled = |folder: &Path| {
        rewrite(folder, "metrics.jsonl", |text| {
            text.replacen("{\"kind\"", "{\"ki", 1) + "{\"kind\":\"iter"
        });
    };
    check_missing(
        spoiled,
        &["2 lines of metrics.jsonl cannot be read (the first is line 1)"],
    );
}

#[test]
fn files_of_another_layout_are_told() {
    let other = |folder: &Path| {
        rewrite(folder, "metrics.jsonl", |text| {
            text.replace("\"kind\"", "\"type\"")
        });
        rewrite(folder, "final.json", |text| {
            text.replace("trained_steps", "timesteps")
        });
    };
    check_missing(
        other,
        &[
            "written by another version",
            "holds no evaluation that this version knows",
        ],
    );
}

#[test]
fn a_run_that_failed_is_told() {
    check_missing(
        |folder| fs::write(folder.join("failure.json"), "{}").unwrap(),
        &["ended because numbers were not finite"],
    );
}
