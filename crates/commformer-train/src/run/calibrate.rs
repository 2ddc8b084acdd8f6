//! Gates that are set to a rate at which they open.

use super::evaluate::{EvaluateOptions, play};
use crate::panics::caught;
use crate::{Policy, TrainError};
use commformer_env::{Environment, VecEnv};
use std::error::Error;
use tch::Tensor;

/// How often the threshold is set anew.
const ROUNDS: usize = 3;

/// Sets the gates of a policy so that agents receive in a share `target` of their steps, from 0 to 1, when it acts on `graph`
/// as in [`evaluate`](crate::evaluate()). The gates stay as they were trained: only the threshold moves by which they are
/// executed, so that one trained policy can be run at any rate. Gates that are set otherwise change what the team observes,
/// hence three rounds of episodes, in environments that `make` makes for each, which should be others than those by which the
/// policy is judged. `options.gates` has to let the gates decide.
///
/// Nothing is done for a policy without gates, or with gates that have no threshold
/// ([`ReceiveGates::has_threshold`](crate::ReceiveGates::has_threshold)).
///
/// # Errors
///
/// [`TrainError::Setting`] for a `target` that is no share; [`TrainError::Make`] if the environments cannot be made; those of
/// [`evaluate`](crate::evaluate()).
pub fn calibrate<E: Environment>(
    policy: &mut (impl Policy + ?Sized),
    graph: &Tensor,
    make: &mut dyn FnMut() -> Result<VecEnv<E>, Box<dyn Error + Send + Sync>>,
    target: f64,
    options: &EvaluateOptions,
) -> Result<(), TrainError> {
    if !(0.0..=1.0).contains(&target) {
        return Err(TrainError::Setting {
            field: "target_rate".into(),
            found: target.to_string(),
            expected: "a share from 0 to 1".to_owned(),
        });
    }
    if policy.gates().is_none_or(|gates| !gates.has_threshold()) {
        return Ok(());
    }
    for _ in 0..ROUNDS {
        let mut scores = Vec::new();
        let mut environments = make().map_err(TrainError::Make)?;
        let report = caught(|| play(policy, graph, &mut environments, options, &mut scores))?;
        let found = report.message_stats().open_rate();
        if let Some(gates) = policy.gates_mut() {
            gates.calibrate(&scores, target, Some(found))?;
        }
    }
    Ok(())
}
