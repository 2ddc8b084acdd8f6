//! Members of a team that runs apart: what they refuse, and that saved weights make the same team.

use commformer_model::decentralised::{Inbox, Member, OpenEdges, Packet, Team, Weights};
use commformer_model::{ActionSpace, Closed, CommFormer, Decoding, PolicyConfig, PreviousAction};
use std::sync::Arc;

use crate::common::{Noise, noisy_policy};
use crate::decentralised::numbers;

fn small() -> (CommFormer, Noise) {
    let mut noise = Noise::new(3);
    let config = PolicyConfig {
        embed_dim: 8,
        ..PolicyConfig::new(3, 5, ActionSpace::Discrete(4))
    };
    (noisy_policy(&config, &mut noise), noise)
}

#[test]
fn what_does_not_fit_is_named() {
    let (policy, mut noise) = small();
    let weights = Arc::new(Weights::new(&policy).unwrap());
    let complaint =
        |result: Result<(), commformer_model::ModelError>| result.unwrap_err().to_string();
    let message = complaint(Team::new(Arc::clone(&weights), 4).map(drop));
    assert!(message.contains("found 4 agents, expected 3"), "{message}");

    let mut team = Team::new(weights, 3).unwrap();
    let message = complaint(
        team.perceive(&numbers(&noise.normals(&[3, 6])), None)
            .map(drop),
    );
    assert!(
        message.contains("`obs`") && message.contains("(3, 5), 15 numbers"),
        "{message}"
    );
    let message = complaint(
        team.perceive(&numbers(&noise.normals(&[2, 5])), None)
            .map(drop),
    );
    assert!(message.contains("has shape [10]"), "{message}");
    let message = complaint(team.keep(&numbers(&noise.normals(&[3, 9]))));
    assert!(message.contains("`memory`"), "{message}");

    let obs = numbers(&noise.normals(&[3, 5]));
    let four = [1.0; 16];
    let turns = team.perceive(&obs, None).unwrap();
    let message = complaint(
        team.act(turns, &OpenEdges::new(&four).unwrap(), None)
            .map(drop),
    );
    assert!(message.contains("`graph`"), "{message}");
}

/// Weights as they are saved make the same team, and what does not fit is named.
#[test]
fn saved_weights_make_the_same_team() {
    let (policy, mut noise) = small();
    type Parts = Vec<(String, Vec<f32>)>;
    let parts = || -> Parts {
        let state = policy.state().into_iter();
        state
            .map(|(name, part)| (name, numbers(&part)))
            .rev()
            .collect()
    };
    let saved = Weights::of_parts(policy.config(), parts()).unwrap();
    let weights = Weights::new(&policy).unwrap();
    let obs = numbers(&noise.normals(&[3, 5]));
    let edges = OpenEdges::new(&[1.0; 9]).unwrap();
    let [own, other] = [saved, weights].map(|weights| {
        let mut team = Team::new(weights, 3).unwrap();
        let turns = team.perceive(&obs, None).unwrap();
        let step = team.act(turns, &edges, None).unwrap();
        (step.actions, step.log_probs, step.values)
    });
    assert_eq!(own, other);

    let refused = |change: &dyn Fn(&mut Parts)| {
        let mut parts = parts();
        change(&mut parts);
        let error = Weights::of_parts(policy.config(), parts).unwrap_err();
        error.to_string()
    };
    let message = refused(&|parts| drop(parts.pop()));
    assert!(message.contains("is missing"), "{message}");
    let message = refused(&|parts| parts[0].1.truncate(8));
    assert!(
        message.contains("8 numbers, expected the shape [3, 3]"),
        "{message}"
    );
    let message = refused(&|parts| parts.push(("other".to_owned(), vec![])));
    assert!(message.contains("`other` is not known"), "{message}");
    let message = refused(&|parts| parts.push(parts[0].clone()));
    assert!(message.contains("twice"), "{message}");
    // Before a million blocks, or heads, are laid out.
    let deep = PolicyConfig {
        blocks: 1 << 20,
        ..policy.config().clone()
    };
    let many = PolicyConfig {
        agents: 1 << 20,
        shared_head: false,
        ..policy.config().clone()
    };
    for (config, what) in [(deep, "blocks"), (many, "agents' heads")] {
        let message = Weights::of_parts(&config, parts()).unwrap_err().to_string();
        let words = format!("each of 1048576 {what}");
        assert!(message.contains(&words), "{message}");
    }
    // A gate's weights lie in the same file.
    let mut with_gate = parts();
    with_gate.push(("gate.bias".to_owned(), vec![0.0]));
    assert!(Weights::of_parts(policy.config(), with_gate).is_ok());
}

