//! Numbers as people read them.

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Seconds as a clock shows them.
pub fn clock(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// A metric in at most nine characters; a dash for one that is not finite.
pub fn short(metric: f64) -> String {
    match metric.abs() {
        size if !size.is_finite() => "–".into(),
        size if size != 0.0 && !(1e-3..1e5).contains(&size) => format!("{metric:.1e}"),
        size if size >= 100.0 => format!("{metric:.1}"),
        _ => format!("{metric:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(grouped),
            ["0", "999", "1,000", "1,234,567"]
        );
        assert_eq!(
            [0.4, 59.6, 3599.0, 3661.0].map(clock),
            ["0:00", "1:00", "59:59", "1:01:01"]
        );
    }

    #[test]
    fn metrics_are_short_whatever_they_are() {
        assert_eq!(
            [0.0, -0.5, 123.456, 0.0001].map(short),
            ["0.000", "-0.500", "123.5", "1.0e-4"]
        );
        assert_eq!([f64::NAN, f64::NEG_INFINITY].map(short), ["–"; 2]);
        for metric in [f64::MAX, f64::MIN, f64::MIN_POSITIVE, -99_999.96] {
            assert!(short(metric).chars().count() <= 9, "{}", short(metric));
        }
    }
}
