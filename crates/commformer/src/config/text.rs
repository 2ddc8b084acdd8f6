//! Settings as text: TOML, and the assignments of `--set`.

use super::error::{ConfigError, Source};
use super::layers::lay;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use toml::{Table, Value};

/// The longest file that is read, in bytes. It has room for every edge of 2,800 agents, and bounds the
/// memory that reading takes, which is up to 300 times as much.
const MAX_LENGTH: u64 = 16 << 20;

/// The text of a file.
pub(crate) fn read(path: &Path) -> Result<String, ConfigError> {
    let mut text = String::new();
    let file = match path.is_dir() {
        true => Err(io::Error::other(
            "it is a folder; the configuration of a run's folder is its config.toml",
        )),
        false => File::open(path),
    };
    file.and_then(|file| file.take(MAX_LENGTH + 1).read_to_string(&mut text))
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
pub(crate) fn parse(text: &str, source_of: Source) -> Result<Table, ConfigError> {
    text.parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax {
            source_of,
            message: error.to_string().trim_end().to_owned(),
        })
}

/// Reads assignments such as `ppo.lr=3e-4`, and where each path was set. A value that is not TOML is text: quotes are not
/// needed.
pub(super) fn parse_assignments(
    assignments: &[String],
) -> Result<(Table, BTreeMap<String, Source>), ConfigError> {
    let mut table = Table::new();
    let mut sources = BTreeMap::new();
    for text in assignments {
        let wrong = || ConfigError::Assignment { text: text.clone() };
        let (keys, value) = split(text).ok_or_else(wrong)?;
        let path = keys.join(".");
        if value.trim().is_empty() {
            return Err(wrong());
        }
        let source = Source::Argument(format!("--set {text}"));
        sources.insert(path.clone(), source.clone());
        let refused = |found: String, expected: &str| ConfigError::Value {
            path: path.clone(),
            found,
            expected: expected.to_owned(),
            source_of: source.clone(),
            about: "".into(),
        };
        let value = value.trim();
        // Its text would be true in Python.
        if value == "None" && path.starts_with("env.options.") {
            let expected = "a value of TOML, which has no None: leave the option out where that is its default, or write \
                            '\"None\"' for the text";
            return Err(refused("None".into(), expected));
        }
        let value = parse_value(value).ok_or_else(|| {
            let expected = "TOML, such as [1, 2], { a = 1 } or 'text' (`a = 1`, not `a: 1`; in TOML, nothing is None)";
            refused(format!("`{value}`"), expected)
        })?;
        insert(&mut table, &keys, value).ok_or_else(wrong)?;
    }
    Ok((table, sources))
}

/// The keys of an assignment's path, and its value.
pub(crate) fn split(assignment: &str) -> Option<(Vec<String>, &str)> {
    let mut signs = assignment.match_indices('=');
    // The first sign that no quotation holds.
    signs.find_map(|(at, _)| Some((keys(assignment[..at].trim())?, &assignment[at + 1..])))
}

/// The keys of a path such as `env.options.N`. One that has a dot stands in quotes, as in TOML.
fn keys(path: &str) -> Option<Vec<String>> {
    if !path.contains(['"', '\'']) {
        let keys: Vec<String> = path.split('.').map(str::to_owned).collect();
        let is_whole = |key: &String| !key.is_empty() && !key.contains('=');
        return keys.iter().all(is_whole).then_some(keys);
    }
    let mut keys = Vec::new();
    let mut table: Table = format!("[{path}]").parse().ok()?;
    while !table.is_empty() {
        let mut entries = table.into_iter();
        let (Some((key, Value::Table(inner))), None) = (entries.next(), entries.next()) else {
            return None;
        };
        keys.push(key);
        table = inner;
    }
    Some(keys)
}

/// Where a path was set: by itself, within a table, or by a path within it.
pub(super) fn source_of(sources: &BTreeMap<String, Source>, path: &str) -> Source {
    let is_within = |inner: &str, outer: &str| {
        let rest = inner.strip_prefix(outer);
        rest.is_some_and(|rest| rest.starts_with('.'))
    };
    let related =
        |(known, _): &(&String, &Source)| is_within(path, known) || is_within(known, path);
    let found = (sources.get(path)).or_else(|| Some(sources.iter().find(related)?.1));
    found.cloned().unwrap_or(Source::Default)
}

