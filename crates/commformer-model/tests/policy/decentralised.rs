//! Every agent alone, on delivered messages only, does what the batch does.

use commformer_model::decentralised::{
    Action, Inbox, Links, Member, OpenEdges, Packet, Receiving, Step, Team, Weights,
};
use commformer_model::{
    ActionSpace, Closed, Decoding, Input, ObsNorm, Observations, PolicyConfig, PreviousAction,
    Recurrence, RelationOrder, ScoreScale, SelfLoop, graph,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::sync::Arc;
use tch::{Kind, Tensor};

use crate::common::{Noise, distance, noisy_policy};

fn configs() -> impl Strategy<Value = PolicyConfig> {
    let actions = prop_oneof![
        prop_oneof![1..=4usize, Just(300)].prop_map(ActionSpace::Discrete),
        (1..=3usize).prop_map(ActionSpace::Continuous),
    ];
    // A normalisation over few numbers that are nearly equal blows rounding up.
    let sizes = (1..=6usize, 4..=8usize, actions, 1..=2usize, 1..=2usize);
    (sizes, any::<[bool; 12]>()).prop_map(|((agents, obs, actions, heads, blocks), flags)| {
        let [
            shared_head,
            relation,
            inverse,
            swapped,
            add,
            heard,
            stale,
            running,
            recurrent,
            parallel,
            narrow,
            few_bits,
        ] = flags;
        PolicyConfig {
            embed_dim: 8 * heads,
            message: narrow.then_some(3),
            message_bits: (narrow && few_bits).then_some(3),
            heads,
            blocks,
            shared_head,
            relation,
            score_scale: [ScoreScale::InverseSqrt, ScoreScale::Inverse][usize::from(inverse)],
            relation_order: [RelationOrder::ReceiverSender, RelationOrder::SenderReceiver]
                [usize::from(swapped)],
            self_loop: [SelfLoop::Keep, SelfLoop::Add][usize::from(add)],
            previous_action: [PreviousAction::Always, PreviousAction::Heard][usize::from(heard)],
            closed: [Closed::Silence, Closed::Stale][usize::from(stale && !recurrent)],
            recurrence: [Recurrence::None, Recurrence::Gru][usize::from(recurrent)],
            decoder: [Decoding::Autoregressive, Decoding::Parallel][usize::from(parallel)],
            obs_norm: [ObsNorm::Layer, ObsNorm::Running][usize::from(running)],
            ..PolicyConfig::new(agents, obs, actions)
        }
    })
}

/// Which gates there are.
#[derive(Clone, Copy, Debug)]
enum GateFor {
    Nobody,
    Receivers,
    Edges,
}

/// What two teams meet in one step.
struct Context {
    obs: Tensor,
    available: Option<Tensor>,
    /// (2, N, N)
    graph: Tensor,
    gate: Option<Tensor>,
    /// Who is active, (2, N).
    active: Option<Tensor>,
    noise: Tensor,
}

const TEAMS: i64 = 2;

impl Context {
    fn draw(config: &PolicyConfig, gates: GateFor, masked: bool, noise: &mut Noise) -> Self {
        let (n, width) = (config.agents as i64, config.actions.width() as i64);
        let discrete = matches!(config.actions, ActionSpace::Discrete(_));
        let available = (masked && discrete).then(|| {
            let available = noise.coins(&[TEAMS, n, width], 0.6).gt(0.5);
            let _ = available.narrow(2, 0, 1).fill_(1); // one action is always there
            available
        });
        Self {
            obs: noise.normals(&[TEAMS, n, config.obs_dim as i64]),
            available,
            graph: noise.coins(&[TEAMS, n, n], 0.6),
            gate: match gates {
                GateFor::Nobody => None,
                GateFor::Receivers => Some(noise.coins(&[TEAMS, n], 0.6)),
                GateFor::Edges => Some(noise.coins(&[TEAMS, n, n], 0.7)),
            },
            active: (noise.uniform() < 0.5).then(|| noise.coins(&[TEAMS, n], 0.7)),
            noise: if discrete {
                noise.gumbels(&[TEAMS, n, width])
            } else {
                noise.normals(&[TEAMS, n, width])
            },
        }
    }

    /// The edges of one team that are open.
    fn open(&self, team: i64) -> OpenEdges {
        let open = match &self.gate {
            Some(gate) => graph::gated(&self.graph, gate),
            None => self.graph.shallow_clone(),
        };
        OpenEdges::new(&numbers(&open.get(team)))
            .unwrap()
            .among(&self.active(team))
            .unwrap()
    }

    /// Who of one team is active.
    fn active(&self, team: i64) -> Vec<bool> {
        match &self.active {
            Some(active) => Vec::try_from(active.get(team).gt(0.5)).unwrap(),
            None => vec![true; self.graph.size()[1] as usize],
        }
    }
}

pub fn numbers(x: &Tensor) -> Vec<f32> {
    Vec::try_from(x.contiguous().view([-1])).unwrap()
}

fn flags(x: &Tensor) -> Vec<bool> {
    Vec::try_from(x.contiguous().view([-1])).unwrap()
}

/// The actions as a batch has them.
fn actions(step: &Step) -> Tensor {
    let each = step.actions.iter().map(|action| match action {
        Action::Discrete(action) => Tensor::from(*action as i64),
        Action::Continuous(action) => Tensor::from_slice(action),
    });
    Tensor::stack(&each.collect::<Vec<_>>(), 0)
}

fn act_alone(team: &mut Team, context: &Context, index: i64, drawn: bool) -> Step {
    let of_team = |x: &Tensor| x.get(index);
    let available = context.available.as_ref().map(of_team);
    let available = available.as_ref().map(flags);
    let turns = team
        .perceive(&numbers(&of_team(&context.obs)), available.as_deref())
        .unwrap();
    let edges = context.open(index);
    let noise = drawn.then(|| numbers(&of_team(&context.noise)));
    team.act(turns, &edges, noise.as_deref()).unwrap()
}

/// A step of the first team, whose members have nothing of each other but bytes.
fn act_by_bytes(
    members: &mut [Member],
    config: &PolicyConfig,
    context: &Context,
    drawn: bool,
) -> (Vec<Action>, Vec<f32>) {
    let row = |x: &Tensor, agent: usize| x.get(0).get(agent as i64);
    let edges = context.open(0);
    // Each finds out by itself whom it hears and who hears it.
    let links = |agent: usize| {
        let others = 0..config.agents;
        let hears = others.clone().map(|other| edges.is_open(agent, other));
        let heard_by = others.map(|other| edges.is_open(other, agent));
        Links::new(hears.collect(), heard_by.collect())
    };
    let mut receiving = Vec::new();
    for (agent, member) in members.iter().enumerate() {
        let available = context.available.as_ref().map(|x| flags(&row(x, agent)));
        let obs = numbers(&row(&context.obs, agent));
        let turn = member.perceive(&obs, available.as_deref()).unwrap();
        receiving.push(turn.receive(links(agent)));
    }
    let carry = |packet: &Packet| Packet::from(packet.as_ref().to_vec());
    // Those that an agent hears, out of what was sent so far; the last first.
    let letters = |agent: usize, sent: &'_ [Packet]| -> Vec<(usize, Packet)> {
        let all = sent.iter().map(carry).enumerate().rev();
        all.filter(|(sender, _)| *sender != agent && links(agent).hears(*sender))
            .collect()
    };
    for _ in 0..config.blocks {
        let sent: Vec<Packet> = receiving.iter().map(Receiving::say).collect();
        for (agent, member) in receiving.iter_mut().enumerate() {
            let letters = letters(agent, &sent);
            let letters = letters.iter().map(|(sender, packet)| (*sender, packet));
            member.attend(&Inbox::new(letters, None)).unwrap();
        }
    }
    let (mut said, mut chosen) = (Vec::new(), Vec::<Packet>::new());
    let (mut actions, mut memory) = (Vec::new(), Vec::new());
    for (agent, mut own) in receiving.into_iter().enumerate() {
        let letters = letters(agent, &said);
        let letters = letters.iter().map(|(sender, packet)| (*sender, packet));
        let before = agent.checked_sub(1);
        let previous = before.filter(|before| match config.previous_action {
            PreviousAction::Always => edges.is_active(*before) && edges.is_active(agent),
            PreviousAction::Heard => edges.is_open(agent, *before),
        });
        let previous = previous.and_then(|before| chosen.get(before));
        let noise = drawn.then(|| numbers(&row(&context.noise, agent)));
        let mut decision = own
            .decide(&Inbox::new(letters, previous), noise.as_deref())
            .unwrap();
        if !edges.is_active(agent) {
            decision.memory = decision.memory.map(|memory| vec![0.0; memory.len()]);
        }
        memory.extend(decision.memory.iter().flatten());
        members[agent].keep(decision.memory).unwrap();
        actions.push(decision.action);
        said.push(decision.said);
        chosen.push(decision.for_next);
    }
    (actions, memory)
}

