//! The sizes of a team.

use commformer_env::Spec;
use commformer_model::decentralised::OpenEdges;
use commformer_model::{ActionSpace, ModelError, PolicyConfig};
use commformer_nn::layout::unfit_size;
use serde::{Deserialize, Serialize};

/// The sizes of a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TeamSizes {
    /// The number of agents N.
    pub agents: usize,
    /// Numbers that an agent sees.
    pub obs_dim: usize,
    /// What an agent chooses.
    pub actions: ActionSpace,
}

impl TeamSizes {
    /// Of a team of CommFormer or MAT.
    pub(crate) fn of_transformers(config: &PolicyConfig, edges: &OpenEdges) -> Self {
        Self {
            agents: edges.agents(),
            obs_dim: config.obs_dim,
            actions: config.actions,
        }
    }

    /// Refuses an agent beyond the team.
    pub(crate) fn check_agent(&self, agent: usize) -> Result<(), ModelError> {
        if agent < self.agents {
            return Ok(());
        }
        Err(ModelError::Input {
            input: "agent",
            problem: format!("found {agent}, expected less than {}", self.agents),
        })
    }

    /// Refuses sizes of which no network can be made.
    pub(crate) fn check(&self) -> Result<(), ModelError> {
        let sizes = [
            ("agents", self.agents),
            ("obs_dim", self.obs_dim),
            ("actions", self.actions.width()),
        ];
        for (setting, size) in sizes {
            if let Some(problem) = unfit_size(size) {
                return Err(ModelError::Config { setting, problem });
            }
        }
        Ok(())
    }
}

impl From<&Spec> for TeamSizes {
    fn from(spec: &Spec) -> Self {
        Self {
            agents: spec.agents,
            obs_dim: spec.obs_dim,
            actions: as_of_model(spec.actions),
        }
    }
}

/// Actions as `commformer_model` has them.
pub(crate) fn as_of_model(actions: commformer_env::ActionSpace) -> ActionSpace {
    match actions {
        commformer_env::ActionSpace::Discrete(count) => ActionSpace::Discrete(count),
        commformer_env::ActionSpace::Continuous(width) => ActionSpace::Continuous(width),
    }
}
