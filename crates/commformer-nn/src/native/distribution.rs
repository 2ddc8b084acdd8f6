//! The distributions that agents act from, and what they send back to a network's outputs.

use super::activations::exp;
use super::rows::log_softmax;
use super::vectors::{sized, vectorized, zeroed};

/// Unavailable actions get this logit. It is finite, so a row without any available action (that
/// of a dead agent, say) is uniform and not NaN.
pub(crate) const UNAVAILABLE: f32 = -1e10;

/// ln(2 pi) / 2.
pub(crate) const HALF_LOG_TAU: f64 = 0.918_938_533_204_672_8;

/// Distributions over A discrete actions, a row for each agent of each team.
#[derive(Debug, Default)]
struct Categorical {
    /// ln softmax of the logits, (rows, A).
    log_probs: Vec<f32>,
    /// (rows)
    entropy: Vec<f32>,
    /// Of the actions that were taken, (rows).
    taken: Vec<f32>,
    actions: usize,
    d_outputs: Vec<f32>,
}

impl Categorical {
    /// From logits (rows, A) and, where some actions are not available, 0 for those.
    fn set(&mut self, logits: &[f32], actions: usize, available: Option<&[u8]>) {
        self.actions = actions;
        sized(&mut self.log_probs, logits.len()).copy_from_slice(logits);
        fill_unavailable(&mut self.log_probs, available, UNAVAILABLE);
        log_softmax(&mut self.log_probs, actions);
    }

    /// For each row the action with the largest log-probability, or with noise (rows, A) the largest sum of both,
    /// and its log-probability. The first of equals wins.
    fn choose(&self, noise: Option<&[f32]>) -> impl Iterator<Item = (usize, f32)> {
        let rows = self.log_probs.chunks_exact(self.actions).enumerate();
        rows.map(move |(row, log_probs)| {
            let at = row * self.actions;
            let choice = match noise {
                Some(noise) => {
                    let noise = &noise[at..at + self.actions];
                    largest(log_probs.iter().zip(noise).map(|(x, y)| x + y))
                }
                None => largest(log_probs.iter().copied()),
            };
            (choice, log_probs[choice])
        })
    }

    /// Scores actions that were taken, (rows): log-probabilities and entropies.
    fn score(&mut self, actions: &[i64]) {
        let (entropy, taken) = (&mut self.entropy, &mut self.taken);
        let (entropy, taken) = (sized(entropy, actions.len()), sized(taken, actions.len()));
        let (log_probs, width) = (&self.log_probs, self.actions);
        vectorized(
            #[inline(always)]
            || {
                for (row, output) in log_probs.chunks_exact(width).enumerate() {
                    entropy[row] = -output.iter().map(|x| x * exp(*x)).sum::<f32>();
                    taken[row] = output[actions[row] as usize];
                }
            },
        );
    }

    /// The gradient of the logits from those of log-probabilities and entropies, (rows) each.
    fn backward(
        &mut self,
        actions: &[i64],
        available: Option<&[u8]>,
        [d_log_probs, d_entropy]: [&[f32]; 2],
    ) -> &[f32] {
        let d_outputs = sized(&mut self.d_outputs, self.log_probs.len());
        let (distribution, entropy, width) = (&self.log_probs, &self.entropy, self.actions);
        vectorized(
            #[inline(always)]
            || {
                let rows = d_outputs
                    .chunks_exact_mut(width)
                    .zip(distribution.chunks_exact(width));
                for (row, (d_output, log_probs)) in rows.enumerate() {
                    for (d_output, log_prob) in d_output.iter_mut().zip(log_probs) {
                        let spread = d_log_probs[row] + d_entropy[row] * (log_prob + entropy[row]);
                        *d_output = -exp(*log_prob) * spread;
                    }
                    d_output[actions[row] as usize] += d_log_probs[row];
                }
            },
        );
        fill_unavailable(d_outputs, available, 0.0);
        d_outputs
    }
}

/// Independent normal distributions of A numbers, a row for each agent of each team, with deviations
/// 0.5 / (1 + e^-log_std) that all share.
#[derive(Debug, Default)]
struct Normal {
    /// (A)
    deviations: Vec<f32>,
    /// Of the actions that were taken, (rows).
    taken: Vec<f32>,
    /// Of one row; all have the same.
    entropy: f32,
    d_outputs: Vec<f32>,
    d_log_std: Vec<f32>,
}

impl Normal {
    /// With these parameters (A).
    fn set(&mut self, log_std: &[f32]) {
        self.deviations.clear();
        let deviation = |x: &f32| 0.5 / (1.0 + (-x).exp());
        self.deviations.extend(log_std.iter().map(deviation));
        let entropies = self
            .deviations
            .iter()
            .map(|x| x.ln() + 0.5 + HALF_LOG_TAU as f32);
        self.entropy = entropies.sum();
    }

    /// Writes the means, or what noise (rows, A) makes of them, to `actions`, and calls `each` with the
    /// log-probability of every row.
    fn choose(
        &self,
        means: &[f32],
        noise: Option<&[f32]>,
        actions: &mut [f32],
        mut each: impl FnMut(usize, f32),
    ) {
        let width = self.deviations.len();
        for (row, out) in actions.chunks_exact_mut(width).enumerate() {
            let at = row * width..(row + 1) * width;
            out.copy_from_slice(&means[at.clone()]);
            if let Some(noise) = noise {
                for ((out, noise), deviation) in
                    out.iter_mut().zip(&noise[at.clone()]).zip(&self.deviations)
                {
                    *out += deviation * noise;
                }
            }
            each(row, self.log_prob(&means[at], out));
        }
    }

