//! Runs of which there is no report.

use crate::{Sample, defaults, refused};
use commformer_view::{Report, ReportError};
use std::path::PathBuf;

#[test]
fn a_folder_without_a_run_is_refused_by_name() {
    let scratch = tempfile::tempdir().unwrap();
    let said = refused(&[scratch.path().to_owned()]);
    assert!(
        said.contains(scratch.path().to_str().unwrap()) && said.contains("commformer train"),
        "{said}"
    );
    assert!(matches!(Report::of(&[], defaults), Err(ReportError::NoRun)));
}

#[test]
fn runs_of_two_tasks_are_refused_with_what_differs() {
    let scratch = tempfile::tempdir().unwrap();
    let run = |kind: &str, dim| {
        let sample = Sample {
            task: (kind.into(), dim),
            ..Sample::default()
        };
        sample.write(scratch.path(), &format!("{kind}-{dim}"))
    };
    let first = run("predator-prey", 5);
    let said = refused(&[first.clone(), run("predator-prey", 10)]);
    assert!(
        said.contains("env.dim is 10 there and 5 here") && said.contains("predator-prey-10"),
        "{said}"
    );
    // The kind says more than what differs because of it.
    let said = refused(&[first, run("signal", 6)]);
    assert!(
        said.contains("env.kind is signal there and predator-prey here"),
        "{said}"
    );
}

#[test]
fn a_run_that_would_count_twice_is_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Sample::default().write(scratch.path(), "one");
    let copy = Sample::default().write(scratch.path(), "copy");
    for second in [folder.clone(), copy] {
        let said = refused(&[folder.clone(), second]);
        assert!(
            said.contains("are one run") && said.contains("leave one out"),
            "{said}"
        );
    }
}

#[test]
fn more_methods_than_can_be_told_apart_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    let run = |number: usize| {
        let sample = Sample {
            graph: format!("mode{number}"),
            ..Sample::default()
        };
        sample.write(scratch.path(), &number.to_string())
    };
    let folders: Vec<PathBuf> = (0..22).map(run).collect();
    assert!(
        refused(&folders).contains("22 different configurations; a report compares at most 21")
    );
    assert!(Report::of(&folders[..21], defaults).is_ok());
}
