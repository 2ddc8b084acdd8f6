//! What a run is estimated to take of memory: by hand, as settings grow, and beyond what any machine has.

use commformer::compose::memory::{Estimate, estimate};
use commformer::config::{Config, GateEstimator, Overrides, TaskConfig, presets};
use commformer_env::{BuiltIn, MOST_STACKED, SignalConfig};
use commformer_train::Estimator;
use proptest::prelude::*;
use tch::Device;

fn config(preset: &str, set: &[&str]) -> Config {
    let overrides = Overrides {
        set: set.iter().map(|text| (*text).to_owned()).collect(),
        ..Overrides::default()
    };
    Config::resolve(Some(preset), &overrides).unwrap()
}

fn bytes(config: &Config) -> f64 {
    estimate(config, Device::Cpu).unwrap().bytes()
}

fn part_of(estimate: &Estimate, what: &str) -> Option<f64> {
    let part = estimate.parts().iter().find(|part| part.what == what);
    part.map(|part| part.bytes)
}

#[test]
fn by_hand() {
    let small = [
        "rollout.num_envs=4",
        "rollout.steps=10",
        "ppo.minibatches=2",
        "run.threads=1",
        "eval.episodes=1",
        "eval.final_episodes=1",
    ];
    let estimate = estimate(&config("predator-prey", &small), Device::Cpu).unwrap();
    let check = |what, expected: i32| {
        assert_eq!(
            part_of(&estimate, what),
            Some(f64::from(expected)),
            "{what}"
        );
    };
    // 132 agents perceive 261 numbers and a value, and are active or not; 120 choose an action of 8 bytes
    // with 3 numbers and stay or leave; 40 states; and in 40 steps two episodes are truncated.
    check(
        "the rollout",
        132 * (262 * 4 + 1) + 120 * (8 + 3 * 4 + 1) + 40 + 2 * 3 * 261 * 4,
    );
    check("the environments", 4 * (3 * 261 * 4 + 1024 + 3 * 32));
    check(
        "what is learned from",
        40 * (3 * 48 + 32) + 20 * 3 * 4 * (261 + 8),
    );
    // 128,803 parameters: they, two moments, one worker's and two parts' gradients; the state before an
    // iteration, that after it, and its bytes.
    check(
        "weights, gradients and moments",
        4 * 128_803 * (1 + 2 + 1 + 2 + 9),
    );
    // 9 pairs: 4 graphs twice, two sizes; each is drawn with 40 bytes.
    check("the graphs", 9 * (4 * (2 * 4 + 2) + 4 * 40));
    check("the program and libtorch", 200_000_000);
    assert_eq!(
        part_of(&estimate, "evaluations"),
        None,
        "an update takes more"
    );
    assert_eq!(
        estimate.largest_setting(),
        "`policy.embed_dim`, `policy.blocks` or the team in `[env]`"
    );
}

#[test]
fn what_is_remembered_counts() {
    let parts = |set: &[&str]| {
        let small = [
            "rollout.num_envs=4",
            "rollout.steps=10",
            "ppo.minibatches=2",
            "run.threads=1",
            "eval.episodes=1",
            "eval.final_episodes=1",
        ];
        let config = config("predator-prey", &[&small, set].concat());
        estimate(&config, Device::Cpu).unwrap()
    };
    let [plain, stacked] = [parts(&[]), parts(&["env.stack=3"])];
    // 3 agents see 261 numbers; stacked, each environment keeps 3 times as many twice, as its last end and as its memory.
    let environments = |estimate| part_of(estimate, "the environments");
    let own = 1024 + 3 * 32;
    let expected = |numbers| Some(f64::from(4 * (3 * 4 * numbers + own)));
    assert_eq!(environments(&plain), expected(261));
    assert_eq!(environments(&stacked), expected(2 * 3 * 261));
    assert!(part_of(&stacked, "the rollout") > part_of(&plain, "the rollout"));
}

