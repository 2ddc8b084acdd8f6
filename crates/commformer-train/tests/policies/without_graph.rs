//! A team without a graph, from its first iteration to the evaluation of its best checkpoint, in a task that knows whom
//! each agent should hear.

use crate::common::{bits, one_round, settings};
use crate::plain::Plain;
use commformer_env::{Signal, SignalConfig, VecEnv};
use commformer_train::{
    CheckpointStore, EvaluateOptions, EvaluationReport, GraphPlan, IterationReport, Listener,
    MessageSizes, Outcome, Policy, Purpose, TrainError, Trainer, Which, evaluate, seed_for,
};
use std::error::Error;
use std::io;
use std::path::Path;
use tch::{Device, Kind, Tensor};

const ENVS: usize = 4;
const ITERATIONS: u64 = 6;
/// Bytes that each agent sends to each other one in every step.
const BYTES: u32 = 8;

fn envs(purpose: Purpose) -> VecEnv<Signal> {
    let task = Signal::new(SignalConfig::default()).unwrap();
    VecEnv::new(vec![task; ENVS], seed_for(1, purpose)).unwrap()
}

fn trainer(plan: GraphPlan, threads: usize) -> Result<Trainer<Plain, Signal>, TrainError> {
    let mut settings = settings(ENVS, 16);
    let run = &mut settings.run;
    (run.threads, run.steps) = (threads, ITERATIONS * 64);
    (run.eval_every, run.eval_episodes) = (128, Some(6));
    let envs = envs(Purpose::Environments);
    let mut policy = Plain::new(envs.spec(), 1);
    let pairs = (0..3).flat_map(|receiver| (0..3).map(move |sender| receiver != sender));
    policy.sizes = MessageSizes {
        edge: Vec::new(),
        always: pairs.map(|apart| BYTES * u32::from(apart)).collect(),
        rounds: 3,
        always_rounds: 2,
        senders_decide: false,
    };
    Trainer::new(settings, plan, policy, envs)
}

/// Keeps what it hears.
#[derive(Debug, Default, PartialEq)]
pub struct Heard {
    iterations: Vec<IterationReport>,
    evaluations: Vec<EvaluationReport>,
    /// After so many iterations the run is to stop.
    stop_at: u64,
}

impl Listener for Heard {
    fn iteration(&mut self, report: &IterationReport) -> io::Result<()> {
        self.iterations.push(IterationReport {
            phases: Default::default(),
            ..report.clone()
        });
        Ok(())
    }

    fn evaluated(&mut self, report: &EvaluationReport) -> io::Result<()> {
        self.evaluations.push(report.clone());
        Ok(())
    }

    fn stop(&self) -> bool {
        (self.iterations.last()).is_some_and(|report| report.iteration == self.stop_at)
    }
}

/// Goes on to the end, or to where `heard` wants to stop.
fn run(trainer: &mut Trainer<Plain, Signal>, folder: &Path, heard: &mut Heard) -> Outcome {
    let store = CheckpointStore::create(folder, 10).unwrap();
    let mut environments = |purpose| Ok::<_, Box<dyn Error + Send + Sync>>(envs(purpose));
    trainer.run(&mut environments, &store, heard).unwrap()
}

#[test]
fn it_is_trained_saved_resumed_and_evaluated() {
    let folders = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let [of_whole, of_parts] = folders.each_ref().map(|folder| folder.path());
    let (mut whole, mut heard) = (trainer(GraphPlan::None, 1).unwrap(), Heard::default());
    assert_eq!(run(&mut whole, of_whole, &mut heard), Outcome::Finished);

    let mut in_parts = Heard {
        stop_at: 3,
        ..Heard::default()
    };
    let mut first = trainer(GraphPlan::None, 1).unwrap();
    assert_eq!(run(&mut first, of_parts, &mut in_parts), Outcome::Stopped);
    let load = |which| {
        let store = CheckpointStore::open(of_parts).unwrap();
        store.load(which).unwrap().checkpoint
    };
    let saved = load(Which::Latest);
    assert_eq!((saved.state.iteration, saved.state.graph.len()), (3, 0));
    let mut second = trainer(GraphPlan::None, 2).unwrap();
    second.restore(saved).unwrap();
    in_parts.stop_at = 0;
    assert_eq!(run(&mut second, of_parts, &mut in_parts), Outcome::Finished);
    assert_eq!(in_parts, heard);
    assert_eq!(bits(&second), bits(&whole));

    assert_eq!(heard.iterations.len() as u64, ITERATIONS);
    for report in &heard.iterations {
        assert_eq!((report.graph_changes, report.price), (0, None));
    }
    assert_eq!(heard.evaluations.len(), 3);
    for report in &heard.evaluations {
        assert_eq!((report.episodes.len(), report.graph.len()), (6, 0));
        assert_eq!((report.sources_heard, report.gated), (None, false));
        for episode in &report.episodes {
            assert_eq!(episode.message_rounds, f64::from(2 * episode.steps));
        }
    }
    let of_iterations = heard.iterations.iter().map(|report| report.traffic);
    let of_evaluations = heard
        .evaluations
        .iter()
        .map(EvaluationReport::message_stats);
    for traffic in of_iterations.chain(of_evaluations) {
        // No edges, no messages along them; what is sent to everybody is sent all the same.
        assert_eq!((traffic.messages(), traffic.share()), (0.0, 1.0));
        assert_eq!(
            (traffic.bytes(), traffic.open_rate()),
            (f64::from(2 * BYTES), 1.0)
        );
    }

    let best = load(Which::Best);
    let mut policy = Plain::new(envs(Purpose::Evaluation).spec(), 2);
    policy.sizes = whole.policy().sizes.clone();
    policy.load_state(&best.weights).unwrap();
    let options = EvaluateOptions {
        episodes: Some(6),
        ..one_round()
    };
    let graph = Tensor::from_slice(&best.state.graph).view([0, 0]);
    let evaluated = evaluate(&policy, &graph, &mut envs(Purpose::Evaluation), &options).unwrap();
    let then = (heard.evaluations.iter()).find(|report| report.steps == best.state.steps);
    assert_eq!(evaluated.episodes, then.unwrap().episodes);
}

#[test]
fn a_graph_of_another_team_is_refused() {
    let graph = |agents| Tensor::ones([agents, agents], (Kind::Float, Device::Cpu));
    let said = |error: TrainError| error.to_string();
    for agents in [0, 2, 4] {
        let refused = trainer(GraphPlan::Fixed(graph(agents)), 1).unwrap_err();
        let found = format!("the graph's size is [{agents}, {agents}], expected [3, 3], ");
        assert_eq!(
            said(refused),
            format!("{found}a row and a column for each agent")
        );
        if agents > 0 {
            let policy = trainer(GraphPlan::None, 1).unwrap();
            let mut envs = envs(Purpose::Evaluation);
            let refused = evaluate(policy.policy(), &graph(agents), &mut envs, &one_round());
            let expected = format!("{found}or [0, 0] for a team without a graph");
            assert_eq!(said(refused.unwrap_err()), expected);
        }
    }
}
