//! How wide a terminal is, and what fits it.

use commformer_view::text::width;
use indicatif::ProgressStyle;

/// Columns of the terminal that this is; `None` where it is none, or does not say.
pub fn columns(of: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(of).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}

/// A live line, with a bar before it if there is room for one. What does not fit is cut, so that it stays one line.
pub fn live_line(bar: bool) -> ProgressStyle {
    let template = match bar {
        true => "{bar:24.cyan/dim} {wide_msg}",
        false => "{wide_msg}",
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => style.progress_chars("━╸─"),
        // A template that indicatif cannot read leaves its own default.
        Err(_) => ProgressStyle::default_bar(),
    }
}

/// The words of a text in lines of at most so many columns, where a word is not longer.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_no_columns() {
        assert_eq!(columns(tempfile::tempfile().unwrap()), None);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 3), ["one", "two", "three"]);
        assert_eq!(wrapped("one two", 100), ["one two"]);
        assert!(wrapped("", 5).is_empty());
        // Letters of two columns each.
        assert_eq!(wrapped("勝率 勝率 ab", 7), ["勝率", "勝率 ab"]);
    }
}
