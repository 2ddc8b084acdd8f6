//! Reports of made-up runs: what is on the page, and that it says what is missing.

mod sample;

use commformer_view::{Report, ReportError};
use sample::Sample;
use std::fs;
use std::path::{Path, PathBuf};

fn defaults(task: &str) -> toml::Table {
    let text = format!(
        "[env]\nkind = \"{task}\"\ndim = 5\n[graph]\nmode = \"learned\"\n[run]\nseed = 1\nsteps = 600000\n"
    );
    text.parse().unwrap()
}

fn report(folders: &[PathBuf]) -> Report {
    Report::of(folders, defaults).unwrap()
}

fn refused(folders: &[PathBuf]) -> String {
    Report::of(folders, defaults).unwrap_err().to_string()
}

fn text(report: &Report, file: &str) -> String {
    let bytes = report.file(file).unwrap_or_else(|| panic!("no {file}"));
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn page(report: &Report) -> String {
    text(report, Report::PAGE)
}

/// Three seeds each of a learned graph and of none.
fn two_methods(parent: &Path) -> Vec<PathBuf> {
    let run = |graph: &str, seed| {
        let sample = Sample {
            graph: graph.into(),
            ..Sample::seed(seed)
        };
        sample.write(parent, &format!("{graph}-{seed}"))
    };
    let learned = [1, 2, 3].map(|seed| run("learned", seed));
    learned
        .into_iter()
        .chain([1, 2, 3].map(|seed| run("none", seed)))
        .collect()
}

/// Tags that are opened are closed, and no number is none.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap();
        let name = inside.split([' ', '\n']).next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !inside.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for wrong in ["NaN", "inf ", "\"inf"] {
        assert!(!svg.contains(wrong), "{wrong}: {svg}");
    }
}

#[test]
fn the_same_runs_give_the_same_bytes() {
    let scratch = tempfile::tempdir().unwrap();
    let folders = two_methods(scratch.path());
    assert_eq!(report(&folders), report(&folders));
}

#[test]
fn methods_are_told_by_what_differs() {
    let scratch = tempfile::tempdir().unwrap();
    let report = report(&two_methods(scratch.path()));
    let page = page(&report);
    assert_eq!(report.notes, Vec::<String>::new());
    for name in ["graph.mode = learned", "graph.mode = none"] {
        assert!(page.contains(&format!("<strong>{name}</strong>")), "{name}");
    }
    assert!(page.contains("6 runs · 2 methods"));
    for section in [
        "figures",
        "comparison",
        "evaluations",
        "training",
        "communication",
        "graph",
        "time",
        "configuration",
        "meaning",
    ] {
        assert!(
            page.contains(&format!("<section id=\"{section}\">")),
            "{section}"
        );
        assert!(page.contains(&format!("href=\"#{section}\"")), "{section}");
    }
    let names: Vec<&str> = report.files.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "plots/evaluation-success.svg",
        "plots/training-losses-entropy.svg",
        "plots/listening-listening-bytes.svg",
        "plots/profile-return.svg",
        "plots/improvement-success.svg",
        "plots/graph-method-2.svg",
        "plots/time-phases.svg",
        "tables/aggregates.csv",
    ] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    for (name, bytes) in report
        .files
        .iter()
        .filter(|(name, _)| name.ends_with(".svg"))
    {
        let svg = std::str::from_utf8(bytes).unwrap();
        assert_well_formed(svg);
        let inline = svg.split("</style>").nth(1).unwrap();
        assert!(page.contains(inline), "{name} is not on the page");
    }
}

