//! A step whose loss or gradient is not finite is not taken, and what was found is told.

mod common;

use commformer::compose;
use commformer::config::{Config, EnvConfig};
use commformer_env::Environment;
use commformer_methods::TeamPolicy;
use commformer_train::{
    Act, Actor, EvaluateOptions, Evaluation, Gates, LearnedGraph, Level, MessageSizes, Needs,
    NotFinite, ObsBatch, Policy, PolicyResult, Purpose, ReceiveGates, SampledGraphs, Samples,
    TrainError, Trainer, evaluate, seed_for,
};
use common::{config, settings, weights};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tch::{Device, Tensor};

/// How a policy spoils an update.
#[derive(Clone, Debug)]
enum Spoil {
    /// It refuses: what is there then is what was there before the step.
    Refuse,
    /// These are the first entries of the gradient of the parameter.
    Gradient(&'static str, Vec<f32>),
    /// All entries of that gradient.
    Fill(&'static str, f32),
    /// The first entry of the parameter itself.
    Weight(&'static str, f32),
    /// It finds this in every value, but its gradient is as it should be.
    Values(f64),
    /// This is added to the log-probabilities of the graphs.
    GraphLogProbs(f64),
}

/// A policy that spoils one of its updates.
#[derive(Debug)]
struct Spoiled {
    policy: TeamPolicy,
    spoil: Spoil,
    /// Parts of minibatches that were differentiated, over all replicas.
    parts: Arc<AtomicUsize>,
    /// The one that is spoiled.
    at: usize,
}

impl Spoiled {
    /// Whether this part of an update is to be spoiled.
    fn now(&self) -> bool {
        self.parts.fetch_add(1, Ordering::SeqCst) == self.at
    }

    fn leaves(&self, level: Level) -> Vec<(String, Tensor)> {
        match level {
            Level::Lower => self.policy.parameters(),
            Level::Upper => vec![("graph.edge_logits".into(), self.policy.edge_logits())],
        }
    }
}

impl Actor for Spoiled {
    fn needs(&self) -> Needs {
        self.policy.needs()
    }

    fn message_sizes(&self) -> MessageSizes {
        self.policy.message_sizes()
    }

    fn act(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act> {
        self.policy.act(batch, gates, noise)
    }
}

impl Policy for Spoiled {
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>> {
        Ok(Box::new(Self {
            // SAFETY: the caller keeps to it.
            policy: unsafe { self.policy.twin() }?,
            spoil: self.spoil.clone(),
            parts: Arc::clone(&self.parts),
            at: self.at,
        }))
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        self.policy.parameters()
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        self.policy.state()
    }

    fn load_state(&mut self, state: &[(String, Tensor)]) -> PolicyResult<()> {
        self.policy.load_state(state)
    }

    fn graph(&self) -> Option<&dyn LearnedGraph> {
        Some(self)
    }

    fn gates(&self) -> Option<&dyn ReceiveGates> {
        self.policy.gates()
    }

    fn gates_mut(&mut self) -> Option<&mut dyn ReceiveGates> {
        self.policy.gates_mut()
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        self.policy.evaluate(samples, uniform)
    }

    fn gradients(
        &self,
        level: Level,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
        loss: &mut dyn FnMut(&Evaluation) -> Tensor,
    ) -> PolicyResult<Vec<Tensor>> {
        let now = self.now();
        let leaves = self.leaves(level);
        let at = |name: &str| leaves.iter().position(|(leaf, _)| leaf == name).unwrap();
        match &self.spoil {
            Spoil::Refuse if now => return Err("refused".into()),
            Spoil::Weight(name, value) if now => tch::no_grad(|| {
                let _ = leaves[at(name)].1.view(-1).get(0).fill_(f64::from(*value));
            }),
            _ => {}
        }
        let mut gradients = self.policy.gradients(level, samples, uniform, loss)?;
        match &self.spoil {
            Spoil::Gradient(name, entries) if now => {
                let spoiled = gradients[at(name)].copy();
                for (entry, value) in (0..).zip(entries) {
                    let _ = spoiled.view(-1).get(entry).fill_(f64::from(*value));
                }
                gradients[at(name)] = spoiled;
            }
            Spoil::Fill(name, value) if now => {
                gradients[at(name)] = gradients[at(name)].full_like(f64::from(*value));
            }
            Spoil::Values(value) if now => {
                let mut evaluation = tch::no_grad(|| self.evaluate(samples, uniform))?;
                evaluation.values = evaluation.values * 0.0 + *value;
                let _ = loss(&evaluation);
            }
            _ => {}
        }
        Ok(gradients)
    }

    fn values(&self, batch: &ObsBatch<'_>, gates: Gates<'_>) -> PolicyResult<Tensor> {
        self.policy.values(batch, gates)
    }
}

impl LearnedGraph for Spoiled {
    fn edge_logits(&self) -> Tensor {
        self.policy.edge_logits()
    }

    fn exact(&self) -> PolicyResult<Tensor> {
        self.policy.exact()
    }

    fn full(&self) -> PolicyResult<Tensor> {
        self.policy.full()
    }

    fn sample(&self, gumbel: &Tensor) -> PolicyResult<SampledGraphs> {
        self.policy.sample(gumbel)
    }

    fn log_probs(&self, order: &Tensor) -> PolicyResult<Tensor> {
        let log_probs = self.policy.log_probs(order)?;
        match self.spoil {
            // Of a draw, and not of an update.
            _ if !log_probs.requires_grad() => Ok(log_probs),
            Spoil::Refuse if self.now() => Err("refused".into()),
            Spoil::GraphLogProbs(added) if self.now() => Ok(log_probs + added),
            _ => Ok(log_probs),
        }
    }

    fn entropy(&self) -> PolicyResult<Tensor> {
        self.policy.entropy()
    }
}

/// A trainer whose policy spoils part `at` of all parts of minibatches.
fn trainer(config: &Config, spoil: &Spoil, at: usize) -> Trainer<Spoiled, Box<dyn Environment>> {
    let seed = seed_for(config.run.seed, Purpose::Environments);
    let envs = environments(&config.env, config.rollout.num_envs, seed);
    let policy = Spoiled {
        policy: TeamPolicy::new(&config.team(), envs.spec(), Device::Cpu).unwrap(),
        spoil: spoil.clone(),
        parts: Arc::default(),
        at,
    };
    let plan = compose::plan(config, Device::Cpu).unwrap();
    Trainer::new(settings(config), plan, policy, envs).unwrap()
}

fn environments(task: &EnvConfig, envs: usize, seed: u64) -> compose::Envs {
    compose::environments(task, envs, seed).unwrap()
}

/// Weights, as bits, and the optimisers' states; with the error that a trainer came to.
fn end(config: &Config, spoil: &Spoil, at: usize) -> (TrainError, Vec<(String, Vec<u32>)>, String) {
    let mut trainer = trainer(config, spoil, at);
    let error = (0..4).find_map(|_| trainer.iterate().err()).unwrap();
    let weights = weights(trainer.policy().state());
    let bits = |(name, numbers): (String, Vec<f32>)| {
        (name, numbers.into_iter().map(f32::to_bits).collect())
    };
    let optimisers = format!("{:?}", trainer.optimisers().unwrap());
    (error, weights.into_iter().map(bits).collect(), optimisers)
}

/// What is found of a spoiled update, once it is certain that it has changed nothing.
fn found(config: &Config, spoil: &Spoil, at: usize) -> (NotFinite, String) {
    let (_, weights, optimisers) = end(config, &Spoil::Refuse, at);
    let (error, weights_after, optimisers_after) = end(config, spoil, at);
    assert!(weights == weights_after, "{spoil:?}: the weights");
    assert!(optimisers == optimisers_after, "{spoil:?}: the optimisers");
    let text = error.to_string();
    match error {
        TrainError::NotFinite(found) => (*found, text),
        other => panic!("{spoil:?}: {other:?}"),
    }
}

/// Three epochs of three minibatches, each differentiated in parts.
fn lower(threads: &str, chunk: &str) -> Config {
    let set = [
        "graph.mode='full'",
        "ppo.minibatches=3",
        "ppo.epochs=3",
        threads,
        chunk,
    ];
    config("predator-prey", &set)
}

/// In each iteration one step of the upper level.
fn upper(estimator: &str) -> Config {
    let mut config = config("signal", &[estimator, "ppo.chunk=1000"]);
    // The program refuses schedules in which one level never learns.
    (config.ppo.epochs, config.graph.schedule.upper_every) = (1, 1);
    config
}

/// A weight with at least four entries.
const LEAF: &str = "encoder.blocks.0.ff1.weight";

#[test]
fn a_gradient_that_is_not_finite_is_named_and_changes_nothing() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    // 24 samples a minibatch: one part, or four.
    for (threads, chunk, parts) in [
        ("run.threads=1", "ppo.chunk=1000", 1),
        ("run.threads=2", "ppo.chunk=7", 4),
    ] {
        let config = lower(threads, chunk);
        for (entries, nans, infinite) in [
            (vec![nan], 1, 0),
            (vec![inf, nan, -inf, nan], 2, 2),
            (vec![-inf], 0, 1),
        ] {
            // The third iteration's second epoch's last minibatch is number 2 * 9 + 5.
            let spoil = Spoil::Gradient(LEAF, entries);
            let (found, text) = found(&config, &spoil, 23 * parts);
            assert_eq!(found.level, Level::Lower);
            let place = (found.update, found.iteration, found.epoch, found.minibatch);
            assert_eq!(place, (7, 2, 1, 2));
            assert!(
                found.terms.is_empty() && found.weights.is_empty(),
                "{found:?}"
            );
            assert!(!found.norm.is_finite());
            let [gradient] = &found.gradients[..] else {
                panic!("{found:?}")
            };
            assert_eq!(
                (gradient.name.as_str(), &gradient.shape[..]),
                (LEAF, &[16, 16][..])
            );
            assert_eq!((gradient.nan, gradient.infinite), (nans, infinite));
            let start = format!(
                "iteration 2, epoch 1, minibatch 2 (all from 0), lower level: \
                 not finite are the gradients of {LEAF} [16, 16] ({nans} NaN, {infinite} infinite); "
            );
            assert!(text.starts_with(&start), "{text}");
            assert!(
                text.ends_with("Lower ppo.lr or ppo.max_grad_norm"),
                "{text}"
            );
        }
    }
}

#[test]
fn a_gradient_too_large_for_a_norm_is_told_apart() {
    let config = lower("run.threads=1", "ppo.chunk=1000");
    let (found, text) = found(&config, &Spoil::Fill(LEAF, 1e30), 4);
    assert!(found.gradients.is_empty(), "{found:?}");
    assert_eq!(found.norm, f64::INFINITY);
    assert!(
        text.contains("every gradient is finite, but too large for a norm"),
        "{text}"
    );
}

#[test]
fn a_loss_that_is_not_finite_is_seen_beside_a_finite_gradient() {
    let config = lower("run.threads=1", "ppo.chunk=1000");
    for value in [f64::NAN, f64::INFINITY] {
        let (found, text) = found(&config, &Spoil::Values(value), 10);
        assert_eq!((found.iteration, found.epoch, found.minibatch), (1, 0, 1));
        let [term] = &found.terms[..] else {
            panic!("{found:?}")
        };
        assert_eq!((term.name, term.value.is_nan()), ("value", value.is_nan()));
        assert!(
            found.gradients.is_empty() && found.norm.is_finite(),
            "{found:?}"
        );
        assert!(
            text.ends_with("Lower ppo.value_coef or the scale of the rewards"),
            "{text}"
        );
    }
}

/// The step before left it so: this one names it.
#[test]
fn a_weight_that_is_not_finite_is_named_by_the_next_step() {
    let config = lower("run.threads=1", "ppo.chunk=1000");
    let (error, ..) = end(&config, &Spoil::Weight(LEAF, f32::INFINITY), 4);
    let TrainError::NotFinite(found) = error else {
        panic!("{error:?}")
    };
    let [weight] = &found.weights[..] else {
        panic!("{found:?}")
    };
    assert_eq!(
        (weight.name.as_str(), weight.nan, weight.infinite),
        (LEAF, 0, 1)
    );
    let text = found.to_string();
    assert!(text.contains("go back to an earlier checkpoint"), "{text}");
}

#[test]
fn the_upper_level_is_watched_too() {
    const LOGITS: &str = "graph.edge_logits";
    let through = Spoil::Gradient(LOGITS, vec![f32::NAN, f32::INFINITY]);
    for (estimator, spoil, terms, of_logits) in [
        ("straight-through", through, &[][..], Some((1, 1))),
        (
            "straight-through",
            Spoil::Values(f64::NAN),
            &["value"],
            None,
        ),
        (
            "score-function",
            Spoil::GraphLogProbs(f64::NAN),
            &["score-function"],
            Some((56, 0)),
        ),
    ] {
        let config = upper(&format!("graph.estimator='{estimator}'"));
        // In the third iteration; the score function's step comes after the minibatches of the policy.
        let at = match estimator {
            "score-function" => 3 * config.ppo.minibatches + 2,
            _ => 2,
        };
        let (found, text) = found(&config, &spoil, at);
        assert_eq!(found.level, Level::Upper);
        let place = (found.update, found.iteration, found.epoch, found.minibatch);
        assert_eq!(place, (2, 2, 0, 0));
        let names: Vec<_> = found.terms.iter().map(|term| term.name).collect();
        assert_eq!(names, terms, "{spoil:?}");
        let counts: Vec<_> = (found.gradients.iter())
            .map(|found| (found.name.as_str(), found.nan, found.infinite))
            .collect();
        let expected: Vec<_> = of_logits
            .iter()
            .map(|&(nan, infinite)| (LOGITS, nan, infinite))
            .collect();
        assert_eq!(counts, expected, "{spoil:?}");
        assert!(text.ends_with("Lower graph.lr"), "{text}");
    }
}

/// A step leaves weights that are not finite and nothing follows that would show it.
#[test]
fn weights_that_the_last_step_spoils_are_named_and_not_kept() {
    let set = [
        "graph.mode='full'",
        "ppo.minibatches=1",
        "ppo.epochs=1",
        "ppo.lr=1e39",
    ];
    let config = config("predator-prey", &set);
    let mut trainer = compose::trainer(&config, Device::Cpu).unwrap();
    let error = trainer.iterate().unwrap_err();
    let text = error.to_string();
    let TrainError::Diverged(found) = error else {
        panic!("{error:?}")
    };
    assert_eq!(found.iteration, 0);
    assert!(found.weights.len() > 10, "{found:?}");
    assert!(
        text.contains("Nothing of it was kept. Lower ppo.lr"),
        "{text}"
    );
}

/// Finite weights can be too large to act by: no metric comes of them.
#[test]
fn a_policy_that_finds_no_probability_for_what_it_does_is_not_judged() {
    let config = config("predator-prey", &[]);
    let mut trainer = compose::trainer(&config, Device::Cpu).unwrap();
    let mut envs = compose::evaluation(&config, 2, 1, Purpose::FinalEvaluation).unwrap();
    let graph = trainer.execution_graph().unwrap();
    let options = EvaluateOptions {
        max_steps: 100,
        ..EvaluateOptions::default()
    };
    evaluate(trainer.policy(), &graph, &mut envs, &options).unwrap();
    tch::no_grad(|| {
        for (_, mut weights) in trainer.policy().parameters() {
            let _ = weights.fill_(1e30);
        }
    });
    let error = evaluate(trainer.policy(), &graph, &mut envs, &options).unwrap_err();
    assert!(matches!(error, TrainError::Senseless { .. }), "{error:?}");
    assert!(trainer.iterate().is_err());
}
