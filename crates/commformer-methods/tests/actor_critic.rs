//! IPPO and MAPPO: the kernels against autograd, and recurrence over the ends of episodes by hand.

mod common;

use commformer_env::{ActionSpace, Spec};
use commformer_methods::{ActorCritic, ActorCriticConfig, Critic, Recurrence, Team};
use commformer_model::Precision;
use commformer_train::{Actor, Evaluation, Gates, Level, ObsBatch, Policy, Samples, TeamGraphs};
use common::{AGENTS, Happened, STEPS, TEAMS, off, spec};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tch::{Device, Kind, Tensor};

fn policies() -> impl Strategy<Value = (ActorCriticConfig, Critic, Spec)> {
    let sizes = (
        1..9usize,
        1..4usize,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let task = (any::<bool>(), any::<bool>(), 0..6usize);
    (sizes, task).prop_map(
        |((hidden, layers, relu, recurrent, agent_id), (team, discrete, state))| {
            let config = ActorCriticConfig {
                hidden,
                layers,
                activation: match relu {
                    true => commformer_methods::Activation::Relu,
                    false => commformer_methods::Activation::Tanh,
                },
                recurrence: if recurrent {
                    Recurrence::Gru
                } else {
                    Recurrence::None
                },
                agent_id,
                ..ActorCriticConfig::default()
            };
            let actions = match discrete {
                true => ActionSpace::Discrete(4),
                false => ActionSpace::Continuous(2),
            };
            let critic = if team { Critic::Team } else { Critic::Own };
            (config, critic, spec(actions, state))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        // Bounds on rounding: a nearly constant row blows it up in a layer norm.
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// What acting says of actions, step by step, is what training makes of them, and kernels and autograd agree.
    #[test]
    fn training_and_acting_agree_on_either_backend(
        (config, critic, spec) in policies(),
        seed in any::<u64>(),
    ) {
        let of_run = (seed, Precision::Float32, Device::Cpu);
        let policy = ActorCritic::new(&config, critic, &spec, of_run).unwrap();
        let happened = Happened::new(&spec, policy.needs().memory, seed);
        let acts = happened.act(&policy);
        let (scores, gradients) = happened.evaluate(&policy, &acts, false);
        let (their_scores, their_gradients) = happened.evaluate(&policy, &acts, true);
        prop_assert!(off(&scores[0], &acts[1]) < 1e-4, "log-probabilities of acting");
        prop_assert!(off(&scores[2], &acts[2]) < 1e-4, "values of acting");
        for (ours, theirs) in scores.iter().zip(&their_scores) {
            prop_assert!(off(ours, theirs) < 1e-4, "scores: {}", off(ours, theirs));
        }
        let names = policy.parameters().into_iter().map(|(name, _)| name);
        for (name, (ours, theirs)) in names.zip(gradients.iter().zip(&their_gradients)) {
            prop_assert!(off(ours, theirs) < 1e-3, "{name}: {}", off(ours, theirs));
        }
    }

    /// With the global state hidden, agents act as they do with it.
    #[test]
    fn agents_alone_act_as_they_do_together((config, critic, spec) in policies(), seed in any::<u64>()) {
        let of_run = (seed, Precision::Float32, Device::Cpu);
        let policy = ActorCritic::new(&config, critic, &spec, of_run).unwrap();
        let happened = Happened::new(&spec, policy.needs().memory, seed);
        let first = |x: &Option<Tensor>| x.as_ref().map(|x| happened.step(x, 0));
        let (available, active, state) =
            (first(&happened.available), first(&happened.active), first(&happened.state));
        let together = ObsBatch {
            obs: &happened.step(&happened.obs, 0),
            available: available.as_ref(),
            graph: &TeamGraphs::none(Device::Cpu),
            active: active.as_ref(),
            state: state.as_ref(),
            memory: happened.memory.as_ref(),
        };
        let noise = happened.step(&happened.noise, 0);
        let act = policy.act(&together, Gates::Open, Some(&noise)).unwrap();
        let alone = ObsBatch { state: None, ..together };
        let apart = policy.act_apart(&alone, Gates::Open, Some(&noise)).unwrap().act;
        prop_assert!(off(&apart.actions.to_kind(Kind::Float), &act.actions.to_kind(Kind::Float)) < 1e-5);
        prop_assert!(off(&apart.log_probs, &act.log_probs) < 1e-5);
        if let (Some(apart), Some(act)) = (apart.memory, act.memory) {
            let half = act.size()[2] / 2;
            prop_assert!(off(&apart.narrow(2, 0, half), &act.narrow(2, 0, half)) < 1e-5);
        }
    }
}

#[test]
fn who_begins_anew_remembers_nothing_and_who_goes_on_does() {
    let config = ActorCriticConfig {
        recurrence: Recurrence::Gru,
        hidden: 8,
        ..ActorCriticConfig::default()
    };
    let spec = spec(ActionSpace::Discrete(4), 0);
    let of_run = (1, Precision::Float32, Device::Cpu);
    let policy = ActorCritic::new(&config, Critic::Own, &spec, of_run).unwrap();
    let mut happened = Happened::new(&spec, policy.needs().memory, 1);
    happened.active = None;
    let _ = happened.begins.zero_();
    let acts = happened.act(&policy);
    let plain = happened.evaluate(&policy, &acts, false).0.remove(0);
    // The second agent of the first team begins anew in the third step.
    let _ = happened.begins.get(2).get(0).get(1).fill_(1.0);
    let anew = happened.evaluate(&policy, &acts, false).0.remove(0);
    let differs = (anew - plain).abs().gt(0.0).view([STEPS, TEAMS, AGENTS]);
    for step in 0..STEPS {
        for team in 0..TEAMS {
            for agent in 0..AGENTS {
                let expected = (team, agent) == (0, 1) && step >= 2;
                let found = differs.int64_value(&[step, team, agent]) == 1;
                assert_eq!(found, expected, "{step} {team} {agent}");
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let spec = spec(ActionSpace::Discrete(4), 2);
    let of_run = (1, Precision::Float32, Device::Cpu);
    let none = ActorCriticConfig {
        layers: 0,
        ..ActorCriticConfig::default()
    };
    let error = ActorCritic::new(&none, Critic::Own, &spec, of_run).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`method.layers` is 0, but must be 1 to 64"
    );
    let policy =
        ActorCritic::new(&ActorCriticConfig::default(), Critic::Team, &spec, of_run).unwrap();
    let happened = Happened::new(&spec, 0, 1);
    let graph = TeamGraphs::none(Device::Cpu);
    let batch = ObsBatch {
        obs: &happened.obs.narrow(-1, 0, 6),
        available: None,
        graph: &graph,
        active: None,
        state: None,
        memory: None,
    };
    let error = policy.act(&batch, Gates::Open, None).unwrap_err();
    assert!(error.to_string().contains("expected (B, 3, 7)"), "{error}");
    // Values are learned from the global state: an update without it is no update.
    let samples = Samples {
        sequence: None,
        batch: ObsBatch {
            obs: &happened.obs,
            ..batch
        },
        actions: &Tensor::zeros([TEAMS * STEPS, AGENTS], (Kind::Int64, Device::Cpu)),
        gate: None,
    };
    let mut noise = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
    let error = policy.evaluate(&samples, &mut noise).unwrap_err();
    assert!(error.to_string().contains("global state"), "{error}");
    let shown = Samples {
        batch: ObsBatch {
            state: happened.state.as_ref(),
            ..samples.batch
        },
        actions: &Tensor::full([TEAMS * STEPS, AGENTS], 4, (Kind::Int64, Device::Cpu)),
        ..samples
    };
    let mut loss = |found: &Evaluation| found.values.sum(Kind::Float);
    let error = policy
        .gradients(Level::Lower, &shown, &mut noise, &mut loss)
        .unwrap_err();
    assert!(error.to_string().contains("expected 0 to 3"), "{error}");
    let error = policy.evaluate(&shown, &mut noise).unwrap_err();
    assert!(error.to_string().contains("expected 0 to 3"), "{error}");
    let real = Samples {
        actions: &Tensor::zeros([TEAMS * STEPS, AGENTS], (Kind::Float, Device::Cpu)),
        ..shown
    };
    let error = policy.evaluate(&real, &mut noise).unwrap_err();
    assert!(error.to_string().contains("expected Int64"), "{error}");
    let message = |batch: &ObsBatch<'_>| policy.values(batch, Gates::Open).unwrap_err().to_string();
    let wide = ObsBatch {
        state: Some(&happened.obs.get(0)),
        ..shown.batch
    };
    assert!(message(&wide).contains("the global state: found Float of the shape [3, 7]"));
    let few = happened.obs.narrow(0, 0, 2);
    let unmasked = ObsBatch {
        available: Some(&few),
        ..shown.batch
    };
    assert!(message(&unmasked).contains("available actions: found Float of the shape [2, 3, 7]"));
    let someone = ObsBatch {
        active: Some(&few),
        ..shown.batch
    };
    assert!(message(&someone).contains("who is active: found"));
    let noisy = policy.act(&shown.batch, Gates::Open, Some(&few));
    assert!(noisy.unwrap_err().to_string().contains("noise of actions"));
    let nobody = ObsBatch {
        obs: &happened.obs.narrow(0, 0, 0),
        ..shown.batch
    };
    assert!(message(&nobody).contains("B at least 1"));
}

#[test]
fn a_task_without_agents_observations_or_actions_is_refused() {
    let full = spec(ActionSpace::Discrete(4), 0);
    let (mut alone, mut blind, mut idle) = (full.clone(), full.clone(), full);
    (alone.agents, blind.obs_dim, idle.actions) = (0, 0, ActionSpace::Discrete(0));
    for (spec, named) in [(alone, "agents"), (blind, "obs_dim"), (idle, "actions")] {
        let of_run = (1, Precision::Float32, Device::Cpu);
        let config = ActorCriticConfig::default();
        let error = ActorCritic::new(&config, Critic::Own, &spec, of_run).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(named) && message.contains("found 0, expected 1 to"),
            "{message}"
        );
    }
}
