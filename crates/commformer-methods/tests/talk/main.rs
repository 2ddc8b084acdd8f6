//! Methods whose agents talk: acting, training and agents alone agree, and messages go along open edges only.

mod alone;
#[path = "../common/mod.rs"]
mod common;

use commformer_env::{ActionSpace, Rng, Signal, SignalConfig, Spec, VecEnv};
use commformer_methods::{METHODS, MethodConfig, Portable, Team, TeamConfig};
use commformer_train::{Act, Gates, GraphPlan, ObsBatch, Settings, TeamGraphs};
use common::{AGENTS, Happened, STEPS, TEAMS, off, spec};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::sync::LazyLock;
use tch::{Device, Kind, Tensor};

/// The methods whose agents talk, of all that there are.
static TALKING: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let talks = |method: &&str| {
        let team = team(&config(method, &[]), &spec(ActionSpace::Discrete(4), 0));
        let of_actors = matches!(team.portable(), Ok(Portable::Actors { .. }));
        of_actors && team.message_sizes().rounds > 0
    };
    METHODS.iter().copied().filter(talks).collect()
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

fn team(config: &TeamConfig, spec: &Spec) -> Box<dyn Team> {
    config
        .method
        .method()
        .team(config, spec, Device::Cpu)
        .unwrap()
}

/// What happened to a team of a method, along any edges, with gates that are drawn if it has some.
fn happened(team: &dyn Team, spec: &Spec, seed: u64) -> Happened {
    let needs = team.needs();
    let mut happened = Happened::new(spec, needs.memory, seed);
    let mut rng = Rng::new(seed, 1);
    let mut uniforms = |shape: &[i64]| {
        let count = shape.iter().product::<i64>();
        let numbers: Vec<f32> = (0..count).map(|_| rng.uniform()).collect();
        Tensor::from_slice(&numbers).view(shape)
    };
    let rows = TEAMS * STEPS;
    let graphs = uniforms(&[3, AGENTS, AGENTS]).gt(0.4).to_kind(Kind::Float);
    let of = (uniforms(&[rows]) * 3.0).floor().to_kind(Kind::Int64);
    happened.graph = TeamGraphs {
        graphs,
        of: Some(of),
    };
    let gates = needs.gate as i64;
    happened.gate_noise = (gates > 0).then(|| uniforms(&[rows, AGENTS, gates]));
    happened
}

