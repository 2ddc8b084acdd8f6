//! Passes on a CPU: plain numbers in, plain numbers out.

use super::network::{Network, Tower};
use commformer_nn::native::{Actions, Gradients, Native, Scored, Tape, Var};

/// A network and the numbers of its leaves.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    pub network: &'a Network,
    pub leaves: &'a [&'a [f32]],
}

/// The inputs of one tower over rows, one for each agent of each team and step.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// (rows, inputs)
    pub inputs: &'a [f32],
    /// What a recurrent tower remembers before the first step, (rows of a step, H).
    pub hidden: Option<&'a [f32]>,
    /// 0 where an agent begins anew in a step and else 1, (rows); empty: none does.
    pub goes_on: &'a [f32],
    /// How many steps there are (L).
    pub steps: usize,
}

/// Buffers of one tower's passes, kept between passes.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    actor: Pass,
    critic: Pass,
    scored: Scored,
    pub gradients: Gradients,
}

#[derive(Debug, Default)]
struct Pass {
    tape: Tape,
    outputs: Option<Var>,
}

impl Pass {
    /// The outputs, and what is remembered after the last step.
    fn run(&mut self, tower: &Tower, weights: Weights<'_>, rows: &Rows<'_>) -> (&[f32], &[f32]) {
        self.tape
            .begin([rows.inputs.len() / tower.inputs.max(1), 1]);
        let hidden = (rows.hidden).map(|state| self.tape.hidden(state, rows.goes_on, rows.steps));
        let mut ops = Native::new(&mut self.tape, weights.leaves);
        let inputs = ops.observations(rows.inputs, tower.inputs);
        let (outputs, state) = tower.run(&mut ops, &inputs, hidden);
        self.outputs = Some(outputs);
        let state = state.map_or(&[] as &[f32], |state| self.tape.value(state));
        (self.tape.value(outputs), state)
    }

    fn outputs(&self) -> &[f32] {
        self.outputs.map_or(&[], |outputs| self.tape.value(outputs))
    }
}

/// What agents did, and what they remember of it.
pub(super) struct Acted<'a> {
    pub actions: Actions,
    /// (rows)
    pub log_probs: &'a [f32],
    /// (rows, H); empty unless the actor is recurrent.
    pub hidden: &'a [f32],
}

/// What is thought of actions, (rows) each.
pub(super) struct Evaluated<'a> {
    pub log_probs: &'a [f32],
    pub entropy: &'a [f32],
    pub values: &'a [f32],
}

impl Weights<'_> {
    fn log_std(&self) -> &[f32] {
        (self.network.log_std).map_or(&[], |slot| self.leaves[slot.index()])
    }
}

impl Workspace {
    /// Chooses actions. `available` and `noise` are (rows, A).
    pub fn act(
        &mut self,
        weights: Weights<'_>,
        rows: &Rows<'_>,
        available: Option<&[u8]>,
        noise: Option<&[f32]>,
    ) -> Acted<'_> {
        let actor = &weights.network.actor;
        let (outputs, hidden) = self.actor.run(actor, weights, rows);
        let given = (available, noise);
        let width = actor.outputs;
        let actions = (self.scored).choose(outputs, width, weights.log_std(), given);
        Acted {
            actions,
            log_probs: &self.scored.log_probs,
            hidden,
        }
    }

    /// Values, (rows), and what the critic remembers.
    pub fn values(&mut self, weights: Weights<'_>, rows: &Rows<'_>) -> (&[f32], &[f32]) {
        (self.critic).run(&weights.network.critic, weights, rows)
    }

    /// Scores actions that were taken.
    pub fn evaluate(
        &mut self,
        weights: Weights<'_>,
        [actor, critic]: [&Rows<'_>; 2],
        available: Option<&[u8]>,
        actions: &Actions,
    ) -> Evaluated<'_> {
        let (outputs, _) = (self.actor).run(&weights.network.actor, weights, actor);
        (self.scored).score(outputs, weights.log_std(), available, actions);
        let (values, _) = (self.critic).run(&weights.network.critic, weights, critic);
        Evaluated {
            log_probs: &self.scored.log_probs,
            entropy: &self.scored.entropy,
            values,
        }
    }

    /// The gradient of each leaf after [`evaluate`](Self::evaluate) of the same actions, in `gradients`, from those of
    /// log-probabilities, entropies and values.
    pub fn backward(
        &mut self,
        weights: Weights<'_>,
        available: Option<&[u8]>,
        actions: &Actions,
        [d_log_probs, d_entropy, d_values]: [&[f32]; 3],
    ) {
        let gradients = &mut self.gradients;
        gradients.of_weights = true;
        gradients.clear(weights.leaves.iter().map(|leaf| leaf.len()));
        let upstream = [d_log_probs, d_entropy];
        let outputs = self.actor.outputs();
        let (d_outputs, d_log_std) = self.scored.backward(outputs, available, actions, upstream);
        if let Some(slot) = weights.network.log_std {
            gradients.of_mut(slot).copy_from_slice(d_log_std);
        }
        for (pass, d) in [(&mut self.actor, d_outputs), (&mut self.critic, d_values)] {
            if let Some(outputs) = pass.outputs {
                (pass.tape).backward(weights.leaves, &[(outputs, d)], gradients);
            }
        }
    }
}