/// The bytes and messages of a step are those of the formula, pair by pair.
fn check_carried(config: &PolicyConfig, open: &OpenEdges, active: &[bool], step: &Step) {
    let mut edges = 0;
    for receiver in 0..config.agents {
        for sender in 0..config.agents {
            let at = receiver * config.agents + sender;
            let found = (step.delivered.along[at], step.delivered.always[at]);
            if receiver == sender {
                assert_eq!(found, (0, 0));
                continue;
            }
            let is_open = open.is_open(receiver, sender);
            let both = active[receiver] && active[sender];
            assert!(both || !is_open);
            edges += usize::from(is_open);
            let along = if is_open {
                config.message_bytes(receiver, sender)
            } else {
                0
            };
            let always = if both {
                config.constant_bytes(receiver, sender)
            } else {
                0
            };
            assert_eq!(found, (along, always));
        }
    }
    assert_eq!(step.delivered.messages(), edges);
}

/// Rounding alone: a share of the largest number.
#[track_caller]
fn check_close(what: &str, found: &Tensor, expected: &Tensor, tolerance: f64) {
    let largest = distance(expected, &expected.zeros_like());
    let distance = distance(found, expected);
    assert!(
        distance < tolerance * (1.0 + largest),
        "{what}: {distance} of {largest}"
    );
}

