//! CommFormer's network, written once: every pass (training, acting, agents that run alone, explanations) is these
//! functions over [`Ops`], on one backend or another.
//!
//! After the ICLR 2024 paper, section 4.2, and the authors' release. With LN a layer norm:
//!
//! ```text
//! embedding       x = LN(GELU(W LN(obs)))
//! encoder block   x = LN(x + attention(x, x));        x = LN(x + W ReLU(W x))
//! memory          x = LN(x + GRU(x, state))           in a recurrent network
//! value           v = W LN(GELU(W x))
//! decoder block   y = LN(a + attention(a, a));        a = LN(x + attention(x, y));   a = LN(a + W GELU(W a))
//! head            W LN(GELU(W LN(a)))                 one for each agent, or one with one more layer for all
//! ```
//!
//! Of others an attention reads what they say: their features, or a narrow message ([`messages`]).
//!
//! In the decoder, a begins as the embedding of the action of the agent before, LN(GELU(W action)). Where agents decide
//! at once ([`Decoding::Parallel`](crate::Decoding)) there is no decoder, and the head reads x. The Multi-Agent
//! Transformer has a GELU in the place of the ReLU, and a head for all that begins with its layer
//! ([`Design`](crate::Design)).

use commformer_nn::Ops;
use commformer_nn::layers::{Activation, Gru, Linear, Norm};
use commformer_nn::layout::{Layout, Slot};
use commformer_nn::recurrent::{Hidden, unroll};

use crate::config::{ActionSpace, PolicyConfig};

mod decoder;
mod messages;
mod parameters;

pub(crate) use decoder::{Decoder, DecoderBlock, Given};
use messages::MessageAttention;

/// What the names of tensors begin with that no gradient reaches: moments of the observations.
pub(crate) const MOMENTS: &str = "obs.";
pub(crate) const EDGE_EMBEDDING: &str = "graph.edge_embedding";
pub(crate) const EDGE_LOGITS: &str = "graph.edge_logits";

/// The network of a configuration.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    pub config: PolicyConfig,
    pub layout: Layout,
    pub encoder: Encoder,
    pub decoder: Decoder,
    /// (2, E): no edge, edge.
    edge_embedding: Slot,
    /// (N, N)
    #[cfg(feature = "torch")]
    pub edge_logits: Slot,
}

/// The observation embedding, the blocks and the value head.
#[derive(Clone, Debug)]
pub(crate) struct Encoder {
    /// Mean and variance of each feature, and how many observations they are of.
    pub moments: Option<[Slot; 3]>,
    obs_norm: Norm,
    obs_proj: Linear,
    input_norm: Norm,
    /// Of a recurrent network.
    memory: Option<(Gru, Norm)>,
    pub blocks: Vec<EncoderBlock>,
    value_hidden: Linear,
    value_norm: Norm,
    value_out: Linear,
}

#[derive(Clone, Debug)]
pub(crate) struct EncoderBlock {
    attention: MessageAttention,
    attention_norm: Norm,
    /// Under `Closed::Stale`.
    pub stale: Option<Stale>,
    ff1: Linear,
    ff2: Linear,
    ff_norm: Norm,
    activation: Activation,
    dropout: f64,
}

/// Going on with old messages while a gate is closed. The extension of CommFormer is silent on this; the design is
/// ours. When an agent receives, each block computes a weighted sum of the other agents' values. That *digest*, E
/// numbers a block whatever the number of senders, is what it keeps, with its age in steps. While its gate is
/// closed, a small network of both is added where the messages would have been:
///
/// ```text
/// attention(x, x) + W GELU(W digest + w ln(1 + age))
/// ```
///
/// An agent that never received has nothing to add. What is kept carries no gradient back to the step it is from.
#[derive(Clone, Debug)]
pub(crate) struct Stale {
    message: Linear,
    output: Linear,
    age: Linear,
}

