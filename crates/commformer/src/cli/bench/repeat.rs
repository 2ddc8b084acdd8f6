//! Doing the same again and again, by the clock.

use std::time::Instant;

/// The clock is read after this share of the time.
const SHARE: f64 = 0.02;

/// How often something was done, and how long that took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Repeated {
    pub times: u64,
    pub seconds: f64,
}

impl Repeated {
    pub fn per_second(self) -> f64 {
        self.times as f64 / self.seconds
    }
}

/// Repeats `step` for about `seconds`, after once that is not timed. The clock is read so rarely that it
/// does not count, however short a step is.
pub(super) fn repeat<E>(
    seconds: f64,
    mut step: impl FnMut() -> Result<(), E>,
) -> Result<Repeated, E> {
    step()?;
    let start = Instant::now();
    let mut between = 1;
    let mut done = Repeated {
        times: 0,
        seconds: 0.0,
    };
    while done.seconds < seconds {
        for _ in 0..between {
            step()?;
        }
        done.times += between;
        let before = done.seconds;
        // A clock that has not moved has seen a moment nevertheless.
        done.seconds = start.elapsed().as_secs_f64().max(1e-9);
        if done.seconds - before < SHARE * seconds {
            between *= 2;
        }
    }
    Ok(done)
}

/// Reads a number of seconds from the command line.
pub(in crate::cli) fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok();
    number
        .filter(|seconds: &f64| seconds.is_finite() && *seconds > 0.0)
        .ok_or_else(|| "expected a number of seconds above 0, such as 2.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_but_the_first_is_counted() {
        let mut calls = 0;
        let done = repeat(1e-3, || {
            calls += 1;
            Ok::<_, ()>(())
        });
        let done = done.unwrap();
        assert_eq!(done.times + 1, calls);
        assert!(done.seconds >= 1e-3 && done.per_second() > 0.0);
    }

    #[test]
    fn an_error_ends_it() {
        let mut left = 5;
        let done = repeat(1e9, || {
            left -= 1;
            if left > 0 { Ok(()) } else { Err("enough") }
        });
        assert_eq!(done, Err("enough"));
    }

    #[test]
    fn seconds_are_above_zero() {
        assert_eq!(seconds("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "inf", "nan", "soon", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
