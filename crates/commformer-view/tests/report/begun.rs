//! Reports of comparisons in which runs have not ended, are of an older file, or are alike but for rounding.

use crate::across::{SUCCESS, across, comparison, row};
use crate::{Sample, defaults, text};
use commformer_view::{Compared, Report};

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
    let line = "\r\nsmall,learned,success,2,1,0,0.715,0.71,0.72\r\n";
    assert!(metrics.contains(line), "{metrics}");
    let overall = text(&report, "tables/overall.csv");
    assert!(overall.contains("\r\nlearned,4,1,0.715,"), "{overall}");
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
    assert_eq!(learned, ["3 begun", "2 begun", "not on all tasks"]);
    assert!(report.file("tables/overall.csv").is_none());
    assert_eq!(text(&report, "tables/metrics.csv").lines().count(), 1);
}

#[test]
fn notes_of_the_comparison_stand_before_those_of_its_tasks() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = comparison(scratch.path());
    std::fs::remove_file(runs[0].folder.join("final.json")).unwrap();
    let notes = vec!["runs of an older method stay as they are".to_owned()];
    let report = Report::across("comparison", &runs, notes.clone(), defaults).unwrap();
    assert_eq!((report.notes.len(), &report.notes[0]), (2, &notes[0]));
    assert!(text(&report, Report::PAGE).contains(&notes[0]));
}

#[test]
fn a_tie_but_for_single_precision_is_one_over_all_tasks() {
    let scratch = tempfile::tempdir().unwrap();
    let mut runs = comparison(scratch.path());
    runs.retain(|run| run.seed == 1);
    // Returns that the common scale of their task draws apart: its ends are these two.
    for (at, run) in runs.iter().enumerate() {
        let path = run.folder.join("final.json");
        let told: String = std::fs::read_to_string(&path).unwrap();
        let mut told: serde_json::Value = serde_json::from_str(&told).unwrap();
        told.as_object_mut().unwrap().remove("success");
        told["return"]["mean"] = (50.0 + at as f64 * 1e-6).into();
        std::fs::write(path, told.to_string()).unwrap();
    }
    let improvements = text(&across(&runs), "tables/improvements.csv");
    assert!(
        improvements.contains("learned,silent,0.5,0.5,0.5"),
        "{improvements}"
    );
}
