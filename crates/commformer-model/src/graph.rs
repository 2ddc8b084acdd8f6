//! The communication graph: who hears whom (ICLR 2024 paper, section 3.2).
//!
//! A graph is an adjacency of 0 and 1, row the receiver, column the sender. It is made from the
//! edge logits, one per pair of agents: each receiver keeps the k senders of the largest logits
//! ([`exact`]), or of the largest logits plus Gumbel noise ([`sample`]), which is a draw of k
//! senders without replacement whose probability [`plackett_luce`] gives.
//!
//! The three are functions of tensors, so the noise comes from the caller:
//!
//! ```
//! use commformer_model::{SelfEdge, graph};
//! use tch::Tensor;
//!
//! // At the start all logits are equal; the lowest senders win the ties.
//! let logits = Tensor::ones([3, 3], (tch::Kind::Float, tch::Device::Cpu));
//! let adjacency = graph::exact(&logits, 1, SelfEdge::Excluded);
//! let expected = Tensor::from_slice(&[0f32, 1., 0., 1., 0., 0., 1., 0., 0.]).view([3, 3]);
//! assert_eq!(adjacency, expected);
//! ```

pub use commformer_nn::torch::gated;
use tch::{Kind, Tensor};

use crate::SelfEdge;

/// The logit of an edge that can not be drawn: far below every other, yet finite, so that no
/// gradient becomes 0 * infinity.
const NEVER: f64 = -1e30;

/// Sampled graphs, with what is needed to score them.
#[derive(Debug)]
pub struct Sample {
    /// (G, N, N): the value is exactly 0 or 1, with k ones a row; the gradient is that of
    /// softmax((logits + noise) / tau) over each row (straight-through).
    pub graph: Tensor,
    /// (G, N, k), i64: each receiver's senders in the order in which they were drawn.
    pub order: Tensor,
}

/// The graph of the `k` largest logits of each row; among equals the lowest sender wins.
///
/// # Shapes
/// `logits` (N, N) -> (N, N) of 0 and 1, without a gradient.
pub fn exact(logits: &Tensor, k: usize, self_edge: SelfEdge) -> Tensor {
    tch::no_grad(|| {
        let logits = without_barred(logits, self_edge);
        one_hots(&logits, &largest(&logits, k, self_edge))
    })
}

/// Graphs drawn from the logits, one for each slice of `gumbel`.
///
/// `gumbel` is standard Gumbel noise and `tau` the temperature of the gradient, which does not change
/// which senders are drawn. `tau` is positive, and not so small that the noisy logits divided by it are infinite.
///
/// # Shapes
/// `logits` (N, N) or (G, N, N), `gumbel` (G, N, N).
///
/// # Panics
/// If the shapes do not fit.
pub fn sample(logits: &Tensor, gumbel: &Tensor, tau: f64, k: usize, self_edge: SelfEdge) -> Sample {
    let noisy = logits + gumbel; // (G, N, N)
    // Before the division, whose rounding may make two of them equal.
    let order = tch::no_grad(|| largest(&without_barred(&noisy, self_edge), k, self_edge)); // (G, N, k)
    let hard = tch::no_grad(|| one_hots(&noisy, &order));
    let soft = without_barred(&(noisy / tau), self_edge).softmax(-1, Kind::Float);
    // The bracket is exactly 0, so the value stays exactly 0 or 1.
    let graph = hard + (&soft - soft.detach());
    Sample { graph, order }
}

/// The log-probability of each row's senders, drawn in this order without replacement
/// (Plackett and Luce): the sum over the draws of a log-softmax over the senders that are left.
///
/// # Shapes
/// `logits` (N, N), `order` (G, N, k) -> (G, N), differentiable in `logits`.
pub fn plackett_luce(logits: &Tensor, order: &Tensor, self_edge: SelfEdge) -> Tensor {
    let size = order.size();
    let (groups, agents, draws) = (size[0], size[1], size[2]);
    let mut left = without_barred(logits, self_edge)
        .unsqueeze(0)
        .expand([groups, agents, agents], false);
    let mut total = Tensor::zeros([groups, agents], (logits.kind(), logits.device()));
    for draw in 0..draws {
        let sender = order.narrow(-1, draw, 1); // (G, N, 1)
        let drawn = left.gather(-1, &sender, false).squeeze_dim(-1);
        total += drawn - left.logsumexp([-1], false);
        left = left.scatter_value(-1, &sender, NEVER);
    }
    total
}

