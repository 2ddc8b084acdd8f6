//! Several half-filled configurations, one over the other.

use super::error::{ConfigError, Source};
use super::{MethodConfig, presets, schema, text};
use std::collections::BTreeMap;
use std::path::Path;
use toml::{Table, Value};

/// Settings gathered so far, and where each of them came from.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// What was set, section by section.
    pub merged: Table,
    /// What the user should know, such as which settings have other names now.
    pub notes: Vec<String>,
    sources: BTreeMap<String, Source>,
}

impl Layers {
    /// The layer of a preset, or none.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownPreset`].
    pub fn of_preset(name: Option<&str>) -> Result<Self, ConfigError> {
        let mut layers = Self::default();
        if let Some(name) = name {
            let source = Source::Preset(name.to_owned());
            let toml = presets::find(name)?.toml;
            layers.push(text::parse(toml, source.clone())?, |_| source.clone());
        }
        Ok(layers)
    }

    /// Puts a layer on top.
    ///
    /// A layer that changes `env.kind` or `method.kind` removes the settings of the former kind first: they belong to
    /// another task or method.
    pub fn push(&mut self, mut layer: Table, source_of: impl Fn(&str) -> Source) {
        let renamed = self.rename(&mut layer);
        let source_of = |path: &str| source_of(renamed.get(path).map_or(path, String::as_str));
        for section in ["env", "method"] {
            if let Some(new) = kind(&layer, section)
                && kind(&self.merged, section).is_some_and(|old| old != new)
            {
                if section == "method" {
                    self.leave_out_former(&layer);
                }
                self.remove(section);
            }
        }
        self.merge(layer, &source_of);
    }

    /// Gives keys with former names those of today, and returns the former paths by today's.
    fn rename(&mut self, layer: &mut Table) -> BTreeMap<String, String> {
        let mut renamed = BTreeMap::new();
        for (section, former, name) in schema::renamed() {
            let keys = layer.get_mut(*section).and_then(Value::as_table_mut);
            let Some((keys, value)) = keys.and_then(|keys| {
                let value = keys.remove(former)?;
                Some((keys, value))
            }) else {
                continue;
            };
            let [former, today] = [former, name].map(|key| format!("{section}.{key}"));
            self.notes
                .push(format!("`{former}` is called `{today}` now"));
            if !keys.contains_key(name) {
                keys.insert(name.clone(), value);
                renamed.insert(today, former);
            }
        }
        renamed
    }

    /// Sets a key as a layer did, in another form.
    pub fn set(&mut self, section: &str, key: &str, value: Value) {
        let section = self.merged.get_mut(section).and_then(Value::as_table_mut);
        if let Some(section) = section {
            section.insert(key.to_owned(), value);
        }
    }

    /// Says that a preset's gate is left out with its section: what it leaves of the messages is what the preset is chosen
    /// for.
    pub fn note_gate_left_out(&mut self, method: &str) {
        let mode = self.merged.get("gate").and_then(|gate| gate.get("mode"));
        let is_gated = mode.is_some_and(|mode| mode.as_str() != Some("off"));
        if let (true, Source::Preset(preset)) = (is_gated, self.source("gate.mode")) {
            self.notes.push(format!(
                "the gate of the preset `{preset}` is left out: the method `{method}` has none"
            ));
        }
    }

    /// Says that a file takes the place of a preset's task: whoever named both may have meant either.
    pub fn note_other_task(&mut self, preset: Option<&str>, file: &Table, path: &Path) {
        let [of_preset, of_file] = [&self.merged, file].map(|table| kind(table, "env"));
        if let (Some(preset), Some(before), Some(now)) = (preset, of_preset, of_file)
            && before != now
        {
            self.notes.push(format!(
                "the task of {} ({now}) takes the place of that of the preset `{preset}` ({before})",
                path.display()
            ));
        }
    }

    /// Forgets the sections that only the method of before read, where a file named that method: they are of a run of it.
    fn leave_out_former(&mut self, layer: &Table) {
        let Some(method) = kind(layer, "method").and_then(Value::as_str) else {
            return;
        };
        let (Source::File(file), Some(method)) =
            (self.source("method.kind"), MethodConfig::of_kind(method))
        else {
            return;
        };
        let foreign = |section: &&String| !method.reads(section);
        let foreign: Vec<String> = self.merged.keys().filter(foreign).cloned().collect();
        if foreign.is_empty() {
            return;
        }
        for section in &foreign {
            self.remove(section);
        }
        self.notes.push(format!(
            "[{}] of {} left out: the method `{}` has nothing of that",
            foreign.join("], ["),
            file.display(),
            method.kind()
        ));
    }

    /// Forgets a section.
    pub fn remove(&mut self, section: &str) {
        self.merged.remove(section);
        let within = |path: &str| path.split('.').next() == Some(section);
        self.sources.retain(|path, _| !within(path));
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
                note_sources(&mut self.sources, path, &value, source_of);
                if let Some(target) = target.as_table_mut() {
                    lay(target, key, value);
                }
            }
        }
    }
}

fn note_sources(
    sources: &mut BTreeMap<String, Source>,
    path: String,
    value: &Value,
    source_of: &impl Fn(&str) -> Source,
) {
    for (inner, value) in value.as_table().into_iter().flatten() {
        note_sources(sources, format!("{path}.{inner}"), value, source_of);
    }
    let source = source_of(&path);
    sources.insert(path, source);
}

/// Sets a key. Tables within a section, such as `env.options`, have keys that layers set one by one, too.
pub(super) fn lay(below: &mut Table, key: String, value: Value) {
    match (below.get_mut(&key), value) {
        (Some(Value::Table(below)), Value::Table(above)) => {
            for (key, value) in above {
                lay(below, key, value);
            }
        }
        (_, value) => drop(below.insert(key, value)),
    }
}

/// What a section says which kind it is of.
pub(super) fn kind<'a>(table: &'a Table, section: &str) -> Option<&'a Value> {
    table.get(section)?.get("kind")
}

#[cfg(test)]
mod tests {
    use super::super::text::parse_assignments;
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
    fn options_of_a_task_are_set_one_by_one() {
        let mut layers = Layers::default();
        push(&mut layers, "[env.options]\nN = 3\nname = 'x'", "a");
        push(&mut layers, "[env.options.deep]\nest = 1\ner = false", "b");
        let texts = ["env.options.N=5", "env.options.deep.er=true"].map(String::from);
        let (table, sources) = parse_assignments(&texts).unwrap();
        layers.push(table, |path| {
            sources.get(path).cloned().unwrap_or(Source::Default)
        });
        let expected: Table = "N = 5\nname = 'x'\ndeep = { est = 1, er = true }"
            .parse()
            .unwrap();
        assert_eq!(layers.merged["env"]["options"], Value::Table(expected));
        assert_eq!(
            layers.source("env.options.deep.est"),
            Source::Preset("b".into())
        );
        let wrong = ["env.options=3", "env.options.N=5"].map(String::from);
        assert!(parse_assignments(&wrong).is_err());
    }
}
