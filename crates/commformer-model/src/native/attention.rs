//! Relation-enhanced attention over lists of senders, forward and backward (ICLR 2024 paper,
//! equation 5): score(i, j) = scale * (q_i + rq[e]) . (k_j + rk[e]), with e the edge that it reads.

use super::layers::{linear, linear_backward};
use super::leaves::{Gradients, numbers};
use super::product::View;
use super::rows::{add, add_scaled, dot, dot_of_sums, exp, sized, vectorized, zeroed};
use super::senders::{Sender, Senders};
use crate::attention::Attention;
use tch::Tensor;

/// The relation terms of a layer: rq and rk of an absent edge, then of a present one, E numbers each.
#[derive(Debug, Default)]
pub(super) struct Relation {
    terms: Vec<f32>,
}

impl Relation {
    pub fn fill(&mut self, layer: &Attention, edge_embedding: &Tensor) {
        let width = layer.width as usize;
        if layer.uses_relation {
            let terms = sized(&mut self.terms, 4 * width);
            let edges = View::new(numbers(edge_embedding), width);
            linear(&layer.relation, 0, edges, terms, 2 * width);
        } else {
            zeroed(&mut self.terms, 4 * width);
        }
    }

    /// rq and rk of an edge.
    #[inline(always)]
    fn of(&self, edge: u32, width: usize) -> (&[f32], &[f32]) {
        let start = edge as usize * 2 * width;
        self.terms[start..start + 2 * width].split_at(width)
    }

    /// From the gradient of the terms, those of the layer and of the edge embedding.
    pub fn backward(
        layer: &Attention,
        edge_embedding: &Tensor,
        d_terms: &[f32],
        scratch: &mut Vec<f32>,
        gradients: &mut Gradients,
    ) {
        if !layer.uses_relation {
            return;
        }
        let width = layer.width as usize;
        let d_edges = zeroed(scratch, 2 * width);
        let edges = View::new(numbers(edge_embedding), width);
        linear_backward(
            &layer.relation,
            0,
            edges,
            d_terms,
            2 * width,
            Some(d_edges),
            gradients,
        );
        add(gradients.of(edge_embedding), d_edges);
    }
}

/// One attention: what its layer made of its inputs, kept for the backward pass.
#[derive(Debug, Default)]
pub(super) struct Attending {
    pub relation: Relation,
    /// (receivers, E)
    pub queries: Vec<f32>,
    /// Keys and values of all B N agents, (B N, 2 E).
    pub memory: Vec<f32>,
    /// Keys and values of one agent of each team, (B, 2 E), on their way into the memory.
    pub fresh: Vec<f32>,
    /// A number for each entry of the lists and each head, before the entry's factor.
    weights: Vec<f32>,
    /// (receivers, E)
    pub heard: Vec<f32>,
}

/// Gradients on their way back through an attention.
#[derive(Debug, Default)]
pub(super) struct Returning {
    pub queries: Vec<f32>,
    pub memory: Vec<f32>,
    heard: Vec<f32>,
    terms: Vec<f32>,
    scores: Vec<f32>,
    edges: Vec<f32>,
    /// Of what multiplies each entry's weight, over all attentions of the pass.
    pub factors: Vec<f32>,
}

impl Returning {
    /// Where queries and memory were projected from the same rows `x`: adds to their gradient `d`.
    pub fn to_input(&self, layer: &Attention, x: &[f32], d: &mut [f32], gradients: &mut Gradients) {
        self.through_queries(layer, x, d, gradients);
        self.through_memory(layer, x, d, gradients);
    }

    /// Adds to the gradient `d` of the rows `x` that the queries were projected from.
    pub fn through_queries(
        &self,
        layer: &Attention,
        x: &[f32],
        d: &mut [f32],
        gradients: &mut Gradients,
    ) {
        let (width, dy) = (layer.width as usize, &self.queries);
        let x = View::new(x, width);
        linear_backward(&layer.projection, 0, x, dy, width, Some(d), gradients);
    }

    /// Adds to the gradient `d` of the rows `x` that the memory was projected from.
    pub fn through_memory(
        &self,
        layer: &Attention,
        x: &[f32],
        d: &mut [f32],
        gradients: &mut Gradients,
    ) {
        let (width, dy) = (layer.width as usize, &self.memory);
        let (x, both) = (View::new(x, width), 2 * width);
        linear_backward(&layer.projection, width, x, dy, both, Some(d), gradients);
    }
}

/// Whom the agents of a batch of teams hear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Graph<'a> {
    pub senders: &'a Senders,
    pub teams: usize,
    pub agents: usize,
    /// Only senders up to the receiver.
    pub causal: bool,
}

impl<'a> Graph<'a> {
    /// Of B teams with N agents.
    pub fn new(senders: &'a Senders, [teams, agents]: [i64; 2]) -> Self {
        Self {
            senders,
            teams: teams as usize,
            agents: agents as usize,
            causal: false,
        }
    }

