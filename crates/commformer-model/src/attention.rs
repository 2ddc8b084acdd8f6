//! Relation-enhanced attention over the communication graph (ICLR 2024 paper, equation 5).
//!
//! With e the edge that a score reads (0 absent, 1 present) and rq\[e\], rk\[e\] the projected edge
//! embeddings, the score of receiver i and sender j is, per head,
//!
//! ```text
//! score(i, j) = scale * (q_i + rq[e]) . (k_j + rk[e])
//! ```
//!
//! Since e has two values, no tensor over pairs *and* embedding widths is needed. The present
//! edge's terms go into the biases of the projections, q' = q + rq\[1\] and k' = k + rk\[1\], and with
//! dq = rq\[0\] - rq\[1\], dk = rk\[0\] - rk\[1\],
//!
//! ```text
//! score(i, j) = scale * ( q'_i . k'_j + [edge absent] * (q'_i . dk + dq . k'_j + dq . dk) )
//! ```
//!
//! The two scalars q'_i . dk + dq . dk and dq . k'_j are linear in the layer's input, so they are two
//! more rows per head of the packed projection. The largest tensor of a forward or backward pass
//! holds B * N * (3 E + 2 H) numbers, and those over pairs hold B * H * N * N; or, where each receiver
//! has a list of K senders ([`crate::listed`]), B * H * N * K, with keys and values of B * N * K * E.

use tch::{Kind, Tensor};

use crate::ModelError;
use crate::config::PolicyConfig;
use crate::layers::Linear;
use crate::listed::Listed;
use crate::mask::Mask;
use crate::parameters::{Builder, Init, Packing, Part};

/// One attention layer.
#[derive(Debug)]
pub(crate) struct Attention {
    /// Query, key and value, one below the other: weight (3 E, E).
    pub(crate) projection: Linear,
    /// Relation query and relation key: weight (2 E, E).
    pub(crate) relation: Linear,
    pub(crate) output: Linear,
    pub(crate) heads: i64,
    pub(crate) width: i64,
    pub(crate) scale: f64,
    pub(crate) uses_relation: bool,
}

/// A layer's projections with the edge embedding and the scale folded in. It depends on parameters
/// only, so one serves a whole pass.
#[derive(Debug)]
pub(crate) struct Projections<'a> {
    layer: &'a Attention,
    /// (3 E + 2 H, E): query rows and each head's relation scalar for receivers; then key rows,
    /// value rows and each head's relation scalar for senders. Without relation terms (3 E, E).
    weight: Tensor,
    /// One number for each row of `weight`.
    bias: Tensor,
}

/// The receivers' side of the scores.
#[derive(Debug)]
pub(crate) struct Queries {
    /// (B, receivers, E)
    query: Tensor,
    /// (B, receivers, H)
    relation: Option<Tensor>,
}

/// The senders' side: (B, senders, E), (B, senders, E) and (B, senders, H).
#[derive(Debug)]
pub(crate) struct Memory {
    pub(crate) key: Tensor,
    pub(crate) value: Tensor,
    pub(crate) relation: Option<Tensor>,
}

impl Attention {
    pub(crate) fn new(
        builder: &mut Builder,
        name: &str,
        config: &PolicyConfig,
    ) -> Result<Self, ModelError> {
        let width = config.embed_dim;
        let mut packed = |leaf: &str, layers: &[&str]| -> Result<Linear, ModelError> {
            let parts = |what: &str, shape: &[usize], init: Init| -> Vec<Part> {
                let part = |layer| Part::new(format!("{name}.{layer}.{what}"), shape, init);
                layers.iter().map(part).collect()
            };
            let weights = parts("weight", &[width, width], Init::SMALL);
            let biases = parts("bias", &[width], Init::Zeros);
            Ok(Linear {
                weight: builder.packed(
                    &format!("{name}.{leaf}.weight"),
                    Packing::Rows,
                    &weights,
                )?,
                bias: builder.packed(&format!("{name}.{leaf}.bias"), Packing::Rows, &biases)?,
                precision: config.precision,
            })
        };
        Ok(Self {
            projection: packed("projection", &["query", "key", "value"])?,
            relation: packed("relation", &["relation_query", "relation_key"])?,
            output: Linear::new(
                builder,
                &format!("{name}.output"),
                width,
                width,
                Init::SMALL,
            )?,
            heads: config.heads as i64,
            width: width as i64,
            scale: config.scale(),
            uses_relation: config.relation,
        })
    }

    /// Folds `edge_embedding` (2, E) and the scale into the projections.
    pub(crate) fn project(&self, edge_embedding: &Tensor) -> Projections<'_> {
        let (heads, width) = (self.heads, self.width);
        let weight = self
            .projection
            .weight
            .split_with_sizes([width, 2 * width], 0);
        let bias = self.projection.bias.split_with_sizes([width, 2 * width], 0);
        if !self.uses_relation {
            return Projections {
                layer: self,
                weight: Tensor::cat(&[&(&weight[0] * self.scale), &weight[1]], 0),
                bias: Tensor::cat(&[&(&bias[0] * self.scale), &bias[1]], 0),
            };
        }
        // (2, 2 E): absent and present edges, each with its relation query and relation key.
        let Linear {
            weight: w, bias: b, ..
        } = &self.relation;
        let relation = edge_embedding.linear(w, Some(b)); // parameters alone: rounding gains nothing
        let present = relation.select(0, 1);
        let difference = relation.select(0, 0) - &present;
        let present = present.split(width, 0);
        let difference = difference.split(width, 0);

