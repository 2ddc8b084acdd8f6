//! What a pass costs, by its sizes alone.
//!
//! [`Count`] is a backend without numbers: a network that runs on it tells how many multiply-adds its passes take and
//! how many bytes their buffers have. Counts are `f64`, which no size overflows.
//!
//! Multiply-adds are the algorithm's, not an implementation's: an attention has a product for each sender that is heard,
//! and every agent's row is projected, whether or not it is looked up in a table that was projected before. Left out is
//! what is no product of matrices (norms, activations, softmax, a layer of one input, which scales a row), and what a
//! pass does once for all samples. Bytes are those of the buffers of a [`Tape`](crate::native::Tape), or of
//! the tensors that autograd saves; neither parameters nor their gradients are among them.
//!
//! ```
//! use commformer_nn::Ops;
//! use commformer_nn::count::Count;
//! use commformer_nn::layers::{Activation, Linear};
//! use commformer_nn::layout::{Init, Layout};
//!
//! let mut layout = Layout::new();
//! let hidden = Linear::new(&mut layout, "hidden", [8, 64], Init::ACTIVATED);
//! let out = Linear::new(&mut layout, "out", [64, 5], Init::SMALL);
//!
//! // 100 teams of 3 agents, each of which hears one other.
//! let mut ops = Count::new(100.0, 3.0, 1.0);
//! let x = ops.input(8, false);
//! let h = ops.activated(&hidden, Activation::Tanh, &x);
//! ops.linear(&out, &h);
//! assert_eq!(ops.forward(), 300.0 * (8.0 * 64.0 + 64.0 * 5.0));
//! // A gradient for each weight, and for each input but x.
//! assert_eq!(ops.training(), 3.0 * ops.forward() - 300.0 * 8.0 * 64.0);
//! // Rows of x, tanh and its slope, and the outputs.
//! assert_eq!(ops.bytes(), 4.0 * 300.0 * (8.0 + 64.0 + 64.0 + 5.0));
//! // The gradients of both layers' rows, and a copy of x and the latter, of which that of a weight is made.
//! assert_eq!(ops.training_bytes(), ops.bytes() + 4.0 * 300.0 * (5.0 + 64.0 + 8.0 + 64.0));
//! ```

use crate::layers::{Activation, Attention, Linear, Norm, Per};
use crate::layout::Slot;
use crate::ops::Ops;
use crate::passes::{Precision, pays};
use std::ops::Range;

/// Bytes of a number.
const NUMBER: f64 = 4.0;

/// Of how many rows a product packs its factors at a time.
const PACKED: f64 = 512.0;

/// A pass that is counted: [`Ops`] on sizes.
///
/// A network of equal blocks need not be made whole: each adds as much as the one before. Nor does it need a head
/// for each agent, whose rows cost the same under the first one's.
#[derive(Clone, Debug)]
pub struct Count {
    /// Whether there is noise for dropout.
    pub dropout: bool,
    /// B and N, and k, the others that an agent hears: a mean need not be whole.
    size: [f64; 3],
    in_turn: bool,
    /// Whether libtorch carries the pass out, and in which numbers.
    torch: Option<Precision>,
    /// Multiply-adds forward and backward.
    products: [f64; 2],
    /// Numbers of the forward pass, and what there is more if a backward pass follows, but for gradients of values.
    numbers: [f64; 2],
    /// The most numbers that lie beside while an operation lasts, forward and in training.
    beside: [f64; 2],
    nodes: Vec<Node>,
}

/// What a value's gradient needs of memory.
#[derive(Clone, Debug)]
struct Node {
    numbers: f64,
    wants: bool,
    /// Whose gradients this one's adds to, in this order.
    sends: Vec<usize>,
    /// Whether the last of those may have its buffer.
    over: bool,
}

/// A value's sizes.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    node: usize,
    rows: f64,
    width: usize,
    of: Of,
}

