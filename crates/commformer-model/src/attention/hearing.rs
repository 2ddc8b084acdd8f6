//! Scores, weights, and the sums of what is heard: over all agents under a mask, or over lists.

use tch::{Kind, Tensor};

use super::{Attention, Memory, Projections, Queries};
use crate::listed::Listed;
use crate::mask::Mask;

impl Projections<'_> {
    /// Every receiver's weighted sum of the senders' values, projected: (B, receivers, E).
    pub(crate) fn attend(&self, queries: &Queries, memory: &Memory, mask: &Mask) -> Tensor {
        let (heard, _) = self.heard(queries, memory, mask);
        self.layer.output.forward(&heard)
    }

    /// Attention of `x` over itself, (B, N, E), and what of it came from others, before the output
    /// projection and without a gradient: (B, N, E).
    pub(crate) fn over_itself_and_others(&self, x: &Tensor, mask: &Mask) -> (Tensor, Tensor) {
        let layer = self.layer;
        let (queries, memory) = self.both(x);
        let (heard, weights) = self.heard(&queries, &memory, mask);
        let others = tch::no_grad(|| {
            let own = match mask.listed {
                Some(_) => weights.select(-1, 0), // itself is first in its list
                None => weights.diagonal(0, -2, -1),
            }; // (B, H, N)
            (&heard - layer.weighted(&own, &memory.value)).detach()
        });
        (layer.output.forward(&heard), others)
    }

    /// One receiver's weighted sum over itself, at `place` of the memory, and its senders, projected,
    /// and what of it came from the senders, before the output projection: (B, 1, E) both. For use
    /// without gradients.
    pub(crate) fn attend_and_others(
        &self,
        queries: &Queries,
        memory: &Memory,
        mask: &Mask,
        place: i64,
    ) -> (Tensor, Tensor) {
        let layer = self.layer;
        let (heard, weights) = self.heard(queries, memory, mask);
        let own = weights.select(-1, place); // (B, H, 1)
        let others = &heard - layer.weighted(&own, &memory.value.narrow(1, place, 1));
        (layer.output.forward(&heard), others)
    }

    /// Every receiver's weighted sum of the senders' values, (B, receivers, E), and the weights,
    /// (B, H, receivers, M) with M the places of the mask.
    fn heard(&self, queries: &Queries, memory: &Memory, mask: &Mask) -> (Tensor, Tensor) {
        let (heard, weights) = match &mask.listed {
            None => self.heard_of_all(queries, memory, mask),
            Some(listed) => self.heard_of_listed(queries, memory, mask, listed),
        };
        if let Some(watched) = &mask.watched {
            watched.borrow_mut().push(weights.shallow_clone());
        }
        (heard, weights)
    }

    /// Over all agents: M is the agents of the memory.
    fn heard_of_all(&self, queries: &Queries, memory: &Memory, mask: &Mask) -> (Tensor, Tensor) {
        let layer = self.layer;
        let size = queries.query.size();
        let (batch, receivers) = (size[0], size[1]);
        let senders = memory.key.size()[1];

        let query = layer.by_head(&queries.query); // (B H, receivers, d)
        let key = layer.by_head(&memory.key); // (B H, senders, d)
        let value = layer.by_head(&memory.value);
        let scores =
            query
                .bmm(&key.transpose(-2, -1))
                .view([batch, layer.heads, receivers, senders]);
        // (B, H, 1, senders)
        let relation = (memory.relation.as_ref()).map(|x| x.transpose(1, 2).unsqueeze(-2));
        let weights = weigh(scores, queries, relation, mask);
        let heard = weights
            .view([batch * layer.heads, receivers, senders])
            .bmm(&value); // (B H, receivers, d)
        (layer.join_heads(&heard), weights)
    }

    /// Over the places of the receivers' lists.
    fn heard_of_listed(
        &self,
        queries: &Queries,
        memory: &Memory,
        mask: &Mask,
        listed: &Listed,
    ) -> (Tensor, Tensor) {
        // Each receiver's own few senders, (B, receivers, K, H, d). Products with so few rows are
        // faster element by element than as matrices: with their backward pass three times, on a CPU.
        let apart = |x: &Tensor| {
            let mut size = x.size();
            size.extend([self.layer.heads, self.layer.width / self.layer.heads]);
            size.remove(x.dim() - 1);
            x.reshape(size)
        };
        let sum = |x: Tensor, over: i64| x.sum_dim_intlist([over].as_slice(), false, Kind::Float);
        let query = apart(&queries.query.unsqueeze(2)); // (B, receivers, 1, H, d)
        let (key, value) = (&memory.key, &memory.value);
        let scores = sum(query * apart(&listed.gather(key)), -1); // (B, receivers, K, H)
        let by_head = |x: Tensor| x.permute([0, 3, 1, 2]); // (B, H, receivers, K)
        let relation = (memory.relation.as_ref()).map(|x| by_head(listed.gather(x)));
        let weights = weigh(by_head(scores), queries, relation, mask);
        let of_each = weights.permute([0, 2, 3, 1]).unsqueeze(-1); // (B, receivers, K, H, 1)
        let heard = sum(of_each * apart(&listed.gather(value)), 2); // (B, receivers, H, d)
        (heard.reshape(queries.query.size()), weights)
    }
}

/// The weights (B, H, receivers, M) from the products of queries and keys, of the same shape;
/// `relation` is the senders' side of the relation terms, (B, H, 1 or receivers, M).
fn weigh(scores: Tensor, queries: &Queries, relation: Option<Tensor>, mask: &Mask) -> Tensor {
    // New tensors at each step, and none changed in place: the backward pass needs the old ones.
    let scores = match (&mask.absent, &queries.relation, relation) {
        (Some(absent), Some(receiver), Some(sender)) => {
            let receiver = receiver.transpose(1, 2).unsqueeze(-1); // (B, H, receivers, 1)
            scores + absent * (receiver + sender)
        }
        _ => scores,
    };
    let weights = (scores + &mask.bias).softmax(-1, Kind::Float);
    match &mask.product {
        Some(product) => weights * product,
        None => weights,
    }
}

impl Attention {
    /// (B, M, E) -> (B H, M, d).
    fn by_head(&self, x: &Tensor) -> Tensor {
        if self.heads == 1 {
            return x.shallow_clone();
        }
        let size = x.size();
        let (batch, rows) = (size[0], size[1]);
        x.reshape([batch, rows, self.heads, -1])
            .transpose(1, 2)
            .reshape([batch * self.heads, rows, -1])
    }

    /// Each head's part of `value` (B, M, E) times that head's number in `weights` (B, H, M).
    fn weighted(&self, weights: &Tensor, value: &Tensor) -> Tensor {
        let size = value.size();
        let apart = value.reshape([size[0], size[1], self.heads, -1]);
        (weights.transpose(1, 2).unsqueeze(-1) * apart).reshape(size)
    }

    /// (B H, M, d) -> (B, M, E).
    fn join_heads(&self, x: &Tensor) -> Tensor {
        if self.heads == 1 {
            return x.shallow_clone();
        }
        let rows = x.size()[1];
        x.view([-1, self.heads, rows, self.width / self.heads])
            .transpose(1, 2)
            .reshape([-1, rows, self.width])
    }
}
