//! Cells of recurrent networks: what happens to rows after the products.

use super::activations::logistic;
use super::tape::Node;
use super::vectors::{sized, vectorized};

/// tanh by the kernels' own exponential.
#[inline(always)]
fn tanh(x: f32) -> f32 {
    2.0 * logistic(2.0 * x) - 1.0
}

/// A GRU's next state, into the node's value. `saved[0]` gets r, z and n of each row, 3 H numbers.
pub(super) fn gru(node: &mut Node, [input, hidden, state]: [&[f32]; 3]) {
    let width = node.width;
    let gates = sized(&mut node.saved[0], input.len());
    let out = &mut node.value;
    vectorized(
        #[inline(always)]
        || {
            let rows = input
                .chunks_exact(3 * width)
                .zip(hidden.chunks_exact(3 * width));
            let rows = rows.zip(state.chunks_exact(width));
            let outs = gates
                .chunks_exact_mut(3 * width)
                .zip(out.chunks_exact_mut(width));
            for (((x, h), state), (gates, out)) in rows.zip(outs) {
                for i in 0..width {
                    let [reset, update, new] = [i, width + i, 2 * width + i];
                    let r = logistic(x[reset] + h[reset]);
                    let z = logistic(x[update] + h[update]);
                    let n = tanh(x[new] + r * h[new]);
                    (gates[reset], gates[update], gates[new]) = (r, z, n);
                    out[i] = n + z * (state[i] - n);
                }
            }
        },
    );
}

/// From the gradient of the next state, adds those of what the layers made of input and state, and of the state.
pub(super) fn gru_backward(
    node: &Node,
    [hidden, state]: [&[f32]; 2],
    [d_input, d_hidden, d_state]: [&mut [f32]; 3],
) {
    let width = node.width;
    vectorized(
        #[inline(always)]
        || {
            for (row, d) in node.grad.chunks_exact(width).enumerate() {
                let wide = row * 3 * width..(row + 1) * 3 * width;
                let narrow = row * width..(row + 1) * width;
                let gates = &node.saved[0][wide.clone()];
                let (h, state) = (&hidden[wide.clone()], &state[narrow.clone()]);
                let (d_x, d_h) = (&mut d_input[wide.clone()], &mut d_hidden[wide]);
                let d_state = &mut d_state[narrow];
                for i in 0..width {
                    let [reset, update, new] = [i, width + i, 2 * width + i];
                    let (r, z, n) = (gates[reset], gates[update], gates[new]);
                    let d_n = d[i] * (1.0 - z) * (1.0 - n * n);
                    let d_r = d_n * h[new] * r * (1.0 - r);
                    let d_z = d[i] * (state[i] - n) * z * (1.0 - z);
                    d_x[reset] += d_r;
                    d_x[update] += d_z;
                    d_x[new] += d_n;
                    d_h[reset] += d_r;
                    d_h[update] += d_z;
                    d_h[new] += d_n * r;
                    d_state[i] += d[i] * z;
                }
            }
        },
    );
}

/// An LSTM's next state, h and c side by side, into the node's value. `saved[0]` gets the four gates of each row,
/// `saved[1]` tanh c.
pub(super) fn lstm(node: &mut Node, [input, hidden, state]: [&[f32]; 3]) {
    let width = node.width / 2;
    let [gates, tanh_c] = &mut node.saved;
    let gates = sized(gates, input.len());
    let tanh_c = sized(tanh_c, input.len() / 4);
    let out = &mut node.value;
    vectorized(
        #[inline(always)]
        || {
            let rows = input
                .chunks_exact(4 * width)
                .zip(hidden.chunks_exact(4 * width));
            let rows = rows.zip(state.chunks_exact(2 * width));
            let outs = gates
                .chunks_exact_mut(4 * width)
                .zip(out.chunks_exact_mut(2 * width));
            let outs = outs.zip(tanh_c.chunks_exact_mut(width));
            for (((x, h), state), ((gates, out), tanh_c)) in rows.zip(outs) {
                for i in 0..width {
                    let at = [i, width + i, 2 * width + i, 3 * width + i];
                    let [a, b, c, d] = at.map(|at| x[at] + h[at]);
                    let (a, b, c, d) = (logistic(a), logistic(b), tanh(c), logistic(d));
                    for (at, gate) in at.into_iter().zip([a, b, c, d]) {
                        gates[at] = gate;
                    }
                    let cell = b * state[width + i] + a * c;
                    tanh_c[i] = tanh(cell);
                    out[i] = d * tanh_c[i];
                    out[width + i] = cell;
                }
            }
        },
    );
}

/// The backward pass of [`lstm`].
pub(super) fn lstm_backward(
    node: &Node,
    state: &[f32],
    [d_input, d_hidden, d_state]: [&mut [f32]; 3],
) {
    let width = node.width / 2;
    vectorized(
        #[inline(always)]
        || {
            for (row, d) in node.grad.chunks_exact(2 * width).enumerate() {
                let wide = row * 4 * width..(row + 1) * 4 * width;
                let narrow = row * 2 * width..(row + 1) * 2 * width;
                let gates = &node.saved[0][wide.clone()];
                let tanh_c = &node.saved[1][row * width..(row + 1) * width];
                let state = &state[narrow.clone()];
                let (d_x, d_h) = (&mut d_input[wide.clone()], &mut d_hidden[wide]);
                let d_state = &mut d_state[narrow];
                for i in 0..width {
                    let at = [i, width + i, 2 * width + i, 3 * width + i];
                    let [a, b, c, o] = at.map(|at| gates[at]);
                    let d_cell = d[width + i] + d[i] * o * (1.0 - tanh_c[i] * tanh_c[i]);
                    let slopes = [
                        d_cell * c * a * (1.0 - a),
                        d_cell * state[width + i] * b * (1.0 - b),
                        d_cell * a * (1.0 - c * c),
                        d[i] * tanh_c[i] * o * (1.0 - o),
                    ];
                    for (at, slope) in at.into_iter().zip(slopes) {
                        d_x[at] += slope;
                        d_h[at] += slope;
                    }
                    d_state[width + i] += d_cell * b;
                }
            }
        },
    );
}
