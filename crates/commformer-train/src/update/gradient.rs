//! Gradients of a minibatch, by several workers.
//!
//! A minibatch is cut into parts of a fixed size. Every worker owns a replica of the policy (the
//! same weights, gradients of its own) and takes the next part as soon as it is free; the parts'
//! gradients are added in the order of the parts. The sum is therefore the same for any number of
//! workers. Where there are several ranks, each differentiates its share of the parts; all of them have all gradients, and
//! add them up alike.

use super::ppo::{self, Targets};
use crate::gate::GateTerms;
use crate::policy::{Evaluation, GateSamples, Level, TeamGraphs, learned_graph};
use crate::pool::lock;
use crate::ranks::wire::Wire;
use crate::ranks::{Ranks, Subject};
use crate::rollout::samples::Observed;
use crate::{GradientExchange, Losses, Policy, PpoConfig, Samples, Sequence, TrainError, returned};
use std::collections::HashSet;
use std::sync::Mutex;
use tch::{Device, Kind, Tensor};

/// What is minimised.
#[derive(Clone, Copy, Debug)]
pub struct Objective<'a> {
    /// The lower level's arithmetic.
    pub ppo: &'a PpoConfig,
    /// Weights of the gates' terms; `None`: the gates are not in force.
    pub gate: Option<&'a GateTerms>,
    /// Share of the run that is over, from 0 to 1.
    pub progress: f64,
}

/// The graph of a part.
#[derive(Debug)]
pub enum PartGraph {
    /// As it is: no gradient reaches the edge logits.
    Given(TeamGraphs),
    /// Drawn from the edge logits with this noise, (1, N, N), so that a gradient reaches them.
    Drawn(Tensor),
}

/// A part of a minibatch; tensors are its own or views of the rollout's memory.
#[derive(Debug)]
pub struct Part {
    /// What the teams perceived.
    pub observed: Observed,
    /// (B, N) or (B, N, A).
    pub actions: Tensor,
    /// How the receive gates were set, where there are any.
    pub gate: Option<GateSamples>,
    /// Where memories begin anew, (L, B, N), where the samples are sequences.
    pub begins: Option<Tensor>,
    /// Whom the agents hear.
    pub graph: PartGraph,
    /// What the rollout knows of the samples.
    pub targets: Targets,
    /// Stream of its dropout noise.
    pub noise: commformer_env::Rng,
}

/// The gradient of a minibatch in the order of the level's leaves, and the mean terms of its loss.
#[derive(Debug)]
pub struct Gradient {
    /// One tensor for each leaf.
    pub of_leaves: Vec<Tensor>,
    /// Its loss; the norm is not filled in.
    pub losses: Losses,
}

/// Parts of a minibatch, by their numbers.
#[derive(Debug)]
pub struct Parts {
    /// How many the minibatch has.
    pub count: usize,
    /// Those that this process differentiates.
    pub own: Vec<(usize, Part)>,
}

/// Differentiates the minibatch made of `parts`, in which `total_active` agents are active.
pub fn gradient(
    pool: &rayon::ThreadPool,
    replicas: &mut [Box<dyn Policy>],
    ranks: Option<&mut Ranks>,
    parts: Parts,
    level: Level,
    objective: Objective<'_>,
    total_active: f64,
) -> Result<Gradient, TrainError> {
    // The shape of each leaf, and so of its gradient.
    let leaves: Vec<Vec<i64>> = match (level, replicas.first()) {
        (Level::Lower, Some(policy)) => {
            let parameters = policy.parameters();
            parameters.iter().map(|(_, leaf)| leaf.size()).collect()
        }
        (Level::Upper, Some(policy)) => vec![learned_graph(&**policy)?.edge_logits().size()],
        (_, None) => Vec::new(),
    };
    let done: Vec<Mutex<Option<PartResult>>> = (0..parts.count).map(|_| Mutex::new(None)).collect();
    let queue = Mutex::new(parts.own.into_iter());
    let work = |replica: &mut Box<dyn Policy>| {
        loop {
            let next = lock(&queue).next();
            let Some((index, part)) = next else { break };
            let found = differentiate(&**replica, part, level, objective, total_active);
            let fits = |found: (Vec<Tensor>, Tensor)| {
                returned::gradients(&found.0, &leaves)?;
                Ok(found)
            };
            *lock(&done[index]) = Some(found.and_then(fits));
        }
    };
    pool.scope(|scope| {
        for replica in replicas {
            scope.spawn(|_| work(replica));
        }
    });
    let done = done.into_iter().map(|result| {
        let result = result.into_inner();
        result
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .transpose()
    });
    let mut done = done.collect::<Result<Vec<_>, _>>()?;
    let about = match level {
        Level::Lower => Subject::Lower,
        Level::Upper => Subject::Upper,
    };
    let how = objective.ppo.gradients;
    let mut ranks = ranks;
    if let (Some(ranks), GradientExchange::Exact) = (ranks.as_deref_mut(), how) {
        exchange(&mut done, ranks, about)?;
    }
    let mut sum = added_up(done.into_iter().flatten())?;
    if let (Some(ranks), GradientExchange::Sum | GradientExchange::EightBit) = (ranks, how) {
        sum = Some(summed(sum, &leaves, how, about, ranks)?);
    }
    let (of_leaves, terms) =
        sum.unwrap_or_else(|| (Vec::new(), Tensor::zeros([5], (Kind::Float, Device::Cpu))));
    let terms = Vec::<f64>::try_from(&terms)?;
    Ok(Gradient {
        of_leaves,
        losses: Losses::of_terms(&terms),
    })
}

