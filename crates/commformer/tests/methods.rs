//! Teams of every method: with every agent alone they play the episodes that they play together, and they go on from a
//! checkpoint to the bit.

use commformer::compose::{self, Envs, TeamTrainer};
use commformer::config::{Config, METHODS, Overrides};
use commformer_env::{Actions, Environment, Observation, Remote, Rng, Status, forward_environment};
use commformer_methods::{Decentralised, Delivered};
use commformer_train::{
    CheckpointStore, EvaluateOptions, EvaluationReport, IterationReport, Listener, Outcome, Policy,
    Purpose, Which, evaluate,
};
use std::io;
use tch::Device;

/// Every kind of gate, and what agents of CommFormer can keep.
const GATES: [&[&str]; 15] = [
    &["gate.mode='off'"],
    &["gate.mode='off'", "policy.recurrence='gru'"],
    &["gate.mode='off'", "policy.decoder='parallel'"],
    &["gate.mode='off'", "policy.message=8"],
    &[
        "gate.mode='off'",
        "policy.message=3",
        "policy.message_bits=3",
    ],
    &[
        "gate.mode='learned'",
        "gate.closed='stale'",
        "policy.message=8",
        "policy.message_bits=8",
        "policy.blocks=2",
    ],
    &[
        "gate.mode='learned'",
        "policy.recurrence='gru'",
        "policy.decoder='parallel'",
        "policy.blocks=2",
    ],
    &["gate.mode='open'"],
    &["gate.mode='learned'"],
    &["gate.mode='learned'", "gate.execution='threshold'"],
    &[
        "gate.mode='learned'",
        "gate.per='edge'",
        "gate.closed='stale'",
    ],
    &["gate.mode='learned'", "policy.previous_action='always'"],
    &[
        "gate.mode='random'",
        "gate.closed='stale'",
        "policy.blocks=2",
    ],
    &["gate.mode='periodic'", "gate.closed='stale'"],
    &["gate.mode='uncertainty'", "gate.closed='stale'"],
];

/// In one of them agents come and go.
const TASKS: [&str; 2] = ["signal", "traffic-junction-easy"];

/// A small configuration of a task of four agents.
fn small(task: &str, set: &[&str]) -> Config {
    let small = [
        "rollout.num_envs=6",
        "rollout.steps=20",
        "run.threads=1",
        "env.agents=4",
    ];
    let set = [&small, set].concat();
    Config::resolve(Some(task), &Overrides::set(&set)).unwrap()
}

/// The same of a method, which may be recurrent.
fn of_method(task: &str, method: &str, recurrent: bool) -> Config {
    let kind = format!("method.kind='{method}'");
    let mut set = vec![kind.as_str()];
    if recurrent {
        set.push("method.recurrence='gru'");
    }
    small(task, &set)
}

/// Every method but CommFormer, and whether it is recurrent.
fn others() -> impl Iterator<Item = (&'static str, bool)> {
    let both = METHODS
        .iter()
        .flat_map(|method| [(*method, false), (*method, true)]);
    both.filter(|(method, recurrent)| match *method {
        "commformer" => false,
        "ippo" | "mappo" => true,
        // MAT never is, and methods whose agents talk always are.
        _ => !recurrent,
    })
}

/// What was played with every agent alone: the same as together, and delivered as the formula says.
#[track_caller]
fn assert_same(config: &Config, sampled: Option<u64>, gates: Option<u64>) -> EvaluationReport {
    let mut trainer = compose::trainer(config, Device::Cpu).unwrap();
    trainer.iterate().unwrap();
    let graph = trainer.execution_graph().unwrap();
    let mut team = compose::team(config, &config.env.spec().unwrap(), Device::Cpu).unwrap();
    team.load_state(&trainer.policy().state()).unwrap();
    let alone = Decentralised::new(team);
    let options = EvaluateOptions {
        sampled,
        gates,
        max_steps: 100,
        ..EvaluateOptions::default()
    };
    let play = |actor: &dyn Fn(&mut Envs) -> EvaluationReport| {
        let envs = compose::evaluation(config, 5, 1, Purpose::FinalEvaluation);
        actor(&mut envs.unwrap())
    };
    let apart = play(&|envs| evaluate(&alone, &graph, envs, &options).unwrap());
    let together = play(&|envs| evaluate(alone.team(), &graph, envs, &options).unwrap());
    assert_eq!(apart, together);
    let traffic = together.message_stats();
    let expected = Delivered {
        messages: traffic.messages as u64,
        bytes: traffic.bytes as u64,
    };
    assert_eq!(alone.delivered(&apart.episodes), expected);
    together
}

