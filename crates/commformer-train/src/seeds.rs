//! One seed, many independent streams.

use commformer_env::Rng;

/// What random numbers are for. Each purpose has streams of its own, so that drawing more for one
/// never changes another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Starting weights.
    Weights = 1,
    /// The environments of the rollout.
    Environments = 2,
    /// Actions of the rollout.
    Actions = 3,
    /// Graphs, drawn and fixed.
    Graphs = 4,
    /// The order of samples in minibatches.
    Minibatches = 5,
    /// Dropout.
    Dropout = 6,
    /// Evaluation while training.
    Evaluation = 7,
    /// Evaluation after training.
    FinalEvaluation = 8,
    /// The receive gates of rollouts and evaluations.
    Gates = 9,
    /// The episodes by which the gates of execution are calibrated.
    Calibration = 10,
    /// The environments of the rollout in a run that goes on and could not save their episodes.
    EnvironmentsAnew = 11,
}

/// The seed of a purpose within a run.
///
/// ```
/// use commformer_train::{seed_for, Purpose};
/// assert_ne!(seed_for(1, Purpose::Actions), seed_for(1, Purpose::Graphs));
/// ```
pub fn seed_for(seed: u64, purpose: Purpose) -> u64 {
    // Stream numbers near the top are used for nothing else.
    seed_of(Rng::new(seed, u64::MAX - purpose as u64))
}

/// The seed of the environments of a run that goes on after this iteration in other episodes.
pub(crate) fn seed_anew(seed: u64, iteration: u64) -> u64 {
    seed_of(Rng::new(
        seed_for(seed, Purpose::EnvironmentsAnew),
        iteration,
    ))
}

fn seed_of(mut rng: Rng) -> u64 {
    u64::from(rng.next_u32()) << 32 | u64::from(rng.next_u32())
}
