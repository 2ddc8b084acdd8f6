//! Replays made by hand.

use commformer_env::{
    Actions, Environment, Frame, Observation, PredatorPrey, PredatorPreyConfig, Rng, Status,
    smac::{Smac, SmacConfig},
};
use commformer_view::replay::{Action, Episode, Gates, Number, Picture, Replay, Run, Step};

/// Two runs of Predator-Prey with gates, three episodes each.
pub fn hunts() -> Replay {
    let config = PredatorPreyConfig::default();
    let run = |name: &str, seed| {
        let task = PredatorPrey::new(config.clone()).expect("a task");
        let graph = vec![
            vec![false, true, true],
            vec![true, false, false],
            vec![false, true, false],
        ];
        played(name, task, graph, 3, seed)
    };
    let runs = vec![run("gated", 1), run("always receiving", 2)];
    let command = "commformer replay --run gated --against \"always receiving\"";
    Replay::new("predator-prey: 3 episodes".into(), command.into(), runs)
}

/// So many battles on a map, of random actions.
pub fn battles(map: &str, episodes: usize) -> Replay {
    let config = SmacConfig {
        map: map.into(),
        ..SmacConfig::default()
    };
    let task = Smac::new(config).expect("a map");
    let agents = task.spec().agents;
    let hears =
        |receiver: usize| (0..agents).map(move |sender| (sender + agents - receiver) % agents < 3);
    let graph = (0..agents)
        .map(|receiver| hears(receiver).collect())
        .collect();
    let run = played(map, task, graph, episodes, 1);
    Replay::new(
        format!("{map}: {episodes} battles"),
        String::new(),
        vec![run],
    )
}

/// Episodes of a task in which everybody acts at random.
fn played<E: Environment>(
    name: &str,
    mut task: E,
    graph: Vec<Vec<bool>>,
    episodes: usize,
    seed: u64,
) -> Run {
    let spec = task.spec().clone();
    let names = |names: Vec<String>| match names.is_empty() {
        true => (0..spec.agents)
            .map(|agent| format!("agent {agent}"))
            .collect(),
        false => names,
    };
    let mut run = Run {
        name: name.into(),
        facts: [("task", "hand-made"), ("checkpoint", "none"), ("seed", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        agents: names(task.agent_names()),
        actions: task.action_names(),
        links: Run::links_of(&graph),
        graph,
        attention: vec![
            "encoder.blocks.0.attention".into(),
            "decoder.blocks.0.self_attention".into(),
        ],
        heads: 2,
        gates: Some(Gates::Receiver),
        metrics: spec.metrics.iter().map(|name| name.to_string()).collect(),
        episodes: Vec::new(),
    };
    let mut rng = Rng::new(seed, 0);
    for _ in 0..episodes {
        let episode = episode(&run, &mut task, &mut rng);
        run.episodes.push(episode);
    }
    run
}

fn episode(run: &Run, task: &mut impl Environment, rng: &mut Rng) -> Episode {
    let spec = task.spec().clone();
    let (agents, actions) = (spec.agents, spec.actions.size());
    let mut obs = vec![0.0; agents * spec.obs_dim];
    let mut available = vec![true; agents * actions];
    let mut active = vec![false; agents];
    let mut rewards = vec![0.0; agents];
    let masked = spec.available_len();
    macro_rules! out {
        () => {
            Observation {
                obs: &mut obs,
                available: &mut available[..masked],
                active: &mut active,
            }
        };
    }
    task.reset(rng, out!());
    let mut frame = Frame::default();
    task.draw(&mut frame);
    let mut episode = Episode {
        size: frame.size,
        scenery: frame.scenery.clone(),
        pictures: Vec::new(),
        steps: Vec::new(),
        team_return: Number(0.0),
        metrics: Vec::new(),
    };
    let picture = |frame: Frame| Picture {
        shapes: frame.shapes,
        agents: frame.agents,
    };
    episode.pictures.push(picture(frame));
    loop {
        let mut step = decide(run, &available, &active, rng);
        let taken: Vec<i64> = (step.actions.iter())
            .map(|action| match action {
                Action::Discrete(action) => *action,
                Action::Continuous(_) => 0,
            })
            .collect();
        let status = task.step(Actions::Discrete(&taken), rng, out!(), &mut rewards);
        step.rewards = rewards.iter().copied().map(Number).collect();
        episode.team_return.0 += rewards.iter().sum::<f32>() / agents as f32;
        episode.steps.push(step);
        let mut frame = Frame::default();
        task.draw(&mut frame);
        episode.pictures.push(picture(frame));
        if status != Status::Running {
            break;
        }
    }
    let mut metrics = vec![0.0; spec.metrics.len()];
    task.metrics(&mut metrics);
    episode.metrics = metrics.into_iter().map(Number).collect();
    episode
}

/// A step as a policy might take it.
fn decide(run: &Run, available: &[bool], active: &[bool], rng: &mut Rng) -> Step {
    let mut step = Step {
        active: active.to_vec(),
        ..Step::default()
    };
    for row in available.chunks(run.actions.len()) {
        let weights: Vec<f32> = row
            .iter()
            .map(|can| if *can { rng.uniform().powi(3) } else { 0.0 })
            .collect();
        let sum: f32 = weights.iter().sum();
        let likely = weights.iter().map(|weight| Number(weight / sum));
        step.probabilities.push(likely.collect());
        let best = (0..weights.len()).max_by(|&a, &b| weights[a].total_cmp(&weights[b]));
        step.actions
            .push(Action::Discrete(best.unwrap_or(0) as i64));
        step.values.push(Number(rng.normal()));
        let chance = rng.uniform();
        step.opens.push(vec![Number(chance)]);
        step.open.push(vec![chance > 0.4]);
    }
    step.delivered = run.delivered(active, &step.open);
    for _ in &run.attention {
        let head = |_| run.links.iter().map(|_| Number(rng.uniform())).collect();
        step.weights.push((0..run.heads).map(head).collect());
    }
    step
}