/// Whose rows a value has.
#[derive(Clone, Copy, Debug)]
enum Of {
    Agents,
    /// Nobody's: they are made of parameters alone. A row took so many multiply-adds, forward and backward.
    Table([f64; 2]),
    /// The unit matrix's, with which a product is a look-up.
    Unit,
}

/// Senders' lists.
#[derive(Clone, Copy, Debug)]
pub struct Links(());

impl Count {
    /// A pass by the kernels over so many teams of so many agents, each of which hears `senders` others.
    pub fn new(teams: f64, agents: f64, senders: f64) -> Self {
        Self {
            dropout: false,
            size: [teams, agents, senders],
            in_turn: false,
            torch: None,
            products: [0.0; 2],
            numbers: [0.0; 2],
            beside: [0.0; 2],
            nodes: Vec::new(),
        }
    }

    /// The same by libtorch. Without autograd it holds less than [`Count::bytes`]: what nothing reads any more is gone.
    pub fn by_torch(self, precision: Precision) -> Self {
        Self {
            torch: Some(precision),
            ..self
        }
    }

    /// Multiply-adds of a forward pass.
    pub fn forward(&self) -> f64 {
        self.products[0]
    }

    /// Multiply-adds of a forward and a backward pass. Backwards each product is met by one that gives the gradient of
    /// its weight (or first factor), and one that gives that of its input, unless that is given.
    pub fn training(&self) -> f64 {
        self.products.iter().sum()
    }

    /// Bytes of the buffers of a forward pass, without copies of weights.
    pub fn bytes(&self) -> f64 {
        NUMBER * (self.numbers[0] + self.beside[0])
    }

    /// Bytes of the buffers of a forward and a backward pass; the loss is made of the values that nothing else is
    /// made of.
    pub fn training_bytes(&self) -> f64 {
        let numbers: f64 = self.numbers.iter().sum();
        NUMBER * (numbers + self.beside[1] + self.gradients())
    }

    /// Rows of all agents, or of the one whose turn it is.
    pub fn rows(&self) -> f64 {
        let [teams, agents, _] = self.size;
        if self.in_turn { teams } else { teams * agents }
    }

    /// Rows that come from outside. With `wants` their gradient is asked for.
    pub fn input(&mut self, width: usize, wants: bool) -> Value {
        let x = self.push(Of::Agents, [self.rows(), 0.0], width, &[]);
        self.nodes[x.node].wants = wants;
        x
    }

    /// Observations, which stay where they are.
    pub fn observations(&mut self, width: usize) -> Value {
        let before = self.numbers;
        let obs = self.input(width, false);
        self.numbers = before;
        obs
    }

    /// Lists of senders.
    pub fn links(&mut self) -> Links {
        // An agent, an edge and a factor, in a list that has grown; and the factor's gradient.
        self.numbers[0] += 4.0 * self.entries();
        self.numbers[1] += self.entries();
        Links(())
    }

    /// Begins an agent's turn. One stands for all: they use the same buffers.
    pub fn turn(&mut self) {
        self.in_turn = true;
    }

    /// Entries of the lists of all teams.
    fn entries(&self) -> f64 {
        let [teams, agents, senders] = self.size;
        teams * agents * (senders + 1.0)
    }

    /// One more value, with so many rows and so many numbers that its backward pass needs beside it.
    fn push(&mut self, of: Of, [rows, saved]: [f64; 2], width: usize, sends: &[&Value]) -> Value {
        let numbers = rows * width as f64;
        self.numbers[0] += numbers;
        match self.torch {
            None => self.numbers[0] += saved,
            Some(Precision::Float32) => self.numbers[1] += saved,
            // What is multiplied is saved rounded.
            Some(Precision::Bfloat16) => self.numbers[1] += saved + numbers / 2.0,
        }
        self.nodes.push(Node {
            numbers,
            wants: sends.iter().any(|x| self.wants(x)),
            sends: sends.iter().map(|x| x.node).collect(),
            over: false,
        });
        let node = self.nodes.len() - 1;
        Value {
            node,
            rows,
            width,
            of,
        }
    }

