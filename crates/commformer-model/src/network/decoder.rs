//! The decoder and the heads.

use commformer_nn::Ops;
use commformer_nn::layers::{Activation, Linear, Norm};
use commformer_nn::layout::Slot;

use super::{MessageAttention, Network, Ready};

/// The action embedding, the blocks (none where agents decide at once) and the heads.
#[derive(Clone, Debug)]
pub(crate) struct Decoder {
    /// The embedding of what agents are given.
    pub(super) given: Option<(Linear, Norm)>,
    pub blocks: Vec<DecoderBlock>,
    /// A norm, if the stage has one, and a layer.
    pub(super) head: Vec<(Option<Norm>, Linear)>,
    /// (A), for continuous actions.
    pub log_std: Option<Slot>,
}

#[derive(Clone, Debug)]
pub(crate) struct DecoderBlock {
    pub(super) self_attention: MessageAttention,
    pub(super) self_norm: Norm,
    pub(super) cross_attention: MessageAttention,
    pub(super) cross_norm: Norm,
    pub(super) ff1: Linear,
    pub(super) ff2: Linear,
    pub(super) ff_norm: Norm,
}

/// What the decoder is given: rows of the table, vectors (.., A + 1) that begin with 1 for the start and else
/// with 0, before the action, or nothing.
pub(crate) enum Given<V, I> {
    Tokens(I),
    Vectors(V),
    /// Agents decide at once.
    Nothing,
}

/// The same of a backend.
pub(crate) type GivenOf<O> = Given<<O as Ops>::Value, <O as Ops>::Index>;

/// Puts what agents sent below an agent's own rows; without messages it is the identity.
pub(crate) type Share<'a, O> = &'a mut dyn FnMut(&mut O, &<O as Ops>::Value) -> <O as Ops>::Value;

impl Network {
    /// Representations and what agents are given to logits or means, (.., A). During turns the rows are those of the
    /// agent whose turn it is.
    ///
    /// `own` is for the receivers and `all` for all that can be heard, if those are others; `causal` where the links
    /// do not say already that an agent hears only those before it. Where agents decide at once, nothing but the
    /// representation is read.
    pub fn decode<O: Ops>(
        &self,
        ops: &mut O,
        ready: &Ready<O::Value>,
        (own, all): (&GivenOf<O>, Option<&GivenOf<O>>),
        representation: &O::Value,
        (links, causal): (&O::Links, bool),
        share: Share<'_, O>,
    ) -> O::Value {
        let mut x = match (own, &ready.table) {
            (Given::Nothing, _) => return self.head(ops, representation),
            (Given::Tokens(tokens), Some(table)) => ops.look_up(&table.embedded, tokens),
            (Given::Vectors(vectors), _) => self.decoder.embed(ops, vectors),
            (Given::Tokens(_), None) => unreachable!("tokens are of discrete actions"),
        };
        for (index, block) in self.decoder.blocks.iter().enumerate() {
            let [own_terms, cross_terms] = &ready.decoder[index];
            let of = &block.self_attention;
            let [memory_of_all, queries] = match (index, own, all.unwrap_or(own), &ready.table) {
                (0, Given::Tokens(own), Given::Tokens(all), Some(table)) => [
                    ops.look_up(&table.memory, all),
                    ops.look_up(&table.queries, own),
                ],
                (0, _, Given::Vectors(vectors), _) if all.is_some() => {
                    let all = self.decoder.embed(ops, vectors);
                    let said = of.say(ops, &all);
                    [of.memory(ops, &said), of.queries(ops, &x)]
                }
                _ => {
                    let mut said = of.say(ops, &x);
                    if index > 0 {
                        said = share(ops, &said);
                    }
                    [of.memory(ops, &said), of.queries(ops, &x)]
                }
            };
            let memory_of_all = ops.remember(2 * index, &memory_of_all);
            let terms = own_terms.as_ref();
            let layer = &of.attention;
            let heard = ops.attend(layer, terms, &queries, &memory_of_all, links, causal);
            let y = ops.residual(&block.self_norm, &x, &layer.output, &heard, 0.0);

            let of = &block.cross_attention;
            let said = of.say(ops, &y);
            let said = share(ops, &said);
            let memory_of_all = of.memory(ops, &said);
            let memory_of_all = ops.remember(2 * index + 1, &memory_of_all);
            let asked = of.queries(ops, representation);
            let (layer, terms) = (&of.attention, cross_terms.as_ref());
            let heard = ops.attend(layer, terms, &asked, &memory_of_all, links, causal);
            let y = ops.residual(
                &block.cross_norm,
                representation,
                &layer.output,
                &heard,
                0.0,
            );
            let hidden = ops.activated(&block.ff1, Activation::Gelu, &y);
            x = ops.residual(&block.ff_norm, &y, &block.ff2, &hidden, 0.0);
        }
        self.head(ops, &x)
    }

    /// Logits or means, (.., A).
    pub fn head<O: Ops>(&self, ops: &mut O, x: &O::Value) -> O::Value {
        let mut x = ops.same(x);
        let stages = self.decoder.head.len();
        for (stage, (norm, linear)) in self.decoder.head.iter().enumerate() {
            if let Some(norm) = norm {
                x = ops.norm(norm, &x, None);
            }
            x = match stage + 1 == stages {
                true => ops.exact_linear(linear, &x),
                false => ops.activated(linear, Activation::Gelu, &x),
            };
        }
        x
    }

    #[cfg(feature = "torch")]
    /// The widths of what agents remember of each other during turns.
    pub fn memories(&self) -> impl Iterator<Item = usize> {
        let width = 2 * self.config.embed_dim;
        std::iter::repeat_n(width, 2 * self.decoder.blocks.len())
    }
}

impl Decoder {
    /// LN(GELU(W x)) of what agents are given, (.., A + 1).
    pub(super) fn embed<O: Ops>(&self, ops: &mut O, given: &O::Value) -> O::Value {
        let Some((layer, norm)) = &self.given else {
            return ops.same(given);
        };
        let x = ops.activated(layer, Activation::Gelu, given);
        ops.norm(norm, &x, None)
    }
}
