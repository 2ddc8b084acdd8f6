//! Reports of made-up runs: what is on the page, and that it says what is missing.

mod across;
mod begun;
mod circle;
mod configuration;
mod marl_eval;
mod missing;
mod page;
mod refused;
mod sample;

use commformer_view::{Kinds, Report};
use sample::Sample;
use std::path::{Path, PathBuf};

/// Made-up defaults of CommFormer, IPPO and MAPPO; no other method and no chess is known.
fn defaults(Kinds { task, method }: Kinds<'_>) -> toml::Table {
    let of_method = match method {
        "commformer" => "[graph]\nmode = \"learned\"\n",
        "ippo" => "hidden = 64\nrecurrent = true\n",
        "mappo" => "hidden = 128\nrecurrent = true\ncritic = 256\n",
        _ => return toml::Table::new(),
    };
    if task == "chess" {
        return toml::Table::new();
    }
    let text = format!(
        "[env]\nkind = \"{task}\"\ndim = 5\n[run]\nseed = 1\nsteps = 600000\n[method]\nkind = \"{method}\"\n{of_method}"
    );
    text.parse().unwrap()
}

fn report(folders: &[PathBuf]) -> Report {
    Report::of(folders, defaults).unwrap()
}

fn refused(folders: &[PathBuf]) -> String {
    Report::of(folders, defaults).unwrap_err().to_string()
}

fn text(report: &Report, file: &str) -> String {
    let bytes = report.file(file).unwrap_or_else(|| panic!("no {file}"));
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn page(report: &Report) -> String {
    text(report, Report::PAGE)
}

/// Three seeds each of a learned graph and of none.
fn two_methods(parent: &Path) -> Vec<PathBuf> {
    let run = |graph: &str, seed| {
        let sample = Sample {
            graph: graph.into(),
            ..Sample::seed(seed)
        };
        sample.write(parent, &format!("{graph}-{seed}"))
    };
    let learned = [1, 2, 3].map(|seed| run("learned", seed));
    learned
        .into_iter()
        .chain([1, 2, 3].map(|seed| run("none", seed)))
        .collect()
}

/// Tags that are opened are closed, and no number is none.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for tag in svg.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap();
        let name = inside.split([' ', '\n']).next().unwrap();
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !inside.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for wrong in ["NaN", "inf ", "\"inf"] {
        assert!(!svg.contains(wrong), "{wrong}: {svg}");
    }
}
