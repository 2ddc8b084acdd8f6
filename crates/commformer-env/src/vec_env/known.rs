//! What is known of the environments besides what a step writes.

use super::{Episode, VecEnv, check};
use crate::lanes::Lane;
use crate::{Environment, VecEnvError};

impl<E: Environment> VecEnv<E> {
    /// For each agent the one it must receive from, (N), where the task has such a known answer.
    ///
    /// # Errors
    ///
    /// If the task gives more or fewer than one for each agent, or an agent that does not exist.
    pub fn sources(&self) -> Result<Option<&[usize]>, VecEnvError> {
        let sources = self.lanes.first().and_then(|lane| lane.env.sources());
        let agents = self.spec.agents;
        let Some(sources) = sources else {
            return Ok(None);
        };
        check::len("sources", sources.len(), agents)?;
        match sources.iter().position(|&source| source >= agents) {
            None => Ok(Some(sources)),
            Some(agent) => Err(VecEnvError::NoSuchSource {
                agent,
                found: sources[agent],
                agents,
            }),
        }
    }

    /// Whether each agent of an environment must receive in the present step, (N), where the task has such a known
    /// answer.
    ///
    /// # Errors
    ///
    /// If the task gives more or fewer than one for each agent.
    pub fn must_receive(&self, env: usize) -> Result<Option<&[bool]>, VecEnvError> {
        let answer = self.lanes.get(env).and_then(|lane| lane.env.must_receive());
        if let Some(answer) = answer {
            check::len("must_receive", answer.len(), self.spec.agents)?;
        }
        Ok(answer)
    }

    /// Steps that the episode of an environment has taken: of the one that ended in the last step, if one did, or
    /// else of the one under way.
    pub fn episode_steps(&self, env: usize) -> u32 {
        self.lanes.get(env).map_or(0, Lane::episode_steps)
    }

    /// One environment, to look at.
    pub fn env(&self, env: usize) -> Option<&E> {
        self.lanes.get(env).map(|lane| &lane.env)
    }

    /// The episodes that ended in the last step, in the order of their environments, without those that were
    /// [lost](Self::lost).
    pub fn episodes(&self) -> &[Episode] {
        &self.episodes[..self.ended]
    }

    /// Whether an episode of `env` ended in the last step that was lost, as [`Remote::lost`](crate::Remote::lost) says.
    pub fn lost(&self, env: usize) -> bool {
        let last = self.lanes.get(env).and_then(|lane| lane.last);
        last.is_some_and(|outcome| outcome.lost)
    }

    /// The observation, (N, O), in which the episode of `env` ended in the last step; empty if none
    /// did. What lies beyond a truncated episode is estimated from this one.
    pub fn final_obs(&self, env: usize) -> &[f32] {
        match self.lanes.get(env) {
            Some(lane) if lane.last.is_some() => &lane.last_obs,
            _ => &[],
        }
    }

    /// Who was active in that observation, (N); empty if no episode of `env` ended in the last step.
    pub fn final_active(&self, env: usize) -> &[bool] {
        match self.lanes.get(env) {
            Some(lane) if lane.last.is_some() => &lane.last_active,
            _ => &[],
        }
    }

    /// Which actions could be taken in that observation, (N, A); empty if no episode of `env` ended in the last step,
    /// or if the task masks none.
    pub fn final_available(&self, env: usize) -> &[bool] {
        match self.lanes.get(env) {
            Some(lane) if lane.last.is_some() => &lane.last_available,
            _ => &[],
        }
    }

    /// Writes the global state of each environment, (C, S), of the state that was observed last: where an episode ended,
    /// it is that of the next one's beginning.
    ///
    /// # Errors
    ///
    /// If the buffer's length is wrong, or there was no [`reset`](Self::reset) yet.
    pub fn global_states(&self, out: &mut [f32]) -> Result<(), VecEnvError> {
        let width = self.spec.state_dim;
        check::len("state", out.len(), self.lanes.len() * width)?;
        if !self.started {
            return Err(VecEnvError::NotReset);
        }
        if width > 0 {
            for (lane, out) in self.lanes.iter().zip(out.chunks_exact_mut(width)) {
                lane.env.global_state(out);
            }
        }
        Ok(())
    }

    /// Has every environment keep, from now on, the global state in which an episode ends, for
    /// [`final_state`](Self::final_state). Until then that costs nothing.
    pub fn keep_final_states(&mut self) {
        for lane in &mut self.lanes {
            lane.last_state.resize(self.spec.state_dim, 0.0);
        }
    }

    /// The global state, (S), in which the episode of `env` ended in the last step; empty if none did, or if it was
    /// not [kept](Self::keep_final_states).
    pub fn final_state(&self, env: usize) -> &[f32] {
        match self.lanes.get(env) {
            Some(lane) if lane.last.is_some() => &lane.last_state,
            _ => &[],
        }
    }

    /// Whether each agent of an environment left in the last step, (N), also if its episode ended then; empty if
    /// nobody ever leaves the task.
    ///
    /// # Errors
    ///
    /// If the task gives more or fewer than one for each agent.
    pub fn departed(&self, env: usize) -> Result<&[bool], VecEnvError> {
        let departed = self.lanes.get(env).map_or(&[][..], Lane::departed);
        if !departed.is_empty() {
            check::len("departed", departed.len(), self.spec.agents)?;
        }
        Ok(departed)
    }
}