#[test]
fn an_evaluation_counts_where_it_takes_more_than_an_update() {
    for (set, what, setting) in [
        ("eval.episodes=100000", "evaluations", "`eval.episodes`"),
        (
            "eval.final_episodes=100000",
            "the last evaluation",
            "`eval.final_episodes`",
        ),
    ] {
        let estimate = estimate(&config("predator-prey", &[set]), Device::Cpu).unwrap();
        // Two rows of observations, the last of an episode, and the policy's own.
        let least = 100_000.0 * 3.0 * 261.0 * 4.0 * 4.0;
        assert!(
            part_of(&estimate, what).is_some_and(|bytes| bytes > least),
            "{what}"
        );
        assert_eq!(estimate.largest_setting(), setting);
        assert_eq!(part_of(&estimate, "what is learned from"), None);
    }
}

#[test]
fn on_a_gpu_only_the_host_is_estimated() {
    let config = config("predator-prey", &["policy.embed_dim=1024"]);
    let [host, gpu] =
        [Device::Cpu, Device::Cuda(0)].map(|device| estimate(&config, device).unwrap());
    assert!(gpu.bytes() < 250e6 && host.bytes() > 2e9);
    assert_eq!(part_of(&gpu, "the rollout"), part_of(&host, "the rollout"));
}

/// Gives a setting that takes memory a size.
type Set = fn(&mut Config, usize);

const SETTINGS: [(&str, Set); 9] = [
    ("rollout.num_envs", |config, size| {
        config.rollout.num_envs = 4 * size
    }),
    ("rollout.steps", |config, size| config.rollout.steps = size),
    ("policy.embed_dim", |config, size| {
        config.policy.embed_dim = size
    }),
    ("policy.blocks", |config, size| config.policy.blocks = size),
    ("eval.episodes", |config, size| config.eval.episodes = size),
    ("eval.final_episodes", |config, size| {
        config.eval.final_episodes = size
    }),
    ("run.threads", |config, size| config.run.threads = size),
    ("env.agents", |config, size| {
        let agents = size.clamp(2, 5000);
        config.env.task = TaskConfig::BuiltIn(BuiltIn::Signal(SignalConfig {
            agents,
            ..Default::default()
        }));
    }),
    ("env.stack", |config, size| {
        config.env.stack = size.clamp(1, MOST_STACKED)
    }),
];

proptest! {
    /// Doubled, since a little more can mean parts of half the size.
    #[test]
    fn it_grows_with_each_setting(
        sizes in proptest::collection::vec(1..100_usize, SETTINGS.len()),
        doubled in 0..SETTINGS.len(),
    ) {
        let mut config = config("signal", &[]);
        for ((_, set), size) in SETTINGS.iter().zip(&sizes) {
            set(&mut config, *size);
        }
        let before = bytes(&config);
        let (name, set) = SETTINGS[doubled];
        set(&mut config, 2 * sizes[doubled]);
        prop_assert!(bytes(&config) >= before, "{}", name);
    }

    #[test]
    fn settings_beyond_every_machine_overflow_nothing(
        sizes in proptest::collection::vec(prop_oneof![1..usize::MAX, Just(usize::MAX)], 12),
        preset in 0..presets::ALL.len(),
        (stale, bfloat16, straight_through) in any::<(bool, bool, bool)>(),
    ) {
        let mut config = presets::ALL[preset].config().unwrap();
        // What Python plays only Python tells, and it need not be here.
        prop_assume!(!matches!(config.env.task, TaskConfig::Python(_)));
        let [envs, steps, shard, minibatches, chunk, groups, ..] = sizes[..] else { unreachable!() };
        config.rollout = commformer_train::RolloutConfig { num_envs: envs, steps, shard };
        (config.ppo.minibatches, config.ppo.chunk, config.graph.groups) = (minibatches, chunk, groups);
        let [embed_dim, heads, blocks, episodes, final_episodes, threads] = sizes[6..] else { unreachable!() };
        (config.policy.embed_dim, config.policy.heads, config.policy.blocks) = (embed_dim, heads, blocks);
        (config.eval.episodes, config.eval.final_episodes) = (episodes, final_episodes);
        config.run.threads = threads;
        if stale {
            config.gate.closed = commformer_model::Closed::Stale;
        }
        if bfloat16 {
            config.run.precision = commformer_model::Precision::Bfloat16;
        }
        if straight_through {
            config.gate.estimator = GateEstimator::StraightThrough;
            config.graph.estimator = Estimator::StraightThrough;
        }
        let bytes = bytes(&config);
        prop_assert!(bytes.is_finite() && bytes > u64::MAX as f64, "{}", bytes);
    }
}
