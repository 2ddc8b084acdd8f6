//! A whole run: iterations, evaluations, checkpoints.

pub(crate) mod calibrate;
pub(crate) mod checkpoint;
pub(crate) mod evaluate;
mod resume;

use crate::panics::caught;
use crate::{
    Best, Checkpoint, CheckpointStore, EpisodeRecord, EvaluateOptions, EvaluationReport, GatePlan,
    Listener, Policy, Purpose, TrainError, Trainer, evaluate, seed_for,
};
use calibrate::calibrate;
use commformer_env::{Environment, VecEnv};
use std::error::Error;

/// By how much the share of messages that a team takes in may lie above its target: it still keeps to its budget.
const TOLERANCE: f64 = 0.03;

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has taken all its steps.
    Finished,
    /// The listener wanted it to stop. It is saved.
    Stopped,
}

/// Makes the environments of one evaluation ([`Purpose::Evaluation`]), or those by which the gates are calibrated before it
/// ([`Purpose::Calibration`]), for which it is called up to three times. A purpose has one seed
/// ([`seed_for`](crate::seed_for)), so that each call makes environments with the same episodes.
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
            let before = caught(|| self.checkpoint()).inspect_err(|error| self.leave(error))?;
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
        let save = due(self.settings.run.save_every);
        if evaluate || save || stop {
            // Whoever executes the checkpoint is to find its gates within the budget.
            if !evaluate {
                self.calibrate_execution()?;
                if stop {
                    self.calibrate(environments, &self.evaluate_options())?;
                }
            }
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

    /// How the policy is evaluated.
    fn evaluate_options(&self) -> EvaluateOptions {
        let run = &self.settings.run;
        EvaluateOptions {
            sampled: None,
            gates: (self.gates_learned()).map(|_| seed_for(run.seed, Purpose::Gates)),
            episodes: run.eval_episodes,
            max_steps: EvaluateOptions::PATIENCE,
            device: run.device,
        }
    }

    /// Evaluates the policy as it is now.
    fn evaluate(
        &mut self,
        environments: MakeEnvironments<'_, E>,
        listener: &mut dyn Listener,
    ) -> Result<(), TrainError> {
        let options = self.evaluate_options();
        self.calibrate_execution()?;
        self.calibrate(environments, &options)?;
        let mut report = evaluate(
            self.policy(),
            &self.execution_graph()?,
            &mut environments(Purpose::Evaluation).map_err(TrainError::Make)?,
            &options,
        )?;
        report.steps = self.steps;
        listener.evaluated(&report)?;
        let new = standing(self.iteration, &report, self.gate.as_ref(), self.gated);
        if self.best.is_none_or(|old| is_no_worse(&new, &old)) {
            self.best = Some(new);
        }
        Ok(())
    }

    /// Sets the gates of execution by the last rollout. Gates that rollouts draw by are as the iteration set them: evaluations
    /// and stops, at which the budget may allow another share already, do not change how the team goes on to learn.
    fn calibrate_execution(&mut self) -> Result<(), TrainError> {
        match self.draws_by_threshold() {
            true => Ok(()),
            false => self.calibrate_by_rollout(),
        }
    }

    /// Sets the gates of execution so that they keep to the budget. There the team meets other
    /// observations than while it explores.
    fn calibrate(
        &mut self,
        environments: MakeEnvironments<'_, E>,
        options: &EvaluateOptions,
    ) -> Result<(), TrainError> {
        let progress = self.progress();
        // What rollouts draw by is set by rollouts: an evaluation would change how the team goes on to learn.
        let draws = self.draws_by_threshold();
        let target = (self.gates_learned()).and_then(|gate| gate.target_at(progress));
        let Some(target) = target.filter(|_| !draws) else {
            return Ok(());
        };
        let graph = self.execution_graph()?;
        let make = &mut || environments(Purpose::Calibration);
        calibrate(self.learner.policy_mut(), &graph, make, target, options)
    }
}

/// By what checkpoints are compared: with gates, first whether these are in force (`gated`) and keep to the budget; then
/// by the return, less what the messages cost.
fn standing(
    iteration: u64,
    report: &EvaluationReport,
    gate: Option<&GatePlan>,
    gated: bool,
) -> Best {
    let mut standing = Best {
        iteration,
        within_budget: gate.is_none(),
        score: report.mean(|episode| episode.team_return),
    };
    if let Some(gate) = gate.filter(|_| gated) {
        let target = gate.budget.target(1.0).unwrap_or(1.0);
        standing.within_budget = report.message_stats().open_rate() <= target + TOLERANCE;
        let messages =
            |episode: &EpisodeRecord| episode.traffic.messages() * f64::from(episode.steps);
        standing.score -= gate.budget.price().message * report.mean(messages);
    }
    standing
}

