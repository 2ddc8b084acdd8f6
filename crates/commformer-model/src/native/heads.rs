//! The heads' passes: a chain of layer norms and linear layers, of each agent's own or shared.

use super::layers::Activated;
use super::leaves::{Gradients, numbers};
use super::product::{View, ViewMut, product};
use super::rows::{NormTape, add_rows, gelu, multiply, sized, zeroed};
use crate::heads::{Heads, Stage};

/// What the heads made of their rows, kept for the backward pass.
#[derive(Debug, Default)]
pub(super) struct HeadsTape {
    stages: Vec<StageTape>,
    /// Outputs of the last stage, (rows, A), and what is made of them; in the backward pass its
    /// gradient.
    pub out: Vec<f32>,
    scratch: Vec<f32>,
}

#[derive(Debug, Default)]
struct StageTape {
    norm: NormTape,
    normed: Vec<f32>,
    /// Of all stages but the last.
    activated: Activated,
}

/// The part of a stacked parameter that is `agent`'s: (start, length).
fn part(all: usize, agents: usize, agent: usize, shared: bool) -> std::ops::Range<usize> {
    if shared {
        return 0..all;
    }
    let length = all / agents;
    agent * length..(agent + 1) * length
}

impl HeadsTape {
    /// From (rows, E) to `self.out`: rows are those of all agents of each team, or those of agent
    /// `alone` of each.
    pub fn forward(&mut self, heads: &Heads, x: &[f32], agents: usize, alone: Option<usize>) {
        self.stages
            .resize_with(heads.stages.len(), StageTape::default);
        let shared = heads.shared;
        let agent_of = |row: usize| alone.unwrap_or(row % agents);
        for (index, stage) in heads.stages.iter().enumerate() {
            let (before, rest) = self.stages.split_at_mut(index);
            let x = before.last().map_or(x, |tape| &tape.activated.out);
            let tape = &mut rest[0];
            let [inputs, outputs] = stage.size();
            let rows = x.len() / inputs;
            let (scale, shift) = (numbers(&stage.scale), numbers(&stage.shift));
            let affine = |row| {
                let own = part(scale.len(), agents, agent_of(row), shared);
                (&scale[own.clone()], &shift[own])
            };
            tape.norm
                .forward(x, inputs, affine, sized(&mut tape.normed, x.len()));
            let last = index + 1 == heads.stages.len();
            let out = if last {
                &mut self.out
            } else {
                &mut tape.activated.out
            };
            let out = sized(out, rows * outputs);
            let (weight, bias) = (numbers(&stage.weight), numbers(&stage.bias));
            for (row, out) in out.chunks_exact_mut(outputs).enumerate() {
                out.copy_from_slice(&bias[part(bias.len(), agents, agent_of(row), shared)]);
            }
            let normed = View::new(&tape.normed, inputs);
            let weight_of = |agent| {
                let own = part(weight.len(), agents, agent, shared);
                View::new(&weight[own], inputs).t()
            };
            match (shared, alone) {
                (true, _) => product(ViewMut::new(out, outputs), normed, weight_of(0), true),
                (false, Some(agent)) => {
                    product(ViewMut::new(out, outputs), normed, weight_of(agent), true);
                }
                (false, None) => (0..agents).for_each(|agent| {
                    let out = ViewMut::new(out, outputs).every(agents, agent);
                    product(out, normed.every(agents, agent), weight_of(agent), true);
                }),
            }
            if !last {
                gelu(out, sized(&mut tape.activated.slope, rows * outputs));
            }
        }
    }

    /// From the gradient of the outputs of all agents, in `self.out`, that of the input (rows, E).
    pub fn backward(
        &mut self,
        heads: &Heads,
        agents: usize,
        gradients: &mut Gradients,
    ) -> &mut [f32] {
        let shared = heads.shared;
        for (index, stage) in heads.stages.iter().enumerate().rev() {
            let tape = &self.stages[index];
            let [inputs, outputs] = stage.size();
            if index + 1 < heads.stages.len() {
                multiply(&mut self.out, &tape.activated.slope);
            }
            let rows = self.out.len() / outputs;
            let d_normed = zeroed(&mut self.scratch, rows * inputs);
            let weight = numbers(&stage.weight);
            let [d_weight, d_bias] = gradients.of_both(&stage.weight, &stage.bias);
            let (normed, d_out) = (
                View::new(&tape.normed, inputs),
                View::new(&self.out, outputs),
            );
            let (teams, step) = if shared { (1, 1) } else { (agents, agents) };
            for agent in 0..teams {
                let own = part(weight.len(), agents, agent, shared);
                let d_out = d_out.every(step, agent);
                let into = ViewMut::new(d_normed, inputs).every(step, agent);
                product(into, d_out, View::new(&weight[own.clone()], inputs), true);
                let into = ViewMut::new(&mut d_weight[own], inputs);
                product(into, d_out.t(), normed.every(step, agent), true);
            }
            if shared {
                add_rows(d_bias, &self.out);
            } else {
                // A team's rows together are as long as all the agents' biases.
                add_rows(&mut d_bias[..agents * outputs], &self.out);
            }
            let scale = numbers(&stage.scale);
            let affine = |row: usize| {
                let own = part(scale.len(), agents, row % agents, shared);
                (&scale[own.clone()], own.start)
            };
            let [d_scale, d_shift] = gradients.of_both(&stage.scale, &stage.shift);
            tape.norm
                .backward(d_normed, inputs, affine, d_scale, d_shift);
            std::mem::swap(&mut self.out, &mut self.scratch);
        }
        &mut self.out
    }
}

impl Stage {
    /// Inputs and outputs of one agent's linear layer.
    fn size(&self) -> [usize; 2] {
        let size = self.weight.size();
        let at = size.len() - 2;
        [size[at + 1] as usize, size[at] as usize]
    }
}
