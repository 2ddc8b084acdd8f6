//! Runs in a comparison's folder that its file does not name, as after a method was renamed.

use super::plan::Plan;
use crate::run_dir::RunDir;
use std::fs;
use std::path::Path;

impl Plan {
    /// Folders of methods and of tasks that hold runs and that the file does not name, a sentence each.
    pub fn orphans(&self) -> Vec<String> {
        let mut found = Vec::new();
        for task in folders(&self.folder) {
            let of_task = self.folder.join(&task);
            let is_task = self.tasks.contains(&task);
            for method in folders(&of_task) {
                let folder = of_task.join(&method);
                let runs = folders(&folder).into_iter();
                let runs = runs.filter(|run| is_seed(run) && RunDir::holds_run(&folder.join(run)));
                let what = match is_task {
                    true if self.methods.contains(&method) => continue,
                    true => format!("runs of `{method}`"),
                    false => format!("runs of `{method}` on `{task}`"),
                };
                let runs = runs.count();
                if runs > 0 {
                    let folder = folder.display();
                    found.push(format!(
                        "{folder} holds {what} ({runs}), which the file does not name: they stay as they are, and are \
                         not in the report."
                    ));
                }
            }
        }
        found
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

fn is_seed(name: &str) -> bool {
    let number = name.strip_prefix("seed-");
    number.is_some_and(|number| number.parse::<u64>().is_ok())
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
        assert_eq!(found.len(), 2, "{found:?}");
        for (found, part) in found.iter().zip([
            "old/a holds runs of `a` on `old` (1), which the file does not name",
            "signal/commformer holds runs of `commformer` (2), which the file does not name",
        ]) {
            assert!(found.contains(part), "{found}");
        }
    }
}
