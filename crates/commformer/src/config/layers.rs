//! Several half-filled configurations, one over the other.

use super::error::{ConfigError, Source};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use toml::{Table, Value};

/// The longest file that is read, in bytes. It has room for every edge of 2,800 agents, and bounds the
/// memory that reading takes, which is up to 300 times as much.
const MAX_LENGTH: u64 = 16 << 20;

/// Settings gathered so far, and where each of them came from.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// What was set, section by section.
    pub merged: Table,
    sources: BTreeMap<String, Source>,
}

impl Layers {
    /// Puts a layer on top.
    ///
    /// A layer that changes `env.kind` removes the settings of the former kind first: they belong
    /// to another task.
    pub fn push(&mut self, layer: Table, source_of: impl Fn(&str) -> Source) {
        let kind = |table: &Table| table.get("env").and_then(|env| env.get("kind")).cloned();
        if let Some(new) = kind(&layer)
            && kind(&self.merged).is_some_and(|old| old != new)
        {
            self.merged.remove("env");
            self.sources.retain(|path, _| !path.starts_with("env."));
        }
        self.merge(layer, &source_of);
    }

    /// Where the value of a key came from.
    pub fn source(&self, path: &str) -> Source {
        self.sources.get(path).cloned().unwrap_or(Source::Default)
    }

    fn merge(&mut self, layer: Table, source_of: &impl Fn(&str) -> Source) {
        for (section, value) in layer {
            let Value::Table(keys) = value else {
                self.sources.insert(section.clone(), source_of(&section));
                self.merged.insert(section, value);
                continue;
            };
            // Set even if empty, so that an empty section with a wrong name is noticed too.
            self.sources
                .entry(section.clone())
                .or_insert_with(|| source_of(&section));
            let target = self
                .merged
                .entry(section.clone())
                .or_insert_with(|| Table::new().into());
            if !target.is_table() {
                *target = Table::new().into();
            }
            for (key, value) in keys {
                let path = format!("{section}.{key}");
                self.sources.insert(path.clone(), source_of(&path));
                for inner in value.as_table().into_iter().flat_map(Table::keys) {
                    let path = format!("{path}.{inner}");
                    self.sources.insert(path.clone(), source_of(&path));
                }
                // A table within a section, such as `env.options`, has keys that layers set one by one, too.
                match (target.get_mut(&key), value) {
                    (Some(Value::Table(below)), Value::Table(above)) => below.extend(above),
                    (_, value) => {
                        if let Some(target) = target.as_table_mut() {
                            target.insert(key, value);
                        }
                    }
                }
            }
        }
    }
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MAX_LENGTH + 1).read_to_string(&mut text))
        .and_then(|length| match length as u64 <= MAX_LENGTH {
            true => Ok(text),
            false => Err(io::Error::other(format!(
                "it is longer than {MAX_LENGTH} bytes, which no configuration is"
            ))),
        })
        .map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })
}

/// Reads TOML, saying where it came from if it is none.
pub(super) fn parse(text: &str, source_of: Source) -> Result<Table, ConfigError> {
    text.parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax {
            source_of,
            message: error.to_string().trim_end().to_owned(),
        })
}

/// Reads assignments such as `ppo.lr=3e-4`. A value that is not TOML is text: quotes are not needed.
pub(super) fn parse_assignments(
    assignments: &[String],
) -> Result<(Table, BTreeMap<String, Source>), ConfigError> {
    let mut table = Table::new();
    let mut sources = BTreeMap::new();
    for text in assignments {
        let wrong = || ConfigError::Assignment { text: text.clone() };
        let (path, value) = text.split_once('=').ok_or_else(wrong)?;
        let path = path.trim();
        if value.trim().is_empty() || path.split('.').any(str::is_empty) {
            return Err(wrong());
        }
        sources.insert(path.to_owned(), Source::Argument(format!("--set {text}")));
        let value = parse_value(value.trim());
        insert(&mut table, path, value).ok_or_else(wrong)?;
    }
    Ok((table, sources))
}

/// Puts a value where a path such as `env.options.N` leads; nothing, if a value that is no table lies in the way.
fn insert(table: &mut Table, path: &str, value: Value) -> Option<()> {
    match path.split_once('.') {
        None => drop(table.insert(path.to_owned(), value)),
        Some((first, rest)) => {
            let inner = table.entry(first).or_insert_with(|| Table::new().into());
            insert(inner.as_table_mut()?, rest, value)?;
        }
    }
    Some(())
}

