//! What an agent makes of a row that begins with what its whole team sees, such as the global state, before the
//! activation.
//!
//! The shared numbers s are normalised and projected once for a team, not once for each of its agents. With their own
//! mean m and deviation d, s = d z + m. In the row [s, o] of an agent, whose mean is mu and whose deviation is sigma, the
//! norm makes of them (s - mu) / sigma = a z + c, where a = d / sigma and c = (m - mu) / sigma are two numbers of the
//! agent. With the norm's scale folded into W as V and its shift into the bias,
//!
//! ```text
//! LN([s, o]) W^T = a (z V_s^T) + c (V_s 1) + ((o - mu) / sigma) V_o^T + bias
//! ```

use super::observe::{fold, unfold};
use super::product::{View, ViewMut, product};
use super::rows::{EPSILON, add_rows, fill_rows};
use super::tape::{Gradients, Node};
use super::vectors::{add_scaled, dot, sized, sum, vectorized, zeroed};
use crate::layers::{Linear, Norm};

/// How the rows are made: B teams of N agents, S shared numbers and O of an agent's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    teams: usize,
    agents: usize,
    shared: usize,
    own: usize,
}

impl Sizes {
    /// Of a norm over rows whose first `shared` numbers belong to a team.
    pub fn new(norm: &Norm, shared: usize, [teams, agents]: [usize; 2]) -> Self {
        Self {
            teams,
            agents,
            shared,
            own: norm.width - shared,
        }
    }

    fn rows(&self) -> usize {
        self.teams * self.agents
    }

    /// What is kept for the backward pass: z (B, S), a and c (B N), and the normalised own numbers (B N, O).
    fn parts(self, saved: &[f32]) -> [&[f32]; 4] {
        let (z, rest) = saved.split_at(self.teams * self.shared);
        let (a, rest) = rest.split_at(self.rows());
        let (c, own) = rest.split_at(self.rows());
        [z, a, c, own]
    }
}

/// The mean of numbers, and the sum of their squared distances from it.
#[inline(always)]
fn moments(x: &[f32], centred: &mut [f32]) -> [f32; 2] {
    let mean = sum(x) / x.len().max(1) as f32;
    for (centred, x) in centred.iter_mut().zip(x) {
        *centred = x - mean;
    }
    [mean, dot(centred, centred)]
}

/// Into the node's value; `saved[0]` gets the parts of [`Sizes::parts`].
pub(super) fn forward(
    node: &mut Node,
    sizes: Sizes,
    (norm, layer): (&Norm, &Linear),
    leaves: &[&[f32]],
    [shared, own]: [&[f32]; 2],
) {
    let (rows, width) = (sizes.rows(), layer.outputs);
    let [saved, scratch] = &mut node.saved;
    let saved = sized(saved, sizes.teams * sizes.shared + rows * (2 + sizes.own));
    standardize(sizes, shared, own, saved);
    let [z, a, c, own] = sizes.parts(saved);

    let weights = norm.width * width;
    let scratch = sized(scratch, weights + (2 + sizes.teams) * width);
    let (folded, scratch) = scratch.split_at_mut(weights);
    let (bias, scratch) = scratch.split_at_mut(width);
    let (ones, of_teams) = scratch.split_at_mut(width);
    fold(norm, layer, leaves, [folded, bias]);
    for (ones, row) in ones.iter_mut().zip(folded.chunks_exact(norm.width)) {
        *ones = vectorized(
            #[inline(always)]
            || sum(&row[..sizes.shared]),
        );
    }
    let folded = View::new(folded, norm.width);
    let of_shared = folded.columns(0..sizes.shared).t();
    let z = View::new(z, sizes.shared);
    product(ViewMut::new(of_teams, width), z, of_shared, false);
    fill_rows(&mut node.value, bias);
    let value = &mut node.value;
    vectorized(
        #[inline(always)]
        || {
            let rows = value.chunks_exact_mut(width).zip(a.iter().zip(c));
            for (row, (value, (a, c))) in rows.enumerate() {
                let team = row / sizes.agents;
                add_scaled(value, *a, &of_teams[team * width..(team + 1) * width]);
                add_scaled(value, *c, ones);
            }
        },
    );
    let of_own = folded.columns(sizes.shared..norm.width).t();
    let own = View::new(own, sizes.own);
    product(ViewMut::new(value, width), own, of_own, true);
}

