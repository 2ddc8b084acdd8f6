//! What a replay consists of. N is agents, A actions, H heads, W decisions of each agent's gate.

use commformer_env::Shape;
use serde::{Serialize, Serializer};

/// Episodes of one run, or of several that played the same ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replay {
    /// Of this layout of the data: [`Replay::VERSION`].
    pub version: u32,
    /// What it is called.
    pub title: String,
    /// The command that makes it.
    pub command: String,
    /// What is played, side by side.
    pub runs: Vec<Run>,
}

/// A team that plays.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Run {
    /// What it is called.
    pub name: String,
    /// Facts about it, to be read: what, and how it is.
    pub facts: Vec<(String, String)>,
    /// The agents' names, (N).
    pub agents: Vec<String>,
    /// The actions' names, (A); empty for continuous actions.
    pub actions: Vec<String>,
    /// Who hears whom, (N, N): true where the receiver (row) hears the sender (column).
    pub graph: Vec<Vec<bool>>,
    /// Pairs of a receiver and a sender, for each edge, and for each agent with itself: where there can be
    /// attention.
    pub links: Vec<[usize; 2]>,
    /// Names of the network's attentions.
    pub attention: Vec<String>,
    /// Heads of each of them.
    pub heads: usize,
    /// How agents decide whether to receive; `None`: they always do.
    pub gates: Option<Gates>,
    /// Names of the metrics of each episode.
    pub metrics: Vec<String>,
    /// What was played.
    pub episodes: Vec<Episode>,
}

/// What a gate of an agent opens and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gates {
    /// All edges to the agent at once: W = 1.
    Receiver,
    /// Each edge to the agent by itself: W = N.
    Edge,
}

/// One episode of T steps.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Episode {
    /// Width and height of the world.
    pub size: [f32; 2],
    /// What stands still.
    pub scenery: Vec<Shape>,
    /// The state before each step, and that after the last: T + 1.
    pub pictures: Vec<Picture>,
    /// What was done in each state but the last: T.
    pub steps: Vec<Step>,
    /// Sum of the agents' mean reward.
    pub team_return: Number,
    /// Its metrics, in the order of [`Run::metrics`].
    pub metrics: Vec<Number>,
}

/// What changes from step to step.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Picture {
    /// From back to front.
    pub shapes: Vec<Shape>,
    /// Where each agent is, (N); `None`: nowhere.
    pub agents: Vec<Option<[f32; 2]>>,
}

/// What a team did in a state.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Step {
    /// Who was active, (N).
    pub active: Vec<bool>,
    /// What each agent did, (N).
    pub actions: Vec<Action>,
    /// How likely each of an agent's actions was, (N, A); empty for continuous actions. 0 stands for one that was not
    /// available: see [`Number::chance`].
    pub probabilities: Vec<Vec<Number>>,
    /// What each agent expected to earn from there on, (N).
    pub values: Vec<Number>,
    /// What each agent earned, (N).
    pub rewards: Vec<Number>,
    /// Whether each gate was open, (N, W); empty: there are none, or they were not in force.
    pub open: Vec<Vec<bool>>,
    /// How likely each gate was to open, (N, W), where that is known.
    pub opens: Vec<Vec<Number>>,
    /// The messages that were delivered: places in [`Run::links`].
    pub delivered: Vec<usize>,
    /// How much attention was paid along each of [`Run::links`], by attention and head.
    pub weights: Vec<Vec<Vec<Number>>>,
}

/// What an agent did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Action {
    /// The number of an action.
    Discrete(i64),
    /// A vector.
    Continuous(Vec<Number>),
}

/// A number to be looked at. One that is not finite is written as a word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number(pub f32);

impl Number {
    /// The least number that a page holds: it has four decimals.
    const LEAST: f32 = 1e-4;

