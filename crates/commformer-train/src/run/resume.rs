//! A trainer's whole state, out and in again: a run goes on from it as if it had never stopped.

use crate::rollout::graphs::entries;
use crate::seeds::seed_anew;
use crate::{Checkpoint, Policy, TrainError, TrainState, Trainer};
use commformer_env::Environment;

impl<P: Policy, E: Environment> Trainer<P, E> {
    /// All that [`restore`](Self::restore) needs, copied. Random numbers of the trainer's own need no
    /// state: their streams are named by the seed and the iteration.
    ///
    /// # Errors
    ///
    /// [`TrainError::Failed`] after an iteration that failed, or [`TrainError`] if the device refuses a copy.
    pub fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        self.sound()?;
        let mut recurrent = Vec::new();
        let mut envs = Some(Vec::new());
        for shard in &self.shards {
            recurrent.extend(shard.buffer.recurrent()?);
            envs = envs
                .zip(shard.environments.save())
                .map(|(mut all, of_shard)| {
                    all.extend(of_shard);
                    all
                });
        }
        let [lower, upper] = self.optimisers()?;
        let budget = self.gate.as_ref().map(|gate| gate.budget.state());
        let state = TrainState {
            iteration: self.iteration,
            steps: self.steps,
            obs_version: self.spec.obs_version,
            lower,
            upper,
            value_norm: self.value_norm.clone(),
            graph: entries(&self.execution_graph()?)?,
            gated: self.gated,
            budget: budget.unwrap_or_default(),
            best: self.best,
            envs,
            recurrent,
        };
        let weights = self.policy().state().into_iter();
        Ok(Checkpoint {
            weights: weights
                .map(|(name, tensor)| (name, tensor.copy()))
                .collect(),
            state,
        })
    }

    /// Begins a new run with the weights of another, and with the scale of its values. Optimisers, budget,
    /// episodes and the schedule begin anew.
    ///
    /// # Errors
    ///
    /// [`TrainError::Mismatch`] if the task's observations mean something else, [`TrainError::Policy`] if the weights
    /// do not fit.
    pub fn begin_with(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        checkpoint.state.check_observations(&self.spec)?;
        self.learner.begin_with(&checkpoint.weights)?;
        self.value_norm = checkpoint.state.value_norm.clone();
        Ok(())
    }

    /// Goes on from a checkpoint of a run with the same settings: what follows is, to the bit, what
    /// followed there. Where the task could not be saved (`state.envs` is `None`), every environment begins
    /// a new episode instead, and has others from there on than a run without a stop. After an error the trainer is of no use.
    ///
    /// # Errors
    ///
    /// [`TrainError::Mismatch`], or that of the part that does not fit; [`TrainError::Failed`] after an iteration that
    /// failed.
    pub fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), TrainError> {
        self.sound()?;
        let Checkpoint { weights, state } = checkpoint;
        let mismatch = |what: String| Err(TrainError::Mismatch(what));
        state.check_observations(&self.spec)?;
        self.learner.restore(&weights, state.lower, state.upper)?;
        if let Some(gate) = &mut self.gate {
            let restored = gate.budget.restore(&state.budget);
            restored.or_else(|what| mismatch(format!("the gates' budget: {what}")))?;
        } else if !state.budget.is_empty() {
            return mismatch("it has a gates' budget, this run none".into());
        }
        // Where a run has just begun, its environments have begun their first episodes already.
        let is_new = self.iteration == 0 && state.iteration == 0;
        (self.iteration, self.steps) = (state.iteration, state.steps);
        let (all, progress) = (self.settings.rollout.num_envs, self.progress());
        if let Some(envs) = state.envs.as_ref().filter(|envs| envs.len() != all) {
            return mismatch(format!("it has {} environments, not {all}", envs.len()));
        }
        for shard in &mut self.shards {
            let own = shard.environments.own().ok_or_else(|| {
                TrainError::Mismatch(
                    "the work is shared out already; call `restore` before `with_group`".into(),
                )
            })?;
            let numbers = |env| env * state.recurrent.len() / all;
            let range = shard.envs.clone();
            let recurrent = &state.recurrent[numbers(range.start)..numbers(range.end)];
            match &state.envs {
                Some(envs) => shard.buffer.restore(own, &envs[range], recurrent)?,
                None if is_new => {}
                None => {
                    own.reseed(seed_anew(self.settings.run.seed, state.iteration));
                    own.progress(progress);
                    shard.buffer.reset(own)?;
                }
            }
        }
        self.gated = state.gated;
        self.value_norm = state.value_norm;
        self.best = state.best;
        self.decay_lr()
    }
}
