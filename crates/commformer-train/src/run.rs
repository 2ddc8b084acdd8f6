//! A whole run: iterations, evaluations, checkpoints.

use crate::bilevel::entries;
use crate::evaluate::play;
use crate::{
    Checkpoint, CheckpointStore, EpisodeRecord, EvaluateOptions, EvaluationReport, Listener,
    Policy, Purpose, TrainError, TrainState, Trainer, evaluate, seed_for,
};
use commformer_env::{Environment, VecEnv, VecEnvError};

/// By how much more than its target a team may listen and still keep to its budget.
const TOLERANCE: f64 = 0.03;

/// How often the gates' threshold is set anew before an evaluation.
const CALIBRATION_ROUNDS: usize = 3;

/// What makes one checkpoint better than another: with gates, first of all that they are in force and
/// keep to the budget; then the return, less what the messages cost.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
struct Standing {
    within_budget: bool,
    score: f64,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            within_budget: false,
            score: f64::NEG_INFINITY,
        }
    }
}

impl<P: Policy, E: Environment> Trainer<P, E> {
    /// Trains until the run has taken its steps. `environments` makes those of one evaluation
    /// ([`Purpose::Evaluation`]), one episode in each copy, or those by which the gates are
    /// calibrated before it ([`Purpose::Calibration`]). Every evaluation leaves a checkpoint.
    pub fn run(
        &mut self,
        environments: &mut dyn FnMut(Purpose) -> Result<VecEnv<E>, VecEnvError>,
        store: &CheckpointStore,
        listener: &mut dyn Listener,
    ) -> Result<(), TrainError> {
        let every = self.settings.run.eval_every.max(1);
        let mut best = Standing::default();
        while self.progress() < 1.0 {
            let evaluations_before = self.steps() / every;
            let report = self.iterate()?;
            listener.iteration(&report)?;
            if self.steps() / every == evaluations_before && self.progress() < 1.0 {
                continue;
            }
            let device = self.settings.run.device;
            let options = EvaluateOptions {
                sampled: None,
                gates: self
                    .gates_started()
                    .map(|_| seed_for(self.settings.run.seed, Purpose::Gates)),
                max_steps: EvaluateOptions::PATIENCE,
                device,
            };
            self.calibrate_by_rollout()?;
            self.calibrate(environments, &options)?;
            let mut report = evaluate(
                self.policy(),
                &self.execution_graph()?,
                &mut environments(Purpose::Evaluation)?,
                &options,
            )?;
            report.steps = self.steps();
            listener.evaluated(&report)?;
            let standing = self.standing(&report);
            let better = standing >= best;
            store.save(&mut self.checkpoint(standing.score)?, better)?;
            if better {
                best = standing;
            }
        }
        Ok(())
    }

    /// Sets the gates of execution so that they keep to the budget. There the team meets other
    /// situations than while it explores, and gates that are set otherwise change which ones it
    /// meets: hence several rounds.
    fn calibrate(
        &mut self,
        environments: &mut dyn FnMut(Purpose) -> Result<VecEnv<E>, VecEnvError>,
        options: &EvaluateOptions,
    ) -> Result<(), TrainError> {
        let progress = self.progress();
        let target = (self.gate.as_ref()).and_then(|gate| gate.target_at(progress));
        let Some(target) = target else { return Ok(()) };
        let graph = self.execution_graph()?;
        for _ in 0..CALIBRATION_ROUNDS {
            let mut scores = Vec::new();
            let copies = &mut environments(Purpose::Calibration)?;
            let report = play(self.policy(), &graph, copies, options, &mut scores)?;
            let found = report.traffic().open_rate();
            let policy = self.learner.policy_mut();
            policy.calibrate(&scores, target, Some(found))?;
        }
        Ok(())
    }

    /// How an evaluation compares with others of this run.
    fn standing(&self, report: &EvaluationReport) -> Standing {
        let mut standing = Standing {
            within_budget: self.gate.is_none(),
            score: report.mean(|episode| episode.team_return),
        };
        if let Some(gate) = self.gates_started() {
            let target = gate.budget.target(1.0).unwrap_or(1.0);
            standing.within_budget = report.traffic().open_rate() <= target + TOLERANCE;
            let messages =
                |episode: &EpisodeRecord| episode.traffic.messages() * f64::from(episode.steps);
            standing.score -= gate.budget.price().message * report.mean(messages);
        }
        standing
    }

    /// Everything the run has learned.
    pub fn checkpoint(&self, evaluation_return: f64) -> Result<Checkpoint, TrainError> {
        let graph = self.execution_graph()?;
        let state = TrainState {
            iteration: self.iteration,
            steps: self.steps,
            lower: self.learner.lower.state()?,
            upper: self.learner.upper.state()?,
            value_norm: self.value_norm.clone(),
            evaluation_return,
            graph: entries(&graph)?,
            gated: self.gates_started().is_some(),
            budget: self
                .gate
                .as_ref()
                .map_or_else(Vec::new, |gate| gate.budget.state()),
            weights_sha256: [0; 32],
        };
        Ok(Checkpoint {
            weights: self.policy().state(),
            state,
        })
    }
}
