//! Reports of comparisons in which runs have not ended, are of an older file, or are alike but for rounding.

use crate::across::{SUCCESS, across, comparison, row};
use crate::missing::rewrite;
use crate::{Sample, defaults, text};
use commformer_view::{Compared, Report};
use std::collections::BTreeMap;

#[test]
fn begun_runs_are_in_no_number_and_are_counted() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = comparison(scratch.path());
    let ended = across(&runs);
    // One more seed of a method, at half of its training.
    let half = Sample {
        iterations: 5,
        ended: false,
        each: true,
        ..Sample::seed(3)
    };
    let mut more = runs;
    more.push(Compared {
        task: "small".into(),
        method: "learned".into(),
        seed: 3,
        folder: half.write(scratch.path(), "small/learned/seed-3"),
        failed: None,
    });
    let report = across(&more);
    for table in ["improvements", "profiles"] {
        let table = format!("tables/{table}.csv");
        assert_eq!(text(&report, &table), text(&ended, &table));
    }
    let metrics = text(&report, "tables/metrics.csv");
    let line = "\r\nsmall,learned,success,2,1,0,0,0,0.715,0.71,0.72\r\n";
    assert!(metrics.contains(line), "{metrics}");
    let overall = text(&report, "tables/overall.csv");
    assert!(overall.contains("\r\nlearned,4,1,0,0,0.715,"), "{overall}");
    let page = text(&report, Report::PAGE);
    let learned = row(&page, SUCCESS, "learned").unwrap();
    assert_eq!(learned[0], "0.715 (0.71 to 0.72), 1 begun");
    assert!(page.contains("4 runs, 1 begun"), "{page}");
    let of_task = text(&report, "small/report.html");
    for part in [
        "4 runs, 1 begun",
        "0.715 (0.71 to 0.72), 1 begun",
        "1 run has not ended: it is in no number here.",
    ] {
        assert!(of_task.contains(part), "{part}");
    }
    // Where none has ended there is no number at all, and all are counted.
    for run in &more {
        let _ = std::fs::remove_file(run.folder.join("final.json"));
    }
    let report = across(&more);
    let page = text(&report, Report::PAGE);
    let learned = row(&page, SUCCESS, "learned").unwrap();
    assert_eq!(learned, ["3 begun", "2 begun", "not on all tasks, 5 begun"]);
    assert!(report.file("tables/overall.csv").is_none());
    let metrics = text(&report, "tables/metrics.csv");
    let counted = [
        "small,learned,success,0,3,0,0,0,,,",
        "small,silent,success,0,2,0,0,0,,,",
        "large,learned,success,0,2,0,0,0,,,",
        "large,silent,success,0,1,1,0,0,,,",
    ];
    assert_eq!(metrics.lines().skip(1).collect::<Vec<_>>(), counted);
    // Success has its scale from 0 to 1 before any run is at its end.
    let efficiency = text(&report, "tables/efficiency.csv");
    let last = |method: &str| {
        let mut lines = efficiency.lines();
        let last = lines.rfind(|line| line.starts_with(method));
        last.and_then(|line| line.split(',').nth(1))
            .map(str::to_owned)
    };
    assert_eq!(last("learned,").as_deref(), Some("0.5"), "{efficiency}");
    assert_eq!(last("silent,").as_deref(), Some("1"), "{efficiency}");
    assert!(report.file("plots/overall-efficiency.svg").is_some());
}

#[test]
fn notes_of_the_comparison_stand_before_those_of_its_tasks() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = comparison(scratch.path());
    std::fs::remove_file(runs[0].folder.join("final.json")).unwrap();
    let notes = vec!["runs of an older method stay as they are".to_owned()];
    let report = Report::across(
        "comparison",
        &runs,
        &BTreeMap::new(),
        notes.clone(),
        defaults,
    )
    .unwrap();
    assert_eq!((report.notes.len(), &report.notes[0]), (2, &notes[0]));
    assert!(text(&report, Report::PAGE).contains(&notes[0]));
}

/// Gives runs no success, and returns that differ by what single precision leaves of a tie.
fn alike(runs: &[Compared]) {
    for (at, run) in runs.iter().enumerate() {
        rewrite(&run.folder, "final.json", |text| {
            let mut told: serde_json::Value = serde_json::from_str(&text).unwrap();
            told.as_object_mut().unwrap().remove("success");
            told["return"]["mean"] = (50.0 + at as f64 * 1e-6).into();
            told.to_string()
        });
    }
}

#[test]
fn a_tie_but_for_single_precision_is_one_over_all_tasks() {
    let scratch = tempfile::tempdir().unwrap();
    let mut runs = comparison(scratch.path());
    runs.retain(|run| run.seed == 1);
    // Returns that the common scale of their task draws apart: its ends are these two.
    alike(&runs);
    let report = across(&runs);
    let improvements = text(&report, "tables/improvements.csv");
    assert!(
        improvements.contains("learned,silent,0.5,0.5,0.5"),
        "{improvements}"
    );
    // Nor is one of them at the top of a scale and the other at its foot.
    let page = text(&report, Report::PAGE);
    assert!(
        page.contains("There is no common scale: small: left out"),
        "{page}"
    );
    assert_eq!(
        row(&page, SUCCESS, "learned").unwrap()[2],
        "no common scale"
    );
    assert!(report.file("tables/overall.csv").is_none());
    assert_eq!(text(&report, "tables/efficiency.csv").lines().count(), 1);
}

