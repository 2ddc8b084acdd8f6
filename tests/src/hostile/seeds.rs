//! Valid inputs, and pieces of input.

use commformer::config::presets;
use commformer_env::smac::{Layout, SmacConfig};
use commformer_env::{
    BuiltIn, Environment, Observation, Rng, Signal, Stacked, TASKS, VecEnv, smac,
};
use commformer_torch::AdamState;
use commformer_torch::adam::Moments;
use commformer_torch::weights::encode;
use commformer_train::{Best, Manifest, TrainState, ValueNorm, encode_state};
use tch::{Device, Kind, Tensor};

pub const CONFIG_WORDS: &[&[u8]] = &[
    b"1e15",
    b"9223372036854775807",
    b"-1",
    b"nan",
    b"\"\"\"",
    b"[[0,1],[1,0]]",
    b"[[[[[[[[",
    b"env.kind='predator-capture-prey'\n",
    b"graph.mode='given'\n",
    b"rollout.num_envs=1e15\n",
    b"env.agents=1_000_000_000\n",
    b"policy.embed_dim=0xffffffffffff\n",
];

pub const WEIGHT_WORDS: &[&[u8]] = &[
    b"\"__metadata__\":{",
    b"\"shape\":[",
    b"\"data_offsets\":[",
    b"18446744073709551615",
    b"4611686018427387904",
    b"I64",
    b"\\u0000",
    b"[[[[[[[[",
];

/// bincode's lengths: a mark for the width, then the number.
pub const LENGTHS: &[&[u8]] = &[
    b"\xfb\xff\xff",
    b"\xfc\xff\xff\xff\xff",
    b"\xfd\xff\xff\xff\x7f\0\0\0\0",
    b"\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xfe",
];

/// The same, and what stands in a manifest.
pub const CHECKPOINT_WORDS: &[&[u8]] = &[
    LENGTHS[0],
    LENGTHS[1],
    LENGTHS[2],
    LENGTHS[3],
    LENGTHS[4],
    b"\"format\": 4",
    b"\"bytes\": 18446744073709551616",
    b"[[[[[[[[",
];

pub const SCENARIO_WORDS: &[&[u8]] = &[
    b"1e30",
    b"-1",
    b"nan",
    b"256",
    b"[units.x]\nlike = \"marine\"\n",
    b"count = 1000000000\n",
    b"[[[[[[[[",
];

pub const RUN_WORDS: &[&[u8]] = &[
    b"null",
    b"1e999",
    b"-1",
    b"18446744073709551616",
    b"\"kind\":\"iteration\",",
    b"\"kind\":\"evaluation\",",
    b"\"metrics\":{",
    b"\"graph\":[[",
    b"\\ud800",
    b"[[[[[[[[",
    b"{\"a\":{\"a\":{\"a\":",
];

/// Lines of metrics, and a last evaluation.
pub fn runs() -> Vec<Vec<u8>> {
    let iteration = r#"{"kind":"iteration","iteration":1,"steps":3200,"episodes":128,"return":-23.4,"episode_steps":25.0,"metrics":{"success":0.5},"losses":{"policy":-0.01,"value":null,"entropy":1.5,"clipped":0.1,"kl":0.01,"grad_norm":0.5},"receiving":{"open_rate":1.0,"messages":2.0,"bytes":380.0,"traffic":0.5},"graph_changes":2,"graph_agreement":0.75,"seconds":{"environment":0.4,"act":0.1,"update":0.2,"elapsed":1.0}}"#;
    let evaluation = r#"{"kind":"evaluation","steps":6400,"episodes":20,"metrics":{"return":{"mean":-20.7,"low":-23.5,"high":-18.1},"steps":{"mean":25.0,"low":null,"high":25.0}},"graph":[[0.0,1.0],[1.0,0.0]],"seconds":{"elapsed":2.9}}"#;
    let last = r#"{"return":{"mean":-24.6,"low":-25.8,"high":-23.5},"checkpoint":"best","trained_steps":6400,"episodes":200,"seed":1,"sampled":false,"graph":[[0.0,1.0],[1.0,0.0]],"settings":{"env":{"kind":"signal"}}}"#;
    let metrics = format!("{iteration}\n{evaluation}\n{iteration}\n{evaluation}\n");
    vec![metrics.into_bytes(), last.into(), Vec::new()]
}

pub const ANSWER_WORDS: &[&[u8]] = &[
    b"\n1 ",
    b"-1",
    b"1e39",
    b"NaN",
    b"null",
    b"\\ud800",
    b"18446744073709551616",
    b"{\"ok\":",
    b"{\"error\":",
    b"[[[[[[[[",
    b"{\"role\":\"wall\",\"polygon\":[[0,0],[1,1]]},",
];

/// An answer of every kind.
pub fn answers() -> Vec<Vec<u8>> {
    let lines = [
        r#"7 done"#,
        r#"1 {"ok":null}"#,
        r#"3 {"error":"Traceback\nValueError: \u00e4","where":"step 3 of its env 0"}"#,
        r#"0 {"ok":{"agents":2,"obs_dim":3,"discrete":true,"actions":4,"masked":true,"leaves":false,"state_dim":0,"metrics":["steps"],"agent_names":["a","b"],"action_names":[],"notes":["padded"]}}"#,
        r#"9 {"ok":{"size":[9,9],"scenery":[{"role":"note","text":[1,2,3,"word"]},{"role":"road","rectangle":[0,0,9,1]}],"shapes":[{"role":{"agent":0},"circle":[0.5,0,1e3]},{"role":"wall","polygon":[[0,0],[1,0],[1,1]]},{"role":"shot","line":[0,0,1,1]}],"agents":[[1,0],null]}}"#,
    ];
    lines.iter().map(|line| line.as_bytes().to_vec()).collect()
}

