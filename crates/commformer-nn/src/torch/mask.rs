//! The communication graph as the attentions use it.
//!
//! Whom an agent hears, [`crate::links`] says in lists. This file says it a second time, in tensors, and cannot be made
//! from the lists: graph and gates lie where the policy works, and bringing them to the CPU would make every pass wait for
//! the device; and a gate or an edge that carries a gradient must pass it on, which a list of numbers does not. Both are
//! held together by `tests/operations.rs`.

use super::heard::Heard;
use super::listed::{self, Listed};
use crate::links::{PreviousAction, RelationOrder, Rules, SelfLoop};
use crate::passes::AttentionOver;
use std::cell::OnceCell;
use tch::{Kind, Tensor};

/// Whom the agents hear, for all attentions of a pass.
#[derive(Debug)]
pub struct Links {
    all: Mask,
    causal: OnceCell<Mask>,
}

impl Links {
    /// Of graphs, gates, hard or straight-through, and who is active.
    pub fn new(heard: &Heard<'_>, rules: Rules, over: AttentionOver, relates: bool) -> Self {
        Self {
            all: Mask::new(heard, rules, over, relates),
            causal: OnceCell::new(),
        }
    }

    /// The same, with no agent given the action of the one before it.
    pub fn without_actions(self) -> Self {
        Self {
            all: self.all.without_actions(),
            causal: OnceCell::new(),
        }
    }

    /// 1 where an agent hears some other, (1 or B, N, 1).
    pub fn receives(&self) -> &Tensor {
        &self.all.receives
    }

    /// 1 where agent i + 1 is given the action of agent i, (1 or B, N - 1) of i64; `None`: it always is.
    pub fn passes(&self) -> Option<&Tensor> {
        self.all.passes.as_ref()
    }

    /// As an attention takes them: for a decoder, and for one receiver alone.
    pub(super) fn mask(&self, causal: bool, turn: Option<i64>) -> Mask {
        let mask = match causal {
            true => self.causal.get_or_init(|| self.all.causal()),
            false => &self.all,
        };
        match turn {
            Some(agent) => mask.row(agent),
            None => mask.shallow_clone(),
        }
    }

    /// See [`crate::Ops::mean_of_senders`].
    pub(super) fn mean_of_senders(&self, x: &Tensor, turn: Option<i64>) -> Tensor {
        let mask = self.mask(false, turn);
        let heard = mask.bias.eq(0.0).squeeze_dim(1).to_kind(Kind::Float); // (1 or B, receivers, M)
        match &mask.listed {
            None => {
                let agents = x.size()[1];
                let own = Tensor::eye(agents, (Kind::Float, x.device()));
                let own = match turn {
                    Some(agent) => own.narrow(0, agent, 1),
                    None => own,
                };
                let heard: Tensor = heard * (1.0 - own);
                let count = heard.sum_dim_intlist([-1i64].as_slice(), true, Kind::Float);
                (heard / count.clamp_min(1.0)).matmul(x)
            }
            Some(listed) => {
                let heard: Tensor = heard * (1.0 - listed.own());
                let count = heard.sum_dim_intlist([-1i64].as_slice(), true, Kind::Float);
                let share = (heard / count.clamp_min(1.0)).unsqueeze(-1);
                (share * listed.gather(x)).sum_dim_intlist([2i64].as_slice(), false, Kind::Float)
            }
        }
    }
}

/// Closes the ears of the agents whose receive gate is 0: M(b, i, j) = A(i, j) * g(b, i) for
/// j != i. An agent's own entry is untouched. A gate may also have a decision for each sender.
///
/// # Shapes
/// `graph` (1 or B, N, N), `gate` (B, N) or (B, N, N) of 0 and 1 -> (B, N, N). Both may carry a
/// gradient.
pub fn gated(graph: &Tensor, gate: &Tensor) -> Tensor {
    let gate = match gate.dim() {
        2 => gate.unsqueeze(-1),
        _ => gate.shallow_clone(),
    };
    let own = Tensor::eye(
        graph.size().last().copied().unwrap_or(0),
        (Kind::Float, graph.device()),
    );
    opened(graph, &gate, &own)
}

/// Edges whose gates are open; those of agents to themselves (`own`) pass every gate.
fn opened(edge: &Tensor, gate: &Tensor, own: &Tensor) -> Tensor {
    edge * (gate * (1.0 - own) + own)
}

