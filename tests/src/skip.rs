//! How a test is skipped for want of something: said, counted, and refused where everything must be there. The tests of
//! several packages include this file.

use std::fs::OpenOptions;
use std::io::{self, Write};

/// Says that a test is skipped for want of a program, unless `COMMFORMER_REQUIRE` is set: then it fails. Each is a line
/// of the file that `COMMFORMER_SKIPS` names, if it does.
#[allow(dead_code)]
#[track_caller]
pub fn skipped(why: &str) {
    let required = std::env::var_os("COMMFORMER_REQUIRE").is_some_and(|set| !set.is_empty());
    assert!(
        !required,
        "COMMFORMER_REQUIRE lets nothing be skipped: {why}"
    );
    tell(why);
}

/// The same for want of a device, which no installation brings: never a failure.
#[allow(dead_code)]
pub fn skipped_without_device(why: &str) {
    tell(why);
}

fn tell(why: &str) {
    // Not by a macro, whose words are shown of tests alone that fail.
    let _ = writeln!(io::stderr(), "skipped: {why}");
    if let Some(file) = std::env::var_os("COMMFORMER_SKIPS") {
        let line = format!(
            "{}: {why}\n",
            std::thread::current().name().unwrap_or("a test")
        );
        let opened = OpenOptions::new().create(true).append(true).open(file);
        let written = opened.and_then(|mut file| file.write_all(line.as_bytes()));
        written.expect("the file that COMMFORMER_SKIPS names");
    }
}
