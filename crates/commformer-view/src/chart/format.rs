//! Numbers as people read them.

/// Environment steps: `750`, `100k`, `1.5M`.
pub fn steps(steps: f64) -> String {
    let (size, unit) = match steps.abs() {
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e3.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    format!("{}{unit}", trimmed(steps / size, 2))
}

/// A metric with about four digits that count; what is not finite says so.
pub fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "not finite".to_owned(),
        0.0 => "0".to_owned(),
        1e6.. | ..1e-4 => format!("{value:.2e}"),
        1e3.. => trimmed(value, 0),
        100.0.. => trimmed(value, 1),
        10.0.. => trimmed(value, 2),
        0.1.. => trimmed(value, 3),
        0.01.. => trimmed(value, 4),
        _ => trimmed(value, 5),
    }
}

/// At most so many digits after the point, none of them a zero at the end.
fn trimmed(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_have_a_unit() {
        let told = [0.0, 750.0, 2500.0, 100_000.0, 1e6, 1.5e6, 2e9].map(steps);
        assert_eq!(told, ["0", "750", "2.5k", "100k", "1M", "1.5M", "2G"]);
    }

    #[test]
    fn metrics_have_the_digits_that_count() {
        let values = [
            0.0,
            0.1 + 0.2,
            -0.37133,
            12.115,
            428.0,
            1234.56,
            2.5e7,
            0.00123,
            1e-7,
        ];
        let told = [
            "0", "0.3", "-0.371", "12.12", "428", "1235", "2.50e7", "0.00123", "1.00e-7",
        ];
        assert_eq!(values.map(number), told);
        assert_eq!(number(f64::NAN), "not finite");
    }
}
