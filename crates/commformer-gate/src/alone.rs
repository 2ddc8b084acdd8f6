//! A trained gate as one agent carries it: plain numbers, no tensors.
//!
//! ```
//! use commformer_gate::alone::Gate;
//! use commformer_gate::{Execution, TemporalGateConfig};
//!
//! // Embeddings of two numbers; a gate that receives where their sum is large.
//! let config = TemporalGateConfig::new(3, 2);
//! let parts = [
//!     ("gate.hidden.weight", vec![1.0, 0.0, 0.0, 1.0]),
//!     ("gate.hidden.bias", vec![0.0; 2]),
//!     ("gate.out.weight", vec![1.0, 1.0]),
//!     ("gate.out.bias", vec![-2.0]),
//!     ("gate.value.hidden.weight", vec![0.0; 4]),
//!     ("gate.value.hidden.bias", vec![0.0; 2]),
//!     ("gate.value.out.weight", vec![0.0; 2]),
//!     ("gate.value.out.bias", vec![0.0]),
//!     ("gate.threshold", vec![0.0]),
//! ];
//! let parts = parts.map(|(name, numbers)| (name.to_owned(), numbers));
//! let mut gate = Gate::of_parts(&config, Execution::Threshold, parts)?;
//! assert_eq!(gate.decide(&[2.0, 2.0])?, [true]);
//! assert_eq!(gate.decide(&[0.5, 0.5])?, [false]);
//! # Ok::<(), commformer_gate::GateError>(())
//! ```

use commformer_nn::inputs::{check_finite, check_width};
use commformer_nn::layout::{Saved, collect, not_finite};
use commformer_nn::native::{Native, Tape};

use crate::network::{Network, THRESHOLD};
use crate::{Execution, GateError, TemporalGateConfig};

/// The gate of one agent, and what it carries from step to step.
#[derive(Debug)]
pub struct Gate {
    config: TemporalGateConfig,
    execution: Execution,
    network: Network,
    numbers: Vec<Vec<f32>>,
    threshold: f32,
    /// By how much each decision has opened less often than its probabilities said, in steps.
    residual: Vec<f32>,
    tape: Tape,
}

impl Gate {
    /// Of a team that `commformer export` wrote: `config` and `execution` as its file has them, in JSON and by name.
    ///
    /// # Errors
    /// [`GateError::Input`] for what is not such a configuration or no way to decide, and as for [`Gate::of_parts`].
    pub fn exported(
        config: &str,
        execution: &str,
        parts: impl IntoIterator<Item = (String, impl Into<Saved>)>,
    ) -> Result<Self, GateError> {
        let input = "config";
        let config = serde_json::from_str(config).map_err(|error| GateError::Input {
            input,
            problem: error.to_string(),
        })?;
        let named = serde_json::Value::from(execution);
        let execution = serde_json::from_value(named).map_err(|error| GateError::Input {
            input: "execution",
            problem: error.to_string(),
        })?;
        Self::of_parts(&config, execution, parts)
    }

    /// From saved weights: the numbers of each tensor, with its [shape](Saved) where that is known, under its name in the
    /// file, such as a checkpoint's. Names that do not begin with `gate.` are others' and left alone.
    ///
    /// # Errors
    /// [`GateError::Config`] when the configuration does not make a gate, [`GateError::Input`] that names the missing,
    /// unexpected, misshapen or doubled tensor, one whose numbers are not finite, or a threshold that is not a number.
    pub fn of_parts(
        config: &TemporalGateConfig,
        execution: Execution,
        parts: impl IntoIterator<Item = (String, impl Into<Saved>)>,
    ) -> Result<Self, GateError> {
        config.validate()?;
        let network = Network::new(config);
        let mut saved = collect(parts, |name| name.starts_with("gate.")).map_err(refused)?;
        let threshold = saved.remove(THRESHOLD).map(|saved| saved.numbers);
        let threshold = match threshold.as_deref() {
            Some([threshold]) if !threshold.is_nan() => *threshold,
            _ => return Err(refused(format!("`{THRESHOLD}` is not one number"))),
        };
        Ok(Self {
            residual: vec![0.0; config.decisions()],
            config: config.clone(),
            execution,
            numbers: network.layout.take(saved).map_err(refused)?,
            network,
            threshold,
            tape: Tape::default(),
        })
    }