    /// The same of parameters, too, which want a gradient.
    fn learned(&mut self, of: Of, sizes: [f64; 2], width: usize, sends: &[&Value]) -> Value {
        let value = self.push(of, sizes, width, sends);
        self.nodes[value.node].wants = true;
        value
    }

    /// A value like the last of `sends`, whose gradient may go on to that in its buffer.
    fn like(&mut self, x: &Value, saved: f64, sends: &[&Value]) -> Value {
        let value = self.push(x.of, [x.rows, saved], x.width, sends);
        self.nodes[value.node].over = true;
        value
    }

    fn wants(&self, x: &Value) -> bool {
        self.nodes[x.node].wants
    }

    /// A product of rows with a matrix, and whose rows it makes.
    fn product(&mut self, x: &Value, outputs: usize) -> Of {
        let forward = x.width as f64 * outputs as f64;
        let backward = if self.wants(x) { 2.0 } else { 1.0 } * forward;
        match x.of {
            Of::Unit => Of::Table([0.0; 2]),
            Of::Table([before, back]) => Of::Table([before + forward, back + backward]),
            Of::Agents => {
                self.take(x.rows, [forward, backward]);
                Of::Agents
            }
        }
    }

    /// Adds the multiply-adds of so many rows.
    fn take(&mut self, rows: f64, of_a_row: [f64; 2]) {
        for (sum, more) in self.products.iter_mut().zip(of_a_row) {
            *sum += rows * more;
        }
    }

    /// Room for so many numbers while an operation lasts.
    fn room(&mut self, pass: usize, numbers: f64) {
        self.beside[pass] = self.beside[pass].max(numbers);
    }

    /// What the gradient of a weight packs of both its factors.
    fn packs(&mut self, x: &Value, outputs: usize) {
        self.room(1, x.rows.min(PACKED) * (x.width as f64 + outputs as f64));
    }

    /// Numbers of the values' gradients, whose buffers are handed on as a tape's are.
    fn gradients(&self) -> f64 {
        let (mut all, mut pool) = (0.0, Vec::new());
        let mut held: Vec<Option<f64>> = vec![None; self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate().rev() {
            let over = node.sends.last().filter(|_| node.over);
            for x in std::iter::once(&at).chain(&node.sends) {
                if !(node.wants && self.nodes[*x].wants && held[*x].is_none()) {
                    continue;
                }
                if over == Some(x) {
                    held[*x] = held[at].take();
                    continue;
                }
                let (numbers, found) = (self.nodes[*x].numbers, pool.pop().unwrap_or(0.0));
                // A vector that grows at least doubles.
                let room = match numbers > found {
                    true => numbers.max(2.0 * found),
                    false => found,
                };
                all += room - found;
                held[*x] = Some(room);
            }
            pool.extend(held[at].take());
        }
        all
    }
}

/// Numbers of a row's slope, where that cannot be read from the result.
fn slope(f: Activation, width: usize) -> f64 {
    match f {
        Activation::Identity | Activation::Relu => 0.0,
        Activation::Gelu | Activation::Tanh | Activation::Sigmoid => width as f64,
    }
}

impl Ops for Count {
    type Value = Value;
    type Links = Links;
    /// How many rows.
    type Index = f64;

    fn same(&mut self, x: &Value) -> Value {
        *x
    }

    fn leaf(&mut self, _: Slot, [rows, width]: [usize; 2]) -> Value {
        self.learned(Of::Table([0.0; 2]), [rows as f64, 0.0], width, &[])
    }

    fn identity(&mut self, size: usize) -> Value {
        self.push(Of::Unit, [size as f64, 0.0], size, &[])
    }