/// Every built-in map.
pub fn scenarios() -> Vec<Vec<u8>> {
    let texts = smac::names().filter_map(smac::builtin_text);
    texts.map(|text| text.as_bytes().to_vec()).collect()
}

/// Each preset as it comes and with every key, and lines that `--set` takes too.
pub fn configs() -> Vec<Vec<u8>> {
    let as_they_come = presets::ALL.iter().map(|preset| preset.toml.to_owned());
    let with_every_key = presets::ALL.iter().map(|preset| {
        let config = preset.config().expect("a preset");
        config.to_toml().expect("a checked configuration")
    });
    let lines = "run.steps=6e5\nenv.agents=2\ngraph.mode='given'\ngraph.edges=[[0,1],[1,0]]\n";
    as_they_come
        .chain(with_every_key)
        .chain([lines.to_owned()])
        .map(String::into_bytes)
        .collect()
}

/// Every kind and several ranks; metadata alone; nothing.
pub fn weights() -> Vec<Vec<u8>> {
    let tensors = [
        (
            "a",
            Tensor::from_slice2(&[[1.0_f32, -2.0], [f32::NAN, 0.5]]),
        ),
        ("b", Tensor::from(0.25_f32)),
        ("c", Tensor::from_slice(&[3_i64, -1])),
        ("d", Tensor::zeros([2, 0], (Kind::Float, Device::Cpu))),
    ]
    .map(|(name, tensor)| (name.to_owned(), tensor));
    let metadata = [("format".to_owned(), "\"é\"\n".to_owned())];
    let write = |tensors: &[_], metadata: &[_]| encode(tensors, metadata).expect("writable");
    vec![
        write(&tensors, &metadata),
        write(&[], &metadata),
        write(&[], &[]),
    ]
}

/// States, and a manifest.
pub fn checkpoints() -> Vec<Vec<u8>> {
    let adam = |moments: Vec<Moments>| AdamState { step: 300, moments };
    let moments = |name: &str| Moments {
        name: name.to_owned(),
        shape: vec![2, 1],
        exp_avg: vec![0.5, -1.0],
        exp_avg_sq: vec![0.25, 1.0],
    };
    let task = || {
        let task = BuiltIn::default().task().build();
        task.expect("the default")
    };
    let envs = VecEnv::new(vec![task(), task()], 1).expect("two environments");
    let full = TrainState {
        iteration: 70_000,
        steps: 1 << 40,
        obs_version: 1,
        lower: adam(vec![moments("a.weight"), moments("b.weight")]),
        upper: adam(vec![moments("edges")]),
        value_norm: ValueNorm::default(),
        graph: vec![0.0, 1.0, 1.0, 0.0],
        gated: true,
        budget: vec![0.25, -0.5],
        best: Some(Best {
            iteration: 69_000,
            within_budget: true,
            score: -0.25,
        }),
        envs: envs.save(),
        recurrent: vec![0.5, 1.0],
    };
    let [full, empty] = [full, empty_state()].map(|state| encode_state(&state).expect("a state"));
    let manifest = Manifest::new(&full, &empty).encode().expect("a manifest");
    vec![full, empty, manifest]
}

/// The built-in tasks, a battle with last actions, and a task that is stacked, before an episode.
pub fn fresh_tasks() -> Vec<Box<dyn Environment>> {
    let built_in = TASKS.iter().filter_map(|kind| BuiltIn::of_kind(kind));
    let battle = SmacConfig {
        layout: Layout::Commformer,
        ..SmacConfig::default()
    };
    let tasks = built_in.chain([BuiltIn::Smac(battle)]);
    let tasks = tasks.map(|task| task.task().build().expect("the default"));
    let signal = Signal::new(Default::default()).expect("the default");
    let stacked = Stacked::new(signal, 3).expect("a stack");
    let stacked: Box<dyn Environment> = Box::new(stacked);
    tasks.chain([stacked]).collect()
}

/// Every task, in an episode.
pub fn tasks() -> Vec<Vec<u8>> {
    let begun = |mut task: Box<dyn Environment>| {
        observed(&mut *task, |task, out| task.reset(&mut Rng::new(1, 2), out));
        task.save().expect("a task that can be saved")
    };
    fresh_tasks().into_iter().map(begun).collect()
}

/// Calls a task with memory for its observations.
pub fn observed<T>(
    task: &mut dyn Environment,
    call: impl FnOnce(&mut dyn Environment, Observation<'_>) -> T,
) -> T {
    let (agents, width) = (task.spec().agents, task.spec().obs_dim);
    let out = Observation {
        obs: &mut vec![0.0; agents * width],
        available: &mut vec![false; task.spec().available_len()],
        active: &mut vec![false; agents],
    };
    call(task, out)
}

fn empty_state() -> TrainState {
    let adam = AdamState {
        step: 0,
        moments: Vec::new(),
    };
    TrainState {
        iteration: 0,
        steps: 0,
        obs_version: 0,
        lower: adam.clone(),
        upper: adam,
        value_norm: ValueNorm::default(),
        graph: Vec::new(),
        gated: false,
        budget: Vec::new(),
        best: None,
        envs: None,
        recurrent: Vec::new(),
    }
}
