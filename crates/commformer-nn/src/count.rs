//! What a pass costs, by its sizes alone.
//!
//! [`Count`] is a backend without numbers: a network that runs on it tells how many multiply-adds its passes take.
//! Counts are `f64`, which no size overflows.
//!
//! Multiply-adds are the algorithm's, not an implementation's: an attention has a product for each sender that is heard,
//! and every agent's row is projected, whether or not it is looked up in a table that was projected before. Left out is
//! what is no product of matrices (norms, activations, softmax, a layer of one input, which scales a row), and what a
//! pass does once for all samples.
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
//! ```

mod ops;

/// A pass that is counted: [`Ops`](crate::Ops) on sizes.
///
/// A network of equal blocks need not be made whole: each adds as much as the one before. Nor does it need a head
/// for each agent, whose rows cost the same under the first one's.
#[derive(Clone, Debug)]
pub struct Count {
    /// B and N, and k, the others that an agent hears: a mean need not be whole.
    size: [f64; 3],
    /// Multiply-adds forward and backward.
    products: [f64; 2],
}

/// A value's sizes.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    rows: f64,
    width: usize,
    /// Whether its gradient is asked for.
    wants: bool,
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
    /// A pass over so many teams of so many agents, each of which hears `senders` others.
    pub fn new(teams: f64, agents: f64, senders: f64) -> Self {
        Self {
            size: [teams, agents, senders],
            products: [0.0; 2],
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

    /// Rows of all agents.
    pub fn rows(&self) -> f64 {
        let [teams, agents, _] = self.size;
        teams * agents
    }

    /// Rows that come from outside. With `wants` their gradient is asked for.
    pub fn input(&mut self, width: usize, wants: bool) -> Value {
        Value {
            rows: self.rows(),
            width,
            wants,
            of: Of::Agents,
        }
    }

    /// Lists of senders.
    pub fn links(&self) -> Links {
        Links(())
    }

    /// A product of rows with a matrix.
    fn product(&mut self, x: &Value, outputs: usize) -> Value {
        let forward = x.width as f64 * outputs as f64;
        let backward = if x.wants { 2.0 } else { 1.0 } * forward;
        let of = match x.of {
            Of::Unit => Of::Table([0.0; 2]),
            Of::Table([before, back]) => Of::Table([before + forward, back + backward]),
            Of::Agents => {
                self.take(x.rows, [forward, backward]);
                Of::Agents
            }
        };
        Value {
            width: outputs,
            wants: true,
            of,
            ..*x
        }
    }

    /// Adds the multiply-adds of so many rows.
    fn take(&mut self, rows: f64, of_a_row: [f64; 2]) {
        for (sum, more) in self.products.iter_mut().zip(of_a_row) {
            *sum += rows * more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Count;
    use crate::Ops;
    use crate::layers::{Linear, PairAttention, Score};
    use crate::layout::{Init, Layout};

    #[test]
    fn every_pair_takes_its_decision_its_score_and_its_value() {
        let decision = Linear::new(&mut Layout::new(), "decision", [5, 1], Init::Normal);
        let decided = PairAttention {
            decision: Some(decision),
            key: 3,
            value: 7,
            score: Score::Product(1.0),
            itself: false,
        };
        let open = PairAttention {
            decision: None,
            key: 1,
            score: Score::Sum(0.2),
            itself: true,
            ..decided
        };
        for (layer, pairs, of_each) in [(decided, 2.0, 5.0 + 3.0 + 7.0), (open, 3.0, 7.0)] {
            // 10 teams of 4 agents, each of which hears 2 others.
            let mut ops = Count::new(10.0, 4.0, 2.0);
            let [receivers, senders] =
                [0, layer.value].map(|more| ops.input(layer.pair() + layer.key + more, true));
            let links = ops.links();
            let heard = ops.attend_pairs(&layer, &receivers, &senders, &links);
            assert_eq!((heard.rows, heard.width), (40.0, 7));
            assert_eq!(ops.forward(), 40.0 * pairs * of_each);
            assert_eq!(ops.training(), 3.0 * ops.forward());
        }
    }
}
