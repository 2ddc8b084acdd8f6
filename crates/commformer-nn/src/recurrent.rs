//! Recurrent cells through one step or several.

use crate::Ops;
use crate::layers::Gru;

/// What a cell goes on from.
#[derive(Clone, Debug)]
pub struct Hidden<V> {
    /// Its state before the first step, (.., H).
    pub state: V,
    /// For each step, 0 for the agents that begin anew in it and else 1, (.., 1); `None`: none does.
    pub goes_on: Vec<Option<V>>,
}

/// The states of a GRU after each step, and after the last. Inputs of several steps are one step after the other, and so
/// are the states.
pub fn unroll<O: Ops>(
    ops: &mut O,
    cell: &Gru,
    x: &O::Value,
    hidden: Hidden<O::Value>,
) -> (O::Value, O::Value) {
    // What does not wait for the state is one product for all steps.
    let inputs = ops.linear(&cell.input, x);
    let steps = hidden.goes_on.len();
    let mut state = hidden.state;
    let mut states = Vec::with_capacity(steps);
    for (step, goes_on) in hidden.goes_on.iter().enumerate() {
        if let Some(goes_on) = goes_on {
            state = ops.scale_rows(&state, goes_on);
        }
        let input = match steps {
            1 => ops.same(&inputs),
            _ => ops.step(&inputs, step, steps),
        };
        let from_state = ops.linear(&cell.hidden, &state);
        state = ops.gru_cell(&input, &from_state, &state);
        states.push(ops.same(&state));
    }
    let all = match &states[..] {
        [only] => ops.same(only),
        several => ops.join_steps(several),
    };
    (all, state)
}
