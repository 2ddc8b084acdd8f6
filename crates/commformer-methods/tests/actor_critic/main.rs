//! Actor-critics: acting, training and agents alone agree, and messages go along open edges only.

mod alone;
mod happened;
mod own;
mod scales;
mod settings;
mod silent;
mod together;

use commformer_env::{ActionSpace, Rng, Spec};
use commformer_methods::{METHODS, MethodConfig, Portable, Team, TeamConfig};
use commformer_train::{Act, Gates, ObsBatch, TeamGraphs};
use happened::{AGENTS, Happened, STEPS, TEAMS, off, spec};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::sync::LazyLock;
use tch::{Device, Kind, Tensor};

/// The methods of actor-critics, of all that there are.
static ACTORS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let is_one = |method: &&str| {
        let team = team(&config(method, &[]), &spec(ActionSpace::Discrete(4), 0));
        matches!(team.portable(), Ok(Portable::Actors { .. }))
    };
    METHODS.iter().copied().filter(is_one).collect()
});

/// A method with these settings of those that it has, as it stands in a configuration.
fn config(method: &str, settings: &[(&str, serde_json::Value)]) -> TeamConfig {
    let mut method = serde_json::to_value(MethodConfig::of_kind(method).unwrap()).unwrap();
    for (name, value) in settings {
        if let Some(setting) = method.get_mut(*name) {
            *setting = value.clone();
        }
    }
    TeamConfig {
        method: serde_json::from_value(method).unwrap(),
        seed: 3,
        ..TeamConfig::default()
    }
}

/// A team that has seen observations of several scales, if it learns these.
fn team(config: &TeamConfig, spec: &Spec) -> Box<dyn Team> {
    let method = config.method.method();
    let mut team = method.team(config, spec, Device::Cpu).unwrap();
    let numbers = |row: usize| {
        let scaled = move |at: usize| ((row + at) as f32).sin() * at as f32 + row as f32 * 0.1;
        (0..spec.obs_dim).map(scaled)
    };
    let rows: Vec<f32> = (0..20).flat_map(numbers).collect();
    team.take_in(&rows, &[true; 20]).unwrap();
    team
}

/// What happened to a team of a method, along any edges, with gates that are drawn if it has some.
fn of_team(team: &dyn Team, spec: &Spec, seed: u64) -> Happened {
    let needs = team.needs();
    let mut happened = Happened::new(spec, needs.memory, seed);
    let mut rng = Rng::new(seed, 1);
    let mut uniforms = |shape: &[i64]| {
        let count = shape.iter().product::<i64>();
        let numbers: Vec<f32> = (0..count).map(|_| rng.uniform()).collect();
        Tensor::from_slice(&numbers).view(shape)
    };
    let rows = TEAMS * STEPS;
    if team.message_sizes().rounds > 0 {
        let graphs = uniforms(&[3, AGENTS, AGENTS]).gt(0.4).to_kind(Kind::Float);
        let of = (uniforms(&[rows]) * 3.0).floor().to_kind(Kind::Int64);
        happened.graph = TeamGraphs {
            graphs,
            of: Some(of),
        };
    }
    let gates = needs.gate as i64;
    happened.gate_noise = (gates > 0).then(|| uniforms(&[rows, AGENTS, gates]));
    happened
}

