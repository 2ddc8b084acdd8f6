//! IPPO and MAPPO: recurrence over the ends of episodes by hand, and what is refused.

use super::happened::{AGENTS, Happened, STEPS, TEAMS, spec};
use commformer_env::{ActionSpace, Spec};
use commformer_methods::ippo::Ippo;
use commformer_methods::mappo::Mappo;
use commformer_methods::{
    ActorCriticConfig, MethodConfig, MethodError, Recurrence, Team, TeamConfig,
};
use commformer_train::{Evaluation, Gates, Level, ObsBatch, Samples, TeamGraphs};
use tch::{Device, Kind, Tensor};

fn team(method: MethodConfig, spec: &Spec) -> Result<Box<dyn Team>, MethodError> {
    let config = TeamConfig {
        method,
        seed: 1,
        ..TeamConfig::default()
    };
    config.method.method().team(&config, spec, Device::Cpu)
}

#[test]
fn who_begins_anew_remembers_nothing_and_who_goes_on_does() {
    let config = ActorCriticConfig {
        recurrence: Recurrence::Gru,
        hidden: 8,
        ..ActorCriticConfig::default()
    };
    let spec = spec(ActionSpace::Discrete(4), 0);
    let policy = &*team(MethodConfig::Ippo(Ippo(config)), &spec).unwrap();
    let mut happened = Happened::new(&spec, policy.needs().memory, 1);
    happened.active = None;
    let _ = happened.begins.zero_();
    let acts = happened.act(policy);
    let plain = happened.evaluate(policy, &acts, false).0.remove(0);
    // The second agent of the first team begins anew in the third step.
    let _ = happened.begins.get(2).get(0).get(1).fill_(1.0);
    let anew = happened.evaluate(policy, &acts, false).0.remove(0);
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
    let none = ActorCriticConfig {
        layers: 0,
        ..ActorCriticConfig::default()
    };
    let error = team(MethodConfig::Ippo(Ippo(none)), &spec).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`method.layers` is 0, but must be 1 to 64"
    );
    let policy = team(MethodConfig::Mappo(Mappo::default()), &spec).unwrap();
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
        let error = team(MethodConfig::Ippo(Ippo::default()), &spec).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(named) && message.contains("found 0, expected 1 to"),
            "{message}"
        );
    }
}
