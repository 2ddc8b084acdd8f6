//! What a run came to, read back.

use crate::log::{self, Figure, LogError};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// The evaluation after training: how the best checkpoint does in episodes it was not chosen by.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Environment steps of training behind the checkpoint.
    pub trained_steps: u64,
    /// Episodes played.
    pub episodes: u64,
    /// By name, such as `return`.
    pub figures: BTreeMap<String, Figure>,
}

impl Outcome {
    /// Its file within a run's folder.
    pub const FILE: &str = "final.json";

    /// Reads that of a folder; a run that has not ended has none.
    ///
    /// # Errors
    ///
    /// [`LogError`] if the file cannot be read or is of another layout.
    pub fn read(folder: &Path) -> Result<Option<Self>, LogError> {
        let path = folder.join(Self::FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = log::read(&path)?;
        Self::parse(&text)
            .map(Some)
            .ok_or(LogError::Outcome { path })
    }

    fn parse(text: &str) -> Option<Self> {
        let Value::Object(fields) = serde_json::from_str(text).ok()? else {
            return None;
        };
        let number = |name: &str| fields.get(name)?.as_u64();
        // Whatever looks like a figure is one: which there are depends on the task.
        let figure = |(name, value): (&String, &Value)| {
            Some((name.clone(), Figure::deserialize(value).ok()?))
        };
        Some(Self {
            trained_steps: number("trained_steps")?,
            episodes: number("episodes")?,
            figures: fields.iter().filter_map(figure).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: Option<&str>) -> Result<Option<Outcome>, LogError> {
        let folder = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            std::fs::write(folder.path().join(Outcome::FILE), text).unwrap();
        }
        Outcome::read(folder.path())
    }

    #[test]
    fn figures_are_told_from_the_rest() {
        let text = r#"{"return":{"mean":null,"low":-1.0,"high":1.0},"checkpoint":"best","trained_steps":9,
            "episodes":200,"seed":1,"graph":[[0.0]],"settings":{"run":{"seed":1}}}"#;
        let outcome = read(Some(text)).unwrap().unwrap();
        assert_eq!((outcome.trained_steps, outcome.episodes), (9, 200));
        assert_eq!(outcome.figures.len(), 1);
        assert!(outcome.figures["return"].mean.is_nan());
    }

    #[test]
    fn none_is_not_an_error_but_another_layout_is() {
        assert_eq!(read(None).unwrap(), None);
        for text in ["", "[]", "{\"return\":1}"] {
            let error = read(Some(text)).unwrap_err().to_string();
            assert!(error.contains("final.json"), "{error}");
        }
    }
}
