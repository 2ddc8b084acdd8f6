//! What a task may call its metrics: they stand beside the program's own metrics, and must not pass for them.

/// Names of the program's own metrics, and of what else stands beside a task's metrics in the files of a run. No
/// metric may have one. `python/commformer_bridge/metrics.py` has the same list.
pub const RESERVED_METRICS: [&str; 22] = [
    "return",
    "steps",
    "episode_steps",
    "messages",
    "bytes",
    "traffic",
    "message_rounds",
    "open_rate",
    "gates_right",
    "sources",
    "graph_changes",
    "graph_agreement",
    "step_count",
    "checkpoint",
    "trained_steps",
    "episodes",
    "each_episode",
    "seed",
    "sampled",
    "graph",
    "decentralised",
    "settings",
];

/// The same for what comes before a dot: a report takes `losses.policy` for the trainer's.
pub const RESERVED_METRIC_GROUPS: [&str; 4] = ["losses", "receiving", "seconds", "metrics"];

/// What is wrong with the names of a task's metrics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricNameError {
    /// A metric without a name.
    #[error("metric {0} has an empty name; give it one")]
    Empty(usize),
    /// Two of one name.
    #[error("two metrics are called {0:?}; give each a name of its own")]
    Twice(String),
    /// One that belongs to the program.
    #[error(
        "a metric is called {0:?}, which is a metric of the program's own; call it otherwise, not {list} and nothing \
         that begins with {groups}",
        list = listed(&RESERVED_METRICS, ""),
        groups = listed(&RESERVED_METRIC_GROUPS, ".")
    )]
    Reserved(String),
}

fn listed(names: &[&str], behind: &str) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("{name}{behind}")).collect();
    names.join(", ")
}

/// Whether a name belongs to the program.
pub fn is_reserved_metric(name: &str) -> bool {
    let group = name.split_once('.').map(|(group, _)| group);
    RESERVED_METRICS.contains(&name)
        || group.is_some_and(|group| RESERVED_METRIC_GROUPS.contains(&group))
}

/// Looks at the names of a task's metrics.
///
/// # Errors
///
/// The first that is empty, there twice, or [reserved](is_reserved_metric).
pub fn check_metric_names(names: &[impl AsRef<str>]) -> Result<(), MetricNameError> {
    for (index, name) in names.iter().enumerate() {
        let name = name.as_ref();
        if name.is_empty() {
            return Err(MetricNameError::Empty(index));
        }
        if is_reserved_metric(name) {
            return Err(MetricNameError::Reserved(name.to_owned()));
        }
        if names[..index].iter().any(|other| other.as_ref() == name) {
            return Err(MetricNameError::Twice(name.to_owned()));
        }
    }
    Ok(())
}
