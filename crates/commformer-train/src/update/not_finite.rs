//! What is reported of a step that was not taken because a number was no longer finite.

use crate::policy::Level;
use crate::{PpoConfig, TrainError};
use commformer_torch::Adam;
use serde::{Serialize, Serializer};
use std::fmt;
use tch::{Kind, Tensor};

/// The name of the leaf of the upper level.
pub const EDGE_LOGITS: &str = "graph.edge_logits";

/// A step that was not taken, since its loss or its gradient is not finite. The weights are those before
/// it. Numbers that JSON does not know are written as text: `"NaN"`, `"inf"`, `"-inf"`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotFinite {
    /// The level that it would have changed.
    pub level: Level,
    /// The epoch, counted over the whole run, from 0.
    pub update: u64,
    /// The iteration, from 0: as many were finished.
    pub iteration: u64,
    /// The epoch of the iteration, from 0.
    pub epoch: u64,
    /// The minibatch of the epoch, from 0. A step of the upper level, over all its samples, has 0.
    pub minibatch: u64,
    /// Terms of the loss that are not finite.
    pub terms: Vec<Term>,
    /// Gradients that are not finite.
    pub gradients: Vec<Entries>,
    /// Weights, of both levels, that were not finite before the step.
    pub weights: Vec<Entries>,
    /// Norm of the whole gradient. It can be infinite though no entry is: their squares are too large.
    #[serde(serialize_with = "with_text")]
    pub norm: f64,
}

/// A term of the loss that is not finite.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Term {
    /// Its name, as in the metrics (`policy`, `value`, `gate.policy` ...); `score-function` for the loss of
    /// that estimator.
    pub name: &'static str,
    /// What it is.
    #[serde(serialize_with = "with_text")]
    pub value: f64,
}

/// The entries of a tensor that are not finite.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entries {
    /// The parameter's name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<i64>,
    /// How many entries are not numbers.
    pub nan: i64,
    /// How many are infinite.
    pub infinite: i64,
}

/// An iteration whose steps left weights that are not finite: nothing of it is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diverged {
    /// The iteration, from 0: as many were finished.
    pub iteration: u64,
    /// Weights, of both levels, that are not finite.
    pub weights: Vec<Entries>,
}

impl fmt::Display for Diverged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { iteration, weights } = self;
        let of_graph = |weights: &Entries| weights.name == EDGE_LOGITS;
        let rate = match weights.iter().all(of_graph) {
            true => "graph.lr",
            false => "ppo.lr",
        };
        write!(
            f,
            "iteration {iteration} (from 0): its steps left weights that are not finite, in {}. Nothing of it was kept. \
             Lower {rate}",
            list(weights)
        )
    }
}

/// A step about to be taken, and the numbers that say whether it can be.
#[derive(Debug)]
pub struct Proposal<'a> {
    pub level: Level,
    /// Its number over the run: each epoch has as many as there are minibatches.
    pub number: u64,
    /// The terms of its loss, by name.
    pub terms: &'a [(&'static str, f64)],
    /// One for each of the optimiser's parameters.
    pub gradients: &'a [Tensor],
    /// Their norm.
    pub norm: f64,
}

impl Proposal<'_> {
    /// Refuses a step that is not finite.
    ///
    /// The weights are not looked at after each step, which would cost a pass over them, but after an iteration's
    /// last one. If one in between leaves them not finite, the next loss shows it, and they are named here.
    pub fn check(
        &self,
        ppo: &PpoConfig,
        lower: &Adam,
        upper: Option<&Adam>,
    ) -> Result<(), TrainError> {
        let finite = |(_, value): &(&str, f64)| value.is_finite();
        if self.norm.is_finite() && self.terms.iter().all(finite) {
            return Ok(());
        }
        let of_level = match self.level {
            Level::Lower => lower,
            Level::Upper => upper.unwrap_or(lower),
        };
        let weights = not_finite_of(lower, upper)?;
        let (minibatches, epochs) = (ppo.minibatches as u64, ppo.epochs as u64);
        let update = self.number / minibatches;
        let bad_terms = self.terms.iter().filter(|term| !finite(term));
        Err(TrainError::NotFinite(Box::new(NotFinite {
            level: self.level,
            update,
            iteration: update / epochs,
            epoch: update % epochs,
            minibatch: self.number % minibatches,
            terms: bad_terms
                .map(|&(name, value)| Term { name, value })
                .collect(),
            gradients: not_finite(of_level.names(), self.gradients)?,
            weights,
            norm: self.norm,
        })))
    }
}

/// Weights of both levels that are not finite.
pub fn not_finite_of(lower: &Adam, upper: Option<&Adam>) -> Result<Vec<Entries>, tch::TchError> {
    let mut found = not_finite(lower.names(), lower.parameters())?;
    if let Some(upper) = upper {
        found.extend(not_finite(upper.names(), upper.parameters())?);
    }
    Ok(found)
}

/// Those of named tensors that have entries which are not finite.
pub fn not_finite(names: &[String], tensors: &[Tensor]) -> Result<Vec<Entries>, tch::TchError> {
    let mut found = Vec::new();
    for (name, tensor) in names.iter().zip(tensors) {
        let count = |of: Tensor| of.f_sum(Kind::Int64)?.f_int64_value(&[]);
        let (nan, infinite) = (count(tensor.f_isnan()?)?, count(tensor.f_isinf()?)?);
        if nan + infinite > 0 {
            found.push(Entries {
                name: name.clone(),
                shape: tensor.size(),
                nan,
                infinite,
            });
        }
    }
    Ok(found)
}

