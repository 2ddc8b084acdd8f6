//! Attention over messages: what a sender says, and what receivers make of it.

use commformer_nn::Ops;
use commformer_nn::layers::{Activation, Attention, Linear};
use commformer_nn::layout::{Init, Layout};
use commformer_nn::levels::Levels;

use crate::config::PolicyConfig;

/// An attention whose senders are other agents. With x the features of a sender, E numbers, it says
///
/// ```text
/// m = x                       as in the paper, or
/// m = tanh(W x)               where messages are narrow: M numbers, rounded to their bits where they have few
/// ```
///
/// and receivers make a key and a value of it, both of full width. The narrow message is that of SLIM (Canesse et al.,
/// arXiv 2605.21085): what agents say is apart from how wide they think.
#[derive(Clone, Debug)]
pub(crate) struct MessageAttention {
    pub attention: Attention,
    narrow: Option<Narrow>,
}

#[derive(Clone, Debug)]
struct Narrow {
    /// W: weight (M, E).
    message: Linear,
    /// What m is rounded to.
    levels: Option<Levels>,
    /// Key and value, one below the other: weight (2 E, M).
    received: Linear,
}

impl MessageAttention {
    pub fn new(layout: &mut Layout, name: &str, config: &PolicyConfig) -> Self {
        let (width, heads) = (config.embed_dim, config.heads);
        let mut attention = |projections: &[&str]| {
            let (relation, scale) = (config.relation, config.scale());
            Attention::new(layout, name, projections, width, heads, relation, scale)
        };
        let Some(message) = config.message else {
            return Self {
                attention: attention(&["query", "key", "value"]),
                narrow: None,
            };
        };
        let attention = attention(&["query"]);
        let (said, init) = (format!("{name}.message"), Init::Orthogonal(1.0));
        let (parts, size) = (["key", "value"], [message, width]);
        Self {
            attention,
            narrow: Some(Narrow {
                message: Linear::new(layout, &said, [width, message], init),
                levels: config.levels(),
                received: Linear::packed(layout, name, "received", &parts, size, Init::SMALL),
            }),
        }
    }

    /// Features of receivers to queries.
    pub fn queries<O: Ops>(&self, ops: &mut O, x: &O::Value) -> O::Value {
        let layer = &self.attention;
        ops.linear_part(&layer.projection, 0..layer.width(), Activation::Identity, x)
    }

    /// Features of senders to what they say.
    pub fn say<O: Ops>(&self, ops: &mut O, x: &O::Value) -> O::Value {
        match &self.narrow {
            None => ops.same(x),
            Some(narrow) => ops.message(&narrow.message, narrow.levels, x),
        }
    }

    /// What senders said to keys and values.
    pub fn memory<O: Ops>(&self, ops: &mut O, said: &O::Value) -> O::Value {
        let (layer, width) = (&self.attention, self.attention.width());
        match &self.narrow {
            None => ops.linear_part(
                &layer.projection,
                width..3 * width,
                Activation::Identity,
                said,
            ),
            Some(narrow) => ops.linear(&narrow.received, said),
        }
    }
}
