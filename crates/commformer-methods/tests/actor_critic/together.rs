//! A trained team in one process, and each of its agents in one of its own.

use crate::alone::{N, file};
use crate::happened::spec;
use crate::{config, team};
use commformer_env::{ActionSpace, Rng};
use commformer_methods::alone::{Exchange, Letter, Shown, TeamStep, TrainedAgent, TrainedTeam};
use commformer_methods::config::{GateConfig, GateMode, PolicySettings};
use commformer_methods::{TeamConfig, export};
use commformer_model::decentralised::{Action, Packet};
use commformer_model::{Recurrence, RelationOrder};
use tch::{Kind, Tensor};

/// The file of a team of everybody, of this method, whose agents remember. CommFormer's have gates.
fn exported(method: &str, actions: ActionSpace) -> Vec<u8> {
    let config = TeamConfig {
        gate: GateConfig {
            mode: GateMode::Learned,
            ..GateConfig::default()
        },
        policy: PolicySettings {
            recurrence: Recurrence::Gru,
            ..PolicySettings::default()
        },
        // Learned scales bound what the network sees.
        known_scales: true,
        ..config(method, &[("recurrence", "gru".into())])
    };
    let team = team(&config, &spec(actions, 0));
    let graph = Tensor::ones([N as i64; 2], (Kind::Float, tch::Device::Cpu));
    export(&*team, &config.method, &graph, true, 7).unwrap()
}

fn read(method: &str, actions: ActionSpace) -> TrainedTeam {
    let read = TrainedTeam::read(&exported(method, actions)).unwrap();
    assert_eq!((read.sizes().agents, read.obs_version()), (N, Some(7)));
    read
}

const METHODS: [&str; 5] = ["commformer", "mat", "ippo", "ic3net", "magic"];

fn obs(step: usize) -> Vec<f32> {
    (0..N * 7)
        .map(|at| ((at + 5 * step) as f32).sin())
        .collect()
}

/// What teams do whose random numbers are the same in a step.
fn act(team: &mut TrainedTeam, step: usize, shown: &Shown<'_>) -> TeamStep {
    team.act(shown, &mut Rng::new(1, step as u64)).unwrap()
}

#[test]
fn what_is_refused_leaves_no_trace() {
    for method in METHODS {
        let actions = ActionSpace::Discrete(4);
        let [mut team, mut spared] = [(); 2].map(|()| read(method, actions));
        for step in 0..6 {
            let mut rng = Rng::new(1, step as u64);
            let obs = obs(step);
            let mut refuse = |shown: Shown<'_>, told: &str| {
                let error = team.act(&shown, &mut rng).unwrap_err().to_string();
                assert!(error.contains(told), "{method}: {error}");
            };
            let mut odd = obs.clone();
            odd[N * 7 - 1] = f32::NAN;
            refuse(Shown::new(&odd), "found NaN");
            if method == "commformer" {
                // The gates of the others have decided by then.
                odd[(N - 1) * 7..].fill(f32::MAX);
                refuse(Shown::new(&odd), "too large for the network");
            }
            refuse(Shown::new(&odd[1..]), "`obs` has shape [20], expected [21]");
            // The last agent can do nothing.
            let none: Vec<bool> = (0..4 * N).map(|at| at < 4 * (N - 1)).collect();
            let shown = Shown {
                available: Some(&none),
                ..Shown::new(&obs)
            };
            refuse(shown, "available");
            let shown = Shown {
                active: Some(&none),
                ..Shown::new(&obs)
            };
            refuse(shown, "`active` has shape [12], expected [3]");
            let shown = Shown::new(&obs);
            assert_eq!(act(&mut team, step, &shown), act(&mut spared, step, &shown));
        }
    }
}