/// Puts a value where a path leads, a table over what is there; nothing, if a value that is no table lies in the way.
fn insert(table: &mut Table, path: &[String], value: Value) -> Option<()> {
    match path {
        [] => return None,
        [last] => lay(table, last.clone(), value),
        [first, rest @ ..] => {
            let inner = table.entry(first).or_insert_with(|| Table::new().into());
            insert(inner.as_table_mut()?, rest, value)?;
        }
    }
    Some(())
}

/// A value as people type it: TOML, in which `True`, `False` and numbers such as `.5` may be written as in Python. Anything
/// else is text. What begins like a list, a table or a quotation and is none is a slip of the pen, and nothing.
pub(crate) fn parse_value(text: &str) -> Option<Value> {
    let is_begun = text.starts_with(['[', '{', '"', '\'']);
    toml_value(text)
        .or_else(|| toml_value(&with_plain_booleans(text)))
        .or_else(|| number(text).map(Value::Float))
        .or_else(|| (!is_begun).then(|| Value::String(text.to_owned())))
}

fn toml_value(text: &str) -> Option<Value> {
    let mut entries = format!("value = {text}").parse::<Table>().ok()?.into_iter();
    let (_, value) = entries.next()?;
    // More than a value is text, not more settings.
    entries.next().is_none().then_some(value)
}

/// The same with Python's words for true and false in TOML's letters, but for those in quotes and the names of keys.
fn with_plain_booleans(text: &str) -> String {
    let is_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    let (mut plain, mut rest, mut quote) = (String::new(), text, None);
    while let Some(letter) = rest.chars().next() {
        let length = match rest.find(|letter| !is_of_word(letter)) {
            // With what a backslash stands before.
            Some(0) if letter == '\\' && quote == Some('"') => {
                rest.chars().take(2).map(char::len_utf8).sum()
            }
            Some(0) => letter.len_utf8(),
            Some(length) => length,
            None => rest.len(),
        };
        let (piece, after) = rest.split_at(length);
        let is_value = quote.is_none() && !after.trim_start().starts_with('=');
        plain.push_str(match piece {
            "True" if is_value => "true",
            "False" if is_value => "false",
            piece => piece,
        });
        quote = match (letter, quote) {
            ('"' | '\'', None) => Some(letter),
            (letter, Some(open)) if letter == open => None,
            (_, quote) => quote,
        };
        rest = after;
    }
    plain
}

