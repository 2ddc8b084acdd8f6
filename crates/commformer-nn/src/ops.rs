//! What a network is written in.

use crate::layers::{Activation, Attention, Gru, Linear, Lstm, Norm, PairAttention};
use crate::layout::Slot;
use crate::levels::Levels;
use std::ops::Range;

/// The operations of one pass over B teams with N agents. A backend carries them out; what a network is made of is
/// written once, over this trait.
///
/// A value has a row for each agent of each team, teams outermost, (B N, width); or, during an agent's turn, the
/// rows of that agent alone, (B, width). A leaf is a value, too, whose rows belong to nobody.
///
/// # Panics
///
/// Backends check what a caller gives to a pass; the sizes within a network are its definition's own matter, and
/// an operation whose operands do not fit is a panic.
pub trait Ops {
    /// Rows of numbers.
    type Value;
    /// Who hears whom.
    type Links;
    /// Rows of another value.
    type Index;

    /// The same value, to be held twice.
    fn same(&mut self, x: &Self::Value) -> Self::Value;

    /// A leaf as it is, (rows, width).
    fn leaf(&mut self, slot: Slot, shape: [usize; 2]) -> Self::Value;

    /// The unit matrix.
    fn identity(&mut self, size: usize) -> Self::Value;

    /// f(z W^T + b) of observations, which get no gradient, with z = LN(obs) or, with the leaves `moments`, what
    /// [`seen`](crate::seen) makes of them by a mean and a variance of each feature, scaled and shifted by the norm.
    fn observe(
        &mut self,
        moments: Option<[Slot; 2]>,
        norm: &Norm,
        layer: &Linear,
        f: Activation,
        obs: &Self::Value,
    ) -> Self::Value;

    /// The same with z = LN([shared, own]), where the numbers `shared`, (teams, S), are those of a whole team.
    fn observe_shared(
        &mut self,
        norm: &Norm,
        layer: &Linear,
        f: Activation,
        shared: &Self::Value,
        own: &Self::Value,
    ) -> Self::Value;

    /// f(x W^T + b) for the outputs `part` of a layer.
    fn linear_part(
        &mut self,
        layer: &Linear,
        part: Range<usize>,
        f: Activation,
        x: &Self::Value,
    ) -> Self::Value;

    /// f(x)
    fn activate(&mut self, f: Activation, x: &Self::Value) -> Self::Value;

    /// Numbers from -1 to 1, each to its nearest level. The gradient is that of x itself (straight-through; Bengio et al.,
    /// arXiv 1308.3432).
    fn round(&mut self, levels: Levels, x: &Self::Value) -> Self::Value;

    /// LN(x), or LN(x + y).
    fn norm(&mut self, layer: &Norm, x: &Self::Value, y: Option<&Self::Value>) -> Self::Value;

    /// x + y
    fn add(&mut self, x: &Self::Value, y: &Self::Value) -> Self::Value;

    /// Each row of x times its number of `factors`, (rows, 1), which gets no gradient.
    fn scale_rows(&mut self, x: &Self::Value, factors: &Self::Value) -> Self::Value;

    /// Rows side by side.
    fn concat(&mut self, x: &Self::Value, y: &Self::Value) -> Self::Value;

    /// The rows of one step of a value whose rows are those of several, one step after the other.
    fn step(&mut self, x: &Self::Value, step: usize, of: usize) -> Self::Value;

    /// The rows of steps, one after the other.
    fn join_steps(&mut self, steps: &[Self::Value]) -> Self::Value;

    /// Sets a share of the numbers to 0 and scales the others to keep the mean, where the pass has noise for it.
    fn dropout(&mut self, share: f64, x: &Self::Value) -> Self::Value;

    /// The rows of `table` that `index` names.
    fn look_up(&mut self, table: &Self::Value, index: &Self::Index) -> Self::Value;

    /// Every receiver's sum of its senders' values, weighted by the softmax of their scores: queries (.., E) of the
    /// receivers, keys and values side by side (.., 2 E) of all agents. `terms` (2, 2 E) are the relation terms rq and
    /// rk of an absent edge and of a present one. For a decoder, `causal`, agents hear only those up to themselves.
    fn attend(
        &mut self,
        layer: &Attention,
        terms: Option<&Self::Value>,
        queries: &Self::Value,
        memory: &Self::Value,
        links: &Self::Links,
        causal: bool,
    ) -> Self::Value;

