//! `commformer presets`: what can be trained, and by what.

use crate::config::{METHODS, MethodConfig, presets};
use crate::terminal::wrapped;
use commformer_view::numbers::grouped;
use std::io::Write;

/// A line for each preset and each method. On a terminal of fewer `columns` than a line has, what a preset is stands
/// below its line.
pub(super) fn list(out: &mut dyn Write, columns: Option<usize>) -> anyhow::Result<()> {
    let width = presets::ALL
        .iter()
        .map(|preset| preset.name.len())
        .max()
        .unwrap_or(0);
    let mut rows = vec![(
        format!(
            "{:width$}  {:21}  agents  {:>10}",
            "name", "environment", "steps"
        ),
        "what it is".to_owned(),
    )];
    for preset in presets::ALL {
        let config = preset.config()?;
        let agents = match config.env.agents() {
            // A task in Python tells it when it runs.
            0 => "-".to_owned(),
            agents => agents.to_string(),
        };
        let row = format!(
            "{:width$}  {:21}  {:>6}  {:>10}",
            preset.name,
            config.env.kind(),
            agents,
            grouped(config.run.steps),
        );
        rows.push((row, preset.description().to_owned()));
    }
    let length = |(row, about): &(String, String)| row.len() + 2 + about.chars().count();
    let longest = rows.iter().map(length).max().unwrap_or(0);
    let narrow = columns.filter(|columns| *columns < longest);
    for (row, about) in &rows {
        match narrow {
            None => writeln!(out, "{row}  {about}")?,
            Some(columns) => {
                writeln!(out, "{row}")?;
                for line in wrapped(about, columns.saturating_sub(4)) {
                    writeln!(out, "    {line}")?;
                }
            }
        }
    }
    writeln!(out, "\nmethod      what it is")?;
    for method in METHODS
        .iter()
        .filter_map(|kind| MethodConfig::of_kind(kind))
    {
        let width = columns.map_or(usize::MAX, |columns| columns.saturating_sub(12));
        let about = wrapped(method.method().about(), width).join("\n            ");
        writeln!(out, "{:10}  {about}", method.kind())?;
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
        list(&mut out, None).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().any(|line| {
            line.starts_with("signal ") && line.contains(" 8 ") && line.contains("60,000")
        }));
        assert!(text.lines().any(|line| line.starts_with("mappo ")));
        let lines = 1 + presets::ALL.len() + 2 + METHODS.len() + 2;
        assert_eq!(text.lines().count(), lines);
    }

    #[test]
    fn no_line_of_a_table_is_wider_than_the_terminal() {
        for columns in [80, 120] {
            let mut out = Vec::new();
            list(&mut out, Some(columns)).unwrap();
            let text = String::from_utf8(out).unwrap();
            let (tables, _) = text.split_once("\nTrain one with").unwrap();
            for line in tables.lines() {
                assert!(line.chars().count() <= columns, "{line}");
            }
            assert!(
                tables.contains("\n    Each of eight agents must name"),
                "{tables}"
            );
        }
    }
}