/// What agents kept of old messages, as a pass takes it.
pub(crate) struct StaleInputs<V> {
    /// (.., E) for each block.
    pub digests: Vec<V>,
    /// ln(1 + age), (.., 1).
    pub log_age: V,
    /// 1 for who goes by old messages, (.., 1).
    pub used: V,
}

/// A network and the numbers of its leaves.
#[derive(Clone, Copy)]
pub(crate) struct Weights<'a> {
    pub network: &'a Network,
    pub leaves: &'a [&'a [f32]],
}

impl<'a> Weights<'a> {
    /// The parameter of continuous actions' deviations.
    pub fn log_std(self) -> &'a [f32] {
        let slot = self.network.decoder.log_std;
        slot.map_or(&[], |slot| self.leaves[slot.index()])
    }
}

/// What depends on parameters alone.
pub(crate) struct Ready<V> {
    /// The relation terms of each encoder block.
    encoder: Vec<Option<V>>,
    /// Those of each decoder block's two attentions.
    decoder: Vec<[Option<V>; 2]>,
    table: Option<Table<V>>,
}

/// The embedding of the start token and of each action, and what the first block's self-attention projects them to.
/// A discrete action has no more than these A + 1 inputs, so embedding a batch is a look-up.
struct Table<V> {
    embedded: V,
    queries: V,
    memory: V,
}

impl Network {
    #[cfg(feature = "torch")]
    /// The slots of the lower level's parameters, in a fixed order: every trained leaf but the edge logits. Without
    /// relation terms, the leaves that only those read are not trained.
    pub fn trained(&self) -> impl Iterator<Item = usize> {
        let relation = self.config.relation;
        let leaves = self.layout.leaves().iter().enumerate();
        leaves.filter_map(move |(slot, leaf)| {
            let related = leaf.name == EDGE_EMBEDDING || leaf.name.contains(".relation.");
            let trained = leaf.name != EDGE_LOGITS && !leaf.name.starts_with(MOMENTS);
            (trained && (relation || !related)).then_some(slot)
        })
    }

    /// Does once what depends on parameters alone.
    pub fn ready<O: Ops>(&self, ops: &mut O, decodes: bool) -> Ready<O::Value> {
        let width = self.config.embed_dim;
        let edges = (self.config.relation).then(|| ops.leaf(self.edge_embedding, [2, width]));
        let terms = |ops: &mut O, layer: &MessageAttention| {
            let (edges, relation) = (edges.as_ref()?, layer.attention.relation?);
            Some(ops.linear(&relation, edges))
        };
        let blocks = self.encoder.blocks.iter();
        let encoder = blocks.map(|block| terms(ops, &block.attention)).collect();
        if !decodes {
            return Ready {
                encoder,
                decoder: Vec::new(),
                table: None,
            };
        }
        let decoder = (self.decoder.blocks.iter())
            .map(|block| [&block.self_attention, &block.cross_attention].map(|of| terms(ops, of)))
            .collect();
        let table = match (self.config.actions, self.decoder.blocks.first()) {
            (ActionSpace::Discrete(actions), Some(block)) => {
                let one_hot = ops.identity(actions + 1);
                let embedded = self.decoder.embed(ops, &one_hot);
                let layer = &block.self_attention;
                let said = layer.say(ops, &embedded);
                Some(Table {
                    memory: layer.memory(ops, &said),
                    queries: layer.queries(ops, &embedded),
                    embedded,
                })
            }
            _ => None,
        };
        Ready {
            encoder,
            decoder,
            table,
        }
    }

