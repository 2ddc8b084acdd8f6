//! Gates at another rate than that of their run.

use super::EvaluationError;
use crate::compose;
use crate::config::Config;
use commformer_methods::Team;
use commformer_train::{EvaluateOptions, Purpose, calibrate};
use tch::Tensor;

/// Sets a team's gates to a rate, as its run did before each evaluation.
pub(super) fn set(
    config: &Config,
    team: &mut dyn Team,
    graph: &Tensor,
    target: f64,
    (seed, options): (u64, &EvaluateOptions),
) -> Result<(), EvaluationError> {
    let refused = |why: &str| Err(EvaluationError::Gates(why.to_owned()));
    if team.gates().is_none_or(|gates| !gates.has_threshold()) {
        return refused(
            "found gates without a threshold, or none; expected a run with gate.mode = \"learned\"",
        );
    }
    if options.gates.is_none() {
        return refused(
            "found weights from before the gates were in force; expected a run that trained beyond gate.start",
        );
    }
    let options = EvaluateOptions {
        sampled: None,
        episodes: Some(config.eval.episodes),
        ..options.clone()
    };
    let make = &mut || {
        let episodes = config.eval.episodes;
        Ok(compose::evaluation(
            config,
            episodes,
            seed,
            Purpose::Calibration,
        )?)
    };
    Ok(calibrate(team, graph, make, target, &options)?)
}