/// Successes at the end are 0.71, 0.72, 0.73 and 0.51, 0.52, 0.53: no quarter of three runs is a run.
#[test]
fn tables_hold_the_figures_worked_out_by_hand() {
    let scratch = tempfile::tempdir().unwrap();
    let report = report(&two_methods(scratch.path()));
    let aggregates = text(&report, "tables/aggregates.csv");
    let number = |line: &str, column: usize| -> f64 {
        line.trim_end()
            .split(',')
            .nth(column)
            .unwrap()
            .parse()
            .unwrap()
    };
    let line = |table: &str, start: &str| -> String {
        table
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap()
            .to_owned()
    };
    for (statistic, expected) in [("IQM", 0.72), ("median", 0.72), ("optimality gap", 0.28)] {
        let line = line(
            &aggregates,
            &format!("graph.mode = learned,success,{statistic},3,"),
        );
        assert!((number(&line, 4) - expected).abs() < 1e-9, "{line}");
    }
    // A return has no scale on which 1 is the best.
    assert!(!aggregates.contains("return,optimality gap"));
    let improvements = text(&report, "tables/improvements.csv");
    let won = line(
        &improvements,
        "graph.mode = learned,graph.mode = none,success,",
    );
    assert!(won.ends_with(",success,1,1,1"), "{won}");
    let profiles = text(&report, "tables/profiles.csv");
    let share = line(&profiles, "graph.mode = none,success,0.5166");
    assert!((number(&share, 3) - 2.0 / 3.0).abs() < 1e-9, "{share}");
    // In the middle of training: 0.2 + 0.2 + 0.01 * seed.
    let evaluations = text(&report, "tables/evaluations.csv");
    let at = line(&evaluations, "graph.mode = learned,success,4000,3,");
    assert!((number(&at, 4) - 0.42).abs() < 1e-9, "{at}");
    assert!(number(&at, 5) < 0.42 && number(&at, 6) > 0.42, "{at}");
}

#[test]
fn the_page_loads_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let page = page(&report(&two_methods(scratch.path())));
    for outside in [
        "<script", "<link", "<img", "<iframe", "url(", "@import", " src=",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    let links = page.split("href=\"").skip(1);
    assert!(links.clone().count() > 5);
    assert!(links.into_iter().all(|link| link.starts_with('#')));
}

#[test]
fn hostile_names_stay_text() {
    let scratch = tempfile::tempdir().unwrap();
    let folders = ["<script>alert(1)</script>", "plain"].map(|graph| {
        let sample = Sample {
            graph: format!("{graph}\u{0}\"'&"),
            ..Sample::default()
        };
        let folder = sample.write(scratch.path(), &format!("<img onerror=x>{}", graph.len()));
        let mut metrics = sample
            .metrics()
            .replace("\"success\":", "\"../</svg><script>\\u0000\":");
        metrics.push_str(
            &sample
                .metrics()
                .replace("\"success\":", "\"../</svg><script>\\u0001\":"),
        );
        fs::write(folder.join("metrics.jsonl"), metrics).unwrap();
        folder
    });
    let report = report(&folders);
    let page = page(&report);
    for wrong in ["<script", "<img", "</svg><", "\u{0}"] {
        assert!(!page.contains(wrong), "{wrong:?}");
    }
    assert!(page.contains("script"));
    let names: Vec<&String> = report.files.iter().map(|(name, _)| name).collect();
    for (index, name) in names.iter().enumerate() {
        assert!(
            !name.contains("..") && name.matches('/').count() <= 1,
            "{name}"
        );
        assert!(!names[index + 1..].contains(name), "{name} is there twice");
    }
    for (name, bytes) in &report.files {
        if name.ends_with(".svg") {
            assert_well_formed(std::str::from_utf8(bytes).unwrap());
        }
    }
}

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
    let unjudged = |folder: &Path| {
        rewrite(folder, "metrics.jsonl", |text| {
            let kept = text.lines().filter(|line| !line.contains("\"evaluation\""));
            kept.map(|line| format!("{line}\n")).collect()
        });
    };
    check_missing(unjudged, &["has no evaluation"]);
}

