//! A team that was exported plays, with no more than its file, the episodes of its run's final evaluation.

use crate::{complaint, json, printed, program, read, train, words};
use commformer_env::{Actions, Environment, Observation, PredatorCapturePrey, Rng, Status};
use commformer_gate::TemporalGateConfig;
use commformer_gate::alone::Gate;
use commformer_model::decentralised::{Action, Exported, Team};
use commformer_train::{Purpose, seed_for};
use std::path::Path;

/// The return of each of so many episodes of a run with seed 1.
fn play(file: &Path, episodes: u64) -> Vec<f64> {
    let exported = Exported::read(&std::fs::read(file).unwrap()).unwrap();
    let mut task = PredatorCapturePrey::new(Default::default()).unwrap();
    let (agents, width) = (task.spec().agents, task.spec().obs_dim);
    let mut team = Team::new(&exported.weights, agents).unwrap();
    let gate = exported.gate.unwrap();
    assert_eq!(gate.execution, "error-diffusion");
    let config: TemporalGateConfig = serde_json::from_str(&gate.config).unwrap();
    let gate = |_| Gate::of_parts(&config, gate.parts.clone()).unwrap();
    let mut gates: Vec<Gate> = (0..agents).map(gate).collect();

    let mut obs = vec![0.0; agents * width];
    let mut available = vec![true; task.spec().available_len()];
    let (mut active, mut rewards) = (vec![true; agents], vec![0.0; agents]);
    let seed = seed_for(1, Purpose::FinalEvaluation);
    let episode = |episode| {
        let mut rng = Rng::new(seed, episode);
        let (mut status, mut sum) = (Status::Running, 0.0);
        task.reset(
            &mut rng,
            Observation {
                obs: &mut obs,
                available: &mut available,
                active: &mut active,
            },
        );
        team.forget();
        gates.iter_mut().for_each(Gate::forget);
        while status == Status::Running {
            let flags = (!available.is_empty()).then_some(&available[..]);
            let turns = team.perceive(&obs, flags).unwrap();
            let open = gates.iter_mut().zip(&turns);
            let open: Vec<bool> = open
                .map(|(gate, turn)| gate.error_diffusion(turn.embedding()).unwrap()[0])
                .collect();
            let edges = exported.edges.clone().gated(&open).unwrap();
            let step = team.act(turns, &edges.among(&active), None).unwrap();
            let chosen = step.actions.iter().map(|action| match action {
                Action::Discrete(action) => *action as i64,
                Action::Continuous(_) => panic!("the actions are discrete"),
            });
            let chosen: Vec<i64> = chosen.collect();
            let out = Observation {
                obs: &mut obs,
                available: &mut available,
                active: &mut active,
            };
            status = task.step(Actions::Discrete(&chosen), &mut rng, out, &mut rewards);
            sum += rewards.iter().map(|reward| f64::from(*reward)).sum::<f64>() / agents as f64;
        }
        sum
    };
    (0..episodes).map(episode).collect()
}

#[test]
fn an_exported_team_plays_as_it_was_evaluated() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let gated = words(
        "predator-capture-prey-gate --set policy.message=3 --set policy.message_bits=4 --set gate.start=0 \
         --set gate.ramp=0",
    );
    printed(&train(folder, &gated));
    let run = folder.join("runs/predator-capture-prey-gate-1");
    let said = printed(&program(
        folder,
        &["export", "--run", run.to_str().unwrap()],
    ));
    assert!(
        said.contains("team.safetensors: 3 agents after 160 steps"),
        "{said}"
    );
    let written = json(&read(&run.join("final.json")));
    let returns = written["each_episode"]["return"].as_array().unwrap();
    let played = play(&run.join("team.safetensors"), 5);
    for (played, expected) in played.iter().zip(returns) {
        let expected = expected.as_f64().unwrap();
        assert!((played - expected).abs() < 1e-4, "{played} {expected}");
    }
    assert_eq!(returns.len(), 5);
}

#[test]
fn what_cannot_run_without_the_program_is_not_exported() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &["signal", "--set", "gate.mode=random"]));
    let said = complaint(&program(folder, &words("export --run runs/signal-1")), 1);
    assert!(said.contains("expected learned, open or off"), "{said}");
    let ippo = "train signal --method ippo --run ippo --threads 1 --device cpu --steps 160 --set rollout.num_envs=4 \
                --set rollout.steps=10 --set eval.final_episodes=5";
    printed(&program(folder, &words(ippo)));
    let said = complaint(&program(folder, &words("export --run ippo")), 1);
    assert!(said.contains("cannot be exported"), "{said}");
    // Other files are refused.
    let error = Exported::read(b"no such file").unwrap_err().to_string();
    assert!(error.contains("file"), "{error}");
}
