//! The operations, forward.

use super::activations::{gelu, relu, sigmoid, tanh};
use super::observe;
use super::recurrent;
use super::rows::{accumulate, multiply};
use super::shared;
use super::tape::{Index, Links, Op, Tape, Var};
use super::vectors::sized;
use crate::layers::{Activation, Attention, Linear, Norm, PairAttention, Per};
use crate::layout::Slot;
use crate::levels::Levels;
use crate::ops::Ops;
use std::ops::Range;

/// A source of uniform noise from [0, 1): fills a buffer.
pub type Uniform<'a> = &'a mut dyn FnMut(&mut [f32]);

/// A pass on a CPU: [`Ops`] on a [`Tape`], over the numbers of the leaves.
pub struct Native<'a> {
    /// Where the operations are remembered.
    pub tape: &'a mut Tape,
    /// The numbers of each leaf of the network's layout.
    pub leaves: &'a [&'a [f32]],
    /// Noise for dropout; `None`: there is none.
    pub dropout: Option<Uniform<'a>>,
    /// The observations.
    obs: &'a [f32],
}

impl<'a> Native<'a> {
    /// A pass without dropout.
    pub fn new(tape: &'a mut Tape, leaves: &'a [&'a [f32]]) -> Self {
        Self {
            tape,
            leaves,
            dropout: None,
            obs: &[],
        }
    }

    /// Observations (B N, O), which [`Ops::observe`] reads where they are; nothing else can.
    pub fn observations(&mut self, obs: &'a [f32], width: usize) -> Var {
        self.obs = obs;
        let (_, node) = self.tape.push(Op::Observations, [0, width], false);
        node.rows = obs.len() / width.max(1);
        self.last()
    }

    pub(super) fn leaf_of(&self, slot: Slot) -> &'a [f32] {
        self.leaves[slot.0]
    }

    /// Refuses an operand of another size than the operation's own: what follows would compute with a part of it.
    #[track_caller]
    pub(super) fn fits(&self, what: &str, x: Var, expected: [usize; 2]) {
        assert_eq!(
            self.tape.size(x),
            expected,
            "{what} has its rows and columns"
        );
    }

    pub(super) fn last(&self) -> Var {
        Var(self.tape.used - 1)
    }
}

/// f in place; `slope` gets its derivative unless that can be read from the result.
pub(super) fn activate(f: Activation, x: &mut [f32], slope: &mut Vec<f32>) {
    let length = x.len();
    match f {
        Activation::Identity => {}
        Activation::Relu => relu(x),
        Activation::Gelu => gelu(x, sized(slope, length)),
        Activation::Tanh => tanh(x, sized(slope, length)),
        Activation::Sigmoid => sigmoid(x, sized(slope, length)),
    }
}

/// The part of a leaf that is an agent's.
pub(super) fn part(length: usize, per: Per, agent: usize) -> Range<usize> {
    match per {
        Per::Team => 0..length,
        Per::Agent(agents) => {
            let own = length / agents.max(1);
            agent * own..(agent + 1) * own
        }
    }
}

