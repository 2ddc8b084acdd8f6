//! The communication graph as the attentions use it.

use std::cell::RefCell;
use std::rc::Rc;

use tch::{Kind, Tensor};

use crate::config::{Closed, PolicyConfig, PreviousAction, RelationOrder, SelfLoop};
use crate::graph;
use crate::input::Input;
use crate::listed::{self, Listed};

/// What the attentions of one pass need to know about the graph, computed once for all of them.
///
/// A receiver's scores are over M places: over all N agents in their order, or, with `listed`,
/// over the K places of its list.
#[derive(Debug)]
pub(crate) struct Mask {
    /// (1 or B, 1, N, M): 0 where j is heard by i, minus infinity elsewhere.
    pub(crate) bias: Tensor,
    /// (1 or B, 1, N, M): 1 where the edge that the score (i, j) reads is absent. None without
    /// relation terms.
    pub(crate) absent: Option<Tensor>,
    /// (1 or B, 1, N, M): what multiplies the weights after the softmax. None where that is 1.
    pub(crate) product: Option<Tensor>,
    /// (1 or B, N - 1), i64: 1 where agent i + 1 is given the action of agent i. None where it
    /// always is.
    pub(crate) passes: Option<Tensor>,
    /// (1 or B, N, 1): 1 where an agent hears some other. None unless agents keep what they heard.
    pub(crate) listens: Option<Tensor>,
    /// Who is in which place. None: all agents, in their order.
    pub(crate) listed: Option<Listed>,
    /// Where attentions leave the weights that they give, (B, H, N, M), one after the other, if somebody
    /// wants to see them.
    pub(crate) watched: Option<Rc<RefCell<Vec<Tensor>>>>,
}

/// A gated graph at the places of a mask.
struct Edges {
    /// (1 or B, N, M): the edge over which the receiver hears the place's agent. It may carry a
    /// gradient.
    edge: Tensor,
    /// (1 or B, N, M), without a gradient: the edge in the other direction. None if no score reads it.
    reverse: Option<Tensor>,
    /// (N, M) or (M): 1 in the place of the receiver itself.
    own: Tensor,
}

impl Edges {
    fn of_all(graph: &Tensor, input: &Input<'_>, reversed: bool) -> Self {
        let agents = graph.size().last().copied().unwrap_or(0);
        let both = (input.active).map(|active| active.unsqueeze(-1) * active.unsqueeze(-2));
        let edge = [input.gate, both.as_ref()].into_iter().flatten();
        let edge = edge.fold(graph.shallow_clone(), |edge, gate| {
            graph::gated(&edge, gate)
        });
        Self {
            reverse: reversed.then(|| edge.detach().transpose(-2, -1)),
            own: Tensor::eye(agents, (Kind::Float, graph.device())),
            edge,
        }
    }

    fn of_listed(listed: &Listed, input: &Input<'_>, reversed: bool) -> Self {
        let (graph, gate) = (input.graph, input.gate);
        let own = listed.own();
        let open = |edge: Tensor, gate: Option<Tensor>| match gate {
            Some(gate) => edge * (gate * (1.0 - &own) + &own), // as in `graph::gated`
            None => edge,
        };
        // The gate of the edge back from an agent is that agent's own: whether it takes part.
        let both = |active: &Tensor| listed.reversed_gates(active) * active.unsqueeze(-1);
        let both = input.active.map(both); // (B, N, K), the same in both directions
        let among = |edge: Tensor| open(edge, both.as_ref().map(Tensor::shallow_clone));
        let edge = open(listed.edges(graph), gate.map(|gate| listed.gates(gate)));
        let edge = among(edge);
        let reverse = reversed.then(|| {
            let (graph, gate) = (graph.detach(), gate.map(Tensor::detach));
            let gate = gate.map(|gate| listed.reversed_gates(&gate));
            among(open(listed.edges(&graph.transpose(-2, -1)), gate))
        });
        Self { edge, reverse, own }
    }
}

