//! The communication graph as the attentions use it.

use tch::{Kind, Tensor};

use crate::config::{Closed, PolicyConfig, PreviousAction, RelationOrder, SelfLoop};
use crate::graph;

/// What the attentions of one pass need to know about the graph, computed once for all of them.
#[derive(Debug)]
pub(crate) struct Mask {
    /// (1 or B, 1, N, N): 0 where j is heard by i, minus infinity elsewhere.
    pub(crate) bias: Tensor,
    /// (1 or B, 1, N, N): 1 where the edge that the score (i, j) reads is absent. None without
    /// relation terms.
    pub(crate) absent: Option<Tensor>,
    /// (1 or B, 1, N, N): what multiplies the weights after the softmax. None where that is 1.
    pub(crate) product: Option<Tensor>,
    /// (1 or B, N - 1), i64: 1 where agent i + 1 is given the action of agent i. None where it
    /// always is.
    pub(crate) passes: Option<Tensor>,
    /// (1 or B, N, 1): 1 where an agent hears some other. None unless agents keep what they heard.
    pub(crate) listens: Option<Tensor>,
}

impl Mask {
    /// `graph` (1 or B, N, N) of 0 and 1, `gate` (B, N) or (B, N, N); hard or straight-through.
    pub(crate) fn new(graph: &Tensor, gate: Option<&Tensor>, config: &PolicyConfig) -> Self {
        let agents = graph.size().last().copied().unwrap_or(0);
        let own = Tensor::eye(agents, (Kind::Float, graph.device()));
        let graph = &match gate {
            Some(gate) => graph::gated(graph, gate),
            None => graph.shallow_clone(),
        };
        let (bias, absent, passes, listens) = tch::no_grad(|| {
            let present = graph.detach().gt(0.5).unsqueeze(1); // (1 or B, 1, N, N)
            let passes = match config.previous_action {
                PreviousAction::Always => None,
                PreviousAction::Heard => {
                    let before = present.squeeze_dim(1).diagonal(-1, -2, -1);
                    Some(before.to_kind(Kind::Int64))
                }
            };
            let listens = match config.closed {
                Closed::Silence => None,
                Closed::Stale => {
                    let others = present.logical_and(&own.le(0.5)).squeeze_dim(1);
                    Some(others.any_dim(-1, true).to_kind(Kind::Float))
                }
            };
            let unheard = present.logical_or(&own.gt(0.5)).logical_not();
            let bias = unheard
                .zeros_like()
                .to_kind(Kind::Float)
                .masked_fill(&unheard, f64::NEG_INFINITY);
            let read = match config.relation_order {
                RelationOrder::ReceiverSender => present,
                RelationOrder::SenderReceiver => present.transpose(-2, -1),
            };
            let absent = config
                .relation
                .then(|| read.logical_not().to_kind(Kind::Float));
            (bias, absent, passes, listens)
        });
        // A kept edge has the value 1, so without a gradient the product changes nothing.
        let product = match config.self_loop {
            SelfLoop::Keep if graph.requires_grad() => {
                Some(graph * (1.0 - &own) + &own) // the diagonal is 1 and has no gradient
            }
            SelfLoop::Keep => None,
            SelfLoop::Add => Some(graph + &own),
        };
        Self {
            bias,
            absent,
            product: product.map(|product| product.unsqueeze(1)),
            passes,
            listens,
        }
    }

    /// The same, with no agent given the action of the one before it.
    pub(crate) fn without_actions(self) -> Self {
        let agents = self.bias.size().last().copied().unwrap_or(1);
        let passes = Tensor::zeros([1, agents - 1], (Kind::Int64, self.bias.device()));
        Self {
            passes: Some(passes),
            ..self
        }
    }

    /// The same graph for the decoder, where agent i hears only agents j <= i.
    pub(crate) fn causal(&self) -> Self {
        let agents = self.bias.size().last().copied().unwrap_or(0);
        let future = self
            .bias
            .new_ones([agents, agents], (Kind::Bool, self.bias.device()));
        let future = future.triu(1);
        Self {
            bias: self.bias.masked_fill(&future, f64::NEG_INFINITY),
            absent: self.absent.as_ref().map(Tensor::shallow_clone),
            product: self.product.as_ref().map(Tensor::shallow_clone),
            passes: self.passes.as_ref().map(Tensor::shallow_clone),
            listens: self.listens.as_ref().map(Tensor::shallow_clone),
        }
    }

    /// Receiver `agent` alone, with the senders up to itself.
    pub(crate) fn row(&self, agent: i64) -> Self {
        let cut = |x: &Tensor| x.narrow(-2, agent, 1).narrow(-1, 0, agent + 1);
        Self {
            bias: cut(&self.bias),
            absent: self.absent.as_ref().map(cut),
            product: self.product.as_ref().map(cut),
            passes: match agent {
                0 => None, // nobody comes before it
                _ => (self.passes.as_ref()).map(|passes| passes.narrow(-1, agent - 1, 1)),
            },
            listens: None,
        }
    }
}
