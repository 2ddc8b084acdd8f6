//! Keys and values of the agents that have decided, for decoding agent by agent.

use tch::Tensor;

use crate::attention::Memory;
use crate::mask::Mask;

/// The memories of the agents that have already decided, so that each is projected only once.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Buffers for all agents, filled up to `filled`. None before the first agent.
    memory: Option<Memory>,
    agents: i64,
    filled: i64,
}

impl Cache {
    pub(crate) fn new(agents: i64) -> Self {
        Self {
            memory: None,
            agents,
            filled: 0,
        }
    }

    /// Adds one agent's memory (B, 1, ..) and returns what the next attention under `mask` reads: that
    /// of all agents so far; or, where the mask has lists, whose rows are counted in the whole buffer,
    /// the whole, in which the rows of later agents hold nothing yet. It writes in place, so it is
    /// for use without gradients.
    pub(crate) fn push(&mut self, new: &Memory, mask: &Mask) -> Memory {
        let (agents, at) = (self.agents, self.filled);
        let buffers = self.memory.get_or_insert_with(|| {
            let buffer = |x: &Tensor| {
                let mut size = x.size();
                size[1] = agents;
                x.new_empty(size, (x.kind(), x.device()))
            };
            Memory {
                key: buffer(&new.key),
                value: buffer(&new.value),
                relation: new.relation.as_ref().map(buffer),
            }
        });
        let write = |buffer: &Tensor, x: &Tensor| {
            buffer.narrow(1, at, 1).copy_(x);
            match mask.listed {
                Some(_) => buffer.shallow_clone(),
                None => buffer.narrow(1, 0, at + 1),
            }
        };
        self.filled += 1;
        Memory {
            key: write(&buffers.key, &new.key),
            value: write(&buffers.value, &new.value),
            relation: match (&buffers.relation, &new.relation) {
                (Some(buffer), Some(x)) => Some(write(buffer, x)),
                _ => None,
            },
        }
    }
}
