//! Who is not active: nothing about them reaches the others, in any pass.

use commformer_model::{
    ActionSpace, AttentionOver, Closed, CommFormer, Input, PolicyConfig, UniformNoise,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tch::{Device, Kind, Tensor};

use crate::common::{Noise, noisy_policy, taken};
use crate::properties::{configs, gated_graph, property_seed};

const TEAMS: i64 = 3;

/// What a pass is given.
struct Case {
    obs: Tensor,
    graph: Tensor,
    gate: Option<Tensor>,
    active: Tensor,
    stale: Option<Tensor>,
    noise: Tensor,
    actions: Tensor,
}

impl Case {
    fn new(config: &PolicyConfig, k: usize, gate: usize, noise: &mut Noise) -> Self {
        let n = config.agents as i64;
        let width = config.actions.width() as i64;
        let stale = [TEAMS, n, config.stale_width() as i64];
        Self {
            obs: noise.normals(&[TEAMS, n, config.obs_dim as i64]),
            graph: gated_graph(config.agents, k, TEAMS, noise),
            gate: (gate > 0).then(|| noise.coins(&[TEAMS, n, n][..=gate], 0.7)),
            active: noise.coins(&[TEAMS, n], 0.6),
            stale: (config.closed == Closed::Stale).then(|| noise.normals(&stale).abs()),
            noise: noise.gumbels(&[TEAMS, n, width]),
            actions: taken(config, TEAMS, noise),
        }
    }

    /// The same, but for all that belongs to those who are not active.
    fn otherwise(&self, other: &Self) -> Self {
        let mix = |own: &Tensor, other: &Tensor| {
            let mut shape = self.active.size();
            shape.resize(own.dim(), 1);
            own.where_self(&self.active.gt(0.5).view(&shape[..]), other)
        };
        let either = |own: &Option<Tensor>, other: &Option<Tensor>| {
            own.as_ref()
                .zip(other.as_ref())
                .map(|(own, other)| mix(own, other))
        };
        Self {
            obs: mix(&self.obs, &other.obs),
            graph: self.graph.shallow_clone(),
            gate: either(&self.gate, &other.gate),
            active: self.active.shallow_clone(),
            stale: either(&self.stale, &other.stale),
            noise: mix(&self.noise, &other.noise),
            actions: mix(&self.actions, &other.actions),
        }
    }

    fn input<'a>(&'a self, embedding: &'a Tensor) -> Input<'a> {
        Input {
            gate: self.gate.as_ref(),
            active: Some(&self.active),
            stale: self.stale.as_ref(),
            ..Input::new(embedding, &self.graph)
        }
    }

    /// What acting and scoring give those who are active; the others' rows are 0.
    fn outcomes(&self, policy: &CommFormer) -> Vec<Tensor> {
        let embedding = policy.embed(&self.obs).unwrap();
        let input = self.input(&embedding);
        let act = policy.act(&input, Some(&self.noise)).unwrap();
        let scored = policy.evaluate(&input, &self.actions, None).unwrap();
        let (_, values) = policy.encode(&input).unwrap();
        let unsure = policy.entropy_alone(&input).unwrap();
        let all = [
            act.actions.to_kind(Kind::Float),
            act.log_probs,
            act.values,
            scored.log_probs,
            scored.entropy,
            scored.values,
            scored.logits,
            values,
            unsure,
        ];
        let of_active = |x: Tensor| {
            let mut shape = self.active.size();
            shape.resize(x.dim(), 1);
            x.where_scalarother(&self.active.gt(0.5).view(&shape[..]), 0.0)
        };
        all.into_iter().chain(act.stale).map(of_active).collect()
    }

    /// The gradients of a loss of those who are active: of the weights, then of the graph.
    fn gradients(&self, policy: &CommFormer, weights: &[Tensor; 3]) -> Vec<Tensor> {
        let loss = |scores: [&Tensor; 3]| -> Tensor {
            let terms = scores.into_iter().zip(weights);
            terms
                .map(|(x, weight)| (x * weight * &self.active).sum(Kind::Float))
                .sum()
        };
        let graph = self.graph.detach().set_requires_grad(true);
        let mut all = Vec::new();
        for of_graph in [false, true] {
            let (mut pass, embedding) = policy.pass(&self.obs).unwrap();
            let input = Input {
                graph: if of_graph { &graph } else { &self.graph },
                ..self.input(&embedding)
            };
            let none: Option<UniformNoise<'_>> = None;
            let scores = pass.evaluate(&input, &self.actions, none).unwrap();
            let loss = loss([&scores.log_probs, &scores.entropy, &scores.values]);
            match of_graph {
                false => all.extend(pass.backward(&loss, &[]).unwrap()),
                true => all.push(pass.backward_to_graph(&loss).unwrap()),
            }
        }
        all
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        rng_seed: RngSeed::Fixed(property_seed()),
        ..ProptestConfig::default()
    })]

    /// Neither what they see, choose and keep nor how their gates are set changes a bit of the others'
    /// actions, values and gradients.
    #[test]
    fn who_is_not_active_changes_nothing_for_the_others(
        config in configs(), k in 1..=7usize, gate in 0..3usize, listed: bool, seed: u64,
    ) {
        let config = PolicyConfig {
            attention_over: if listed { AttentionOver::Listed } else { AttentionOver::All },
            ..config
        };
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let case = Case::new(&config, k, gate, &mut noise);
        let other = case.otherwise(&Case::new(&config, k, gate, &mut noise));
        prop_assert_eq!(case.outcomes(&policy), other.outcomes(&policy));
        let shape = [TEAMS, config.agents as i64];
        let weights = [(); 3].map(|()| noise.normals(&shape));
        prop_assert_eq!(
            case.gradients(&policy, &weights),
            other.gradients(&policy, &weights)
        );
    }

    /// Where everybody is active, saying so changes no bit.
    #[test]
    fn that_all_are_active_need_not_be_said(
        config in configs(), k in 1..=7usize, gate in 0..3usize, seed: u64,
    ) {
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let mut case = Case::new(&config, k, gate, &mut noise);
        case.active = case.active.ones_like();
        let embedding = policy.embed(&case.obs).unwrap();
        let said = case.input(&embedding);
        let unsaid = Input { active: None, ..said };
        let [said, unsaid] = [said, unsaid].map(|input| {
            let act = policy.act(&input, Some(&case.noise)).unwrap();
            let scored = policy.evaluate(&input, &case.actions, None).unwrap();
            [act.actions, act.log_probs, act.values, scored.log_probs, scored.values]
        });
        prop_assert_eq!(said, unsaid);
    }
}

#[test]
fn flags_of_the_wrong_shape_are_named() {
    let mut noise = Noise::new(1);
    let config = PolicyConfig::new(3, 4, ActionSpace::Discrete(2));
    let policy = noisy_policy(&config, &mut noise);
    let case = Case::new(&config, 2, 0, &mut noise);
    let embedding = policy.embed(&case.obs).unwrap();
    let message = |active: Tensor| {
        let input = Input {
            active: Some(&active),
            ..case.input(&embedding)
        };
        policy.act(&input, None).unwrap_err().to_string()
    };
    let options = (Kind::Float, Device::Cpu);
    let found = message(Tensor::ones([3, 2], options));
    assert!(
        found.contains("active") && found.contains("[3, 3]"),
        "{found}"
    );
    let found = message(Tensor::ones([3, 3], (Kind::Bool, Device::Cpu)));
    assert!(
        found.contains("active") && found.contains("Float"),
        "{found}"
    );
}