/// The entropy of each row's first draw, in nats: 0 for a row that is sure of its first sender,
/// ln of the candidates for one that knows nothing.
///
/// # Shapes
/// `logits` (N, N) -> (N), differentiable.
pub fn entropy(logits: &Tensor, self_edge: SelfEdge) -> Tensor {
    let log_probs = without_barred(logits, self_edge).log_softmax(-1, Kind::Float);
    // A barred edge has probability 0, and 0 times its finite logarithm is 0.
    -(log_probs.exp() * log_probs).sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)
}

/// The logits with the edges that may not be drawn at [`NEVER`].
fn without_barred(logits: &Tensor, self_edge: SelfEdge) -> Tensor {
    match self_edge {
        SelfEdge::Counted => logits.shallow_clone(),
        SelfEdge::Excluded => {
            let agents = logits.size().last().copied().unwrap_or(0);
            let own = Tensor::eye(agents, (Kind::Bool, logits.device()));
            logits.masked_fill(&own, NEVER)
        }
    }
}

/// The columns of the `k` largest entries of each row, falling. A stable sort, and not `topk`,
/// because `topk` does not say which of two equal entries it takes.
fn largest(logits: &Tensor, k: usize, self_edge: SelfEdge) -> Tensor {
    let agents = logits.size().last().copied().unwrap_or(0);
    let k = k.min(self_edge.most_senders(agents as usize)) as i64;
    let (_, order) = logits.sort_stable(true, -1, true);
    order.narrow(-1, 0, k)
}

