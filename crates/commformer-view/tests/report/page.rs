//! What is on the page and in the tables.

use crate::{Sample, assert_well_formed, page, report, text, two_methods};
use std::fs;

#[test]
fn the_same_runs_give_the_same_bytes() {
    let scratch = tempfile::tempdir().unwrap();
    let folders = two_methods(scratch.path());
    assert_eq!(report(&folders), report(&folders));
}

#[test]
fn gates_that_are_off_have_no_plot() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Sample::default().write(scratch.path(), "run");
    let plotted = || {
        let files = report(std::slice::from_ref(&folder)).files;
        let mut names = files.into_iter().map(|(name, _)| name);
        names.any(|name| name.contains("open_rate"))
    };
    assert!(!plotted());
    let metrics = folder.join("metrics.jsonl");
    let text = fs::read_to_string(&metrics).unwrap();
    let shut = text.replacen("\"open_rate\":1.0", "\"open_rate\":0.5", 1);
    fs::write(metrics, shut).unwrap();
    assert!(plotted());
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
        "metrics",
        "comparison-return",
        "comparison-success",
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
        "plots/receiving-receiving-bytes.svg",
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
fn tables_hold_the_metrics_worked_out_by_hand() {
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

/// A float has no place for this seed: the nearest one is even.
#[test]
fn a_large_seed_keeps_all_its_digits() {
    let scratch = tempfile::tempdir().unwrap();
    let run = Sample::seed(9_007_199_254_740_993).write(scratch.path(), "run");
    let metrics = text(&report(&[run]), "tables/metrics.csv");
    assert!(metrics.contains(",success,9007199254740993,"), "{metrics}");
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

#[test]
fn runs_that_have_not_ended_are_in_no_number_beside_others() {
    let scratch = tempfile::tempdir().unwrap();
    let mut folders = two_methods(scratch.path());
    let killed = Sample {
        ended: false,
        iterations: 5,
        ..Sample::seed(4)
    };
    folders.push(killed.write(scratch.path(), "killed"));
    let report = report(&folders);
    let shown = page(&report);
    for part in [
        "6 runs, 1 begun",
        "1 run has not ended: it is in no number here.",
        "<td>0.72 (0.71 to 0.73), 1 begun</td>",
        "<td>begun</td>",
    ] {
        assert!(shown.contains(part), "{part}");
    }
    let whole = crate::report(&folders[..6]);
    for table in ["metrics", "aggregates", "profiles", "improvements"] {
        let table = format!("tables/{table}.csv");
        assert_eq!(text(&report, &table), text(&whole, &table));
    }
    // It has no absolute metrics.
    assert!(!text(&report, "marl-eval.json").contains("seed_4"));
}

#[test]
fn runs_of_which_none_has_ended_are_compared_after_the_same_steps() {
    let scratch = tempfile::tempdir().unwrap();
    let begun = |seed, iterations, every| {
        let sample = Sample {
            ended: false,
            iterations,
            every,
            ..Sample::seed(seed)
        };
        sample.write(scratch.path(), &format!("begun-{seed}"))
    };
    let success = |folders: &[std::path::PathBuf]| -> Vec<f64> {
        let metrics = text(&report(folders), "tables/metrics.csv");
        let lines = metrics.lines().filter(|line| line.contains(",success,"));
        lines
            .map(|line| line.split(',').nth(4).unwrap().parse().unwrap())
            .collect()
    };
    let close = |found: &[f64], expected: &[f64]| {
        let mut pairs = found.iter().zip(expected);
        found.len() == expected.len() && pairs.all(|(one, other)| (one - other).abs() < 1e-9)
    };
    let folders = [begun(1, 9, 2), begun(2, 5, 2)];
    // Both have been evaluated after 4,000 of 10,000 steps; one alone is at 8,000.
    assert!(close(&success(&folders), &[0.41, 0.42]));
    assert!(close(&success(&folders[..1]), &[0.61]));
    let shown = page(&report(&folders));
    for part in [
        "2 runs begun",
        "No run has ended: the last evaluation while training that all of them have, after 4k steps.",
    ] {
        assert!(shown.contains(part), "{part}");
    }
    let alone = page(&report(&folders[..1]));
    assert!(
        alone
            .contains("The run has not ended: its last evaluation while training, after 8k steps.")
    );
    // After 3,000 and 9,000 there is no evaluation of the other.
    let folders = [folders[1].clone(), begun(3, 9, 3)];
    let shown = page(&report(&folders));
    assert!(shown.contains("They are not measured alike."), "{shown}");
    assert!(close(&success(&folders), &[0.42, 0.68]));
}

#[test]
fn methods_of_several_kinds_are_called_by_their_kind() {
    let scratch = tempfile::tempdir().unwrap();
    let write = |name: &str, seed, method: &str| {
        let folder = Sample::seed(seed).write(scratch.path(), name);
        let config = format!(
            "[env]\nkind = \"predator-prey\"\n{method}\n[ppo]\nlr = 0.001\n[run]\nseed = {seed}\n"
        );
        std::fs::write(folder.join("config.toml"), config).unwrap();
        folder
    };
    let folders = [
        // A run of before there were other methods.
        write("a", 1, "[graph]\nmode = \"learned\""),
        write(
            "b",
            2,
            "[method]\nkind = \"commformer\"\n[graph]\nmode = \"learned\"",
        ),
        write("c", 1, "[method]\nkind = \"ippo\"\nhidden = 64"),
        write("d", 1, "[method]\nkind = \"ippo\"\nhidden = 128"),
    ];
    let page = page(&report(&folders));
    for name in [
        "3 methods",
        "commformer",
        "ippo; method.hidden = 64",
        "ippo; method.hidden = 128",
    ] {
        assert!(page.contains(name), "{name}");
    }
    assert!(!page.contains("graph.mode = not set"));
}
