//! What is known of a struct of settings: its keys, and for each the type, the default, the range or the names, and the
//! sentence that documents it. All of it is read off the struct, so that nobody lists it again.
//!
//! A field's doc comment is the sentence, `#[default]` of the crate `smart-default` the default, and `#[schemars(range(...))]`
//! the range; bounds that are not reached are `#[schemars(extend("exclusiveMinimum" = 0.0))]`. A former name that is still
//! read is `#[schemars(extend("former" = "..."))]`, of a field or of a variant.
//!
//! ```
//! use commformer_env::settings::{Takes, settings};
//! use commformer_env::SignalConfig;
//!
//! let agents = settings::<SignalConfig>().iter().find(|setting| setting.name == "agents").unwrap();
//! assert_eq!(agents.expected(), "2 to 10000");
//! assert_eq!(agents.default, Some(toml::Value::Integer(3)));
//! ```

use crate::{ConfigError, error::require};
use ciborium::Value as Cbor;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use std::any::TypeId;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use toml::Value;

/// One setting.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Its key in the section.
    pub name: String,
    /// What it is, in Markdown.
    pub about: String,
    /// The values that it takes.
    pub takes: Takes,
    /// Its default; `None` if it is left out by default.
    pub default: Option<Value>,
    /// A former name that is still read.
    pub former: Option<String>,
}

/// The values that a setting takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Takes {
    /// Whole numbers.
    Whole(Range),
    /// Numbers.
    Number(Range),
    /// `true` or `false`.
    Truth,
    /// One of a few names.
    Name(Vec<Choice>),
    /// Any text.
    Text,
    /// Rows of whole numbers.
    Rows,
    /// Keys and values of any kind.
    Table,
}

/// A name that a setting takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The name.
    pub name: String,
    /// What it means, in Markdown.
    pub about: String,
    /// A former name that is still read.
    pub former: Option<String>,
}

/// Between which numbers a value lies; each bound may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// It is at least this.
    pub min: Option<f64>,
    /// It is at most this.
    pub max: Option<f64>,
    /// It is above this.
    pub above: Option<f64>,
    /// It is below this.
    pub below: Option<f64>,
}

impl Range {
    fn of(schema: &Map<String, Json>) -> Self {
        let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
        Self {
            min: bound("minimum"),
            max: bound("maximum"),
            above: bound("exclusiveMinimum"),
            below: bound("exclusiveMaximum"),
        }
    }

    /// Whether a finite number lies between the bounds.
    pub fn contains(&self, number: f64) -> bool {
        number.is_finite()
            && self.min.is_none_or(|min| number >= min)
            && self.max.is_none_or(|max| number <= max)
            && self.above.is_none_or(|above| number > above)
            && self.below.is_none_or(|below| number < below)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.above, self.max, self.below) {
            (Some(min), _, Some(max), _) => write!(f, "{min} to {max}"),
            (Some(min), _, _, Some(below)) => write!(f, "from {min} to below {below}"),
            (Some(min), ..) => write!(f, "at least {min}"),
            (_, Some(above), Some(max), _) => write!(f, "above {above} and at most {max}"),
            (_, Some(above), _, Some(below)) => write!(f, "above {above} and below {below}"),
            (_, Some(above), ..) => write!(f, "above {above}"),
            (_, _, Some(max), _) => write!(f, "at most {max}"),
            (_, _, _, Some(below)) => write!(f, "below {below}"),
            (None, None, None, None) => f.write_str("any"),
        }
    }
}

