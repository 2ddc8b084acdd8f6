//! What the networks see.

use super::{ActorCriticConfig, Critic};
use commformer_env::Spec;
use commformer_train::ObsBatch;
use tch::{Device, Kind, Tensor};

/// The sizes of a team.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inputs {
    /// N
    pub agents: usize,
    /// O
    pub obs_dim: usize,
    /// S; 0: the task has no global state.
    pub state_dim: usize,
    /// Whether an agent is told which it is.
    pub agent_id: bool,
    pub critic: Critic,
    /// Whether nobody knows the scales of observations, so that they are learned.
    pub unscaled: bool,
}

impl Inputs {
    /// Of a task that looks like `spec`.
    pub fn new(config: &ActorCriticConfig, critic: Critic, spec: &Spec, unscaled: bool) -> Self {
        Self {
            agents: spec.agents,
            obs_dim: spec.obs_dim,
            state_dim: spec.state_dim,
            agent_id: config.agent_id,
            critic,
            unscaled,
        }
    }

    /// Numbers that the actor sees.
    pub fn seen(&self) -> usize {
        let id = if self.agent_id { self.agents } else { 0 };
        self.obs_dim.saturating_add(id)
    }

    /// Numbers that the critic sees of the whole team, before what an agent sees.
    pub fn shared_width(&self) -> usize {
        match (self.critic, self.state_dim) {
            (Critic::Own | Critic::Trunk, _) => 0,
            (Critic::Team, 0) => self.agents.saturating_mul(self.obs_dim),
            (Critic::Team, state) => state,
        }
    }

    /// Whether the critic reads the global state.
    pub fn uses_state(&self) -> bool {
        self.critic == Critic::Team && self.state_dim > 0
    }

    /// What the actor sees, (B, N, ..): the agent's observation and which agent it is.
    pub fn own(&self, obs: &Tensor) -> Tensor {
        if !self.agent_id {
            return obs.shallow_clone();
        }
        let agents = self.agents as i64;
        let ids = Tensor::eye(agents, (Kind::Float, obs.device()));
        Tensor::cat(&[obs, &ids.expand([obs.size()[0], -1, -1], false)], -1)
    }

    /// What the critic sees of the whole team, whose observations are brought to scale in `obs`, (B, ..), before what the
    /// actor sees; `None` if nothing.
    ///
    /// # Errors
    ///
    /// If it is the global state and nobody shows it.
    pub fn shared(
        &self,
        obs_batch: &ObsBatch<'_>,
        obs: &Tensor,
    ) -> Result<Option<Tensor>, &'static str> {
        Ok(match (self.critic, self.state_dim) {
            (Critic::Own | Critic::Trunk, _) => None,
            (Critic::Team, 0) => {
                // Who is not active does not matter to others.
                let seen = match obs_batch.active {
                    Some(active) => obs * active.unsqueeze(-1),
                    None => obs.shallow_clone(),
                };
                Some(seen.reshape([seen.size()[0], -1]))
            }
            (Critic::Team, _) => {
                let state = obs_batch.state.ok_or("the global state is not shown")?;
                Some(state.shallow_clone())
            }
        })
    }
}

/// The parts of what agents carry, (B, N, ..), of these widths: the actor's and the critic's. Nothing is zeros.
pub(super) fn parts(
    memory: Option<&Tensor>,
    [actor, critic]: [usize; 2],
    obs: &Tensor,
) -> [Option<Tensor>; 2] {
    let part = |start: usize, width: usize| {
        (width > 0).then(|| match memory {
            Some(memory) => memory.narrow(-1, start as i64, width as i64),
            None => {
                let [teams, agents] = [obs.size()[0], obs.size()[1]];
                Tensor::zeros([teams, agents, width as i64], (Kind::Float, obs.device()))
            }
        })
    };
    [part(0, actor), part(actor, critic)]
}

/// A dense tensor on the CPU.
pub(super) fn dense(x: &Tensor) -> Tensor {
    x.to_device(Device::Cpu).contiguous()
}
