//! Words that come from elsewhere, a task or a file, made fit to be shown.

use std::borrow::Cow;
use std::fmt::Write;

/// The text without control characters, which could make a terminal do things: each but line breaks and tabs is
/// written out, as `\u001b`. That is how JSON writes them, too: text that is JSON stays what it was.
pub fn printable(text: &str) -> Cow<'_, str> {
    let acts = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        match acts(letter) {
            // Writing to a string never fails.
            true => drop(write!(shown, "\\u{:04x}", u32::from(letter))),
            false => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_written_out_and_nothing_else_changed() {
        assert_eq!(
            printable("a\u{1b}[2J\u{7}\r\u{7f}\u{9b}1m"),
            "a\\u001b[2J\\u0007\\u000d\\u007f\\u009b1m"
        );
        for plain in ["", "two\nlines\tand ünï — ✓", "\\u001b"] {
            assert!(matches!(printable(plain), Cow::Borrowed(text) if text == plain));
        }
        for code in 0..=0x10_ffff {
            let Some(letter) = char::from_u32(code) else {
                continue;
            };
            let kept = printable(&letter.to_string()) == letter.to_string();
            assert_eq!(
                kept,
                !letter.is_control() || "\n\t".contains(letter),
                "{code:x}"
            );
        }
    }
}
