//! A team that was exported plays, with no more than its file, the episodes of its run's final evaluation.

use crate::{complaint, json, printed, program, read, train, words};
use commformer_env::{
    Actions, Environment, Observation, PredatorCapturePrey, Rng, Status, TrafficJunction,
};
use commformer_methods::alone::{Shown, TrainedTeam};
use commformer_model::decentralised::{Action, Exported};
use commformer_train::{Purpose, seed_for};
use std::path::Path;

/// The return of each of so many episodes of a run with seed 1, and messages that an agent gets in a step.
fn play(file: &Path, mut task: impl Environment, episodes: u64) -> (Vec<f64>, f64) {
    let mut team = TrainedTeam::read(&std::fs::read(file).unwrap()).unwrap();
    let (agents, width) = (task.spec().agents, task.spec().obs_dim);
    assert_eq!(team.sizes().agents, agents);
    assert_eq!(team.obs_version(), Some(task.spec().obs_version));
    let mut obs = vec![0.0; agents * width];
    let mut available = vec![true; task.spec().available_len()];
    let (mut active, mut rewards) = (vec![true; agents], vec![0.0; agents]);
    let seed = seed_for(1, Purpose::FinalEvaluation);
    let (mut returns, mut messages, mut steps) = (Vec::new(), 0, 0);
    for episode in 0..episodes {
        let mut rng = Rng::new(seed, episode);
        let (mut status, mut sum) = (Status::Running, 0.0);
        let out = Observation {
            obs: &mut obs,
            available: &mut available,
            active: &mut active,
        };
        task.reset(&mut rng, out);
        team.forget();
        while status == Status::Running {
            let departed = task.departed();
            let shown = Shown {
                obs: &obs,
                available: (!available.is_empty()).then_some(&available[..]),
                active: Some(&active),
                departed: (!departed.is_empty()).then_some(departed),
            };
            // None of these methods draws anything.
            let step = team.act(&shown, &mut Rng::new(0, 0)).unwrap();
            messages += step.delivered.messages();
            steps += 1;
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
        returns.push(sum);
    }
    (returns, messages as f64 / (steps * agents) as f64)
}

/// Exports a run, plays its team of so many agents, and compares with its final evaluation.
fn plays_as_evaluated(run: &Path, agents: usize, task: impl Environment) {
    let arguments = ["export", "--run", run.to_str().unwrap()];
    let said = printed(&program(run.parent().unwrap(), &arguments));
    let told = format!("team.safetensors: {agents} agents after ");
    assert!(said.contains(&told), "{said}");
    let written = json(&read(&run.join("final.json")));
    let returns = written["each_episode"]["return"].as_array().unwrap();
    let (played, messages) = play(&run.join("team.safetensors"), task, 5);
    for (played, expected) in played.iter().zip(returns) {
        let expected = expected.as_f64().unwrap();
        assert!((played - expected).abs() < 1e-4, "{played} {expected}");
    }
    assert_eq!(returns.len(), 5);
    let counted = written["messages"]["mean"].as_f64().unwrap();
    assert!((messages - counted).abs() < 1e-3, "{messages} {counted}");
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
    let task = || PredatorCapturePrey::new(Default::default()).unwrap();
    plays_as_evaluated(&run, 3, task());
    let whole = std::fs::read(run.join("team.safetensors")).unwrap();
    assert!(Exported::read(&whole).unwrap().gate.is_some());
    // A gate is not lost without a word.
    for (from, to, told) in [
        ("\"gate\":", "\"gatf\":", "weights of a gate without `gate`"),
        // Nor is what a later version of the program may have to say of the team.
        ("\"format\":\"1\"", "\"format\":\"2\"", "found version 2"),
        ("\\\"heads\\\"", "\\\"headz\\\"", "unknown field `headz`"),
        // A graph is of this team.
        (
            "\\\"agents\\\":3,\\\"obs_dim",
            "\\\"agents\\\":2,\\\"obs_dim",
            "`graph.edges` has the shape [3, 3], expected the shape [2, 2]",
        ),
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

/// The rate at which agents receive is chosen anew, without training.
#[test]
fn a_trained_gate_serves_any_budget() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let gated = words("predator-capture-prey-gate --set gate.start=0 --set gate.ramp=0 --run run");
    printed(&train(folder, &gated));
    let mut messages = Vec::new();
    for rate in ["0", "0.5", "1"] {
        let eval =
            format!("eval --run run --json --decentralised --episodes 5 --target-rate {rate}");
        let evaluated = json(&printed(&program(folder, &words(&eval))));
        let found = evaluated["open_rate"]["mean"].as_f64().unwrap();
        let asked: f64 = rate.parse().unwrap();
        assert!((found - asked).abs() < 0.1, "{found} {asked}");
        // The exported team has the same gates.
        let export = format!("export --run run --out {rate}.safetensors --target-rate {rate}");
        printed(&program(folder, &words(&export)));
        let task = PredatorCapturePrey::new(Default::default()).unwrap();
        let (returns, received) = play(&folder.join(format!("{rate}.safetensors")), task, 5);
        let expected = evaluated["each_episode"]["return"].as_array().unwrap();
        for (played, expected) in returns.iter().zip(expected) {
            let expected = expected.as_f64().unwrap();
            assert!((played - expected).abs() < 1e-4, "{played} {expected}");
        }
        messages.push(received);
    }
    assert!(
        messages[0] == 0.0 && messages[0] < messages[1] && messages[1] < messages[2],
        "{messages:?}"
    );
    // The run itself is as it was.
    let again = json(&printed(&program(
        folder,
        &words("eval --run run --json --episodes 5"),
    )));
    let written = json(&read(&folder.join("run/final.json")));
    assert_eq!(again["each_episode"], written["each_episode"]);

    let said = complaint(
        &program(folder, &words("eval --run run --target-rate 1.5")),
        2,
    );
    assert!(said.contains("a share from 0 to 1, such as 0.25"), "{said}");
    for (run, task, told) in [
        (
            "off",
            "predator-capture-prey",
            "found gates without a threshold, or none; expected a run with gate.mode",
        ),
        (
            "random",
            "predator-capture-prey-gate --set gate.mode=random",
            "found gates without a threshold",
        ),
        (
            "early",
            "predator-capture-prey-gate --set gate.start=1",
            "expected a run that trained beyond gate.start",
        ),
    ] {
        let line = format!("{task} --run {run}");
        printed(&train(folder, &words(&line)));
        let eval = format!("eval --run {run} --target-rate 0.5");
        let said = complaint(&program(folder, &words(&eval)), 1);
        assert!(said.contains(told), "{said}");
    }
}

/// Agents come and go, and each edge has a gate.
#[test]
fn so_does_one_whose_agents_leave() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let gated = words(
        "traffic-junction-easy --run run --set gate.mode=learned --set gate.per=edge --set gate.closed=stale \
         --set gate.start=0 --set gate.ramp=0",
    );
    printed(&train(folder, &gated));
    let task = TrafficJunction::new(Default::default()).unwrap();
    plays_as_evaluated(&folder.join("run"), 5, task);
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
        let task = PredatorCapturePrey::new(Default::default()).unwrap();
        plays_as_evaluated(&run, 3, task);
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
