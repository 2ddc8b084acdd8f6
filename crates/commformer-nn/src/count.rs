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

mod ops;
#[cfg(test)]
mod tests;

use crate::passes::Precision;

/// Bytes of a number.
const NUMBER: f64 = 4.0;

/// Of how many rows a product packs its factors at a time.
const PACKED: f64 = 512.0;

/// A pass that is counted: [`Ops`](crate::Ops) on sizes.
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
