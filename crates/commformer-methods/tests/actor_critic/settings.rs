//! What methods say of themselves by their settings, and which settings they refuse.

use crate::happened::spec;
use crate::{ACTORS, config, of_team, team};
use commformer_env::{ActionSpace, Signal, SignalConfig, Spec, VecEnv};
use commformer_methods::{METHODS, MethodConfig, TeamConfig};
use commformer_train::{GraphPlan, Settings};
use tch::{Device, Kind};

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
    let silent = ["ippo", "mappo"];
    let talking: Vec<_> = (ACTORS.iter().copied())
        .filter(|method| !silent.contains(method))
        .collect();
    assert_eq!(all.map(|(method, ..)| method)[..], talking);
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
        assert_eq!(sizes.senders_decide, method == "ic3net");
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
fn methods_refuse_settings_that_they_do_not_have() {
    for kind in METHODS {
        let method = serde_json::json!({ "kind": kind, "hiden": 32 });
        let error = serde_json::from_value::<MethodConfig>(method).unwrap_err();
        assert!(
            error.to_string().contains("unknown field `hiden`"),
            "{kind}: {error}"
        );
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

/// What an insight says of Choose's agents are the chances of others whom they could hear, and of nobody else.
#[test]
fn chances_of_being_chosen_are_those_of_others() {
    let spec = spec(ActionSpace::Discrete(4), 0);
    let team = team(&config("choose", &[]), &spec);
    let happened = of_team(&*team, &spec, 5);
    happened.walk(|batch, gates, noise| {
        let act = team.act(batch, gates, Some(noise)).unwrap();
        let insight = team.explain(batch, gates, &act).unwrap().unwrap();
        let (chances, others) = (insight.opens.unwrap(), batch.graph.others().gt(0.5));
        assert_eq!(chances.isnan(), others.logical_not());
        let sums = chances.nansum([-1i64].as_slice(), false, Kind::Float);
        let expected = others.any_dim(-1, false).to_kind(Kind::Float);
        assert!(sums.allclose(&expected, 0.0, 1e-5, false), "{sums}");
        act.memory
    });
}
