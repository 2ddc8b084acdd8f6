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

mod hearing;

use crate::ModelError;
use crate::config::PolicyConfig;
use crate::layers::Linear;
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
