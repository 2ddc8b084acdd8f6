//! Evaluating a checkpoint with every agent alone, beside the policy over all of them at once.

use super::{Evaluated, EvaluationError, Loaded, Request, envs};
use crate::config::{Config, RunSettings};
use commformer_env::ActionSpace;
use commformer_methods::{Decentralised, Delivered};
use commformer_model::Precision;
use commformer_train::{CheckpointStore, EpisodeRecord, EvaluationReport};
use serde::Serialize;
use tch::Device;

/// The same episodes, played both ways, with the same outcome.
#[derive(Debug)]
pub struct Comparison {
    /// With every agent alone.
    pub evaluated: Evaluated,
    /// What that took.
    pub alone: Alone,
}

/// What agents that are alone take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Alone {
    /// What the mailboxes delivered in the episodes.
    pub delivered: Delivered,
    /// Messages and bytes by the count of open edges and the size of a message.
    pub by_formula: Delivered,
    /// Time for a step of an agent, microseconds: what [`Apart::took`](commformer_methods::Apart::took) counts.
    pub agent_step_us: f64,
}

/// Plays the episodes with every agent alone, then with the policy over all of them at once.
///
/// Both round differently. Where two actions, or a gate's score and its threshold, are within rounding
/// of each other, that may decide otherwise, and an episode differ from there on. Continuous actions differ by
/// rounding in every step, so that their returns and metrics may differ by a thousandth.
///
/// # Errors
///
/// [`EvaluationError::Decentralised`] if an episode differs in its return, its length or what was said, or
/// if the mailboxes delivered other than the formula says; [`EvaluationError`].
pub fn compare(
    config: &Config,
    store: &CheckpointStore,
    request: &Request,
    device: Device,
) -> Result<Comparison, EvaluationError> {
    // Agents that are alone compute so, whatever the batch did in training.
    let config = &Config {
        run: RunSettings {
            precision: Precision::Float32,
            ..config.run.clone()
        },
        ..config.clone()
    };
    let (team, loaded) = Loaded::load(config, store, request, device)?;
    let alone = Decentralised::new(team);
    let mut own = envs(config, request)?;
    let evaluated = loaded.play(&alone, &mut own)?;
    let tolerance = match own.spec().actions {
        ActionSpace::Discrete(_) => 0.0,
        ActionSpace::Continuous(_) => TOLERANCE,
    };
    // Environments in Python are processes: not twice as many at once.
    drop(own);
    let microseconds = alone.took().as_secs_f64() * 1e6;
    let delivered = alone.delivered(&evaluated.report.episodes);
    let together = loaded.play(alone.team(), &mut envs(config, request)?)?;

    if let Some(difference) = difference(&evaluated.report, &together.report, tolerance) {
        return Err(EvaluationError::Decentralised(difference));
    }
    let traffic = evaluated.report.message_stats();
    let by_formula = Delivered {
        messages: traffic.messages as u64,
        bytes: traffic.bytes as u64,
    };
    if delivered != by_formula {
        return Err(EvaluationError::Decentralised(format!(
            "{} messages of {} bytes were delivered, by the formula {} of {}",
            delivered.messages, delivered.bytes, by_formula.messages, by_formula.bytes
        )));
    }
    Ok(Comparison {
        alone: Alone {
            delivered,
            by_formula,
            agent_step_us: microseconds / alone.agent_steps().max(1) as f64,
        },
        evaluated,
    })
}

/// How far the return or a metric of an episode with continuous actions may be from that of all agents at once, as a
/// share of the larger of the two and of 1.
const TOLERANCE: f64 = 1e-3;

/// How many episodes differ, and how the first of them does. What is counted must be the same; what is measured may
/// differ by `tolerance`.
fn difference(
    alone: &EvaluationReport,
    together: &EvaluationReport,
    tolerance: f64,
) -> Option<String> {
    let near =
        |a: f64, b: f64| a == b || (a - b).abs() <= tolerance * a.abs().max(b.abs()).max(1.0);
    let same = |a: &EpisodeRecord, b: &EpisodeRecord| {
        let counted = |of: &EpisodeRecord| (of.steps, of.traffic, of.gates_right);
        counted(a) == counted(b)
            && near(a.team_return, b.team_return)
            && (a.metrics.iter().zip(&b.metrics)).all(|(a, b)| near(*a, *b))
    };
    let pairs = || alone.episodes.iter().zip(&together.episodes).enumerate();
    if pairs().any(|(_, (a, b))| a.lost_steps != b.lost_steps) {
        let told = "an environment was started anew at another step than with all at once: it played other episodes from \
                    there on, so evaluate again";
        return Some(told.to_owned());
    }
    let differing = pairs().filter(|(_, (a, b))| !same(a, b)).count();
    let (index, (a, b)) = pairs().find(|(_, (a, b))| !same(a, b))?;
    Some(format!(
        "{differing} of {} episodes differ from those of all agents at once, first the {}. with a return \
         of {} instead of {}, {} steps instead of {} and {} bytes instead of {}",
        alone.episodes.len(),
        index + 1,
        a.team_return,
        b.team_return,
        a.steps,
        b.steps,
        a.traffic.bytes,
        b.traffic.bytes,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use commformer_train::MessageStats;

    fn report(returns: &[f64]) -> EvaluationReport {
        let episode = |team_return: &f64| EpisodeRecord {
            team_return: *team_return,
            steps: 3,
            traffic: MessageStats::default(),
            gates_right: None,
            message_rounds: 6.0,
            lost_steps: 0,
            metrics: Vec::new(),
        };
        EvaluationReport {
            steps: 0,
            episodes: returns.iter().map(episode).collect(),
            metric_names: Vec::new(),
            gated: false,
            sources_heard: None,
            graph: Vec::new(),
        }
    }

    #[test]
    fn differing_episodes_are_counted_and_the_first_is_told() {
        let alone = report(&[1.0, 2.0, 3.0]);
        for tolerance in [0.0, TOLERANCE] {
            assert_eq!(difference(&alone, &alone, tolerance), None);
            let told = difference(&alone, &report(&[1.0, 2.5, 4.0]), tolerance).unwrap();
            for part in ["2 of 3 episodes", "first the 2.", "2 instead of 2.5"] {
                assert!(told.contains(part), "{told}");
            }
        }
    }

    #[test]
    fn returns_may_differ_by_rounding_and_lengths_may_not() {
        let (alone, mut near) = (report(&[1000.0, 0.0]), report(&[1000.9, 9e-4]));
        assert!(difference(&alone, &near, 0.0).is_some());
        assert_eq!(difference(&alone, &near, TOLERANCE), None);
        near.episodes[1].steps = 4;
        assert!(difference(&alone, &near, TOLERANCE).is_some());
    }

    #[test]
    fn an_environment_that_was_started_anew_is_told() {
        let (alone, mut together) = (report(&[1.0, 2.0]), report(&[1.0, 3.0]));
        together.episodes[1].lost_steps = 5;
        let told = difference(&alone, &together, 0.0).unwrap();
        assert!(told.contains("started anew"), "{told}");
    }
}