    fn log_prob(&self, means: &[f32], actions: &[f32]) -> f32 {
        let rows = means.iter().zip(actions).zip(&self.deviations);
        rows.map(|((mean, action), deviation)| {
            let z = (action - mean) / deviation;
            -0.5 * z * z - deviation.ln() - HALF_LOG_TAU as f32
        })
        .sum()
    }

    /// Scores actions (rows, A) that were taken where the means were these.
    fn score(&mut self, means: &[f32], actions: &[f32]) {
        let width = self.deviations.len();
        let rows = means.chunks_exact(width).zip(actions.chunks_exact(width));
        let taken: Vec<f32> = rows
            .map(|(means, actions)| self.log_prob(means, actions))
            .collect();
        self.taken = taken;
    }

    /// The gradients of the means (rows, A) and of the parameters (A) from those of log-probabilities and
    /// entropies, (rows) each.
    fn backward(
        &mut self,
        means: &[f32],
        actions: &[f32],
        [d_log_probs, d_entropy]: [&[f32]; 2],
    ) -> (&[f32], &[f32]) {
        let width = self.deviations.len();
        let d_outputs = sized(&mut self.d_outputs, means.len());
        let d_log_std = zeroed(&mut self.d_log_std, width);
        let of_entropy: f32 = d_entropy.iter().sum();
        for (row, d_log_prob) in d_log_probs.iter().enumerate() {
            for (column, deviation) in self.deviations.iter().enumerate() {
                let at = row * width + column;
                let z = (actions[at] - means[at]) / deviation;
                d_outputs[at] = d_log_prob * z / deviation;
                d_log_std[column] += d_log_prob * (z * z - 1.0) / deviation;
            }
        }
        for (d, deviation) in d_log_std.iter_mut().zip(&self.deviations) {
            // The slope of 0.5 s(x) is 0.5 s (1 - s), with s twice the deviation.
            let slope = deviation * (1.0 - 2.0 * deviation);
            *d = (*d + of_entropy / deviation) * slope;
        }
        (d_outputs, d_log_std)
    }
}

/// Actions of all agents of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Actions {
    /// (rows)
    Discrete(Vec<i64>),
    /// (rows, A)
    Continuous(Vec<f32>),
}

/// What the rows of a head's outputs (rows, A) say of actions, of either kind.
#[derive(Debug, Default)]
pub struct Scored {
    categorical: Categorical,
    normal: Normal,
    /// Of the actions that were scored, (rows).
    pub log_probs: Vec<f32>,
    /// (rows)
    pub entropy: Vec<f32>,
}

impl Scored {
    /// Scores actions that were taken where the outputs were these. Discrete actions are below A; `log_std` (A) are
    /// the parameters of continuous actions' deviations.
    pub fn score(
        &mut self,
        outputs: &[f32],
        log_std: &[f32],
        available: Option<&[u8]>,
        actions: &Actions,
    ) {
        let taken = match actions {
            Actions::Discrete(actions) => {
                let width = outputs.len() / actions.len().max(1);
                self.categorical.set(outputs, width, available);
                self.categorical.score(actions);
                self.entropy.clone_from(&self.categorical.entropy);
                &self.categorical.taken
            }
            Actions::Continuous(actions) => {
                self.normal.set(log_std);
                self.normal.score(outputs, actions);
                self.entropy.clear();
                let rows = self.normal.taken.len();
                self.entropy.resize(rows, self.normal.entropy);
                &self.normal.taken
            }
        };
        self.log_probs.clone_from(taken);
    }

    /// After [`score`](Self::score) of the same, the gradients of the outputs (rows, A) and of continuous actions'
    /// parameters (A) from those of log-probabilities and entropies, (rows) each.
    pub fn backward(
        &mut self,
        outputs: &[f32],
        available: Option<&[u8]>,
        actions: &Actions,
        upstream: [&[f32]; 2],
    ) -> (&[f32], &[f32]) {
        match actions {
            Actions::Discrete(actions) => {
                let d_outputs = self.categorical.backward(actions, available, upstream);
                (d_outputs, &[])
            }
            Actions::Continuous(actions) => self.normal.backward(outputs, actions, upstream),
        }
    }

    /// Actions where the outputs (rows, A) are these, greedily or with noise (rows, A), Gumbel or normal; their
    /// log-probabilities are left here. Without parameters of deviations the actions are discrete.
    pub fn choose(
        &mut self,
        outputs: &[f32],
        width: usize,
        log_std: &[f32],
        (available, noise): (Option<&[u8]>, Option<&[f32]>),
    ) -> Actions {
        self.log_probs.clear();
        match log_std {
            [] => {
                self.categorical.set(outputs, width, available);
                let chosen = self.categorical.choose(noise);
                let keep = |(action, log_prob)| {
                    self.log_probs.push(log_prob);
                    action as i64
                };
                Actions::Discrete(chosen.map(keep).collect())
            }
            log_std => {
                self.normal.set(log_std);
                let mut chosen = vec![0.0; outputs.len()];
                let log_probs = &mut self.log_probs;
                self.normal
                    .choose(outputs, noise, &mut chosen, |_, log_prob| {
                        log_probs.push(log_prob);
                    });
                Actions::Continuous(chosen)
            }
        }
    }
}

/// Writes `value` where an action cannot be taken.
fn fill_unavailable(of_actions: &mut [f32], available: Option<&[u8]>, value: f32) {
    let Some(available) = available else { return };
    for (x, available) in of_actions.iter_mut().zip(available) {
        if *available == 0 {
            *x = value;
        }
    }
}

/// Which of some numbers is the largest; the first of equals.
fn largest(numbers: impl Iterator<Item = f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, number) in numbers.enumerate() {
        if number > best.1 {
            best = (index, number);
        }
    }
    best.0
}