/// Messages that come too early or too late are refused, and do not change what is decided.
#[test]
fn a_decision_comes_after_every_block_has_heard() {
    let (policy, mut noise) = small();
    let weights = Weights::new(&policy).unwrap();
    let team = Team::new(weights, 3).unwrap();
    let edges = OpenEdges::new(&[0.0; 9]).unwrap();
    let begin = |obs: &[f32]| {
        team.members()[1]
            .perceive(obs, None)
            .unwrap()
            .receive(edges.links(1))
    };
    let (obs, nothing) = (numbers(&noise.normals(&[5])), Default::default());
    let message = begin(&obs).decide(&nothing, None).unwrap_err().to_string();
    assert!(
        message.contains("after 1 encoder blocks, found 0"),
        "{message}"
    );
    let mut receiving = begin(&obs);
    receiving.attend(&nothing).unwrap();
    let message = receiving.attend(&nothing).unwrap_err().to_string();
    assert!(
        message.contains("all 1 encoder blocks have heard"),
        "{message}"
    );
    assert!(receiving.decide(&nothing, None).is_ok());
}

/// An action that was not for an agent, or comes late, stays out of its decision.
#[test]
fn the_action_of_an_agent_that_is_not_heard_is_refused() {
    let mut noise = Noise::new(7);
    let obs = numbers(&noise.normals(&[5]));
    let action = Packet::from(vec![2]);
    // How agent `agent`, who hears these, takes the action of the agent before it.
    let mut decides = |rule, agent: usize, hears: [f32; 3]| {
        let config = PolicyConfig {
            previous_action: rule,
            ..PolicyConfig::new(3, 5, ActionSpace::Discrete(4))
        };
        let weights = Weights::new(&noisy_policy(&config, &mut noise)).unwrap();
        let member = Member::new(weights, agent).unwrap();
        let mut graph = [0.0; 9];
        graph[3 * agent..][..3].copy_from_slice(&hears);
        let links = OpenEdges::new(&graph).unwrap().links(agent);
        let mut own = member.perceive(&obs, None).unwrap().receive(links);
        own.attend(&Inbox::default()).unwrap();
        let decision = own.decide(&Inbox::new([], Some(&action)), None);
        decision.map(drop).map_err(|error| error.to_string())
    };
    let (heard, always) = (PreviousAction::Heard, PreviousAction::Always);
    let closed = decides(heard, 1, [0.0, 1.0, 1.0]).unwrap_err();
    let expected = "agent 1 found the action of agent 0, whom it does not hear";
    assert!(closed.contains(expected), "{closed}");
    assert_eq!(decides(heard, 1, [1.0, 0.0, 0.0]), Ok(()));
    assert_eq!(decides(always, 1, [0.0; 3]), Ok(()));
    for rule in [heard, always] {
        let first = decides(rule, 0, [1.0; 3]).unwrap_err();
        assert!(first.contains("it is the first"), "{first}");
    }
}

/// Agents who decide at once say nothing while they do.
#[test]
fn a_message_to_an_agent_that_decides_at_once_is_refused() {
    let mut noise = Noise::new(9);
    let config = PolicyConfig {
        decoder: Decoding::Parallel,
        ..PolicyConfig::new(3, 5, ActionSpace::Discrete(4))
    };
    let weights = Weights::new(&noisy_policy(&config, &mut noise)).unwrap();
    let member = Member::new(weights, 1).unwrap();
    let obs = numbers(&noise.normals(&[5]));
    let decides = |inbox: &Inbox<'_>| {
        let links = OpenEdges::new(&[1.0; 9]).unwrap().links(1);
        let mut own = member.perceive(&obs, None).unwrap().receive(links);
        own.attend(&Inbox::default()).unwrap();
        let decision = own.decide(inbox, None);
        decision.map(drop).map_err(|error| error.to_string())
    };
    let (empty, letter) = (Packet::default(), Packet::from(vec![2]));
    assert_eq!(decides(&Inbox::default()), Ok(()));
    assert_eq!(decides(&Inbox::new([(0, &empty)], Some(&letter))), Ok(()));
    let error = decides(&Inbox::new([(0, &letter)], None)).unwrap_err();
    assert!(error.contains("of agent 0: 1 bytes"), "{error}");
    for stranger in [1, 2, 9] {
        let error = decides(&Inbox::new([(stranger, &empty)], None)).unwrap_err();
        assert!(error.contains("whom it does not hear"), "{error}");
    }
}

