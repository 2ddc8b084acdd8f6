//! What workers warn of: each kind is told once for a task, whichever of them says it first.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Tasks, and the kinds of warnings that were told of them.
static TOLD: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());
/// More kinds of one task are not told: there are a few.
const MOST: usize = 16;

/// Warnings by their kind.
pub type Warnings = BTreeMap<String, String>;

/// The warnings in the answer to a step, which is `done` alone or with a table of them; `None` if it is another answer.
pub fn read(answer: &str) -> Option<Warnings> {
    match answer.strip_prefix("done")? {
        "" => Some(Warnings::new()),
        rest => serde_json::from_str(rest.strip_prefix(' ')?).ok(),
    }
}

/// Tells what was not told before of this task.
pub fn tell(make: &str, warnings: &Warnings) {
    for warning in new(make, warnings) {
        // If nobody reads stderr there is nobody to tell.
        let line = format!("warning: `{make}`: {warning}");
        let _ = writeln!(io::stderr(), "{}", commformer_env::printable(&line));
    }
}

fn new<'a>(make: &str, warnings: &'a Warnings) -> Vec<&'a str> {
    if warnings.is_empty() {
        return Vec::new();
    }
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found = Vec::new();
    for (kind, warning) in warnings {
        let mut known = told.iter().filter(|(of, _)| of == make);
        if known.clone().count() < MOST && known.all(|(_, what)| what != kind) {
            told.push((make.to_owned(), kind.clone()));
            found.push(warning.as_str());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_told_once_for_a_task() {
        let warnings = read("done {\"again\": \"a0 is back\"}").unwrap();
        assert_eq!(new("once:a", &warnings), ["a0 is back"]);
        let other = read("done {\"again\": \"a1 is back\", \"else\": \"x\"}").unwrap();
        assert_eq!(new("once:a", &other), ["x"]);
        assert_eq!(new("once:b", &warnings), ["a0 is back"]);
    }

    #[test]
    fn what_is_no_end_of_a_step_is_none() {
        assert!(read("done").unwrap().is_empty());
        for text in [
            "",
            "don",
            "done ",
            "done{}",
            "done []",
            "done {\"a\": 1}",
            "{\"ok\":null}",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
