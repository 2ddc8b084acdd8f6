//! Any task whose agents are paid together.

use crate::vacant::Vacant;
use crate::{
    Actions, Environment, Observation, Rng, StateError, Status, forward_environment,
    saved::{self, Wrapped},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What each agent is paid of what all are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Share {
    /// The sum of all rewards, as EPyMARL pays it.
    Sum,
    /// Their mean over all places of the team.
    Mean,
}

/// A task whose agents all earn the same in a step: what its agents earned together. Who has left earns nothing, and where
/// agents leave, neither does a place into which none has come yet.
///
/// ```
/// use commformer_env::{Environment, Foraging, Share, SharedReward};
///
/// // Who loads food is paid its level; here everybody is paid that.
/// let task = SharedReward::new(Foraging::new(Default::default())?, Share::Sum);
/// assert_eq!(task.spec().agents, 2);
/// # Ok::<(), commformer_env::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SharedReward<E> {
    task: E,
    share: Share,
    vacant: Vacant,
}

impl<E: Environment> SharedReward<E> {
    /// Pays the agents of a task together.
    pub fn new(task: E, share: Share) -> Self {
        Self {
            vacant: Vacant::new(task.spec().agents),
            task,
            share,
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: Environment> Environment for SharedReward<E> {
    forward_environment! { |this| this.task =>
        spec metrics progress global_state sources must_receive departed action_names agent_names draw remote
    }

    fn reset(&mut self, rng: &mut Rng, mut out: Observation<'_>) {
        self.task.reset(rng, out.reborrow());
        self.vacant.open(out.active, self.task.departed());
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        mut out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let status = self.task.step(actions, rng, out.reborrow(), rewards);
        let departed = self.task.departed();
        self.vacant.settle(rewards, out.active, departed);
        let sum: f32 = rewards.iter().sum();
        let each = match self.share {
            Share::Sum => sum,
            Share::Mean => sum / rewards.len() as f32,
        };
        for (agent, reward) in rewards.iter_mut().enumerate() {
            // Who leaves in this step is still paid for it.
            let leaves = departed.get(agent).is_some_and(|leaves| *leaves);
            let nobodys = self.vacant.is(agent) && !leaves;
            *reward = if nobodys { 0.0 } else { each };
        }
        status
    }

    fn save(&self) -> Option<Vec<u8>> {
        saved::encode_around(&self.task, &self.vacant)
    }

    fn restore(&mut self, state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
        let agents = self.task.spec().agents;
        let fits = |saved: &Wrapped<Vacant>| saved.own.places() == agents;
        let Wrapped { task, own: vacant } = saved::decode(state, fits)?;
        self.task.restore(&task, out)?;
        self.vacant = vacant;
        Ok(())
    }
}
