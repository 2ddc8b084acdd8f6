//! `commformer presets`.

use crate::config::presets;
use commformer_view::numbers::grouped;
use std::io::Write;

/// A line for each preset.
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
    writeln!(out, "\nTrain one with `{} train NAME`.", super::program())?;
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
        assert_eq!(text.lines().count(), presets::ALL.len() + 3);
    }
}
