//! What a task may call its metrics.

use crate::shown::{Scene, Shown};
use commformer_env::{
    Environment, RESERVED_METRIC_GROUPS, RESERVED_METRICS, Status, VecEnv, check_metric_names,
};

fn refusal(names: &[&str]) -> Option<String> {
    check_metric_names(names)
        .err()
        .map(|error| error.to_string())
}

#[test]
fn a_metric_has_a_name_of_its_own() {
    assert_eq!(
        refusal(&["success", "losses", "kills", "steps_alone"]),
        None
    );
    assert!(
        refusal(&["a", ""])
            .unwrap()
            .contains("metric 1 has an empty name")
    );
    assert!(
        refusal(&["a", "b", "a"])
            .unwrap()
            .contains("two metrics are called \"a\"")
    );
    let grouped = RESERVED_METRIC_GROUPS.map(|group| format!("{group}.x"));
    for name in RESERVED_METRICS
        .into_iter()
        .chain(grouped.iter().map(String::as_str))
    {
        let said = refusal(&["a", name]).unwrap();
        assert!(said.contains(&format!("called {name:?}")), "{said}");
        // The whole list, to choose another at once.
        assert!(
            RESERVED_METRICS.iter().all(|name| said.contains(name)),
            "{said}"
        );
    }
}

#[test]
fn environments_of_a_task_that_names_a_metric_of_the_programs_are_refused() {
    let scene = Scene {
        obs: [0.0; 4],
        active: [true; 2],
        departed: [false; 2],
    };
    let mut task = Shown::new([scene], false, Status::Terminated);
    task.rename("return");
    assert_eq!(task.spec().metrics, ["return"]);
    let said = VecEnv::new(vec![task], 1).unwrap_err().to_string();
    assert!(said.contains("called \"return\""), "{said}");
}

/// The check of a task in Python must say the same.
#[test]
fn the_list_in_python_is_the_same() {
    let python = include_str!("../../../commformer-bridge/python/commformer_bridge/metrics.py");
    let after = python.split_once("RESERVED_METRICS = (").unwrap().1;
    let (list, after) = after.split_once(").split()").unwrap();
    let words = |text: &str| -> Vec<String> {
        let text = text.replace('"', "");
        text.split_whitespace().map(String::from).collect()
    };
    // A literal ends within the line, with a space between the words of both.
    assert_eq!(words(list), RESERVED_METRICS);
    let groups = after.split_once("RESERVED_METRIC_GROUPS = ").unwrap().1;
    assert_eq!(
        words(groups.split_once(".split()").unwrap().0),
        RESERVED_METRIC_GROUPS
    );
}