#[test]
fn a_task_on_which_all_runs_are_alike_is_not_on_the_common_scale() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = comparison(scratch.path());
    let small = runs.iter().filter(|run| run.task == "small");
    alike(&small.cloned().collect::<Vec<_>>());
    let report = across(&runs);
    let overall = text(&report, "tables/overall.csv");
    // Those of the other task alone.
    assert!(
        overall.contains("\r\nlearned,2,0,0,0,0.715,0.71,0.72\r\n"),
        "{overall}"
    );
    assert!(
        overall.contains("\r\nsilent,1,0,1,0,0.51,0.51,0.51\r\n"),
        "{overall}"
    );
    let page = text(&report, Report::PAGE);
    let told = "small: left out, for the return of all runs is the same; large: success.";
    assert!(page.contains(told), "{page}");
    let learned = row(&page, SUCCESS, "learned").unwrap();
    assert_eq!(learned[2], "0.715 (0.71 to 0.72)");
    assert!(text(&report, "tables/efficiency.csv").contains("\r\nlearned,1,0.715,0.71,0.72\r\n"));
}

#[test]
fn a_single_run_at_its_end_makes_no_scale() {
    let scratch = tempfile::tempdir().unwrap();
    let mut runs = comparison(scratch.path());
    runs.retain(|run| run.task == "small" && run.seed == 1);
    alike(&runs[..1]);
    std::fs::remove_file(runs[1].folder.join("final.json")).unwrap();
    // That the method has its scores is not yet enough for it.
    runs[1].failed = Some("no memory".into());
    runs[1].method = "learned".into();
    let page = text(&across(&runs), Report::PAGE);
    let told = "small: left out, for one run alone makes no scale of the return.";
    assert!(page.contains(told), "{page}");
}

#[test]
fn a_success_in_per_cent_is_on_the_scale_of_its_runs() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = comparison(scratch.path());
    for run in runs.iter().filter(|run| run.task == "small") {
        rewrite(&run.folder, "final.json", |text| {
            let mut told: serde_json::Value = serde_json::from_str(&text).unwrap();
            let success = told["success"]["mean"].as_f64().unwrap();
            told["success"]["mean"] = (100.0 * success).into();
            told.to_string()
        });
    }
    let report = across(&runs);
    let told = "small: success, from the lowest run, 51 (0), to the highest, 72 (1); large: success. A scale from the lowest to";
    let page = text(&report, Report::PAGE);
    assert!(page.contains(told), "{page}");
    assert!(text(&report, "tables/overall.csv").contains("\r\nlearned,4,0,0,0,0.836"));
    // Per cent as they are meant: what is said of learned does not depend on the others any more.
    let scales = BTreeMap::from([("small".to_owned(), [0.0, 100.0])]);
    let fixed = Report::across("comparison", &runs, &scales, Vec::new(), defaults).unwrap();
    let page = text(&fixed, Report::PAGE);
    assert!(
        page.contains("small: success, from 0 (0) to 100 (1); large: success. Every task"),
        "{page}"
    );
    let overall = text(&fixed, "tables/overall.csv");
    assert!(
        overall.contains("\r\nlearned,4,0,0,0,0.715,0.71,0.72\r\n"),
        "{overall}"
    );
    // A single run has its place on such a scale, too.
    let alone = Report::across("comparison", &runs[..1], &scales, Vec::new(), defaults).unwrap();
    assert!(text(&alone, "tables/overall.csv").contains("\r\nlearned,1,0,0,0,0.71"));
    let aggregates = |task: &str| text(&report, &format!("{task}/tables/aggregates.csv"));
    let [small, large] = ["small", "large"].map(|task| aggregates(task).contains("optimality gap"));
    assert_eq!([small, large], [false, true]);
}

#[test]
fn a_task_on_which_all_runs_failed_stays() {
    let scratch = tempfile::tempdir().unwrap();
    let mut runs = comparison(scratch.path());
    for run in runs.iter_mut().filter(|run| run.task == "large") {
        run.failed = Some("no memory".into());
    }
    let report = across(&runs);
    let page = text(&report, Report::PAGE);
    assert!(page.contains("2 tasks · 2 methods · 8 runs"), "{page}");
    let learned = row(&page, SUCCESS, "learned").unwrap();
    assert_eq!(learned[1..], ["2 failed", "not on all tasks, 2 failed"]);
    assert_eq!(row(&page, "large", "silent").unwrap(), ["2 failed"]);
    let metrics = text(&report, "tables/metrics.csv");
    assert!(
        metrics.contains("\r\nlarge,learned,return,0,0,2,0,0,,,\r\n"),
        "{metrics}"
    );
    assert!(report.file("tables/overall.csv").is_none());
    let notes = ["large: has no page of its own, for every run that began has failed."];
    assert_eq!(report.notes, notes);
    assert!(report.file("small/report.html").is_some());
    // Where no run is left at all, the failures are.
    for run in &mut runs {
        run.failed = Some("no memory".into());
    }
    let page = text(&across(&runs), Report::PAGE);
    assert!(page.contains("8 runs have failed"), "{page}");
}
