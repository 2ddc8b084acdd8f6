//! The operations, backward.

use super::activations::relu_backward;
use super::attend::{Back, attend_backward};
use super::forward::part;
use super::observe;
use super::pairs::{self, Pairs};
use super::product::{View, ViewMut, product};
use super::recurrent;
use super::rows::{add_rows, multiply, norm_backward};
use super::shared;
use super::tape::{Gradients, Node, Op, Pool, Tape, Var};
use super::vectors::{add, add_scaled, zeroed};
use crate::layers::{Activation, Linear, Per};
use crate::links::Senders;
use std::ops::Range;

impl Tape {
    /// Runs the pass backwards from the gradients of some values, and adds to those of the leaves. Gradients of
    /// inputs that want one are in [`Tape::gradient`], those of the lists' factors in [`Tape::of_factors`].
    ///
    /// A seed counts after what the pass itself sends to that value.
    pub fn backward(
        &mut self,
        leaves: &[&[f32]],
        seeds: &[(Var, &[f32])],
        gradients: &mut Gradients,
    ) {
        for node in &mut self.nodes[..self.used] {
            node.reached = false;
            self.pool.give(std::mem::take(&mut node.grad));
        }
        self.factors.resize_with(self.links.len(), Vec::new);
        for (factors, senders) in self.factors.iter_mut().zip(&self.links[..self.links_used]) {
            zeroed(factors, senders.entries());
        }
        let team = self.team;
        for at in (0..self.used).rev() {
            for (_, seed) in seeds.iter().filter(|(var, _)| var.0 == at) {
                self.nodes[at].take_in(seed, &mut self.pool);
            }
            let (before, rest) = self.nodes.split_at_mut(at);
            let node = &mut rest[0];
            if !(node.reached && node.wants) {
                continue;
            }
            let mut step = Step {
                before,
                node,
                leaves,
                gradients,
                links: &self.links,
                factors: &mut self.factors,
                scratch: &mut self.scratch,
                pool: &mut self.pool,
                team,
            };
            step.back();
            if !matches!(node.op, Some(Op::Input)) {
                self.pool.give(std::mem::take(&mut node.grad));
                node.reached = false;
            }
        }
    }
}

/// One operation on its way back.
struct Step<'a> {
    before: &'a mut [Node],
    node: &'a mut Node,
    leaves: &'a [&'a [f32]],
    gradients: &'a mut Gradients,
    links: &'a [Senders],
    factors: &'a mut [Vec<f32>],
    scratch: &'a mut [Vec<f32>; 2],
    pool: &'a mut Pool,
    team: [usize; 2],
}