/// Brings the gradients of every part to every rank.
fn exchange(
    done: &mut [Option<(Vec<Tensor>, Tensor)>],
    ranks: &mut Ranks,
    about: Subject,
) -> Result<(), TrainError> {
    let device = ranks.device();
    let mut mine = Wire::Out(Vec::new());
    for (gradients, terms) in done.iter().flatten() {
        let mut tensors: Vec<Tensor> = gradients.iter().map(Tensor::shallow_clone).collect();
        tensors.push(terms.shallow_clone());
        mine.tensors(&mut tensors, device)?;
    }
    let all = ranks.exchange(about, &mine.into_bytes())?;
    for (rank, bytes) in all.iter().enumerate() {
        if rank == ranks.rank() {
            continue;
        }
        let mut wire = Wire::from(rank, bytes);
        for (number, done) in done.iter_mut().enumerate() {
            if ranks.owner(number) == rank {
                let mut tensors = Vec::new();
                wire.tensors(&mut tensors, device)?;
                *done = tensors.pop().map(|terms| (tensors, terms));
            }
        }
        wire.end()?;
    }
    Ok(())
}

/// The gradients and terms of all parts, added up in their order; `None` without any.
fn added_up(
    mut parts: impl Iterator<Item = (Vec<Tensor>, Tensor)>,
) -> Result<Option<(Vec<Tensor>, Tensor)>, TrainError> {
    let Some((mut sum, mut terms)) = parts.next() else {
        return Ok(None);
    };
    // Autograd may give several leaves one and the same gradient, and all of a gradient's entries one place in memory. Only
    // what has its own is added to in place.
    let mut places = HashSet::new();
    for gradient in &mut sum {
        if !places.insert(gradient.data_ptr()) || gradient.stride().contains(&0) {
            *gradient = gradient.copy();
        }
    }
    for (gradients, of_part) in parts {
        for (sum, gradient) in sum.iter_mut().zip(&gradients) {
            let _ = sum.f_add_(gradient)?;
        }
        terms = terms.f_add(&of_part)?;
    }
    Ok(Some((sum, terms)))
}

/// Adds up what every rank has added up of its own parts; one that had none adds nothing.
fn summed(
    own: Option<(Vec<Tensor>, Tensor)>,
    leaves: &[Vec<i64>],
    how: GradientExchange,
    about: Subject,
    ranks: &mut Ranks,
) -> Result<(Vec<Tensor>, Tensor), TrainError> {
    // Terms of the loss, those of the gates where there are any, and how many ranks have the latter.
    const TERMS: [i64; 3] = [5, 5, 1];
    let options = (Kind::Float, ranks.device());
    let mut gradients: Vec<Tensor> = (leaves.iter())
        .map(|leaf| Tensor::zeros(&leaf[..], options))
        .collect();
    let own_terms = Tensor::zeros(TERMS.iter().sum::<i64>(), options);
    if let Some((own, terms)) = own {
        gradients = own;
        let count = terms.size()[0];
        own_terms.narrow(0, 0, count).f_copy_(&terms)?;
        let _ = own_terms
            .narrow(0, 10, 1)
            .fill_(i64::from(count > TERMS[0]));
    }
    let flat: Vec<Tensor> = (gradients.iter().chain([&own_terms]))
        .map(|tensor| {
            Ok(tensor
                .f_to_device(ranks.device())?
                .f_to_kind(Kind::Float)?
                .f_reshape(-1)?)
        })
        .collect::<Result<_, TrainError>>()?;
    let flat = Tensor::f_cat(&flat, 0)?;
    let sum = match how {
        GradientExchange::EightBit => ranks.sum_in_eight_bits(about, &flat, own_terms.numel())?,
        GradientExchange::Exact | GradientExchange::Sum => ranks.sum(&flat)?,
    };
    let sizes: Vec<i64> = leaves
        .iter()
        .map(|leaf| leaf.iter().product())
        .chain(TERMS)
        .collect();
    let mut cut = sum.f_split_with_sizes(&sizes[..], 0)?;
    let mut terms = cut.split_off(leaves.len());
    let gated = (terms.pop()).is_some_and(|ranks| ranks.double_value(&[0]) > 0.0);
    terms.truncate(if gated { 2 } else { 1 });
    let terms = Tensor::f_cat(&terms, 0)?.f_to_device(Device::Cpu)?;
    let gradients = (cut.iter().zip(leaves))
        .map(|(gradient, leaf)| Ok(gradient.f_view(&leaf[..])?.copy()))
        .collect::<Result<_, TrainError>>()?;
    Ok((gradients, terms))
}

