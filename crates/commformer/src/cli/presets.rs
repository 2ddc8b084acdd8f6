//! `commformer presets`: what can be trained, and by what.

use crate::config::{METHODS, MethodConfig, presets};
use commformer_view::numbers::grouped;
use std::io::Write;

/// A line for each preset and each method.
pub(super) fn list(out: &mut dyn Write) -> anyhow::Result<()> {
    let width = presets::ALL
        .iter()
        .map(|preset| preset.name.len())
        .max()
        .unwrap_or(0);
    writeln!(
        out,
        "{:width$}  {:21}  agents  {:>10}  what it is",
        "name", "environment", "steps"
    )?;
    for preset in presets::ALL {
        let config = preset.config()?;
        let agents = match config.env.agents() {
            // A task in Python tells it when it runs.
            0 => "-".to_owned(),
            agents => agents.to_string(),
        };
        writeln!(
            out,
            "{:width$}  {:21}  {:>6}  {:>10}  {}",
            preset.name,
            config.env.kind(),
            agents,
            grouped(config.run.steps),
            preset.description()
        )?;
    }
    writeln!(out, "\nmethod      what it is")?;
    for method in METHODS
        .iter()
        .filter_map(|kind| MethodConfig::of_kind(kind))
    {
        writeln!(out, "{:10}  {}", method.kind(), method.method().about())?;
    }
    let program = super::program();
    writeln!(
        out,
        "\nTrain one with `{program} train NAME`, by another method with `--method METHOD`."
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_has_a_line() {
        let mut out = Vec::new();
        list(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().any(|line| {
            line.starts_with("signal ") && line.contains(" 8 ") && line.contains("60,000")
        }));
        assert!(text.lines().any(|line| line.starts_with("mappo ")));
        let lines = 1 + presets::ALL.len() + 2 + METHODS.len() + 2;
        assert_eq!(text.lines().count(), lines);
    }
}
