//! What a pass did, and the buffers that it did it in.

use super::rows::accumulate;
use super::vectors::zeroed;
use crate::layers::{Activation, Attention, Linear, Norm, PairAttention};
use crate::layout::Slot;
use crate::links::Senders;
use crate::recurrent::Hidden;

/// A value on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var(pub(super) usize);

/// Senders' lists that a tape holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links(pub(super) usize);

/// Numbers of rows.
pub type Index = Vec<usize>;

/// The operation that made a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// Given from outside.
    Input,
    /// The observations, which lie outside.
    Observations,
    Leaf(Slot),
    Observe {
        norm: Norm,
        layer: Linear,
        f: Activation,
    },
    ObserveShared {
        norm: Norm,
        layer: Linear,
        f: Activation,
        /// Numbers that a team shares.
        shared: usize,
    },
    Linear {
        layer: Linear,
        first: usize,
        f: Activation,
        x: Var,
    },
    Activate {
        f: Activation,
        x: Var,
    },
    Norm {
        layer: Norm,
        x: Var,
        y: Option<Var>,
    },
    /// Of whole teams' layers.
    Residual {
        norm: Norm,
        x: Var,
        layer: Linear,
        h: Var,
    },
    Round(Var),
    Add(Var, Var),
    ScaleRows(Var, Var),
    Concat(Var, Var),
    Columns(Var, usize),
    Rows(Var, usize),
    /// Of the values that the node's index names.
    Stack,
    Dropout(Var),
    LookUp(Var),
    Attend {
        layer: Attention,
        terms: Option<Var>,
        queries: Var,
        memory: Var,
        links: Links,
        causal: bool,
    },
    AttendPairs {
        layer: PairAttention,
        receivers: Var,
        senders: Var,
        links: Links,
    },
    MeanOfSenders(Var, Links),
    Gru([Var; 3]),
    Lstm([Var; 3]),
}

/// One value: what made it, its numbers, and what its backward pass needs.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub op: Option<Op>,
    pub rows: usize,
    pub width: usize,
    pub value: Vec<f32>,
    /// Gradient of the loss, from the pool; of no meaning unless `reached`.
    pub grad: Vec<f32>,
    pub reached: bool,
    /// Whether a gradient is to go on from here.
    pub wants: bool,
    /// What the backward pass needs beside the values; each operation says what.
    pub saved: [Vec<f32>; 2],
    pub index: Index,
}

/// Buffers for gradients. A gradient is needed for a short time, and a buffer that was in use a moment ago is still
/// in the cache.
#[derive(Debug, Default)]
pub(super) struct Pool(Vec<Vec<f32>>);

impl Pool {
    fn take(&mut self) -> Vec<f32> {
        self.0.pop().unwrap_or_default()
    }

    pub fn give(&mut self, buffer: Vec<f32>) {
        if buffer.capacity() > 0 {
            self.0.push(buffer);
        }
    }
}

impl Node {
    /// Its rows, which are the observations `outside` the tape if it stands for them.
    pub fn seen<'a>(&'a self, outside: &'a [f32]) -> &'a [f32] {
        match self.op {
            Some(Op::Observations) => outside,
            _ => &self.value,
        }
    }

    /// A place to add a gradient to.
    pub fn grad(&mut self, pool: &mut Pool) -> &mut [f32] {
        if !self.reached {
            self.grad = pool.take();
            zeroed(&mut self.grad, self.rows * self.width);
            self.reached = true;
        }
        &mut self.grad
    }

    /// A place for a gradient, and whether to add to what is there; else every number is to be written.
    pub fn grad_or_room(&mut self, pool: &mut Pool) -> (&mut [f32], bool) {
        let reached = std::mem::replace(&mut self.reached, true);
        if !reached {
            self.grad = pool.take();
            self.grad.resize(self.rows * self.width, 0.0);
        }
        (&mut self.grad, reached)
    }

    /// Adds a gradient that others need, too.
    pub fn take_in(&mut self, grad: &[f32], pool: &mut Pool) {
        if !self.wants {
            return;
        }
        if self.reached {
            accumulate(&mut self.grad, grad);
        } else {
            self.grad = pool.take();
            self.grad.clear();
            self.grad.extend_from_slice(grad);
            self.reached = true;
        }
    }

    /// Adds a gradient that nobody else needs: its buffer may go along.
    pub fn take_over(&mut self, grad: &mut Vec<f32>) {
        if !self.wants {
            return;
        }
        if self.reached {
            accumulate(&mut self.grad, grad);
        } else {
            self.grad = std::mem::take(grad);
            self.reached = true;
        }
    }
}

/// What a pass of one network did, with buffers that are kept for the next pass. A backward pass may follow.
#[derive(Debug, Default)]
pub struct Tape {
    /// Those of this pass come first.
    pub(super) nodes: Vec<Node>,
    pub(super) used: usize,
    pub(super) links: Vec<Senders>,
    pub(super) links_used: usize,
    /// B and N.
    pub(super) team: [usize; 2],
    /// Whose turn it is: the place of its rows among the agents', and its number among the heads.
    pub(super) turn: Option<Turn>,
    /// Where turns begin.
    pub(super) turns_from: usize,
    pub(super) memories: Vec<Var>,
    /// For each of `links`, the gradient of what multiplies each entry's weight.
    pub(super) factors: Vec<Vec<f32>>,
    pub(super) scratch: [Vec<f32>; 2],
    pub(super) pool: Pool,
}

/// An agent's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    /// Its place among the rows of the memory.
    pub place: usize,
    /// Which agent it is.
    pub agent: usize,
}

impl Tape {
    /// Begins a pass over B teams of N agents; what the last one left is gone.
    pub fn begin(&mut self, [teams, agents]: [usize; 2]) {
        self.used = 0;
        self.links_used = 0;
        self.team = [teams, agents];
        self.turn = None;
        self.memories.clear();
    }

