//! How long the vectors of a scenario are, and what its rewards sum to.

use super::{Member, Scenario};

/// Actions that do not aim at a unit: none, stop, and a step in four directions.
const UNTARGETED: usize = 6;

/// What the death of an enemy is worth.
const REWARD_DEATH: f32 = 10.0;

/// What a victory is worth.
const REWARD_WIN: f32 = 200.0;

/// What the rewards of a perfect episode sum to after scaling.
const REWARD_SCALE_RATE: f32 = 20.0;

/// How long observations and states are, in SMAC's own layout and in that of CommFormer's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// An agent's actions.
    pub actions: usize,
    /// SMAC: an agent's observation.
    pub oxwhirl_obs: usize,
    /// SMAC: the state.
    pub oxwhirl_state: usize,
    /// CommFormer: an agent's observation.
    pub commformer_obs: usize,
    /// CommFormer: the state as an agent is shown it.
    pub commformer_state: usize,
}

impl Scenario {
    /// How long its vectors are.
    pub fn sizes(&self) -> Sizes {
        let (allies, enemies) = (self.allies.len(), self.enemies.len());
        let actions = UNTARGETED + enemies;
        let [ally, enemy] = self
            .shields
            .map(|shield| usize::from(shield) + self.type_bits);
        // The numbers: available or visible, distance, two coordinates, hit points; its own hit points alone.
        let oxwhirl_obs = 4 + enemies * (5 + enemy) + (allies - 1) * (5 + ally) + 1 + ally;
        // Hit points, two coordinates, and for allies the cooldown.
        let oxwhirl_state = allies * (4 + ally + actions) + enemies * (3 + enemy);
        // Every agent, itself too, with its last action; and the agent's number.
        let commformer_obs = allies * (5 + ally + actions) + enemies * (5 + enemy) + 4 + allies;
        // The same with a cooldown, which the agent itself has not, visibility, and places from the centre.
        let commformer_state =
            allies * (8 + ally + actions) - 1 + enemies * (8 + enemy) + 4 + allies;
        Sizes {
            actions,
            oxwhirl_obs,
            oxwhirl_state,
            commformer_obs,
            commformer_state,
        }
    }

    /// Hit points and shields of all enemies.
    pub fn enemy_points(&self) -> f32 {
        let points = |&member: &Member| {
            let unit = self.kind(member);
            unit.hp + unit.shield
        };
        self.enemies.iter().map(points).sum()
    }

    /// The rewards of a perfect episode before scaling.
    pub fn max_reward(&self) -> f32 {
        self.enemies.len() as f32 * REWARD_DEATH + REWARD_WIN + self.enemy_points()
    }

    /// By what rewards are multiplied.
    pub fn reward_scale(&self) -> f32 {
        REWARD_SCALE_RATE / self.max_reward()
    }
}
