//! A team that was exported plays, with no more than its file, the episodes of its run's final evaluation.

use crate::{complaint, json, printed, program, read, train, words};
use commformer_env::{Actions, Environment, Observation, PredatorCapturePrey, Rng, Status};
use commformer_gate::alone::Gate;
use commformer_methods::alone;
use commformer_model::decentralised::{Action, Exported, Inbox, Packet, Team};
use commformer_train::{Purpose, seed_for};
use std::path::Path;

/// The return of each of so many episodes of a run with seed 1, of a transformer's team with gates.
fn gated_returns(file: &Path, episodes: u64) -> Vec<f64> {
    let exported = Exported::read(&std::fs::read(file).unwrap()).unwrap();
    let agents = exported.edges.agents();
    let mut team = Team::new(exported.weights, agents).unwrap();
    let gate = exported.gate.unwrap();
    assert_eq!(gate.execution, "error-diffusion");
    let gates = (0..agents)
        .map(|_| Gate::exported(&gate.config, &gate.execution, gate.parts.clone()).unwrap());
    let mut gates: Vec<Gate> = gates.collect();
    play(episodes, |begins, obs, available, active| {
        if begins {
            team.forget();
            gates.iter_mut().for_each(Gate::forget);
        }
        let turns = team.perceive(obs, available).unwrap();
        let open = gates.iter_mut().zip(&turns);
        let open: Vec<bool> = open
            .map(|(gate, turn)| gate.decide(turn.embedding()).unwrap()[0])
            .collect();
        let edges = exported.edges.clone().gated(&open).unwrap();
        let step = team.act(turns, &edges.among(active), None).unwrap();
        step.actions
    })
}

/// The same of a team of actors, who are all active.
fn returns_of_actors(file: &Path, episodes: u64) -> Vec<f64> {
    let team = alone::Exported::read(&std::fs::read(file).unwrap()).unwrap();
    let agents = (0..team.agents()).map(|agent| team.agent(agent).unwrap());
    let mut agents: Vec<alone::Agent> = agents.collect();
    let (width, actions) = (team.sizes().obs_dim, team.sizes().actions.width());
    play(episodes, |begins, obs, available, active| {
        assert!(active.iter().all(|active| *active));
        let mut turns = Vec::new();
        for (agent, obs) in agents.iter_mut().zip(obs.chunks_exact(width)) {
            if begins {
                agent.forget();
            }
            turns.push(agent.perceive(obs, None).unwrap());
        }
        for _ in 0..team.rounds() {
            let said: Vec<Packet> = turns.iter_mut().map(|turn| turn.say()).collect();
            for turn in &mut turns {
                let letters: Vec<(usize, &Packet)> = (turn.hears().iter())
                    .map(|sender| (*sender, &said[*sender]))
                    .collect();
                turn.attend(&Inbox::new(letters, None)).unwrap();
            }
        }
        let decided = (0..).zip(turns).map(|(agent, turn)| {
            let available = available.map(|all| &all[agent * actions..][..actions]);
            turn.decide(available, None).unwrap().action
        });
        decided.collect()
    })
}

