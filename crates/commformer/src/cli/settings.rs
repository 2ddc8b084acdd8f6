//! `commformer settings`: every setting with its default, what it takes and what it is, as text, as the book's page or as a
//! JSON Schema.

use crate::config::{
    METHODS, MethodConfig, Section, TaskConfig, hint, kinds, kinds_with, nearest, sections,
};
use clap::Args;
use commformer_env::settings::{Choice, Range, Setting, Takes, shown, without_targets};
use serde_json::{Value as Json, json};
use std::io::Write;

/// List the settings of a configuration: defaults, ranges and meanings
#[derive(Debug, Args)]
pub struct Settings {
    /// Only these: a section such as `ppo`, or a key such as `ppo.lr`
    name: Option<String>,
    /// The task whose settings `[env]` has
    #[arg(long, value_name = "KIND", default_value = "predator-prey")]
    env: String,
    /// The method whose settings `[method]` has
    #[arg(long, value_name = "KIND", default_value = "commformer")]
    method: String,
    /// Write the book's page, in Markdown, of all tasks and methods
    #[arg(long, conflicts_with_all = ["name", "env", "method", "json_schema"])]
    markdown: bool,
    /// Write a JSON Schema of configuration files, with which editors check and complete them
    #[arg(long, conflicts_with_all = ["name", "env", "method"])]
    json_schema: bool,
}

