//! A whole run: iterations, evaluations, checkpoints.

use crate::{
    Checkpoint, CheckpointStore, EvaluateOptions, Listener, Policy, TrainError, TrainState,
    Trainer, evaluate,
};
use commformer_env::{Environment, VecEnv, VecEnvError};
use tch::{Device, Kind};

impl<P: Policy, E: Environment> Trainer<P, E> {
    /// Trains until the run has taken its steps. `evaluation` makes the environments of one
    /// evaluation: greedy, one episode in each copy. Every evaluation leaves a checkpoint.
    pub fn run(
        &mut self,
        evaluation: &mut dyn FnMut() -> Result<VecEnv<E>, VecEnvError>,
        store: &CheckpointStore,
        listener: &mut dyn Listener,
    ) -> Result<(), TrainError> {
        let every = self.settings.run.eval_every.max(1);
        let mut best = f64::NEG_INFINITY;
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
                max_steps: EvaluateOptions::PATIENCE,
                device,
            };
            let mut report = evaluate(
                self.policy(),
                &self.execution_graph()?,
                &mut evaluation()?,
                &options,
            )?;
            report.steps = self.steps();
            listener.evaluated(&report)?;
            let score = report.mean(|episode| episode.team_return);
            store.save(&mut self.checkpoint(score)?, score >= best)?;
            best = best.max(score);
        }
        Ok(())
    }

    /// Everything the run has learned.
    pub fn checkpoint(&self, evaluation_return: f64) -> Result<Checkpoint, TrainError> {
        let graph = self
            .execution_graph()?
            .to_device(Device::Cpu)
            .to_kind(Kind::Float);
        let state = TrainState {
            iteration: self.iteration,
            steps: self.steps,
            lower: self.learner.lower.state()?,
            upper: self.learner.upper.state()?,
            value_norm: self.value_norm.clone(),
            evaluation_return,
            graph: Vec::try_from(graph.contiguous().view(-1))?,
            weights_sha256: [0; 32],
        };
        Ok(Checkpoint {
            weights: self.policy().state(),
            state,
        })
    }
}
