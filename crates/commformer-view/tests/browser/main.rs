//! Pages in a real browser. Where there is no Chromium, these tests say so and are skipped.
//! Screenshots are left in `target/tmp/screenshots/`.

mod chromium;
mod fixture;
mod replay;
mod report;
#[path = "../report/sample.rs"]
mod sample;
mod sizes;
#[path = "../../../../tests/src/skip.rs"]
mod skip;