impl NotFinite {
    /// What to change in the configuration.
    fn remedy(&self) -> &'static str {
        let of_value = |term: &Term| term.name.ends_with("value");
        match self.level {
            Level::Upper => "Lower graph.lr",
            Level::Lower if !self.terms.is_empty() && self.terms.iter().all(of_value) => {
                "Lower ppo.value_coef or the scale of the rewards"
            }
            Level::Lower => "Lower ppo.lr or ppo.max_grad_norm",
        }
    }
}

impl fmt::Display for NotFinite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            iteration,
            epoch,
            minibatch,
            ..
        } = self;
        let level = match self.level {
            Level::Lower => "lower",
            Level::Upper => "upper",
        };
        write!(
            f,
            "iteration {iteration}, epoch {epoch}, minibatch {minibatch} (all from 0), {level} level: "
        )?;
        let terms: Vec<String> = (self.terms.iter())
            .map(|term| format!("{} is {}", term.name, term.value))
            .collect();
        if !terms.is_empty() {
            write!(f, "of the loss {}; ", terms.join(", "))?;
        }
        if !self.gradients.is_empty() {
            write!(
                f,
                "not finite are the gradients of {}; ",
                list(&self.gradients)
            )?;
        } else if !self.norm.is_finite() {
            f.write_str("every gradient is finite, but too large for a norm; ")?;
        }
        write!(
            f,
            "the gradient's norm is {}. The step was not taken: the weights are those before it",
            self.norm
        )?;
        if !self.weights.is_empty() {
            write!(
                f,
                ", but even those are not finite, in {}: go back to an earlier checkpoint",
                list(&self.weights)
            )?;
        }
        write!(f, ". {}", self.remedy())
    }
}

/// The first few of them, in words, and how many more there are.
pub fn list(tensors: &[Entries]) -> String {
    const NAMED: usize = 3;
    let named: Vec<String> = (tensors.iter().take(NAMED))
        .map(
            |Entries {
                 name,
                 shape,
                 nan,
                 infinite,
             }| { format!("{name} {shape:?} ({nan} NaN, {infinite} infinite)") },
        )
        .collect();
    match tensors.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// A number, as text if JSON has no other way.
fn with_text<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match number.is_finite() {
        true => serializer.serialize_f64(*number),
        false => serializer.collect_str(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> NotFinite {
        NotFinite {
            level: Level::Lower,
            update: 47,
            iteration: 4,
            epoch: 7,
            minibatch: 2,
            terms: vec![Term {
                name: "value",
                value: f64::INFINITY,
            }],
            gradients: Vec::new(),
            weights: Vec::new(),
            norm: 2.5,
        }
    }

    fn entries(name: &str) -> Entries {
        Entries {
            name: name.into(),
            shape: vec![2, 3],
            nan: 1,
            infinite: 4,
        }
    }

    #[test]
    fn it_says_where_and_what_and_what_to_lower() {
        let value = found();
        assert_eq!(
            value.to_string(),
            "iteration 4, epoch 7, minibatch 2 (all from 0), lower level: of the loss value is inf; \
             the gradient's norm is 2.5. The step was not taken: the weights are those before it. \
             Lower ppo.value_coef or the scale of the rewards"
        );
        let gradient = NotFinite {
            terms: Vec::new(),
            gradients: ["a", "b", "c", "d", "e"].map(entries).into(),
            norm: f64::NAN,
            ..found()
        };
        let text = gradient.to_string();
        let named = "gradients of a [2, 3] (1 NaN, 4 infinite), b [2, 3] (1 NaN, 4 infinite), \
                     c [2, 3] (1 NaN, 4 infinite) and 2 more; the gradient's norm is NaN.";
        assert!(text.contains(named), "{text}");
        assert!(
            text.ends_with("Lower ppo.lr or ppo.max_grad_norm"),
            "{text}"
        );
    }

    #[test]
    fn other_causes_are_told_apart() {
        let too_large = NotFinite {
            terms: Vec::new(),
            norm: f64::INFINITY,
            ..found()
        };
        let text = too_large.to_string();
        assert!(
            text.contains("every gradient is finite, but too large for a norm; "),
            "{text}"
        );
        let upper = NotFinite {
            level: Level::Upper,
            weights: vec![entries("graph.edge_logits")],
            ..found()
        };
        let text = upper.to_string();
        assert!(
            text.contains("not finite, in graph.edge_logits [2, 3] (1 NaN, 4 infinite): go back"),
            "{text}"
        );
        assert!(text.ends_with(". Lower graph.lr"), "{text}");
    }

    #[test]
    fn json_keeps_what_it_has_no_numbers_for() {
        let json = serde_json::to_value(NotFinite {
            terms: [f64::NAN, f64::INFINITY, f64::NEG_INFINITY]
                .map(|value| Term { name: "kl", value })
                .into(),
            gradients: vec![entries("weight")],
            ..found()
        })
        .unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "level": "lower", "update": 47, "iteration": 4, "epoch": 7, "minibatch": 2,
                "terms": [
                    {"name": "kl", "value": "NaN"},
                    {"name": "kl", "value": "inf"},
                    {"name": "kl", "value": "-inf"},
                ],
                "gradients": [{"name": "weight", "shape": [2, 3], "nan": 1, "infinite": 4}],
                "weights": [],
                "norm": 2.5,
            })
        );
    }
}