    /// What every receiver hears along the edges on which both ends decide: u and queries side by side (.., D + K) of the
    /// receivers; v, keys and values side by side (.., D + K + V) of all agents.
    fn attend_pairs(
        &mut self,
        layer: &PairAttention,
        receivers: &Self::Value,
        senders: &Self::Value,
        links: &Self::Links,
    ) -> Self::Value;

    /// What of the last [`attend`](Self::attend)'s result came from others than the receiver; without a gradient.
    fn of_others(&mut self, heard: &Self::Value) -> Self::Value;

    /// Every receiver's mean over the rows of its senders, itself not among them; 0 for who hears nobody.
    fn mean_of_senders(&mut self, x: &Self::Value, links: &Self::Links) -> Self::Value;

    /// A recurrent cell's next state, from what its layers made of the input and of the state.
    fn gru_cell(
        &mut self,
        input: &Self::Value,
        hidden: &Self::Value,
        state: &Self::Value,
    ) -> Self::Value;

    /// The same of an LSTM, whose state (.., 2 H) is h and c side by side.
    fn lstm_cell(
        &mut self,
        input: &Self::Value,
        hidden: &Self::Value,
        state: &Self::Value,
    ) -> Self::Value;

    /// Some consecutive columns.
    fn columns(&mut self, x: &Self::Value, range: Range<usize>) -> Self::Value;

    /// The rows of the agent whose turn it is, out of all agents' rows; during no turn all of them.
    fn of_turn(&mut self, x: &Self::Value) -> Self::Value;

    /// What agents in later turns need of this one. During no turn it is `x` itself; during a turn `x` goes into
    /// place `place` of a memory that holds all agents' rows up to it, and the memory is the result.
    fn remember(&mut self, place: usize, x: &Self::Value) -> Self::Value;

    /// LN(x + dropout(h W^T + b)): how a branch of a network joins it again.
    fn residual(
        &mut self,
        norm: &Norm,
        x: &Self::Value,
        layer: &Linear,
        h: &Self::Value,
        dropout: f64,
    ) -> Self::Value {
        let branch = self.linear(layer, h);
        let branch = self.dropout(dropout, &branch);
        self.norm(norm, x, Some(&branch))
    }

    /// x W^T + b
    fn linear(&mut self, layer: &Linear, x: &Self::Value) -> Self::Value {
        self.linear_part(layer, 0..layer.outputs, Activation::Identity, x)
    }

    /// The same, of which a loss depends too much to be rounded on the way.
    fn exact_linear(&mut self, layer: &Linear, x: &Self::Value) -> Self::Value {
        self.linear(layer, x)
    }

    /// f(x W^T + b)
    fn activated(&mut self, layer: &Linear, f: Activation, x: &Self::Value) -> Self::Value {
        self.linear_part(layer, 0..layer.outputs, f, x)
    }

    /// A message of few numbers: tanh(x W^T + b), each rounded to its nearest level where they have levels.
    fn message(&mut self, layer: &Linear, levels: Option<Levels>, x: &Self::Value) -> Self::Value {
        let said = self.activated(layer, Activation::Tanh, x);
        match levels {
            None => said,
            Some(levels) => self.round(levels, &said),
        }
    }

    /// A GRU's next state.
    fn gru(&mut self, cell: &Gru, x: &Self::Value, state: &Self::Value) -> Self::Value {
        let input = self.linear(&cell.input, x);
        let hidden = self.linear(&cell.hidden, state);
        self.gru_cell(&input, &hidden, state)
    }

    /// An LSTM's next state, (.., 2 H).
    fn lstm(&mut self, cell: &Lstm, x: &Self::Value, state: &Self::Value) -> Self::Value {
        let input = self.linear(&cell.input, x);
        let h = self.columns(state, 0..cell.width());
        let hidden = self.linear(&cell.hidden, &h);
        self.lstm_cell(&input, &hidden, state)
    }
}