#[test]
fn agents_alone_play_the_episodes_that_the_team_plays() {
    for (task, set) in GATES.iter().flat_map(|set| TASKS.map(|task| (task, *set))) {
        let gated = [
            "policy.embed_dim=16",
            "gate.start=0.0",
            "gate.ramp=0.0",
            "graph.sparsity=0.6",
        ];
        let config = small(task, &[&gated, set].concat());
        for (sampled, gates) in [(None, Some(3)), (Some(2), Some(3)), (Some(2), None)] {
            let played = assert_same(&config, sampled, gates);
            let all = played.message_stats().messages == f64::from(5 * 10 * 4 * 2);
            assert!(gates.is_some() || all == (task == "signal"));
        }
    }
}

#[test]
fn so_do_those_of_every_other_method() {
    for ((method, recurrent), task) in others().flat_map(|of| TASKS.map(|task| (of, task))) {
        let config = of_method(task, method, recurrent);
        for (sampled, gates) in [(None, None), (Some(2), None), (Some(2), Some(3))] {
            let messages = assert_same(&config, sampled, gates)
                .message_stats()
                .messages;
            let all = f64::from(5 * 10 * 4 * 3);
            // Of IPPO and MAPPO nobody hears anybody, of ExpoComm each of four hears two, of others all others.
            let expected = match (method, task) {
                ("ippo" | "mappo", _) => messages == 0.0,
                (_, "traffic-junction-easy") => messages > 0.0,
                ("expocomm", _) => messages == all * 2.0 / 3.0,
                ("choose", _) if gates.is_some() => messages == all / 3.0,
                ("ic3net", _) if gates.is_some() => messages <= all, // as its agents decide
                _ => messages == all,
            };
            assert!(expected, "{method} {task}: {messages}");
        }
    }
}

/// A task elsewhere that loses its first episode in the third step. Other episodes have 4 to 8 steps.
struct Lossy {
    task: Box<dyn Environment>,
    episodes: u32,
    steps: u32,
    length: u32,
}

#[deny(clippy::missing_trait_methods)]
impl Environment for Lossy {
    forward_environment! { |this| this.task =>
        spec metrics progress global_state save restore sources must_receive departed action_names agent_names draw
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        (self.episodes, self.steps) = (self.episodes + 1, 0);
        self.length = 4 + (5.0 * rng.uniform()) as u32;
        self.task.reset(rng, out);
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.steps += 1;
        let status = self.task.step(actions, rng, out, rewards);
        if self.lost() || self.steps == self.length {
            Status::Truncated
        } else {
            status
        }
    }

    fn remote(&mut self) -> Option<&mut dyn Remote> {
        Some(self)
    }
}

impl Remote for Lossy {
    fn begin(&mut self, _actions: Option<Actions<'_>>, _rng: &mut Rng) {}

    fn send(&mut self) {}

    fn lost(&self) -> bool {
        self.episodes == 1 && self.steps == 3
    }

    fn failure(&self) -> Option<&str> {
        None
    }
}

#[test]
fn what_is_delivered_to_agents_alone_is_counted_in_rounds_of_episodes_of_any_length() {
    let config = of_method("predator-prey", "ic3net", false);
    let trainer = compose::trainer(&config, Device::Cpu).unwrap();
    let graph = trainer.execution_graph().unwrap();
    let alone = Decentralised::new(trainer.into_policy());
    let lossy = |task| Lossy {
        task,
        episodes: 0,
        steps: 0,
        length: 0,
    };
    let purpose = Purpose::FinalEvaluation;
    let mut envs = compose::evaluation_of(&config, 2, 1, purpose, lossy).unwrap();
    let options = EvaluateOptions {
        sampled: Some(2),
        gates: Some(3),
        episodes: Some(7),
        ..EvaluateOptions::default()
    };
    let report = evaluate(&alone, &graph, &mut envs, &options).unwrap();
    let of = |episode: &commformer_train::EpisodeRecord| (episode.lost_steps, episode.steps);
    let episodes: Vec<_> = report.episodes.iter().map(of).collect();
    assert!(episodes.iter().any(|(lost, _)| *lost == 3), "{episodes:?}");
    assert!(episodes.iter().any(|(_, steps)| *steps != episodes[0].1));
    let traffic = report.message_stats();
    let expected = Delivered {
        messages: traffic.messages as u64,
        bytes: traffic.bytes as u64,
    };
    assert_eq!(alone.delivered(&report.episodes), expected);
    assert_eq!(alone.delivered(&report.episodes), Delivered::default());
}

/// Wants the run to stop after so many iterations.
struct Until(u64, bool);

impl Listener for Until {
    fn iteration(&mut self, report: &IterationReport) -> io::Result<()> {
        self.1 = report.iteration >= self.0;
        Ok(())
    }

