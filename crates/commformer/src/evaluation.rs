//! Evaluating a checkpoint: what `commformer eval` does, and `commformer train` at its end.

mod decentralised;
mod export;
mod rate;
mod stoppable;

pub use decentralised::{Alone, Comparison, compare};
pub use export::{Export, export};

use crate::compose::{self, ComposeError, Envs};
use crate::config::Config;
use crate::interrupt::Interrupt;
use crate::metrics;
use commformer_env::{Environment, VecEnv};
use commformer_methods::Team;
use commformer_torch::threads;
use commformer_train::{
    Actor, CheckpointError, CheckpointStore, EvaluateOptions, EvaluationReport, Found, Policy,
    Purpose, TrainError, ValueNorm, Which, evaluate, seed_for,
};
use commformer_view::record::{Metrics, Outcome, rows};
use serde::Serialize;
use stoppable::Stoppable;
use tch::{Device, Tensor};

/// What is evaluated, and on what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// The checkpoint.
    pub which: Which,
    /// Episodes, each in an environment of its own where the task can have so many.
    pub episodes: usize,
    /// Seed of the episodes and of the intervals. The episodes are others than those by which a run
    /// with this seed chose its best checkpoint.
    pub seed: u64,
    /// Draw actions instead of acting greedily.
    pub sampled: bool,
    /// The share of their steps in which agents receive, where it is another than that to which the run's gates were set:
    /// their threshold is set to it in other episodes first.
    pub target_rate: Option<f64>,
}

/// What came out.
#[derive(Debug)]
pub struct Evaluated {
    /// What was asked.
    pub request: Request,
    /// Environment steps of training behind the checkpoint.
    pub trained_steps: u64,
    /// Every episode.
    pub report: EvaluationReport,
    /// Metrics over all of them.
    pub metrics: Metrics,
    /// What is wrong with each checkpoint that is newer than the newest whole one.
    pub damaged: Vec<String>,
}

/// Why a checkpoint cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// It cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The configuration cannot be put together.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// Its weights belong to another configuration.
    #[error("the checkpoint does not fit the configuration: {0}")]
    Weights(String),
    /// The evaluation failed.
    #[error(transparent)]
    Evaluate(#[from] TrainError),
    /// It has no gates that could be set to another rate.
    #[error("the gates of this team cannot be set to another rate: {0}")]
    Gates(String),
    /// Its agents need the program.
    #[error("this team cannot be exported: {0}")]
    Portable(String),
    /// Agents that ran alone did something else than the policy over all of them.
    #[error("with every agent alone {0}")]
    Decentralised(String),
}

/// Plays the episodes.
///
/// # Errors
///
/// [`EvaluationError`].
pub fn run(
    config: &Config,
    store: &CheckpointStore,
    request: &Request,
    device: Device,
) -> Result<Evaluated, EvaluationError> {
    run_until(config, store, request, device, &Interrupt::default())
}

/// The same, which fails once `interrupt` asks to stop.
///
/// # Errors
///
/// [`EvaluationError`].
pub fn run_until(
    config: &Config,
    store: &CheckpointStore,
    request: &Request,
    device: Device,
    interrupt: &Interrupt,
) -> Result<Evaluated, EvaluationError> {
    let (team, loaded) = Loaded::load(config, store, request, device)?;
    let team = Stoppable { team, interrupt };
    loaded.play(&team, &mut envs(config, request)?)
}

/// Fresh environments for the episodes: always the same, in rounds of as many as there can be at once.
fn envs(config: &Config, request: &Request) -> Result<Envs, ComposeError> {
    let Request { episodes, seed, .. } = *request;
    compose::evaluation(config, episodes, seed, Purpose::FinalEvaluation)
}

/// A checkpoint that is ready to play the episodes of a request.
pub(crate) struct Loaded {
    request: Request,
    trained_steps: u64,
    /// Of what its team learned to see.
    obs_version: u32,
    /// (N, N), or (0, 0) for a team without one.
    graph: Tensor,
    /// Its entries, row by row.
    pub(crate) edges: Vec<f32>,
    /// By which the critic's values become returns.
    pub(crate) value_norm: ValueNorm,
    options: EvaluateOptions,
    damaged: Vec<String>,
}

