//! The decoder: representations and the previous agents' actions to action logits.

use tch::{Kind, Tensor};

use crate::ModelError;
use crate::attention::{Attention, Projections, Queries};
use crate::cache::Cache;
use crate::config::{ActionSpace, PolicyConfig};
use crate::heads::{FoldedHeads, Heads};
use crate::layers::{Linear, Norm, gelu};
use crate::mask::Mask;
use crate::parameters::{Builder, Init};

/// The action embedding, the blocks and the heads.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// (E, A + 1); column 0 is the start token's.
    pub(crate) action_proj: Tensor,
    pub(crate) input_norm: Norm,
    pub(crate) blocks: Vec<Block>,
    pub(crate) heads: Heads,
    /// (A), for continuous actions.
    pub(crate) log_std: Option<Tensor>,
}

/// x = LN(x + self_attention(x, x)); x = LN(rep + cross_attention(rep, x)); x = LN(x + ff2(GELU(ff1 x))).
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) self_attention: Attention,
    pub(crate) self_norm: Norm,
    pub(crate) cross_attention: Attention,
    pub(crate) cross_norm: Norm,
    pub(crate) ff1: Linear,
    pub(crate) ff2: Linear,
    pub(crate) ff_norm: Norm,
}

impl Decoder {
    pub(crate) fn new(builder: &mut Builder, config: &PolicyConfig) -> Result<Self, ModelError> {
        let (width, actions) = (config.embed_dim, config.actions.width());
        let blocks = (0..config.blocks)
            .map(|index| Block::new(builder, &format!("decoder.blocks.{index}"), config))
            .collect::<Result<_, _>>()?;
        let log_std = match config.actions {
            ActionSpace::Discrete(_) => None,
            ActionSpace::Continuous(_) => {
                Some(builder.whole("decoder.log_std", &[actions], Init::Ones)?)
            }
        };
        Ok(Self {
            action_proj: builder.whole(
                "decoder.action_proj.weight",
                &[width, actions + 1],
                Init::ACTIVATED,
            )?,
            input_norm: Norm::new(builder, "decoder.input_norm", width)?,
            blocks,
            heads: Heads::new(builder, config)?,
            log_std,
        })
    }

    /// Does once what depends on parameters only.
    pub(crate) fn ready(&self, edge_embedding: &Tensor) -> ReadyDecoder<'_> {
        let blocks = self.blocks.iter().map(|block| ReadyBlock {
            layers: block,
            self_attention: block.self_attention.project(edge_embedding),
            cross_attention: block.cross_attention.project(edge_embedding),
        });
        ReadyDecoder {
            blocks: blocks.collect(),
            heads: self.heads.fold(),
            action_table: match self.log_std {
                None => Some(self.embed(&self.action_proj.tr())),
                Some(_) => None,
            },
            decoder: self,
        }
    }

    /// The standard deviations 0.5 * sigmoid(log_std) of continuous actions: (A).
    pub(crate) fn std(&self) -> Option<Tensor> {
        self.log_std.as_ref().map(|x| x.sigmoid() * 0.5)
    }

    /// LN(GELU(x)).
    fn embed(&self, projected: &Tensor) -> Tensor {
        self.input_norm.forward(&gelu(projected))
    }
}

impl Block {
    fn new(builder: &mut Builder, name: &str, config: &PolicyConfig) -> Result<Self, ModelError> {
        let width = config.embed_dim;
        let path = |layer: &str| format!("{name}.{layer}");
        Ok(Self {
            self_attention: Attention::new(builder, &path("self_attention"), config)?,
            self_norm: Norm::new(builder, &path("self_norm"), width)?,
            cross_attention: Attention::new(builder, &path("cross_attention"), config)?,
            cross_norm: Norm::new(builder, &path("cross_norm"), width)?,
            ff1: Linear::new(builder, &path("ff1"), width, width, Init::ACTIVATED)?,
            ff2: Linear::new(builder, &path("ff2"), width, width, Init::SMALL)?,
            ff_norm: Norm::new(builder, &path("ff_norm"), width)?,
        })
    }

    /// What follows the self-attention's weighted sum `heard`.
    fn after_self(&self, x: &Tensor, heard: &Tensor) -> Tensor {
        self.self_norm.forward(&(x + heard))
    }