    /// For the decoder.
    pub fn causal(self) -> Self {
        Self {
            causal: true,
            ..self
        }
    }

    /// The row of the action table that an agent is given: that of the action of the agent before it,
    /// out of all (B, N), or the start token's.
    pub fn token(&self, team: usize, agent: usize, actions: &[i64]) -> usize {
        match self.senders.given_previous(team, agent) {
            true => actions[team * self.agents + agent - 1] as usize + 1,
            false => 0,
        }
    }
}

impl Attending {
    /// Projects the receivers' rows.
    pub fn ask(&mut self, layer: &Attention, x: &[f32]) {
        let width = layer.width as usize;
        let queries = sized(&mut self.queries, x.len());
        linear(&layer.projection, 0, View::new(x, width), queries, width);
    }

    /// Projects the senders' rows.
    pub fn remember(&mut self, layer: &Attention, x: &[f32]) {
        keys_and_values(layer, x, &mut self.memory);
    }

    /// Projects one agent's rows, a row for each team, for [`Attending::keep_fresh`].
    pub fn project_fresh(&mut self, layer: &Attention, x: &[f32]) {
        keys_and_values(layer, x, &mut self.fresh);
    }

    /// Takes the fresh rows into the memory as those of agent `agent`.
    pub fn keep_fresh(&mut self, width: usize, agent: usize, agents: usize) {
        let rows = self
            .memory
            .chunks_exact_mut(width)
            .skip(agent)
            .step_by(agents);
        for (kept, fresh) in rows.zip(self.fresh.chunks_exact(width)) {
            kept.copy_from_slice(fresh);
        }
    }

    /// Every receiver's sum of its senders' values, projected to `out` (B N, E).
    pub fn hear(&mut self, layer: &Attention, graph: Graph<'_>, out: &mut [f32]) {
        let (heads, width) = (layer.heads as usize, layer.width as usize);
        let heard = sized(&mut self.heard, self.queries.len());
        let weights = sized(&mut self.weights, graph.senders.entries() * heads);
        vectorized(
            #[inline(always)]
            || {
                let rows = heard
                    .chunks_exact_mut(width)
                    .zip(self.queries.chunks_exact(width));
                for (row, (heard, query)) in rows.enumerate() {
                    let (team, agent) = (row / graph.agents, row % graph.agents);
                    let (first, list) = graph.senders.of(team, agent, graph.causal);
                    let weights = &mut weights[first * heads..][..list.len() * heads];
                    let memory = &self.memory[team * graph.agents * 2 * width..];
                    one(layer, &self.relation, list, query, memory, heard, weights);
                }
            },
        );
        linear(&layer.output, 0, View::new(heard, width), out, width);
    }

    /// The same for receiver `agent` of every team alone: `out` is (B, E).
    pub fn hear_alone(
        &mut self,
        layer: &Attention,
        graph: Graph<'_>,
        agent: usize,
        out: &mut [f32],
    ) {
        let (heads, width) = (layer.heads as usize, layer.width as usize);
        let heard = sized(&mut self.heard, out.len());
        let weights = sized(&mut self.weights, graph.agents * heads);
        vectorized(
            #[inline(always)]
            || {
                let rows = heard
                    .chunks_exact_mut(width)
                    .zip(self.queries.chunks_exact(width));
                for (team, (heard, query)) in rows.enumerate() {
                    let (_, list) = graph.senders.of(team, agent, true);
                    let memory = &self.memory[team * graph.agents * 2 * width..];
                    one(layer, &self.relation, list, query, memory, heard, weights);
                }
            },
        );
        linear(&layer.output, 0, View::new(heard, width), out, width);
    }

    /// From the gradient of [`Attending::hear`]'s result those of queries and memory, in `back`.
    pub fn backward(
        &self,
        layer: &Attention,
        graph: Graph<'_>,
        edge_embedding: &Tensor,
        d_out: &[f32],
        back: &mut Returning,
        gradients: &mut Gradients,
    ) {
        let width = layer.width as usize;
        let d_heard = zeroed(&mut back.heard, d_out.len());
        let heard = View::new(&self.heard, width);
        linear_backward(
            &layer.output,
            0,
            heard,
            d_out,
            width,
            Some(d_heard),
            gradients,
        );
        zeroed(&mut back.queries, self.queries.len());
        zeroed(&mut back.memory, self.memory.len());
        zeroed(&mut back.terms, 4 * width);
        sized(&mut back.scores, graph.agents);
        vectorized(
            #[inline(always)]
            || self.pairs_backward(layer, graph, back),
        );
        Relation::backward(
            layer,
            edge_embedding,
            &back.terms,
            &mut back.edges,
            gradients,
        );
    }

