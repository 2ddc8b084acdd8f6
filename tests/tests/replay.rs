//! What a replay shows is what an evaluation counts.

use commformer::compose;
use commformer::config::{Config, Overrides};
use commformer::evaluation::{self, Request};
use commformer::replay::record;
use commformer_env::{Actions, Buffers, Status, VecEnv};
use commformer_train::{CheckpointStore, Purpose, Which, seed_for};
use commformer_view::replay::{Action, Run};
use tch::Device;

const SEED: u64 = 7;
const EPISODES: usize = 5;

/// A run of a few steps, saved.
fn saved(preset: &str, set: &[&str]) -> (Config, tempfile::TempDir, CheckpointStore) {
    let small = [
        "policy.embed_dim=16",
        "policy.heads=2",
        "rollout.num_envs=4",
        "rollout.steps=10",
        "run.threads=1",
    ];
    let set = small.iter().chain(set).map(|set| (*set).to_owned());
    let overrides = Overrides {
        set: set.collect(),
        ..Overrides::default()
    };
    let config = Config::resolve(Some(preset), &overrides).unwrap();
    let mut trainer = compose::trainer(&config, Device::Cpu).unwrap();
    for _ in 0..2 {
        trainer.iterate().unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::create(folder.path(), 1).unwrap();
    store.save(&trainer.checkpoint().unwrap()).unwrap();
    (config, folder, store)
}

/// Records a replay, and holds it to the evaluation with the same seed.
fn check(preset: &str, set: &[&str], sampled: bool) -> Run {
    let (config, _folder, store) = saved(preset, set);
    let request = Request {
        which: Which::Latest,
        episodes: EPISODES,
        seed: SEED,
        sampled,
        target_rate: None,
    };
    let (run, evaluated) = record("run", &config, &store, &request, Device::Cpu).unwrap();
    let alone = evaluation::run(&config, &store, &request, Device::Cpu).unwrap();
    assert_eq!(evaluated.report.episodes, alone.report.episodes, "{preset}");
    assert_eq!(run.episodes.len(), EPISODES);
    for (episode, counted) in run.episodes.iter().zip(&alone.report.episodes) {
        assert_eq!(episode.steps.len(), counted.steps as usize);
        assert_eq!(episode.pictures.len(), episode.steps.len() + 1);
        let messages: usize = episode.steps.iter().map(|step| step.delivered.len()).sum();
        assert_eq!(messages as f64, counted.traffic.messages, "{preset}");
        for step in &episode.steps {
            for (action, chances) in step.actions.iter().zip(&step.probabilities) {
                let Action::Discrete(action) = action else {
                    panic!("a vector")
                };
                let sum: f32 = chances.iter().map(|chance| chance.0).sum();
                assert!((sum - 1.0).abs() < 1e-4, "{sum}");
                let best = chances.iter().map(|chance| chance.0).fold(0.0, f32::max);
                let chosen = chances[*action as usize].0;
                assert!(
                    chosen > 0.0 && (sampled || chosen > best - 1e-5),
                    "{chosen} {best}"
                );
            }
        }
    }
    check_actions(&config, &run);
    run
}

/// The recorded actions in the same environments earn the recorded rewards.
fn check_actions(config: &Config, run: &Run) {
    let seed = seed_for(SEED, Purpose::FinalEvaluation);
    for (env, episode) in run.episodes.iter().enumerate() {
        // The environments before it, so that it has the same stream.
        let envs = (0..=env).map(|_| config.env.build().unwrap()).collect();
        let mut envs = VecEnv::new(envs, seed).unwrap();
        let before = env * envs.spec().agents;
        let mut out = Buffers::of(&envs);
        out.reset(&mut envs).unwrap();
        for step in &episode.steps {
            assert_eq!(out.active[before..], step.active);
            let own = step.actions.iter().map(|action| match action {
                Action::Discrete(action) => *action,
                Action::Continuous(_) => panic!("a vector"),
            });
            let mut actions = vec![0; before];
            actions.extend(own);
            out.step(&mut envs, Actions::Discrete(&actions)).unwrap();
            let earned: Vec<f32> = step.rewards.iter().map(|reward| reward.0).collect();
            assert_eq!(out.rewards[before..], earned);
        }
        assert_ne!(out.status[env], Status::Running);
    }
}

#[test]
fn a_replays_episodes_are_those_of_an_evaluation() {
    check("predator-prey", &[], false);
    check("traffic-junction-easy", &[], true);
    check("traffic-junction-easy", &["env.stack=3"], false);
    check("smac-3m", &["env.episode_limit=12"], false);
}

#[test]
fn gates_are_shown_as_they_were() {
    for per in ["receiver", "edge"] {
        let per_set = format!("gate.per={per:?}");
        let run = check("predator-prey-gate", &["gate.start=0.0", &per_set], false);
        let steps = || run.episodes.iter().flat_map(|episode| &episode.steps);
        let width = if per == "edge" { run.agents.len() } else { 1 };
        assert!(steps().all(|step| step.open.iter().all(|gates| gates.len() == width)));
        assert!(steps().all(|step| step.opens.len() == run.agents.len()));
        // Some messages are kept out, and whatever is delivered is along an edge.
        let edges = run
            .links
            .iter()
            .filter(|[receiver, sender]| receiver != sender);
        let edges = edges.count();
        assert!(steps().any(|step| step.delivered.len() < edges));
        for link in steps().flat_map(|step| &step.delivered) {
            let [receiver, sender] = run.links[*link];
            assert!(run.graph[receiver][sender]);
        }
    }
}
