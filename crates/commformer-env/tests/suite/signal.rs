//! Signal: what is asked, what is paid, what is measured.

use commformer_env::{ActionSpace, Environment, Signal, SignalConfig, Status};
use proptest::prelude::*;

use crate::single::Single;

/// (symbol, cue) of each agent, from the observations.
fn seen(task: &Single<Signal>) -> Vec<(i64, bool)> {
    let spec = task.env.spec();
    let ActionSpace::Discrete(symbols) = spec.actions else {
        panic!("{:?}", spec.actions)
    };
    let rows = task.obs.chunks_exact(spec.obs_dim).enumerate();
    rows.map(|(agent, row)| {
        let (symbol, rest) = row.split_at(symbols);
        let (cue, id) = rest.split_at(1);
        let one_hot = |row: &[f32]| {
            assert_eq!(
                row.iter().filter(|&&number| number != 0.0).count(),
                1,
                "{row:?}"
            );
            row.iter().position(|&number| number == 1.0).unwrap()
        };
        assert_eq!(one_hot(id), agent);
        assert!(cue[0] == 0.0 || cue[0] == 1.0);
        (one_hot(symbol) as i64, cue[0] == 1.0)
    })
    .collect()
}

fn answers(task: &Single<Signal>) -> Vec<i64> {
    let seen = seen(task);
    let sources = task.env.sources().unwrap();
    let asked = |agent: usize| if seen[agent].1 { sources[agent] } else { agent };
    (0..seen.len()).map(|agent| seen[asked(agent)].0).collect()
}

proptest! {
    #[test]
    fn the_answer_pays_one_and_all_else_nothing(
        agents in 2_usize..9, symbols in 2_usize..6, cue_probability in 0.0_f32..=1.0, seed: u64, source_seed: u64,
        wrong in prop::collection::vec(prop::collection::vec(any::<bool>(), 9), 10),
    ) {
        let config = SignalConfig { agents, symbols, cue_probability, source_seed, ..Default::default() };
        let mut task = Single::new(Signal::new(config.clone()).unwrap(), seed);
        let sources = task.env.sources().unwrap().to_vec();
        let mut sorted = sources.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..agents).collect::<Vec<_>>(), "every agent is the source of one");
        prop_assert!(sources.iter().enumerate().all(|(agent, &source)| agent != source));

        let mut shared = Single::new(Signal::new(SignalConfig { shared: true, ..config }).unwrap(), seed);
        task.reset();
        shared.reset();
        let (mut hits, mut cued_hits, mut cued) = (0, 0, 0);
        for (step, wrong) in wrong.iter().enumerate() {
            let cues = seen(&task);
            let mut actions = answers(&task);
            for (action, _) in actions.iter_mut().zip(wrong).filter(|(_, wrong)| **wrong) {
                *action = (*action + 1) % symbols as i64;
            }
            let status = task.step(&actions);
            prop_assert_eq!(status, if step == 9 { Status::Truncated } else { Status::Running });
            let expected: Vec<f32> = wrong[..agents].iter().map(|&wrong| f32::from(u8::from(!wrong))).collect();
            prop_assert_eq!(&task.rewards, &expected);
            shared.step(&actions);
            let mean = expected.iter().sum::<f32>() / agents as f32;
            prop_assert!(shared.rewards.iter().all(|&reward| reward == mean));
            for agent in 0..agents {
                hits += u32::from(!wrong[agent]);
                cued += u32::from(cues[agent].1);
                cued_hits += u32::from(cues[agent].1 && !wrong[agent]);
            }
        }
        let accuracy = hits as f32 / (10 * agents) as f32;
        let cued_accuracy = if cued == 0 { accuracy } else { cued_hits as f32 / cued as f32 };
        prop_assert_eq!(task.metrics(), vec![accuracy, cued_accuracy]);
        prop_assert_eq!(shared.metrics(), vec![accuracy, cued_accuracy]);
    }
}

#[test]
fn cues_come_as_often_as_configured() {
    for (cue_probability, tolerance) in [(0.0, f64::EPSILON), (0.25, 0.02), (1.0, f64::EPSILON)] {
        let config = SignalConfig {
            cue_probability,
            episode_limit: 0,
            ..Default::default()
        };
        let mut task = Single::new(Signal::new(config).unwrap(), 5);
        task.reset();
        let mut cues = 0_u32;
        for _ in 0..3_000 {
            cues += seen(&task)
                .iter()
                .map(|&(_, cue)| u32::from(cue))
                .sum::<u32>();
            assert_eq!(task.step(&[0; 3]), Status::Running);
        }
        assert!((f64::from(cues) / 9_000.0 - f64::from(cue_probability)).abs() < tolerance);
    }
}

#[test]
fn an_agent_that_receives_from_nobody_earns_what_theory_says() {
    let config = SignalConfig {
        cue_probability: 0.25,
        episode_limit: 0,
        ..Default::default()
    };
    let mut task = Single::new(Signal::new(config).unwrap(), 6);
    task.reset();
    let (mut sum, steps) = (0.0, 5_000);
    for _ in 0..steps {
        let own: Vec<i64> = seen(&task).iter().map(|&(symbol, _)| symbol).collect();
        task.step(&own);
        sum += task.rewards.iter().sum::<f32>() / 3.0;
    }
    // (1 - c) + c / S
    assert!((sum / steps as f32 - (0.75 + 0.25 / 4.0)).abs() < 0.015);
}

#[test]
fn sources_belong_to_their_seed_and_not_to_the_environment() {
    let sources = |source_seed| {
        let config = SignalConfig {
            agents: 8,
            source_seed,
            ..Default::default()
        };
        Signal::new(config).unwrap().sources().unwrap().to_vec()
    };
    assert_eq!(sources(1), sources(1));
    assert_ne!(sources(1), sources(2));
}

#[test]
fn settings_that_cannot_be_are_named() {
    let of = |config: SignalConfig| Signal::new(config).unwrap_err().to_string();
    let base = SignalConfig::default;
    assert_eq!(
        of(SignalConfig {
            agents: 1,
            ..base()
        }),
        "`agents` is 1, but must be 2 to 10000"
    );
    assert_eq!(
        of(SignalConfig {
            symbols: 1,
            ..base()
        }),
        "`symbols` is 1, but must be 2 to 10000"
    );
    let error = "`cue_probability` is NaN, but must be a number from 0 to 1";
    assert_eq!(
        of(SignalConfig {
            cue_probability: f32::NAN,
            ..base()
        }),
        error
    );
}