/// What the attentions of one pass need to know about the graph, computed once for all of them.
///
/// A receiver's scores are over M places: over all N agents in their order, or, with `listed`,
/// over the K places of its list.
#[derive(Debug)]
pub(super) struct Mask {
    /// (1 or B, 1, N, M): 0 where j is heard by i, minus infinity elsewhere.
    pub(super) bias: Tensor,
    /// (1 or B, 1, N, M): 1 where the edge that the score (i, j) reads is absent. None without
    /// relation terms.
    pub(super) absent: Option<Tensor>,
    /// (1 or B, 1, N, M): what multiplies the weights after the softmax. None where that is 1.
    pub(super) product: Option<Tensor>,
    /// (1 or B, N - 1), i64: 1 where agent i + 1 is given the action of agent i. None where it
    /// always is.
    pub(super) passes: Option<Tensor>,
    /// (1 or B, N, 1): 1 where an agent hears some other.
    receives: Tensor,
    /// Who is in which place. None: all agents, in their order.
    pub(super) listed: Option<Listed>,
    /// The one receiver; `None`: all agents.
    pub(super) place: Option<i64>,
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
    fn of_all(graph: &Tensor, input: &Heard<'_>, reversed: bool) -> Self {
        let agents = graph.size().last().copied().unwrap_or(0);
        let both = (input.active).map(|active| active.unsqueeze(-1) * active.unsqueeze(-2));
        let edge = [input.gate, both.as_ref()].into_iter().flatten();
        let edge = edge.fold(graph.shallow_clone(), |edge, gate| gated(&edge, gate));
        Self {
            reverse: reversed.then(|| edge.detach().transpose(-2, -1)),
            own: Tensor::eye(agents, (Kind::Float, graph.device())),
            edge,
        }
    }

    fn of_listed(listed: &Listed, input: &Heard<'_>, reversed: bool) -> Self {
        let (graph, gate) = (input.graph, input.gate);
        let own = listed.own();
        let open = |edge: Tensor, gate: Option<Tensor>| match gate {
            Some(gate) => opened(&edge, &gate, &own),
            None => edge,
        };
        // The gate of the edge back from an agent is that agent's own: whether it is active.
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
    fn new(input: &Heard<'_>, rules: Rules, over: AttentionOver, relates: bool) -> Self {
        let reversed = relates && rules.relation_order == RelationOrder::SenderReceiver;
        let listed = listed::places(input, over).map(|places| Listed::new(input, places));
        let Edges { edge, reverse, own } = match &listed {
            None => Edges::of_all(&input.of_each(input.graph), input, reversed),
            Some(listed) => Edges::of_listed(listed, input, reversed),
        };
        let (bias, absent, receives) = tch::no_grad(|| {
            let present = edge.gt(0.5).unsqueeze(1); // (1 or B, 1, N, M)
            let others = present.logical_and(&own.le(0.5)).squeeze_dim(1);
            let receives = others.any_dim(-1, true).to_kind(Kind::Float);
            let unheard = present.logical_or(&own.gt(0.5)).logical_not();
            let bias = unheard
                .zeros_like()
                .to_kind(Kind::Float)
                .masked_fill(&unheard, f64::NEG_INFINITY);
            let read = match reverse {
                None => present,
                Some(reverse) => reverse.gt(0.5).unsqueeze(1),
            };
            let absent = relates.then(|| read.logical_not().to_kind(Kind::Float));
            (bias, absent, receives)
        });
        // A kept edge has the value 1, so without a gradient the product changes nothing.
        let product = match rules.self_loop {
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
            passes: match rules.previous_action {
                PreviousAction::Always => input.active.map(both_active),
                PreviousAction::Heard => Some(passes(input)),
            },
            receives,
            listed,
            place: None,
        }
    }

    pub(super) fn shallow_clone(&self) -> Self {
        let clone = |x: &Option<Tensor>| x.as_ref().map(Tensor::shallow_clone);
        Self {
            bias: self.bias.shallow_clone(),
            absent: clone(&self.absent),
            product: clone(&self.product),
            passes: clone(&self.passes),
            receives: self.receives.shallow_clone(),
            listed: self.listed.as_ref().map(Listed::shallow_clone),
            place: self.place,
        }
    }

    /// The same, with no agent given the action of the one before it.
    pub(super) fn without_actions(self) -> Self {
        let agents = self.bias.size()[2];
        let passes = Tensor::zeros([1, agents - 1], (Kind::Int64, self.bias.device()));
        Self {
            passes: Some(passes),
            ..self
        }
    }

    /// The same graph for the decoder, where agent i hears only agents j <= i.
    pub(super) fn causal(&self) -> Self {
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
            listed: self.listed.as_ref().map(Listed::causal),
            ..self.shallow_clone()
        }
    }

    /// Receiver `agent` alone. Of a causal mask it reads no place of an agent after it.
    fn row(&self, agent: i64) -> Self {
        let cut = |x: &Tensor| x.narrow(-2, agent, 1);
        Self {
            bias: cut(&self.bias),
            absent: self.absent.as_ref().map(cut),
            product: self.product.as_ref().map(cut),
            passes: None,
            receives: self.receives.shallow_clone(),
            listed: self.listed.as_ref().map(|listed| listed.row(agent)),
            place: Some(agent),
        }
    }
}

/// Where agent i + 1 hears agent i, (1 or B, N - 1) of i64.
fn passes(input: &Heard<'_>) -> Tensor {
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

/// Where agents i and i + 1 both are active, (B, N - 1) of i64.
fn both_active(active: &Tensor) -> Tensor {
    let pairs = active.size()[1] - 1;
    let both = active.narrow(1, 0, pairs) * active.narrow(1, 1, pairs);
    both.gt(0.5).to_kind(Kind::Int64)
}
