//! Names of tasks, methods and variants, which are names of folders, too.

use crate::config::sections_with;
use toml::Value;

/// The longest name of a folder.
const LONGEST: usize = 120;

/// What is wrong with a name; `None` if nothing is.
pub(super) fn wrong(name: &str) -> Option<&'static str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_+.=".contains(letter);
    match name {
        _ if name.is_empty() || name.len() > LONGEST => Some("1 to 120 letters"),
        _ if name.starts_with(['.', '-']) => Some("a name that begins with a letter or a digit"),
        _ if !name.chars().all(plain) => Some("letters, digits and -_+.= alone"),
        // Beside the folders of tasks, and in that folder beside those of tasks' pages.
        "report" | "report.html" | "marl-eval.json" => {
            Some("another name than those of the report's folder and of its files")
        }
        _ => None,
    }
}

/// The name of a variant: the method's, and each key that is swept with its value. The section of a key is left out where
/// no other section has such a key, so that names do not depend on what else is swept.
pub(super) fn variant(method: &str, values: &[(String, Value)]) -> String {
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let told = values.iter().map(|(path, value)| {
        let same = |other: &&(String, Value)| last(&other.0) == last(path);
        let is_one = values.iter().filter(same).count() == 1;
        // A method has one kind: the task's is not swept beside it.
        let key = match is_one && (path == "method.kind" || sections_with(&last(path)) < 2) {
            true => last(path),
            false => path.clone(),
        };
        format!("{key}={}", plain(value))
    });
    let method = (!method.is_empty()).then(|| method.to_owned());
    let parts: Vec<String> = method.into_iter().chain(told).collect();
    match parts.is_empty() {
        true => "default".to_owned(),
        false => parts.join("+"),
    }
}

/// A value in letters that a folder's name may have.
fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let allowed = |letter: char| match letter.is_ascii_alphanumeric() || "-_.".contains(letter) {
        true => letter,
        false => '_',
    };
    text.chars().map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_named_after_its_values() {
        let value = |text: &str| crate::config::parse_value(text).unwrap();
        let named = |method: &str, values: &[(&str, &str)]| {
            let values: Vec<_> = (values.iter())
                .map(|(path, text)| ((*path).to_owned(), value(text)))
                .collect();
            variant(method, &values)
        };
        assert_eq!(named("", &[]), "default");
        assert_eq!(named("mappo", &[]), "mappo");
        assert_eq!(named("", &[("ppo.clip", "0.3")]), "clip=0.3");
        assert_eq!(
            named("a", &[("ppo.epochs", "5"), ("method.kind", "mat")]),
            "a+epochs=5+kind=mat"
        );
        // The graph has a rate, too, and gates have a mode.
        assert_eq!(
            named("a", &[("ppo.lr", "0.5"), ("graph.mode", "none")]),
            "a+ppo.lr=0.5+graph.mode=none"
        );
        // Options of a task in Python are of no section that is known.
        assert_eq!(
            named("a", &[("env.options.x.n", "1"), ("env.options.y.n", "2")]),
            "a+env.options.x.n=1+env.options.y.n=2"
        );
        let listed = named("a", &[("graph.edges", "[[0, 1]]")]);
        assert_eq!(listed, "a+edges=__0__1__");
        assert_eq!(wrong(&listed), None);
    }

    #[test]
    fn a_name_is_that_of_one_folder() {
        for name in ["signal", "lr=0.5+mode=none", "3m", "a.b"] {
            assert_eq!(wrong(name), None, "{name}");
        }
        for name in [
            "",
            "a/b",
            "..",
            "-a",
            "a b",
            "report",
            "report.html",
            "marl-eval.json",
            "ä",
            &"x".repeat(121),
        ] {
            assert!(wrong(name).is_some(), "{name}");
        }
    }
}