    #[inline(always)]
    fn pairs_backward(&self, layer: &Attention, graph: Graph<'_>, back: &mut Returning) {
        let (heads, width) = (layer.heads as usize, layer.width as usize);
        let (depth, scale) = (width / heads, layer.scale as f32);
        for (receiver, d_heard) in back.heard.chunks_exact(width).enumerate() {
            let (team, agent) = (receiver / graph.agents, receiver % graph.agents);
            let (first, list) = graph.senders.of(team, agent, graph.causal);
            let weights = &self.weights[first * heads..][..list.len() * heads];
            let d_factors = &mut back.factors[first..first + list.len()];
            let of_team = team * graph.agents * 2 * width..;
            let memory = &self.memory[of_team.clone()];
            let d_memory = &mut back.memory[of_team];
            for head in 0..heads {
                let at = receiver * width + head * depth;
                let query = &self.queries[at..at + depth];
                let d_query = &mut back.queries[at..at + depth];
                let at = head * depth..(head + 1) * depth;
                let d_heard = &d_heard[at.clone()];
                let mut mean = 0.0;
                for (((sender, weight), d_score), d_factor) in list
                    .iter()
                    .zip(weights.chunks_exact(heads))
                    .zip(&mut back.scores)
                    .zip(&mut *d_factors)
                {
                    let value = sender.agent as usize * 2 * width + width + at.start;
                    let worth = dot(d_heard, &memory[value..value + depth]);
                    *d_score = sender.factor * worth;
                    *d_factor += weight[head] * worth;
                    mean += weight[head] * *d_score;
                    let d_value = &mut d_memory[value..value + depth];
                    add_scaled(d_value, weight[head] * sender.factor, d_heard);
                }
                for ((sender, weight), d_score) in list
                    .iter()
                    .zip(weights.chunks_exact(heads))
                    .zip(&back.scores)
                {
                    let d_score = weight[head] * (d_score - mean) * scale;
                    let (rq, rk) = self.relation.of(sender.edge, width);
                    let (rq, rk) = (&rq[at.clone()], &rk[at.clone()]);
                    let terms = sender.edge as usize * 2 * width..;
                    let (d_rq, d_rk) = back.terms[terms].split_at_mut(width);
                    let (d_rq, d_rk) = (&mut d_rq[at.clone()], &mut d_rk[at.clone()]);
                    let key = sender.agent as usize * 2 * width + at.start;
                    let d_key = &mut d_memory[key..key + depth];
                    let key = &memory[key..key + depth];
                    for i in 0..depth {
                        let to_query = d_score * (key[i] + rk[i]);
                        let to_key = d_score * (query[i] + rq[i]);
                        d_query[i] += to_query;
                        d_rq[i] += to_query;
                        d_key[i] += to_key;
                        d_rk[i] += to_key;
                    }
                }
            }
        }
    }
}

/// What senders with the rows `x` are heard as, (rows, 2 E).
fn keys_and_values(layer: &Attention, x: &[f32], out: &mut Vec<f32>) {
    let (width, out) = (layer.width as usize, sized(out, 2 * x.len()));
    let (x, both) = (View::new(x, width), 2 * width);
    linear(&layer.projection, width, x, out, both);
}

/// One receiver's sum of its senders' values, and their weights: a row of heads for each of them.
/// `memory` begins with the receiver's team.
#[inline(always)]
fn one(
    layer: &Attention,
    relation: &Relation,
    list: &[Sender],
    query: &[f32],
    memory: &[f32],
    heard: &mut [f32],
    weights: &mut [f32],
) {
    let (heads, width) = (layer.heads as usize, layer.width as usize);
    let (depth, scale) = (width / heads, layer.scale as f32);
    heard.fill(0.0);
    for head in 0..heads {
        let at = head * depth..(head + 1) * depth;
        let query = &query[at.clone()];
        let mut largest = f32::NEG_INFINITY;
        for (sender, weight) in list.iter().zip(weights.chunks_exact_mut(heads)) {
            let (rq, rk) = relation.of(sender.edge, width);
            let key = sender.agent as usize * 2 * width + at.start;
            let key = &memory[key..key + depth];
            weight[head] = scale * dot_of_sums(query, &rq[at.clone()], key, &rk[at.clone()]);
            largest = largest.max(weight[head]);
        }
        let mut total = 0.0;
        for weight in weights.chunks_exact_mut(heads).take(list.len()) {
            weight[head] = exp(weight[head] - largest);
            total += weight[head];
        }
        for (sender, weight) in list.iter().zip(weights.chunks_exact_mut(heads)) {
            weight[head] /= total;
            let value = sender.agent as usize * 2 * width + width + at.start;
            let value = &memory[value..value + depth];
            add_scaled(&mut heard[at.clone()], weight[head] * sender.factor, value);
        }
    }
}
