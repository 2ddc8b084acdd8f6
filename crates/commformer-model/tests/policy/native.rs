//! The native passes against libtorch's operations and autograd.

use commformer_model::{
    ActionSpace, AttentionOver, Closed, CommFormer, Input, ObsNorm, Observations, PolicyConfig,
    Recurrence,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tch::{Kind, Tensor};

use crate::common::{Noise, distance, noisy_policy};
use crate::properties::{configs, gated_graph, property_seed};

/// Inputs of a pass, as random as they come.
struct Case {
    /// Of three teams in a step, or of one in three.
    obs: Tensor,
    /// What agents remember before the first step.
    recurrent: Option<Tensor>,
    /// Who goes on remembering in each of the steps.
    goes_on: Option<Tensor>,
    available: Option<Tensor>,
    graph: Tensor,
    graph_of: Option<Tensor>,
    gate: Option<Tensor>,
    /// Whether the gates pass a gradient on, to the embeddings and to the scale.
    straight_through: bool,
    /// Who is active.
    active: Option<Tensor>,
    actions: Tensor,
    /// What agents keep of old messages.
    stale: Option<Tensor>,
    /// What the loss weighs log-probabilities, entropies and values with.
    weights: [Tensor; 3],
    /// What it weighs the embeddings with, as a gate's own loss would.
    of_embedding: Tensor,
    /// Noise for dropout, by calls.
    dropout: Vec<Tensor>,
}

/// Whether gates are absent, per receiver or per edge.
const GATES: [Option<usize>; 3] = [None, Some(2), Some(3)];

impl Case {
    fn new(config: &PolicyConfig, k: usize, gate: Option<usize>, noise: &mut Noise) -> Self {
        let (batch, n) = (3, config.agents as i64);
        let (width, actions) = (config.embed_dim as i64, config.actions.width() as i64);
        let available = noise.coins(&[batch, n, actions], 0.6).gt(0.5);
        let discrete = matches!(config.actions, ActionSpace::Discrete(_));
        let taken = match discrete {
            true => {
                // The action taken is there; the others may all be missing.
                let taken = (noise.tensor(&[batch, n], Noise::uniform) * actions as f64).floor();
                let taken = taken.to_kind(Kind::Int64).clamp(0, actions - 1);
                let _ = available
                    .shallow_clone()
                    .scatter_value_(-1, &taken.unsqueeze(-1), 1);
                taken
            }
            false => noise.normals(&[batch, n, actions]),
        };
        let stale = (config.closed == Closed::Stale && noise.uniform() < 0.8).then(|| {
            let stale = noise.normals(&[batch, n, config.stale_width() as i64]);
            // Of some steps ago, or never.
            let age = (noise.tensor(&[batch, n, 1], Noise::uniform) * 4.0).floor();
            stale
                .narrow(2, config.stale_width() as i64 - 1, 1)
                .copy_(&age);
            stale
        });
        let graphs = gated_graph(config.agents, k, batch, noise);
        // One graph for all, one for each, or two that three share.
        let (graph, graph_of) = match (noise.uniform() * 3.0) as usize {
            0 => (graphs.narrow(0, 0, 1), None),
            1 => (graphs, None),
            _ => (
                graphs.narrow(0, 1, 2),
                Some(Tensor::from_slice(&[1i64, 0, 1])),
            ),
        };
        let steps = [1, batch][usize::from(noise.uniform() < 0.7)];
        let is_recurrent = config.recurrence == Recurrence::Gru;
        Self {
            obs: noise.normals(&[batch, n, config.obs_dim as i64]),
            recurrent: (is_recurrent && noise.uniform() < 0.8)
                .then(|| noise.normals(&[batch / steps, n, width])),
            goes_on: (is_recurrent && steps > 1)
                .then(|| noise.coins(&[steps, batch / steps, n], 0.7)),
            available: (discrete && noise.uniform() < 0.5).then_some(available),
            graph,
            graph_of,
            gate: gate.map(|dims| noise.coins(&[batch, n, n][..dims], 0.6)),
            straight_through: noise.uniform() < 0.5,
            active: (noise.uniform() < 0.5).then(|| noise.coins(&[batch, n], 0.7)),
            actions: taken,
            stale,
            weights: [(); 3].map(|()| noise.normals(&[batch, n])),
            of_embedding: noise.normals(&[batch, n, width]),
            dropout: (0..2 * config.blocks)
                .map(|_| noise.tensor(&[batch, n, width], Noise::uniform))
                .collect(),
        }
    }

    /// The gates, of values 0 and 1; if they are straight-through, with the gradient of something smooth.
    fn gate(&self, embedding: &Tensor, scale: &Tensor) -> Option<Tensor> {
        let gate = self.gate.as_ref()?;
        if !self.straight_through {
            return Some(gate.shallow_clone());
        }
        let soft = (embedding.select(-1, 0) * scale).sigmoid(); // (B, N)
        let soft = match gate.dim() {
            2 => soft,
            _ => soft.unsqueeze(-1) * (embedding.select(-1, 1).unsqueeze(1)),
        };
        Some(gate + (&soft - soft.detach()))
    }

    fn seen(&self) -> Observations<'_> {
        Observations {
            obs: &self.obs,
            recurrent: self.recurrent.as_ref(),
            goes_on: self.goes_on.as_ref(),
        }
    }

    fn input<'a>(&'a self, embedding: &'a Tensor, gate: &'a Option<Tensor>) -> Input<'a> {
        Input {
            available: self.available.as_ref(),
            gate: gate.as_ref(),
            active: self.active.as_ref(),
            graph_of: self.graph_of.as_ref(),
            stale: self.stale.as_ref(),
            ..Input::new(embedding, &self.graph)
        }
    }

    fn loss(&self, embedding: &Tensor, scores: [&Tensor; 3], scale: &Tensor) -> Tensor {
        let terms = scores
            .into_iter()
            .zip(&self.weights)
            .map(|(x, weight)| (x * weight).sum(Kind::Float));
        terms.sum::<Tensor>() + (embedding * &self.of_embedding).sum(Kind::Float) * scale
    }

    /// Scores and gradients of the pass.
    fn by_pass(&self, policy: &CommFormer, scale: &Tensor) -> ([Tensor; 3], Vec<Tensor>) {
        let mut noise = self.dropout.iter();
        let mut uniform = |_: &[i64]| noise.next().unwrap().shallow_clone();
        let (mut pass, embedding) = policy.pass(self.seen()).unwrap();
        let gate = self.gate(&embedding, scale);
        let input = self.input(&embedding, &gate);
        let scores = pass
            .evaluate(&input, &self.actions, Some(&mut uniform))
            .unwrap();
        let loss = self.loss(
            &embedding,
            [&scores.log_probs, &scores.entropy, &scores.values],
            scale,
        );
        let found = [&scores.log_probs, &scores.entropy, &scores.values].map(Tensor::detach);
        let others = [("scale".to_owned(), scale.shallow_clone())];
        (found, pass.backward(&loss, &others).unwrap())
    }

    /// The same by libtorch.
    fn by_autograd(&self, policy: &CommFormer, scale: &Tensor) -> ([Tensor; 3], Vec<Tensor>) {
        let mut noise = self.dropout.iter();
        let mut uniform = |_: &[i64]| noise.next().unwrap().shallow_clone();
        let embedding = policy.embed(self.seen()).unwrap();
        let gate = self.gate(&embedding, scale);
        let found = policy
            .evaluate(
                &self.input(&embedding, &gate),
                &self.actions,
                Some(&mut uniform),
            )
            .unwrap();
        let scores = [&found.log_probs, &found.entropy, &found.values];
        let loss = self.loss(&embedding, scores, scale);
        let parameters = policy.parameters();
        let leaves: Vec<&Tensor> = parameters
            .iter()
            .map(|(_, leaf)| leaf)
            .chain([scale])
            .collect();
        let gradients = Tensor::run_backward(&[&loss], &leaves, false, false);
        let gradients = gradients.into_iter().zip(&leaves);
        let gradients = gradients.map(|(found, leaf)| {
            if found.defined() {
                found
            } else {
                leaf.zeros_like()
            }
        });
        (scores.map(Tensor::detach), gradients.collect())
    }
}

