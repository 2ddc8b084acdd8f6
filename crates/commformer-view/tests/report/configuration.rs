//! What the page says of settings: what differs from the defaults of each method, and which settings a method does not have.

use crate::{Sample, page, report};
use std::path::{Path, PathBuf};

/// A run of so many steps with further tables.
fn run(parent: &Path, name: &str, task: &str, tables: &str) -> PathBuf {
    let folder = Sample::default().write(parent, name);
    let config =
        format!("[run]\nseed = 1\nsteps = 600000\n[env]\nkind = \"{task}\"\ndim = 5\n{tables}");
    std::fs::write(folder.join("config.toml"), config).unwrap();
    folder
}

/// What the section says, and the rows of its table.
fn configuration(folders: &[PathBuf]) -> (String, Vec<Vec<String>>) {
    let page = page(&report(folders));
    let (_, section) = page.split_once("<section id=\"configuration\">").unwrap();
    let (section, _) = section.split_once("</section>").unwrap();
    let lines = section.lines().filter(|line| line.starts_with("<tr>"));
    let row = |line: &str| {
        let cells = line.split("<t").filter_map(|cell| cell.split_once('>'));
        let cells = cells.filter_map(|(_, cell)| cell.split_once("</t"));
        cells.map(|(cell, _)| cell.to_owned()).collect()
    };
    let (text, _) = section.split_once("<details>").unwrap();
    let (text, _) = text.split_once("<div").unwrap_or((text, ""));
    (text.to_owned(), lines.map(row).collect())
}

#[test]
fn a_setting_that_a_method_does_not_have_is_told_from_one_that_is_not_set() {
    let scratch = tempfile::tempdir().unwrap();
    let of = |name: &str, tables: &str| run(scratch.path(), name, "predator-prey", tables);
    let folders = [
        of("a", "[graph]\nmode = \"none\"\n"),
        // As by default: its value is nothing that a reader looks for.
        of(
            "b",
            "[method]\nkind = \"ippo\"\nhidden = 64\nrecurrent = false\n",
        ),
        of(
            "c",
            "[method]\nkind = \"mappo\"\nhidden = 96\nrecurrent = true\n",
        ),
        // Written by a version that had no such setting.
        of("d", "[method]\nkind = \"mappo\"\ncritic = 512\n"),
    ];
    let (text, rows) = configuration(&folders);
    assert_eq!(
        rows,
        [
            ["graph.mode", "learned", "none", "–", "–", "–"],
            ["method.critic", "256", "–", "–", "not set", "512"],
            [
                "method.hidden",
                "64 (ippo), 128 (mappo)",
                "–",
                "64",
                "96",
                "not set"
            ],
            [
                "method.kind",
                "commformer",
                "commformer",
                "ippo",
                "mappo",
                "mappo"
            ],
            ["method.recurrent", "true", "–", "false", "true", "not set"],
        ]
    );
    assert!(text.contains("– means that a method has no such setting."));
}

#[test]
fn settings_as_they_are_by_default_are_not_listed() {
    let scratch = tempfile::tempdir().unwrap();
    let of = |name: &str, tables: &str| run(scratch.path(), name, "predator-prey", tables);
    let (text, rows) = configuration(&[of("a", "[graph]\nmode = \"learned\"\n")]);
    assert!(text.contains("Every setting is as it is by default."));
    assert!(rows.is_empty(), "{rows:?}");
    // The method is another than by default, all of its own settings are not.
    let method = "[method]\nkind = \"mappo\"\nhidden = 128\nrecurrent = true\ncritic = 256\n";
    let (text, rows) = configuration(&[of("b", method)]);
    assert_eq!(rows, [["method.kind", "commformer", "mappo"]]);
    assert!(!text.contains("no such setting"));
}

#[test]
fn defaults_that_are_not_known_are_told() {
    let scratch = tempfile::tempdir().unwrap();
    let of = |name: &str, task: &str, tables: &str| run(scratch.path(), name, task, tables);
    let (text, rows) = configuration(&[of("a", "chess", "[graph]\nmode = \"none\"\n")]);
    assert!(
        text.contains("does not know the task or the method"),
        "{text}"
    );
    assert!(rows.is_empty(), "{rows:?}");
    let folders = [
        of(
            "b",
            "predator-prey",
            "[method]\nkind = \"newer\"\nheads = 4\n",
        ),
        of("c", "predator-prey", "[graph]\nmode = \"none\"\n"),
    ];
    let (text, rows) = configuration(&folders);
    assert!(text.contains("does not know the method newer, and so not its defaults"));
    assert_eq!(
        rows,
        [["graph.mode", "learned", "–", "none"]],
        "what differs in the unknown method alone is not listed"
    );
    // Where the others have their defaults, that is said of them alone.
    let others = of("d", "predator-prey", "[graph]\nmode = \"learned\"\n");
    let (text, rows) = configuration(&[folders[0].clone(), others]);
    assert!(text.contains("Every setting of the other methods is as it is by default."));
    assert!(rows.is_empty(), "{rows:?}");
}
