//! Relation-enhanced attention over lists of senders, forward and backward (ICLR 2024 paper,
//! equation 5): score(i, j) = scale * (q_i + rq[e]) . (k_j + rk[e]), with e the edge that it reads.

use super::activations::exp;
use super::vectors::{add_scaled, dot, dot_of_sums, sized, vectorized};
use crate::layers::Attention;
use crate::links::{Sender, Senders};

/// Whose senders: the lists, whether only those up to the receiver count, the place of the one agent of each team
/// whose rows the queries are (`None`: all agents' are), and B and N.
pub(super) type Receivers<'a> = (&'a Senders, bool, Option<usize>, [usize; 2]);

/// rq and rk of an edge: E numbers each, or none without relation terms.
#[inline(always)]
fn relation(terms: &[f32], edge: u32, width: usize) -> (&[f32], &[f32]) {
    let start = edge as usize * 2 * width;
    terms[start..start + 2 * width].split_at(width)
}

/// Every receiver's weighted sum of its senders' values, to `out`; the weights, a number for each entry of the lists
/// and each head, to `weights`.
pub(super) fn attend(
    layer: &Attention,
    terms: Option<&[f32]>,
    [queries, memory]: [&[f32]; 2],
    (senders, causal, place, [_, agents]): Receivers<'_>,
    weights: &mut Vec<f32>,
    out: &mut [f32],
) {
    let (heads, width) = (layer.heads, layer.width());
    let weights = sized(weights, senders.entries() * heads);
    vectorized(
        #[inline(always)]
        || {
            let rows = out.chunks_exact_mut(width).zip(queries.chunks_exact(width));
            for (row, (heard, query)) in rows.enumerate() {
                let (team, agent) = match place {
                    None => (row / agents, row % agents),
                    Some(place) => (row, place),
                };
                let (first, list) = senders.of(team, agent, causal);
                let weights = &mut weights[first * heads..][..list.len() * heads];
                let memory = &memory[team * agents * 2 * width..];
                match terms {
                    Some(terms) => one::<true>(layer, terms, list, query, memory, heard, weights),
                    None => one::<false>(layer, &[], list, query, memory, heard, weights),
                }
            }
        },
    );
}

/// One receiver's sum of its senders' values, and their weights: a row of heads for each of them.
/// `memory` begins with the receiver's team.
#[inline(always)]
fn one<const RELATES: bool>(
    layer: &Attention,
    terms: &[f32],
    list: &[Sender],
    query: &[f32],
    memory: &[f32],
    heard: &mut [f32],
    weights: &mut [f32],
) {
    let (heads, width) = (layer.heads, layer.width());
    let (depth, scale) = (width / heads, layer.scale as f32);
    heard.fill(0.0);
    for head in 0..heads {
        let at = head * depth..(head + 1) * depth;
        let query = &query[at.clone()];
        let mut largest = f32::NEG_INFINITY;
        for (sender, weight) in list.iter().zip(weights.chunks_exact_mut(heads)) {
            let key = sender.agent as usize * 2 * width + at.start;
            let key = &memory[key..key + depth];
            let product = if RELATES {
                let (rq, rk) = relation(terms, sender.edge, width);
                dot_of_sums(query, &rq[at.clone()], key, &rk[at.clone()])
            } else {
                dot(query, key)
            };
            weight[head] = scale * product;
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

/// What a backward pass adds to.
pub(super) struct Back<'a> {
    pub queries: &'a mut [f32],
    pub memory: &'a mut [f32],
    /// Empty without relation terms.
    pub terms: &'a mut [f32],
    /// Of what multiplies each entry's weight.
    pub factors: &'a mut [f32],
    pub scores: &'a mut Vec<f32>,
}

/// From the gradient of [`attend`]'s result, of all agents.
pub(super) fn attend_backward(
    layer: &Attention,
    terms: Option<&[f32]>,
    [queries, memory]: [&[f32]; 2],
    (senders, causal, _, [_, agents]): Receivers<'_>,
    weights: &[f32],
    d_heard: &[f32],
    back: Back<'_>,
) {
    sized(back.scores, agents);
    let values = [queries, memory];
    vectorized(
        #[inline(always)]
        || match terms {
            Some(terms) => pairs::<true>(
                layer,
                terms,
                values,
                (senders, causal, agents),
                weights,
                d_heard,
                back,
            ),
            None => pairs::<false>(
                layer,
                &[],
                values,
                (senders, causal, agents),
                weights,
                d_heard,
                back,
            ),
        },
    );
}

#[inline(always)]
fn pairs<const RELATES: bool>(
    layer: &Attention,
    terms: &[f32],
    [queries, memory]: [&[f32]; 2],
    (senders, causal, agents): (&Senders, bool, usize),
    weights: &[f32],
    d_heard: &[f32],
    back: Back<'_>,
) {
    let (heads, width) = (layer.heads, layer.width());
    let (depth, scale) = (width / heads, layer.scale as f32);
    for (receiver, d_heard) in d_heard.chunks_exact(width).enumerate() {
        let (team, agent) = (receiver / agents, receiver % agents);
        let (first, list) = senders.of(team, agent, causal);
        let weights = &weights[first * heads..][..list.len() * heads];
        let d_factors = &mut back.factors[first..first + list.len()];
        let of_team = team * agents * 2 * width..;
        let memory = &memory[of_team.clone()];
        let d_memory = &mut back.memory[of_team];
        for head in 0..heads {
            let at = receiver * width + head * depth;
            let query = &queries[at..at + depth];
            let d_query = &mut back.queries[at..at + depth];
            let at = head * depth..(head + 1) * depth;
            let d_heard = &d_heard[at.clone()];
            let mut mean = 0.0;
            for (((sender, weight), d_score), d_factor) in list
                .iter()
                .zip(weights.chunks_exact(heads))
                .zip(&mut *back.scores)
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
                .zip(&*back.scores)
            {
                let d_score = weight[head] * (d_score - mean) * scale;
                let key = sender.agent as usize * 2 * width + at.start;
                let d_key = &mut d_memory[key..key + depth];
                let key = &memory[key..key + depth];
                if !RELATES {
                    add_scaled(d_query, d_score, key);
                    add_scaled(d_key, d_score, query);
                    continue;
                }
                let (rq, rk) = relation(terms, sender.edge, width);
                let (rq, rk) = (&rq[at.clone()], &rk[at.clone()]);
                let of_edge = sender.edge as usize * 2 * width..;
                let (d_rq, d_rk) = back.terms[of_edge].split_at_mut(width);
                let (d_rq, d_rk) = (&mut d_rq[at.clone()], &mut d_rk[at.clone()]);
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
