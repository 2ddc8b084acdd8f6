use crate::config::{Config, Overrides};

/// Resolves the default preset with assignments, divided by blanks; the message must hold every part.
#[track_caller]
fn check(assignments: &str, parts: &[&str]) {
    let set: Vec<&str> = assignments.split(' ').collect();
    let message = Config::resolve(Some("predator-prey"), &Overrides::set(&set))
        .unwrap_err()
        .to_string();
    for part in parts {
        assert!(message.contains(part), "{message:?} lacks {part:?}");
    }
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    check(
        "ppo.learning_rate=1",
        &[
            "`ppo.learning_rate`",
            "--set ppo.learning_rate=1",
            "`ppo.lr`",
        ],
    );
    check("ppo.seed=1", &["no `ppo.seed`", "did you mean `run.seed`?"]);
    check("lr=1", &["no `lr`", "`graph.lr` or `ppo.lr`"]);
    check("pop.x=1", &["no `pop`", "`ppo`"]);
    check("policies.x=1", &["the section [policy]"]);
    // Of another method nothing is recommended that it would refuse.
    check(
        "method.kind=tarmac method.message_bits=4",
        &["no `method.message_bits`", "did you mean `method.message`?"],
    );
    check(
        "method.kind=slim ppo.message_bits=4",
        &[
            "no `ppo.message_bits`",
            "did you mean `method.message_bits`?",
        ],
    );
    check("zzzz.x=1", &["the sections are `env`", "`run`"]);
    check("run.device.x=1", &["no `run.device.x`"]);
    // The name of a kind, in the place of its section.
    for (section, name) in [("env", "smac"), ("method", "mappo")] {
        let key = format!("`{section}.kind`");
        check(&format!("{section}={name}"), &["must be a section", &key]);
    }
    check(
        "env.kind=signal env.prey=2",
        &["no `env.prey`", "[env] has `agent_id`, `agents`"],
    );
    // What another kind has is told with the kind, before what there is.
    let of_others = [
        (
            "env.sight=3",
            "`env.sight` is a setting of `env.kind = \"smac\"` or `\"lbf\"`, and this one is `predator-prey`",
        ),
        (
            "env.make=my_env:make",
            "`env.make` is a setting of `env.kind = \"python\"`, and this one is `predator-prey`",
        ),
        (
            "make=my_env:make",
            "`env.make` is a setting of `env.kind = \"python\"`",
        ),
        (
            "method.kind=slim method.rounds=2",
            "`\"tarmac\"` or `\"choose\"`, and this one is `slim`",
        ),
    ];
    for (set, said) in of_others {
        check(set, &["there is no `", said]);
    }
    for map in ["3M", "mmm2"] {
        let near = format!(
            "did you mean `{}`?",
            if map == "3M" { "3m" } else { "MMM2" }
        );
        check(
            &format!("env.kind=smac env.map={map}"),
            &["`env.map` is", &near],
        );
    }
    check("env.kind=smac env.map=zzzz", &["one of 3m, "]);
    check(
        "graph.mode=lerned",
        &["`lerned`", "`learned`, `full`", "did you mean `learned`?"],
    );
    check(
        "env.kind=predator",
        &["env.kind", "did you mean `predator-prey`?"],
    );
    check("graph.upper_data=held_out", &["did you mean `held-out`?"]);
    check("gate.mode=lerned", &["`lerned`", "did you mean `learned`?"]);
    check("gate.rate=0.1", &["no `gate.rate`"]);
    check(
        "env.stak=2",
        &["no `env.stak`", "did you mean `env.stack`?"],
    );
    check("stack=2", &["no `stack`", "did you mean `env.stack`?"]);
    for (kind, keys) in [
        (
            "predator-capture-prey",
            "`env.perception` and `env.capture`",
        ),
        ("smac", "`env.map`"),
        ("python", "`env.options` and `env.make`"),
    ] {
        let said = format!("the size of the team of `{kind}` is set by {keys}");
        check(
            &format!("env.kind={kind} env.agents=5"),
            &["no `env.agents`", &said],
        );
    }
}

#[test]
fn wrong_types_are_refused() {
    check(
        "ppo.lr=fast",
        &["`ppo.lr` is \"fast\"", "a number", "--set ppo.lr=fast"],
    );
    check("run.steps=-5", &["-5", "1 to 9223372036854775807"]);
    check("run.steps=2.5", &["2.5", "a whole number"]);
    check("env.stack=few", &["`env.stack`", "a whole number"]);
    check("env.no_stay=1", &["`env.no_stay` is 1", "true or false"]);
    check("graph.edges=1", &["graph.edges", "[[0, 1], [1, 0]]"]);
    check("graph.edges=[0,1]", &["graph.edges", "[[0, 1], [1, 0]]"]);
    check("env.kind=3", &["env.kind", "one of `predator-prey`"]);
    check("gate.budget=0.25", &["`gate.budget` is 0.25", "one of `"]);
    check("ppo=3", &["`ppo` is 3", "a section, `[ppo]`"]);
}

