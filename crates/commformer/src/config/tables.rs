//! A configuration from tables of a larger file, as a comparison has them.

use super::layers::Layers;
use super::{Config, ConfigError, Source};
use toml::Table;

impl Config {
    /// Lays tables, each with where it came from, over a preset or the defaults, and checks the result. Says which keys and
    /// names have others today.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the key and the table.
    pub(crate) fn from_tables(
        preset: Option<&str>,
        tables: &[(Table, Source)],
    ) -> Result<(Self, Vec<String>), ConfigError> {
        let mut layers = Layers::of_preset(preset)?;
        for (table, source) in tables {
            layers.push(table.clone(), |_| source.clone());
        }
        Self::from_layers(layers)
    }
}
