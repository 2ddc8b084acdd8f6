//! Exported agents, each of which has nothing but its weights, what it sees, and bytes, do what their team does.

use crate::happened::{AGENTS, Happened, TEAMS, off, spec};
use crate::{config, of_team, team, teams};
use commformer_env::{ActionSpace, Spec};
use commformer_methods::alone::{Agent, Exported, Turn};
use commformer_methods::{Team, TeamConfig, export};
use commformer_model::decentralised::{Action, Inbox, Packet};
use commformer_train::{Gates, ObsBatch, TeamGraphs};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tch::{Device, Kind, Tensor};

pub const N: usize = AGENTS as usize;

/// The file of a team with these edges.
pub fn file(config: &TeamConfig, team: &dyn Team, edges: &[f32]) -> Vec<u8> {
    let agents = edges.len().isqrt() as i64;
    let graph = Tensor::from_slice(edges).view([agents, agents]);
    export(team, &config.method, &graph, false, 1).unwrap()
}

fn floats(x: &Tensor) -> Vec<f32> {
    Vec::try_from(x.to_kind(Kind::Float).contiguous().view(-1)).unwrap()
}

/// One step of a team of which some are active: what each of these did and how likely that was, a row for each agent. What
/// is sent are bytes. The noise is that of actions and of gates.
fn step(
    agents: &mut [Agent],
    active: &[bool],
    [obs, available, noise, of_gates]: [&[Vec<f32>]; 4],
    bytes: &mut usize,
) -> Vec<Option<(Vec<f32>, f32)>> {
    let rounds = agents[0].rounds();
    let mut turns: Vec<Option<Turn>> = (agents.iter_mut().enumerate().zip(obs).zip(active))
        .map(|(((own, agent), obs), active)| {
            let noise = of_gates[own].get(own).copied();
            active.then(|| agent.perceive(obs, noise).unwrap())
        })
        .collect();
    for _ in 0..rounds {
        let said: Vec<Option<Packet>> = (turns.iter_mut())
            .map(|turn| turn.as_mut().filter(|turn| turn.sends()).map(Turn::say))
            .collect();
        for turn in turns.iter_mut().flatten() {
            let hears = turn.hears().to_vec();
            let letters: Vec<(usize, Packet)> = (hears.into_iter())
                .filter_map(|sender| Some((sender, said[sender].as_ref()?)))
                .map(|(sender, packet)| (sender, Packet::from(packet.as_ref().to_vec())))
                .collect();
            *bytes += letters
                .iter()
                .map(|(_, packet)| packet.bytes())
                .sum::<usize>();
            let letters = letters.iter().map(|(sender, packet)| (*sender, packet));
            turn.attend(&Inbox::new(letters, None)).unwrap();
        }
    }
    let decided = turns.into_iter().zip(agents);
    decided
        .zip(available.iter().zip(noise))
        .map(|((turn, agent), (available, noise))| {
            let available: Vec<bool> = available.iter().map(|flag| *flag > 0.5).collect();
            let available = (!available.is_empty()).then_some(&available[..]);
            let decision = turn?.decide(available, Some(noise)).unwrap();
            agent.keep(decision.memory).unwrap();
            let action = match decision.action {
                Action::Discrete(action) => vec![action as f32],
                Action::Continuous(action) => action,
            };
            Some((action, decision.log_prob))
        })
        .collect()
}

