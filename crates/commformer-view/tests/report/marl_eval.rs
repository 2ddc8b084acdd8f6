//! The layout of marl-eval.

use crate::{Sample, report, text};

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
