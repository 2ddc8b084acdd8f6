//! The operations by libtorch, on any device, with autograd.
//!
//! Values are tensors (B, N, width), during a turn (B, 1, width); leaves and tables are (rows, width).

mod actions;
mod attend;
mod dense;
mod distribution;
mod heard;
mod inputs;
mod listed;
mod mask;
mod moments;
mod pairs;
mod parameters;
mod slices;

pub use crate::passes::{AttentionOver, Precision, pays};
pub use distribution::Distribution;
pub use heard::Heard;
pub use inputs::Inputs;
pub use mask::{Links, gated};
pub use moments::{take_in, to_scale};
pub use parameters::Parameters;
#[doc(hidden)] // for crates that keep to their contract, which no type can hold them to
pub use slices::{integers, numbers, truths};

use crate::layers::{Activation, Attention, Linear, Norm, PairAttention};
use crate::layout::Slot;
use crate::levels::Levels;
use crate::ops::Ops;
use crate::recurrent::Hidden;
use dense::activate;
use std::ops::Range;
use tch::{Kind, Tensor};

/// A source of uniform noise on [0, 1) of a given shape, for dropout.
pub type Uniform<'a> = &'a mut dyn FnMut(&[i64]) -> Tensor;

/// A pass by libtorch: [`Ops`] over the tensors of the leaves.
pub struct Torch<'a> {
    leaves: &'a [Tensor],
    precision: Precision,
    dropout: Option<Uniform<'a>>,
    /// N
    agents: i64,
    /// Whose turn it is.
    turn: Option<i64>,
    memories: Vec<Tensor>,
    /// The weights of the last attention, and the values that it summed up.
    last: Option<(Tensor, attend::Own)>,
    /// The weights of every attention, if somebody wants to see them.
    watched: Option<Vec<Tensor>>,
}

impl<'a> Torch<'a> {
    /// A pass over teams of so many agents.
    pub fn new(leaves: &'a [Tensor], agents: i64, precision: Precision) -> Self {
        Self {
            leaves,
            precision,
            dropout: None,
            agents,
            turn: None,
            memories: Vec::new(),
            last: None,
            watched: None,
        }
    }

    /// The same with noise for dropout.
    pub fn with_dropout(mut self, dropout: Option<Uniform<'a>>) -> Self {
        self.dropout = dropout;
        self
    }

    /// The same, keeping the weights of all attentions.
    pub fn watched(self) -> Self {
        Self {
            watched: Some(Vec::new()),
            ..self
        }
    }

    /// The weights (B, H, N, M) of all attentions in the order in which they were computed, if they were kept.
    pub fn into_weights(self) -> Vec<Tensor> {
        self.watched.unwrap_or_default()
    }

    /// Begins the turn of an agent.
    pub fn turn(&mut self, agent: i64) {
        self.turn = Some(agent);
    }

    fn of(&self, slot: Slot) -> &Tensor {
        &self.leaves[slot.index()]
    }
}

/// What a recurrent cell goes on from: its state, and for each step who goes on, (L, B, N) of 1 and 0; without it, one step
/// in which all do.
pub fn hidden(state: &Tensor, goes_on: Option<&Tensor>) -> Hidden<Tensor> {
    Hidden {
        state: state.shallow_clone(),
        goes_on: match goes_on {
            None => vec![None],
            Some(goes_on) => (goes_on.unbind(0).iter())
                .map(|goes_on| Some(goes_on.unsqueeze(-1)))
                .collect(),
        },
    }
}

/// Refuses an operand that libtorch would repeat to make it fit: the kernels do not.
#[track_caller]
fn fits(what: &str, found: &Tensor, expected: &[i64]) {
    assert_eq!(found.size(), expected, "{what} has its rows and columns");
}

/// The size of a value with the rows of `x` and other columns, made of its own.
fn with_columns(x: &Tensor, columns: impl Fn(i64) -> i64) -> Vec<i64> {
    let mut size = x.size();
    if let Some(last) = size.last_mut() {
        *last = columns(*last);
    }
    size
}

