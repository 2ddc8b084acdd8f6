//! Runs that are in no number.

use super::run::count;
use std::iter::Sum;
use std::ops::Add;

/// How many there are, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Absent {
    /// They have begun and not ended.
    pub begun: usize,
    /// They ended with an error, such as numbers that were not finite.
    pub failed: usize,
    /// They are planned and have not begun.
    pub to_do: usize,
}

impl Absent {
    /// All of them.
    pub fn runs(self) -> usize {
        self.begun + self.failed + self.to_do
    }

    fn parts(self) -> impl Iterator<Item = (usize, &'static str)> {
        let all = [
            (self.begun, "begun"),
            (self.failed, "failed"),
            (self.to_do, "to do"),
        ];
        all.into_iter().filter(|(runs, _)| *runs > 0)
    }

    /// Such as `1 begun` and `2 failed`.
    pub fn told(self) -> impl Iterator<Item = String> {
        self.parts().map(|(runs, why)| format!("{runs} {why}"))
    }

    /// Behind so many runs that are in the numbers: `2 runs, 1 begun`, or `1 run failed`.
    pub fn beside(self, runs: usize) -> String {
        let (first, others) = match runs {
            0 => match self.parts().next() {
                Some((absent, why)) => (format!("{} {why}", count(absent, "run")), 1),
                None => (count(0, "run"), 0),
            },
            _ => (count(runs, "run"), 0),
        };
        let others = self.told().skip(others);
        std::iter::once(first)
            .chain(others)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

impl Add for Absent {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            begun: self.begun + other.begun,
            failed: self.failed + other.failed,
            to_do: self.to_do + other.to_do,
        }
    }
}

impl Sum for Absent {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_in_words() {
        let of = |begun, failed, to_do| Absent {
            begun,
            failed,
            to_do,
        };
        for (runs, absent, told) in [
            (0, of(0, 0, 0), "0 runs"),
            (1, of(0, 0, 0), "1 run"),
            (2, of(1, 0, 3), "2 runs, 1 begun, 3 to do"),
            (0, of(2, 0, 0), "2 runs begun"),
            (0, of(0, 1, 1), "1 run failed, 1 to do"),
        ] {
            assert_eq!(absent.beside(runs), told);
        }
    }
}
