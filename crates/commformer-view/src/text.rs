//! Text in a terminal, whose letters take no column, one or two.

use std::borrow::Cow;
use std::path::Path;
use unicode_width::UnicodeWidthStr;

/// How many columns a terminal needs for a text.
pub fn width(text: &str) -> usize {
    text.width()
}

/// A text in at most so many columns; if some of it is missing, its end tells.
pub(crate) fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let Some(room) = columns.checked_sub(1) else {
        return String::new();
    };
    let ends = text.char_indices().map(|(at, _)| at);
    let end = ends.take_while(|end| width(&text[..*end]) <= room).last();
    format!("{}…", &text[..end.unwrap_or(0)])
}

/// A text with spaces after it, so that it fills at least so many columns.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// A path as it is typed into a shell: in quotes where the shell would split it, or read a letter of it as a sign. Bytes
/// that are no text are written as bash and zsh read them.
pub fn shell_word(path: &Path) -> String {
    let mut bytes = path.as_os_str().as_encoded_bytes().to_vec();
    if bytes.starts_with(b"-") {
        // Else it is read as an option.
        bytes.splice(..0, *b"./");
    }
    match String::from_utf8(bytes) {
        // Only what has a zero byte cannot be quoted; no path has one.
        Ok(path) => shlex::try_quote(&path).map_or_else(|_| path.clone(), Cow::into_owned),
        Err(error) => format!("$'{}'", error.as_bytes().escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_command() {
        for path in ["runs/signal-1", "my runs/a", "it's", "$HOME", "a&b", "勝率"] {
            let word = shell_word(Path::new(path));
            let split = shlex::split(&format!("train --run {word} --trust"));
            let expected = ["train", "--run", path, "--trust"].map(String::from);
            assert_eq!(split, Some(expected.into()), "{word}");
        }
        for (path, expected) in [
            ("/tmp/a_b/signal-1.0", "/tmp/a_b/signal-1.0"),
            ("-a", "./-a"),
        ] {
            assert_eq!(shell_word(Path::new(path)), expected);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_is_one_that_bash_reads() {
        use std::os::unix::ffi::OsStrExt;
        let name = b"-it's \\ \xffa\n\"$HOME\"\xe5";
        let word = shell_word(Path::new(std::ffi::OsStr::from_bytes(name)));
        assert!(word.is_ascii(), "{word}");
        let mut bash = std::process::Command::new("bash");
        let printed = bash.arg("-c").arg(format!("printf %s {word}")).output();
        // Elsewhere than on a machine with bash nothing is to be seen.
        if let Ok(printed) = printed {
            assert_eq!(printed.stdout, [&b"./"[..], name].concat(), "{word}");
        }
    }

    #[test]
    fn letters_take_the_columns_that_they_have() {
        for (text, expected) in [("win", 3), ("勝率", 4), ("e\u{301}", 1), ("", 0)] {
            assert_eq!(width(text), expected, "{text}");
            assert_eq!(
                padded(text, 6),
                format!("{text}{}", " ".repeat(6 - expected))
            );
            assert_eq!(padded(text, 0), text);
        }
    }

    #[test]
    fn what_is_cut_fits_and_tells() {
        for (columns, expected) in [
            (0, ""),
            (1, "…"),
            (2, "…"),
            (3, "勝…"),
            (4, "勝…"),
            (5, "勝率…"),
            (6, "勝率ab"),
            (7, "勝率ab"),
        ] {
            assert_eq!(cut("勝率ab", columns), expected, "{columns}");
        }
        // An accent stays on its letter.
        assert_eq!(cut("e\u{301}bc", 2), "e\u{301}…");
    }
}
