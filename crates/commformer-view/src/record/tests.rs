use super::*;
use crate::statistics::Estimate;
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

/// Any number that a run may come to; NaN for all that are not finite, which JSON does not tell apart.
fn any_number() -> impl Strategy<Value = f64> {
    any::<f64>().prop_map(|number| match number.is_finite() {
        true => number,
        false => f64::NAN,
    })
}

fn any_metrics() -> impl Strategy<Value = Metrics> {
    let estimate = (any_number(), any_number(), any_number())
        .prop_map(|(mean, low, high)| Estimate { mean, low, high });
    vec(("[a-z_]{1,8}", estimate), 0..6).prop_map(|metrics| metrics.into_iter().collect())
}

fn any_episodes() -> impl Strategy<Value = Episodes> {
    btree_map("[a-z_]{1,8}", vec(any_number(), 0..5), 0..4)
}

fn any_graph() -> impl Strategy<Value = Vec<Vec<f32>>> {
    vec(-1e30f32..1e30, 0..17).prop_map(|numbers| rows(&numbers))
}

fn any_iteration() -> impl Strategy<Value = Iteration> {
    let counts = (any::<u64>(), any::<u64>(), any::<usize>(), any::<usize>());
    let mean = || option::of(any::<f64>().prop_filter("not finite", |number| number.is_finite()));
    let means = (mean(), mean(), btree_map(".*", any_number(), 0..4));
    let numbers = vec(any_number(), 22);
    let switches = any::<[bool; 3]>();
    (counts, means, numbers, switches).prop_map(|(counts, means, numbers, switches)| {
        let mut numbers = numbers.into_iter();
        let mut next = || numbers.next().unwrap();
        let [gate, receiving, price] = switches;
        Iteration {
            number: counts.0,
            steps: counts.1,
            episodes: counts.2,
            episode_return: means.0,
            episode_steps: means.1,
            metrics: means.2,
            losses: Losses {
                policy: next(),
                value: next(),
                entropy: next(),
                clipped: next(),
                kl: next(),
                grad_norm: next(),
                gate: gate.then(|| GateLosses {
                    policy: next(),
                    value: next(),
                    entropy: next(),
                    clipped: next(),
                    kl: next(),
                }),
            },
            receiving: receiving.then(|| Receiving {
                open_rate: next(),
                messages: next(),
                bytes: next(),
                traffic: next(),
                price: price.then(|| Price {
                    message: next(),
                    receiving: next(),
                }),
            }),
            graph_changes: counts.3,
            graph_agreement: receiving.then(&mut next),
            seconds: IterationSeconds {
                environment: next(),
                act: next(),
                update: next(),
                elapsed: next(),
            },
        }
    })
}

fn any_evaluation() -> impl Strategy<Value = Evaluation> {
    let counts = (any::<u64>(), any::<usize>());
    let metrics = (any_metrics(), any_episodes());
    (counts, metrics, any_graph(), any_number()).prop_map(
        |((steps, episodes), (metrics, each_episode), graph, elapsed)| Evaluation {
            steps,
            episodes,
            metrics,
            each_episode,
            graph,
            seconds: EvaluationSeconds { elapsed },
        },
    )
}

/// NaN is no number's equal, itself included: what is said of both is compared, to the last digit.
fn assert_equal(read: &impl std::fmt::Debug, written: &impl std::fmt::Debug) {
    assert_eq!(format!("{read:?}"), format!("{written:?}"));
}

