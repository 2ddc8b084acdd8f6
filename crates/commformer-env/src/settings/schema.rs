//! Settings, read off the schema that is derived from a struct.

use super::{Choice, Range, Setting, Takes};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json};
use toml::Value;

/// The settings of a section, in the order of its fields.
pub(super) fn read<C: JsonSchema>() -> Vec<Setting> {
    let inline = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = inline.into_generator().into_root_schema_for::<C>();
    let keys = schema.get("properties").and_then(Json::as_object);
    let setting = |(name, schema): (&String, &Json)| Setting::of(name, schema.as_object()?);
    keys.into_iter().flatten().filter_map(setting).collect()
}

impl Setting {
    fn of(name: &str, schema: &Map<String, Json>) -> Option<Self> {
        let text = |key: &str| schema.get(key).and_then(Json::as_str);
        let takes = Takes::of(schema)?;
        let default = schema.get("default").filter(|default| !default.is_null());
        let default = default.and_then(|default| Value::try_from(default).ok());
        Some(Self {
            name: name.to_owned(),
            about: paragraph(text("description")),
            takes,
            default,
            former: text("former").map(str::to_owned),
        })
    }
}

impl Takes {
    fn of(schema: &Map<String, Json>) -> Option<Self> {
        if let Some(choices) = choices(schema) {
            return Some(Self::Name(choices));
        }
        let kinds = schema.get("type")?;
        let kind = match kinds.as_array() {
            // What can be left out is of its type or null.
            Some(kinds) => kinds.first()?.as_str()?,
            None => kinds.as_str()?,
        };
        Some(match kind {
            "integer" => Self::Whole(Range::of(schema)),
            "number" => Self::Number(Range::of(schema)),
            "boolean" => Self::Truth,
            "string" => Self::Text,
            "array" => Self::Rows,
            "object" => Self::Table,
            _ => return None,
        })
    }
}

impl Range {
    fn of(schema: &Map<String, Json>) -> Self {
        let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
        // Of whole numbers that are not negative the schema says only how they are stored.
        let is_short = schema.get("format").and_then(Json::as_str) == Some("uint32");
        Self {
            min: bound("minimum"),
            max: bound("maximum").or(is_short.then_some(f64::from(u32::MAX))),
            above: bound("exclusiveMinimum"),
            below: bound("exclusiveMaximum"),
        }
    }
}

/// The names in the schema of an enum, or of one that can be left out.
fn choices(schema: &Map<String, Json>) -> Option<Vec<Choice>> {
    let list = |key: &str| schema.get(key).and_then(Json::as_array);
    if let Some(either) = list("anyOf") {
        return either
            .iter()
            .find_map(|schema| choices(schema.as_object()?));
    }
    let plain = |name: &Json| {
        let name = name.as_str()?.to_owned();
        Some(Choice {
            name,
            about: String::new(),
            former: None,
        })
    };
    if let Some(names) = list("enum") {
        return names.iter().map(plain).collect();
    }
    // Variants with doc comments stand alone, the others together.
    let variants = list("oneOf")?.iter().map(|variant| {
        let variant = variant.as_object()?;
        let text = |key: &str| variant.get(key).and_then(Json::as_str);
        let Some(name) = text("const") else {
            return choices(variant);
        };
        let former = text("former").map(str::to_owned);
        let about = paragraph(text("description"));
        Some(vec![Choice {
            name: name.to_owned(),
            about,
            former,
        }])
    });
    Some(variants.collect::<Option<Vec<_>>>()?.concat())
}

/// The first paragraph of a doc comment, in a line.
fn paragraph(text: Option<&str>) -> String {
    let first = text
        .unwrap_or_default()
        .split("\n\n")
        .next()
        .unwrap_or_default();
    first.split_whitespace().collect::<Vec<_>>().join(" ")
}