/// The gradient of the graph, by the pass and by libtorch.
fn of_graph(case: &mut Case, policy: &CommFormer, scale: &Tensor) -> [Tensor; 2] {
    case.graph = case.graph.detach().copy().set_requires_grad(true);
    let mut noise = case.dropout.iter();
    let mut uniform = |_: &[i64]| noise.next().unwrap().shallow_clone();
    let (mut pass, embedding) = policy.pass(case.seen()).unwrap();
    let gate = case.gate(&embedding, scale);
    let input = case.input(&embedding, &gate);
    let scores = pass
        .evaluate(&input, &case.actions, Some(&mut uniform))
        .unwrap();
    let scores = [&scores.log_probs, &scores.entropy, &scores.values];
    let loss = case.loss(&embedding, scores, scale);
    let found = pass.backward_to_graph(&loss).unwrap();

    let mut noise = case.dropout.iter();
    let mut uniform = |_: &[i64]| noise.next().unwrap().shallow_clone();
    let embedding = policy.embed(case.seen()).unwrap();
    let gate = case.gate(&embedding, scale);
    let input = case.input(&embedding, &gate);
    let scores = policy
        .evaluate(&input, &case.actions, Some(&mut uniform))
        .unwrap();
    let scores = [&scores.log_probs, &scores.entropy, &scores.values];
    let loss = case.loss(&embedding, scores, scale);
    [
        found,
        Tensor::run_backward(&[&loss], &[&case.graph], false, false).remove(0),
    ]
}