    /// What it carries to the next step, W numbers: by how much each decision has opened less often than its probabilities
    /// said.
    pub fn carried(&self) -> &[f32] {
        &self.residual
    }

    /// Goes on from what it [carried](Self::carried), W numbers.
    ///
    /// # Errors
    /// [`GateError::Shape`] when there are not so many, [`GateError::Input`] when one is not finite.
    pub fn keep(&mut self, carried: &[f32]) -> Result<(), GateError> {
        check_width("carried", carried.len(), self.residual.len())?;
        check_finite("carried", carried)?;
        self.residual.copy_from_slice(carried);
        Ok(())
    }

    /// Forgets what it carries, as at the start of an episode, and as after a step in which its agent was not active or in
    /// which it left.
    pub fn forget(&mut self) {
        self.residual.fill(0.0);
    }

    /// The log-odds of its decisions, W numbers, from the agent's own embedding, E numbers.
    ///
    /// # Errors
    /// [`GateError::Shape`] when the embedding does not fit, [`GateError::Input`] when it or what comes of it is not
    /// finite. What the gate carries is then as before.
    pub fn logits(&mut self, embedding: &[f32]) -> Result<&[f32], GateError> {
        let input = "embedding";
        check_width(input, embedding.len(), self.config.embed_dim)?;
        check_finite(input, embedding)?;
        let leaves: Vec<&[f32]> = self.numbers.iter().map(Vec::as_slice).collect();
        self.tape.begin([1, 1]);
        let embedding = self.tape.input(embedding, embedding.len(), false);
        let mut ops = Native::new(&mut self.tape, &leaves);
        let logits = self.network.logits.forward(&mut ops, &embedding);
        let logits = self.tape.value(logits);
        match not_finite(logits) {
            None => Ok(logits),
            Some(problem) => Err(GateError::Input {
                input,
                problem: format!("too large for the gate: of its log-odds, {problem}"),
            }),
        }
    }

    /// Whether it opens, for each decision, by its [`Execution`]. By error diffusion, what a step leaves over is carried to
    /// the next:
    ///
    /// ```text
    /// p = sigmoid(z - threshold);   open = [residual + p >= 1/2];   residual <- residual + p - open
    /// ```
    ///
    /// # Errors
    /// As for [`Gate::logits`].
    pub fn decide(&mut self, embedding: &[f32]) -> Result<Vec<bool>, GateError> {
        let (threshold, execution) = (self.threshold, self.execution);
        let logits = self.logits(embedding)?.to_vec();
        let decide = |(logit, residual): (f32, &mut f32)| match execution {
            Execution::Threshold => logit > threshold,
            Execution::ErrorDiffusion => {
                let due = *residual + 1.0 / (1.0 + (threshold - logit).exp());
                let open = due >= 0.5;
                *residual = due - f32::from(u8::from(open));
                open
            }
        };
        Ok(logits
            .into_iter()
            .zip(&mut self.residual)
            .map(decide)
            .collect())
    }
}

