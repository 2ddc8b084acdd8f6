//! What holds for every task in the registry.

use crate::single::Single;
use crate::{draw, restore, vec_env};
use commformer_env::{BuiltIn, Environment, Rng, Status, TASKS};

/// Steps of an episode here.
const LIMIT: u32 = 20;

/// Every built-in task, with short episodes.
fn tasks() -> impl Iterator<Item = BuiltIn> {
    TASKS.iter().map(|kind| {
        let mut task = BuiltIn::of_kind(kind).unwrap();
        task.task_mut().set_episode_limit(LIMIT);
        task
    })
}

fn build(task: &BuiltIn) -> Box<dyn Environment> {
    let built = task.task().build();
    built.unwrap_or_else(|error| panic!("{}: {error}", task.kind()))
}

/// Plays an episode of random available actions, and looks at all that is written.
fn play(task: &BuiltIn, seed: u64) -> (u32, Status) {
    let kind = task.kind();
    let mut single = Single::new(build(task), seed);
    let count = single.env.spec().actions.size();
    let mut policy = Rng::new(seed, 1);
    single.reset();
    // Nothing may be left of what was there before.
    single.rewards.fill(0.0);
    for step in 0.. {
        let numbers = single.obs.iter().chain(&single.rewards);
        assert!(numbers.copied().all(f32::is_finite), "{kind}, step {step}");
        let metrics = single.metrics();
        assert!(
            metrics.iter().all(|metric| metric.is_finite()),
            "{kind}: {metrics:?}"
        );
        let mut state = vec![f32::NAN; single.env.spec().state_dim];
        single.env.global_state(&mut state);
        assert!(
            state.iter().all(|number| number.is_finite()),
            "{kind}: state"
        );
        let mut rows = single.available.chunks_exact(count);
        let actions = single.active.iter().map(|_| match rows.next() {
            None => policy.below(count as u32).into(),
            Some(row) => {
                let open: Vec<i64> = (0..)
                    .zip(row)
                    .filter(|(_, open)| **open)
                    .map(|(action, _)| action)
                    .collect();
                assert!(
                    !open.is_empty(),
                    "{kind}, step {step}: an agent without an action"
                );
                open[policy.below(open.len() as u32) as usize]
            }
        });
        let actions: Vec<i64> = actions.collect();
        single.obs.fill(f32::NAN);
        single.rewards.fill(f32::NAN);
        let status = single.step(&actions);
        if status != Status::Running {
            return (step + 1, status);
        }
    }
    unreachable!("an episode ends")
}

#[test]
fn what_settings_say_of_a_task_is_so() {
    for task in tasks() {
        let (kind, built) = (task.kind(), build(&task));
        let agents = built.spec().agents;
        assert_eq!(task.task().agents(), agents, "{kind}");
        assert_eq!(task.task().roles().len(), agents, "{kind}");
        assert_eq!(task.task().episode_limit(), LIMIT, "{kind}");
        let available = built.spec().available_len();
        assert_eq!(built.spec().masks_actions, available > 0, "{kind}");
    }
}

#[test]
fn settings_read_back_as_they_were() {
    for kind in TASKS {
        let defaults = BuiltIn::of_kind(kind).unwrap();
        assert_eq!(defaults.kind(), *kind);
        let only_kind = format!("kind = '{kind}'");
        assert_eq!(toml::from_str::<BuiltIn>(&only_kind).unwrap(), defaults);
        let examples = defaults.settings().iter();
        let examples = examples.map(|setting| (setting.name.clone(), setting.example()));
        let kind_of = ("kind".to_owned(), (*kind).into());
        let complete: toml::Table = examples.chain([kind_of]).collect();
        let complete: BuiltIn = complete.try_into().unwrap();
        let keys = |task: &BuiltIn| toml::Table::try_from(task).unwrap().len();
        assert!(keys(&complete) >= keys(&defaults), "{kind}");
        for task in [defaults, complete] {
            let text = toml::to_string(&task).unwrap();
            assert_eq!(toml::from_str::<BuiltIn>(&text).unwrap(), task);
            let unknown = format!("{text}agnets = 3\n");
            let error = toml::from_str::<BuiltIn>(&unknown).unwrap_err();
            assert!(
                error.message().contains("unknown field `agnets`"),
                "{kind}: {error}"
            );
        }
    }
    assert_eq!(BuiltIn::of_kind("chess"), None);
}

#[test]
fn episodes_are_whole_finite_and_within_their_limit() {
    for task in tasks() {
        let episodes: Vec<_> = (0..20).map(|seed| play(&task, seed)).collect();
        for (steps, status) in &episodes {
            assert!(*steps <= LIMIT, "{}: {steps} steps", task.kind());
            assert!(
                *steps == LIMIT || *status == Status::Terminated,
                "{}",
                task.kind()
            );
        }
        assert!(
            episodes
                .iter()
                .any(|(_, status)| *status == Status::Truncated),
            "{}",
            task.kind()
        );
    }
}

#[test]
fn every_task_draws_all_of_an_episode() {
    for task in tasks() {
        draw::check(build(&task));
    }
}

#[test]
fn every_task_goes_on_from_the_middle_of_an_episode() {
    for task in tasks() {
        restore::check(|| build(&task));
    }
}

#[test]
fn the_number_of_threads_and_the_other_environments_change_nothing() {
    for task in tasks() {
        vec_env::same_on_any_threads(|| build(&task));
    }
}
