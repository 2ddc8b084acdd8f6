//! A policy of which one can choose what is made of what it returns.

use crate::common::settings;
use crate::plain::Plain;
use commformer_env::{Environment, PredatorPrey, PredatorPreyConfig, VecEnv};
use commformer_train::{
    Act, Actor, Evaluation, Gates, GraphPlan, Level, Needs, ObsBatch, Policy, PolicyResult,
    Samples, Trainer, by_autograd,
};
use tch::Tensor;

pub const ENVS: usize = 4;
const STEPS: usize = 10;

pub type BendAct = fn(Act) -> Act;
pub type BendEvaluation = fn(Evaluation) -> Evaluation;
type State = Vec<(String, Tensor)>;

/// What is made of what a good policy returns.
#[derive(Clone, Copy)]
pub struct Bent {
    pub needs: Needs,
    pub act: BendAct,
    pub evaluation: BendEvaluation,
    pub values: fn(Tensor) -> Tensor,
    pub state: fn(State) -> State,
    pub gradients: fn(Vec<Tensor>) -> Vec<Tensor>,
}

/// Nothing.
pub const STRAIGHT: Bent = Bent {
    needs: Needs {
        memory: 0,
        gate: 0,
        state: false,
    },
    act: |act| act,
    evaluation: |evaluation| evaluation,
    values: |values| values,
    state: |state| state,
    gradients: |gradients| gradients,
};

/// A small policy, bent.
pub struct Misfit {
    plain: Box<dyn Policy>,
    bent: Bent,
}

impl Actor for Misfit {
    fn needs(&self) -> Needs {
        self.bent.needs
    }

    fn act(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act> {
        Ok((self.bent.act)(self.plain.act(batch, gates, noise)?))
    }
}

impl Policy for Misfit {
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>> {
        Ok(Box::new(Self {
            // SAFETY: the caller keeps to it.
            plain: unsafe { self.plain.replica() }?,
            bent: self.bent,
        }))
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        self.plain.parameters()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        (self.bent.state)(self.plain.state())
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        let evaluation = self.plain.evaluate(samples, uniform)?;
        Ok((self.bent.evaluation)(evaluation))
    }

    fn gradients(
        &self,
        level: Level,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
        loss: &mut dyn FnMut(&Evaluation) -> Tensor,
    ) -> PolicyResult<Vec<Tensor>> {
        let gradients = by_autograd(self, level, samples, uniform, loss)?;
        Ok((self.bent.gradients)(gradients))
    }

    fn values(&self, batch: &ObsBatch<'_>, gates: Gates<'_>) -> PolicyResult<Tensor> {
        Ok((self.bent.values)(self.plain.values(batch, gates)?))
    }
}

/// In a few of these.
pub fn trainer_in<E: Environment + Clone>(task: &E, bent: Bent) -> Trainer<Misfit, E> {
    let envs = VecEnv::new(vec![task.clone(); ENVS], 1).unwrap();
    let plain = Box::new(Plain::new(envs.spec(), 1));
    let mut settings = settings(ENVS, STEPS);
    // All samples in one part, so that there is one shape.
    (settings.ppo.minibatches, settings.ppo.chunk) = (1, ENVS * STEPS * 3);
    let policy = Misfit { plain, bent };
    Trainer::new(settings, GraphPlan::None, policy, envs).unwrap()
}

/// A small task for so many agents.
pub fn prey(agents: usize) -> PredatorPrey {
    let config = PredatorPreyConfig {
        agents,
        ..PredatorPreyConfig::default()
    };
    PredatorPrey::new(config).unwrap()
}
