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

fn quoted(word: &str) -> String {
    match word.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", word.replace('"', "\"\"")),
        false => word.to_owned(),
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
        assert_eq!(
            csv.finish(),
            "name,value\r\n\"a,\"\"b\"\"\",0.1\r\nplain,\r\n"
        );
    }
}
