//! Tables as text, for other programs (RFC 4180).

/// A table under its head.
pub(super) struct Csv(String);

impl Csv {
    pub fn new(head: &[&str]) -> Self {
        let mut csv = Self(String::new());
        csv.line(head.iter().map(|name| (*name).to_owned()));
        csv
    }

    /// A line: words, then numbers with all their digits, nothing where they are not finite.
    pub fn push(&mut self, words: &[&str], numbers: &[f64]) {
        let number = |number: &f64| match number.is_finite() {
            true => number.to_string(),
            false => String::new(),
        };
        let words = words.iter().map(|word| quoted(word));
        self.line(words.chain(numbers.iter().map(number)));
    }

    pub fn finish(self) -> String {
        self.0
    }

    fn line(&mut self, fields: impl Iterator<Item = String>) {
        let fields: Vec<String> = fields.collect();
        self.0.push_str(&fields.join(","));
        self.0.push_str("\r\n");
    }
}

/// A word as a field. One that a spreadsheet would take for a formula and calculate begins with an apostrophe, which
/// makes it text there.
fn quoted(word: &str) -> String {
    let formula = word.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let word = match formula {
        true => format!("'{word}"),
        false => word.to_owned(),
    };
    match word.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", word.replace('"', "\"\"")),
        false => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_they_must_be() {
        let mut csv = Csv::new(&["name", "value"]);
        csv.push(&["a,\"b\""], &[0.1]);
        csv.push(&["plain"], &[f64::NAN]);
        csv.push(&["=1+1"], &[-1.0]);
        assert_eq!(
            csv.finish(),
            "name,value\r\n\"a,\"\"b\"\"\",0.1\r\nplain,\r\n'=1+1,-1\r\n"
        );
    }

    /// The fields of a table as RFC 4180 has them.
    fn read(text: &str) -> Vec<Vec<String>> {
        let (mut table, mut line, mut field) = (Vec::new(), Vec::new(), String::new());
        let (mut rest, mut inside) = (text.chars().peekable(), false);
        while let Some(next) = rest.next() {
            match (next, inside) {
                ('"', true) if rest.peek() == Some(&'"') => field.extend(rest.next()),
                ('"', _) => inside = !inside,
                (',', false) => line.push(std::mem::take(&mut field)),
                ('\r', false) => {
                    assert_eq!(rest.next(), Some('\n'));
                    line.push(std::mem::take(&mut field));
                    table.push(std::mem::take(&mut line));
                }
                _ => field.push(next),
            }
        }
        assert!(!inside && line.is_empty() && field.is_empty());
        table
    }

    /// Every word of up to four of these signs.
    #[test]
    fn every_word_is_read_back_and_none_is_calculated() {
        let signs = ['a', '=', '-', '@', ',', '"', '\r', '\n', '\t', '\'', ' '];
        let mut words = vec![String::new()];
        for from in 0.. {
            let Some(word) = words.get(from).filter(|word| word.chars().count() < 4) else {
                break;
            };
            let longer: Vec<_> = signs.map(|sign| format!("{word}{sign}")).into();
            words.extend(longer);
        }
        let mut csv = Csv::new(&["one", "other", "number"]);
        for word in &words {
            csv.push(&[word, "next"], &[-0.5]);
        }
        let table = read(&csv.finish());
        assert_eq!(table.len(), words.len() + 1);
        for (line, word) in table[1..].iter().zip(&words) {
            assert_eq!(line[1..], ["next", "-0.5"], "{word:?}");
            let formula = word.starts_with(['=', '-', '@', '\r', '\t']);
            let expected = if formula {
                format!("'{word}")
            } else {
                word.clone()
            };
            assert_eq!(line[0], expected);
        }
    }
}