#[test]
fn whoever_is_not_active_says_nothing_and_can_be_left_without_an_action() {
    let (active, available) = ([true, false, true], [true; 4 * N]);
    let mut left_without = available;
    left_without[4..8].fill(false);
    for method in METHODS {
        let [mut team, mut other] = [(); 2].map(|()| read(method, ActionSpace::Discrete(4)));
        let mut messages = 0;
        for step in 0..6 {
            let seen = obs(step);
            let mut others = seen.clone();
            others[7..14].fill(1.0 + step as f32);
            let [mut acts, mut expected] = [
                (&mut team, &seen, available),
                (&mut other, &others, left_without),
            ]
            .map(|(team, obs, available)| {
                let shown = Shown {
                    available: Some(&available),
                    active: Some(&active),
                    ..Shown::new(obs)
                };
                act(team, step, &shown)
            });
            for step in [&mut acts, &mut expected] {
                step.actions.remove(1);
            }
            assert_eq!(acts, expected, "{method}");
            let delivered = acts.delivered;
            messages += delivered.messages();
            let silent = [1, 3, 4, 5, 7];
            assert!(silent.iter().all(|edge| delivered.along[*edge] == 0));
        }
        assert_eq!(messages > 0, method != "ippo", "{method}");
    }
}

#[test]
fn whoever_left_is_not_remembered() {
    for method in METHODS.into_iter().filter(|method| *method != "mat") {
        let actions = ActionSpace::Continuous(2);
        let [mut team, mut stays, mut new] = [(); 3].map(|()| read(method, actions));
        for at in 0..3 {
            let seen = obs(at);
            for team in [&mut team, &mut stays] {
                act(team, at, &Shown::new(&seen));
            }
        }
        let seen = obs(3);
        let shown = Shown {
            // Nobody hears anybody.
            active: Some(&[true, false, false]),
            ..Shown::new(&seen)
        };
        let departed = Shown {
            departed: Some(&[true, false, false]),
            ..shown
        };
        let first = |team: &mut TrainedTeam, shown| act(team, 3, shown).actions.swap_remove(0);
        let expected = first(&mut new, &shown);
        assert_eq!(first(&mut team, &departed), expected, "{method}");
        assert_ne!(first(&mut stays, &shown), expected, "{method}");
        stays.forget();
        assert_eq!(first(&mut stays, &shown), expected, "{method}");
    }
}

/// Carries letters until all agents have decided. What they did, and the bytes that were awaited and came, receiver by
/// sender.
fn carry(agents: &mut [TrainedAgent], begun: Vec<Exchange>) -> (Vec<Action>, Vec<usize>) {
    let mut exchanges = begun;
    let mut boxes: Vec<Vec<Letter>> = vec![Vec::new(); N];
    let (mut bytes, mut patient) = (vec![0; N * N], true);
    let undecided = |(_, exchange): &(usize, &Exchange)| exchange.action.is_none();
    while let Some((first, _)) = (exchanges.iter().enumerate().filter(undecided))
        .min_by_key(|(_, exchange)| exchange.awaited[0].0)
    {
        for (own, exchange) in exchanges.iter_mut().enumerate() {
            for letter in exchange.outgoing.drain(..) {
                let packet = Packet::from(letter.packet.as_ref().to_vec());
                boxes[letter.other].push(Letter {
                    other: own,
                    packet,
                    ..letter
                });
            }
        }
        let mut goes_on = false;
        for (own, exchange) in exchanges.iter_mut().enumerate() {
            let awaited = &exchange.awaited;
            let come = boxes[own]
                .iter()
                .filter(|letter| awaited.contains(&(letter.round, letter.other)));
            let come: Vec<Letter> = come.cloned().collect();
            // Agents of IC3Net wait for some who say nothing, but nobody goes on before those of earlier rounds.
            let goes = if patient {
                come.len() == awaited.len()
            } else {
                own == first
            };
            if exchange.action.is_some() || !goes {
                continue;
            }
            for letter in &come {
                bytes[own * N + letter.other] += letter.packet.bytes();
            }
            *exchange = agents[own].receive(&come).unwrap();
            goes_on = true;
        }
        patient = goes_on;
    }
    let actions = exchanges.into_iter().filter_map(|exchange| exchange.action);
    (actions.collect(), bytes)
}

#[test]
fn agents_on_machines_of_their_own_do_what_their_team_does() {
    for method in commformer_methods::METHODS {
        for actions in [ActionSpace::Discrete(4), ActionSpace::Continuous(2)] {
            let file = exported(method, actions);
            let mut team = TrainedTeam::read(&file).unwrap();
            let agents = (0..N).map(|agent| TrainedAgent::read(&file, agent).unwrap());
            let mut agents: Vec<TrainedAgent> = agents.collect();
            for step in 0..6 {
                let seen = obs(step);
                let expected = act(&mut team, step, &Shown::new(&seen));
                let mut rng = Rng::new(1, step as u64);
                let begun = agents.iter_mut().zip(seen.chunks(7));
                let begun = begun.map(|(agent, obs)| agent.begin(obs, None, &mut rng).unwrap());
                let begun = begun.collect();
                let (acts, bytes) = carry(&mut agents, begun);
                assert_eq!(acts, expected.actions, "{method}");
                let delivered = expected.delivered;
                let each = delivered.along.iter().zip(&delivered.always);
                let all: Vec<usize> = each.map(|(along, always)| along + always).collect();
                assert_eq!(bytes, all, "{method}");
            }
        }
    }
}

