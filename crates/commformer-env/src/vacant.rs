//! Places of a team that agents have left: what a step pays there is nobody's.

use serde::{Deserialize, Serialize};

/// The places that were left and that nobody has taken since, and those that were [empty](Vacant::open) from the
/// beginning, (N).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Vacant(Vec<bool>);

impl Vacant {
    /// None of so many places.
    pub fn new(agents: usize) -> Self {
        Self(vec![false; agents])
    }

    /// How many places there are.
    pub fn places(&self) -> usize {
        self.0.len()
    }

    /// Whether the place of an agent is nobody's.
    pub fn is(&self, agent: usize) -> bool {
        self.0[agent]
    }

    /// A new episode begins.
    pub fn clear(&mut self) {
        self.0.fill(false);
    }

    /// A new episode begins, of a task that nobody leaves unless `departed` has a flag for each agent. Where agents leave,
    /// a place without one is nobody's until somebody comes into it.
    pub fn open(&mut self, active: &[bool], departed: &[bool]) {
        self.clear();
        for ((vacant, active), _) in self.0.iter_mut().zip(active).zip(departed) {
            *vacant = !active;
        }
    }

    /// Takes who is active after a step and who left in it, and zeroes the rewards that are nobody's. Gives the first
    /// agent that a task paid all the same.
    ///
    /// What a place is paid in the step in which its agent leaves is still that one's, and in the step in which another
    /// comes, that other's. Where nobody ever leaves, `departed` is empty and nothing happens. A reward that is not finite
    /// stays, so that whoever looks for those finds it.
    pub fn settle(
        &mut self,
        rewards: &mut [f32],
        active: &[bool],
        departed: &[bool],
    ) -> Option<usize> {
        let mut paid = None;
        let places = self.0.iter_mut().zip(rewards).zip(active).zip(departed);
        for (agent, (((vacant, reward), active), departed)) in places.enumerate() {
            if *vacant && !active && reward.is_finite() && *reward != 0.0 {
                *reward = 0.0;
                paid = paid.or(Some(agent));
            }
            *vacant = !active && (*vacant || *departed);
        }
        paid
    }
}
