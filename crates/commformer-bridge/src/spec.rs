//! What a worker says of its task.

use commformer_env::{ActionSpace, Spec};
use serde::Deserialize;

/// A task in Python, as it describes itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct TaskSpec {
    /// Agents in the team (N).
    pub agents: usize,
    /// Numbers in one agent's observation (O).
    pub obs_dim: usize,
    /// Whether agents choose one of `actions`, or `actions` real numbers.
    pub discrete: bool,
    /// How many actions there are, or how many numbers an action has (A).
    pub actions: usize,
    /// Whether actions can be unavailable.
    pub masked: bool,
    /// Whether agents can leave for good, and then earn nothing of what comes.
    pub leaves: bool,
    /// Numbers in the global state (S); 0: there is none, or it is not asked for.
    pub state_dim: usize,
    /// Names of an episode's metrics.
    pub metrics: Vec<String>,
    /// Names of the agents, or none.
    pub agent_names: Vec<String>,
    /// Names of the actions, or none.
    pub action_names: Vec<String>,
    /// What the user should know, such as what was padded.
    pub notes: Vec<String>,
}

/// More of anything is a mistake, and would ask for memory that nobody has.
const MOST: usize = 1 << 20;

impl TaskSpec {
    /// The same, as the trainer knows it.
    pub fn spec(&self) -> Spec {
        let actions = match self.discrete {
            true => ActionSpace::Discrete(self.actions),
            false => ActionSpace::Continuous(self.actions),
        };
        Spec {
            state_dim: self.state_dim,
            masks_actions: self.discrete && self.masked,
            metrics: self.metrics.iter().cloned().map(Into::into).collect(),
            ..Spec::new(self.agents, self.obs_dim, actions)
        }
    }

    /// Bytes of the memory that so many environments share with their workers, about. A sum of `f64`, which no size overflows.
    pub fn shared_bytes(&self, envs: usize) -> f64 {
        let sizes = [envs, self.agents, self.obs_dim, self.actions];
        let [envs, agents, obs_dim, actions] = sizes.map(|size| size as f64);
        let of_one = 4.0 * (self.metrics.len() as f64 + 2.0 * self.state_dim as f64) + 10.0;
        let chosen = if self.discrete { 8.0 } else { 4.0 * actions };
        let masks = if self.masked { actions } else { 0.0 };
        let of_an_agent = 2.0 * 4.0 * obs_dim + chosen + 4.0 + masks + 4.0;
        envs * (agents * of_an_agent + of_one)
    }

    /// What is wrong with it, if anything is.
    pub(crate) fn problem(&self) -> Option<String> {
        let sizes = [
            ("agents", self.agents),
            ("obs_dim", self.obs_dim),
            ("actions", self.actions),
            ("state_dim", self.state_dim.max(1)),
        ];
        let wrong = sizes.iter().find(|(_, size)| !(1..=MOST).contains(size));
        if let Some((name, size)) = wrong {
            return Some(format!("`{name}` is {size}, but must be 1 to {MOST}"));
        }
        (self.masked && !self.discrete)
            .then(|| "only tasks with discrete actions have `available`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_what_it_says_or_refused() {
        for kind in 0..4 {
            let task = TaskSpec {
                agents: 1,
                obs_dim: 1 << 20,
                actions: 3,
                discrete: kind & 1 > 0,
                masked: kind & 2 > 0,
                ..TaskSpec::default()
            };
            let spec = task.spec();
            assert_eq!(
                (spec.agents, spec.obs_dim, spec.actions.size()),
                (1, 1 << 20, 3)
            );
            assert_eq!(spec.masks_actions, kind == 3);
            assert_eq!(task.problem().is_some(), kind == 2, "{:?}", task.problem());
            for size in [0, (1 << 20) + 1] {
                let task = TaskSpec {
                    obs_dim: size,
                    ..task.clone()
                };
                assert!(
                    task.problem()
                        .unwrap()
                        .contains(&format!("`obs_dim` is {size},"))
                );
            }
        }
    }
}