impl Mask {
    /// Of the input's graphs, its gates, hard or straight-through, and who takes part.
    pub(crate) fn new(input: &Input<'_>, config: &PolicyConfig) -> Self {
        let reversed = config.relation && config.relation_order == RelationOrder::SenderReceiver;
        let listed = listed::places(input, config).map(|places| Listed::new(input, places));
        let Edges { edge, reverse, own } = match &listed {
            None => Edges::of_all(&input.of_each(input.graph), input, reversed),
            Some(listed) => Edges::of_listed(listed, input, reversed),
        };
        let (bias, absent, listens) = tch::no_grad(|| {
            let present = edge.gt(0.5).unsqueeze(1); // (1 or B, 1, N, M)
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
            let read = match reverse {
                None => present,
                Some(reverse) => reverse.gt(0.5).unsqueeze(1),
            };
            let absent = config
                .relation
                .then(|| read.logical_not().to_kind(Kind::Float));
            (bias, absent, listens)
        });
        // A kept edge has the value 1, so without a gradient the product changes nothing.
        let product = match config.self_loop {
            SelfLoop::Keep if edge.requires_grad() => {
                Some(&edge * (1.0 - &own) + &own) // its own is 1 and has no gradient
            }
            SelfLoop::Keep => None,
            SelfLoop::Add => Some(&edge + &own),
        };
        Self {
            bias,
            absent,
            product: product.map(|product| product.unsqueeze(1)),
            passes: match config.previous_action {
                PreviousAction::Always => input.active.map(both_active),
                PreviousAction::Heard => Some(passes(input)),
            },
            listens,
            listed,
            watched: None,
        }
    }

    /// The same, with no agent given the action of the one before it.
    pub(crate) fn without_actions(self) -> Self {
        let agents = self.bias.size()[2];
        let passes = Tensor::zeros([1, agents - 1], (Kind::Int64, self.bias.device()));
        Self {
            passes: Some(passes),
            ..self
        }
    }

    /// The same graph for the decoder, where agent i hears only agents j <= i.
    pub(crate) fn causal(&self) -> Self {
        let future = match &self.listed {
            Some(listed) => listed.future().unsqueeze(1),
            None => {
                let agents = self.bias.size()[2];
                let options = (Kind::Bool, self.bias.device());
                self.bias.new_ones([agents, agents], options).triu(1)
            }
        };
        Self {
            bias: self.bias.masked_fill(&future, f64::NEG_INFINITY),
            absent: self.absent.as_ref().map(Tensor::shallow_clone),
            product: self.product.as_ref().map(Tensor::shallow_clone),
            passes: self.passes.as_ref().map(Tensor::shallow_clone),
            listens: self.listens.as_ref().map(Tensor::shallow_clone),
            listed: self.listed.as_ref().map(Listed::causal),
            watched: self.watched.clone(),
        }
    }

    /// Receiver `agent` of a causal mask alone, with the senders up to itself.
    pub(crate) fn row(&self, agent: i64) -> Self {
        let cut = |x: &Tensor| {
            let row = x.narrow(-2, agent, 1);
            match self.listed {
                Some(_) => row,
                None => row.narrow(-1, 0, agent + 1),
            }
        };
        Self {
            bias: cut(&self.bias),
            absent: self.absent.as_ref().map(cut),
            product: self.product.as_ref().map(cut),
            passes: match agent {
                0 => None, // nobody comes before it
                _ => (self.passes.as_ref()).map(|passes| passes.narrow(-1, agent - 1, 1)),
            },
            listens: None,
            listed: self.listed.as_ref().map(|listed| listed.row(agent)),
            watched: None,
        }
    }
}

/// Where agent i + 1 hears agent i, (1 or B, N - 1) of i64.
fn passes(input: &Input<'_>) -> Tensor {
    tch::no_grad(|| {
        let before = input.of_each(&input.graph.diagonal(-1, -2, -1));
        let before = match input.gate {
            None => before,
            Some(gate) if gate.dim() == 2 => before * gate.narrow(1, 1, gate.size()[1] - 1),
            Some(gate) => before * gate.diagonal(-1, -2, -1),
        };
        let before = match input.active {
            None => before,
            Some(active) => before * both_active(active),
        };
        before.gt(0.5).to_kind(Kind::Int64)
    })
}

/// Where agents i and i + 1 both take part, (B, N - 1) of i64.
fn both_active(active: &Tensor) -> Tensor {
    let pairs = active.size()[1] - 1;
    let both = active.narrow(1, 0, pairs) * active.narrow(1, 1, pairs);
    both.gt(0.5).to_kind(Kind::Int64)
}
