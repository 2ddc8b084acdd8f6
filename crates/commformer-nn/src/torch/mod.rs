//! The operations by libtorch, on any device, with autograd.
//!
//! Values are tensors (B, N, width), during a turn (B, 1, width); leaves and tables are (rows, width).

mod attend;
mod distribution;
mod heard;
mod listed;
mod mask;
mod pairs;
mod parameters;
mod slices;

pub use crate::passes::{AttentionOver, Precision, pays};
pub use distribution::Distribution;
pub use heard::Heard;
pub use mask::{Links, gated};
pub use parameters::Parameters;
pub use slices::{integers, numbers, truths};

use crate::layers::{Activation, Attention, Linear, Norm, PairAttention, Per};
use crate::layout::Slot;
use crate::ops::Ops;
use crate::recurrent::Hidden;
use crate::seen;
use std::ops::Range;
use tch::{Kind, Tensor};

/// The constant under the root of every layer norm.
const EPSILON: f64 = 1e-5;

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

    /// A per-agent parameter as the rows of this pass take it: (N, ..), or that of the turn's agent.
    fn own(&self, slot: Slot) -> Tensor {
        match self.turn {
            Some(agent) => self.of(slot).narrow(0, agent, 1),
            None => self.of(slot).shallow_clone(),
        }
    }

    fn product(
        &self,
        precision: Precision,
        layer: &Linear,
        part: Range<usize>,
        x: &Tensor,
    ) -> Tensor {
        let (first, length) = (part.start as i64, part.len() as i64);
        if let Per::Agent(_) = layer.per {
            // Agents first, (N, B, in): one product for each agent, in one call.
            let weight = self
                .own(layer.weight)
                .narrow(1, first, length)
                .transpose(1, 2);
            let x = x.transpose(0, 1);
            let product = match precision {
                Precision::Float32 => x.bmm(&weight),
                Precision::Bfloat16 => widen(&round(&x).bmm(&round(&weight))),
            };
            let product = product.transpose(0, 1);
            return match layer.bias {
                Some(bias) => product + self.own(bias).narrow(1, first, length),
                None => product,
            };
        }
        let size = [layer.outputs as i64, layer.inputs as i64];
        let weight = self.of(layer.weight).view(size).narrow(0, first, length);
        let bias = layer
            .bias
            .map(|bias| self.of(bias).narrow(0, first, length));
        match (precision, bias) {
            (Precision::Float32, bias) => x.linear(&weight, bias.as_ref()),
            // The bias is added in float32, so it is not rounded.
            (Precision::Bfloat16, Some(bias)) => {
                widen(&round(x).linear(&round(&weight), None::<Tensor>)) + bias
            }
            (Precision::Bfloat16, None) => widen(&round(x).linear(&round(&weight), None::<Tensor>)),
        }
    }

    fn normed(&self, layer: &Norm, standard: &Tensor) -> Tensor {
        match layer.per {
            Per::Team => standard * self.of(layer.weight) + self.of(layer.bias),
            Per::Agent(_) => standard * self.own(layer.weight) + self.own(layer.bias),
        }
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

fn round(x: &Tensor) -> Tensor {
    x.to_kind(Kind::BFloat16)
}

fn widen(x: &Tensor) -> Tensor {
    x.to_kind(Kind::Float)
}

fn activate(f: Activation, x: Tensor) -> Tensor {
    match f {
        Activation::Identity => x,
        Activation::Relu => x.relu(),
        Activation::Gelu => x.gelu("none"),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => x.sigmoid(),
    }
}

/// A layer norm without scale and shift.
fn standardize(x: &Tensor) -> Tensor {
    let width = x.size().last().copied().unwrap_or(0);
    x.layer_norm([width], None::<Tensor>, None::<Tensor>, EPSILON, true)
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
        let standard = match moments {
            None => standardize(obs),
            Some(moments) => {
                let [mean, variance] = moments.map(|slot| self.of(slot).detach());
                let limit = f64::from(seen::LIMIT);
                ((obs - mean) * (variance + seen::EPSILON).rsqrt()).clamp(-limit, limit)
            }
        };
        // The norm's scale s and shift t are folded into the layer, (s * z + t) W^T + b = z (W * s)^T + (W t + b),
        // so that observations, which have no gradient, need no backward pass.
        let (scale, shift, weight) = (
            self.of(norm.weight),
            self.of(norm.bias),
            self.of(layer.weight),
        );
        let bias = weight.matmul(&shift.unsqueeze(-1)).squeeze_dim(-1);
        let bias = match layer.bias {
            Some(own) => bias + self.of(own),
            None => bias,
        };
        let weight = weight * scale.unsqueeze(-2);
        activate(
            f,
            match self.precision {
                Precision::Float32 => standard.linear(&weight, Some(&bias)),
                Precision::Bfloat16 => {
                    widen(&round(&standard).linear(&round(&weight), None::<Tensor>)) + bias
                }
            },
        )
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

    fn norm(&mut self, layer: &Norm, x: &Tensor, y: Option<&Tensor>) -> Tensor {
        let x = match y {
            Some(y) => x + y,
            None => x.shallow_clone(),
        };
        match layer.per {
            Per::Team => {
                let (weight, bias) = (self.of(layer.weight), self.of(layer.bias));
                x.layer_norm(weight.size(), Some(weight), Some(bias), EPSILON, true)
            }
            Per::Agent(_) => self.normed(layer, &standardize(&x)),
        }
    }

    fn add(&mut self, x: &Tensor, y: &Tensor) -> Tensor {
        x + y
    }

    fn scale_rows(&mut self, x: &Tensor, factors: &Tensor) -> Tensor {
        x * factors.detach()
    }

    fn concat(&mut self, x: &Tensor, y: &Tensor) -> Tensor {
        Tensor::cat(&[x, y], -1)
    }

    fn columns(&mut self, x: &Tensor, range: Range<usize>) -> Tensor {
        x.narrow(-1, range.start as i64, range.len() as i64)
    }

    fn step(&mut self, x: &Tensor, step: usize, of: usize) -> Tensor {
        let teams = x.size()[0] / of as i64;
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
        let (x, h) = (input.chunk(3, -1), hidden.chunk(3, -1));
        let r = (&x[0] + &h[0]).sigmoid();
        let z = (&x[1] + &h[1]).sigmoid();
        let n = (&x[2] + r * &h[2]).tanh();
        &n + z * (state - &n)
    }

    fn lstm_cell(&mut self, input: &Tensor, hidden: &Tensor, state: &Tensor) -> Tensor {
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