impl Loaded {
    pub(crate) fn load(
        config: &Config,
        store: &CheckpointStore,
        request: &Request,
        device: Device,
    ) -> Result<(Box<dyn Team>, Self), EvaluationError> {
        // As in training, so that an evaluation repeats that of the run's end; and what a team computes
        // in a step is little for threads.
        threads::set_intra_op(1).map_err(TrainError::from)?;
        compose::memory::check_evaluation(config, request.episodes, device)?;
        let Found {
            checkpoint,
            damaged,
        } = store.load(request.which)?;
        let seed = request.seed;
        let envs = compose::evaluation_of(config, 1, seed, Purpose::FinalEvaluation, |env| env)?;
        checkpoint.state.check_observations(envs.spec())?;
        let mut team = compose::team(config, envs.spec(), device)?;
        team.load_state(&checkpoint.weights)
            .map_err(|error| EvaluationError::Weights(error.to_string()))?;
        let mut edges = checkpoint.state.graph;
        let fresh = compose::execution_graph(config, &team, device)?;
        let (found, expected) = (edges.len(), fresh.numel());
        let graph = if found == expected {
            Tensor::from_slice(&edges).view_as(&fresh).to_device(device)
        } else {
            if !config.method.method().fits_any_size(&config.team()) {
                return Err(EvaluationError::Weights(format!(
                    "its graph has {found} entries, not {expected}"
                )));
            }
            // The weights serve a team of any size: it hears whom such a team would.
            edges = Vec::try_from(fresh.flatten(0, -1)).map_err(TrainError::Tch)?;
            fresh
        };
        let options = EvaluateOptions {
            sampled: request.sampled.then(|| seed_for(seed, Purpose::Actions)),
            // Weights from before the gates were in force act without them.
            gates: checkpoint
                .state
                .gated
                .then(|| seed_for(seed, Purpose::Gates)),
            episodes: Some(request.episodes),
            max_steps: EvaluateOptions::PATIENCE,
            device,
        };
        if let Some(target) = request.target_rate {
            rate::set(config, &mut *team, &graph, target, (seed, &options))?;
        }
        let loaded = Self {
            request: *request,
            trained_steps: checkpoint.state.steps,
            obs_version: checkpoint.state.obs_version,
            graph,
            edges,
            value_norm: checkpoint.state.value_norm,
            options,
            damaged: damaged.iter().map(ToString::to_string).collect(),
        };
        Ok((team, loaded))
    }

    pub(crate) fn play<E: Environment>(
        &self,
        actor: &impl Actor,
        envs: &mut VecEnv<E>,
    ) -> Result<Evaluated, EvaluationError> {
        let mut report = evaluate(actor, &self.graph, envs, &self.options)?;
        report.steps = self.trained_steps;
        Ok(Evaluated {
            request: self.request,
            trained_steps: report.steps,
            metrics: metrics::of(&report, self.request.seed),
            report,
            damaged: self.damaged.clone(),
        })
    }
}

#[derive(Serialize)]
struct Final<'a> {
    #[serde(flatten)]
    outcome: Outcome,
    settings: &'a Config,
}

impl Evaluated {
    /// The evaluation as it is recorded.
    pub fn outcome(&self) -> Outcome {
        Outcome {
            metrics: self.metrics.clone(),
            checkpoint: match self.request.which {
                Which::Best => "best".to_owned(),
                Which::Latest => "latest".to_owned(),
            },
            trained_steps: self.trained_steps,
            episodes: self.request.episodes,
            seed: self.request.seed,
            sampled: self.request.sampled,
            graph: rows(&self.report.graph),
            each_episode: metrics::each_episode(&self.report),
        }
    }

