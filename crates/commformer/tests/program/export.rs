//! A team that was exported plays, with no more than its file, the episodes of its run's final evaluation.

use crate::{complaint, json, printed, program, read, train, words};
use commformer_env::{
    Actions, Environment, Observation, PredatorCapturePrey, Rng, Status, TrafficJunction,
};
use commformer_gate::alone::Gate;
use commformer_methods::alone;
use commformer_model::decentralised::{Action, Exported, Inbox, Packet, Team};
use commformer_train::{Purpose, seed_for};
use std::path::Path;

/// What a team is told in a step.
struct Seen<'a> {
    /// Whether the episode begins.
    begins: bool,
    obs: &'a [f32],
    available: Option<&'a [bool]>,
    active: &'a [bool],
    /// Who left in the step before; empty where nobody ever leaves.
    departed: &'a [bool],
}

/// The return of each of so many episodes of a run with seed 1, of a transformer's team with gates.
fn gated_returns(file: &Path, task: impl Environment, episodes: u64) -> Vec<f64> {
    let exported = Exported::read(&std::fs::read(file).unwrap()).unwrap();
    let agents = exported.edges.agents();
    let mut team = Team::new(exported.weights, agents).unwrap();
    let gate = exported.gate.unwrap();
    assert_eq!(gate.execution, "error-diffusion");
    let gates = (0..agents)
        .map(|_| Gate::exported(&gate.config, &gate.execution, gate.parts.clone()).unwrap());
    let mut gates: Vec<Gate> = gates.collect();
    let mut opened = Vec::new();
    let returns = play(task, episodes, |seen| {
        if seen.begins {
            team.forget();
            gates.iter_mut().for_each(Gate::forget);
        } else if !seen.departed.is_empty() {
            team.depart(seen.departed).unwrap();
            let left = gates.iter_mut().zip(seen.departed);
            left.filter(|(_, departed)| **departed)
                .for_each(|(gate, _)| gate.forget());
        }
        let turns = team.perceive(seen.obs, seen.available).unwrap();
        // A decision of each agent, or one for each of its edges.
        let open = gates.iter_mut().zip(&turns);
        let open: Vec<bool> = open
            .flat_map(|(gate, turn)| gate.decide(turn.embedding()).unwrap())
            .collect();
        opened.extend(&open);
        let edges = exported.edges.clone().gated(&open).unwrap();
        let edges = edges.among(seen.active).unwrap();
        let step = team.act(turns, &edges, None).unwrap();
        let asleep = gates.iter_mut().zip(seen.active);
        asleep
            .filter(|(_, active)| !**active)
            .for_each(|(gate, _)| gate.forget());
        step.actions
    });
    assert!(opened.contains(&true) && opened.contains(&false));
    returns
}

/// The same of a team of actors, who are all active.
fn returns_of_actors(file: &Path, task: impl Environment, episodes: u64) -> Vec<f64> {
    let team = alone::Exported::read(&std::fs::read(file).unwrap()).unwrap();
    let agents = (0..team.agents()).map(|agent| team.agent(agent).unwrap());
    let mut agents: Vec<alone::Agent> = agents.collect();
    let (width, actions) = (team.sizes().obs_dim, team.sizes().actions.width());
    play(task, episodes, |seen| {
        assert!(seen.active.iter().all(|active| *active));
        let mut turns = Vec::new();
        for (agent, obs) in agents.iter_mut().zip(seen.obs.chunks_exact(width)) {
            if seen.begins {
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
            let available = seen.available.map(|all| &all[agent * actions..][..actions]);
            turn.decide(available, None).unwrap().action
        });
        decided.collect()
    })
}

/// The return of each episode of a run with seed 1, in which agents do what `decide` says.
fn play(
    mut task: impl Environment,
    episodes: u64,
    mut decide: impl FnMut(&Seen<'_>) -> Vec<Action>,
) -> Vec<f64> {
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
            let seen = Seen {
                begins,
                obs: &obs,
                available: (!available.is_empty()).then_some(&available[..]),
                active: &active,
                departed: task.departed(),
            };
            let decided = decide(&seen);
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

/// Exports a run, plays its team of so many agents, and compares with its final evaluation.
fn plays_as_evaluated(run: &Path, agents: usize, play: impl Fn(&Path, u64) -> Vec<f64>) {
    let arguments = ["export", "--run", run.to_str().unwrap()];
    let said = printed(&program(run.parent().unwrap(), &arguments));
    let told = format!("team.safetensors: {agents} agents after ");
    assert!(said.contains(&told), "{said}");
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
    let task = || PredatorCapturePrey::new(Default::default()).unwrap();
    plays_as_evaluated(&run, 3, |file, episodes| {
        gated_returns(file, task(), episodes)
    });
    let whole = std::fs::read(run.join("team.safetensors")).unwrap();
    let spec = task().spec().clone();
    let exported = Exported::read(&whole).unwrap();
    assert_eq!(exported.obs_version, Some(spec.obs_version));
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
    plays_as_evaluated(&folder.join("run"), 5, |file, episodes| {
        let task = TrafficJunction::new(Default::default()).unwrap();
        gated_returns(file, task, episodes)
    });
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
        plays_as_evaluated(&run, 3, |file, episodes| {
            let task = PredatorCapturePrey::new(Default::default()).unwrap();
            returns_of_actors(file, task, episodes)
        });
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
