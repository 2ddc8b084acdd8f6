//! A whole run: iterations, evaluations, checkpoints.

pub(crate) mod checkpoint;
pub(crate) mod evaluate;
mod resume;

use crate::panics::caught;
use crate::{
    Best, Checkpoint, CheckpointStore, EpisodeRecord, EvaluateOptions, EvaluationReport, Listener,
    Policy, Purpose, TrainError, Trainer, evaluate, seed_for,
};
use commformer_env::{Environment, VecEnv};
use evaluate::play;
use std::error::Error;

/// By how much the share of messages that a team takes in may lie above its target: it still keeps to its budget.
const TOLERANCE: f64 = 0.03;

/// How often the gates' threshold is set anew before an evaluation.
const CALIBRATION_ROUNDS: usize = 3;

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has taken all its steps.
    Finished,
    /// The listener wanted it to stop. It is saved.
    Stopped,
}

/// Makes the environments of one evaluation ([`Purpose::Evaluation`]), or
/// those by which the gates are calibrated before it ([`Purpose::Calibration`]).
pub type MakeEnvironments<'a, E> =
    &'a mut dyn FnMut(Purpose) -> Result<VecEnv<E>, Box<dyn Error + Send + Sync>>;

impl<P: Policy, E: Environment> Trainer<P, E> {
    /// Trains until the run has taken its steps or the listener wants it to stop. Every evaluation
    /// leaves a checkpoint, and so does every `save_every` steps.
    ///
    /// Where several processes train together ([`with_group`](Self::with_group)), the first one writes the checkpoints, and
    /// all stop when the listener of any wants it. Each evaluates for itself, which comes to the same.
    ///
    /// # Errors
    ///
    /// [`TrainError`]. An iteration that fails, be it by a panic, leaves a checkpoint of the state before
    /// it; the trainer itself is then of no use.
    pub fn run(
        &mut self,
        environments: MakeEnvironments<'_, E>,
        store: &CheckpointStore,
        listener: &mut dyn Listener,
    ) -> Result<Outcome, TrainError> {
        self.train(environments, Some(store), listener)
    }