    /// A value's numbers, row by row.
    pub fn value(&self, var: Var) -> &[f32] {
        &self.nodes[var.0].value
    }

    /// The gradient that the last backward pass found for a value; empty if it found none.
    pub fn gradient(&self, var: Var) -> &[f32] {
        let node = &self.nodes[var.0];
        if node.reached { &node.grad } else { &[] }
    }

    /// A list of senders to be filled, for the attentions of this pass.
    pub fn new_links(&mut self) -> (Links, &mut Senders) {
        let links = Links(self.links_used);
        self.links_used += 1;
        if self.links.len() < self.links_used {
            self.links.push(Senders::default());
        }
        (links, &mut self.links[links.0])
    }

    /// The lists.
    pub fn senders(&self, links: Links) -> &Senders {
        &self.links[links.0]
    }

    /// The gradient of what multiplies the weight of each of the lists' entries, after a backward pass.
    pub fn of_factors(&self, links: Links) -> &[f32] {
        &self.factors[links.0]
    }

    /// Rows that come from outside. With `wants` the backward pass finds their gradient.
    pub fn input(&mut self, x: &[f32], width: usize, wants: bool) -> Var {
        let (_, node) = self.push(Op::Input, [x.len() / width.max(1), width], wants);
        node.value.copy_from_slice(x);
        Var(self.used - 1)
    }

    /// What a recurrent cell goes on from: its state before the first of `steps`, and for the rows of each step 0 where one
    /// begins anew and else 1; without `goes_on` none does.
    pub fn hidden(&mut self, state: &[f32], goes_on: &[f32], steps: usize) -> Hidden<Var> {
        let rows = match goes_on.len() {
            0 => self.team.iter().product::<usize>() / steps.max(1),
            all => all / steps.max(1),
        };
        let state = self.input(state, state.len() / rows.max(1), false);
        let mut of_step = |step: usize| {
            let own = goes_on.get(step * rows..(step + 1) * rows)?;
            let anew = own.iter().any(|goes_on| *goes_on != 1.0);
            anew.then(|| self.input(own, 1, false))
        };
        Hidden {
            goes_on: (0..steps).map(&mut of_step).collect(),
            state,
        }
    }

    /// Lets agents have their turns, one after the other, in what follows; no backward pass is possible then. What
    /// they [remember](crate::Ops::remember) of each other has these widths.
    pub fn begin_turns(&mut self, memories: impl IntoIterator<Item = usize>) {
        let [teams, agents] = self.team;
        self.memories.clear();
        for width in memories {
            self.push(Op::Input, [teams * agents, width], false);
            self.memories.push(Var(self.used - 1));
        }
        self.turns_from = self.used;
    }

    /// Begins the turn of agent `agent` of every team. What the turn before computed is gone, but for what it
    /// [remembered](crate::Ops::remember).
    pub fn turn(&mut self, agent: usize) {
        self.used = self.turns_from;
        self.turn = Some(Turn {
            place: agent,
            agent,
        });
    }

    /// A pass of agent `agent` alone, without its team: its own rows come first in every memory.
    pub fn alone(&mut self, agent: usize) {
        self.turn = Some(Turn { place: 0, agent });
    }

    /// Room for one more value, and the values before it.
    pub(super) fn push(
        &mut self,
        op: Op,
        [rows, width]: [usize; 2],
        wants: bool,
    ) -> (&[Node], &mut Node) {
        if self.nodes.len() == self.used {
            self.nodes.push(Node::default());
        }
        self.used += 1;
        let (before, rest) = self.nodes.split_at_mut(self.used - 1);
        let node = &mut rest[0];
        node.op = Some(op);
        (node.rows, node.width) = (rows, width);
        node.value.resize(rows * width, 0.0);
        node.wants = wants;
        node.reached = false;
        (before, node)
    }

    pub(super) fn size(&self, var: Var) -> [usize; 2] {
        let node = &self.nodes[var.0];
        [node.rows, node.width]
    }

    pub(super) fn wants(&self, vars: &[Var]) -> bool {
        vars.iter().any(|var| self.nodes[var.0].wants)
    }
}

/// Gradients of the leaves of a layout.
#[derive(Debug, Default)]
pub struct Gradients {
    /// Whether those of leaves are wanted: they cost half of a backward pass.
    pub of_weights: bool,
    pub(super) of_leaves: Vec<Vec<f32>>,
}

impl Gradients {
    /// Zeros for leaves of these lengths.
    pub fn clear(&mut self, lengths: impl IntoIterator<Item = usize>) {
        let mut count = 0;
        for (place, length) in lengths.into_iter().enumerate() {
            if self.of_leaves.len() == place {
                self.of_leaves.push(Vec::new());
            }
            zeroed(&mut self.of_leaves[place], length);
            count = place + 1;
        }
        self.of_leaves.truncate(count);
    }

    /// That of a leaf.
    pub fn of(&self, slot: Slot) -> &[f32] {
        &self.of_leaves[slot.0]
    }

    /// That of a leaf, by the number of its slot.
    pub fn of_index(&self, slot: usize) -> &[f32] {
        &self.of_leaves[slot]
    }

    /// That of a leaf, to be added to.
    pub fn of_mut(&mut self, slot: Slot) -> &mut [f32] {
        &mut self.of_leaves[slot.0]
    }

    /// Those of two leaves.
    pub(super) fn of_both(&mut self, slots: [Slot; 2]) -> [&mut [f32]; 2] {
        match self.of_leaves.get_disjoint_mut(slots.map(Slot::index)) {
            Ok(both) => both.map(Vec::as_mut_slice),
            Err(_) => [&mut [], &mut []],
        }
    }
}
