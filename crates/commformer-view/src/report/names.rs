//! What the metrics of a run are called on the page, and what they are in.

/// A metric as a plot shows it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    pub title: String,
    pub unit: String,
    /// Ends of its axis, if it has some.
    pub range: Option<[f64; 2]>,
}

/// Path in a line of the metrics as [`plain`] has it, title, unit.
const KNOWN: [(&str, &str, &str); 38] = [
    ("return", "Return", RETURN),
    ("steps", "Episode length", "steps per episode"),
    ("episode_steps", "Episode length", "steps per episode"),
    ("success", "Success", SHARE_OF_EPISODES),
    ("won", "Battles won", SHARE_OF_EPISODES),
    ("accuracy", "Right answers", "share of actions"),
    (
        "cued_accuracy",
        "Right answers under a cue",
        "share of actions",
    ),
    ("sources", "Sources found", "share of agents"),
    ("gates_right", "Gates right", "share of steps"),
    ("crashes", "Crashes", "per episode"),
    ("cars", "Cars", "per episode"),
    ("collected", "Food collected", "share of the food's levels"),
    ("deliveries", "Deliveries", "per episode"),
    ("kills", "Enemies killed", "share of enemies"),
    ("losses", "Allies lost", "share of allies"),
    ("damage", "Damage dealt", "share of enemies' health"),
    ("progress", "Return, nothing paid twice", RETURN),
    ("timeout", "Battles out of time", SHARE_OF_EPISODES),
    ("messages", "Messages", "per agent and step"),
    ("bytes", "Bytes received", "bytes per agent and step"),
    ("traffic", "Traffic", "share of the bytes if all heard all"),
    ("message_rounds", "Rounds of messages", "per step"),
    ("open_rate", "Open gates", "share of an agent's steps"),
    ("losses.policy", "Policy loss", "loss"),
    ("losses.value", "Value loss", "loss"),
    ("losses.entropy", "Entropy of actions", "nats"),
    ("losses.clipped", "Clipped ratios", "share of samples"),
    ("losses.kl", "Change of the policy (KL)", "nats"),
    ("losses.grad_norm", "Gradient norm", "norm before clipping"),
    ("losses.gate.policy", "Gate: policy loss", "loss"),
    ("losses.gate.value", "Gate: value loss", "loss"),
    ("losses.gate.entropy", "Gate: entropy", "nats"),
    (
        "losses.gate.clipped",
        "Gate: clipped ratios",
        "share of samples",
    ),
    ("losses.gate.kl", "Gate: change (KL)", "nats"),
    ("price.message", "Price of a message", "reward"),
    (
        "price.receiving",
        "Price of receiving",
        "standard deviation of the returns",
    ),
    ("graph_changes", "Edges changed", "edges per iteration"),
    (
        "graph_agreement",
        "Edges agreed on",
        "share of the graph's edges",
    ),
];

/// The sum of the rewards in an episode, as a mean over the agents.
const RETURN: &str = "reward per agent and episode";

/// What is 1 or 0 in an episode.
pub(crate) const SHARE_OF_EPISODES: &str = "share of episodes";

/// What counts as success, the first that a task has.
pub(super) const SUCCESS: [&str; 4] = ["success", "won", "accuracy", "cued_accuracy"];

/// Metrics that tell what is said, and not how well things go, in the order of the page.
pub(super) const COMMUNICATION: [&str; 5] = [
    "messages",
    "bytes",
    "traffic",
    "message_rounds",
    "open_rate",
];

/// Ends of the axis of a share, with a little room.
pub(super) const SHARE: [f64; 2] = [-0.02, 1.02];

impl Name {
    pub fn of(path: &str) -> Self {
        let plain = plain(path);
        let (title, unit) = known(path).map_or((plain, ""), |(_, title, unit)| (title, unit));
        let share = unit.starts_with("share of")
            && !plain.ends_with("traffic")
            && !plain.ends_with("clipped");
        Self {
            title: title.to_owned(),
            unit: unit.to_owned(),
            range: share.then_some(SHARE),
        }
    }

    /// Title and unit as the head of a table's line.
    pub fn line(&self) -> String {
        match self.unit.is_empty() {
            true => self.title.clone(),
            false => format!("{} ({})", self.title, self.unit),
        }
    }
}

/// What a metric is in; empty where that is not known.
pub(crate) fn unit(path: &str) -> &'static str {
    known(path).map_or("", |(_, _, unit)| unit)
}

/// Its line of [`KNOWN`].
fn known(path: &str) -> Option<(&'static str, &'static str, &'static str)> {
    let plain = plain(path);
    KNOWN.into_iter().find(|(name, ..)| *name == plain)
}

/// What an environment measures and agents say is the same in an iteration as in an evaluation.
fn plain(path: &str) -> &str {
    let inner = path.strip_prefix("metrics.");
    inner.or(path.strip_prefix("receiving.")).unwrap_or(path)
}

/// Whether 0 and 1 are the worst and the best that a metric can be. An environment of others may call something else by such
/// a name, per cents say: its scores tell.
pub(super) fn is_normalised(metric: &str, mut scores: impl Iterator<Item = f64>) -> bool {
    is_rate(metric) && scores.all(|score| (0.0..=1.0).contains(&score))
}

/// Whether a metric is the share of something that went well, by its name.
fn is_rate(metric: &str) -> bool {
    SUCCESS.contains(&metric) || ["sources", "gates_right"].contains(&metric)
}

/// Whether a higher value is a better run.
pub(super) fn is_score(metric: &str) -> bool {
    metric == "return" || is_rate(metric)
}

/// Whether a metric is one of [`COMMUNICATION`].
pub(super) fn is_communication(metric: &str) -> bool {
    COMMUNICATION.contains(&metric)
}

/// Order on the page: those of [`KNOWN`] as they stand there, the others behind.
pub(super) fn rank(path: &str) -> usize {
    let plain = plain(path);
    KNOWN
        .iter()
        .position(|(name, ..)| *name == plain)
        .unwrap_or(KNOWN.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_called_the_same_in_training_and_evaluation() {
        assert_eq!(Name::of("metrics.success"), Name::of("success"));
        assert_eq!(Name::of("success").line(), "Success (share of episodes)");
        assert_eq!(Name::of("success").range, Some([-0.02, 1.02]));
        // A mean over agents, and not the team's sum.
        let line = "Return (reward per agent and episode)";
        assert_eq!(Name::of("return").line(), line);
        assert_eq!(unit("metrics.progress"), unit("return"));
        // The loss of a battle's allies is none of the trainer's losses.
        assert_ne!(Name::of("metrics.losses"), Name::of("losses.policy"));
    }

    #[test]
    fn an_unknown_metric_keeps_its_name_and_comes_last() {
        let name = Name::of("metrics.unheard_of");
        assert_eq!((name.line().as_str(), name.range), ("unheard_of", None));
        assert!(rank("metrics.unheard_of") > rank("graph_changes"));
    }
}
