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
            0 => Ok(Status::Running),
            1 => Ok(Status::Terminated),
            2 => Ok(Status::Truncated),
            other => Err(wire.refused(format!("{other} as an episode's status"))),
        };
        self.status = status.into_iter().map(read).collect::<Result<_, _>>()?;
        wire.slice(&mut self.departed)?;
        wire.list(&mut self.final_active)?;
        wire.list(&mut self.final_values)?;
        let pairs = self.final_at.iter();
        let mut at: Vec<u64> = pairs.flat_map(|&(t, env)| [t as u64, env as u64]).collect();
        wire.list(&mut at)?;
        let agents = at.len() / 2 * self.spec.agents;
        let fits = |pair: &[u64]| pair[0] < self.steps as u64 && pair[1] < self.envs as u64;
        if wire.reads()
            && !(at.len().is_multiple_of(2)
                && at.chunks_exact(2).all(fits)
                && self.final_active.len() == agents
                && self.final_values.len() == agents)
        {
            return Err(wire.refused("ends of episodes that do not fit its rollout"));
        }
        let pairs = at.chunks_exact(2);
        self.final_at = pairs
            .map(|pair| (pair[0] as usize, pair[1] as usize))
            .collect();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::buffer::scripted::Scripted;
    use commformer_env::Environment;

    #[test]
    fn ends_that_do_not_fit_are_refused_with_the_rank_that_sent_them() {
        let (active, rewards): (&[bool], &[f32]) = (&[true; 2], &[1.0; 2]);
        let scripted = Scripted::new(&[active; 3], &[rewards; 2], Status::Truncated);
        for (end, agents, fits) in [
            ((1, 0), 2, true),
            ((2, 0), 2, false),
            ((1, 1), 2, false),
            ((1, 0), 1, false),
        ] {
            let [mut sent, mut taken] =
                [(); 2].map(|()| Buffer::new(scripted.spec(), 1, 2).unwrap());
            sent.final_at.push(end);
            sent.final_active = vec![true; agents];
            sent.final_values = vec![0.0; agents];
            let mut out = Wire::Out(Vec::new());
            sent.exchange(&mut out).unwrap();
            let bytes = out.into_bytes();
            let found = taken.exchange(&mut Wire::from(3, &bytes));
            assert_eq!(found.is_ok(), fits, "{end:?}");
            if let Err(error) = found {
                let text = error.to_string();
                assert!(text.contains("rank 3 of the run sent ends"), "{text}");
            }
        }
    }
}
