//! A real environment in Python trains, is evaluated, and repeats itself. Needs what `cargo xtask test` installs.

#[path = "../src/python.rs"]
mod interpreter;
#[path = "../src/skip.rs"]
mod skip;

use commformer::compose;
use commformer::config::{Config, GraphMode, Overrides};
use commformer::evaluation::{self, Request};
use commformer::replay::record;
use commformer_train::{CheckpointStore, EvaluateOptions, Purpose, Which, evaluate};
use commformer_view::replay::Step;
use std::collections::BTreeSet;
use std::process::Command;

/// The interpreter with PettingZoo's environments; says why not where there is none.
fn python() -> Option<String> {
    interpreter::python("numpy, mpe2, pettingzoo")
}

fn config(python: &str, module: &str, options: &str, workers: usize) -> Config {
    let set = [
        "env.kind=python".to_owned(),
        format!("env.make=pettingzoo:mpe2.{module}"),
        format!("env.options={options}"),
        format!("env.python={python}"),
        format!("env.workers={workers}"),
        "rollout.num_envs=4".into(),
        "rollout.steps=30".into(),
        "policy.embed_dim=16".into(),
        "run.steps=360".into(),
        "run.threads=2".into(),
    ];
    let overrides = Overrides {
        set: set.into(),
        ..Overrides::default()
    };
    Config::resolve(None, &overrides).unwrap()
}

/// The losses of some iterations, and the returns of an evaluation in rounds.
fn trained(config: &Config) -> (Vec<f64>, Vec<f64>) {
    let device = compose::device(config).unwrap();
    let mut trainer = compose::trainer(config, device).unwrap();
    let losses = (0..3)
        .map(|_| trainer.iterate().unwrap().losses.value)
        .collect();
    let mut envs = compose::evaluation(config, 6, 1, Purpose::Evaluation).unwrap();
    assert_eq!(envs.num_envs(), 4);
    let options = EvaluateOptions {
        episodes: Some(6),
        max_steps: 100,
        device,
        ..EvaluateOptions::default()
    };
    let graph = trainer.execution_graph().unwrap();
    let report = evaluate(trainer.policy(), &graph, &mut envs, &options).unwrap();
    let returns: Vec<f64> = report
        .episodes
        .iter()
        .map(|episode| episode.team_return)
        .collect();
    assert_eq!(returns.len(), 6);
    (losses, returns)
}

#[test]
fn simple_spread_trains_and_repeats_itself_on_any_number_of_workers() {
    let Some(python) = python() else { return };
    let one = trained(&config(&python, "simple_spread_v3", "{ N = 3 }", 1));
    let (losses, returns) = &one;
    assert!(losses.iter().all(|loss| loss.is_finite()));
    // Rounds are episodes of their own.
    assert_ne!(returns[0], returns[4]);
    assert_eq!(
        trained(&config(&python, "simple_spread_v3", "{ N = 3 }", 3)),
        one
    );
    // In shards, of which one steps while another acts.
    let in_shards = |workers, threads| {
        let mut config = config(&python, "simple_spread_v3", "{ N = 3 }", workers);
        config.rollout.shard = 1;
        config.run.threads = threads;
        trained(&config)
    };
    assert_eq!(in_shards(1, 1), in_shards(3, 2));
    // Stacked, it is another task for the policy, whose environments are still begun before any is waited for.
    let stacked = |workers| {
        let mut config = config(&python, "simple_spread_v3", "{ N = 3 }", workers);
        let plain = config.env.spec().unwrap().obs_dim;
        config.env.stack = 2;
        assert_eq!(config.env.spec().unwrap().obs_dim, 2 * plain);
        trained(&config)
    };
    let of_one = stacked(1);
    assert_ne!(of_one, one);
    assert_eq!(stacked(3), of_one);
}

/// In rounds, too, of which the last needs fewer environments than there are.
#[test]
fn a_replays_episodes_are_those_of_an_evaluation() {
    let Some(python) = python() else { return };
    let config = config(&python, "simple_spread_v3", "{ N = 3 }", 2);
    let device = compose::device(&config).unwrap();
    let mut trainer = compose::trainer(&config, device).unwrap();
    trainer.iterate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::create(folder.path(), 1).unwrap();
    store.save(&trainer.checkpoint().unwrap()).unwrap();
    let request = Request {
        which: Which::Latest,
        episodes: 6,
        seed: 1,
        sampled: false,
        target_rate: None,
    };
    let (run, played) = record("run", &config, &store, &request, device).unwrap();
    let evaluated = evaluation::run(&config, &store, &request, device).unwrap();
    assert_eq!(played.report.episodes, evaluated.report.episodes);
    assert_eq!(run.episodes.len(), 6);
    for (episode, counted) in run.episodes.iter().zip(&evaluated.report.episodes) {
        assert_eq!(episode.steps.len(), counted.steps as usize);
        assert_eq!(episode.pictures.len(), episode.steps.len() + 1);
        let of_step = |step: &Step| {
            let earned = step.rewards.iter().map(|reward| f64::from(reward.0));
            earned.sum::<f64>() / step.rewards.len() as f64
        };
        let earned: f64 = episode.steps.iter().map(of_step).sum();
        assert!((earned - counted.team_return).abs() < 1e-3);
        // The values that the team saw in the same step as the rewards: of an untrained team, no two are the same.
        let values = episode.steps.iter().map(|step| step.values[0].0.to_bits());
        assert_eq!(values.collect::<BTreeSet<_>>().len(), episode.steps.len());
    }
    let first = |episode: usize| run.episodes[episode].steps[0].values[0];
    assert_ne!(first(0), first(4));
}