type PartResult = Result<(Vec<Tensor>, Tensor), TrainError>;

fn differentiate(
    policy: &dyn Policy,
    mut part: Part,
    level: Level,
    objective: Objective<'_>,
    total_active: f64,
) -> PartResult {
    let drawn;
    let graph = match &part.graph {
        PartGraph::Given(graph) => graph,
        PartGraph::Drawn(noise) => {
            drawn = TeamGraphs::new(learned_graph(policy)?.sample(noise)?.graphs);
            &drawn
        }
    };
    let samples = Samples {
        sequence: part.begins.as_ref().map(|begins| Sequence {
            steps: begins.size()[0] as usize,
            begins,
        }),
        batch: part.observed.with_graph(graph),
        actions: &part.actions,
        gate: part.gate.as_ref(),
    };
    let device = part.observed.obs.device();
    let mut uniform = |shape: &[i64]| {
        let noise: Vec<f32> = (0..shape.iter().product::<i64>())
            .map(|_| part.noise.uniform())
            .collect();
        Tensor::from_slice(&noise).view(shape).to_device(device)
    };
    let (mut terms, mut misfit) = (None, None);
    let mut loss = |evaluation: &Evaluation| {
        if let Err(error) = returned::evaluation(evaluation, &part.targets.returns.size()) {
            misfit = Some(error);
            // Some loss, to come back from the policy: its gradient is not looked at.
            let nothing = Tensor::zeros([], (Kind::Float, device));
            return (evaluation.log_probs.f_sum(Kind::Float)).unwrap_or(nothing);
        }
        let loss = ppo::loss(
            objective.ppo,
            objective.gate,
            evaluation,
            &part.targets,
            total_active,
        );
        terms = Some(loss.terms);
        loss.total
    };
    let gradients = policy.gradients(level, &samples, &mut uniform, &mut loss);
    if let Some(error) = misfit {
        return Err(error);
    }
    let gradients = gradients?;
    let none = || Tensor::zeros([5], (Kind::Float, Device::Cpu));
    Ok((gradients, terms.unwrap_or_else(none)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use commformer_torch::gradients::or_zeros;

    #[test]
    fn a_gradient_that_leaves_share_is_added_up_for_each() {
        let part = |scale: f64| {
            let [one, other, third] =
                [(); 3].map(|()| Tensor::from_slice(&[1.0_f32, 2.0]).set_requires_grad(true));
            let loss = ((&one + &other) * scale).square().sum(Kind::Float) + third.sum(Kind::Float);
            let found = or_zeros(&loss, &[one, other, third], false).unwrap();
            (found, Tensor::from_slice(&[scale as f32]))
        };
        // 2 s^2 (x + y), and 1.
        let [first, second, third] = [1.0, 2.0, 3.0].map(part);
        assert_eq!(first.0[0].data_ptr(), first.0[1].data_ptr());
        assert_eq!(first.0[2].stride(), [0]);
        let (sum, terms) = added_up([first, second, third].into_iter())
            .unwrap()
            .unwrap();
        let sums: Vec<Vec<f32>> = (sum.into_iter())
            .map(|one| one.try_into().unwrap())
            .collect();
        let shared = vec![56.0, 112.0];
        assert_eq!(sums, [shared.clone(), shared, vec![3.0, 3.0]]);
        assert_eq!(Vec::<f32>::try_from(terms).unwrap(), [6.0]);
        assert!(added_up(std::iter::empty()).unwrap().is_none());
    }
}