proptest! {
    #[test]
    fn a_line_is_read_as_it_was_written(
        line in prop_oneof![
            any_iteration().prop_map(|iteration| Line::Iteration(Box::new(iteration))),
            any_evaluation().prop_map(Line::Evaluation),
        ],
    ) {
        let text = serde_json::to_string(&line).unwrap();
        let read: Line = serde_json::from_str(&text).unwrap();
        assert_equal(&read, &line);
        prop_assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }

    #[test]
    fn an_outcome_is_read_among_other_fields(
        (metrics, each_episode) in (any_metrics(), any_episodes()),
        graph in any_graph(),
        (trained_steps, episodes, seed, sampled) in any::<(u64, usize, u64, bool)>(),
    ) {
        let checkpoint = "best".to_owned();
        let outcome =
            Outcome { metrics, checkpoint, trained_steps, episodes, seed, sampled, graph, each_episode };
        let text = serde_json::to_string(&outcome).unwrap();
        let end = text.len() - 1;
        let more = format!(r#"{},"settings":{{"run":{{"seed":1}}}},"newer":[1]}}"#, &text[..end]);
        for text in [text, more] {
            let read: Outcome = serde_json::from_str(&text).unwrap();
            assert_equal(&read, &outcome);
        }
    }
}

/// The first lines of all: before gates, and without what they add.
#[test]
fn lines_of_the_first_runs_are_read() {
    let losses =
        r#"{"policy":0.5,"value":null,"entropy":1.5,"clipped":0.25,"kl":0.125,"grad_norm":2.0}"#;
    let seconds = r#"{"environment":1.0,"act":2.0,"update":3.0,"elapsed":7.0}"#;
    let line = format!(
        r#"{{"kind":"iteration","iteration":1,"steps":2000,"episodes":0,"return":null,"episode_steps":null,"metrics":{{}},"losses":{losses},"graph_changes":2,"seconds":{seconds}}}"#
    );
    let Line::Iteration(iteration) = serde_json::from_str(&line).unwrap() else {
        panic!("{line}");
    };
    assert_eq!(iteration.receiving, None);
    assert!(iteration.losses.value.is_nan());
    assert_eq!(
        serde_json::to_string(&Line::Iteration(iteration)).unwrap(),
        line
    );
}

/// Metrics were called figures, and receiving was called listening.
#[test]
fn lines_with_old_names_are_read() {
    let losses =
        r#"{"policy":0.5,"value":0.5,"entropy":1.5,"clipped":0.25,"kl":0.125,"grad_norm":2.0}"#;
    let seconds = r#"{"environment":1.0,"act":2.0,"update":3.0,"elapsed":7.0}"#;
    let old = [
        format!(
            r#"{{"kind":"iteration","iteration":1,"steps":2000,"episodes":0,"return":null,"episode_steps":null,"metrics":{{}},"losses":{losses},"listening":{{"open_rate":1.0,"messages":2.0,"bytes":3.0,"traffic":0.5,"price":{{"message":0.5,"listening":0.25}}}},"graph_changes":2,"seconds":{seconds}}}"#
        ),
        r#"{"kind":"evaluation","steps":800,"episodes":20,"figures":{"return":{"mean":0.5,"low":0.25,"high":1.0}},"graph":[[0.0]],"seconds":{"elapsed":1.5}}"#.to_owned(),
    ];
    for old in old {
        let line: Line = serde_json::from_str(&old).unwrap();
        let new = old
            .replace("listening", "receiving")
            .replace("figures", "metrics");
        assert_eq!(serde_json::to_string(&line).unwrap(), new);
    }
}

#[test]
fn a_table_is_aligned_whatever_the_letters() {
    let estimate = Estimate {
        mean: 0.5,
        low: 0.25,
        high: 0.75,
    };
    let mut metrics = Metrics::default();
    metrics.insert("勝率", estimate);
    metrics.insert("win", estimate);
    assert_eq!(
        metrics.to_string(),
        "            mean   95 % interval\n  \
         勝率     0.500   0.250 to 0.750\n  \
         win      0.500   0.250 to 0.750\n"
    );
}

#[test]
fn of_two_metrics_with_one_name_the_first_stays() {
    let text = r#"{"b":{"mean":1.0,"low":1.0,"high":1.0},"a":{"mean":2.0,"low":2.0,"high":2.0},"b":{"mean":3.0,"low":3.0,"high":3.0}}"#;
    let metrics: Metrics = serde_json::from_str(text).unwrap();
    assert_eq!(metrics.names().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(metrics.line(), "b 1.000  a 2.000");
}