    /// A probability, which is written as 0 only if it is: however improbable, what could be done is not what could not.
    pub fn chance(probability: f32) -> Self {
        match probability > 0.0 {
            true => Self(probability.max(Self::LEAST)),
            false => Self(probability),
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_finite() => to.serialize_f32(number),
            number if number.is_nan() => to.serialize_str("NaN"),
            number => to.serialize_str(if number > 0.0 { "∞" } else { "-∞" }),
        }
    }
}

impl Replay {
    /// Of the layout that this program writes and its page reads. It counts up with every change.
    pub const VERSION: u32 = 1;

    /// A replay of these runs.
    pub fn new(title: String, command: String, runs: Vec<Run>) -> Self {
        Self {
            version: Self::VERSION,
            title,
            command,
            runs,
        }
    }
}

impl Run {
    /// The [links](Self::links) of a graph, row by row.
    pub fn links_of(graph: &[Vec<bool>]) -> Vec<[usize; 2]> {
        let row = |(receiver, row): (usize, &Vec<bool>)| -> Vec<[usize; 2]> {
            let heard = row.iter().enumerate();
            let heard = heard.filter(|&(sender, edge)| *edge || sender == receiver);
            heard.map(|(sender, _)| [receiver, sender]).collect()
        };
        graph.iter().enumerate().flat_map(row).collect()
    }

    /// The messages that are delivered in a step: along edges to others, if both are active and the gate is
    /// open.
    pub fn delivered(&self, active: &[bool], open: &[Vec<bool>]) -> Vec<usize> {
        let is = |flags: &[bool], agent: usize| flags.get(agent).copied().unwrap_or(false);
        let passes = |[receiver, sender]: [usize; 2]| match open.get(receiver) {
            None => true,
            Some(gates) => is(gates, if gates.len() == 1 { 0 } else { sender }),
        };
        let delivers = |&(_, &[receiver, sender]): &(usize, &[usize; 2])| {
            receiver != sender
                && is(active, receiver)
                && is(active, sender)
                && passes([receiver, sender])
        };
        let links = self.links.iter().enumerate().filter(delivers);
        links.map(|(link, _)| link).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(graph: Vec<Vec<bool>>) -> Run {
        Run {
            name: "run".into(),
            facts: Vec::new(),
            agents: vec!["a".into(), "b".into(), "c".into()],
            actions: Vec::new(),
            links: Run::links_of(&graph),
            graph,
            attention: Vec::new(),
            heads: 1,
            gates: None,
            metrics: Vec::new(),
            episodes: Vec::new(),
        }
    }

    #[test]
    fn messages_go_along_edges_through_open_gates_between_active_agents() {
        let run = run(vec![
            vec![true, true, true],
            vec![true, false, false],
            vec![false, false, false],
        ]);
        assert_eq!(run.links, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [2, 2]]);
        let all = [true; 3];
        assert_eq!(run.delivered(&all, &[]), [1, 2, 3]);
        let receivers = [vec![true], vec![false], vec![true]];
        assert_eq!(run.delivered(&all, &receivers), [1, 2]);
        let edges = [vec![false, false, true], vec![true; 3], vec![true; 3]];
        assert_eq!(run.delivered(&all, &edges), [2, 3]);
        assert_eq!(run.delivered(&[true, true, false], &[]), [1, 3]);
    }

    #[test]
    fn only_what_cannot_be_has_no_chance() {
        let chances = [0.0, 1e-30, 2e-5, 1e-4, 0.75].map(|chance| Number::chance(chance).0);
        assert_eq!(chances, [0.0, 1e-4, 1e-4, 1e-4, 0.75]);
        assert!(Number::chance(f32::NAN).0.is_nan());
    }

    #[test]
    fn what_is_not_finite_is_written_as_a_word() {
        let numbers = [0.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(Number);
        let written = serde_json::to_string(&numbers).unwrap();
        assert_eq!(written, r#"[0.5,"NaN","∞","-∞"]"#);
    }
}