    fn observe(
        &mut self,
        _: Option<[Slot; 2]>,
        _: &Norm,
        layer: &Linear,
        f: Activation,
        obs: &Value,
    ) -> Value {
        let of = self.product(obs, layer.outputs);
        let slopes = obs.rows * slope(f, layer.outputs);
        // The weights with the norm folded in, whose buffer the slopes get, and their gradient.
        let folded = (layer.inputs as f64 + 1.0) * layer.outputs as f64;
        self.numbers[1] += (folded - slopes).max(0.0);
        self.room(1, folded);
        let saved = obs.rows * layer.inputs as f64 + slopes;
        self.learned(of, [obs.rows, saved], layer.outputs, &[])
    }

    fn linear_part(&mut self, _: &Linear, part: Range<usize>, f: Activation, x: &Value) -> Value {
        let of = match x.width {
            1 => x.of,
            _ => self.product(x, part.len()),
        };
        self.packs(x, part.len());
        let saved = x.rows * slope(f, part.len());
        self.learned(of, [x.rows, saved], part.len(), &[x])
    }

    fn activate(&mut self, f: Activation, x: &Value) -> Value {
        self.like(x, x.rows * slope(f, x.width), &[x])
    }

    fn norm(&mut self, _: &Norm, x: &Value, y: Option<&Value>) -> Value {
        let numbers = x.rows * x.width as f64;
        let saved = match (y, self.torch) {
            (None, Some(_)) => 0.0, // the input itself
            _ => numbers,
        };
        if y.is_some() {
            self.room(0, numbers);
            self.room(1, numbers);
        }
        let sends: Vec<&Value> = y.into_iter().chain([x]).collect();
        let value = self.like(x, saved + x.rows, &sends);
        self.nodes[value.node].wants = true;
        value
    }

    fn residual(&mut self, norm: &Norm, x: &Value, layer: &Linear, h: &Value, share: f64) -> Value {
        if share > 0.0 && self.dropout || layer.per != Per::Team || norm.per != Per::Team {
            let branch = self.linear(layer, h);
            let branch = self.dropout(share, &branch);
            return self.norm(norm, x, Some(&branch));
        }
        let of = self.product(h, layer.outputs);
        self.packs(h, layer.outputs);
        let value = self.norm(norm, x, Some(h));
        Value { of, ..value }
    }

    fn add(&mut self, x: &Value, y: &Value) -> Value {
        self.like(x, 0.0, &[y, x])
    }

    fn scale_rows(&mut self, x: &Value, _: &Value) -> Value {
        self.like(x, 0.0, &[x])
    }

    fn concat(&mut self, x: &Value, y: &Value) -> Value {
        self.push(x.of, [x.rows, 0.0], x.width + y.width, &[x, y])
    }

    fn step(&mut self, x: &Value, _: usize, of: usize) -> Value {
        self.push(x.of, [x.rows / of as f64, 0.0], x.width, &[x])
    }

    fn join_steps(&mut self, steps: &[Value]) -> Value {
        let rows = steps.iter().map(|x| x.rows).sum();
        let width = steps.first().map_or(0, |x| x.width);
        let sends: Vec<&Value> = steps.iter().collect();
        self.push(Of::Agents, [rows, 2.0 * steps.len() as f64], width, &sends)
    }

    fn dropout(&mut self, share: f64, x: &Value) -> Value {
        match self.dropout && share > 0.0 {
            true => self.like(x, x.rows * x.width as f64, &[x]),
            false => *x,
        }
    }

    fn look_up(&mut self, table: &Value, rows: &f64) -> Value {
        if let Of::Table(of_a_row) = table.of {
            self.take(*rows, of_a_row);
        }
        // An index is as long as two numbers.
        self.push(Of::Agents, [*rows, 2.0 * rows], table.width, &[table])
    }

