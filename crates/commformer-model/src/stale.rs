//! What agents keep of old messages, as plain numbers; see [`crate::network::Stale`]. Passes by libtorch keep it as tensors
//! (`by_torch/stale.rs`).

use commformer_nn::native::{Tape, Var};

use crate::network::{Network, StaleInputs};

/// What agents kept of the messages that they took in last, rows of a digest for each block and its age in steps
/// (0: never); and who receives now.
pub(crate) struct StaleState {
    rows: Vec<f32>,
    receives: Vec<bool>,
    /// E
    width: usize,
    blocks: usize,
}

impl StaleState {
    /// From what they keep, (rows, L E + 1), or nothing.
    pub fn new(network: &Network, stale: Option<&[f32]>, receives: Vec<bool>) -> Self {
        let (width, blocks) = (network.config.embed_dim, network.config.blocks);
        Self {
            rows: match stale {
                Some(stale) => stale.to_vec(),
                None => vec![0.0; receives.len() * (width * blocks + 1)],
            },
            receives,
            width,
            blocks,
        }
    }

    fn each(&self) -> impl Iterator<Item = (&[f32], bool)> {
        let rows = self.rows.chunks_exact(self.width * self.blocks + 1);
        rows.zip(self.receives.iter().copied())
    }

    fn age(&self, row: &[f32]) -> f32 {
        row[self.width * self.blocks]
    }

    /// As a pass takes them.
    pub fn inputs(&self, tape: &mut Tape) -> StaleInputs<Var> {
        let digest = |block: usize| -> Vec<f32> {
            let at = block * self.width..(block + 1) * self.width;
            self.each()
                .flat_map(|(row, _)| row[at.clone()].iter().copied())
                .collect()
        };
        let log_age: Vec<f32> = self
            .each()
            .map(|(row, _)| (self.age(row) + 1.0).ln())
            .collect();
        let used = |(row, receives): (&[f32], bool)| f32::from(!receives && self.age(row) > 0.0);
        let used: Vec<f32> = self.each().map(used).collect();
        StaleInputs {
            digests: (0..self.blocks)
                .map(|block| tape.input(&digest(block), self.width, false))
                .collect(),
            log_age: tape.input(&log_age, 1, false),
            used: tape.input(&used, 1, false),
        }
    }

    /// What is kept after this step, (rows, L E + 1), when the blocks heard `others`, (rows, E) each.
    pub fn next(&self, others: &[&[f32]]) -> Vec<f32> {
        let mut next = Vec::with_capacity(self.rows.len());
        for (at, (row, receives)) in self.each().enumerate() {
            let age = self.age(row);
            if receives {
                for others in others {
                    next.extend_from_slice(&others[at * self.width..(at + 1) * self.width]);
                }
                next.push(1.0);
            } else {
                next.extend_from_slice(&row[..self.width * self.blocks]);
                next.push(if age > 0.0 { age + 1.0 } else { 0.0 });
            }
        }
        next
    }
}
