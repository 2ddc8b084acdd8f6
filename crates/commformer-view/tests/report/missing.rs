//! Runs that lack something: the page says so, and nothing on it is blank.

use crate::{Sample, assert_well_formed, page, report, text};
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

pub fn rewrite(folder: &Path, file: &str, change: impl Fn(String) -> String) {
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
fn a_metric_that_some_iterations_lack_is_averaged_over_the_same_neighbours() {
    let scratch = tempfile::tempdir().unwrap();
    // Two iterations make a point.
    let run = |seed| {
        let sample = Sample {
            iterations: 152,
            ..Sample::seed(seed)
        };
        sample.write(scratch.path(), &seed.to_string())
    };
    let folders = [1, 2].map(run);
    rewrite(&folders[0], "metrics.jsonl", |text| {
        let without = |line: &str| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            if [1, 11, 12].contains(&line["iteration"].as_u64().unwrap_or(0)) {
                line["metrics"] = serde_json::json!({});
            }
            format!("{line}\n")
        };
        text.lines().map(without).collect()
    });
    let report = report(&folders);
    let table = text(&report, "tables/training.csv");
    let at = |steps: u64| {
        let begin = format!("predator-prey,metrics.success,{steps},2,");
        let line = table.lines().find(|line| line.starts_with(&begin))?;
        line[begin.len()..].split(',').next()?.parse::<f64>().ok()
    };
    let close = |found: Option<f64>, expected: f64| (found.unwrap() - expected).abs() < 1e-9;
    // 0.31, of the second iteration alone, and the mean of 0.27 and 0.32.
    assert!(close(at(2000), (0.31 + 0.295) / 2.0), "{table}");
    assert!(close(at(4000), (0.385 + 0.395) / 2.0), "{table}");
    assert_eq!(at(12_000), None, "{table}");
    // The gap divides the band.
    let svg = text(&report, "plots/training-metrics-success.svg");
    assert_eq!(svg.matches("<polygon").count(), 2, "{svg}");
}

#[test]
fn a_line_that_one_run_lacks_ends_no_thick_curve() {
    let scratch = tempfile::tempdir().unwrap();
    // Three iterations make a point.
    let run = |seed| {
        let sample = Sample {
            iterations: 400,
            every: 1,
            ..Sample::seed(seed)
        };
        sample.write(scratch.path(), &seed.to_string())
    };
    let folders = [1, 2, 3].map(run);
    rewrite(&folders[1], "metrics.jsonl", |text| {
        let spoiled = text.replace("\"iteration\":12,", "");
        let evaluation = "\"evaluation\",\"steps\":12000,";
        assert!(spoiled.len() < text.len() && spoiled.contains(evaluation));
        spoiled.replace(evaluation, "\"evaluation\",")
    });
    let report = report(&folders);
    for (file, metric) in [("training", "metrics.success"), ("evaluations", "success")] {
        let table = text(&report, &format!("tables/{file}.csv"));
        let begin = format!("predator-prey,{metric},");
        let points = table.lines().filter_map(|line| line.strip_prefix(&begin));
        let steps = points.map(|line| line.split(',').next().unwrap().parse().unwrap());
        let expected: Vec<u64> = (1..=133)
            .map(|point| 3000 * point)
            .chain([400_000])
            .collect();
        assert_eq!(steps.collect::<Vec<u64>>(), expected, "{file}");
    }
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

#[test]
fn a_run_that_failed_is_not_one_that_goes_on() {
    let scratch = tempfile::tempdir().unwrap();
    let folders = crate::two_methods(scratch.path());
    fs::remove_file(folders[1].join("final.json")).unwrap();
    fs::write(folders[1].join("failure.json"), "{}").unwrap();
    let page = page(&report(&folders));
    for told in [
        "5 runs, 1 failed",
        "1 run has failed: it is in no number here.",
        "0.72 (0.71 to 0.73), 1 failed",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    assert!(!page.contains("1 begun"), "{page}");
}

#[test]
fn a_run_without_an_evaluation_is_not_among_those_that_have_one_in_common() {
    let scratch = tempfile::tempdir().unwrap();
    let folders = crate::two_methods(scratch.path());
    for folder in &folders {
        fs::remove_file(folder.join("final.json")).unwrap();
    }
    rewrite(&folders[1], "metrics.jsonl", |text| {
        let kept = text.lines().take(1);
        kept.map(|line| format!("{line}\n")).collect()
    });
    let page = page(&report(&folders));
    let told = "the last evaluation while training that all of them have, after 10k steps. 1 run has no evaluation yet: it is in \
                no number here.";
    assert!(page.contains(told), "{page}");
    assert!(page.contains("0.72 (0.71 to 0.73), 1 begun"), "{page}");
}
