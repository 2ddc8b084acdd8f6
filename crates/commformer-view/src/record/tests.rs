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

fn any_figures() -> impl Strategy<Value = Figures> {
    let estimate = (any_number(), any_number(), any_number())
        .prop_map(|(mean, low, high)| Estimate { mean, low, high });
    vec(("[a-z_]{1,8}", estimate), 0..6).prop_map(|figures| figures.into_iter().collect())
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
    let numbers = vec(any_number(), 21);
    let switches = any::<[bool; 3]>();
    (counts, means, numbers, switches).prop_map(|(counts, means, numbers, switches)| {
        let mut numbers = numbers.into_iter();
        let mut next = || numbers.next().unwrap();
        let [gate, listening, price] = switches;
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
            listening: listening.then(|| Listening {
                open_rate: next(),
                messages: next(),
                bytes: next(),
                traffic: next(),
                price: price.then(|| Price {
                    message: next(),
                    listening: next(),
                }),
            }),
            graph_changes: counts.3,
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
    let figures = (any_figures(), any_episodes());
    (counts, figures, any_graph(), any_number()).prop_map(
        |((steps, episodes), (figures, each_episode), graph, elapsed)| Evaluation {
            steps,
            episodes,
            figures,
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
        (figures, each_episode) in (any_figures(), any_episodes()),
        graph in any_graph(),
        (trained_steps, episodes, seed, sampled) in any::<(u64, usize, u64, bool)>(),
    ) {
        let checkpoint = "best".to_owned();
        let outcome =
            Outcome { figures, checkpoint, trained_steps, episodes, seed, sampled, graph, each_episode };
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
    assert_eq!(iteration.listening, None);
    assert!(iteration.losses.value.is_nan());
    assert_eq!(
        serde_json::to_string(&Line::Iteration(iteration)).unwrap(),
        line
    );
}

#[test]
fn of_two_figures_with_one_name_the_first_stays() {
    let text = r#"{"b":{"mean":1.0,"low":1.0,"high":1.0},"a":{"mean":2.0,"low":2.0,"high":2.0},"b":{"mean":3.0,"low":3.0,"high":3.0}}"#;
    let figures: Figures = serde_json::from_str(text).unwrap();
    assert_eq!(figures.names().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(figures.line(), "b 1.000  a 2.000");
}