impl Step<'_> {
    fn back(&mut self) {
        let width = self.node.width.max(1);
        match self.node.op {
            None | Some(Op::Input | Op::Observations) => {}
            Some(Op::Leaf(slot)) => {
                if self.gradients.of_weights {
                    add(self.gradients.of_mut(slot), &self.node.grad);
                }
            }
            Some(Op::Observe { norm, layer, f }) => {
                self.before_activation(f, 1);
                if self.gradients.of_weights {
                    let (standard, d) = (&self.node.saved[0], &self.node.grad);
                    let (leaves, scratch) = (self.leaves, &mut self.scratch[0]);
                    let gradients = &mut *self.gradients;
                    observe::backward(standard, &norm, &layer, leaves, d, scratch, gradients);
                }
            }
            Some(Op::ObserveShared {
                norm,
                layer,
                f,
                shared,
            }) => {
                self.before_activation(f, 1);
                if self.gradients.of_weights {
                    let sizes = shared::Sizes::new(&norm, shared, self.team);
                    let (saved, d) = (&self.node.saved[0], &self.node.grad);
                    let (leaves, scratch) = (self.leaves, &mut self.scratch[0]);
                    let gradients = &mut *self.gradients;
                    let of = (&norm, &layer);
                    shared::backward(saved, sizes, of, leaves, d, scratch, gradients);
                }
            }
            Some(Op::Linear { layer, first, f, x }) => {
                self.before_activation(f, 0);
                self.linear(&layer, first, x);
            }
            Some(Op::Activate { f, x }) => {
                self.before_activation(f, 0);
                self.before[x.0].take_over(&mut self.node.grad);
            }
            Some(Op::Round(x)) => self.before[x.0].take_over(&mut self.node.grad),
            Some(Op::Norm { layer, x, y }) => {
                let weight = self.leaves[layer.weight.index()];
                let agents = self.team[1].max(1);
                let affine = |row: usize| {
                    let own = part(weight.len(), layer.per, row % agents);
                    (&weight[own.clone()], own.start)
                };
                let into = self.gradients.of_both([layer.weight, layer.bias]);
                let Node { saved, grad, .. } = &mut *self.node;
                match layer.per {
                    Per::Team => norm_backward(saved, grad, width, |_| (weight, 0), into),
                    Per::Agent(_) => norm_backward(saved, grad, width, affine, into),
                }
                if let Some(y) = y {
                    self.before[y.0].take_in(&self.node.grad, self.pool);
                }
                self.before[x.0].take_over(&mut self.node.grad);
            }
            Some(Op::Residual { norm, x, layer, h }) => {
                let weight = self.leaves[norm.weight.index()];
                let into = self.gradients.of_both([norm.weight, norm.bias]);
                let Node { saved, grad, .. } = &mut *self.node;
                norm_backward(saved, grad, width, |_| (weight, 0), into);
                self.linear(&layer, 0, h);
                self.before[x.0].take_over(&mut self.node.grad);
            }
            Some(Op::Add(x, y)) => {
                self.before[y.0].take_in(&self.node.grad, self.pool);
                self.before[x.0].take_over(&mut self.node.grad);
            }
            Some(Op::ScaleRows(x, factors)) => {
                let rows = self.node.grad.chunks_exact_mut(width);
                for (row, factor) in rows.zip(&self.before[factors.0].value) {
                    row.iter_mut().for_each(|d| *d *= factor);
                }
                self.before[x.0].take_over(&mut self.node.grad);
            }
            Some(Op::Concat(x, y)) => {
                let left = self.before[x.0].width;
                self.send_columns(x, 0..left);
                self.send_columns(y, left..width);
            }
            Some(Op::Columns(x, first)) => {
                if self.before[x.0].wants {
                    let wide = self.before[x.0].width;
                    let rows = self.before[x.0].grad(self.pool).chunks_exact_mut(wide);
                    for (into, d) in rows.zip(self.node.grad.chunks_exact(width)) {
                        add(&mut into[first..first + width], d);
                    }
                }
            }
            Some(Op::Rows(x, first)) => {
                if self.before[x.0].wants {
                    let at = first * width..first * width + self.node.grad.len();
                    add(&mut self.before[x.0].grad(self.pool)[at], &self.node.grad);
                }
            }
            Some(Op::Stack) => {
                let mut start = 0;
                for part in &self.node.index {
                    let length = self.before[*part].value.len();
                    self.before[*part].take_in(&self.node.grad[start..start + length], self.pool);
                    start += length;
                }
            }
            Some(Op::Dropout(x)) => {
                multiply(&mut self.node.grad, &self.node.saved[0]);
                self.before[x.0].take_over(&mut self.node.grad);
            }
            Some(Op::LookUp(table)) => {
                if self.before[table.0].wants {
                    let into = self.before[table.0].grad(self.pool);
                    for (d, row) in self.node.grad.chunks_exact(width).zip(&self.node.index) {
                        add(&mut into[row * width..(row + 1) * width], d);
                    }
                }
            }
            Some(Op::Attend { .. }) => self.attend(),
            Some(Op::AttendPairs {
                layer,
                receivers,
                senders,
                links,
            }) => {
                let node = &*self.node;
                let (lists, agents) = (&self.links[links.0], self.team[1].max(1));
                let pairs = Pairs::new(&layer, self.leaves, lists, None, agents);
                let slots = (layer.decision).filter(|_| self.gradients.of_weights);
                let slots = slots.and_then(|decision| Some([decision.weight, decision.bias?]));
                let decision = slots.map(|slots| self.gradients.of_both(slots));
                with_gradients(
                    (self.before, self.pool),
                    [receivers, senders],
                    |values, [receivers, senders]| {
                        let into = pairs::Back {
                            receivers,
                            senders,
                            decision,
                        };
                        pairs.backward(values, &node.saved[0], [&node.value, &node.grad], into);
                    },
                );
            }
            Some(Op::MeanOfSenders(x, links)) => {
                if self.before[x.0].wants {
                    let (agents, senders) = (self.team[1].max(1), &self.links[links.0]);
                    let into = self.before[x.0].grad(self.pool);
                    for (row, d) in self.node.grad.chunks_exact(width).enumerate() {
                        let (team, place) = (row / agents, row % agents);
                        let (_, list) = senders.of(team, place, false);
                        let share = 1.0 / (list.len().max(2) - 1) as f32;
                        for sender in list.iter().filter(|sender| sender.agent as usize != place) {
                            let at = (team * agents + sender.agent as usize) * width;
                            add_scaled(&mut into[at..at + width], share, d);
                        }
                    }
                }
            }
            Some(Op::Gru([input, hidden, state])) => {
                let node = &*self.node;
                with_gradients(
                    (self.before, self.pool),
                    [input, hidden, state],
                    |[_, hidden, state], into| recurrent::gru_backward(node, [hidden, state], into),
                );
            }
            Some(Op::Lstm([input, hidden, state])) => {
                let node = &*self.node;
                with_gradients(
                    (self.before, self.pool),
                    [input, hidden, state],
                    |[_, _, state], into| recurrent::lstm_backward(node, state, into),
                );
            }
        }
    }

    /// From the gradient after an activation, in place, that before it.
    fn before_activation(&mut self, f: Activation, saved: usize) {
        let Node {
            grad,
            value,
            saved: all,
            ..
        } = &mut *self.node;
        match f {
            Activation::Identity => {}
            Activation::Relu => relu_backward(grad, value),
            Activation::Gelu | Activation::Tanh | Activation::Sigmoid => {
                multiply(grad, &all[saved]);
            }
        }
    }

    fn send_columns(&mut self, x: Var, range: Range<usize>) {
        let (width, into) = (self.node.width.max(1), &mut self.before[x.0]);
        if into.wants && !range.is_empty() {
            let rows = into.grad(self.pool).chunks_exact_mut(range.len());
            for (into, d) in rows.zip(self.node.grad.chunks_exact(width)) {
                add(into, &d[range.clone()]);
            }
        }
    }

    fn linear(&mut self, layer: &Linear, first: usize, x: Var) {
        let (inputs, width) = (layer.inputs, self.node.width);
        let weight = self.leaves[layer.weight.index()];
        let (agents, step) = match layer.per {
            Per::Team => (1, 1),
            Per::Agent(agents) => (agents, agents),
        };
        let own = |agent: usize| {
            let all = part(weight.len(), layer.per, agent);
            all.start + first * inputs..all.start + (first + width) * inputs
        };
        let dy = View::new(&self.node.grad, width);
        if self.before[x.0].wants {
            let (dx, reached) = self.before[x.0].grad_or_room(self.pool);
            for agent in 0..agents {
                let into = ViewMut::new(dx, inputs).every(step, agent);
                let weight = View::new(&weight[own(agent)], inputs);
                product(into, dy.every(step, agent), weight, reached);
            }
        }
        if !self.gradients.of_weights {
            return;
        }
        let x = View::new(&self.before[x.0].value, inputs);
        let d_weight = self.gradients.of_mut(layer.weight);
        for agent in 0..agents {
            let into = ViewMut::new(&mut d_weight[own(agent)], inputs);
            product(into, dy.every(step, agent).t(), x.every(step, agent), true);
        }
        if let Some(bias) = layer.bias {
            let d_bias = self.gradients.of_mut(bias);
            match layer.per {
                Per::Team => add_rows(&mut d_bias[first..first + width], &self.node.grad),
                // A team's rows together are as long as all the agents' biases.
                Per::Agent(_) => add_rows(d_bias, &self.node.grad),
            }
        }
    }

    fn attend(&mut self) {
        let Some(Op::Attend {
            layer,
            terms,
            queries,
            memory,
            links,
            causal,
        }) = self.node.op
        else {
            return;
        };
        // Each is given back at the end; they are the values of different nodes.
        let mut lend = |var: Var| {
            let node = &mut self.before[var.0];
            node.grad(self.pool);
            (
                std::mem::take(&mut node.value),
                std::mem::take(&mut node.grad),
            )
        };
        let (query, mut d_query) = lend(queries);
        let (keys, mut d_memory) = lend(memory);
        let (term, mut d_terms) = terms.map(&mut lend).unwrap_or_default();
        attend_backward(
            &layer,
            terms.is_some().then_some(term.as_slice()),
            [&query, &keys],
            (&self.links[links.0], causal, None, self.team),
            &self.node.saved[0],
            &self.node.grad,
            Back {
                queries: &mut d_query,
                memory: &mut d_memory,
                terms: &mut d_terms,
                factors: &mut self.factors[links.0],
                scores: &mut self.scratch[0],
            },
        );
        let lent = [
            Some((queries, query, d_query)),
            Some((memory, keys, d_memory)),
            terms.map(|terms| (terms, term, d_terms)),
        ];
        for (var, value, grad) in lent.into_iter().flatten() {
            let node = &mut self.before[var.0];
            (node.value, node.grad) = (value, grad);
        }
    }
}

/// Lends several values at once, and their gradients to be added to.
fn with_gradients<const K: usize>(
    (before, pool): (&mut [Node], &mut Pool),
    vars: [Var; K],
    then: impl FnOnce([&[f32]; K], [&mut [f32]; K]),
) {
    let mut lent = vars.map(|var| {
        let node = &mut before[var.0];
        node.grad(pool);
        std::mem::take(&mut node.grad)
    });
    let values = vars.map(|var| before[var.0].value.as_slice());
    then(values, lent.each_mut().map(Vec::as_mut_slice));
    for (var, grad) in vars.into_iter().zip(lent) {
        before[var.0].grad = grad;
    }
}