#[test]
fn figures_that_are_not_finite_are_told() {
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
fn a_figure_that_is_never_finite_is_told() {
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
fn runs_that_have_not_ended_are_compared_by_their_last_evaluations() {
    let scratch = tempfile::tempdir().unwrap();
    let mut folders = two_methods(scratch.path());
    let killed = Sample {
        ended: false,
        iterations: 5,
        ..Sample::seed(4)
    };
    folders.push(killed.write(scratch.path(), "killed"));
    let report = report(&folders);
    assert!(page(&report).contains("Not all runs have ended"));
    // 0.2 + 0.2 + 0.04 after 4,000 of 10,000 steps.
    let figures = text(&report, "tables/figures.csv");
    let line = figures
        .lines()
        .find(|line| line.contains("killed,success,4,"))
        .unwrap();
    let mean: f64 = line.split(',').nth(4).unwrap().parse().unwrap();
    assert!((mean - 0.44).abs() < 1e-9, "{line}");
    // It has no absolute metrics.
    assert!(!text(&report, "marl-eval.json").contains("seed_4"));
}

#[test]
fn a_folder_without_a_run_is_refused_by_name() {
    let scratch = tempfile::tempdir().unwrap();
    let said = refused(&[scratch.path().to_owned()]);
    assert!(
        said.contains(scratch.path().to_str().unwrap()) && said.contains("commformer train"),
        "{said}"
    );
    assert!(matches!(Report::of(&[], defaults), Err(ReportError::NoRun)));
}

#[test]
fn runs_of_two_tasks_are_refused_with_what_differs() {
    let scratch = tempfile::tempdir().unwrap();
    let run = |kind: &str, dim| {
        let sample = Sample {
            task: (kind.into(), dim),
            ..Sample::default()
        };
        sample.write(scratch.path(), &format!("{kind}-{dim}"))
    };
    let first = run("predator-prey", 5);
    let said = refused(&[first.clone(), run("predator-prey", 10)]);
    assert!(
        said.contains("env.dim is 10 there and 5 here") && said.contains("predator-prey-10"),
        "{said}"
    );
    let said = refused(&[first, run("signal", 5)]);
    assert!(
        said.contains("env.kind is signal there and predator-prey here"),
        "{said}"
    );
}

#[test]
fn a_run_that_would_count_twice_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Sample::default().write(scratch.path(), "one");
    let copy = Sample::default().write(scratch.path(), "copy");
    for second in [folder.clone(), copy] {
        let said = refused(&[folder.clone(), second]);
        assert!(
            said.contains("are one run") && said.contains("leave one out"),
            "{said}"
        );
    }
}

#[test]
fn more_methods_than_colours_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let run = |number: usize| {
        let sample = Sample {
            graph: format!("mode{number}"),
            ..Sample::default()
        };
        sample.write(scratch.path(), &number.to_string())
    };
    let folders: Vec<PathBuf> = (0..8).map(run).collect();
    assert!(refused(&folders).contains("8 different configurations; a report compares at most 7"));
    assert!(Report::of(&folders[..7], defaults).is_ok());
}

/// The layout as marl-eval's README shows it; its `DiagnoseData` and `data_process_pipeline` took such
/// a file without complaint (docs/src/reports.md says how to repeat that).
#[test]
fn marl_eval_gets_its_layout() {
    let scratch = tempfile::tempdir().unwrap();
    let run = |graph: &str, seed| {
        let sample = Sample {
            graph: graph.into(),
            iterations: 2,
            every: 1,
            task: ("predator-prey".into(), 6),
            ..Sample::seed(seed)
        };
        sample.write(scratch.path(), &format!("{}-{seed}", graph.len()))
    };
    let report = report(&[run("a,b", 1), run("none", 2)]);
    let found: serde_json::Value =
        serde_json::from_slice(report.file("marl-eval.json").unwrap()).unwrap();
    let close = |value: f64| (value * 1e9).round() / 1e9;
    let step = |count: u64, success: f64| {
        serde_json::json!({"step_count": count, "messages": [1.0], "return": [close(success - 1.0)],
            "steps": [close(20.0 - 10.0 * success)], "success": [close(success)]})
    };
    let absolute = |success: f64| {
        let mut step = step(0, success);
        step.as_object_mut().unwrap().remove("step_count");
        step
    };
    let of = |seed: f64| {
        serde_json::json!({"step_0": step(1000, 0.05 + seed), "step_1": step(2000, 0.1 + seed),
            "absolute_metrics": absolute(0.5 + seed)})
    };
    let expected = serde_json::json!({"predator-prey": {"dim=6": {
        "graph.mode = ab": {"seed_1": of(0.01)},
        "graph.mode = none": {"seed_2": of(0.02)},
    }}});
    let rounded = rounded(found, &close);
    assert_eq!(rounded, expected);
}

/// Without the last digits of its numbers.
fn rounded(value: serde_json::Value, close: &impl Fn(f64) -> f64) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| (key, rounded(value, close)))
            .collect(),
        Value::Array(list) => list
            .into_iter()
            .map(|value| rounded(value, close))
            .collect(),
        Value::Number(number) if number.is_f64() => Value::from(close(number.as_f64().unwrap())),
        other => other,
    }
}

#[test]
fn steps_of_marl_eval_come_in_their_order() {
    let scratch = tempfile::tempdir().unwrap();
    let sample = Sample {
        iterations: 12,
        every: 1,
        ..Sample::default()
    };
    let json = text(
        &report(&[sample.write(scratch.path(), "run")]),
        "marl-eval.json",
    );
    let places: Vec<usize> = (0..12)
        .map(|step| json.find(&format!("\"step_{step}\"")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(
        json.contains("\"predator-prey\": {\n    \"default\": {"),
        "{json}"
    );
}