impl Ops for Native<'_> {
    type Value = Var;
    type Links = Links;
    type Index = Index;

    fn same(&mut self, x: &Var) -> Var {
        *x
    }

    fn leaf(&mut self, slot: Slot, shape: [usize; 2]) -> Var {
        let numbers = self.leaf_of(slot);
        let (_, node) = self.tape.push(Op::Leaf(slot), shape, true);
        node.value.copy_from_slice(numbers);
        self.last()
    }

    fn identity(&mut self, size: usize) -> Var {
        let (_, node) = self.tape.push(Op::Input, [size, size], false);
        node.value.fill(0.0);
        (0..size).for_each(|at| node.value[at * size + at] = 1.0);
        self.last()
    }

    fn observe(
        &mut self,
        moments: Option<[Slot; 2]>,
        norm: &Norm,
        layer: &Linear,
        f: Activation,
        obs: &Var,
    ) -> Var {
        let [rows, _] = self.tape.size(*obs);
        let op = Op::Observe {
            norm: *norm,
            layer: *layer,
            f,
        };
        let leaves = self.leaves;
        let (outside, (before, node)) = (self.obs, self.tape.push(op, [rows, layer.outputs], true));
        let obs = before[obs.0].seen(outside);
        observe::forward(node, moments, norm, layer, leaves, obs);
        activate(f, &mut node.value, &mut node.saved[1]);
        self.last()
    }

    fn observe_shared(
        &mut self,
        norm: &Norm,
        layer: &Linear,
        f: Activation,
        shared: &Var,
        own: &Var,
    ) -> Var {
        let ([rows, _], [_, width]) = (self.tape.size(*own), self.tape.size(*shared));
        let op = Op::ObserveShared {
            norm: *norm,
            layer: *layer,
            f,
            shared: width,
        };
        let sizes = shared::Sizes::new(norm, width, self.tape.team);
        let (leaves, outside) = (self.leaves, self.obs);
        let (before, node) = self.tape.push(op, [rows, layer.outputs], true);
        let inputs = [shared, own].map(|var| before[var.0].seen(outside));
        shared::forward(node, sizes, (norm, layer), leaves, inputs);
        activate(f, &mut node.value, &mut node.saved[1]);
        self.last()
    }

    fn linear_part(
        &mut self,
        layer: &Linear,
        part_of: Range<usize>,
        f: Activation,
        x: &Var,
    ) -> Var {
        self.linear_of(layer, part_of, f, *x)
    }

    fn activate(&mut self, f: Activation, x: &Var) -> Var {
        let (size, wants) = (self.tape.size(*x), self.tape.wants(&[*x]));
        let (before, node) = self.tape.push(Op::Activate { f, x: *x }, size, wants);
        node.value.copy_from_slice(&before[x.0].value);
        activate(f, &mut node.value, &mut node.saved[0]);
        self.last()
    }

    fn round(&mut self, levels: Levels, x: &Var) -> Var {
        let (size, wants) = (self.tape.size(*x), self.tape.wants(&[*x]));
        let (before, node) = self.tape.push(Op::Round(*x), size, wants);
        for (out, x) in node.value.iter_mut().zip(&before[x.0].value) {
            *out = levels.nearest(*x);
        }
        self.last()
    }

    fn norm(&mut self, layer: &Norm, x: &Var, y: Option<&Var>) -> Var {
        self.norm_of(layer, *x, y.copied())
    }

    fn residual(&mut self, norm_of: &Norm, x: &Var, layer: &Linear, h: &Var, dropout: f64) -> Var {
        self.residual_of(norm_of, *x, layer, *h, dropout)
    }

    fn add(&mut self, x: &Var, y: &Var) -> Var {
        let (size, wants) = (self.tape.size(*x), self.tape.wants(&[*x, *y]));
        self.fits("what is added", *y, size);
        let (before, node) = self.tape.push(Op::Add(*x, *y), size, wants);
        node.value.copy_from_slice(&before[x.0].value);
        accumulate(&mut node.value, &before[y.0].value);
        self.last()
    }

    fn scale_rows(&mut self, x: &Var, factors: &Var) -> Var {
        let (size, wants) = (self.tape.size(*x), self.tape.wants(&[*x]));
        self.fits("the factors of rows", *factors, [size[0], 1]);
        let (before, node) = self.tape.push(Op::ScaleRows(*x, *factors), size, wants);
        let rows = node.value.chunks_exact_mut(size[1].max(1));
        let x = before[x.0].value.chunks_exact(size[1].max(1));
        for ((out, x), factor) in rows.zip(x).zip(&before[factors.0].value) {
            out.iter_mut().zip(x).for_each(|(out, x)| *out = x * factor);
        }
        self.last()
    }

    fn concat(&mut self, x: &Var, y: &Var) -> Var {
        let ([rows, left], [_, right]) = (self.tape.size(*x), self.tape.size(*y));
        self.fits("what is put beside", *y, [rows, right]);
        let wants = self.tape.wants(&[*x, *y]);
        let (before, node) = self
            .tape
            .push(Op::Concat(*x, *y), [rows, left + right], wants);
        let (x, y) = (&before[x.0].value, &before[y.0].value);
        for (row, out) in node
            .value
            .chunks_exact_mut((left + right).max(1))
            .enumerate()
        {
            out[..left].copy_from_slice(&x[row * left..(row + 1) * left]);
            out[left..].copy_from_slice(&y[row * right..(row + 1) * right]);
        }
        self.last()
    }

    fn columns(&mut self, x: &Var, range: Range<usize>) -> Var {
        let ([rows, width], wants) = (self.tape.size(*x), self.tape.wants(&[*x]));
        let op = Op::Columns(*x, range.start);
        let (before, node) = self.tape.push(op, [rows, range.len()], wants);
        let x = before[x.0].value.chunks_exact(width.max(1));
        for (out, x) in node.value.chunks_exact_mut(range.len().max(1)).zip(x) {
            out.copy_from_slice(&x[range.clone()]);
        }
        self.last()
    }

    fn step(&mut self, x: &Var, step: usize, of: usize) -> Var {
        let ([rows, width], wants) = (self.tape.size(*x), self.tape.wants(&[*x]));
        assert!(
            rows.is_multiple_of(of),
            "{rows} rows are those of {of} steps"
        );
        let (rows, first) = (rows / of, step * (rows / of));
        let (before, node) = self.tape.push(Op::Rows(*x, first), [rows, width], wants);
        let of = first * width..(first + rows) * width;
        node.value.copy_from_slice(&before[x.0].value[of]);
        self.last()
    }

    fn join_steps(&mut self, parts: &[Var]) -> Var {
        let rows = parts.iter().map(|part| self.tape.size(*part)[0]).sum();
        let width = parts.first().map_or(0, |part| self.tape.size(*part)[1]);
        let wants = self.tape.wants(parts);
        let (before, node) = self.tape.push(Op::Stack, [rows, width], wants);
        node.value.clear();
        node.index.clear();
        for part in parts {
            node.value.extend_from_slice(&before[part.0].value);
            node.index.push(part.0);
        }
        self.last()
    }

    fn dropout(&mut self, share: f64, x: &Var) -> Var {
        let Some(uniform) = self.dropout.as_mut().filter(|_| share > 0.0) else {
            return *x;
        };
        let (size, wants) = (self.tape.size(*x), self.tape.wants(&[*x]));
        let (before, node) = self.tape.push(Op::Dropout(*x), size, wants);
        let factors = sized(&mut node.saved[0], size[0] * size[1]);
        uniform(factors);
        let kept = (1.0 / (1.0 - share)) as f32;
        for factor in &mut *factors {
            *factor = if f64::from(*factor) >= share {
                kept
            } else {
                0.0
            };
        }
        node.value.copy_from_slice(&before[x.0].value);
        multiply(&mut node.value, factors);
        self.last()
    }

    fn look_up(&mut self, table: &Var, index: &Index) -> Var {
        let ([_, width], wants) = (self.tape.size(*table), self.tape.wants(&[*table]));
        let (before, node) = self
            .tape
            .push(Op::LookUp(*table), [index.len(), width], wants);
        let table = &before[table.0].value;
        for (out, row) in node.value.chunks_exact_mut(width.max(1)).zip(index) {
            out.copy_from_slice(&table[row * width..(row + 1) * width]);
        }
        node.index.clone_from(index);
        self.last()
    }

    fn attend(
        &mut self,
        layer: &Attention,
        terms: Option<&Var>,
        queries: &Var,
        memory: &Var,
        links: &Links,
        causal: bool,
    ) -> Var {
        self.attend_of(layer, terms.copied(), [*queries, *memory], *links, causal)
    }

    fn attend_pairs(
        &mut self,
        layer: &PairAttention,
        receivers: &Var,
        senders: &Var,
        links: &Links,
    ) -> Var {
        self.attend_pairs_of(layer, [*receivers, *senders], *links)
    }

    fn of_others(&mut self, heard: &Var) -> Var {
        self.others_of(*heard)
    }

    fn mean_of_senders(&mut self, x: &Var, links: &Links) -> Var {
        self.mean_of(*x, *links)
    }

    fn gru_cell(&mut self, input: &Var, hidden: &Var, state: &Var) -> Var {
        let size = self.tape.size(*state);
        for gates in [input, hidden] {
            self.fits("a cell's gates", *gates, [size[0], 3 * size[1]]);
        }
        let op = Op::Gru([*input, *hidden, *state]);
        let (before, node) = self.tape.push(op, size, true);
        let of = [input, hidden, state].map(|var| before[var.0].value.as_slice());
        recurrent::gru(node, of);
        self.last()
    }

    fn lstm_cell(&mut self, input: &Var, hidden: &Var, state: &Var) -> Var {
        let size = self.tape.size(*state);
        for gates in [input, hidden] {
            self.fits("a cell's gates", *gates, [size[0], 2 * size[1]]);
        }
        let op = Op::Lstm([*input, *hidden, *state]);
        let (before, node) = self.tape.push(op, size, true);
        let of = [input, hidden, state].map(|var| before[var.0].value.as_slice());
        recurrent::lstm(node, of);
        self.last()
    }

    fn of_turn(&mut self, x: &Var) -> Var {
        let Some(turn) = self.tape.turn else {
            return *x;
        };
        let ([_, width], [teams, agents]) = (self.tape.size(*x), self.tape.team);
        // No backward pass follows on turns.
        let (before, node) = self.tape.push(Op::Input, [teams, width], false);
        let rows = before[x.0].value.chunks_exact(width.max(1));
        let rows = rows.skip(turn.place).step_by(agents.max(1));
        for (out, row) in node.value.chunks_exact_mut(width.max(1)).zip(rows) {
            out.copy_from_slice(row);
        }
        self.last()
    }

    fn remember(&mut self, place: usize, x: &Var) -> Var {
        let Some(turn) = self.tape.turn else {
            return *x;
        };
        let Some(memory) = self.tape.memories.get(place).copied() else {
            return *x; // one agent alone, whose memory came with its messages
        };
        let ([_, width], [_, agents]) = (self.tape.size(*x), self.tape.team);
        let (memories, rest) = self.tape.nodes.split_at_mut(x.0);
        let memory_rows = memories[memory.0].value.chunks_exact_mut(width.max(1));
        let memory_rows = memory_rows.skip(turn.place).step_by(agents.max(1));
        for (kept, x) in memory_rows.zip(rest[0].value.chunks_exact(width.max(1))) {
            kept.copy_from_slice(x);
        }
        memory
    }
}
