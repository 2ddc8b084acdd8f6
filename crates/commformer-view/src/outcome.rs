//! What a run came to, read back.

use crate::log::{self, LogError};
use crate::record::Outcome;
use std::path::Path;

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
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|source| LogError::Outcome { path, source })
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
    fn metrics_are_told_from_the_rest() {
        let text = r#"{"return":{"mean":null,"low":-1.0,"high":1.0},"checkpoint":"best","trained_steps":9,
            "episodes":200,"seed":1,"sampled":false,"graph":[[0.0]],"settings":{"run":{"seed":1}}}"#;
        let outcome = read(Some(text)).unwrap().unwrap();
        assert_eq!((outcome.trained_steps, outcome.episodes), (9, 200));
        let metrics: Vec<_> = outcome.metrics.iter().collect();
        assert!(
            matches!(metrics[..], [("return", metric)] if metric.mean.is_nan()),
            "{metrics:?}"
        );
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