fn standardize(sizes: Sizes, shared: &[f32], own: &[f32], saved: &mut [f32]) {
    let Sizes {
        teams,
        agents,
        shared: of_team,
        own: of_agent,
    } = sizes;
    let (z, rest) = saved.split_at_mut(teams * of_team);
    let (a, rest) = rest.split_at_mut(teams * agents);
    let (c, standard) = rest.split_at_mut(teams * agents);
    let [of_team_f32, of_agent_f32] = [of_team as f32, of_agent as f32];
    let all = of_team_f32 + of_agent_f32;
    vectorized(
        #[inline(always)]
        || {
            for team in 0..teams {
                let z = &mut z[team * of_team..(team + 1) * of_team];
                let [team_mean, team_squares] =
                    moments(&shared[team * of_team..(team + 1) * of_team], z);
                let deviation = (team_squares / of_team_f32 + EPSILON).sqrt();
                let inverse = 1.0 / deviation;
                z.iter_mut().for_each(|z| *z *= inverse);
                for row in team * agents..(team + 1) * agents {
                    let part = row * of_agent..(row + 1) * of_agent;
                    let standard = &mut standard[part.clone()];
                    let [mean, squares] = moments(&own[part], standard);
                    let of_all = (of_team_f32 * team_mean + of_agent_f32 * mean) / all;
                    let [from_team, from_own] = [team_mean - of_all, mean - of_all];
                    let squares = team_squares
                        + of_team_f32 * from_team * from_team
                        + squares
                        + of_agent_f32 * from_own * from_own;
                    let inverse = 1.0 / (squares / all + EPSILON).sqrt();
                    a[row] = deviation * inverse;
                    c[row] = from_team * inverse;
                    for x in standard {
                        *x = (*x + from_own) * inverse;
                    }
                }
            }
        },
    );
}

/// From the gradient of the projected rows, those of the norm and of the layer.
pub(super) fn backward(
    saved: &[f32],
    sizes: Sizes,
    (norm, layer): (&Norm, &Linear),
    leaves: &[&[f32]],
    d: &[f32],
    scratch: &mut Vec<f32>,
    gradients: &mut Gradients,
) {
    let [z, a, c, own] = sizes.parts(saved);
    let (width, weights) = (layer.outputs, norm.width * layer.outputs);
    let scratch = zeroed(scratch, weights + (2 + sizes.teams) * width);
    let (d_folded, scratch) = scratch.split_at_mut(weights);
    let (d_bias, scratch) = scratch.split_at_mut(width);
    let (d_ones, d_teams) = scratch.split_at_mut(width);
    add_rows(d_bias, d);
    vectorized(
        #[inline(always)]
        || {
            let rows = d.chunks_exact(width).zip(a.iter().zip(c));
            for (row, (d, (a, c))) in rows.enumerate() {
                let team = row / sizes.agents;
                add_scaled(&mut d_teams[team * width..(team + 1) * width], *a, d);
                add_scaled(d_ones, *c, d);
            }
        },
    );
    product(
        ViewMut::new(d_folded, norm.width).columns(0..sizes.shared),
        View::new(d_teams, width).t(),
        View::new(z, sizes.shared),
        false,
    );
    product(
        ViewMut::new(d_folded, norm.width).columns(sizes.shared..norm.width),
        View::new(d, width).t(),
        View::new(own, sizes.own),
        false,
    );
    let rows = d_folded.chunks_exact_mut(norm.width);
    for (row, d_ones) in rows.zip(&*d_ones) {
        row[..sizes.shared].iter_mut().for_each(|d| *d += d_ones);
    }
    unfold(norm, layer, leaves, [d_folded, d_bias], gradients);
}
