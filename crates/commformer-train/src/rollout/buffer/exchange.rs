//! A rollout between processes.

use super::Buffer;
use crate::TrainError;
use crate::ranks::wire::Wire;
use crate::rollout::taken::Taken;
use commformer_env::Status;

impl Buffer {
    /// All that is read of a rollout once it is collected: given to the other ranks, or taken from the one that has acted.
    ///
    /// # Errors
    /// [`TrainError::Ranks`] if it is the rollout of another buffer's shape.
    pub fn exchange(&mut self, wire: &mut Wire<'_>) -> Result<(), TrainError> {
        self.obs.exchange(wire)?;
        if let Some(available) = &mut self.available {
            available.exchange(wire)?;
        }
        wire.slice(&mut self.active)?;
        if let Some(state) = &mut self.state {
            state.rows.exchange(wire)?;
        }
        match &mut self.actions {
            Taken::Discrete(actions) => actions.exchange(wire)?,
            Taken::Continuous(actions) => actions.exchange(wire)?,
        }
        wire.tensor(&mut self.log_probs)?;
        self.values.exchange(wire)?;
        wire.slice(self.rewards.as_slice_mut().unwrap_or_default())?;
        if let Some(gates) = &mut self.gates {
            gates.exchange(wire)?;
        }
        if let Some(recurrent) = &mut self.recurrent {
            recurrent.exchange(wire)?;
        }
        let mut status: Vec<u8> = self.status.iter().map(|status| *status as u8).collect();
        wire.slice(&mut status)?;
        let read = |status: u8| match status {
            1 => Status::Terminated,
            2 => Status::Truncated,
            _ => Status::Running,
        };
        self.status = status.into_iter().map(read).collect();
        wire.slice(&mut self.departed)?;
        wire.list(&mut self.final_active)?;
        wire.list(&mut self.final_values)?;
        let pairs = self.final_at.iter();
        let mut at: Vec<u64> = pairs.flat_map(|&(t, env)| [t as u64, env as u64]).collect();
        wire.list(&mut at)?;
        let pairs = at.chunks_exact(2);
        self.final_at = pairs
            .map(|pair| (pair[0] as usize, pair[1] as usize))
            .collect();
        Ok(())
    }
}
