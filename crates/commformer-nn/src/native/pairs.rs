//! Attention along edges on which both ends decide, forward and backward.

use super::activations::{exp, logistic, rectified};
use super::vectors::{add_scaled, dot, dot_of_relu, sized, vectorized};
use crate::layers::{Linear, PairAttention, Score};
use crate::layout::Slot;
use crate::links::{Sender, Senders};

/// What a forward pass keeps of each entry of the lists: the share of the softmax, the logit and the score.
const KEPT: usize = 3;

/// A layer, the weight and the bias of its decisions, and whose senders: the lists, the place of the one agent of each
/// team whose rows the receivers are (`None`: all agents' are), and N.
pub(super) struct Pairs<'a> {
    layer: &'a PairAttention,
    weight: &'a [f32],
    bias: f32,
    senders: &'a Senders,
    place: Option<usize>,
    agents: usize,
}

/// What a backward pass adds to.
pub(super) struct Back<'a> {
    pub receivers: &'a mut [f32],
    pub senders: &'a mut [f32],
    /// The weight of the decisions and their bias, if they are wanted.
    pub decision: Option<[&'a mut [f32]; 2]>,
}

impl<'a> Pairs<'a> {
    /// Of a layer whose decisions are among the numbers of leaves.
    pub fn new(
        layer: &'a PairAttention,
        leaves: &[&'a [f32]],
        senders: &'a Senders,
        place: Option<usize>,
        agents: usize,
    ) -> Self {
        let numbers = |slot: Slot| leaves[slot.index()];
        let bias = |decision: Linear| numbers(decision.bias?).first().copied();
        Self {
            layer,
            weight: (layer.decision).map_or(&[], |decision| numbers(decision.weight)),
            bias: layer.decision.and_then(bias).unwrap_or(0.0),
            senders,
            place,
            agents,
        }
    }
}

impl Pairs<'_> {
    /// Widths of a pair's part, of a key and of a value.
    #[inline(always)]
    fn widths(&self) -> [usize; 3] {
        [self.layer.pair(), self.layer.key, self.layer.value]
    }

