//! Attention along edges on which both ends decide. Its buffers have a row of numbers for each pair.

use super::mask::Mask;
use crate::layers::{PairAttention, Score};
use tch::{Kind, Tensor};

/// The score of what is left out of a softmax that may be empty without it.
const LEAST: f64 = -1e9;

/// What every receiver hears, (B, receivers, V), and the weights, (B, 1, receivers, M). `logits` makes decisions of rows
/// (.., D); `None`: all edges are open.
pub(super) fn attend(
    layer: &PairAttention,
    logits: impl FnOnce(&Tensor) -> Option<Tensor>,
    [receivers, senders]: [&Tensor; 2],
    mask: &Mask,
) -> (Tensor, Tensor) {
    let [pair, key, value] = [layer.pair(), layer.key, layer.value].map(|width| width as i64);
    let of_receivers = receivers.unsqueeze(2).split_with_sizes([pair, key], -1);
    let of_senders = match &mask.listed {
        None => senders.unsqueeze(1), // (B, 1, M, ..)
        Some(listed) => listed.gather(senders),
    };
    let of_senders = of_senders.split_with_sizes([pair, key, value], -1);
    let last = [-1i64].as_slice();
    let scores = match layer.score {
        Score::Product(scale) => {
            let products = &of_receivers[1] * &of_senders[1];
            products.sum_dim_intlist(last, false, Kind::Float) * scale
        }
        Score::Sum(slope) => {
            let sum = (&of_receivers[1] + &of_senders[1]).select(-1, 0);
            sum.where_self(&sum.gt(0.0), &(&sum * slope))
        }
    }; // (B, receivers, M)
    let gate = logits(&(&of_receivers[0] + &of_senders[0]).relu()).map(|logits| {
        let open = logits.sigmoid();
        // 1 or 0 to the bit, with the sigmoid's gradient.
        logits.gt(0.0).to_kind(Kind::Float) + (&open - open.detach())
    });
    let own = itself(mask, scores.size()[2], &scores);
    let others: Option<Tensor> = (!layer.itself).then(|| 1.0 - &own);
    let gate = gate.map(|gate| gate * (1.0 - &own) + &own);
    let times = |x: Tensor, factor: &Option<Tensor>| match factor {
        Some(factor) => x * factor,
        None => x,
    };
    let mut scores = times(scores, &gate);
    if let Some(others) = &others {
        scores = scores.masked_fill(&others.lt(0.5), LEAST);
    }
    let shares = (scores + mask.bias.squeeze_dim(1)).softmax(-1, Kind::Float);
    let weights = times(times(shares, &gate), &others);
    let heard = match &mask.listed {
        None => weights.matmul(&of_senders[2].squeeze_dim(1)),
        Some(_) => {
            let of_each = weights.unsqueeze(-1) * &of_senders[2];
            of_each.sum_dim_intlist([2i64].as_slice(), false, Kind::Float)
        }
    };
    (heard, weights.unsqueeze(1))
}

/// 1 in the place of the receiver itself, (receivers, M) or (M).
fn itself(mask: &Mask, places: i64, like: &Tensor) -> Tensor {
    match (&mask.listed, mask.place) {
        (Some(listed), _) => listed.own(),
        (None, None) => Tensor::eye(places, (Kind::Float, like.device())),
        (None, Some(agent)) => {
            Tensor::eye(places, (Kind::Float, like.device())).narrow(0, agent, 1)
        }
    }
}
