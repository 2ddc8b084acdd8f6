//! `env.options` as Python reads them: JSON with Python's names of numbers that are not finite, and with dates.

use std::fmt::Write;
use toml::value::{Datetime, Offset};
use toml::{Table, Value};

/// The only key of a table that stands for a date, a time or both. Python's side knows it by the same name.
const DATE: &str = "$toml-date";

/// The text that `options_of` in `making.py` reads.
pub fn encode(options: &Table) -> String {
    let mut text = String::new();
    table(options, &mut text);
    text
}

/// The first value that cannot arrive as it is: its place and what it is, and what would do.
pub fn problem(options: &Table) -> Option<(String, &'static str)> {
    options.iter().find_map(|(key, value)| of(key, value))
}

fn of(path: &str, value: &Value) -> Option<(String, &'static str)> {
    match value {
        Value::Table(inner) if inner.contains_key(DATE) => {
            let expected = "tables without this key, which stands for dates on the way to Python";
            Some((format!("`{path}` with a key `{DATE}`"), expected))
        }
        Value::Table(inner) => {
            let mut entries = inner.iter();
            entries.find_map(|(key, value)| of(&format!("{path}.{key}"), value))
        }
        Value::Array(all) => {
            let mut all = all.iter().enumerate();
            all.find_map(|(index, value)| of(&format!("{path}[{index}]"), value))
        }
        Value::Datetime(date) => {
            let no_year = date.date.is_some_and(|date| date.year == 0);
            let leap = date.time.is_some_and(|time| time.second == Some(60));
            let expected = "a date that Python's datetime has: years from 1 on, seconds below 60; \
                            or text, in quotes";
            (no_year || leap).then(|| (format!("`{path} = {date}`"), expected))
        }
        Value::String(_) | Value::Integer(_) | Value::Float(_) | Value::Boolean(_) => None,
    }
}

fn table(entries: &Table, text: &mut String) {
    text.push('{');
    for (index, (key, value)) in entries.iter().enumerate() {
        text.push_str(if index > 0 { ", " } else { "" });
        string(key, text);
        text.push_str(": ");
        write(value, text);
    }
    text.push('}');
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::String(words) => string(words, text),
        Value::Integer(number) => push(text, number),
        // What `json.loads` calls them; it calls NaN what Rust calls it.
        Value::Float(number) if number.is_infinite() => {
            let sign = if *number < 0.0 { "-" } else { "" };
            push(text, format_args!("{sign}Infinity"));
        }
        // As Rust's `Debug` has it, a float has a point or an exponent, and is read back to the bit.
        Value::Float(number) => push(text, format_args!("{number:?}")),
        Value::Boolean(truth) => push(text, truth),
        Value::Datetime(date) => {
            push(text, format_args!("{{\"{DATE}\": \"{}\"}}", iso(date)));
        }
        Value::Array(all) => {
            text.push('[');
            for (index, value) in all.iter().enumerate() {
                text.push_str(if index > 0 { ", " } else { "" });
                write(value, text);
            }
            text.push(']');
        }
        Value::Table(entries) => table(entries, text),
    }
}

fn string(words: &str, text: &mut String) {
    push(text, serde_json::Value::from(words));
}

fn push(text: &mut String, what: impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = write!(text, "{what}");
}

/// The form that `fromisoformat` of Python 3.10 reads: six digits of a second, and an offset in numbers.
fn iso(date: &Datetime) -> String {
    let day = date.date.map(|date| {
        let (year, month, day) = (date.year, date.month, date.day);
        format!("{year:04}-{month:02}-{day:02}")
    });
    let time = date.time.map(|time| {
        let (hour, minute, second) = (time.hour, time.minute, time.second.unwrap_or(0));
        let micro = time.nanosecond.unwrap_or(0) / 1000;
        format!("{hour:02}:{minute:02}:{second:02}.{micro:06}")
    });
    let offset = date.offset.map(|offset| match offset {
        Offset::Z => "+00:00".to_owned(),
        Offset::Custom { minutes } => {
            let sign = if minutes < 0 { '-' } else { '+' };
            let minutes = minutes.unsigned_abs();
            format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
        }
    });
    let parts: Vec<String> = day.into_iter().chain(time).collect();
    parts.join("T") + &offset.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_dates_are_written_as_python_reads_them() {
        let text = r#"a = [inf, -inf, nan, 1.0, -0.0, 1e300, 7]
            b = false
            c = "\"\\\u0001ü"
            d = 1979-05-27T07:32:00.5Z
            e = 1979-05-27
            f = 07:32:00.1234567
            g = 1979-05-27T07:32:00-07:30
            h = {}"#;
        let date = |text: &str| format!("{{\"$toml-date\": \"{text}\"}}");
        let expected = [
            "\"a\": [Infinity, -Infinity, NaN, 1.0, -0.0, 1e300, 7]".to_owned(),
            "\"b\": false".into(),
            r#""c": "\"\\\u0001ü""#.into(),
            format!("\"d\": {}", date("1979-05-27T07:32:00.500000+00:00")),
            format!("\"e\": {}", date("1979-05-27")),
            format!("\"f\": {}", date("07:32:00.123456")),
            format!("\"g\": {}", date("1979-05-27T07:32:00.000000-07:30")),
            "\"h\": {}".into(),
        ];
        assert_eq!(
            encode(&text.parse().unwrap()),
            format!("{{{}}}", expected.join(", "))
        );
    }

    #[test]
    fn what_cannot_arrive_is_found_wherever_it_is() {
        let found = |text: &str| problem(&text.parse().unwrap()).map(|(found, _)| found);
        assert_eq!(found("a = 2000-01-01\nb = { c = [inf, nan] }"), None);
        assert_eq!(
            found("a.b = [1, { '$toml-date' = 1 }]").as_deref(),
            Some("`a.b[1]` with a key `$toml-date`")
        );
        assert_eq!(found("a = 0000-01-01").as_deref(), Some("`a = 0000-01-01`"));
        assert_eq!(
            found("a = [23:59:60]").as_deref(),
            Some("`a[0] = 23:59:60`")
        );
    }
}