fn largest(x: &Tensor) -> f64 {
    f64::try_from(x.abs().max()).unwrap()
}

fn check(config: &PolicyConfig, k: usize, gate: Option<usize>, seed: u64) {
    let mut noise = Noise::new(seed);
    let policy = noisy_policy(config, &mut noise);
    let scale = Tensor::from(0.5f32).set_requires_grad(true);
    // Twice, since the second pass finds used buffers.
    for _ in 0..2 {
        let mut case = Case::new(config, k, gate, &mut noise);
        let (scores, gradients) = case.by_pass(&policy, &scale);
        let (expected_scores, expected) = case.by_autograd(&policy, &scale);
        for (found, expected) in scores.iter().zip(&expected_scores) {
            let off = distance(found, expected);
            assert!(off < 1e-5 * (1.0 + largest(expected)), "{off} {config:?}");
        }
        let [found, by_autograd] = of_graph(&mut case, &policy, &scale);
        let (off, most) = (distance(&found, &by_autograd), 1.0 + largest(&by_autograd));
        assert!(
            off < 1e-4 * most,
            "graph: off by {off} of {most}, {config:?}"
        );
        let size = expected.iter().map(largest).fold(1.0, f64::max);
        let names = policy
            .parameters()
            .into_iter()
            .map(|(name, _)| name)
            .chain(["scale".into()]);
        for ((name, found), expected) in names.zip(&gradients).zip(&expected) {
            let off = distance(found, expected);
            // Rounding: sums over rows that nearly cancel, in another order.
            assert!(
                off < 1e-4 * size,
                "{name}: off by {off} of {size}, {config:?}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        rng_seed: RngSeed::Fixed(property_seed()),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_pass_gives_the_numbers_of_autograd(
        config in configs(), width in 1..=5usize, k in 1..=7usize, gate in 0..3usize, dropout: bool, listed: bool,
        running: bool, seed: u64,
    ) {
        let config = PolicyConfig {
            attention_over: if listed { AttentionOver::Listed } else { AttentionOver::All },
            obs_norm: if running { ObsNorm::Running } else { ObsNorm::Layer },
            // Norms of very few numbers blow rounding up. Widths around the vectors' own, too.
            obs_dim: config.obs_dim + 2,
            embed_dim: config.heads * (4 + 4 * width + usize::from(width == 5)),
            dropout: if dropout { 0.3 } else { 0.0 },
            ..config
        };
        check(&config, k, GATES[gate], seed);
    }
}

#[test]
fn the_default_sizes_agree() {
    for agents in [3, 10] {
        check(
            &PolicyConfig::new(agents, 17, ActionSpace::Discrete(5)),
            4,
            None,
            5,
        );
    }
}

#[test]
fn wrong_uses_are_named() {
    let mut noise = Noise::new(7);
    let config = PolicyConfig {
        embed_dim: 8,
        ..PolicyConfig::new(3, 4, ActionSpace::Discrete(3))
    };
    let policy = noisy_policy(&config, &mut noise);
    let case = Case::new(&config, 2, None, &mut noise);
    let message =
        |result: Result<(), commformer_model::ModelError>| result.unwrap_err().to_string();

    let (mut pass, embedding) = policy.pass(&case.obs).unwrap();
    let far = case.actions.full_like(3);
    let found = message(
        pass.evaluate(&case.input(&embedding, &None), &far, None)
            .map(drop),
    );
    assert!(found.contains("from 0 to 2"), "{found}");
    let other = embedding.copy();
    let found = message(
        pass.evaluate(&case.input(&other, &None), &case.actions, None)
            .map(drop),
    );
    assert!(found.contains("the pass began with"), "{found}");
    // Two of its teams, in the same memory: the buffers are those of three.
    let (fewer, graph) = (embedding.narrow(0, 0, 2), case.graph.narrow(0, 0, 1));
    let actions = case.actions.narrow(0, 0, 2);
    let found = message(
        pass.evaluate(&Input::new(&fewer, &graph), &actions, None)
            .map(drop),
    );
    assert!(found.contains("the pass began with"), "{found}");
    let found = message(pass.backward(&embedding.sum(Kind::Float), &[]).map(drop));
    assert!(found.contains("not evaluated"), "{found}");
}