/// The largest difference between a team and its exported agents over a few steps.
fn difference(config: &TeamConfig, spec: &Spec, mut happened: Happened) -> f64 {
    let team = team(config, spec);
    happened.memory = happened.memory.map(|memory| memory.zeros_like());
    // Each team keeps its edges.
    let graphs = (Tensor::arange(TEAMS * AGENTS * AGENTS, (Kind::Float, Device::Cpu)) * 1.7).sin();
    let graphs = graphs
        .gt(-0.4)
        .to_kind(Kind::Float)
        .view([TEAMS, AGENTS, AGENTS]);
    happened.graph = TeamGraphs::new(graphs.shallow_clone());
    let exported: Vec<Exported> = (0..TEAMS)
        .map(|of| Exported::read(&file(config, &*team, &floats(&graphs.get(of)))).unwrap())
        .collect();
    let agents = |of: &Exported| (0..N).map(|agent| of.agent(agent).unwrap()).collect();
    let mut agents: Vec<Vec<Agent>> = exported.iter().map(agents).collect();
    let (mut at, mut most, mut bytes, mut expected_bytes) = (0, 0.0f64, 0, 0);
    let begins = happened.begins.copy();
    happened.walk(|batch, gates, noise| {
        let gates = match gates {
            Gates::Drawn(noise) => Gates::Decided(noise),
            other => other,
        };
        let of_gates = match gates {
            Gates::Decided(noise) => Some(noise),
            _ => None,
        };
        let alone = ObsBatch {
            state: None,
            ..*batch
        };
        let apart = team.act_apart(&alone, gates, Some(noise)).unwrap();
        let delivered = apart
            .delivered
            .iter()
            .map(|delivered| delivered.bytes as usize);
        expected_bytes += delivered.sum::<usize>();
        for (of, agents) in (0..TEAMS).zip(&mut agents) {
            let rows = |x: Option<&Tensor>| -> Vec<Vec<f32>> {
                (0..AGENTS)
                    .map(|agent| x.map_or_else(Vec::new, |x| floats(&x.get(of).get(agent))))
                    .collect()
            };
            let active: Vec<bool> = rows(batch.active)
                .iter()
                .map(|flag| flag[0] > 0.5)
                .collect();
            for (agent, own) in (0..).zip(&mut *agents) {
                if begins.double_value(&[at, of, agent]) > 0.5 {
                    own.forget();
                }
            }
            let seen = [
                rows(Some(batch.obs)),
                rows(batch.available),
                rows(Some(noise)),
                rows(of_gates),
            ];
            let decided = step(
                agents,
                &active,
                seen.each_ref().map(Vec::as_slice),
                &mut bytes,
            );
            for (agent, decided) in (0..).zip(decided) {
                let Some((action, log_prob)) = decided else {
                    agents[agent as usize].forget();
                    continue;
                };
                let found = Tensor::from_slice(&action);
                let act = apart.act.actions.get(of).get(agent);
                most = most.max(off(&found, &act.to_kind(Kind::Float).view(-1)));
                let expected = apart.act.log_probs.double_value(&[of, agent]);
                most = most.max((f64::from(log_prob) - expected).abs());
            }
        }
        at += 1;
        apart.act.memory
    });
    assert_eq!(bytes, expected_bytes);
    most
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn exported_agents_act_as_their_team((config, spec) in teams(), seed in any::<u64>()) {
        let team = team(&config, &spec);
        let most = difference(&config, &spec, of_team(&*team, &spec, seed));
        prop_assert!(most < 1e-4, "{}: {most}", config.method.kind());
    }
}

/// A team of everybody, of this method.
fn exported(method: &str) -> (Vec<u8>, Exported) {
    let config = config(method, &[("rounds", 3.into())]);
    let team = team(&config, &spec(ActionSpace::Discrete(4), 0));
    let bytes = file(&config, &*team, &[1.0; N * N]);
    let exported = Exported::read(&bytes).unwrap();
    (bytes, exported)
}

#[test]
fn what_does_not_fit_is_refused() {
    let (_, team) = exported("magic");
    assert!(
        team.agent(3)
            .unwrap_err()
            .to_string()
            .contains("found 3, expected less than 3")
    );
    let agent = team.agent(0).unwrap();
    let refused = |error: commformer_model::ModelError, told: &str| {
        let error = error.to_string();
        assert!(error.contains(told), "{error}");
    };
    refused(
        agent.perceive(&[0.0; 6], None).unwrap_err(),
        "`obs` has shape [6], expected [7]",
    );
    refused(
        agent.perceive(&[f32::NAN; 7], None).unwrap_err(),
        "found NaN at 0",
    );
    for noise in [-0.5, 1.5, f32::NAN] {
        refused(
            agent.perceive(&[0.0; 7], Some(noise)).unwrap_err(),
            "`noise`: found",
        );
    }
    refused(
        agent
            .perceive(&[0.0; 7], None)
            .unwrap()
            .decide(None, None)
            .unwrap_err(),
        "a decision comes after 3 rounds of messages, found 0",
    );
    let mut turn = agent.perceive(&[0.0; 7], None).unwrap();
    let said = turn.say();
    assert_eq!(said.bytes(), team.message_bytes());
    let hear = |turn: &mut Turn, sender, packet: &Packet| {
        turn.attend(&Inbox::new([(sender, packet)], None))
    };
    refused(
        hear(&mut turn, 0, &said).unwrap_err(),
        "whom it does not hear",
    );
    let short = Packet::from(said.as_ref()[1..].to_vec());
    refused(
        hear(&mut turn, 1, &short).unwrap_err(),
        "of agent 1: found 255 bytes, expected 256",
    );
    let spoilt = Packet::from([&f32::NAN.to_le_bytes(), &said.as_ref()[4..]].concat());
    refused(hear(&mut turn, 1, &spoilt).unwrap_err(), "found NaN at 0");
    let huge = Packet::from(f32::MAX.to_le_bytes().repeat(64));
    // None of these counts.
    hear(&mut turn, 1, &said).unwrap();
    turn.attend(&Inbox::default()).unwrap();
    turn.attend(&Inbox::default()).unwrap();
    refused(
        turn.attend(&Inbox::default()).unwrap_err(),
        "all 3 rounds of messages are over",
    );
    refused(
        turn.decide(Some(&[false; 4]), None).unwrap_err(),
        "at least one action",
    );
    // What is finite and too large is refused as well.
    let (_, team) = exported("tarmac");
    let agent = team.agent(0).unwrap();
    let mut turn = agent.perceive(&[0.0; 7], None).unwrap();
    for _ in 0..3 {
        hear(&mut turn, 1, &huge).unwrap();
    }
    refused(turn.decide(None, None).unwrap_err(), "they are too large");
}