    /// What follows the cross-attention's weighted sum `heard`.
    fn after_cross(&self, representation: &Tensor, heard: &Tensor) -> Tensor {
        let x = self.cross_norm.forward(&(representation + heard));
        let thought = self.ff2.forward(&gelu(&self.ff1.forward(&x)));
        self.ff_norm.forward(&(x + thought))
    }
}

/// A decoder whose parameters are prepared for one or more passes.
#[derive(Debug)]
pub(crate) struct ReadyDecoder<'a> {
    decoder: &'a Decoder,
    blocks: Vec<ReadyBlock<'a>>,
    heads: FoldedHeads,
    /// (A + 1, E): the embedding of the start token and of each discrete action. A one-hot input
    /// has no more than these, so embedding a batch is a look-up.
    action_table: Option<Tensor>,
}

/// One of its blocks.
#[derive(Debug)]
pub(crate) struct ReadyBlock<'a> {
    layers: &'a Block,
    pub(crate) self_attention: Projections<'a>,
    pub(crate) cross_attention: Projections<'a>,
}

impl ReadyBlock<'_> {
    /// What follows the self-attention's weighted sum `heard`.
    pub(crate) fn after_self(&self, x: &Tensor, heard: &Tensor) -> Tensor {
        self.layers.after_self(x, heard)
    }

    /// What follows the cross-attention's weighted sum `heard`.
    pub(crate) fn after_cross(&self, representation: &Tensor, heard: &Tensor) -> Tensor {
        self.layers.after_cross(representation, heard)
    }
}

impl ReadyDecoder<'_> {
    /// All agents at once, given everyone's actions: logits or means (B, N, A). `mask` is causal.
    pub(crate) fn all(&self, representation: &Tensor, actions: &Tensor, mask: &Mask) -> Tensor {
        let agents = actions.size()[1];
        let previous = actions.narrow(1, 0, agents - 1);
        let mut size = actions.size();
        size[1] = 1;
        let first = Tensor::zeros(size, (actions.kind(), actions.device()));
        // The first block's input, and what its self-attention hears.
        let (mut x, mut heard) = match &self.action_table {
            Some(table) => {
                let given = match &mask.passes {
                    Some(passes) => (previous + 1) * passes,
                    None => previous + 1,
                };
                let tokens = Tensor::cat(&[first, given], 1); // (B, N)
                let x = Tensor::embedding(table, &tokens, -1, false, false);
                let attention = &self.blocks[0].self_attention;
                (x, attention.over_table(table, &tokens, mask))
            }
            None => {
                let given = flagged(&previous, mask.passes.as_ref());
                let start = flagged(
                    &first,
                    Some(&first.new_zeros([1, 1], (Kind::Int64, first.device()))),
                );
                let input = Tensor::cat(&[start, given], 1); // (B, N, A + 1)
                let proj = &self.decoder.action_proj;
                let x = self.decoder.embed(&input.linear(proj, None::<Tensor>));
                let heard = self.blocks[0].self_attention.over_itself(&x, mask);
                (x, heard)
            }
        };
        for (index, block) in self.blocks.iter().enumerate() {
            if index > 0 {
                heard = block.self_attention.over_itself(&x, mask);
            }
            let y = block.layers.after_self(&x, &heard);
            let attention = &block.cross_attention;
            let queries = attention.queries(representation);
            let heard = attention.attend(&queries, &attention.memory(&y), mask);
            x = block.layers.after_cross(representation, &heard);
        }
        self.heads.all(&x)
    }

    /// The blocks, in order.
    pub(crate) fn blocks(&self) -> &[ReadyBlock<'_>] {
        &self.blocks
    }

    /// The embeddings (M, E) of inputs: tokens (M) of i64, 0 the start, or the flagged vectors
    /// (M, A + 1) of continuous actions.
    pub(crate) fn embed_given(&self, given: &Tensor) -> Tensor {
        match &self.action_table {
            Some(table) => table.index_select(0, given),
            None => {
                let projected = given.linear(&self.decoder.action_proj, None::<Tensor>);
                self.decoder.embed(&projected)
            }
        }
    }

    /// From what the last block made of agent `agent`, (B, E), to its logits or means, (B, A).
    pub(crate) fn output(&self, x: &Tensor, agent: i64) -> Tensor {
        self.heads.one(x, agent)
    }

    /// Starts decoding agent by agent.
    pub(crate) fn steps<'b>(&'b self, representation: &'b Tensor) -> Steps<'b> {
        let agents = representation.size()[1];
        let caches = self.blocks.iter().map(|block| BlockCache {
            own: Cache::new(agents),
            cross: Cache::new(agents),
            queries: block.cross_attention.queries(representation),
        });
        Steps {
            decoder: self,
            representation,
            caches: caches.collect(),
        }
    }

    /// The embedding (B, 1, E) of one agent's input: the previous agent's action, (B) or (B, A),
    /// where `passes` (1 or B, 1) lets it through.
    fn embed_one(&self, batch: i64, previous: Option<&Tensor>, passes: Option<&Tensor>) -> Tensor {
        let proj = &self.decoder.action_proj;
        match (&self.action_table, previous) {
            (Some(table), None) => table
                .narrow(0, 0, 1)
                .expand([batch, -1], false)
                .unsqueeze(1),
            (Some(table), Some(action)) => {
                let token = match passes {
                    Some(passes) => (action + 1) * passes.squeeze_dim(-1),
                    None => action + 1,
                };
                table.index_select(0, &token).unsqueeze(1)
            }
            (None, None) => self
                .decoder
                .embed(&proj.narrow(1, 0, 1).tr())
                .expand([batch, -1], false)
                .unsqueeze(1),
            (None, Some(action)) => {
                let input = flagged(&action.unsqueeze(1), passes); // (B, 1, A + 1)
                self.decoder.embed(&input.linear(proj, None::<Tensor>))
            }
        }
    }
}