    fn evaluated(&mut self, _: &EvaluationReport) -> io::Result<()> {
        Ok(())
    }

    fn stop(&self) -> bool {
        self.1
    }
}

/// A run of gates that was stopped after three of its iterations, and the folder of its checkpoints.
fn stopped(set: &[&str]) -> (TeamTrainer, CheckpointStore, tempfile::TempDir) {
    let of_all = [
        "policy.embed_dim=16",
        "gate.start=0.0",
        "gate.target_rate=0.25",
        "run.steps=1200",
        "eval.every=1200",
    ];
    let config = small("signal", &[&of_all, set].concat());
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::create(folder.path(), 1).unwrap();
    let mut trainer = compose::trainer(&config, Device::Cpu).unwrap();
    let mut envs = |purpose| Ok(compose::evaluation(&config, 5, 1, purpose)?);
    let outcome = trainer.run(&mut envs, &store, &mut Until(3, false));
    assert_eq!(outcome.unwrap(), Outcome::Stopped);
    (trainer, store, folder)
}

#[test]
fn a_run_that_was_stopped_before_an_evaluation_leaves_gates_that_keep_to_their_target() {
    for execution in ["error-diffusion", "threshold"] {
        let execution = format!("gate.execution='{execution}'");
        let set = ["gate.mode='learned'", "gate.ramp=0.0", &execution];
        let (mut trainer, store, _folder) = stopped(&set);
        let saved = store.load(Which::Latest).unwrap().checkpoint;
        assert!(saved.state.gated && saved.state.best.is_none());
        trainer.restore(saved).unwrap();
        let config = small("signal", &[]);
        let mut envs = compose::evaluation(&config, 50, 1, Purpose::FinalEvaluation).unwrap();
        let options = EvaluateOptions {
            gates: Some(3),
            ..EvaluateOptions::default()
        };
        let graph = trainer.execution_graph().unwrap();
        let report = evaluate(trainer.policy(), &graph, &mut envs, &options).unwrap();
        let rate = report.message_stats().open_rate();
        assert!((rate - 0.25).abs() < 0.1, "{execution}: {rate}");
    }
}

#[test]
fn gates_that_rollouts_draw_by_learn_the_same_however_often_they_are_saved_and_evaluated() {
    let of = |key: &str, every: u64| {
        let (trainer, ..) = stopped(&["gate.mode='uncertainty'", &format!("{key}={every}")]);
        numbers(&trainer)
    };
    let rarely = of("run.save_every", 1200);
    assert_eq!(of("run.save_every", 1), rarely);
    assert_eq!(of("eval.every", 1), rarely);
}

/// All that is saved of a policy.
fn numbers(trainer: &TeamTrainer) -> Vec<(String, Vec<f32>)> {
    let state = trainer.policy().state().into_iter();
    let flat = |tensor: tch::Tensor| Vec::try_from(tensor.view(-1)).unwrap();
    state.map(|(name, tensor)| (name, flat(tensor))).collect()
}

#[test]
fn every_method_goes_on_from_a_checkpoint_to_the_bit() {
    for (method, recurrent) in others() {
        let config = of_method("traffic-junction-easy", method, recurrent);
        let mut straight = compose::trainer(&config, Device::Cpu).unwrap();
        straight.iterate().unwrap();
        let saved = straight.checkpoint().unwrap();
        let mut resumed = compose::trainer(&config, Device::Cpu).unwrap();
        assert_ne!(numbers(&straight), numbers(&resumed));
        resumed.restore(saved).unwrap();
        for _ in 0..2 {
            straight.iterate().unwrap();
            resumed.iterate().unwrap();
        }
        assert_eq!(
            numbers(&straight),
            numbers(&resumed),
            "{method} {recurrent}"
        );
    }
}