/// The return of each episode of a run with seed 1, in which agents do what `decide` says of whether the episode begins,
/// what they see, what they can do, and who is active.
fn play(
    episodes: u64,
    mut decide: impl FnMut(bool, &[f32], Option<&[bool]>, &[bool]) -> Vec<Action>,
) -> Vec<f64> {
    let mut task = PredatorCapturePrey::new(Default::default()).unwrap();
    let (agents, width) = (task.spec().agents, task.spec().obs_dim);
    let mut obs = vec![0.0; agents * width];
    let mut available = vec![true; task.spec().available_len()];
    let (mut active, mut rewards) = (vec![true; agents], vec![0.0; agents]);
    let seed = seed_for(1, Purpose::FinalEvaluation);
    let episode = |episode| {
        let mut rng = Rng::new(seed, episode);
        let (mut status, mut begins, mut sum) = (Status::Running, true, 0.0);
        task.reset(
            &mut rng,
            Observation {
                obs: &mut obs,
                available: &mut available,
                active: &mut active,
            },
        );
        while status == Status::Running {
            let flags = (!available.is_empty()).then_some(&available[..]);
            let decided = decide(begins, &obs, flags, &active);
            let chosen = decided.iter().map(|action| match action {
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
            begins = false;
        }
        sum
    };
    (0..episodes).map(episode).collect()
}

/// Exports a run, plays its team, and compares with its final evaluation.
fn plays_as_evaluated(run: &Path, play: fn(&Path, u64) -> Vec<f64>) {
    let arguments = ["export", "--run", run.to_str().unwrap()];
    let said = printed(&program(run.parent().unwrap(), &arguments));
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
fn an_exported_team_plays_as_it_was_evaluated() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let gated = words(
        "predator-capture-prey-gate --set policy.message=3 --set policy.message_bits=4 --set gate.start=0 \
         --set gate.ramp=0",
    );
    printed(&train(folder, &gated));
    let run = folder.join("runs/predator-capture-prey-gate-1");
    plays_as_evaluated(&run, gated_returns);
    let whole = std::fs::read(run.join("team.safetensors")).unwrap();
    let spec = PredatorCapturePrey::new(Default::default())
        .unwrap()
        .spec()
        .clone();
    let exported = Exported::read(&whole).unwrap();
    assert_eq!(exported.obs_version, Some(spec.obs_version));
    // A gate is not lost without a word.
    for (from, to, told) in [
        ("\"gate\":", "\"gatf\":", "weights of a gate without `gate`"),
        // Nor is what a later version of the program may have to say of the team.
        ("\"format\":\"1\"", "\"format\":\"2\"", "found version 2"),
        ("\\\"heads\\\"", "\\\"headz\\\"", "unknown field `headz`"),
    ] {
        let at = whole
            .windows(from.len())
            .position(|window| window == from.as_bytes());
        let (at, mut spoilt) = (at.unwrap(), whole.clone());
        spoilt[at..at + to.len()].copy_from_slice(to.as_bytes());
        let error = Exported::read(&spoilt).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }

    // What makes another team of this task.
    let eval = |set: &str| {
        let line = format!("eval --run runs/predator-capture-prey-gate-1 --set {set}");
        complaint(&program(folder, &words(&line)), 1)
    };
    let said = eval("env.agents=5");
    assert!(
        said.contains("`env.perception` and `env.capture`"),
        "{said}"
    );
    let said = eval("ppo.lr=1");
    assert!(said.contains("by keys such as env.perception"), "{said}");
}

#[test]
fn so_does_one_of_another_method() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    for (method, more) in [
        ("slim", "--set method.message_bits=3"),
        ("mappo", "--set method.recurrence=gru"),
    ] {
        let arguments = format!(
            "train predator-capture-prey --method {method} {more} --threads 1 --device cpu --steps 160 \
             --set rollout.num_envs=4 --set rollout.steps=10 --set eval.final_episodes=5"
        );
        printed(&program(folder, &words(&arguments)));
        let run = folder.join(format!("runs/predator-capture-prey-{method}-1"));
        plays_as_evaluated(&run, returns_of_actors);
    }
}

#[test]
fn what_cannot_run_without_the_program_is_not_exported() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    printed(&train(folder, &["signal", "--set", "gate.mode=random"]));
    let said = complaint(&program(folder, &words("export --run runs/signal-1")), 1);
    assert!(said.contains("expected learned, open or off"), "{said}");
    // A team of gates that were never in force has none.
    let early = "signal --set gate.mode=learned --set gate.start=1 --run early";
    printed(&train(folder, &words(early)));
    printed(&program(folder, &words("export --run early")));
    let early = std::fs::read(folder.join("early/team.safetensors")).unwrap();
    assert!(Exported::read(&early).unwrap().gate.is_none());
    // Other files are refused.
    let error = Exported::read(b"no such file").unwrap_err().to_string();
    assert!(
        error.contains("not what `commformer export` writes"),
        "{error}"
    );
}