/// Continuous actions (B, M, A) with the start token's flag in front, (B, M, A + 1); where `passes`
/// (1 or B, M) is 0, the flag alone.
fn flagged(actions: &Tensor, passes: Option<&Tensor>) -> Tensor {
    let given = match passes {
        Some(passes) => passes.unsqueeze(-1).to_kind(actions.kind()),
        None => actions.new_ones([1, 1, 1], (actions.kind(), actions.device())),
    };
    let size = actions.size();
    let start: Tensor = 1.0 - &given;
    let start = start.expand([size[0], size[1], 1], false);
    Tensor::cat(&[start, actions * given], 2)
}

/// Decoding agent by agent: what earlier agents sent is cached, so that an agent costs one row of
/// the decoder. For use without gradients.
#[derive(Debug)]
pub(crate) struct Steps<'a> {
    decoder: &'a ReadyDecoder<'a>,
    representation: &'a Tensor,
    caches: Vec<BlockCache>,
}

#[derive(Debug)]
struct BlockCache {
    own: Cache,
    cross: Cache,
    /// The cross-attention's queries come from the representation, which is there from the start.
    queries: Queries,
}

impl Steps<'_> {
    /// The logits or means (B, A) of agent `agent`, given the action of the agent before it.
    /// Call it for agents 0, 1, 2 and so on; `mask` is causal.
    pub(crate) fn next(&mut self, agent: i64, previous: Option<&Tensor>, mask: &Mask) -> Tensor {
        let mask = mask.row(agent);
        let representation = self.representation.narrow(1, agent, 1);
        let batch = representation.size()[0];
        let mut x = self
            .decoder
            .embed_one(batch, previous, mask.passes.as_ref());
        for (block, cache) in self.decoder.blocks.iter().zip(&mut self.caches) {
            let (queries, memory) = block.self_attention.both(&x);
            let memory = cache.own.push(&memory, &mask);
            let heard = block.self_attention.attend(&queries, &memory, &mask);
            let y = block.layers.after_self(&x, &heard);
            let memory = cache.cross.push(&block.cross_attention.memory(&y), &mask);
            let queries = cache.queries.row(agent);
            let heard = block.cross_attention.attend(&queries, &memory, &mask);
            x = block.layers.after_cross(&representation, &heard);
        }
        self.decoder.heads.one(&x.squeeze_dim(1), agent)
    }
}
