//! The interpreter of the tests that need Python. The tests of several packages include this file, and `skip.rs`.

use crate::skip::skipped;
use std::path::Path;
use std::process::Command;

/// An interpreter that has these modules: `COMMFORMER_PYTHON`, the workspace's own, or `python3`. Says so where there is
/// none.
#[track_caller]
pub fn python(modules: &str) -> Option<String> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let mut own = folders.map(|folder| folder.join("target/python/bin/python"));
    let own = own.find(|python| python.exists());
    let known = [
        std::env::var("COMMFORMER_PYTHON").ok(),
        own.and_then(|own| own.to_str().map(String::from)),
        Some("python3".into()),
    ];
    let import = format!("import {modules}");
    let found = known.into_iter().flatten().find(|python| {
        let tried = Command::new(python).args(["-c", &import]).output();
        tried.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        skipped(&format!(
            "no Python with {modules}; `cargo xtask test` makes one, COMMFORMER_PYTHON names another"
        ));
    }
    found
}