    /// Embeddings of agents' own observations, and what agents remember after the last step. A recurrent network goes on
    /// from `hidden`; observations of several steps are one step after the other.
    pub fn embed<O: Ops>(
        &self,
        ops: &mut O,
        obs: &O::Value,
        hidden: Option<Hidden<O::Value>>,
    ) -> (O::Value, Option<O::Value>) {
        let encoder = &self.encoder;
        let moments = encoder.moments.map(|[mean, variance, _]| [mean, variance]);
        let (norm, layer) = (&encoder.obs_norm, &encoder.obs_proj);
        let x = ops.observe(moments, norm, layer, Activation::Gelu, obs);
        let x = ops.norm(&encoder.input_norm, &x, None);
        match (&encoder.memory, hidden) {
            (Some((cell, norm)), Some(hidden)) => {
                let (states, last) = unroll(ops, cell, &x, hidden);
                (ops.norm(norm, &x, Some(&states)), Some(last))
            }
            _ => (x, None),
        }
    }

    /// Embeddings to representations, and what each block heard of others where agents keep that.
    pub fn encode<O: Ops>(
        &self,
        ops: &mut O,
        ready: &Ready<O::Value>,
        embedding: &O::Value,
        links: &O::Links,
        stale: Option<&StaleInputs<O::Value>>,
    ) -> (O::Value, Vec<O::Value>) {
        let mut x = ops.same(embedding);
        let mut others = Vec::new();
        for index in 0..self.encoder.blocks.len() {
            let said = self.say(ops, index, &x);
            let (next, of_others) = self.encode_block(ops, ready, index, [&x, &said], links, stale);
            others.extend(of_others);
            x = next;
        }
        (x, others)
    }

    /// What agents say before a block of the encoder: rows of [`PolicyConfig::message_width`].
    pub fn say<O: Ops>(&self, ops: &mut O, index: usize, x: &O::Value) -> O::Value {
        self.encoder.blocks[index].attention.say(ops, x)
    }

    /// One block: `x` are the receivers' rows, `said` what all say that can be heard.
    pub fn encode_block<O: Ops>(
        &self,
        ops: &mut O,
        ready: &Ready<O::Value>,
        index: usize,
        [x, said]: [&O::Value; 2],
        links: &O::Links,
        stale: Option<&StaleInputs<O::Value>>,
    ) -> (O::Value, Option<O::Value>) {
        let block = &self.encoder.blocks[index];
        let (of, terms) = (&block.attention, ready.encoder[index].as_ref());
        let memory = of.memory(ops, said);
        let queries = of.queries(ops, x);
        let layer = &of.attention;
        let heard = ops.attend(layer, terms, &queries, &memory, links, false);
        let others = block.stale.is_some().then(|| ops.of_others(&heard));
        let (norm, share) = (&block.attention_norm, block.dropout);
        let x = match (&block.stale, stale) {
            (Some(layers), Some(stale)) => {
                let heard = ops.linear(&layer.output, &heard);
                let old = layers.forward(ops, stale, index);
                let sum = ops.add(&heard, &old);
                let sum = ops.dropout(share, &sum);
                ops.norm(norm, x, Some(&sum))
            }
            _ => ops.residual(norm, x, &layer.output, &heard, share),
        };
        let hidden = ops.activated(&block.ff1, block.activation, &x);
        let x = ops.residual(&block.ff_norm, &x, &block.ff2, &hidden, share);
        (x, others)
    }

    /// Representations to values, (.., 1).
    pub fn values<O: Ops>(&self, ops: &mut O, representation: &O::Value) -> O::Value {
        let encoder = &self.encoder;
        let hidden = ops.activated(&encoder.value_hidden, Activation::Gelu, representation);
        let normed = ops.norm(&encoder.value_norm, &hidden, None);
        ops.exact_linear(&encoder.value_out, &normed)
    }
}

impl Stale {
    /// What block `index` adds for the agents that go by old messages.
    fn forward<O: Ops>(
        &self,
        ops: &mut O,
        stale: &StaleInputs<O::Value>,
        index: usize,
    ) -> O::Value {
        let message = ops.linear(&self.message, &stale.digests[index]);
        let age = ops.linear(&self.age, &stale.log_age);
        let sum = ops.add(&message, &age);
        let hidden = ops.activate(Activation::Gelu, &sum);
        let old = ops.linear(&self.output, &hidden);
        ops.scale_rows(&old, &stale.used)
    }
}