#[test]
fn what_is_lost_in_the_first_round_was_not_sent() {
    let (_, team) = exported("tarmac");
    let seen = |agent: usize| -> Vec<f32> {
        (0..7)
            .map(|at| (7 * agent + at) as f32)
            .map(f32::sin)
            .collect()
    };
    // What agents say is of what they remember: of a step before.
    let said = |agent: usize| {
        let mut own = team.agent(agent).unwrap();
        let mut turn = own.perceive(&seen(agent), None).unwrap();
        for _ in 0..3 {
            turn.attend(&Inbox::default()).unwrap();
        }
        let decision = turn.decide(None, None).unwrap();
        own.keep(decision.memory).unwrap();
        own.perceive(&seen(agent), None).unwrap().say()
    };
    let (one, two) = (said(1), said(2));
    let decided = |rounds: [&[(usize, &Packet)]; 3]| {
        let mut turn = team.agent(0).unwrap().perceive(&seen(0), None).unwrap();
        for letters in rounds {
            turn.attend(&Inbox::new(letters.iter().copied(), None))
                .unwrap();
        }
        turn.decide(None, None).unwrap()
    };
    let (alone, both) = ([(1, &one)], [(1, &one), (2, &two)]);
    assert_eq!(decided([&alone, &both, &both]), decided([&alone; 3]));
    assert_ne!(decided([&both; 3]), decided([&alone; 3]));
    // Who is lost later is taken to say what it said before.
    assert_eq!(decided([&both, &alone, &[]]), decided([&both; 3]));
}

#[test]
fn files_of_something_else_are_refused() {
    let (bytes, _) = exported("ippo");
    let refused = |bytes: &[u8]| Exported::read(bytes).unwrap_err().to_string();
    for cut in [0, 7, bytes.len() / 2, bytes.len() - 1] {
        refused(&bytes[..cut]);
    }
    let error = commformer_model::decentralised::Exported::read(&bytes).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("commformer_methods::alone::Exported"),
        "{error}"
    );
    let with = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = bytes
            .windows(from.len())
            .position(|window| window == from.as_bytes())
            .unwrap();
        let mut bytes = bytes.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        refused(&bytes)
    };
    for (from, to, told) in [
        (r#"hidden\":64"#, r#"hidden\":32"#, "expected the shape"),
        (
            r#"kind\":\"ippo"#,
            r#"kind\":\"nobo"#,
            "unknown variant `nobo`",
        ),
        (
            r#"agents\":3"#,
            r#"agents\":2"#,
            "`graph.edges` has the shape [3, 3], expected the shape [2, 2]",
        ),
        (
            r#""shape":[3,3]"#,
            r#""shape":[1,9]"#,
            "`graph.edges` has the shape [1, 9], expected the shape [3, 3]",
        ),
        (
            r#""shape":[64,10]"#,
            r#""shape":[10,64]"#,
            "has the shape [10, 64], expected the shape [64, 10]",
        ),
        (r#"obs_dim\":7"#, r#"obs_dim\":0"#, "found 0, expected 1 to"),
        (
            "actor.layers.1.weight",
            "actor.layers.8.weight",
            "is missing",
        ),
    ] {
        let error = with(from, to);
        assert!(error.contains(told), "{error}");
    }
}

/// How often an agent of IC3Net sends is up to its noise, and it takes no step without any.
#[test]
fn agents_draw_whether_they_send() {
    let (_, team) = exported("ic3net");
    let agent = team.agent(0).unwrap();
    let sends = |noise| agent.perceive(&[0.5; 7], Some(noise)).unwrap().sends();
    assert!(!sends(1e-6) && sends(1.0 - 1e-6));
    assert!(!sends(0.0) && sends(1.0));
    let error = agent.perceive(&[0.5; 7], None).unwrap_err().to_string();
    assert!(error.contains("`noise`: found none, expected"), "{error}");
    let (_, team) = exported("tarmac");
    assert!(
        team.agent(0)
            .unwrap()
            .perceive(&[0.5; 7], Some(1e-6))
            .unwrap()
            .sends()
    );
}
