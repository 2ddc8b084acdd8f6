//! What `cargo xtask ci` asks of the pages' JavaScript: that its types hold, as their comments say. TypeScript's
//! `tsc` does it where it is installed.

use std::path::Path;
use std::process::Command;

use crate::tools;

/// Why nothing is checked where [`command`] gives none.
pub const MISSING: &str = "tsc is not installed, and `npm install --global typescript` gets it.";

/// The folder of a page's scripts, with a `tsconfig.json` that names them.
const PAGE: &str = "crates/commformer-view/src/replay/page";

/// The command that checks, or `None` where tsc is missing.
pub fn command(root: &Path) -> Option<Command> {
    tools::first_line(&["tsc", "--version"])?;
    let mut command = Command::new("tsc");
    command.arg("--project").arg(root.join(PAGE));
    Some(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn every_script_of_the_page_is_checked() {
        let folder = crate::root().join(PAGE);
        let settings = fs::read_to_string(folder.join("tsconfig.json")).expect("settings");
        let entries = fs::read_dir(folder).expect("the page's folder").flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let scripts: Vec<String> = names.filter(|name| name.ends_with(".js")).collect();
        assert!(!scripts.is_empty());
        for script in scripts {
            assert!(settings.contains(&format!("\"{script}\"")), "{script}");
        }
    }
}
