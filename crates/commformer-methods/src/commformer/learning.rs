//! How a team learns: its parameters, and the gradient of a loss.

use super::gate::{TeamGate, for_policy};
use super::team::{Carried, TeamPolicy, heard, input};
use commformer_model::{Input, Observations};
use commformer_train::{
    Evaluation, GateEvaluation, Gates, LearnedGraph, Level, ObsBatch, Policy, PolicyResult,
    ReceiveGates, Samples,
};
use tch::{Kind, Tensor};

impl TeamPolicy {
    /// The gates of some samples: what their loss is made of, and how the network takes them.
    fn gates_of(
        &self,
        embedding: &Tensor,
        samples: &Samples<'_>,
    ) -> PolicyResult<(Option<GateEvaluation>, Option<Tensor>)> {
        let Some(gate) = &self.gate else {
            return Ok((None, None));
        };
        let graph = heard(gate, &samples.batch);
        let (gate, open) = gate.evaluate(embedding, &graph, samples.gate)?;
        Ok((gate, open.as_ref().map(for_policy)))
    }

    /// The observations of samples, with what agents remember.
    fn seen<'a>(
        samples: &Samples<'a>,
        carried: &'a Carried,
        goes_on: Option<&'a Tensor>,
    ) -> Observations<'a> {
        Observations {
            obs: samples.batch.obs,
            recurrent: carried.recurrent.as_ref(),
            goes_on,
        }
    }
}

/// Who goes on remembering in the steps of samples, if these are sequences.
fn goes_on_of(samples: &Samples<'_>) -> Option<Tensor> {
    let sequence = samples.sequence.as_ref()?;
    Some(sequence.goes_on(samples.batch.active))
}

impl Policy for TeamPolicy {
    unsafe fn replica(&self) -> PolicyResult<Box<dyn Policy>> {
        // SAFETY: the caller keeps to it.
        Ok(Box::new(unsafe { self.twin() }?))
    }

    fn parameters(&self) -> Vec<(String, Tensor)> {
        let mut parameters = self.model.parameters();
        parameters.extend(self.gate.iter().flat_map(TeamGate::parameters));
        parameters
    }

    fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = self.model.state();
        state.extend(self.gate.iter().flat_map(TeamGate::state));
        state
    }

    fn load_state(&mut self, state: &[(String, Tensor)]) -> PolicyResult<()> {
        let Some(gate) = &mut self.gate else {
            return Ok(self.model.load_state(state)?);
        };
        let same = |(name, tensor): &(String, Tensor)| (name.clone(), tensor.shallow_clone());
        let (of_gate, of_model) = state
            .iter()
            .map(same)
            .partition::<Vec<_>, _>(|(name, _)| name.starts_with("gate."));
        let before = gate.state();
        gate.load_state(&of_gate)?;
        let loaded = self.model.load_state(&of_model);
        if loaded.is_err() {
            // All or nothing: the gate is put back.
            gate.load_state(&before)?;
        }
        Ok(loaded?)
    }

    fn take_in(&mut self, obs: &[f32], active: &[bool]) -> PolicyResult<()> {
        Ok(self.model.take_in(obs, active)?)
    }

    fn sequence(&self) -> Option<usize> {
        self.sequence
    }

    fn graph(&self) -> Option<&dyn LearnedGraph> {
        Some(self)
    }

    fn gates(&self) -> Option<&dyn ReceiveGates> {
        self.gate.as_ref().map(|gate| gate as _)
    }

    fn gates_mut(&mut self) -> Option<&mut dyn ReceiveGates> {
        self.gate.as_mut().map(|gate| gate as _)
    }

    fn evaluate(
        &self,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
    ) -> PolicyResult<Evaluation> {
        let batch = &samples.batch;
        let (carried, goes_on) = (self.split(batch.memory), goes_on_of(samples));
        let embedding = (self.model).embed(Self::seen(samples, &carried, goes_on.as_ref()))?;
        let (gate, open) = self.gates_of(&embedding, samples)?;
        let input = input(batch, &embedding, open.as_ref(), carried.stale.as_ref());
        let evaluation = self
            .model
            .evaluate(&input, samples.actions, Some(uniform))?;
        Ok(Evaluation {
            log_probs: evaluation.log_probs,
            entropy: evaluation.entropy,
            values: evaluation.values,
            gate,
        })
    }

    fn gradients(
        &self,
        level: Level,
        samples: &Samples<'_>,
        uniform: &mut dyn FnMut(&[i64]) -> Tensor,
        loss: &mut dyn FnMut(&Evaluation) -> Tensor,
    ) -> PolicyResult<Vec<Tensor>> {
        let batch = &samples.batch;
        let (carried, goes_on) = (self.split(batch.memory), goes_on_of(samples));
        let (mut pass, embedding) =
            (self.model).pass(Self::seen(samples, &carried, goes_on.as_ref()))?;
        let (gate, open) = self.gates_of(&embedding, samples)?;
        let input = input(batch, &embedding, open.as_ref(), carried.stale.as_ref());
        let leaf = input
            .graph
            .detach()
            .set_requires_grad(level == Level::Upper);
        let input = Input {
            graph: &leaf,
            ..input
        };
        let scores = pass.evaluate(&input, samples.actions, Some(uniform))?;
        let loss = loss(&Evaluation {
            log_probs: scores.log_probs.shallow_clone(),
            entropy: scores.entropy.shallow_clone(),
            values: scores.values.shallow_clone(),
            gate,
        });
        if level == Level::Upper {
            // From the graph on, by which way it depends on the edge logits.
            let slope = pass.backward_to_graph(&loss)?;
            let surrogate = (&batch.graph.graphs * slope).sum(Kind::Float);
            let logits = [self.model.edge_logits()];
            return Ok(Tensor::f_run_backward(&[surrogate], &logits, false, false)?);
        }
        let of_gate = self.gate.iter().flat_map(TeamGate::parameters);
        Ok(pass.backward(&loss, &of_gate.collect::<Vec<_>>())?)
    }

    fn values(&self, batch: &ObsBatch<'_>, gates: Gates<'_>) -> PolicyResult<Tensor> {
        let perception = self.perceive(batch, gates)?;
        Ok(self.model.encode(&perception.input(batch))?.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{GateConfig, GateMode, TeamConfig};
    use commformer_env::{ActionSpace, Spec};
    use tch::{Device, Tensor};

    #[test]
    fn what_is_refused_changes_neither_the_network_nor_the_gate() {
        let spec = Spec::new(3, 5, ActionSpace::Discrete(4));
        for mode in [GateMode::Learned, GateMode::Uncertainty] {
            let team = |seed| {
                let gate = GateConfig {
                    mode,
                    ..GateConfig::default()
                };
                let config = TeamConfig {
                    gate,
                    seed,
                    ..TeamConfig::default()
                };
                TeamPolicy::new(&config, &spec, Device::Cpu).unwrap()
            };
            let (mut team, other) = (team(1), team(2).state());
            let before = team.state();
            let place = |name: &str| other.iter().position(|(own, _)| own == name).unwrap();
            let threshold = place("gate.threshold");
            for (spoilt, odd, told) in [
                (threshold, &[f32::NAN][..], "`threshold`: found NaN"),
                (threshold, &[0.5; 2], "`gate.threshold` has shape [2]"),
                (
                    place("graph.edge_logits"),
                    &[0.5],
                    "`graph.edge_logits` has shape [1]",
                ),
            ] {
                let mut state: Vec<_> = (other.iter())
                    .map(|(name, own)| (name.clone(), own + 0.25))
                    .collect();
                state[spoilt].1 = Tensor::from_slice(odd);
                let refused = team.load_state(&state).unwrap_err().to_string();
                assert!(refused.contains(told), "{refused}");
                assert_eq!(team.state(), before, "{told}");
            }
            team.load_state(&other).unwrap();
            assert_eq!(team.state(), other);
        }
    }
}