fn parse_value(text: &str) -> Value {
    let parsed = format!("value = {text}").parse::<Table>().ok();
    match parsed
        .map(|table| table.into_iter().collect::<Vec<_>>())
        .as_deref()
    {
        Some([(_, value)]) => value.clone(),
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(layers: &mut Layers, text: &str, name: &str) {
        layers.push(text.parse().unwrap(), |_| Source::Preset(name.into()));
    }

    #[test]
    fn later_layers_win_and_are_remembered() {
        let mut layers = Layers::default();
        push(&mut layers, "[ppo]\nlr = 1.0\nclip = 0.1", "a");
        push(&mut layers, "[ppo]\nlr = 2.0", "b");
        assert_eq!(layers.merged["ppo"]["lr"].as_float(), Some(2.0));
        assert_eq!(layers.merged["ppo"]["clip"].as_float(), Some(0.1));
        assert_eq!(layers.source("ppo.lr"), Source::Preset("b".into()));
        assert_eq!(layers.source("ppo.clip"), Source::Preset("a".into()));
        assert_eq!(layers.source("ppo.gamma"), Source::Default);
    }

    #[test]
    fn another_kind_of_task_forgets_the_former_ones_settings() {
        let mut layers = Layers::default();
        push(&mut layers, "[env]\nkind = 'x'\nprey = 2", "a");
        push(&mut layers, "[env]\nkind = 'x'\ndim = 7", "b");
        assert_eq!(layers.merged["env"]["prey"].as_integer(), Some(2));
        push(&mut layers, "[env]\nagents = 4\nkind = 'y'", "c");
        assert_eq!(
            layers.merged["env"],
            toml::Value::Table("agents = 4\nkind = 'y'".parse().unwrap())
        );
        assert_eq!(layers.source("env.prey"), Source::Default);
    }

    #[test]
    fn a_file_is_read_up_to_a_length() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_LENGTH).unwrap();
        assert_eq!(read(file.path()).unwrap().len() as u64, MAX_LENGTH);
        file.as_file().set_len(MAX_LENGTH + 1).unwrap();
        let ConfigError::Read { source, .. } = read(file.path()).unwrap_err() else {
            panic!("another error")
        };
        assert!(source.to_string().contains("longer than 16777216 bytes"));
    }

    #[test]
    fn assignments_need_no_quotes() {
        let texts = [
            "graph.mode=full",
            "run.device = 'cpu'",
            "graph.edges=[[0, 1], [1, 0]]",
            "ppo.lr=1e-3",
        ];
        let (table, _) = parse_assignments(&texts.map(String::from)).unwrap();
        assert_eq!(table["graph"]["mode"].as_str(), Some("full"));
        assert_eq!(table["run"]["device"].as_str(), Some("cpu"));
        assert_eq!(table["graph"]["edges"][1][0].as_integer(), Some(1));
        assert_eq!(table["ppo"]["lr"].as_float(), Some(1e-3));
        // More than a value is text, not more settings.
        let (table, _) = parse_assignments(&["env.kind=1\nx=2".into()]).unwrap();
        assert_eq!(table["env"]["kind"].as_str(), Some("1\nx=2"));
    }

    #[test]
    fn options_of_a_task_are_set_one_by_one() {
        let mut layers = Layers::default();
        push(&mut layers, "[env.options]\nN = 3\nname = 'x'", "a");
        let texts = ["env.options.N=5", "env.options.deep.er=true"].map(String::from);
        let (table, sources) = parse_assignments(&texts).unwrap();
        layers.push(table, |path| {
            sources.get(path).cloned().unwrap_or(Source::Default)
        });
        let expected: Table = "N = 5\nname = 'x'\ndeep = { er = true }".parse().unwrap();
        assert_eq!(layers.merged["env"]["options"], Value::Table(expected));
        let wrong = ["env.options=3", "env.options.N=5"].map(String::from);
        assert!(parse_assignments(&wrong).is_err());
    }

    #[test]
    fn malformed_assignments_are_refused() {
        for text in ["ppo.lr", "ppo.lr=", ".lr=1", "ppo.=1", "=1"] {
            let error = parse_assignments(&[text.into()]).unwrap_err();
            assert!(error.to_string().contains("KEY=VALUE"), "{text}: {error}");
        }
    }
}