/// A number that lacks the digits on one side of its point, or that Python calls `NaN` or `Infinity`.
fn number(text: &str) -> Option<f64> {
    let digits = text.trim_start_matches(['+', '-']);
    let is_open = digits.starts_with('.') || digits.contains(".e") || digits.ends_with('.');
    let is_named = matches!(digits, "NaN" | "Infinity");
    (is_open || is_named).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn pythons_spellings_mean_what_they_mean_in_python() {
        let value = |text: &str| parse_value(text);
        for (text, expected) in [
            ("True", "true"),
            ("False", "false"),
            ("false", "false"),
            (
                "[True, 'True', \"\\\" True\", False]",
                "[true, 'True', \"\\\" True\", false]",
            ),
            (
                "{ a = True, False = 'x', b = [False] }",
                "{ a = true, 'False' = 'x', b = [false] }",
            ),
            (".5", "0.5"),
            ("-.5e-3", "-0.0005"),
            ("5.", "5.0"),
            ("1.e3", "1000.0"),
            ("-Infinity", "-inf"),
            ("inf", "inf"),
            ("1979-05-27", "1979-05-27"),
            ("True story", "'True story'"),
            ("TRUE", "'TRUE'"),
            ("Falsehood", "'Falsehood'"),
            ("007", "'007'"),
            ("1.2.3", "'1.2.3'"),
            ("..", "'..'"),
            ("None", "'None'"),
            ("./my_env.py:make", "'./my_env.py:make'"),
        ] {
            assert_eq!(value(text), toml_value(expected), "{text}");
        }
        assert!(value("NaN").is_some_and(|value| value.as_float().is_some_and(f64::is_nan)));
        for text in ["[1, None]", "{'a': 1}", "{ a: 1 }", "[1, 2", "\"x", "'x"] {
            assert_eq!(value(text), None, "{text}");
        }
    }

    #[test]
    fn what_toml_cannot_say_is_refused_with_its_key() {
        for (text, words) in [
            ("env.options.x=None", "`env.options.x` is None"),
            ("env.options.x=[1, None]", "`env.options.x` is `[1, None]`"),
            (
                "graph.edges=[[0, 1], [1, 0]",
                "`graph.edges` is `[[0, 1], [1, 0]`",
            ),
        ] {
            let error = parse_assignments(&[text.into()]).unwrap_err().to_string();
            assert!(error.starts_with(words), "{text}: {error}");
            assert!(
                error.ends_with(&format!("(from `--set {text}`)")),
                "{error}"
            );
        }
        let quoted = parse_assignments(&["env.options.x='None'".into()])
            .unwrap()
            .0;
        assert_eq!(quoted["env"]["options"]["x"].as_str(), Some("None"));
    }

    #[test]
    fn a_key_with_a_dot_stands_in_quotes() {
        for text in [
            "env.options.\"a.b\"=2",
            "env.'options'.'a.b' = 2",
            "\"env\".options.\"a.b\"=2",
        ] {
            let (table, sources) = parse_assignments(&[text.into()]).unwrap();
            assert_eq!(
                table["env"]["options"]["a.b"].as_integer(),
                Some(2),
                "{text}"
            );
            let source = Source::Argument(format!("--set {text}"));
            assert_eq!(source_of(&sources, "env.options.a.b"), source);
        }
        let (table, _) = parse_assignments(&["env.options.'a=b'='c=d'".into()]).unwrap();
        assert_eq!(table["env"]["options"]["a=b"].as_str(), Some("c=d"));
        // What TOML would want quoted, but no dot.
        let (table, _) = parse_assignments(&["env.options.größe/2=1".into()]).unwrap();
        assert_eq!(table["env"]["options"]["größe/2"].as_integer(), Some(1));
    }

    #[test]
    fn a_path_was_set_where_a_table_around_it_or_a_path_within_it_was() {
        let (_, sources) =
            parse_assignments(&["ppo={ lr = 1 }".into(), "run.seed=2".into()]).unwrap();
        let set = |text: &str| Source::Argument(format!("--set {text}"));
        for (path, expected) in [
            ("ppo.lr", set("ppo={ lr = 1 }")),
            ("run.seed", set("run.seed=2")),
            ("run", set("run.seed=2")),
            ("run.see", Source::Default),
            ("ru", Source::Default),
        ] {
            assert_eq!(source_of(&sources, path), expected, "{path}");
        }
    }

    #[test]
    fn a_table_takes_no_setting_of_before_away() {
        let texts = [
            "env.agents=5",
            "env={ kind = 'signal', agents = 4 }",
            "env.shared=true",
        ];
        let (table, _) = parse_assignments(&texts.map(String::from)).unwrap();
        let expected = "kind = 'signal'\nagents = 4\nshared = true"
            .parse()
            .unwrap();
        assert_eq!(table["env"], Value::Table(expected));
        let texts = ["env.options.N=5", "env.options={ M = 4 }"];
        let (table, _) = parse_assignments(&texts.map(String::from)).unwrap();
        let expected = "N = 5\nM = 4".parse().unwrap();
        assert_eq!(table["env"]["options"], Value::Table(expected));
    }

    #[test]
    fn malformed_assignments_are_refused() {
        for text in [
            "ppo.lr",
            "ppo.lr=",
            ".lr=1",
            "ppo.=1",
            "=1",
            "=x.y=1",
            "env.options.\"a.b=2",
            "env.options.\"a\"b=2",
            "a]\n['b'=2",
        ] {
            let error = parse_assignments(&[text.into()]).unwrap_err();
            assert!(error.to_string().contains("KEY=VALUE"), "{text}: {error}");
        }
    }
}