fn teams() -> impl Strategy<Value = (TeamConfig, Spec)> {
    // A normalisation over few numbers that are nearly equal blows rounding up.
    let sizes = (4..9usize, 1..9usize, 1..3usize, 1..4usize);
    let switches = (any::<bool>(), any::<bool>(), any::<bool>(), 0..4usize);
    (0..TALKING.len(), sizes, switches).prop_map(
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
                ("sparsity", if layers == 1 { 0.4 } else { 0.7 }.into()),
            ];
            let actions = match discrete {
                true => ActionSpace::Discrete(4),
                false => ActionSpace::Continuous(2),
            };
            (config(TALKING[method], &settings), spec(actions, state))
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
        let happened = happened(&*team, &spec, seed);
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
        let happened = happened(&*team, &spec, seed);
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
            let expected = heard(batch, act.gate.as_ref().map(|gate| &gate.open));
            differences.push((messages as f64 - expected.sum(Kind::Float).double_value(&[])).abs());
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
        let happened = happened(&*team, &spec, 5);
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
    let mut happened = happened(&*team, &spec, 5);
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
    let happened = happened(&*team, &spec, 5);
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

/// Methods know whom their agents can hear before there is a graph, and what a message weighs.
#[test]
fn graphs_and_messages_are_what_methods_say() {
    let all = [
        ("commnet", 9, 2 * 64),
        ("ic3net", 9, 2 * 64),
        ("tarmac", 9, 2 * 2 * 32),
        ("choose", 4, 2 * 2 * 32),
        ("expocomm", 4, 64),
        ("slim", 9, 8),
        ("gacomm", 9, 64),
        ("magic", 9, 3 * 64),
    ];
    assert_eq!(all.map(|(method, ..)| method)[..], TALKING[..]);
    for (method, senders, numbers) in all {
        let config = config(method, &[("rounds", 2.into())]);
        let spec = Spec {
            agents: 10,
            ..spec(ActionSpace::Discrete(4), 0)
        };
        let of = config.method.method();
        let Ok(GraphPlan::Fixed(graph)) = of.graph(&config, 10, Device::Cpu) else {
            panic!("{method} has no graph")
        };
        let rows = graph.sum_dim_intlist([1i64].as_slice(), false, Kind::Float);
        let edges = if method == "choose" { 10 } else { senders + 1 };
        assert_eq!(Vec::<f32>::try_from(rows).unwrap(), [edges as f32; 10]);
        assert_eq!(of.senders(&config, 10), senders);
        let sizes = team(&config, &spec).message_sizes();
        assert_eq!((sizes.edge[0], sizes.edge[1]), (0, 4 * numbers));
        let decides = ["ic3net", "choose"].contains(&method);
        assert_eq!(of.gates(&config).unwrap().is_some(), decides);
    }
}

#[test]
fn weights_serve_teams_of_other_sizes_where_a_method_says_so() {
    let mut fitting = Vec::new();
    for method in METHODS {
        let config = config(method, &[("agent_id", false.into())]);
        let small = spec(ActionSpace::Discrete(4), 0);
        let mut large = small.clone();
        large.agents += 2;
        let fits = config.method.method().fits_any_size(&config);
        let loaded = team(&config, &large).load_state(&team(&config, &small).state());
        assert_eq!(loaded.is_ok(), fits, "{method}: {loaded:?}");
        fitting.extend(fits.then_some(*method));
    }
    assert!(fitting.contains(&"mat") && fitting.contains(&"ippo"));
    assert!(!fitting.contains(&"mappo") && !fitting.contains(&"choose"));
}

#[test]
fn a_trainer_has_the_gates_of_its_method() {
    for (method, decides) in [("ic3net", true), ("choose", true), ("commnet", false)] {
        let task = Signal::new(SignalConfig::default()).unwrap();
        let envs = VecEnv::new(vec![task; 4], 1).unwrap();
        let mut settings = Settings::default();
        (settings.rollout.num_envs, settings.rollout.steps) = (4, 10);
        let config = config(method, &[]);
        let mut trainer = commformer_methods::trainer(&config, settings, envs).unwrap();
        let report = trainer.iterate().unwrap();
        assert_eq!(report.price.is_some(), decides, "{method}");
        assert_eq!(report.traffic.open_rate() < 1.0, decides, "{method}");
    }
}

#[test]
fn settings_out_of_range_make_no_team() {
    let spec = spec(ActionSpace::Discrete(4), 0);
    let refused = |config: &TeamConfig| {
        let team = config.method.method().team(config, &spec, Device::Cpu);
        team.unwrap_err().to_string()
    };
    let mut graph = TeamConfig::default();
    graph.graph.temperature = -1.0;
    let said = refused(&graph);
    assert!(said.starts_with("`graph.temperature` is -1, but"), "{said}");
    let plan = graph.method.method().graph(&graph, 3, Device::Cpu);
    assert_eq!(plan.unwrap_err().to_string(), said);
    let mut gate = TeamConfig::default();
    gate.gate.target_rate = f64::NAN;
    assert!(refused(&gate).starts_with("`gate.target_rate` is NaN"));
    let mut policy = TeamConfig::default();
    policy.policy.dropout = 2.0;
    assert!(refused(&policy).starts_with("`policy.dropout` is 2"));
    let mat = config("mat", &[("blocks", 0.into())]);
    assert!(refused(&mat).starts_with("`method.blocks` is 0"));
}