#[test]
fn values_out_of_range_are_refused() {
    check("ppo.lr=0", &["`ppo.lr` is 0", "above 0"]);
    check("ppo.lr=nan", &["`ppo.lr` is NaN", "above 0"]);
    check("ppo.gamma=1.5", &["`ppo.gamma` is 1.5", "from 0 to 1"]);
    check("ppo.entropy_coef=-0.1", &["-0.1"]);
    check("ppo.epochs=0", &["`ppo.epochs` is 0", "at least 1"]);
    check("rollout.num_envs=0", &["rollout.num_envs"]);
    check(
        "env.episode_limit=5000000000",
        &["`env.episode_limit`", "4294967295"],
    );
    check("policy.dropout=1", &["policy.dropout", "below 1"]);
    check(
        "graph.sparsity=0",
        &["graph.sparsity", "above 0 and at most 1"],
    );
    check("graph.sparsity=1.1", &["graph.sparsity"]);
    check("graph.held_out=1.0", &["graph.held_out", "below 1"]);
    check("env.dim=1000", &["`env.dim` is 1000"]);
    check("env.agents=0", &["`env.agents` is 0"]);
    let stack = ["must be 1 to 16", "1 shows agents what they see now"];
    check("env.stack=0", &[&["`env.stack` is 0"], &stack[..]].concat());
    check(
        "env.stack=17",
        &[&["`env.stack` is 17", "--set env.stack=17"], &stack[..]].concat(),
    );
    check("run.device=gpu", &["`run.device` is `gpu`", "cuda:NUMBER"]);
    check(
        "run.precision=bfloat",
        &[
            "`run.precision` is `bfloat`",
            "`float32`, `bfloat16`",
            "did you mean `bfloat16`?",
        ],
    );
    check("run.threads=100000", &["run.threads", "0 to 4096"]);
    check("eval.every=0", &["eval.every"]);
    check(
        "gate.target_rate=1.5",
        &["`gate.target_rate` is 1.5", "from 0 to 1"],
    );
    check("gate.start=-0.1", &["gate.start", "from 0 to 1"]);
    check("gate.ramp=2", &["gate.ramp", "from 0 to 1"]);
    check(
        "gate.cost=-1",
        &["`gate.cost` is -1", "0 or a number above it"],
    );
    check("gate.max_price=0", &["gate.max_price", "above 0"]);
}

#[test]
fn settings_that_do_not_go_together_are_refused() {
    check(
        "policy.heads=3",
        &[
            "3 does not divide 64",
            "--set policy.heads=3",
            "the default",
        ],
    );
    check(
        "policy.message=65",
        &[
            "65 numbers",
            "`policy.embed_dim` = 64",
            "--set policy.message=65",
        ],
    );
    check(
        "policy.message_bits=4",
        &[
            "set `policy.message` as well",
            "--set policy.message_bits=4",
        ],
    );
    check(
        "graph.rollout=exact",
        &["sampled", "straight-through", "graph.rollout"],
    );
    check("graph.sparsity=1", &["hear 3 others", "only 2"]);
    check("graph.mode=random graph.sparsity=1", &["only 2"]);
    check(
        "env.agents=2 graph.sparsity=1",
        &["hear 2 others", "a team of 2 has only 1"],
    );
    // One agent has nobody to hear, so that it is asked for no graph.
    for set in ["env.agents=1", "env.agents=1 graph.mode=random"] {
        let set: Vec<&str> = set.split(' ').collect();
        let resolved = Config::resolve(Some("predator-prey"), &Overrides::set(&set));
        assert!(resolved.is_ok(), "{set:?}");
    }
    check("graph.mode=given", &["a matrix of 0 rows", "3 rows of 3"]);
    check(
        "graph.mode=given graph.edges=[[1],[1,0,1],[0,0,0]]",
        &["row 0 has 1 numbers"],
    );
    check(
        "graph.mode=given graph.edges=[[1,0,2],[1,0,1],[0,0,0]]",
        &["with a 2", "of 0 and 1"],
    );
    check("graph.edges=[[1]]", &["only used with"]);
    check(
        "graph.upper_data=held-out graph.held_out=0.001",
        &["would keep 0 apart"],
    );
    check(
        "graph.upper_data=held-out graph.held_out=0.999",
        &["would keep 80 apart"],
    );
    check(
        "graph.upper_data=held-out graph.groups=2",
        &["compares at least 2 graphs", "--set graph.groups=2"],
    );
    check(
        "ppo.minibatches=4001",
        &["4001 minibatches", "4000 samples"],
    );
    check(
        "env.episode_limit=0",
        &[
            "might never end",
            "set `env.episode_limit`, or `eval.episode_limit`",
        ],
    );
    check("graph.upper_every=11", &["graph would never learn"]);
    check(
        "graph.upper_every=1 graph.estimator=straight-through",
        &["policy would never learn"],
    );
    check("rollout.num_envs=1", &["at least 2 graphs"]);
    check("graph.groups=81", &["81 groups and 80 environments"]);
    check("gate.per=edge", &["only a learned gate", "gate.mode"]);
    check(
        "gate.mode=random gate.per=edge",
        &["only a learned gate", "--set gate.per=edge"],
    );
    check(
        "graph.estimator=straight-through graph.rollout=exact gate.mode=learned gate.per=edge",
        &["none of those that were taken", "gate.estimator"],
    );
    check(
        "gate.closed=stale",
        &["nothing is ever closed", "gate.mode"],
    );
}

#[test]
fn what_a_mode_does_not_use_is_not_checked() {
    for assignments in [
        "graph.mode=full env.agents=1",
        "graph.mode=none graph.rollout=exact",
        "graph.mode=given graph.edges=[[1,0,0],[1,0,1],[0,0,0]]",
        "env.episode_limit=0 eval.episode_limit=20",
        "graph.mode=random rollout.num_envs=1",
    ] {
        let set: Vec<&str> = assignments.split(' ').collect();
        Config::resolve(Some("predator-prey"), &Overrides::set(&set)).unwrap();
    }
}