        let query_weight = &weight[0] * self.scale;
        let query_bias = (&bias[0] + &present[0]) * self.scale;
        let query_difference = (&difference[0] * self.scale).view([heads, 1, -1]);
        let key_difference = difference[1].view([heads, 1, -1]);
        let key_bias = bias[1].narrow(0, 0, width) + &present[1];
        let key_weight = weight[1].narrow(0, 0, width);

        // Each head's scalar is a row: dk . (W x + b) + dq . dk over the head's own columns.
        let row = |difference: &Tensor, weight: &Tensor| {
            difference
                .bmm(&weight.view([heads, -1, width]))
                .view([heads, width])
        };
        let dot = |difference: &Tensor, bias: &Tensor| {
            (difference.view([heads, -1]) * bias.view([heads, -1])).sum_dim_intlist(
                [-1i64].as_slice(),
                false,
                Kind::Float,
            )
        };
        let query_row = row(&key_difference, &query_weight);
        let query_shift = query_bias.view([heads, 1, -1]) + &query_difference;
        let query_dot = dot(&key_difference, &query_shift);
        let key_row = row(&query_difference, &key_weight);
        let key_dot = dot(&query_difference, &key_bias);
        let value_bias = bias[1].narrow(0, width, width);
        Projections {
            layer: self,
            weight: Tensor::cat(&[&query_weight, &query_row, &weight[1], &key_row], 0),
            bias: Tensor::cat(&[query_bias, query_dot, key_bias, value_bias, key_dot], 0),
        }
    }
}

impl Projections<'_> {
    /// Attention of `x` over itself: (B, N, E) -> (B, N, E).
    pub(crate) fn over_itself(&self, x: &Tensor, mask: &Mask) -> Tensor {
        let (queries, memory) = self.both(x);
        self.attend(&queries, &memory, mask)
    }

    /// Queries and memory of the same input, in one product.
    pub(crate) fn both(&self, x: &Tensor) -> (Queries, Memory) {
        self.split(&self.packed(x))
    }

    /// Attention over itself of an input whose rows are rows of `table` (M, E), named by
    /// `rows` (B, N): only the table is projected, and its projections looked up.
    pub(crate) fn over_table(&self, table: &Tensor, rows: &Tensor, mask: &Mask) -> Tensor {
        let projected = Tensor::embedding(&self.packed(table), rows, -1, false, false);
        let (queries, memory) = self.split(&projected);
        self.attend(&queries, &memory, mask)
    }

    /// Every projection of `x` side by side: (.., E) -> (.., 3 E + 2 H).
    fn packed(&self, x: &Tensor) -> Tensor {
        self.product(x, &self.weight, &self.bias)
    }

    fn product(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        self.layer.projection.precision.linear(x, weight, bias)
    }

    /// Takes the packed projections apart.
    fn split(&self, packed: &Tensor) -> (Queries, Memory) {
        let queries = self.query_sizes();
        let sizes = [queries.clone(), self.memory_sizes()].concat();
        // Splitting, rather than narrowing, joins the gradients in one copy.
        let mut parts = packed.split_with_sizes(sizes, -1);
        let rest = parts.split_off(queries.len());
        (Queries::new(parts), Memory::new(rest))
    }

    /// The receivers' side of `x` (B, receivers, E).
    pub(crate) fn queries(&self, x: &Tensor) -> Queries {
        let sizes = self.query_sizes();
        let rows = |x: &Tensor| x.narrow(0, 0, sizes.iter().sum());
        let projected = self.product(x, &rows(&self.weight), &rows(&self.bias));
        Queries::new(projected.split_with_sizes(sizes, -1))
    }

    /// The senders' side of `x` (B, senders, E).
    pub(crate) fn memory(&self, x: &Tensor) -> Memory {
        let sizes = self.memory_sizes();
        let start: i64 = self.query_sizes().iter().sum();
        let rows = |x: &Tensor| x.narrow(0, start, sizes.iter().sum());
        let projected = self.product(x, &rows(&self.weight), &rows(&self.bias));
        Memory::new(projected.split_with_sizes(sizes, -1))
    }

    fn query_sizes(&self) -> Vec<i64> {
        self.with_relation(&[self.layer.width])
    }

    fn memory_sizes(&self) -> Vec<i64> {
        self.with_relation(&[self.layer.width, self.layer.width])
    }

    fn with_relation(&self, sizes: &[i64]) -> Vec<i64> {
        let relation = self.layer.uses_relation.then_some(self.layer.heads);
        sizes.iter().copied().chain(relation).collect()
    }

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
        match &mask.listed {
            None => self.heard_of_all(queries, memory, mask),
            Some(listed) => self.heard_of_listed(queries, memory, mask, listed),
        }
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

impl Queries {
    /// From the split projection: query, and with relation terms their scalars.
    fn new(parts: Vec<Tensor>) -> Self {
        let mut parts = parts.into_iter();
        Self {
            query: parts.next().unwrap_or_default(),
            relation: parts.next(),
        }
    }

    /// Receiver `agent` alone.
    pub(crate) fn row(&self, agent: i64) -> Self {
        Self {
            query: self.query.narrow(1, agent, 1),
            relation: self.relation.as_ref().map(|x| x.narrow(1, agent, 1)),
        }
    }
}

impl Memory {
    /// From the split projection: key, value, and with relation terms their scalars.
    fn new(parts: Vec<Tensor>) -> Self {
        let mut parts = parts.into_iter();
        Self {
            key: parts.next().unwrap_or_default(),
            value: parts.next().unwrap_or_default(),
            relation: parts.next(),
        }
    }
}
