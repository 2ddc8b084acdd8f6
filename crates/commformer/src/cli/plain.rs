//! What the program prints, without control characters: names of files, settings and metrics may hold any.

use commformer_env::printable;
use std::io::{self, Write};

/// Writes on what is written to it, made [printable].
pub(super) struct Plain<W>(pub W);

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The pieces that `write!` hands on are whole letters.
        let text = String::from_utf8_lossy(bytes);
        self.0.write_all(printable(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_never_told_what_to_do_and_json_stays_what_it_was() {
        let said = "\u{1b}]0;mine\u{7} and \u{9b}31m";
        let mut written = Vec::new();
        let json = serde_json::to_string(said).unwrap();
        writeln!(Plain(&mut written), "{json}").unwrap();
        let text = String::from_utf8(written).unwrap();
        assert!(
            text.trim_end().chars().all(|letter| !letter.is_control()),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), said);
    }
}