#[test]
fn an_agent_goes_on_without_a_letter_that_it_cannot_take() {
    for method in ["commformer", "magic"] {
        let file = exported(method, ActionSpace::Discrete(4));
        let [mut sender, mut spared, mut agent] =
            [0, 1, 1].map(|agent| TrainedAgent::read(&file, agent).unwrap());
        let mut rng = Rng::new(1, 0);
        let refused = agent.receive(&[]).unwrap_err().to_string();
        assert!(refused.contains("no step is under way"), "{refused}");
        let sent = sender.begin(&obs(0)[..7], None, &mut rng).unwrap();
        let mut agents = [&mut spared, &mut agent];
        let mut exchanges = agents
            .each_mut()
            .map(|agent| agent.begin(&obs(1)[..7], None, &mut rng).unwrap());
        while exchanges[1].action.is_none() {
            let (round, other) = exchanges[1].awaited[0];
            let packet = &sent.outgoing[0].packet;
            let short = Packet::from(packet.as_ref()[1..].to_vec());
            for (letter, told) in [
                (
                    Letter {
                        round,
                        other,
                        packet: short,
                    },
                    "agent 0: ",
                ),
                (
                    Letter {
                        round: round + 9,
                        other,
                        packet: packet.clone(),
                    },
                    "found one for round",
                ),
            ] {
                let refused = agents[1].receive(&[letter]).unwrap_err().to_string();
                assert!(refused.contains(told), "{refused}");
            }
            exchanges = agents.each_mut().map(|agent| agent.receive(&[]).unwrap());
        }
        assert_eq!(exchanges[0], exchanges[1], "{method}");
    }
}

/// Nobody is told of what is no number, and no step is left without an end.
#[test]
fn what_is_finite_and_too_large_is_refused_as_a_step_begins() {
    let mut huge = [0.0; 7];
    huge[..2].fill(f32::MAX);
    let mut refused = Vec::new();
    for method in commformer_methods::METHODS {
        let file = exported(method, ActionSpace::Discrete(4));
        let mut agent = TrainedAgent::read(&file, 1).unwrap();
        let mut rng = Rng::new(1, 0);
        match agent.begin(&huge, None, &mut rng) {
            Err(error) => {
                assert!(error.to_string().contains("too large"), "{method}: {error}");
                let none = agent.receive(&[]).unwrap_err().to_string();
                assert!(none.contains("no step is under way"), "{method}: {none}");
                refused.push(*method);
            }
            // It said what is a number, and the step ends, be it that it is given up.
            Ok(exchange) => {
                for letter in exchange.outgoing.iter().filter(|_| *method != "slim") {
                    let numbers = letter.packet.as_ref().chunks_exact(4);
                    let mut numbers = numbers.map(|x| f32::from_le_bytes(x.try_into().unwrap()));
                    assert!(numbers.all(f32::is_finite), "{method}");
                }
                while agent.limits() > 0 {
                    let ended = agent.receive(&[]).is_err();
                    assert!(!ended || agent.limits() == 0, "{method}");
                }
            }
        }
        agent.begin(&obs(0)[7..14], None, &mut rng).unwrap();
    }
    for method in ["commformer", "mat", "magic", "gacomm", "slim"] {
        assert!(refused.contains(&method), "{method}: {refused:?}");
    }
}

/// A letter whose sender was not heard in the first round would count for nothing.
#[test]
fn whoever_was_not_heard_first_is_not_awaited_later() {
    let file = exported("magic", ActionSpace::Discrete(4));
    let [mut agent, mut first, mut last] =
        [1, 0, 2].map(|agent| TrainedAgent::read(&file, agent).unwrap());
    let mut rng = Rng::new(1, 0);
    let mut began = |agent: &mut TrainedAgent| agent.begin(&obs(0)[..7], None, &mut rng).unwrap();
    let begun = began(&mut agent);
    assert_eq!((begun.awaited, agent.limits()), (vec![(0, 0), (0, 2)], 1));
    let letters = [(0, began(&mut first)), (2, began(&mut last))].map(|(other, said)| Letter {
        round: 0,
        other,
        packet: said.outgoing[0].packet.clone(),
    });
    let next = agent.receive(&letters[1..]).unwrap();
    assert_eq!((next.awaited, agent.limits()), (vec![(1, 2)], 2));
}