impl Ops for Torch<'_> {
    type Value = Tensor;
    type Links = Links;
    type Index = Tensor;

    fn same(&mut self, x: &Tensor) -> Tensor {
        x.shallow_clone()
    }

    fn leaf(&mut self, slot: Slot, [rows, width]: [usize; 2]) -> Tensor {
        self.of(slot).view([rows as i64, width as i64])
    }

    fn identity(&mut self, size: usize) -> Tensor {
        let device = self.leaves.first().map_or(tch::Device::Cpu, Tensor::device);
        Tensor::eye(size as i64, (Kind::Float, device))
    }

    fn observe(
        &mut self,
        moments: Option<[Slot; 2]>,
        norm: &Norm,
        layer: &Linear,
        f: Activation,
        obs: &Tensor,
    ) -> Tensor {
        self.observe_of(moments, norm, layer, f, obs)
    }

    fn observe_shared(
        &mut self,
        norm: &Norm,
        layer: &Linear,
        f: Activation,
        shared: &Tensor,
        own: &Tensor,
    ) -> Tensor {
        let shared = shared.unsqueeze(1).expand([-1, own.size()[1], -1], false);
        self.observe(None, norm, layer, f, &Tensor::cat(&[&shared, own], -1))
    }

    fn linear_part(
        &mut self,
        layer: &Linear,
        part: Range<usize>,
        f: Activation,
        x: &Tensor,
    ) -> Tensor {
        activate(f, self.product(self.precision, layer, part, x))
    }

    fn exact_linear(&mut self, layer: &Linear, x: &Tensor) -> Tensor {
        self.product(Precision::Float32, layer, 0..layer.outputs, x)
    }

    fn activate(&mut self, f: Activation, x: &Tensor) -> Tensor {
        activate(f, x.shallow_clone())
    }

    fn round(&mut self, levels: Levels, x: &Tensor) -> Tensor {
        let half = f64::from(levels.half());
        let nearest = ((x.detach().to_kind(Kind::Float) + 1.0) * half).round() / half - 1.0;
        // The numbers are exactly the levels: the rest is 0, and has the gradient.
        nearest.to_kind(x.kind()) + (x - x.detach())
    }

    fn norm(&mut self, layer: &Norm, x: &Tensor, y: Option<&Tensor>) -> Tensor {
        self.norm_of(layer, x, y)
    }

    fn add(&mut self, x: &Tensor, y: &Tensor) -> Tensor {
        fits("what is added", y, &x.size());
        x + y
    }

    fn scale_rows(&mut self, x: &Tensor, factors: &Tensor) -> Tensor {
        fits("the factors of rows", factors, &with_columns(x, |_| 1));
        x * factors.detach()
    }

    fn concat(&mut self, x: &Tensor, y: &Tensor) -> Tensor {
        Tensor::cat(&[x, y], -1)
    }

    fn columns(&mut self, x: &Tensor, range: Range<usize>) -> Tensor {
        x.narrow(-1, range.start as i64, range.len() as i64)
    }

    fn step(&mut self, x: &Tensor, step: usize, of: usize) -> Tensor {
        let teams = x.size()[0];
        assert!(
            teams % of as i64 == 0,
            "{teams} teams are those of {of} steps"
        );
        let teams = teams / of as i64;
        x.narrow(0, step as i64 * teams, teams)
    }

    fn join_steps(&mut self, steps: &[Tensor]) -> Tensor {
        Tensor::cat(steps, 0)
    }

    fn dropout(&mut self, share: f64, x: &Tensor) -> Tensor {
        match &mut self.dropout {
            Some(uniform) if share > 0.0 => {
                x * (uniform(&x.size()).ge(share).to_kind(Kind::Float) / (1.0 - share))
            }
            _ => x.shallow_clone(),
        }
    }

    fn look_up(&mut self, table: &Tensor, index: &Tensor) -> Tensor {
        Tensor::embedding(table, index, -1, false, false)
    }

    fn attend(
        &mut self,
        layer: &Attention,
        terms: Option<&Tensor>,
        queries: &Tensor,
        memory: &Tensor,
        links: &Links,
        causal: bool,
    ) -> Tensor {
        let mask = links.mask(causal, self.turn);
        let (heard, weights, own) = attend::attend(layer, terms, queries, memory, &mask);
        if let Some(watched) = &mut self.watched {
            watched.push(weights.shallow_clone());
        }
        self.last = Some((weights, own));
        heard
    }

    fn attend_pairs(
        &mut self,
        layer: &PairAttention,
        receivers: &Tensor,
        senders: &Tensor,
        links: &Links,
    ) -> Tensor {
        let mask = links.mask(false, self.turn);
        let open = |pairs: &Tensor| {
            let decision = layer.decision?;
            let logits = self.product(Precision::Float32, &decision, 0..1, pairs);
            Some(logits.squeeze_dim(-1))
        };
        let (heard, weights) = pairs::attend(layer, open, [receivers, senders], &mask);
        if let Some(watched) = &mut self.watched {
            watched.push(weights);
        }
        heard
    }

    fn of_others(&mut self, heard: &Tensor) -> Tensor {
        let Some((weights, own)) = &self.last else {
            panic!("only an attention has heard anybody");
        };
        tch::no_grad(|| (heard - attend::of_itself(weights, own)).detach())
    }

    fn mean_of_senders(&mut self, x: &Tensor, links: &Links) -> Tensor {
        links.mean_of_senders(x, self.turn)
    }

    fn gru_cell(&mut self, input: &Tensor, hidden: &Tensor, state: &Tensor) -> Tensor {
        for gates in [input, hidden] {
            fits(
                "a cell's gates",
                gates,
                &with_columns(state, |width| 3 * width),
            );
        }
        let (x, h) = (input.chunk(3, -1), hidden.chunk(3, -1));
        let r = (&x[0] + &h[0]).sigmoid();
        let z = (&x[1] + &h[1]).sigmoid();
        let n = (&x[2] + r * &h[2]).tanh();
        &n + z * (state - &n)
    }

    fn lstm_cell(&mut self, input: &Tensor, hidden: &Tensor, state: &Tensor) -> Tensor {
        for gates in [input, hidden] {
            fits(
                "a cell's gates",
                gates,
                &with_columns(state, |width| 2 * width),
            );
        }
        let gates = (input + hidden).chunk(4, -1);
        let c = &state.chunk(2, -1)[1];
        let c = gates[1].sigmoid() * c + gates[0].sigmoid() * gates[2].tanh();
        Tensor::cat(&[gates[3].sigmoid() * c.tanh(), c], -1)
    }

    fn of_turn(&mut self, x: &Tensor) -> Tensor {
        match self.turn {
            Some(agent) => x.narrow(1, agent, 1),
            None => x.shallow_clone(),
        }
    }

    fn remember(&mut self, place: usize, x: &Tensor) -> Tensor {
        let Some(agent) = self.turn else {
            return x.shallow_clone();
        };
        if self.memories.len() == place {
            let mut size = x.size();
            size[1] = self.agents;
            // Zeros: what later agents have not written yet is read under a mask.
            self.memories
                .push(x.new_zeros(size, (x.kind(), x.device())));
        }
        let memory = &self.memories[place];
        memory.narrow(1, agent, 1).copy_(x);
        memory.shallow_clone()
    }
}
