//! Learning from a rollout: minibatches of its samples, their gradients, and the steps of both levels.

pub(crate) mod bilevel;
pub(crate) mod experience;
mod gathered;
pub(crate) mod gradient;
pub(crate) mod learner;
pub(crate) mod not_finite;
pub(crate) mod ppo;
mod selection;
pub(crate) mod sequences;