    fn attend(
        &mut self,
        layer: &Attention,
        terms: Option<&Value>,
        queries: &Value,
        memory: &Value,
        _: &Links,
        causal: bool,
    ) -> Value {
        let [_, agents, senders] = self.size;
        let (rows, width, heads) = (queries.rows, layer.width() as f64, layer.heads as f64);
        // Of those that are heard, half have decided before, if they are spread evenly.
        let others = if causal { senders / 2.0 } else { senders };
        let products = 2.0 * width * (1.0 + others);
        self.take(rows, [products, 2.0 * products]);
        let saved = match self.torch {
            None => self.entries() * heads,
            // Queries and keys with the terms added; masks and scores, over lists or over all agents.
            Some(_) => {
                let (places, of_a_place) = (senders + 1.0, 6.0 + 5.0 * heads);
                let of_places = match pays(places.ceil() as i64, agents as i64) {
                    true => places * (of_a_place + 3.0 * width),
                    false => agents * of_a_place,
                };
                let numbers = rows * (2.0 * width + of_places);
                self.room(0, numbers);
                numbers
            }
        };
        let sends: Vec<&Value> = [queries, memory].into_iter().chain(terms).collect();
        self.learned(Of::Agents, [rows, saved], queries.width, &sends)
    }

    fn of_others(&mut self, heard: &Value) -> Value {
        self.push(Of::Agents, [heard.rows, 0.0], heard.width, &[])
    }

    fn mean_of_senders(&mut self, x: &Value, _: &Links) -> Value {
        self.push(Of::Agents, [self.rows().min(x.rows), 0.0], x.width, &[x])
    }

    fn gru_cell(&mut self, input: &Value, hidden: &Value, state: &Value) -> Value {
        let sizes = [state.rows, input.rows * input.width as f64];
        self.learned(Of::Agents, sizes, state.width, &[input, hidden, state])
    }

    fn lstm_cell(&mut self, input: &Value, hidden: &Value, state: &Value) -> Value {
        let sizes = [state.rows, 1.25 * input.rows * input.width as f64];
        self.learned(Of::Agents, sizes, state.width, &[input, hidden, state])
    }

    fn columns(&mut self, x: &Value, range: Range<usize>) -> Value {
        self.push(x.of, [x.rows, 0.0], range.len(), &[x])
    }

    fn of_turn(&mut self, x: &Value) -> Value {
        match self.in_turn {
            true => self.push(x.of, [self.rows(), 0.0], x.width, &[]),
            false => *x,
        }
    }