/// Sums are rounded by the size of a batch, and a continuous action takes every bit along.
#[test]
fn what_an_episode_returns_does_not_depend_on_how_many_there_are() {
    let Some(python) = python() else { return };
    let options = "{ N = 3, continuous_actions = true }";
    let mut config = config(&python, "simple_spread_v3", options, 2);
    (config.rollout.num_envs, config.policy.embed_dim) = (20, 64);
    let device = compose::device(&config).unwrap();
    let trainer = compose::trainer(&config, device).unwrap();
    let graph = trainer.execution_graph().unwrap();
    let returns = |episodes: usize| -> Vec<f64> {
        let purpose = Purpose::FinalEvaluation;
        let mut envs = compose::evaluation(&config, episodes, 1, purpose).unwrap();
        let options = EvaluateOptions {
            episodes: Some(episodes),
            max_steps: 100,
            device,
            ..EvaluateOptions::default()
        };
        let report = evaluate(trainer.policy(), &graph, &mut envs, &options).unwrap();
        let episodes = report.episodes.iter();
        episodes.map(|episode| episode.team_return).collect()
    };
    let most = returns(24);
    for episodes in [1, 2, 3, 7, 20] {
        assert_eq!(returns(episodes), most[..episodes], "{episodes}");
    }
}

/// Set in the process that measures.
const MEASURES: &str = "COMMFORMER_TEST_MEASURES";

#[test]
fn memory_that_is_shared_with_workers_is_estimated() {
    let Some(python) = python() else { return };
    // A heap is all of its process's, and other tests use theirs at the same time: this one gets a process of its own.
    if std::env::var_os(MEASURES).is_none() {
        let only = "memory_that_is_shared_with_workers_is_estimated";
        let mut alone = Command::new(std::env::current_exe().unwrap());
        alone
            .args(["--exact", only, "--nocapture"])
            .env(MEASURES, "1");
        assert!(alone.status().unwrap().success());
        return;
    }
    let of = |envs: usize| {
        let mut config = config(&python, "simple_spread_v3", "{ N = 3 }", 1);
        config.rollout.num_envs = envs;
        let estimate = compose::memory::estimate(&config, tch::Device::Cpu).unwrap()?;
        let mut parts = estimate.parts().iter();
        let part = parts.find(|part| part.what == "the environments");
        Some(part.unwrap().bytes)
    };
    let grown = || Some(of(5000)? - of(1000)?);
    // What a small run holds is measured along with the C library's own caches, which differ from run to run: one
    // difference alone may be off by half.
    let grown: Option<Vec<_>> = std::iter::repeat_with(grown).take(5).collect();
    let Some(mut grown) = grown else {
        skip::skipped("this C library does not say how much memory is in use");
        return;
    };
    grown.sort_by(f64::total_cmp);
    let grown = grown[2];
    // Each environment has three agents, who see 18 numbers, twice, and choose one of five actions under a
    // mask; who is active and who has departed is told twice, too. What this side keeps of each is measured.
    let shared = 3.0 * (2.0 * 4.0 * 18.0 + 8.0 + 4.0 + 5.0 + 4.0) + 10.0;
    let own = grown / 4000.0 - shared;
    assert!((300.0..6000.0).contains(&own), "{own}");
}

#[test]
fn one_agent_trains_with_the_defaults_of_a_team() {
    let Some(python) = python() else { return };
    for mode in [GraphMode::Learned, GraphMode::Random, GraphMode::Full] {
        let mut config = config(&python, "simple_v3", "{}", 2);
        config.graph.mode = mode;
        let (losses, returns) = trained(&config);
        assert_eq!(config.env.agents(), 1);
        let mut numbers = losses.iter().chain(&returns);
        assert!(numbers.all(|number| number.is_finite()), "{mode:?}");
    }
}

#[test]
fn unequal_agents_and_real_numbers_for_actions_train() {
    let Some(python) = python() else { return };
    let speakers = config(&python, "simple_speaker_listener_v4", "{}", 2);
    assert!(trained(&speakers).0.iter().all(|loss| loss.is_finite()));
    let moving = config(
        &python,
        "simple_spread_v3",
        "{ continuous_actions = true }",
        2,
    );
    assert!(trained(&moving).0.iter().all(|loss| loss.is_finite()));
}

#[test]
fn a_graph_that_does_not_fit_the_team_is_refused_once_the_team_is_known() {
    let Some(python) = python() else { return };
    let mut config = config(&python, "simple_spread_v3", "{}", 1);
    config.graph.sparsity = 1.0;
    let device = compose::device(&config).unwrap();
    let Err(refused) = compose::trainer(&config, device) else {
        panic!("it was made")
    };
    let refused = refused.to_string();
    assert!(refused.contains("a team of 3 has only 2"), "{refused}");
}