impl Settings {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        if self.markdown {
            return page(out);
        }
        if self.json_schema {
            return Ok(writeln!(out, "{:#}", json_schema())?);
        }
        known("task", &self.env, &kinds())?;
        known("method", &self.method, METHODS)?;
        let mut all = sections(&self.env, &self.method);
        for (section, kind) in [("env", &self.env), ("method", &self.method)] {
            let found = all.iter_mut().find(|found| found.name == section);
            let settings = found.into_iter().flat_map(|found| &mut found.settings);
            // Of a list that is copied it must say whose list it is.
            for setting in settings.filter(|setting| setting.name == "kind") {
                setting.default = Some(kind.as_str().into());
            }
        }
        let method = MethodConfig::of_kind(&self.method).unwrap_or_default();
        if self.name.is_none() {
            // What the method refuses is for others.
            all.retain(|section| method.reads(section.name));
        }
        if let Some(name) = &self.name {
            self.check_name(&all, name)?;
        }
        let (section, key) = match self.name.as_deref() {
            None => (None, None),
            Some(name) => match name.split_once('.') {
                None => (Some(name), None),
                Some((section, key)) => (Some(section), Some(key)),
            },
        };
        for found in all
            .iter()
            .filter(|found| section.is_none_or(|name| name == found.name))
        {
            writeln!(out, "[{}] {}", found.name, without_targets(found.about))?;
            for setting in &found.settings {
                if key.is_none_or(|key| key == setting.name) {
                    describe(out, setting)?;
                }
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// Refuses a section or a key that is not there, with what there is.
    fn check_name(&self, all: &[Section], name: &str) -> anyhow::Result<()> {
        let (first, key) = match name.split_once('.') {
            None => (name, None),
            Some((section, key)) => (section, Some(key)),
        };
        let has = |section: &Section, key: &str| {
            (section.settings.iter()).any(|setting| setting.name == key)
        };
        let section = all.iter().find(|section| section.name == first);
        if section.is_some_and(|section| key.is_none_or(|key| has(section, key))) {
            return Ok(());
        }
        // Every task has agents, and says which of its keys count them.
        let of_kinds = key.filter(|_| name != "env.agents");
        let of_kinds = of_kinds.map_or(Vec::new(), |key| kinds_with(first, key));
        if !of_kinds.is_empty() {
            let (what, own) = match first {
                "env" => ("task", &self.env),
                _ => ("method", &self.method),
            };
            let options: Vec<String> = (of_kinds.iter())
                .map(|kind| format!("`--{first} {kind}`"))
                .collect();
            anyhow::bail!(
                "there is no `{name}` with the {what} `{own}`; add {}",
                options.join(" or ")
            );
        }
        let mut names = all.iter().map(|section| section.name);
        if let (None, Some(near)) = (key, nearest(name, &mut names)) {
            anyhow::bail!("there is no section `{name}`; did you mean `{near}`?");
        }
        let env = TaskConfig::of_kind(&self.env).unwrap_or_default();
        let method = MethodConfig::of_kind(&self.method).unwrap_or_default();
        anyhow::bail!("there is no `{name}`; {}", hint(all, name, &env, &method))
    }
}

/// Refuses a name that is not known, with the nearest that is.
fn known(what: &str, name: &str, names: &[&str]) -> anyhow::Result<()> {
    if names.contains(&name) {
        return Ok(());
    }
    match nearest(name, names.iter().copied()) {
        Some(nearest) => anyhow::bail!("there is no {what} `{name}`; did you mean `{nearest}`?"),
        None => anyhow::bail!(
            "there is no {what} `{name}`; there are {}",
            names.join(", ")
        ),
    }
}

fn describe(out: &mut dyn Write, setting: &Setting) -> anyhow::Result<()> {
    let default = setting.default.as_ref().map_or("left out".into(), shown);
    writeln!(
        out,
        "  {} = {default}  ({})",
        setting.name,
        takes(&setting.takes, "")
    )?;
    writeln!(out, "      {}", setting.plain())?;
    if let Takes::Name(choices) = &setting.takes {
        for Choice { name, about, .. } in choices.iter().filter(|choice| !choice.about.is_empty()) {
            writeln!(out, "      {name}: {}", without_targets(about))?;
        }
    }
    Ok(())
}

/// The values that a setting takes, in words, with `quote` around names.
fn takes(takes: &Takes, quote: &str) -> String {
    let range = |kind: &str, range: &Range| match range.to_string() {
        // Whole numbers are never negative.
        range if range == "at least 0" || range == "any" => kind.to_owned(),
        range => format!("{kind}, {range}"),
    };
    match takes {
        Takes::Whole(bounds) => range("whole number", bounds),
        Takes::Number(bounds)
            if bounds.min == Some(0.0) && bounds.max.is_none() && bounds.below.is_none() =>
        {
            "number, at least 0".into()
        }
        Takes::Number(bounds) => range("number", bounds),
        Takes::Truth => format!("{quote}true{quote} or {quote}false{quote}"),
        Takes::Name(choices) => {
            let names = choices
                .iter()
                .map(|choice| format!("{quote}{}{quote}", choice.name));
            names.collect::<Vec<_>>().join(", ")
        }
        Takes::Text => "text".into(),
        Takes::Rows => "rows of 0 and 1".into(),
        Takes::Table => "table".into(),
    }
}

/// The book's page.
fn page(out: &mut dyn Write) -> anyhow::Result<()> {
    writeln!(
        out,
        "# Settings\n\nEvery key of a configuration, with its default and the values that it takes. [Configuration]\
         (configuration.md) says how they are set. This page is written by `commformer settings --markdown`; `commformer \
         settings` prints the same in a terminal, and `commformer settings --json-schema` writes a schema with which \
         editors check and complete configuration files."
    )?;
    let [first_kind, first_method] = [kinds()[0], METHODS[0]];
    for section in sections(first_kind, first_method) {
        writeln!(out, "\n## `[{}]`\n\n{}", section.name, section.about)?;
        let of_kinds = |kinds: &[&'static str], of: &dyn Fn(&str) -> Vec<Section>| {
            let of_kind = |kind: &&'static str| {
                let found = of(kind)
                    .into_iter()
                    .find(|found| found.name == section.name);
                (*kind, found.map_or(Vec::new(), |found| found.settings))
            };
            kinds.iter().map(of_kind).collect::<Vec<_>>()
        };
        let by_kind = match section.name {
            "env" => of_kinds(&kinds(), &|kind| sections(kind, first_method)),
            "method" => of_kinds(METHODS, &|kind| sections(first_kind, kind)),
            _ => {
                table(out, &section.settings.iter().collect::<Vec<_>>())?;
                continue;
            }
        };
        let is_common = |setting: &&Setting| {
            by_kind
                .iter()
                .all(|(_, settings)| settings.contains(setting))
        };
        let common: Vec<&Setting> = section.settings.iter().filter(is_common).collect();
        table(out, &common)?;
        for (kind, settings) in &by_kind {
            let own = |setting: &&Setting| !common.iter().any(|other| other.name == setting.name);
            let own: Vec<&Setting> = settings.iter().filter(own).collect();
            if !own.is_empty() {
                writeln!(out, "\n### `kind = \"{kind}\"`")?;
                table(out, &own)?;
            }
        }
    }
    Ok(())
}

fn table(out: &mut dyn Write, settings: &[&Setting]) -> anyhow::Result<()> {
    writeln!(
        out,
        "\n| key | default | takes | meaning |\n|---|---|---|---|"
    )?;
    for setting in settings {
        let default = setting.default.as_ref();
        let default = default.map_or("left out".into(), |value| format!("`{}`", shown(value)));
        let (about, takes) = match &setting.takes {
            Takes::Name(choices) if choices.iter().any(|choice| !choice.about.is_empty()) => {
                let choices = choices
                    .iter()
                    .map(|choice| format!("<br>`{}`: {}", choice.name, choice.about));
                (
                    setting.about.clone() + &choices.collect::<String>(),
                    "a name".into(),
                )
            }
            other => (setting.about.clone(), takes(other, "`")),
        };
        let about = about.replace('|', "\\|");
        writeln!(
            out,
            "| `{}` | {default} | {takes} | {about} |",
            setting.name
        )?;
    }
    Ok(())
}

/// A JSON Schema of configuration files. Which keys `[env]` and `[method]` have follows from their kinds.
fn json_schema() -> Json {
    let object = |settings: &[Setting]| {
        let properties = settings
            .iter()
            .map(|setting| (setting.name.clone(), property(setting)));
        json!({
            "type": "object",
            "properties": properties.collect::<serde_json::Map<_, _>>(),
            "additionalProperties": false,
        })
    };
    let of_kind = |kind: &str, settings: &[Setting]| {
        let mut schema = object(settings);
        schema["properties"]["kind"] = json!({ "const": kind });
        schema
    };
    let [first_kind, first_method] = [kinds()[0], METHODS[0]];
    let section = |name: &str, env: &str, method: &str| {
        let found = sections(env, method)
            .into_iter()
            .find(|section| section.name == name);
        found.map_or(Vec::new(), |section| section.settings)
    };
    let properties = sections(first_kind, first_method).into_iter().map(
        |Section {
             name,
             about,
             settings,
         }| {
            let mut schema = match name {
                "env" => {
                    let of =
                        |kind: &&'static str| of_kind(kind, &section("env", kind, first_method));
                    json!({ "anyOf": kinds().iter().map(of).collect::<Vec<_>>() })
                }
                "method" => {
                    let of =
                        |kind: &&'static str| of_kind(kind, &section("method", first_kind, kind));
                    json!({ "anyOf": METHODS.iter().map(of).collect::<Vec<_>>() })
                }
                _ => object(&settings),
            };
            schema["description"] = without_targets(about).into();
            (name.to_owned(), schema)
        },
    );
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A configuration of commformer",
        "type": "object",
        "properties": properties.collect::<serde_json::Map<_, _>>(),
        "additionalProperties": false,
    })
}

fn property(setting: &Setting) -> Json {
    let bounds = |kind: &str, range: &Range| {
        let mut schema = json!({ "type": kind });
        let bounds = [
            ("minimum", range.min),
            ("maximum", range.max),
            ("exclusiveMinimum", range.above),
            ("exclusiveMaximum", range.below),
        ];
        for (name, bound) in bounds {
            if let Some(bound) = bound {
                schema[name] = match kind {
                    "integer" => (bound as i64).into(),
                    _ => bound.into(),
                };
            }
        }
        schema
    };
    let mut schema = match &setting.takes {
        Takes::Whole(range) => bounds("integer", range),
        Takes::Number(range) => bounds("number", range),
        Takes::Truth => json!({ "type": "boolean" }),
        Takes::Name(choices) => {
            json!({ "enum": choices.iter().map(|choice| &choice.name).collect::<Vec<_>>() })
        }
        Takes::Text => json!({ "type": "string" }),
        Takes::Rows => {
            json!({ "type": "array", "items": { "type": "array", "items": { "enum": [0, 1] } } })
        }
        Takes::Table => json!({ "type": "object" }),
    };
    schema["description"] = setting.plain().into();
    if let Some(default) = &setting.default {
        schema["default"] = json!(default);
    }
    schema
}
