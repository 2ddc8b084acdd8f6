//! Runs to look at, and what the screen shows of them.

mod screens;

use super::theme;
use super::view::View;
use crate::log::RunLog;
use ratatui::text::Line;

/// The configuration of the run.
pub(super) const CONFIG: &str = "[run]\nseed = 1\nsteps = 60000\n[eval]\nevery = 2000\n";

/// An iteration of 1,000 steps and a second.
pub(super) fn iteration(number: u64, episode_return: f64) -> String {
    let metric = match episode_return.is_finite() {
        true => episode_return.to_string(),
        false => "null".into(),
    };
    format!(
        r#"{{"kind":"iteration","iteration":{number},"steps":{number}000,"episodes":4,"return":{metric},"episode_steps":12.5,"metrics":{{"success":0.75}},"losses":{{"policy":0.25,"value":0.25,"entropy":0.25,"clipped":0.25,"kl":0.25,"grad_norm":0.25,"gate":{{"policy":0.125,"value":0.125,"entropy":0.125,"clipped":0.125,"kl":0.125}}}},"receiving":{{"open_rate":0.375,"messages":1.5,"bytes":96.0,"traffic":0.5}},"graph_changes":2,"graph_agreement":0.625,"seconds":{{"environment":0.25,"act":0.25,"update":0.25,"elapsed":{number}}}}}"#
    )
}

/// An evaluation after so many thousand steps.
pub(super) fn evaluation(thousands: u64, episode_return: f64) -> String {
    let metric = match episode_return.is_finite() {
        true => episode_return.to_string(),
        false => "null".into(),
    };
    format!(
        r#"{{"kind":"evaluation","steps":{thousands}000,"episodes":20,"metrics":{{"return":{{"mean":{metric},"low":-9.5,"high":9.5}},"success":{{"mean":0.5,"low":0.25,"high":0.625}}}},"graph":[[1.0,0.0,1.0],[1.0,1.0,0.0],[0.0,0.0,1.0]],"seconds":{{"elapsed":{thousands}}}}}"#
    )
}

/// A run whose metrics have these lines.
pub(super) fn log(lines: &[&str]) -> RunLog {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.toml"), CONFIG).unwrap();
    std::fs::write(folder.path().join(RunLog::METRICS), lines.join("\n")).unwrap();
    RunLog::read(folder.path()).unwrap()
}

pub(super) fn view() -> View {
    View::new("commformer", theme::PLAIN)
}

pub(super) fn printed(lines: Vec<Line<'_>>) -> Vec<String> {
    lines.iter().map(Line::to_string).collect()
}