/// Whether a sender hears the agent is then a part of what is said, and nobody says it.
#[test]
fn agents_alone_do_not_guess_the_gates_of_others() {
    let config = TeamConfig {
        gate: GateConfig {
            mode: GateMode::Learned,
            ..GateConfig::default()
        },
        policy: PolicySettings {
            relation_order: RelationOrder::SenderReceiver,
            ..PolicySettings::default()
        },
        ..config("commformer", &[])
    };
    let team = team(&config, &spec(ActionSpace::Discrete(4), 0));
    let graph = Tensor::ones([N as i64; 2], (Kind::Float, tch::Device::Cpu));
    let file = export(&*team, &config.method, &graph, true, 7).unwrap();
    TrainedTeam::read(&file).unwrap();
    let refused = TrainedAgent::read(&file, 0).unwrap_err().to_string();
    assert!(refused.contains("policy.relation_order"), "{refused}");
    // Without gates in force, all is known.
    let file = export(&*team, &config.method, &graph, false, 7).unwrap();
    TrainedAgent::read(&file, 0).unwrap();
}

/// A step that was given up, or that a neighbour's numbers made impossible, is as if it had not begun.
#[test]
fn an_agent_begins_anew_after_a_step_that_came_to_no_end() {
    for method in ["commformer", "commnet"] {
        let file = exported(method, ActionSpace::Discrete(4));
        let [mut spared, mut agent] = [(); 2].map(|()| TrainedAgent::read(&file, 1).unwrap());
        let (mut rng, mut given_up) = (Rng::new(1, 0), 0);
        for step in 0..6 {
            let seen = &obs(step)[7..14];
            let first = agent.begin(seen, None, &mut rng).unwrap();
            if first.action.is_some() {
                // Its gate is closed, and the step at its end.
                assert_eq!(spared.begin(seen, None, &mut rng).unwrap(), first);
                continue;
            }
            given_up += 1;
            if method == "commnet" {
                // The letters are good, and what becomes of them is not finite.
                let largest = f32::MAX.to_le_bytes();
                let letters = |awaited: &[(usize, usize)]| -> Vec<Letter> {
                    let letter = |&(round, other)| Letter {
                        round,
                        other,
                        packet: Packet::from(largest.repeat(first.outgoing[0].packet.bytes() / 4)),
                    };
                    awaited.iter().map(letter).collect()
                };
                let mut awaited = first.awaited.clone();
                let refused = loop {
                    match agent.receive(&letters(&awaited)) {
                        Ok(next) => awaited = next.awaited,
                        Err(error) => break error.to_string(),
                    }
                };
                assert!(refused.contains("too large"), "{refused}");
                let refused = agent.receive(&[]).unwrap_err().to_string();
                assert!(refused.contains("no step is under way"), "{refused}");
            }
            let mut exchanges = [&mut spared, &mut agent]
                .map(|agent| (agent.begin(seen, None, &mut rng).unwrap(), agent));
            assert_eq!(exchanges[1].0, first, "{method}");
            while exchanges[1].0.action.is_none() {
                exchanges = exchanges.map(|(_, agent)| (agent.receive(&[]).unwrap(), agent));
                assert_eq!(exchanges[0].0, exchanges[1].0, "{method}");
            }
        }
        assert!(given_up > 1, "{method}");
    }
}

/// Nothing is lost where a file is read by a method's own reader.
#[test]
fn other_files_are_refused() {
    let refused = |bytes: &[u8]| TrainedTeam::read(bytes).unwrap_err().to_string();
    assert!(refused(b"no such file").contains("not what `commformer export` writes"));
    let config = config("slim", &[]);
    let team = team(&config, &spec(ActionSpace::Discrete(4), 0));
    let whole = file(&config, &*team, &[1.0; N * N]);
    assert!(refused(&whole[..whole.len() - 1]).contains("cut short"));
}
