//! What holds for every task in the registry.

use crate::{draw, vec_env};
use commformer_env::{
    Augment, Augmented, BuiltIn, Environment, RewardScale, Share, SharedReward, Stacked, Status,
    TASKS, TimeLimit, check,
};

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

/// Checks environments; gives how their episodes went.
fn sound<E: Environment>(kind: &str, build: impl Fn() -> E) -> Vec<(u32, Status)> {
    check(build, 7, LIMIT).unwrap_or_else(|error| panic!("{kind}: {error}"))
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
fn every_task_keeps_to_the_contract_and_within_its_limit() {
    for task in tasks() {
        let kind = task.kind();
        assert!(build(&task).save().is_some(), "{kind}");
        let episodes = sound(kind, || build(&task));
        let is_whole =
            |(steps, status): &(u32, Status)| *steps == LIMIT || *status == Status::Terminated;
        assert!(episodes.iter().all(is_whole), "{kind}: {episodes:?}");
        let cut = |(_, status): &(u32, Status)| *status == Status::Truncated;
        assert!(episodes.iter().any(cut), "{kind}: {episodes:?}");
    }
}

#[test]
fn every_wrapped_task_keeps_to_the_contract() {
    let both = Augment {
        agent_id: true,
        last_action: true,
    };
    for task in tasks() {
        let kind = task.kind();
        sound(kind, || Stacked::new(build(&task), 3).unwrap());
        sound(kind, || Augmented::new(build(&task), both));
        sound(kind, || SharedReward::new(build(&task), Share::Mean));
        let short = || TimeLimit::new(RewardScale::new(build(&task), 0.5).unwrap(), 7).unwrap();
        assert!(
            sound(kind, short).iter().all(|(steps, _)| *steps <= 7),
            "{kind}"
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
fn the_number_of_threads_and_the_other_environments_change_nothing() {
    for task in tasks() {
        vec_env::same_on_any_threads(|| build(&task));
    }
}
