//! What `bench` prints.

use crate::{SMALL, json, printed, program};
use serde_json::Value;

/// Without `--steps`: a bench makes as many as it has time for.
const SMALLER: &[&str] = SMALL.split_at(SMALL.len() - 2).0;

/// The JSON object on the last line of what `bench` prints; it leaves no file behind.
#[track_caller]
fn benched(arguments: &[&str]) -> (String, Value) {
    let scratch = tempfile::tempdir().unwrap();
    let said = printed(&program(scratch.path(), &[&["bench"], arguments].concat()));
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 0);
    let last = json(said.lines().last().unwrap());
    (said, last)
}

/// That metrics of a measurement are numbers above 0.
#[track_caller]
fn assert_positive(measured: &Value, metrics: &[&str]) {
    for metric in metrics {
        let number = measured[metric].as_f64().unwrap_or(f64::NAN);
        assert!(number.is_finite() && number > 0.0, "{metric}: {measured}");
    }
}

const METRICS: [&str; 6] = [
    "steps_per_second",
    "seconds",
    "senders",
    "update_gflops",
    "plain_gflops",
    "share_of_plain",
];

#[test]
fn a_bench_says_how_fast_and_where_the_time_goes() {
    let arguments = ["--iterations", "2", "--seconds", "60", "--json"];
    let (said, measured) = benched(&[&arguments[..], SMALLER].concat());
    assert!(said.contains("of a plain matrix product's"), "{said}");
    assert!(said.contains(" on one thread\n"), "{said}");
    assert_positive(&measured, &METRICS);
    if cfg!(target_os = "linux") {
        assert_positive(&measured, &["peak_memory_bytes"]);
    }
    assert_eq!(
        (&measured["steps"], &measured["iterations"]),
        (&json("80"), &json("2"))
    );
    let shares = measured["shares"].as_object().unwrap();
    let total: f64 = shares.values().map(|share| share.as_f64().unwrap()).sum();
    assert!(
        shares.len() == 3 && total > 0.1 && total <= 1.001,
        "{measured}"
    );
}

#[test]
fn a_bench_over_settings_has_a_row_for_each_even_if_it_fails() {
    let over = ["train", "signal", "--iterations", "1", "--json", "--over"];
    let of_agents = [&over[..], &["agents=3,5", "--over", "senders=2"], SMALLER].concat();
    let (said, told) = benched(&of_agents);
    let rows = told["rows"].as_array().unwrap();
    assert_eq!((rows.len(), said.lines().count()), (2, 4), "{said}");
    for (row, agents) in rows.iter().zip([3, 5]) {
        assert_eq!(row["at"]["agents"], agents);
        assert_eq!(
            (&row["agents"], &row["senders"]),
            (&json(&agents.to_string()), &json("2.0"))
        );
        assert_positive(row, &METRICS);
    }
    // No machine has this GPU; SMALLER's own `--device cpu` does not hide the axis.
    let devices = [&over[..], &["run.device=cpu,cuda:4000"], SMALLER].concat();
    let (said, told) = benched(&devices);
    assert_positive(&told["rows"][0], &METRICS);
    let error = told["rows"][1]["error"].as_str().unwrap();
    assert!(
        said.contains(error) && error.contains("cuda:4000"),
        "{said}"
    );
}

#[test]
fn a_bench_of_acting_has_a_row_for_each_number_and_kind_of_actions() {
    let arguments = ["act", "--num-envs", "1,3", "--seconds", "0.01", "--json"];
    let gate = ["--set", "gate.mode=learned", "--set", "gate.closed=stale"];
    for more in [&[][..], &gate] {
        let (said, told) = benched(&[&arguments[..], more, SMALLER].concat());
        let rows = told["rows"].as_array().unwrap();
        assert_eq!((rows.len(), said.lines().count()), (4, 7), "{said}");
        for row in rows {
            assert_positive(row, &["step_milliseconds", "decisions_per_second"]);
        }
    }
}

#[test]
fn a_bench_of_environments_has_a_row_for_each_task_number_and_threads() {
    let arguments = ["env", "--num-envs", "1,3", "--seconds", "0.001", "--json"];
    let (said, told) = benched(&[&arguments[..], &["--threads", "1,2"]].concat());
    let rows = told["rows"].as_array().unwrap();
    let expected = 2 * 2 * commformer_env::TASKS.len();
    assert_eq!(
        (rows.len(), said.lines().count()),
        (expected, expected + 2),
        "{said}"
    );
    for row in rows {
        assert_positive(row, &["steps_per_second"]);
    }
    let one = ["signal", "--set", "env.agents=6", "--threads", "1"];
    let (_, told) = benched(&[&arguments[..], &one].concat());
    assert_eq!(told["rows"].as_array().unwrap().len(), 2);
    assert_eq!(told["rows"][0]["agents"], 6);
}
