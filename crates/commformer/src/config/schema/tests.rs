use super::*;
use crate::config::{Config, Overrides};

/// Every setting's example is read by its struct, and so is every name that it takes, but no other.
#[test]
fn settings_are_those_of_the_types() {
    let of_methods = METHODS.iter().map(|method| (kinds()[0], *method));
    let of_tasks = kinds().into_iter().map(|kind| (kind, METHODS[0]));
    for (env, method) in of_tasks.chain(of_methods) {
        for Section { name, settings, .. } in sections(env, method) {
            let kind = match name {
                "env" => Some(env),
                "method" => Some(method),
                _ => None,
            };
            let read = |key: &str, value: Value| {
                let kind = kind.map(|kind| ("kind".to_owned(), kind.into()));
                let keys = kind.into_iter().chain([(key.to_owned(), value)]).collect();
                let table = Table::from_iter([(name.to_owned(), Value::Table(keys))]);
                let read: Result<Config, _> = table.try_into();
                read
            };
            for setting in settings.iter().filter(|setting| setting.name != "kind") {
                let path = format!("{name}.{}", setting.name);
                assert!(!setting.about.is_empty(), "{path} has no doc comment");
                let example = read(&setting.name, setting.example());
                assert!(example.is_ok(), "{path}: {example:?}");
                let Takes::Name(choices) = &setting.takes else {
                    continue;
                };
                assert!(
                    read(&setting.name, "no such name".into()).is_err(),
                    "{path}"
                );
                for choice in choices {
                    let read = read(&setting.name, choice.name.as_str().into());
                    assert!(read.is_ok(), "{path}, {}: {read:?}", choice.name);
                }
            }
        }
    }
}

#[test]
fn round_floats_are_whole_numbers() {
    let overrides = Overrides::set(&["run.steps=1e6", "ppo.lr=1"]);
    let config = Config::resolve(None, &overrides).unwrap();
    assert_eq!((config.run.steps, config.ppo.lr), (1_000_000, 1.0));
    assert!(Config::parse("[run]\nsteps = 1.5", Source::Default).is_err());
}