    fn remember(&mut self, _: usize, x: &Value) -> Value {
        let [teams, agents, _] = self.size;
        match self.in_turn {
            true => self.push(x.of, [teams * agents, 0.0], x.width, &[]),
            false => *x,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Gru, Lstm};
    use crate::layout::{Init, Layout};
    use crate::links::{Heard, Rules};
    use crate::native::{Gradients, Native, Tape};

    const TEAMS: usize = 50;
    const AGENTS: usize = 4;
    const WIDTH: usize = 8;

    /// Layers for every operation.
    struct Layers {
        layout: Layout,
        norm: Norm,
        first: Linear,
        attention: Attention,
        edges: Slot,
        gru: Gru,
        lstm: Lstm,
        own: Linear,
    }

    impl Layers {
        fn new() -> Self {
            let (mut layout, square) = (Layout::new(), [WIDTH, WIDTH]);
            let names = crate::layers::Names {
                leaf: "own",
                of: &|agent| format!("own.{agent}"),
            };
            let on = &mut layout;
            Self {
                norm: Norm::new(on, "norm", WIDTH),
                first: Linear::new(on, "first", square, Init::SMALL),
                attention: Attention::new(on, "attention", WIDTH, 2, true, 1.0),
                edges: on.whole("edges", &[2, WIDTH], Init::Normal),
                gru: Gru::new(on, "gru", square, Init::SMALL),
                lstm: Lstm::new(on, "lstm", square, Init::SMALL),
                own: Linear::of(on, &names, [WIDTH, 3], Init::SMALL, Per::Agent(AGENTS)),
                layout,
            }
        }

        /// Every operation once or more, on two steps.
        fn pass<O: Ops>(
            &self,
            ops: &mut O,
            [obs, state, factors]: [&O::Value; 3],
            links: &O::Links,
            tokens: &O::Index,
        ) -> O::Value {
            let edges = ops.leaf(self.edges, [2, WIDTH]);
            let terms = ops.linear(&self.attention.relation, &edges);
            let unit = ops.identity(WIDTH);
            let table = ops.activated(&self.first, Activation::Gelu, &unit);
            let looked = ops.look_up(&table, tokens);
            let x = ops.observe(None, &self.norm, &self.first, Activation::Gelu, obs);
            let x = ops.norm(&self.norm, &x, Some(&looked));
            let projected = ops.linear(&self.attention.projection, &x);
            let queries = ops.columns(&projected, 0..WIDTH);
            let memory = ops.columns(&projected, WIDTH..3 * WIDTH);
            let heard = ops.attend(
                &self.attention,
                Some(&terms),
                &queries,
                &memory,
                links,
                false,
            );
            let others = ops.of_others(&heard);
            let output = &self.attention.output;
            let x = ops.residual(&self.norm, &x, output, &heard, 0.0);
            let x = ops.residual(&self.norm, &x, output, &others, 0.1);
            let mean = ops.mean_of_senders(&x, links);
            let both = ops.concat(&x, &mean);
            let x = ops.columns(&both, 4..4 + WIDTH);
            let thought = ops.activate(Activation::Tanh, &x);
            let x = ops.add(&x, &thought);
            let x = ops.norm(&self.norm, &x, None);
            let state = ops.scale_rows(state, factors);
            let mut steps = Vec::new();
            let mut state = ops.step(&state, 0, 2);
            for step in 0..2 {
                let x = ops.step(&x, step, 2);
                state = ops.gru(&self.gru, &x, &state);
                let wide = ops.concat(&x, &state);
                let next = ops.lstm(&self.lstm, &x, &wide);
                steps.push(ops.columns(&next, 0..WIDTH));
            }
            let x = ops.join_steps(&steps);
            ops.linear(&self.own, &x)
        }
    }

    #[test]
    fn a_tape_takes_what_is_counted() {
        let layers = Layers::new();
        let numbers = layers.layout.fresh(&mut || 0.1);
        let leaves: Vec<&[f32]> = numbers.iter().map(Vec::as_slice).collect();
        let rows = TEAMS * AGENTS;
        let mut tape = Tape::default();
        tape.begin([TEAMS, AGENTS]);
        let obs = tape.input(&vec![1.0; rows * WIDTH], WIDTH, false);
        let state = tape.input(&vec![1.0; rows * WIDTH], WIDTH, true);
        let factors = tape.input(&vec![1.0; rows], 1, false);
        let (links, senders) = tape.new_links();
        let heard = Heard {
            graphs: &[1.0; AGENTS * AGENTS],
            graph_of: None,
            gate: None,
            active: None,
            teams: TEAMS,
            agents: AGENTS,
        };
        senders.fill(&heard, Rules::default());
        let mut noise = |factors: &mut [f32]| factors.fill(0.5);
        let mut ops = Native::new(&mut tape, &leaves);
        ops.dropout = Some(&mut noise);
        let out = layers.pass(&mut ops, [&obs, &state, &factors], &links, &vec![1; rows]);
        let mut gradients = Gradients::default();
        gradients.of_weights = true;
        gradients.clear(leaves.iter().map(|leaf| leaf.len()));
        tape.backward(&leaves, &[(out, &vec![1.0; rows * 3])], &mut gradients);

        let mut ops = Count::new(TEAMS as f64, AGENTS as f64, AGENTS as f64 - 1.0);
        ops.dropout = true;
        let inputs = [(WIDTH, false), (WIDTH, true), (1, false)];
        let [obs, state, factors] = inputs.map(|(width, wants)| ops.input(width, wants));
        layers.pass(
            &mut ops,
            [&obs, &state, &factors],
            &Links(()),
            &(rows as f64),
        );
        let [values, of_values] = tape.room();
        assert_eq!(ops.numbers[0], values as f64);
        assert_eq!(ops.gradients(), of_values as f64);
    }
}