    /// The same with the settings of the run, for `final.json`.
    ///
    /// # Errors
    ///
    /// None for a checked configuration.
    pub fn to_json(&self, config: &Config) -> serde_json::Result<String> {
        let mut text = serde_json::to_string_pretty(&Final {
            outcome: self.outcome(),
            settings: config,
        })?;
        text.push('\n');
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use commformer_env::RESERVED_METRICS;
    use commformer_train::{EpisodeRecord, MessageStats};
    use proptest::prelude::*;
    use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
    use std::collections::BTreeSet;

    /// JSON of which no object has a key twice.
    struct Unique;

    impl<'de> serde::Deserialize<'de> for Unique {
        fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            struct Any;
            impl<'de> Visitor<'de> for Any {
                type Value = Unique;

                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("JSON")
                }

                fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
                    let mut keys = BTreeSet::new();
                    while let Some((key, _)) = map.next_entry::<String, Unique>()? {
                        if let Some(key) = keys.replace(key) {
                            return Err(serde::de::Error::custom(format!("{key:?} twice")));
                        }
                    }
                    Ok(Unique)
                }

                fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Unique, A::Error> {
                    while all.next_element::<Unique>()?.is_some() {}
                    Ok(Unique)
                }

                fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
                    Ok(Unique)
                }

                fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
                    Ok(Unique)
                }

                fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
                    Ok(Unique)
                }

                fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
                    Ok(Unique)
                }

                fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
                    Ok(Unique)
                }

                fn visit_unit<E>(self) -> Result<Unique, E> {
                    Ok(Unique)
                }
            }
            from.deserialize_any(Any)
        }
    }

    fn evaluated(metric_names: Vec<String>) -> Evaluated {
        let episode = EpisodeRecord {
            team_return: -1.0,
            steps: 3,
            traffic: MessageStats {
                agent_steps: 6.0,
                active_steps: 6.0,
                open: 1.5,
                messages: 3.0,
                bytes: 60.0,
                full_bytes: 600.0,
            },
            gates_right: Some(1.0),
            message_rounds: 6.0,
            lost_steps: 0,
            metrics: vec![1e9; metric_names.len()],
        };
        let report = EvaluationReport {
            steps: 100,
            episodes: vec![episode],
            metric_names,
            graph: vec![0.0; 4],
            gated: true,
            sources_heard: Some(1.0),
        };
        Evaluated {
            request: Request {
                which: Which::Best,
                episodes: 1,
                seed: 1,
                sampled: false,
                target_rate: None,
            },
            trained_steps: 100,
            metrics: metrics::of(&report, 1),
            report,
            damaged: Vec::new(),
        }
    }

    fn json(text: &str) -> serde_json::Map<String, serde_json::Value> {
        if let Err(twice) = serde_json::from_str::<Unique>(text) {
            panic!("{twice}: {text}");
        }
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn every_key_of_the_programs_is_reserved() {
        let written = json(&evaluated(Vec::new()).to_json(&Config::default()).unwrap());
        assert_eq!(written.len(), 17);
        for key in written.keys() {
            assert!(RESERVED_METRICS.contains(&key.as_str()), "{key}");
        }
        assert!(serde_json::from_str::<Unique>(r#"{"a":[{"b":1,"b":2}]}"#).is_err());
    }

    proptest! {
        /// Even of a task that no vector environment would take.
        #[test]
        fn no_metric_passes_for_a_metric_of_the_programs(
            names in proptest::collection::vec(
                prop_oneof![
                    proptest::sample::select(&RESERVED_METRICS[..]).prop_map(String::from),
                    "[ab]{0,2}",
                    any::<String>(),
                ],
                0..6,
            ),
        ) {
            let own = evaluated(Vec::new());
            let with = evaluated(names.clone());
            let config = Config::default();
            let (own, written) = (own.to_json(&config).unwrap(), with.to_json(&config).unwrap());
            let (own, written) = (json(&own), json(&written));
            // What a task counts stands there, too.
            for (key, value) in own.iter().filter(|(key, _)| *key != "each_episode") {
                prop_assert_eq!(&written[key], value, "{}", key);
            }
            for name in names.iter().filter(|name| !own.contains_key(*name)) {
                // `decentralised`, or what only a file of metrics has.
                let reserved = commformer_env::is_reserved_metric(name);
                prop_assert_eq!(written.contains_key(name), !reserved, "{}", name);
            }
            let mut lines = crate::record::metrics::tests::lines(&with.report, &with.metrics);
            lines.push(serde_json::to_string(&with.outcome()).unwrap());
            for line in lines {
                json(&line);
            }
        }
    }
}
