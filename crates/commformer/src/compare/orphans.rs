//! Runs in a comparison's folder that its file does not name, as after a method was renamed.

use super::plan::Plan;
use crate::run_dir::RunDir;
use std::fs;
use std::path::Path;

impl Plan {
    /// Runs of methods, tasks and seeds that the file does not name, a sentence for each folder.
    pub fn orphans(&self) -> Vec<String> {
        let mut found = Vec::new();
        for task in folders(&self.folder) {
            let of_task = self.folder.join(&task);
            let is_task = self.tasks.contains(&task);
            for method in folders(&of_task) {
                let folder = of_task.join(&method);
                let is_planned = is_task && self.methods.contains(&method);
                let runs = folders(&folder).into_iter().filter_map(|run| {
                    let seed = seed(&run).filter(|_| RunDir::holds_run(&folder.join(&run)))?;
                    (!is_planned || !self.has_seed(seed)).then(|| seed.to_string())
                });
                let runs: Vec<String> = runs.collect();
                let (number, seeds) = (runs.len(), runs.join(", "));
                if number > 0 {
                    let what = match (is_planned, is_task) {
                        (true, _) => format!("runs of seeds ({seeds})"),
                        (false, true) => format!("runs of `{method}` ({number})"),
                        (false, false) => format!("runs of `{method}` on `{task}` ({number})"),
                    };
                    let folder = folder.display();
                    found.push(format!(
                        "{folder} holds {what}, which the file does not name: they stay as they are, and are not in the \
                         report."
                    ));
                }
            }
        }
        found
    }

    fn has_seed(&self, seed: u64) -> bool {
        self.runs.iter().any(|run| run.seed == seed)
    }
}

/// The names of the folders in one, in their order.
fn folders(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let entries = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// That of a run by the name of its folder.
fn seed(name: &str) -> Option<u64> {
    name.strip_prefix("seed-")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_the_file_does_not_name_are_told() {
        let scratch = tempfile::tempdir().unwrap();
        let runs = scratch.path().join("runs");
        let file = scratch.path().join("comparison.toml");
        let folder = toml::Value::from(runs.to_str().unwrap());
        let text = format!("folder = {folder}\nseeds = [1]\n[tasks.signal]\n[methods.a]\n");
        fs::write(&file, text).unwrap();
        let plan = Plan::read(&file).unwrap();
        assert_eq!(plan.orphans(), [""; 0]);
        let begun = |folder: &str| {
            let folder = runs.join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("config.toml"), "").unwrap();
        };
        for folder in [
            "signal/a/seed-1",
            "signal/a/seed-3",
            "signal/a/seed-4",
            "signal/commformer/seed-1",
            "signal/commformer/seed-2",
            "old/a/seed-1",
            // No run of a comparison.
            "signal/mine/notes",
            "report/signal/plots",
        ] {
            begun(folder);
        }
        let found = plan.orphans();
        assert_eq!(found.len(), 3, "{found:?}");
        for (found, part) in found.iter().zip([
            "old/a holds runs of `a` on `old` (1), which the file does not name",
            "signal/a holds runs of seeds (3, 4), which the file does not name",
            "signal/commformer holds runs of `commformer` (2), which the file does not name",
        ]) {
            assert!(found.contains(part), "{found}");
        }
    }
}
