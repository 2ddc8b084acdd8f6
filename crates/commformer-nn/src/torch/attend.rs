//! Relation-enhanced attention by libtorch, over all agents under a mask or over lists of senders.
//!
//! With e the edge that a score reads (0 absent, 1 present), its score is, per head,
//!
//! ```text
//! score(i, j) = scale * (q_i + rq[e]) . (k_j + rk[e])
//! ```
//!
//! Since e has two values, no tensor over pairs *and* widths is needed. With q' = q + rq\[1\] and k' = k + rk\[1\],
//! dq = rq\[0\] - rq\[1\] and dk = rk\[0\] - rk\[1\],
//!
//! ```text
//! score(i, j) = scale * ( q'_i . k'_j + [edge absent] * (q'_i . dk + dq . k'_j + dq . dk) )
//! ```

use super::listed::Listed;
use super::mask::Mask;
use crate::layers::Attention;
use tch::{Kind, Tensor};

/// The receivers' and the senders' side of the scores.
struct Sides {
    /// (B, receivers, E), (B, senders, E) and (B, senders, E).
    query: Tensor,
    key: Tensor,
    value: Tensor,
    /// What an absent edge adds: (B, receivers, H) and (B, senders, H).
    absent: Option<[Tensor; 2]>,
    heads: i64,
}

/// Every receiver's weighted sum of the senders' values, (B, receivers, E); the weights, (B, H, receivers, M) with M
/// the places of the mask; and the values of the receivers themselves, (B, receivers, H, d).
pub(super) fn attend(
    layer: &Attention,
    terms: Option<&Tensor>,
    queries: &Tensor,
    memory: &Tensor,
    mask: &Mask,
) -> (Tensor, Tensor, Own) {
    let heads = layer.heads as i64;
    let (width, scale) = (layer.width() as i64, layer.scale);
    let parts = memory.split(width, -1);
    let (key, value) = (&parts[0], parts[1].shallow_clone());
    let sides = match terms {
        None => Sides {
            query: queries * scale,
            key: key.shallow_clone(),
            value,
            absent: None,
            heads,
        },
        Some(terms) => {
            let present = terms.select(0, 1).split(width, 0);
            let difference = (terms.select(0, 0) - terms.select(0, 1)).split(width, 0);
            let query = (queries + &present[0]) * scale;
            let key = key + &present[1];
            let dq = &difference[0] * scale;
            let dk = &difference[1];
            let both = sum_last(&(by_head(&dq, heads) * by_head(dk, heads))); // (H)
            Sides {
                absent: Some([
                    sum_last(&(by_head(&query, heads) * by_head(dk, heads))) + both,
                    sum_last(&(by_head(&key, heads) * by_head(&dq, heads))),
                ]),
                query,
                key,
                value,
                heads,
            }
        }
    };
    let (heard, weights) = match &mask.listed {
        None => of_all(&sides, mask),
        Some(listed) => of_listed(&sides, mask, listed),
    };
    let own = Own {
        value: sides.value,
        place: mask.place,
        listed: mask.listed.is_some(),
    };
    (heard, weights, own)
}

/// Where the receivers' own values are.
pub(super) struct Own {
    /// (B, senders, E)
    value: Tensor,
    /// The one receiver's place among the senders; `None`: all are receivers.
    place: Option<i64>,
    listed: bool,
}

/// What of a sum is the receiver's own: (B, receivers, E).
pub(super) fn of_itself(weights: &Tensor, own: &Own) -> Tensor {
    let heads = weights.size()[1];
    let (weight, value) = match (own.listed, own.place) {
        (true, None) => (weights.select(-1, 0), own.value.shallow_clone()), // itself is first in its list
        (true, Some(place)) => (weights.select(-1, 0), own.value.narrow(1, place, 1)),
        (false, None) => (weights.diagonal(0, -2, -1), own.value.shallow_clone()),
        (false, Some(place)) => (weights.select(-1, place), own.value.narrow(1, place, 1)),
    }; // (B, H, receivers)
    let size = value.size();
    (weight.transpose(1, 2).unsqueeze(-1) * by_head(&value, heads)).reshape(size)
}

/// Over all agents: M is the agents of the memory.
fn of_all(sides: &Sides, mask: &Mask) -> (Tensor, Tensor) {
    let heads = |x: &Tensor| by_head(x, sides.heads).transpose(1, 2); // (B, H, M, d)
    let (query, key, value) = (heads(&sides.query), heads(&sides.key), heads(&sides.value));
    let scores = query.matmul(&key.transpose(-2, -1)); // (B, H, receivers, senders)
    let absent = sides.absent.as_ref().map(|[receiver, sender]| {
        receiver.transpose(1, 2).unsqueeze(-1) + sender.transpose(1, 2).unsqueeze(-2)
    });
    let weights = weigh(scores, absent, mask);
    let heard = weights.matmul(&value).transpose(1, 2); // (B, receivers, H, d)
    (heard.reshape(sides.query.size()), weights)
}

/// Over the places of the receivers' lists.
fn of_listed(sides: &Sides, mask: &Mask, listed: &Listed) -> (Tensor, Tensor) {
    // Each receiver's own few senders, (B, receivers, K, H, d). Products with so few rows are
    // faster element by element than as matrices: with their backward pass three times, on a CPU.
    let query = by_head(&sides.query.unsqueeze(2), sides.heads); // (B, receivers, 1, H, d)
    let key = by_head(&listed.gather(&sides.key), sides.heads);
    let to_places = |x: &Tensor| x.permute([0, 3, 1, 2]); // (B, H, receivers, K)
    let scores = to_places(&sum_last(&(query * key)));
    let absent = sides.absent.as_ref().map(|[receiver, sender]| {
        receiver.transpose(1, 2).unsqueeze(-1) + to_places(&listed.gather(sender))
    });
    let weights = weigh(scores, absent, mask);
    let of_each = weights.permute([0, 2, 3, 1]).unsqueeze(-1); // (B, receivers, K, H, 1)
    let value = by_head(&listed.gather(&sides.value), sides.heads);
    let heard = (of_each * value).sum_dim_intlist([2i64].as_slice(), false, Kind::Float);
    (heard.reshape(sides.query.size()), weights)
}

/// The weights (B, H, receivers, M) from the products of queries and keys, and what an absent edge adds to each.
fn weigh(scores: Tensor, absent: Option<Tensor>, mask: &Mask) -> Tensor {
    let scores = match (&mask.absent, absent) {
        (Some(is_absent), Some(added)) => scores + is_absent * added,
        _ => scores,
    };
    let weights = (scores + &mask.bias).softmax(-1, Kind::Float);
    match &mask.product {
        Some(product) => weights * product,
        None => weights,
    }
}

/// (.., E) -> (.., H, d)
fn by_head(x: &Tensor, heads: i64) -> Tensor {
    let mut size = x.size();
    let width = size.pop().unwrap_or(0);
    size.extend([heads, width / heads]);
    x.reshape(size)
}

fn sum_last(x: &Tensor) -> Tensor {
    x.sum_dim_intlist([-1i64].as_slice(), false, Kind::Float)
}
