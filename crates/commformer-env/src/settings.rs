//! What serde's derives know of a struct of settings, so that nobody lists it again.

use serde::de::value::MapDeserializer;
use serde::de::{Deserialize, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use std::fmt;

/// A key that takes one of a few names, and these.
pub type Choice = (&'static str, &'static [&'static str]);

/// The keys of a struct of settings that take one of a few names, read off its serde derives.
pub fn choices<C: for<'de> Deserialize<'de>>() -> Vec<Choice> {
    let keys = keys::<C>().iter();
    let choices = keys.map(|key| (*key, look_at::<C>(key).variants));
    choices.filter(|(_, names)| !names.is_empty()).collect()
}

/// The defaults, with some value for each key that can be left out.
pub(crate) fn complete<C: Default + for<'de> Deserialize<'de>>() -> C {
    let optional = (keys::<C>().iter()).filter(|key| look_at::<C>(key).is_optional);
    let samples = optional.map(|key| (*key, Sample));
    C::deserialize(MapDeserializer::new(samples)).unwrap_or_default()
}

fn keys<'de, C: Deserialize<'de>>() -> &'static [&'static str] {
    C::deserialize(Probe).err().unwrap_or_default().fields
}

fn look_at<'de, C: Deserialize<'de>>(key: &'static str) -> Found {
    let only = std::iter::once((key, Probe));
    let read = C::deserialize(MapDeserializer::new(only));
    read.err().unwrap_or_default()
}

/// What a type asked a [`Probe`] for. Being an error, it ends the reading.
#[derive(Debug, Default)]
struct Found {
    fields: &'static [&'static str],
    variants: &'static [&'static str],
    is_optional: bool,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl std::error::Error for Found {}

impl serde::de::Error for Found {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self::default()
    }
}

/// Gives no value, but notes which type is asked for.
struct Probe;

impl<'de> Deserializer<'de> for Probe {
    type Error = Found;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Found> {
        Err(Found::default())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Found> {
        Err(Found {
            fields,
            ..Found::default()
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Found> {
        Err(Found {
            variants,
            ..Found::default()
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Found> {
        let inner = visitor.visit_some(self);
        inner.map_err(|found| Found {
            is_optional: true,
            ..found
        })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map identifier ignored_any
    }
}

/// Gives some value of whatever type is asked for: 1, which is in most ranges, false, no text, the first name.
struct Sample;

impl<'de> Deserializer<'de> for Sample {
    type Error = Found;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Found> {
        visitor.visit_u64(1)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Found> {
        visitor.visit_bool(false)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Found> {
        visitor.visit_str("")
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Found> {
        visitor.visit_some(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Found> {
        let first = variants.first().copied().unwrap_or_default();
        visitor.visit_enum(IntoDeserializer::<Found>::into_deserializer(first))
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl IntoDeserializer<'_, Found> for Probe {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl IntoDeserializer<'_, Found> for Sample {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Colour {
        DarkRed,
        #[default]
        Green,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Settings {
        count: usize,
        share: Option<f32>,
        colour: Colour,
        other: Option<Colour>,
        text: Option<String>,
        flag: Option<bool>,
        limit: Option<u32>,
    }

    #[test]
    fn keys_that_take_names_are_found_with_these() {
        let names: &[&str] = &["dark-red", "green"];
        assert_eq!(choices::<Settings>(), [("colour", names), ("other", names)]);
    }

    #[test]
    fn what_can_be_left_out_is_there_and_all_else_the_default() {
        let expected = Settings {
            count: 0,
            share: Some(1.0),
            colour: Colour::Green,
            other: Some(Colour::DarkRed),
            text: Some(String::new()),
            flag: Some(false),
            limit: Some(1),
        };
        assert_eq!(complete::<Settings>(), expected);
    }
}
