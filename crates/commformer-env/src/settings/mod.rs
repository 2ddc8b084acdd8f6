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

mod schema;
#[cfg(test)]
mod tests;

use crate::{ConfigError, error::require};
use ciborium::Value as Cbor;
use schemars::JsonSchema;
use serde::Serialize;
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

/// Between which numbers a value lies; each bound may be missing. Bounds are floats: one of 2^63 or more stands for the
/// largest whole number of TOML, 2^63 - 1, which no float is.
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
    /// Whether a finite number lies between the bounds.
    pub fn contains(&self, number: f64) -> bool {
        number.is_finite()
            && self.min.is_none_or(|min| number >= min)
            && self.max.is_none_or(|max| number <= max)
            && self.above.is_none_or(|above| number > above)
            && self.below.is_none_or(|below| number < below)
    }

    /// Whether a whole number lies between the bounds.
    fn contains_whole(&self, number: i128) -> bool {
        let largest = self.max.filter(|max| *max >= BEYOND);
        self.contains(number as f64) && largest.is_none_or(|_| number <= i128::from(i64::MAX))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |max: f64| match max >= BEYOND {
            true => i64::MAX.to_string(),
            false => max.to_string(),
        };
        match (self.min, self.above, self.max.map(shown), self.below) {
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

/// A text in Markdown without the targets of its links.
pub fn without_targets(text: &str) -> String {
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(middle) = rest.find("](") {
        let begin = rest[..middle].rfind('[');
        let (Some(begin), Some(length)) = (begin, rest[middle..].find(')')) else {
            break;
        };
        plain += &rest[..begin];
        plain += &rest[begin + 1..middle];
        rest = &rest[middle + length + 1..];
    }
    plain + rest
}

/// One more than the largest whole number of TOML.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// Whole numbers up to here are exact as floats.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Setting {
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
        without_targets(&self.about)
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

    /// The value as the setting's type, with present names in place of former ones. A whole number may stand for a
    /// float, and a float such as `6e5` for a whole number.
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
            (Takes::Whole(range), Value::Integer(number))
                if range.contains_whole(number.into()) =>
            {
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
            _ => Err(self.expected()),
        }
    }
}

fn is_row(row: &Value) -> bool {
    row.as_array()
        .is_some_and(|row| row.iter().all(Value::is_integer))
}

/// The settings of a section, in the order of its fields.
pub fn settings<C: JsonSchema + 'static>() -> &'static [Setting] {
    static KNOWN: Mutex<Option<HashMap<TypeId, &'static [Setting]>>> = Mutex::new(None);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    // Kept for good: there are as many as types.
    let known = known.get_or_insert_default();
    known
        .entry(TypeId::of::<C>())
        .or_insert_with(|| schema::read::<C>().leak())
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
        let (holds, found) = match fields.get(&setting.name) {
            Some(Cbor::Integer(number)) => {
                let number = i128::from(*number);
                (range.contains_whole(number), number.to_string())
            }
            Some(Cbor::Float(number)) => {
                // By the digits that were typed: 0.01 in single precision is less than 0.01.
                let typed = shown(&Value::Float(*number));
                (range.contains(typed.parse().unwrap_or(*number)), typed)
            }
            _ => return Ok(()),
        };
        let field = setting.name.as_str();
        require(holds, field, found, setting.expected())
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