/// What is lost in one block alone does not take the place of what an agent keeps of the others.
#[test]
fn an_agent_that_misses_a_block_keeps_what_it_has() {
    let mut noise = Noise::new(11);
    let config = PolicyConfig {
        embed_dim: 8,
        blocks: 2,
        closed: Closed::Stale,
        ..PolicyConfig::new(3, 5, ActionSpace::Discrete(4))
    };
    let weights = Weights::new(&noisy_policy(&config, &mut noise)).unwrap();
    let mut member = Member::new(weights, 1).unwrap();
    let obs = numbers(&noise.normals(&[5]));
    let letter = Packet::from(0.5f32.to_le_bytes().repeat(8));
    let mut step = |arrives: [bool; 2]| {
        let links = OpenEdges::new(&[1.0; 9]).unwrap().links(1);
        let mut own = member.perceive(&obs, None).unwrap().receive(links);
        for arrives in arrives {
            let letters = arrives.then_some((0, &letter));
            own.attend(&Inbox::new(letters, None)).unwrap();
        }
        let memory = own.decide(&Inbox::default(), None).unwrap().memory.unwrap();
        member.keep(Some(memory.clone())).unwrap();
        memory
    };
    let (digests, width) = (16, 17);
    let first = step([true; 2]);
    assert_eq!((first.len(), first[digests]), (width, 1.0));
    for (arrives, age) in [
        ([false, true], 2.0),
        ([true, false], 3.0),
        ([false; 2], 4.0),
    ] {
        let kept = step(arrives);
        assert_eq!(kept[..digests], first[..digests], "{arrives:?}");
        assert_eq!(kept[digests], age, "{arrives:?}");
    }
}

/// Numbers that are not finite, or that become so, are refused, name their sender, and leave no trace.
#[test]
fn numbers_that_are_not_finite_are_refused() {
    let mut noise = Noise::new(5);
    let config = PolicyConfig {
        embed_dim: 8,
        closed: Closed::Stale,
        ..PolicyConfig::new(3, 5, ActionSpace::Discrete(4))
    };
    let weights = Weights::new(&noisy_policy(&config, &mut noise)).unwrap();
    let mut member = Member::new(weights, 1).unwrap();
    let links = OpenEdges::new(&[1.0; 9]).unwrap().links(1);
    let obs = numbers(&noise.normals(&[5]));
    let begin = || member.perceive(&obs, None).unwrap().receive(links.clone());
    let full = |number: f32| Packet::from(number.to_le_bytes().repeat(8));
    let whole = full(0.5);
    for (odd, told) in [
        (f32::NAN, "`message`: of agent 2: found NaN at 0"),
        (f32::INFINITY, "`message`: of agent 2: found inf at 0"),
        (f32::MAX, "not finite"),
    ] {
        let mut receiving = begin();
        let letter = full(odd);
        let error = receiving.attend(&Inbox::new([(2, &letter)], None));
        let error = error.unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
        // The round is not over.
        receiving.attend(&Inbox::new([(0, &whole)], None)).unwrap();
        let mut other = begin();
        other.attend(&Inbox::new([(0, &whole)], None)).unwrap();
        let [found, expected] =
            [receiving, other].map(|mut own| own.decide(&Inbox::default(), None).unwrap());
        assert_eq!(found.log_prob, expected.log_prob);
        assert_eq!(found.memory, expected.memory);
    }
    let attended = || {
        let mut receiving = begin();
        receiving.attend(&Inbox::new([(0, &whole)], None)).unwrap();
        receiving
    };
    let refused = |inbox: &Inbox<'_>, noise: Option<&[f32]>| {
        attended().decide(inbox, noise).unwrap_err().to_string()
    };
    // What the decoder is given, and a message for its attentions.
    let odd = Packet::from([&[0][..], full(f32::NAN).as_ref()].concat());
    let error = refused(&Inbox::new([(0, &odd)], None), None);
    assert!(error.contains("of agent 0: found NaN"), "{error}");
    let error = refused(&Inbox::default(), Some(&[0.0, f32::NAN, 0.0, 0.0]));
    assert!(error.contains("`noise`: found NaN at 1"), "{error}");
    let short = Packet::from(vec![0; 3]);
    let mut receiving = begin();
    let error = receiving.attend(&Inbox::new([(2, &short)], None));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("of agent 2: 3 bytes left"), "{error}");

    let mut memory = vec![0.0; config.memory_width()];
    member.keep(Some(memory.clone())).unwrap();
    memory[2] = f32::NAN;
    let error = member.keep(Some(memory)).unwrap_err().to_string();
    assert!(error.contains("`memory`: found NaN at 2"), "{error}");
}

/// A program's own struct can hold a member, and send it to another thread.
#[test]
fn members_are_owned() {
    fn held<T: Send + 'static>(_: &T) {}
    let (policy, mut noise) = small();
    let member = Member::new(Weights::new(&policy).unwrap(), 1).unwrap();
    held(&member);
    let turn = member.perceive(&numbers(&noise.normals(&[5])), None);
    held(
        &turn
            .unwrap()
            .receive(OpenEdges::new(&[0.0; 9]).unwrap().links(1)),
    );
}