    /// The same for a process that is not the first of those that train together, and needs no store.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn follow(
        &mut self,
        environments: MakeEnvironments<'_, E>,
        listener: &mut dyn Listener,
    ) -> Result<Outcome, TrainError> {
        self.train(environments, None, listener)
    }

    fn train(
        &mut self,
        environments: MakeEnvironments<'_, E>,
        store: Option<&CheckpointStore>,
        listener: &mut dyn Listener,
    ) -> Result<Outcome, TrainError> {
        while self.progress() < 1.0 {
            let before = self.checkpoint()?;
            let failed = match caught(|| self.round(environments, store, listener)) {
                Ok(true) if self.progress() < 1.0 => return Ok(Outcome::Stopped),
                Ok(_) => continue,
                // Saving again would fail for the same reason.
                Err(error @ (TrainError::Checkpoint(_) | TrainError::Listener(_))) => {
                    self.leave(&error);
                    return Err(error);
                }
                Err(error) => error,
            };
            self.leave(&failed);
            // If this fails, too, the first error is the one to report.
            let _ = self.save(store, listener, &before);
            return Err(failed);
        }
        Ok(Outcome::Finished)
    }

    /// An iteration, and what is due after it. Whether the listener wants the run to stop; then it is
    /// saved.
    fn round(
        &mut self,
        environments: MakeEnvironments<'_, E>,
        store: Option<&CheckpointStore>,
        listener: &mut dyn Listener,
    ) -> Result<bool, TrainError> {
        let steps_before = self.steps;
        let report = self.iterate()?;
        listener.iteration(&report)?;
        let (steps, over) = (self.steps, self.progress() >= 1.0);
        let due = |every: u64| over || steps / every.max(1) != steps_before / every.max(1);
        let evaluate = due(self.settings.run.eval_every);
        if evaluate {
            self.evaluate(environments, listener)?;
        }
        // Asked once: a later wish to stop waits for the next iteration.
        let mut stop = listener.stop();
        if let Some(ranks) = &mut self.learner.ranks {
            stop = ranks.any(stop)?;
        }
        if evaluate || due(self.settings.run.save_every) || stop {
            self.save(store, listener, &self.checkpoint()?)?;
        }
        Ok(stop)
    }

    /// Saves, once all that was reported of the run is on the disk. Where several processes train together, the first one does.
    fn save(
        &self,
        store: Option<&CheckpointStore>,
        listener: &mut dyn Listener,
        checkpoint: &Checkpoint,
    ) -> Result<(), TrainError> {
        let Some(store) = store.filter(|_| self.rank() == 0) else {
            return Ok(());
        };
        listener.saving()?;
        Ok(store.save(checkpoint)?)
    }

    /// Lets other processes of the run know why this one ends.
    fn leave(&mut self, error: &TrainError) {
        if let Some(ranks) = &mut self.learner.ranks {
            ranks.leave(error);
        }
    }

    /// Evaluates the policy as it is now.
    fn evaluate(
        &mut self,
        environments: MakeEnvironments<'_, E>,
        listener: &mut dyn Listener,
    ) -> Result<(), TrainError> {
        let run = &self.settings.run;
        let options = EvaluateOptions {
            sampled: None,
            gates: (self.gates_learned()).map(|_| seed_for(run.seed, Purpose::Gates)),
            episodes: run.eval_episodes,
            max_steps: EvaluateOptions::PATIENCE,
            device: run.device,
        };
        self.calibrate_by_rollout()?;
        self.calibrate(environments, &options)?;
        let mut report = evaluate(
            self.policy(),
            &self.execution_graph()?,
            &mut environments(Purpose::Evaluation).map_err(TrainError::Make)?,
            &options,
        )?;
        report.steps = self.steps;
        listener.evaluated(&report)?;
        let new = self.standing(&report);
        let rank = |best: &Best| (best.within_budget, best.score);
        if self.best.is_none_or(|old| rank(&new) >= rank(&old)) {
            self.best = Some(new);
        }
        Ok(())
    }

    /// Sets the gates of execution so that they keep to the budget. There the team meets other
    /// observations than while it explores, and gates that are set otherwise change which ones it
    /// meets: hence several rounds.
    fn calibrate(
        &mut self,
        environments: MakeEnvironments<'_, E>,
        options: &EvaluateOptions,
    ) -> Result<(), TrainError> {
        let progress = self.progress();
        let target = (self.gates_learned()).and_then(|gate| gate.target_at(progress));
        let Some(target) = target else { return Ok(()) };
        let graph = self.execution_graph()?;
        for _ in 0..CALIBRATION_ROUNDS {
            let mut scores = Vec::new();
            let envs = &mut environments(Purpose::Calibration).map_err(TrainError::Make)?;
            let report = play(self.policy(), &graph, envs, options, &mut scores)?;
            let found = report.message_stats().open_rate();
            if let Some(gates) = self.learner.policy_mut().gates_mut() {
                gates.calibrate(&scores, target, Some(found))?;
            }
        }
        Ok(())
    }

    /// By what checkpoints are compared: with gates, first whether these are in force and keep to the budget; then by
    /// the return, less what the messages cost.
    fn standing(&self, report: &EvaluationReport) -> Best {
        let mut standing = Best {
            iteration: self.iteration,
            within_budget: self.gate.is_none(),
            score: report.mean(|episode| episode.team_return),
        };
        if let Some(gate) = self.gates_learned() {
            let target = gate.budget.target(1.0).unwrap_or(1.0);
            standing.within_budget = report.message_stats().open_rate() <= target + TOLERANCE;
            let messages =
                |episode: &EpisodeRecord| episode.traffic.messages() * f64::from(episode.steps);
            standing.score -= gate.budget.price().message * report.mean(messages);
        }
        standing
    }
}
