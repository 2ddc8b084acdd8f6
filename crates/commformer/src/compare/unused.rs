//! What no run of a comparison reads of its file.

use crate::config::{Source, Unused};
use std::collections::BTreeMap;
use toml::Table;

/// The keys of a comparison's tables, each with what to say of it; nothing once a run reads it, as one table serves several
/// tasks and methods.
#[derive(Debug, Default)]
pub(super) struct Reading(BTreeMap<(String, String), Option<String>>);

impl Reading {
    /// Takes a run of these tables into account.
    pub fn add(&mut self, tables: &[(Table, Source)], unused: &[Unused]) {
        for (table, source) in tables {
            let sections = table.iter();
            let keys = sections.flat_map(|(section, keys)| {
                let keys = keys.as_table().into_iter().flat_map(Table::keys);
                keys.map(move |key| format!("{section}.{key}"))
            });
            for path in keys {
                let mut of_run = unused.iter();
                let found = of_run.find(|unused| unused.path == path && unused.source == *source);
                let known = (self.0.entry((path, source.to_string())))
                    .or_insert_with(|| found.map(|unused| unused.note.clone()));
                if found.is_none() {
                    *known = None;
                }
            }
        }
    }

    /// A word on each key that no run reads.
    pub fn notes(self) -> impl Iterator<Item = String> {
        self.0.into_values().flatten()
    }
}

#[cfg(test)]
mod tests {
    use crate::compare::Plan;

    #[test]
    fn a_setting_that_no_run_reads_is_told_once_with_its_table() {
        let notes = |text: &str| {
            let scratch = tempfile::tempdir().unwrap();
            let path = scratch.path().join("some.toml");
            let text = format!("seeds = [1, 2]\n[tasks.signal]\n[tasks.signal-gate]\n{text}");
            std::fs::write(&path, text).unwrap();
            Plan::read(&path).unwrap().notes
        };
        let told = notes("[settings]\ngraph.mode = 'full'\n[sweep]\ngate.cost = [0.1, 0.2]\n");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("`gate.cost` (from [sweep] of ")
                && told[0].contains("has no effect without"),
            "{told:?}"
        );
        // One of the tasks has a gate, one of the methods a random graph.
        for text in [
            "[settings]\ngate.target_rate = 0.4\n",
            "[settings]\ngraph.sparsity = 0.2\n[methods.full]\ngraph.mode = 'full'\n[methods.random]\ngraph.mode = \
             'random'\n",
        ] {
            assert_eq!(notes(text), [""; 0], "{text}");
        }
    }
}
