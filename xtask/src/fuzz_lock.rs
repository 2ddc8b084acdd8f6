//! The fuzzers are a workspace of their own, which CI does not build: it lacks their compiler, and perhaps the network.
//! Their lock names the versions that the workspace has, and what its crates depend on today.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// What only the fuzzers use.
const OWN: [&str; 3] = ["arbitrary", "commformer-fuzz", "libfuzzer-sys"];

const ADVICE: &str = "tests/fuzz/Cargo.lock is out of date; copy Cargo.lock to it, and let `cargo metadata \
                      --manifest-path tests/fuzz/Cargo.toml` correct the copy";

/// A package of a lock.
struct Package {
    name: String,
    version: String,
    /// Whether it is part of the repository.
    is_local: bool,
    /// By name.
    dependencies: BTreeSet<String>,
}

fn read(name: &str) -> String {
    fs::read_to_string(crate::root().join(name)).expect(name)
}

fn packages(lock: &str) -> Vec<Package> {
    let packages = lock.split("[[package]]\n").skip(1).map(|text| {
        let value = |key: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(key));
            value.map(|value| value.trim_matches('"').to_owned())
        };
        // ` "name",` or ` "name version",`
        let dependencies = text.lines().filter_map(|line| line.strip_prefix(" \""));
        Package {
            name: value("name = ").expect("a name"),
            version: value("version = ").expect("a version"),
            is_local: value("source = ").is_none(),
            dependencies: dependencies
                .filter_map(|line| line.split([' ', '"']).next().map(str::to_owned))
                .collect(),
        }
    });
    packages.collect()
}

/// What a manifest's package always depends on when it is built.
fn needs(manifest: &str) -> BTreeSet<String> {
    let mut counts = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            counts = line.ends_with("dependencies]") && !line.ends_with("dev-dependencies]");
        } else if counts
            && !line.starts_with('#')
            && !line.contains("optional = true")
            && let Some((name, _)) = line.split_once(['.', ' ', '='])
        {
            names.insert(name.to_owned());
        }
    }
    names
}

#[test]
fn a_manifest_needs_what_is_neither_optional_nor_for_tests() {
    let manifest = "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\n# c = \"1\"\n\
                    d = { version = \"1\", optional = true }\n[target.'cfg(unix)'.dependencies]\ne = \"1\"\n\
                    [dev-dependencies]\nf = \"1\"\n[build-dependencies]\ng=\"1\"\n[features]\nh = []\n";
    let names: Vec<_> = needs(manifest).into_iter().collect();
    assert_eq!(names, ["b", "e", "g"]);
}

#[test]
fn the_fuzzers_lock_follows_the_workspaces() {
    let workspace = packages(&read("Cargo.lock"));
    let versions: BTreeSet<_> = workspace
        .iter()
        .map(|package| (&package.name, &package.version))
        .collect();
    let ours: BTreeMap<_, _> = workspace
        .iter()
        .filter(|package| package.is_local)
        .map(|package| (&package.name, &package.dependencies))
        .collect();
    let fuzzers = packages(&read("tests/fuzz/Cargo.lock"));
    let others = fuzzers
        .iter()
        .filter(|package| !OWN.contains(&package.name.as_str()));
    for package in others {
        let Package { name, version, .. } = package;
        assert!(
            versions.contains(&(name, version)),
            "{name} {version}: {ADVICE}"
        );
        if package.is_local {
            let all = ours[name];
            let today = package.dependencies.is_subset(all);
            assert!(
                today,
                "{name} no longer depends on all of its own: {ADVICE}"
            );
            let folder = match name.as_str() {
                "commformer-tests" => "tests".to_owned(),
                name => format!("crates/{name}"),
            };
            for needed in needs(&read(&format!("{folder}/Cargo.toml"))) {
                let is_there = package.dependencies.contains(&needed);
                assert!(is_there, "{name} depends on {needed}: {ADVICE}");
            }
        }
    }
}