fn teams() -> impl Strategy<Value = (TeamConfig, Spec)> {
    // A normalisation over few numbers that are nearly equal blows rounding up.
    let sizes = (4..9usize, 1..9usize, 1..3usize, 1..4usize);
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), 0..4usize);
    (0..ACTORS.len(), sizes, switches).prop_map(
        |(method, (hidden, message, layers, rounds), (team, id, discrete, state))| {
            let settings = [
                ("hidden", hidden.into()),
                ("message", message.into()),
                ("message_bits", id.then_some(1 + layers).into()),
                ("layers", layers.into()),
                // A ReLU can leave a row that is all but constant, of which a norm makes rounding errors large.
                ("activation", "tanh".into()),
                ("rounds", rounds.into()),
                ("critic", if team { "team" } else { "trunk" }.into()),
                ("agent_id", id.into()),
                ("recurrence", if team { "gru" } else { "none" }.into()),
                ("sparsity", if layers == 1 { 0.4 } else { 0.7 }.into()),
            ];
            let actions = match discrete {
                true => ActionSpace::Discrete(4),
                false => ActionSpace::Continuous(2),
            };
            let config = TeamConfig {
                known_scales: id,
                ..config(ACTORS[method], &settings)
            };
            (config, spec(actions, state))
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        // Bounds on rounding: a nearly constant row blows it up in a layer norm.
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    /// What acting says of actions and gates, step by step, is what training makes of them, and kernels and autograd
    /// agree.
    #[test]
    fn training_and_acting_agree_on_either_backend((config, spec) in teams(), seed in any::<u64>()) {
        let team = team(&config, &spec);
        let happened = of_team(&*team, &spec, seed);
        let acts = happened.act(&*team);
        let (scores, gradients) = happened.evaluate(&*team, &acts, false);
        let (their_scores, their_gradients) = happened.evaluate(&*team, &acts, true);
        prop_assert_eq!(scores.len(), acts.len());
        prop_assert!(off(&scores[0], &acts[1]) < 1e-4, "log-probabilities of acting");
        prop_assert!(off(&scores[2], &acts[2]) < 1e-4, "values of acting");
        if acts.len() > 3 {
            prop_assert!(off(&scores[3], &acts[4]) < 1e-4, "log-probabilities of gates");
            prop_assert!(off(&scores[5], &acts[5]) < 1e-4, "values of gates");
        }
        for (ours, theirs) in scores.iter().zip(&their_scores) {
            prop_assert!(off(ours, theirs) < 1e-4, "scores: {}", off(ours, theirs));
        }
        let names = team.parameters().into_iter().map(|(name, _)| name);
        for (name, (ours, theirs)) in names.zip(gradients.iter().zip(&their_gradients)) {
            prop_assert!(off(ours, theirs) < 1e-3, "{name}: {}", off(ours, theirs));
        }
    }

    /// Agents that have nothing but their inboxes do the same, step by step.
    #[test]
    fn agents_alone_act_as_they_do_together((config, spec) in teams(), seed in any::<u64>()) {
        let team = team(&config, &spec);
        let happened = of_team(&*team, &spec, seed);
        let mut differences = Vec::new();
        happened.walk(|batch, gates, noise| {
            let act = team.act(batch, gates, Some(noise)).unwrap();
            let alone = ObsBatch { state: None, ..*batch };
            let apart = team.act_apart(&alone, gates, Some(noise)).unwrap();
            let real = |x: &Tensor| x.to_kind(Kind::Float);
            differences.push(off(&real(&apart.act.actions), &real(&act.actions)));
            differences.push(off(&apart.act.log_probs, &act.log_probs));
            if let (Some(apart), Some(act)) = (&apart.act.gate, &act.gate) {
                differences.push(off(&apart.open, &act.open));
                differences.push(off(&apart.log_probs, &act.log_probs));
            }
            let messages: u64 = apart.delivered.iter().map(|delivered| delivered.messages).sum();
            let open = act.gate.as_ref().map(|gate| &gate.open);
            let expected = match team.message_sizes().rounds {
                0 => 0.0,
                _ => heard(batch, open).sum(Kind::Float).double_value(&[]),
            };
            differences.push((messages as f64 - expected).abs());
            // MAPPO's critic has a state of its own, the second half, of what agents alone do not see.
            if let (Some(apart), Some(act)) = (&apart.act.memory, &act.memory) {
                let half = act.size()[2] / 2;
                differences.push(off(&apart.narrow(2, 0, half), &act.narrow(2, 0, half)));
            }
            act.memory
        });
        prop_assert!(differences.iter().all(|off| *off < 1e-4), "{differences:?}");
    }
}

/// 1 where a message goes to receiver i (row) from sender j, (B, N, N).
fn heard(batch: &ObsBatch<'_>, open: Option<&Tensor>) -> Tensor {
    let own = Tensor::eye(AGENTS, (Kind::Float, Device::Cpu));
    let edges: Tensor = batch.graph.of_each() * (1.0 - own);
    let edges = match open {
        Some(open) => edges * open,
        None => edges,
    };
    match batch.active {
        Some(active) => edges * active.unsqueeze(-1) * active.unsqueeze(-2),
        None => edges,
    }
}

/// What another remembers changes what an agent makes of a step only if it hears that other.
#[test]
fn nobody_is_heard_but_along_open_edges() {
    // What IC3Net's agents remember decides on their gates, too: that is the next test.
    let of_one_round = ["commnet", "tarmac", "expocomm", "slim", "gacomm"];
    let all = of_one_round.map(|method| (method, 1)).into_iter();
    for (method, rounds) in all.chain([("magic", 3)]) {
        let spec = spec(ActionSpace::Discrete(4), 0);
        let config = config(
            method,
            &[("critic", "trunk".into()), ("agent_id", false.into())],
        );
        let team = team(&config, &spec);
        let happened = of_team(&*team, &spec, 5);
        let mut changed_any = false;
        happened.walk(|batch, gates, noise| {
            let act = team.act(batch, gates, Some(noise)).unwrap();
            // In later rounds agents pass on what they heard.
            let own = Tensor::eye(AGENTS, (Kind::Float, Device::Cpu));
            let once = heard(batch, None) + own;
            let reach = (1..rounds).fold(once.shallow_clone(), |reach, _| reach.matmul(&once));
            for sender in 0..AGENTS {
                let memory = batch.memory.unwrap().copy();
                let _ = memory.select(1, sender).g_add_scalar_(0.5);
                let other = ObsBatch {
                    memory: Some(&memory),
                    ..*batch
                };
                let found = team.act(&other, gates, Some(noise)).unwrap();
                let moved = (found.values - &act.values).abs().gt(0.0);
                for (row, agent) in
                    (0..TEAMS).flat_map(|row| (0..AGENTS).map(move |agent| (row, agent)))
                {
                    let hears = reach.double_value(&[row, agent, sender]) > 0.0;
                    let moved = moved.int64_value(&[row, agent]) == 1;
                    assert!(!moved || hears, "{method} {row} {agent} {sender}");
                    changed_any |= moved && agent != sender;
                }
            }
            act.memory
        });
        assert!(changed_any, "{method}");
    }
}

/// Along ExpoComm's graph, what one agent of a new team sees reaches the others in the next steps, not just that it is there.
#[test]
fn news_is_passed_on() {
    let spec = spec(ActionSpace::Discrete(4), 0);
    let team = team(&config("expocomm", &[("critic", "trunk".into())]), &spec);
    let options = (Kind::Float, Device::Cpu);
    let along = |edges: [f32; 9], seen: f64| {
        let obs = Tensor::ones([1, AGENTS, spec.obs_dim as i64], options);
        let graph = TeamGraphs::new(Tensor::from_slice(&edges).view([1, 3, 3]));
        let memory = Tensor::zeros([1, AGENTS, team.needs().memory as i64], options);
        let mut act: Option<Act> = None;
        for step in 0..3 {
            let own = obs.copy();
            if step == 0 {
                let _ = own.get(0).get(0).narrow(0, 0, 1).fill_(seen);
            }
            let batch = ObsBatch {
                obs: &own,
                available: None,
                graph: &graph,
                active: None,
                state: None,
                memory: act
                    .as_ref()
                    .and_then(|act| act.memory.as_ref())
                    .or(Some(&memory)),
            };
            act = Some(team.act(&batch, Gates::Open, None).unwrap());
        }
        Vec::<f32>::try_from(act.unwrap().values.view(-1)).unwrap()
    };
    // 1 hears 0, and 2 hears 1.
    let chain = [1., 0., 0., 1., 1., 0., 0., 1., 1.];
    let (one, other) = (along(chain, 2.0), along(chain, -2.0));
    assert!(
        (0..3).all(|agent| one[agent] != other[agent]),
        "{one:?} {other:?}"
    );
    let broken = [1., 0., 0., 1., 1., 0., 0., 0., 1.];
    let (one, other) = (along(broken, 2.0), along(broken, -2.0));
    assert!(
        one[1] != other[1] && one[2] == other[2],
        "{one:?} {other:?}"
    );
}

/// Of IC3Net, who is silent says nothing, and counts.
#[test]
fn closed_gates_send_nothing() {
    let spec = spec(ActionSpace::Discrete(4), 0);
    let config = config("ic3net", &[("critic", "trunk".into())]);
    let team = team(&config, &spec);
    let mut happened = of_team(&*team, &spec, 5);
    happened.active = None;
    let graph = Tensor::ones([1, AGENTS, AGENTS], (Kind::Float, Device::Cpu));
    happened.graph = TeamGraphs::new(graph);
    let values = |uniform: f64, memory: &Tensor| {
        let noise = Tensor::full([TEAMS, AGENTS, AGENTS], uniform, (Kind::Float, Device::Cpu));
        let batch = ObsBatch {
            obs: &happened.step(&happened.obs, 0),
            available: None,
            graph: &happened.graph,
            active: None,
            state: None,
            memory: Some(memory),
        };
        let act = team.act(&batch, Gates::Drawn(&noise), None).unwrap();
        assert_eq!(
            act.gate.unwrap().open.mean(Kind::Float).double_value(&[]),
            uniform.round()
        );
        act.values
    };
    let memory = happened.memory.as_ref().unwrap();
    let other = memory.copy();
    let _ = other.select(1, 0).g_add_scalar_(0.5);
    for (uniform, hears) in [(1e-6, false), (1.0 - 1e-6, true)] {
        let moved = (values(uniform, memory) - values(uniform, &other))
            .abs()
            .gt(0.0);
        let others = moved.narrow(1, 1, AGENTS - 1).to_kind(Kind::Float);
        assert_eq!(
            others.mean(Kind::Float).double_value(&[]),
            f64::from(u8::from(hears))
        );
    }
}

#[test]
fn graphs_memories_and_noise_of_another_team_are_refused() {
    let spec = spec(ActionSpace::Discrete(4), 0);
    let team = team(&config("choose", &[]), &spec);
    let happened = of_team(&*team, &spec, 5);
    let batch = ObsBatch {
        obs: &happened.step(&happened.obs, 0),
        available: None,
        graph: &happened.graph(0),
        active: None,
        state: None,
        memory: happened.memory.as_ref(),
    };
    let refused = |batch: ObsBatch<'_>, gates: Gates<'_>, message: &str| {
        let error = team.act(&batch, gates, None).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    let narrow = Tensor::zeros([TEAMS, AGENTS, 1], (Kind::Float, Device::Cpu));
    let expected =
        "noise of gates: found Float of the shape [4, 3, 1], expected Float of [4, 3, 3]";
    refused(batch, Gates::Decided(&narrow), expected);
    let memory = Some(&narrow);
    let other = ObsBatch { memory, ..batch };
    refused(other, Gates::Open, "what agents remember: found");
    let graphs = || happened.graph.graphs.shallow_clone();
    for (of, graphs, message) in [
        (None, graphs(), "found 3 graphs, expected 1 or 4"),
        (
            None,
            graphs().narrow(0, 0, 1).narrow(1, 0, 2),
            "graphs: found",
        ),
        (
            Some([0i64, 1, 2, 3]),
            graphs(),
            "the graph of a team: found 3, expected 0 to 2",
        ),
    ] {
        let of = of.map(|of| Tensor::from_slice(&of));
        let graph = &TeamGraphs { graphs, of };
        refused(ObsBatch { graph, ..batch }, Gates::Open, message);
    }
}
