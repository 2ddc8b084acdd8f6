//! The layout of marl-eval.

use crate::across::across;
use crate::missing::rewrite;
use crate::{Sample, report, text};
use commformer_view::Compared;
use std::path::Path;

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
    let step = |count: u64, success: f64, bytes: f64| {
        serde_json::json!({"step_count": count, "messages": [1.0], "bytes": [bytes], "return": [close(success - 1.0)],
            "steps": [close(20.0 - 10.0 * success)], "success": [close(success)]})
    };
    let absolute = |success: f64, bytes: f64| {
        let mut step = step(0, success, bytes);
        step.as_object_mut().unwrap().remove("step_count");
        step
    };
    let of = |seed: f64, bytes: f64| {
        serde_json::json!({"step_0": step(1000, 0.05 + seed, bytes), "step_1": step(2000, 0.1 + seed, bytes),
            "absolute_metrics": absolute(0.5 + seed, bytes)})
    };
    let expected = serde_json::json!({"predator-prey": {"dim=6": {
        "graph.mode = ab": {"seed_1": of(0.01, 380.0)},
        "graph.mode = none": {"seed_2": of(0.02, 0.0)},
    }}});
    let rounded = rounded(found, &close);
    assert_eq!(rounded, expected);
}

#[test]
fn a_metric_that_marl_eval_does_not_get_is_told() {
    let scratch = tempfile::tempdir().unwrap();
    let folders = crate::two_methods(scratch.path());
    assert_eq!(report(&folders).notes, [""; 0]);
    rewrite(&folders[4], "final.json", |text| {
        text.replace("\"success\":{\"mean\":0.52", "\"success\":{\"mean\":null")
    });
    let told = "marl-eval.json: without `success` of predator-prey, for some run has no number there; the first one is";
    let notes = report(&folders).notes;
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with(told) && note.contains("none-2")),
        "{notes:?}"
    );
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

/// Runs of as many iterations, each with an evaluation, on a task each.
fn on_tasks(parent: &Path, tasks: &[(&str, u64)]) -> Vec<Compared> {
    let run = |(task, iterations): &(&str, u64)| {
        let sample = Sample {
            iterations: *iterations,
            every: 1,
            ..Sample::default()
        };
        Compared {
            task: (*task).into(),
            method: "learned".into(),
            seed: 1,
            folder: sample.write(parent, task),
            failed: None,
        }
    };
    tasks.iter().map(run).collect()
}

/// The steps at which each task has the metrics of its run; none where the run is not there.
fn steps(runs: &[Compared]) -> Vec<Vec<u64>> {
    let json = text(&across(runs), "marl-eval.json");
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let of_task = |run: &Compared| {
        let run = &json["predator-prey"][&run.task]["learned"]["seed_1"];
        let steps = (0..).map_while(|index| run.get(format!("step_{index}")));
        let steps: Vec<u64> = steps
            .map(|step| step["step_count"].as_u64().unwrap())
            .collect();
        let all = run.as_object().map_or(0, serde_json::Map::len);
        assert_eq!(all, steps.len() + usize::from(!run.is_null()), "{run}");
        steps
    };
    runs.iter().map(of_task).collect()
}

#[test]
fn every_run_has_as_many_steps_as_the_one_with_the_fewest_evaluations() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = on_tasks(scratch.path(), &[("long", 9), ("short", 2), ("other", 4)]);
    // Of 9,000 steps the half lies between two evaluations.
    assert_eq!(steps(&runs), [[4000, 9000], [1000, 2000], [2000, 4000]]);
}

#[test]
fn runs_without_a_common_step_have_their_own() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = on_tasks(scratch.path(), &[("one", 3), ("two", 3)]);
    rewrite(&runs[1].folder, "metrics.jsonl", |text| {
        text.replace("000,\"episodes\"", "500,\"episodes\"")
    });
    assert_eq!(steps(&runs), [[1000, 2000, 3000], [1500, 2500, 3500]]);
}

#[test]
fn a_run_that_lacks_an_evaluation_says_which_the_others_have() {
    let scratch = tempfile::tempdir().unwrap();
    let runs = on_tasks(scratch.path(), &[("one", 5), ("two", 5), ("three", 5)]);
    let lacks = |run: &Compared, evaluation: &str| {
        rewrite(&run.folder, "metrics.jsonl", |text| {
            assert!(text.contains(evaluation));
            text.replace(evaluation, "\"kind\":\"spoiled\"")
        });
    };
    let steps_of = |steps: u64| format!("\"kind\":\"evaluation\",\"steps\":{steps}");
    lacks(&runs[1], &steps_of(2000));
    assert_eq!(steps(&runs), [[1000, 3000, 4000, 5000]; 3]);
    // One without any is left out, and the others have theirs.
    lacks(&runs[0], "\"kind\":\"evaluation\"");
    let all = vec![1000, 3000, 4000, 5000];
    assert_eq!(steps(&runs), [vec![], all.clone(), all]);
}