/// Ones at the columns `order` of a tensor like `logits`, zeros elsewhere.
fn one_hots(logits: &Tensor, order: &Tensor) -> Tensor {
    logits.zeros_like().scatter_value(-1, order, 1.0)
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    #[test]
    fn ties_go_to_the_lowest_sender_at_every_size() {
        // Wide rows, because sorting algorithms that are not stable often are on short ones.
        for agents in [1, 2, 5, 17, 64, 200] {
            let logits = Tensor::ones([agents, agents], (Kind::Float, Device::Cpu));
            let k = 1.max(agents / 3);
            let adjacency = exact(&logits, k as usize, SelfEdge::Counted);
            let columns = Tensor::arange(agents, (Kind::Int64, Device::Cpu)).lt(k);
            assert_eq!(
                adjacency,
                columns
                    .to_kind(Kind::Float)
                    .expand([agents, agents], false)
                    .contiguous()
            );
        }
    }

    #[test]
    fn entropy_is_that_of_the_candidates() {
        let certain = [50f32, 0.0, 0.0];
        let even = [2f32, 2.0, 2.0];
        let barred = [9f32, 1.0, 1.0]; // its own logit counts only where it may be drawn
        let logits = Tensor::from_slice(&[barred, certain, even].concat()).view([3, 3]);
        let logits = logits.set_requires_grad(true);
        let excluded = entropy(&logits, SelfEdge::Excluded);
        for (row, expected) in [2f64.ln(), 0.0, 2f64.ln()].into_iter().enumerate() {
            assert!((excluded.double_value(&[row as i64]) - expected).abs() < 1e-6);
        }
        let counted = entropy(&logits, SelfEdge::Counted);
        assert!((counted.double_value(&[2]) - 3f64.ln()).abs() < 1e-6);
        excluded.sum(Kind::Float).backward();
        assert!(bool::try_from(logits.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn two_draws_of_three_have_the_probability_worked_out_by_hand() {
        // Weights 1, 2, 3: p(2 then 0) = 3/6 * 1/3 = 1/6.
        let row = [1f32.ln(), 2f32.ln(), 3f32.ln()];
        let logits = Tensor::from_slice(&[row, row, row].concat()).view([3, 3]);
        let order = Tensor::from_slice(&[2i64, 0, 2, 0, 2, 0]).view([1, 3, 2]);
        let log_prob = plackett_luce(&logits, &order, SelfEdge::Counted);
        assert!((log_prob.double_value(&[0, 1]) - (1.0f64 / 6.0).ln()).abs() < 1e-6);
        // Without its own edge, receiver 1 draws from weights 1 and 3: p(2 then 0) = 3/4 * 1.
        let log_prob = plackett_luce(&logits, &order, SelfEdge::Excluded);
        assert!((log_prob.double_value(&[0, 1]) - 0.75f64.ln()).abs() < 1e-6);
    }

    #[test]
    fn excluded_edges_get_no_gradient_and_spoil_none() {
        let logits = Tensor::zeros([3, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let order = Tensor::from_slice(&[1i64, 2, 0, 2, 0, 1]).view([1, 3, 2]);
        let total = plackett_luce(&logits, &order, SelfEdge::Excluded).sum(Kind::Float);
        let gumbel = Tensor::zeros([1, 3, 3], (Kind::Float, Device::Cpu));
        let drawn = sample(&logits, &gumbel, 0.5, 1, SelfEdge::Excluded);
        (total + drawn.graph.narrow(2, 1, 1).sum(Kind::Float)).backward();
        let grad = logits.grad();
        assert!(bool::try_from(grad.isfinite().all()).unwrap());
        for agent in 0..3 {
            assert_eq!(grad.double_value(&[agent, agent]), 0.0);
        }
        assert!(grad.double_value(&[0, 1]) > 0.1);
    }

    #[test]
    fn the_temperature_does_not_change_who_is_drawn() {
        // Two numbers next to each other, whose thirds are the same number in f32.
        let high = 4f32.next_down().next_down();
        let low = high.next_down();
        let logits = Tensor::from_slice(&[low, high, 0.5].repeat(3)).view([3, 3]);
        let thirds: Tensor = &logits / 3.0;
        assert_eq!(thirds.select(1, 0), thirds.select(1, 1));
        let gumbel = Tensor::zeros([1, 3, 3], (Kind::Float, Device::Cpu));
        let drawn = |tau: f64| sample(&logits, &gumbel, tau, 2, SelfEdge::Counted);
        let first = drawn(1.0);
        assert_eq!(
            first.order,
            Tensor::from_slice(&[1i64, 0].repeat(3)).view([1, 3, 2])
        );
        for tau in [0.125, 0.7, 3.0, 1e6] {
            let other = drawn(tau);
            assert_eq!(other.order, first.order, "{tau}");
            assert_eq!(other.graph, first.graph, "{tau}");
        }
    }

    #[test]
    fn one_agent_without_its_own_edge_hears_nobody() {
        let logits = Tensor::ones([1, 1], (Kind::Float, Device::Cpu)).set_requires_grad(true);
        let gumbel = Tensor::zeros([2, 1, 1], (Kind::Float, Device::Cpu));
        let drawn = sample(&logits, &gumbel, 1.0, 1, SelfEdge::Excluded);
        assert_eq!(drawn.graph.size(), [2, 1, 1]);
        assert_eq!(f64::try_from(drawn.graph.sum(Kind::Float)).unwrap(), 0.0);
        drawn.graph.sum(Kind::Float).backward();
        assert_eq!(logits.grad().double_value(&[0, 0]), 0.0);
    }

    #[test]
    fn a_closed_gate_leaves_only_the_diagonal() {
        let graph = Tensor::ones([1, 2, 2], (Kind::Float, Device::Cpu));
        let gate = Tensor::from_slice(&[1f32, 0.]).view([1, 2]);
        let expected = Tensor::from_slice(&[1f32, 1., 0., 1.]).view([1, 2, 2]);
        assert_eq!(gated(&graph, &gate), expected);
    }
}