/// Whether a checkpoint takes the place of an older one as the best: of equals the newest stays.
fn is_no_worse(new: &Best, old: &Best) -> bool {
    let rank = |best: &Best| (best.within_budget, best.score);
    rank(new) >= rank(old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, MessageStats, Payment, Price};

    /// A message costs 0.5, and a quarter of them is to be taken in.
    #[derive(Debug)]
    struct Quarter;

    impl Budget for Quarter {
        fn update(&mut self, _: f64, _: f64) {}

        fn price(&self) -> Price {
            Price {
                message: 0.5,
                receiving: 0.0,
            }
        }

        fn target(&self, _: f64) -> Option<f64> {
            Some(0.25)
        }

        fn state(&self) -> Vec<f64> {
            Vec::new()
        }

        fn restore(&mut self, _: &[f64]) -> Result<(), String> {
            Ok(())
        }
    }

    /// Two episodes of ten steps with this mean return, in each of which two agents took this share of what they could
    /// in, and so many messages each in a step.
    fn report(team_return: f64, open: f64, messages: f64) -> EvaluationReport {
        let episode = |team_return| EpisodeRecord {
            team_return,
            steps: 10,
            traffic: MessageStats {
                agent_steps: 20.0,
                active_steps: 20.0,
                open: 20.0 * open,
                messages: 20.0 * messages,
                ..MessageStats::default()
            },
            gates_right: None,
            message_rounds: 0.0,
            lost_steps: 0,
            metrics: Vec::new(),
        };
        EvaluationReport {
            steps: 0,
            episodes: vec![episode(team_return - 1.0), episode(team_return + 1.0)],
            metric_names: Vec::new(),
            graph: Vec::new(),
            gated: true,
            sources_heard: None,
        }
    }

    /// The iteration, from 0, of the best of these evaluations.
    fn best(reports: &[EvaluationReport], gate: Option<&GatePlan>) -> Option<u64> {
        let mut best: Option<Best> = None;
        for (iteration, report) in (0..).zip(reports) {
            let new = standing(iteration, report, gate, true);
            if best.is_none_or(|old| is_no_worse(&new, &old)) {
                best = Some(new);
            }
        }
        best.map(|best| best.iteration)
    }

    #[test]
    fn the_best_checkpoint_has_the_highest_score_and_is_the_newest_of_equals() {
        let of = |returns: &[f64]| {
            let reports: Vec<_> = returns.iter().map(|x| report(*x, 1.0, 3.0)).collect();
            best(&reports, None)
        };
        assert_eq!(of(&[3.0, 2.0, 1.0]), Some(0));
        assert_eq!(of(&[1.0, 3.0, 2.0]), Some(1));
        assert_eq!(of(&[3.0, 1.0, 3.0, 2.0]), Some(2));
    }

    #[test]
    fn a_budget_is_in_force_by_the_end_of_the_run() {
        for (start, ramp, expected) in [
            (0.25, 0.25, [None, Some(0.5), Some(1.0), Some(1.0)]),
            (0.5, 1.0, [None, None, Some(0.5), Some(1.0)]),
            (1.0, 0.25, [None, None, None, Some(1.0)]),
        ] {
            let plan = GatePlan {
                start,
                ramp,
                entropy_coef: 0.0,
                budget: Box::new(Quarter),
                payment: Payment::Rewards,
            };
            let found = [0.125, 0.375, 0.75, 1.0].map(|progress| plan.ramp_at(progress));
            assert_eq!(found, expected, "{start}, {ramp}");
        }
    }

    #[test]
    fn with_gates_the_budget_goes_before_the_score_and_messages_cost() {
        let plan = GatePlan {
            start: 0.0,
            ramp: 0.0,
            entropy_coef: 0.0,
            budget: Box::new(Quarter),
            payment: Payment::Rewards,
        };
        // 0.03 above the target is within it.
        let (dear, kept) = (report(100.0, 0.3, 0.0), report(1.0, 0.27, 0.0));
        assert_eq!(best(&[kept.clone(), dear.clone()], Some(&plan)), Some(0));
        assert_eq!(best(&[dear, kept], Some(&plan)), Some(1));
        // 0.2 messages of an agent in each of ten steps, at 0.5.
        let (silent, talking) = (report(4.5, 0.2, 0.0), report(5.0, 0.2, 0.2));
        let found = standing(7, &talking, Some(&plan), true);
        let expected = Best {
            iteration: 7,
            within_budget: true,
            score: 4.0,
        };
        assert_eq!(found, expected);
        assert_eq!(best(&[silent, talking.clone()], Some(&plan)), Some(0));
        // Before they are in force, gates keep to no budget, and nothing is paid.
        let found = standing(7, &talking, Some(&plan), false);
        assert_eq!((found.within_budget, found.score), (false, 5.0));
    }
}