fn refused(problem: String) -> GateError {
    GateError::Input {
        input: "parts",
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Vec<(String, Vec<f32>)> {
        let parts = [
            ("gate.hidden.weight", vec![1.0, 0.0, 0.0, 1.0]),
            ("gate.hidden.bias", vec![0.0; 2]),
            ("gate.out.weight", vec![1.0, 1.0]),
            ("gate.out.bias", vec![-2.0]),
            ("gate.value.hidden.weight", vec![0.0; 4]),
            ("gate.value.hidden.bias", vec![0.0; 2]),
            ("gate.value.out.weight", vec![0.0; 2]),
            ("gate.value.out.bias", vec![0.0]),
            ("gate.threshold", vec![0.0]),
        ];
        parts
            .map(|(name, numbers)| (name.to_owned(), numbers))
            .into()
    }

    fn gate(parts: Vec<(String, Vec<f32>)>) -> Result<Gate, GateError> {
        Gate::of_parts(&TemporalGateConfig::new(3, 2), Execution::default(), parts)
    }

    #[test]
    fn an_embedding_that_is_not_finite_is_refused_and_leaves_no_trace() {
        let (mut shown, mut spared) = (gate(parts()).unwrap(), gate(parts()).unwrap());
        for step in 0..6 {
            for odd in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let expected = format!("`embedding`: found {odd} at 1, expected finite numbers");
                let odd = [0.5, odd];
                for refused in [shown.logits(&odd).map(drop), shown.decide(&odd).map(drop)] {
                    assert_eq!(refused.unwrap_err().to_string(), expected);
                }
            }
            let embedding = [1.0, 0.25 * step as f32];
            let [found, expected] =
                [&mut shown, &mut spared].map(|gate| gate.decide(&embedding).unwrap());
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_gate_goes_on_from_what_it_carried() {
        let mut unsure = parts();
        unsure[2].1.fill(0.0);
        unsure[3].1.fill(0.25);
        let [mut whole, mut first, mut second] = [0; 3].map(|_| gate(unsure.clone()).unwrap());
        let open = |gate: &mut Gate| gate.decide(&[1.0, 1.0]).unwrap()[0];
        let expected: Vec<bool> = (0..7).map(|_| open(&mut whole)).collect();
        let mut found: Vec<bool> = (0..3).map(|_| open(&mut first)).collect();
        second.keep(first.carried()).unwrap();
        found.extend((3..7).map(|_| open(&mut second)));
        assert_eq!(found, expected);
        let forgetful: Vec<bool> = (0..4)
            .map(|_| open(&mut gate(unsure.clone()).unwrap()))
            .collect();
        assert_ne!(forgetful, expected[3..]);
        let carried = second.carried().to_vec();
        for wrong in [&[][..], &[0.0, 0.0], &[f32::NAN]] {
            let error = second.keep(wrong).unwrap_err().to_string();
            assert!(error.contains("`carried`"), "{error}");
        }
        assert_eq!(second.carried(), carried);
    }

    #[test]
    fn weights_that_are_not_finite_are_named() {
        let mut spoilt = parts();
        spoilt[2].1[1] = f32::NAN;
        let refused = gate(spoilt).unwrap_err().to_string();
        let expected = "`parts`: `gate.out.weight`: found NaN at 1, expected finite numbers";
        assert_eq!(refused, expected);
        let turned = parts().into_iter().map(|(name, numbers)| {
            let shape = (name == "gate.out.weight").then(|| vec![2, 1]);
            (name, Saved { shape, numbers })
        });
        let refused = Gate::of_parts(&TemporalGateConfig::new(3, 2), Execution::default(), turned);
        let refused = refused.unwrap_err().to_string();
        let expected = "`parts`: `gate.out.weight` has the shape [2, 1], expected the shape [1, 2]";
        assert_eq!(refused, expected);
        // A threshold beyond all numbers closes the gate for good.
        let mut closed = parts();
        closed[8].1[0] = f32::INFINITY;
        let mut closed = gate(closed).unwrap();
        assert_eq!(closed.decide(&[2.0, 2.0]).unwrap(), [false]);
    }

    #[test]
    fn weights_too_large_for_an_embedding_are_refused() {
        let mut large = parts();
        large[0].1.fill(f32::MAX);
        large[2].1.fill(f32::MAX);
        let refused = gate(large).unwrap().decide(&[9.0, 9.0]);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("too large for the gate"), "{refused}");
    }

    #[test]
    fn what_a_file_has_of_a_gate_makes_it_and_other_things_are_named() {
        let config = r#"{"agents":3,"embed_dim":2,"per":"receiver","open_bias":2.0}"#;
        let mut unsure = parts();
        unsure[2].1.fill(0.0);
        unsure[3].1.fill(0.0);
        let exported =
            |config: &str, execution: &str| Gate::exported(config, execution, unsure.clone());
        let mut by_threshold = exported(config, "threshold").unwrap();
        let mut diffuses = exported(config, "error-diffusion").unwrap();
        // The log-odds of 0 are an opening in two steps, or none above the threshold.
        let [never, in_turn] = [&mut by_threshold, &mut diffuses]
            .map(|gate| [0; 4].map(|_| gate.decide(&[1.0, 1.0]).unwrap()[0]));
        assert_eq!(never, [false; 4]);
        assert_eq!(in_turn, [true, false, true, false]);

        let told =
            |config: &str, execution: &str| exported(config, execution).unwrap_err().to_string();
        let error = told(config, "error-diffusiom");
        assert!(
            error.contains("`execution`") && error.contains("`threshold`"),
            "{error}"
        );
        // A setting that this version does not know would be left out in silence.
        let later = config.replace("per", "patience\":3,\"per");
        let error = told(&later, "threshold");
        assert!(
            error.contains("`config`") && error.contains("`patience`"),
            "{error}"
        );
    }
}