    /// Where the parts of a sender's row are: the pair's, the key and the value.
    #[inline(always)]
    fn parts<'a>(&self, memory: &'a [f32], sender: &Sender) -> [&'a [f32]; 3] {
        let [pair, key, value] = self.widths();
        let at = sender.agent as usize * (pair + key + value);
        let (of_pair, rest) = memory[at..at + pair + key + value].split_at(pair);
        let (of_key, of_value) = rest.split_at(key);
        [of_pair, of_key, of_value]
    }

    /// Whether an entry of the list of the agent in `place` counts.
    #[inline(always)]
    fn counts(&self, sender: &Sender, place: usize) -> bool {
        self.layer.itself || sender.agent as usize != place
    }

    #[inline(always)]
    fn score(&self, query: &[f32], key: &[f32]) -> f32 {
        match self.layer.score {
            Score::Product(scale) => scale as f32 * dot(query, key),
            Score::Sum(slope) => {
                let sum = query[0] + key[0];
                sum.max(slope as f32 * sum)
            }
        }
    }

    /// What every receiver hears, to `out`.
    pub fn forward(&self, receivers: &[f32], memory: &[f32], kept: &mut Vec<f32>, out: &mut [f32]) {
        let kept = sized(kept, self.senders.entries() * KEPT);
        let [pair, key, value] = self.widths();
        vectorized(
            #[inline(always)]
            || {
                let rows = receivers.chunks_exact(pair + key);
                for (row, (receiver, heard)) in
                    rows.zip(out.chunks_exact_mut(value.max(1))).enumerate()
                {
                    let (team, place) = match self.place {
                        None => (row / self.agents, row % self.agents),
                        Some(place) => (row, place),
                    };
                    let (first, list) = self.senders.of(team, place, false);
                    let kept = &mut kept[first * KEPT..][..list.len() * KEPT];
                    let memory = &memory[team * self.agents * (pair + key + value)..];
                    self.one(receiver, (place, list), memory, kept, heard);
                }
            },
        );
    }

    /// One receiver's; `memory` begins with its team.
    #[inline(always)]
    fn one(
        &self,
        receiver: &[f32],
        (place, list): (usize, &[Sender]),
        memory: &[f32],
        kept: &mut [f32],
        heard: &mut [f32],
    ) {
        let (of_pair, query) = receiver.split_at(self.layer.pair());
        let mut largest = f32::NEG_INFINITY;
        let counted = |(sender, _): &(&Sender, &mut [f32])| self.counts(sender, place);
        heard.fill(0.0);
        for (sender, kept) in (list.iter().zip(kept.chunks_exact_mut(KEPT))).filter(counted) {
            let [pair, key, _] = self.parts(memory, sender);
            let logit = match self.layer.decision {
                Some(_) if sender.agent as usize != place => {
                    dot_of_relu(self.weight, of_pair, pair) + self.bias
                }
                _ => 1.0,
            };
            let score = self.score(query, key);
            let gated = if logit > 0.0 { score } else { 0.0 };
            largest = largest.max(gated);
            kept.copy_from_slice(&[gated, logit, score]);
        }
        let mut total = 0.0;
        for (_, kept) in (list.iter().zip(kept.chunks_exact_mut(KEPT))).filter(counted) {
            kept[0] = exp(kept[0] - largest);
            total += kept[0];
        }
        for (sender, kept) in (list.iter().zip(kept.chunks_exact_mut(KEPT))).filter(counted) {
            kept[0] /= total;
            if kept[1] > 0.0 {
                let [.., value] = self.parts(memory, sender);
                add_scaled(heard, kept[0], value);
            }
        }
    }

    /// From the gradient of what all agents heard. A decision's is that of the sigmoid of its logit.
    pub fn backward(
        &self,
        [receivers, memory]: [&[f32]; 2],
        kept: &[f32],
        [heard, d_heard]: [&[f32]; 2],
        mut back: Back<'_>,
    ) {
        let [pair, key, value] = self.widths();
        let of_sender = pair + key + value;
        vectorized(
            #[inline(always)]
            || {
                let rows = receivers.chunks_exact(pair + key);
                let rows = rows.zip(back.receivers.chunks_exact_mut(pair + key));
                let of_heard = heard.chunks_exact(value.max(1));
                let of_heard = of_heard.zip(d_heard.chunks_exact(value.max(1)));
                for (row, ((receiver, d_receiver), (heard, d_heard))) in
                    rows.zip(of_heard).enumerate()
                {
                    let (team, place) = (row / self.agents, row % self.agents);
                    let (first, list) = self.senders.of(team, place, false);
                    let kept = &kept[first * KEPT..][..list.len() * KEPT];
                    let start = team * self.agents * of_sender;
                    let (of_pair, query) = receiver.split_at(pair);
                    let (d_of_pair, d_query) = d_receiver.split_at_mut(pair);
                    let mean = dot(d_heard, heard);
                    for (sender, kept) in list.iter().zip(kept.chunks_exact(KEPT)) {
                        if !self.counts(sender, place) {
                            continue;
                        }
                        let (share, logit, score) = (kept[0], kept[1], kept[2]);
                        let gate = if logit > 0.0 { 1.0 } else { 0.0 };
                        let [u, k, v] = self.parts(&memory[start..], sender);
                        let at = start + sender.agent as usize * of_sender;
                        let d_row = &mut back.senders[at..at + of_sender];
                        let (d_u, rest) = d_row.split_at_mut(pair);
                        let (d_k, d_v) = rest.split_at_mut(key);
                        let worth = dot(d_heard, v);
                        add_scaled(d_v, gate * share, d_heard);
                        let d_gated = share * (gate * worth - mean);
                        let d_score = gate * d_gated;
                        match self.layer.score {
                            Score::Product(scale) => {
                                add_scaled(d_query, d_score * scale as f32, k);
                                add_scaled(d_k, d_score * scale as f32, query);
                            }
                            Score::Sum(slope) => {
                                let slope = if score > 0.0 { 1.0 } else { slope as f32 };
                                d_query[0] += slope * d_score;
                                d_k[0] += slope * d_score;
                            }
                        }
                        if self.layer.decision.is_none() || sender.agent as usize == place {
                            continue;
                        }
                        let open = logistic(logit);
                        let d_logit = (share * worth + score * d_gated) * open * (1.0 - open);
                        for i in 0..pair {
                            let sum = of_pair[i] + u[i];
                            let d = if sum <= 0.0 { 0.0 } else { d_logit };
                            d_of_pair[i] += d * self.weight[i];
                            d_u[i] += d * self.weight[i];
                        }
                        if let Some([d_weight, d_bias]) = &mut back.decision {
                            for i in 0..pair {
                                d_weight[i] += d_logit * rectified(of_pair[i] + u[i]);
                            }
                            d_bias[0] += d_logit;
                        }
                    }
                }
            },
        );
    }
}