fn check_alike(batched: &commformer_model::Act, memory: Option<&Tensor>, team: i64, step: &Step) {
    let of_team = |x: &Tensor| x.get(team);
    let log_probs = of_team(&batched.log_probs);
    let (found, found_log_probs) = (actions(step), Tensor::from_slice(&step.log_probs));
    if found.kind() == Kind::Int64 {
        assert_eq!(found, of_team(&batched.actions));
        check_close("log_probs", &found_log_probs, &log_probs, 1e-5);
    } else {
        // Rounding alone: a mean passes it on to the agents after it, and the log-probability divides
        // that of the mean by the deviation, twice.
        check_close("actions", &found, &of_team(&batched.actions), 1e-4);
        check_close("log_probs", &found_log_probs, &log_probs, 5e-4);
    }
    let values = Tensor::from_slice(&step.values);
    check_close("values", &values, &of_team(&batched.values), 1e-5);
    match (memory, &step.memory) {
        (Some(batched), Some(found)) => {
            let batched = of_team(batched);
            let found = Tensor::from_slice(found).view_as(&batched);
            check_close("memory", &found, &batched, 1e-5);
        }
        (None, None) => {}
        _ => panic!("only one of them keeps something"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        max_shrink_iters: 0,
        // Bounds on rounding, as in `properties`.
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn agents_alone_do_what_the_batch_does(
        config in configs(),
        gates in prop_oneof![
            Just(GateFor::Nobody), Just(GateFor::Receivers), Just(GateFor::Edges)
        ],
        masked: bool,
        drawn: bool,
        seed: u64,
    ) {
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let weights = Arc::new(Weights::new(&policy).unwrap());
        let team = || Team::new(Arc::clone(&weights), config.agents).unwrap();
        let mut teams = [team(), team()];
        let is_recurrent = config.recurrence == Recurrence::Gru;
        let mut memory: Option<Tensor> = None;
        for step in 0..4 {
            if step == 2 {
                // The second team's episode ends here.
                teams[1].forget();
                if let Some(memory) = &memory {
                    let _ = memory.get(1).zero_();
                }
            }
            if step == 3 {
                // The first agent of the first team has left.
                let departed: Vec<bool> = (0..config.agents).map(|agent| agent == 0).collect();
                teams[0].depart(&departed).unwrap();
                if let Some(memory) = &memory {
                    let _ = memory.get(0).get(0).zero_();
                }
            }
            let context = Context::draw(&config, gates, masked, &mut noise);
            let seen = Observations {
                recurrent: memory.as_ref().filter(|_| is_recurrent),
                ..Observations::from(&context.obs)
            };
            let (embedding, recurrent) = policy.observe(seen).unwrap();
            let input = Input {
                available: context.available.as_ref(),
                gate: context.gate.as_ref(),
                active: context.active.as_ref(),
                stale: memory.as_ref().filter(|_| !is_recurrent),
                ..Input::new(&embedding, &context.graph)
            };
            let batched = policy.act(&input, drawn.then_some(&context.noise)).unwrap();
            let unsure = policy.entropy_alone(&input).unwrap();
            // Who is not active carries nothing on.
            let kept = recurrent.as_ref().or(batched.stale.as_ref());
            let kept = kept.map(|kept| match &context.active {
                Some(active) => kept * active.unsqueeze(-1),
                None => kept.shallow_clone(),
            });
            for (index, team) in (0..).zip(&mut teams) {
                let obs = numbers(&context.obs.get(index));
                let available = context.available.as_ref().map(|x| flags(&x.get(index)));
                let turns = team.perceive(&obs, available.as_deref()).unwrap();
                for (agent, turn) in (0..).zip(&turns) {
                    let own_edge = context.graph.double_value(&[index, agent, agent]) > 0.5;
                    let alone = turn.entropy_alone(config.agents, own_edge).unwrap();
                    let expected = unsure.double_value(&[index, agent]);
                    assert!((alone - expected).abs() < 2e-5, "{alone} {expected}");
                    let own = embedding.get(index).get(agent);
                    check_close("embedding", &Tensor::from_slice(turn.embedding()), &own, 1e-5);
                }
                let step = act_alone(team, &context, index, drawn);
                check_alike(&batched, kept.as_ref(), index, &step);
                check_carried(&config, &context.open(index), &context.active(index), &step);
            }
            memory = kept;
        }
    }

    #[test]
    fn members_that_send_bytes_do_what_their_team_does(
        config in configs(), masked: bool, drawn: bool, seed: u64,
    ) {
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let weights = Arc::new(Weights::new(&policy).unwrap());
        let mut team = Team::new(Arc::clone(&weights), config.agents).unwrap();
        let members = (0..config.agents).map(|agent| Member::new(Arc::clone(&weights), agent));
        let mut members: Vec<Member> = members.collect::<Result<_, _>>().unwrap();
        for _ in 0..3 {
            let context = Context::draw(&config, GateFor::Receivers, masked, &mut noise);
            let (actions, memory) = act_by_bytes(&mut members, &config, &context, drawn);
            let step = act_alone(&mut team, &context, 0, drawn);
            prop_assert_eq!(actions, step.actions);
            prop_assert_eq!(memory, step.memory.unwrap_or_default());
        }
    }

    #[test]
    fn an_agent_that_hears_nobody_knows_nothing_of_the_others(
        config in configs(), agent in 0..6usize, seed: u64,
    ) {
        let config = PolicyConfig { previous_action: PreviousAction::Heard, ..config };
        let agent = (agent % config.agents) as i64;
        let mut noise = Noise::new(seed);
        let policy = noisy_policy(&config, &mut noise);
        let weights = Arc::new(Weights::new(&policy).unwrap());
        let mut context = Context::draw(&config, GateFor::Receivers, false, &mut noise);
        if let Some(gate) = &context.gate {
            let _ = gate.narrow(1, agent, 1).zero_();
        }
        let mut outcomes = Vec::new();
        for _ in 0..2 {
            let mut team = Team::new(Arc::clone(&weights), config.agents).unwrap();
            let step = act_alone(&mut team, &context, 0, true);
            let own = |x: &[f32]| {
                let width = x.len() / config.agents;
                x[agent as usize * width..(agent as usize + 1) * width].to_vec()
            };
            let row = agent as usize * config.agents..(agent as usize + 1) * config.agents;
            assert!(step.delivered.along[row.clone()].iter().all(|&bytes| bytes == 0));
            assert!(step.delivered.always[row].iter().all(|&bytes| bytes == 0));
            outcomes.push((
                step.actions[agent as usize].clone(),
                own(&step.log_probs),
                own(&step.values),
                step.memory.as_deref().map(own),
            ));
            // Anything may happen to the others.
            let others = noise.normals(&context.obs.size()) * 100.0;
            others.narrow(1, agent, 1).copy_(&context.obs.narrow(1, agent, 1));
            context.obs = others;
            let others = noise.normals(&context.noise.size());
            others.narrow(1, agent, 1).copy_(&context.noise.narrow(1, agent, 1));
            context.noise = others;
        }
        prop_assert_eq!(&outcomes[0], &outcomes[1]);
    }
}