/// Whole numbers up to here are exact as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

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

    /// What a value must be, in words.
    pub fn expected(&self) -> String {
        match &self.takes {
            Takes::Whole(range) => range.to_string(),
            Takes::Number(range) => match (range.min, range.max, range.below) {
                (Some(_), Some(_), _) => format!("a number from {range}"),
                (Some(min), None, None) => format!("{min} or a number above it"),
                (Some(_), None, Some(_)) => range.to_string(),
                _ if *range == Range::default() => "a finite number".into(),
                _ => format!("a number {range}"),
            },
            Takes::Truth => "true or false".into(),
            Takes::Name(choices) => {
                let names = choices.iter().map(|choice| format!("`{}`", choice.name));
                format!("one of {}", names.collect::<Vec<_>>().join(", "))
            }
            Takes::Text => "text".into(),
            Takes::Rows => "rows of 0 and 1, such as [[0, 1], [1, 0]]".into(),
            Takes::Table => "a table, such as { a = 1 }".into(),
        }
    }

    /// What it is, without the targets of links.
    pub fn plain(&self) -> String {
        let mut pieces = self.about.split("](");
        let mut plain = pieces.next().unwrap_or_default().replace('[', "");
        for piece in pieces {
            let (_, rest) = piece.split_once(')').unwrap_or(("", piece));
            plain += &rest.replace('[', "");
        }
        plain
    }

    /// A value that it takes: its default, or where it is left out by default, some other.
    pub fn example(&self) -> Value {
        let number = |range: &Range| match range.contains(1.0) {
            true => 1.0,
            false => range.min.or(range.max).unwrap_or_default(),
        };
        let other = || match &self.takes {
            Takes::Whole(range) => (number(range) as i64).into(),
            Takes::Number(range) => number(range).into(),
            Takes::Truth => false.into(),
            Takes::Name(choices) => choices[0].name.clone().into(),
            Takes::Text => "".into(),
            Takes::Rows => Value::Array(Vec::new()),
            Takes::Table => toml::Table::new().into(),
        };
        self.default.clone().unwrap_or_else(other)
    }

    /// The value as the setting's type, with names of today: a whole number may stand for a float, and a float such as `6e5` for
    /// a whole number.
    ///
    /// # Errors
    ///
    /// What it must be instead.
    pub fn accept(&self, value: Value) -> Result<Value, String> {
        match (&self.takes, value) {
            (Takes::Number(range), Value::Float(number)) if range.contains(number) => {
                Ok(number.into())
            }
            (Takes::Number(range), Value::Integer(number)) if range.contains(number as f64) => {
                Ok((number as f64).into())
            }
            (Takes::Number(_), Value::Float(_) | Value::Integer(_)) => Err(self.expected()),
            (Takes::Number(_), _) => Err("a number".into()),
            (Takes::Whole(range), Value::Integer(number)) if range.contains(number as f64) => {
                Ok(number.into())
            }
            (Takes::Whole(range), Value::Float(number))
                if number.fract() == 0.0 && number.abs() < EXACT && range.contains(number) =>
            {
                Ok((number as i64).into())
            }
            (Takes::Whole(_), Value::Integer(_)) => Err(self.expected()),
            (Takes::Whole(range), _) => Err(format!("a whole number, {range}")),
            (Takes::Name(choices), Value::String(name)) => {
                let named =
                    |choice: &&Choice| choice.name == name || choice.former.as_ref() == Some(&name);
                let choice = choices.iter().find(named);
                choice.map_or_else(
                    || Err(self.expected()),
                    |choice| Ok(choice.name.clone().into()),
                )
            }
            (Takes::Rows, value) => {
                match value.as_array().is_some_and(|rows| rows.iter().all(is_row)) {
                    true => Ok(value),
                    false => Err(self.expected()),
                }
            }
            (Takes::Truth, value @ Value::Boolean(_))
            | (Takes::Text, value @ Value::String(_))
            | (Takes::Table, value @ Value::Table(_)) => Ok(value),
            (Takes::Name(_), _) => Err("text".into()),
            _ => Err(self.expected()),
        }
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

fn is_row(row: &Value) -> bool {
    row.as_array()
        .is_some_and(|row| row.iter().all(Value::is_integer))
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

/// The settings of a section, in the order of its fields.
pub fn settings<C: JsonSchema + 'static>() -> &'static [Setting] {
    static KNOWN: Mutex<Option<HashMap<TypeId, &'static [Setting]>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    // Kept for good: there are as many as types.
    let known = known.get_or_insert_default();
    known
        .entry(TypeId::of::<C>())
        .or_insert_with(|| read::<C>().leak())
}

fn read<C: JsonSchema>() -> Vec<Setting> {
    let inline = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let schema = inline.into_generator().into_root_schema_for::<C>();
    let keys = schema.get("properties").and_then(Json::as_object);
    let setting = |(name, schema): (&String, &Json)| Setting::of(name, schema.as_object()?);
    keys.into_iter().flatten().filter_map(setting).collect()
}

/// Refuses the first number that is out of its range.
///
/// # Errors
///
/// [`ConfigError`], which names it.
pub fn check<C: Serialize + JsonSchema + 'static>(config: &C) -> Result<(), ConfigError> {
    // CBOR tells NaN from what is left out, and holds every whole number.
    let fields = Cbor::serialized(config)
        .ok()
        .and_then(|fields| fields.into_map().ok());
    let fields: HashMap<String, Cbor> = (fields.into_iter().flatten())
        .filter_map(|(name, value)| Some((name.into_text().ok()?, value)))
        .collect();
    settings::<C>().iter().try_for_each(|setting| {
        let (Takes::Whole(range) | Takes::Number(range)) = &setting.takes else {
            return Ok(());
        };
        let (number, found) = match fields.get(&setting.name) {
            Some(Cbor::Integer(number)) => {
                (i128::from(*number) as f64, i128::from(*number).to_string())
            }
            Some(Cbor::Float(number)) => (*number, shown(&Value::Float(*number))),
            _ => return Ok(()),
        };
        let field = setting.name.as_str();
        require(range.contains(number), field, found, setting.expected())
    })
}

/// A value as messages show it: numbers as they are typed, and all else as TOML.
pub fn shown(value: &Value) -> String {
    match value {
        // It was single precision, and has the digits of that.
        Value::Float(number) if f64::from(*number as f32) == *number => {
            (*number as f32).to_string()
        }
        Value::Float(number) => number.to_string(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use smart_default::SmartDefault;

    #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    enum Colour {
        #[schemars(extend("former" = "crimson"))]
        DarkRed,
        /// As grass
        /// is.
        ///
        /// More of it.
        #[default]
        Green,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema, SmartDefault)]
    #[serde(default, deny_unknown_fields)]
    struct Paint {
        /// How many
        /// tins.
        #[default = 3]
        #[schemars(range(min = 1, max = 9), extend("former" = "tins"))]
        count: usize,
        #[default = 0.1]
        #[schemars(extend("exclusiveMinimum" = 0.0, "exclusiveMaximum" = 1.0))]
        share: f32,
        any: f64,
        least: Option<f32>,
        colour: Colour,
        other: Option<Colour>,
        text: Option<String>,
        flag: bool,
        rows: Vec<Vec<i64>>,
        #[serde(skip)]
        hidden: usize,
    }

    fn of(name: &str) -> &'static Setting {
        settings::<Paint>()
            .iter()
            .find(|setting| setting.name == name)
            .unwrap()
    }

    #[test]
    fn a_setting_is_what_its_field_says() {
        let names: Vec<_> = settings::<Paint>()
            .iter()
            .map(|setting| setting.name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "count", "share", "any", "least", "colour", "other", "text", "flag", "rows"
            ]
        );
        let count = of("count");
        assert_eq!(count.about, "How many tins.");
        assert_eq!(
            (count.default.clone(), count.former.as_deref()),
            (Some(3.into()), Some("tins"))
        );
        assert_eq!(of("share").default.as_ref().map(shown), Some("0.1".into()));
        assert_eq!(of("least").default, None);
        let choice = |name: &str, about: &str, former: Option<&str>| Choice {
            name: name.into(),
            about: about.into(),
            former: former.map(Into::into),
        };
        let choices = vec![
            choice("dark-red", "", Some("crimson")),
            choice("green", "As grass is.", None),
        ];
        for name in ["colour", "other"] {
            assert_eq!(of(name).takes, Takes::Name(choices.clone()));
        }
    }

    #[test]
    fn values_are_taken_or_refused_with_what_would_do() {
        let accept = |name: &str, value: Value| of(name).accept(value);
        let refused = |text: &str| Err(text.to_owned());
        assert_eq!(accept("count", 9.into()), Ok(9.into()));
        assert_eq!(accept("count", 9.0.into()), Ok(9.into()));
        assert_eq!(accept("count", 10.into()), refused("1 to 9"));
        assert_eq!(
            accept("count", 2.5.into()),
            refused("a whole number, 1 to 9")
        );
        assert_eq!(
            accept("share", 1.into()),
            refused("a number above 0 and below 1")
        );
        assert_eq!(
            accept("share", f64::NAN.into()),
            refused("a number above 0 and below 1")
        );
        assert_eq!(accept("share", "x".into()), refused("a number"));
        assert_eq!(accept("any", 3.into()), Ok(3.0.into()));
        assert_eq!(
            accept("any", f64::INFINITY.into()),
            refused("a finite number")
        );
        assert_eq!(accept("colour", "crimson".into()), Ok("dark-red".into()));
        assert_eq!(
            accept("other", "blue".into()),
            refused("one of `dark-red`, `green`")
        );
        assert_eq!(accept("other", 1.into()), refused("text"));
        assert_eq!(accept("flag", 1.into()), refused("true or false"));
        let row = Value::Array(vec![Value::Array(vec![1.into()])]);
        assert_eq!(accept("rows", row.clone()), Ok(row));
        assert!(accept("rows", Value::Array(vec![1.into()])).is_err());
    }

    #[test]
    fn examples_are_taken_and_read() {
        let table: toml::Table = settings::<Paint>()
            .iter()
            .map(|setting| (setting.name.clone(), setting.example()))
            .collect();
        for setting in settings::<Paint>() {
            assert_eq!(
                setting.accept(setting.example()),
                Ok(setting.example()),
                "{}",
                setting.name
            );
        }
        let read: Paint = table.try_into().unwrap();
        assert_eq!((read.count, read.other), (3, Some(Colour::DarkRed)));
    }

    #[test]
    fn what_is_out_of_range_is_named_with_its_digits() {
        let refused = |edit: fn(&mut Paint)| {
            let mut paint = Paint::default();
            assert_eq!(check(&paint), Ok(()));
            edit(&mut paint);
            check(&paint).unwrap_err().to_string()
        };
        assert_eq!(
            refused(|paint| paint.count = 0),
            "`count` is 0, but must be 1 to 9"
        );
        assert_eq!(
            refused(|paint| paint.share = 1.1),
            "`share` is 1.1, but must be a number above 0 and below 1"
        );
        assert_eq!(
            refused(|paint| paint.any = f64::NAN),
            "`any` is NaN, but must be a finite number"
        );
        assert!(refused(|paint| paint.least = Some(f32::INFINITY)).contains("`least` is inf"));
    }
}
