//! How far a run is and how fast.

use crate::log::RunLog;

/// Iterations over which the speed is taken.
const RECENT: usize = 20;

/// How far and how fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Pace {
    /// Environment steps behind the run.
    pub steps: u64,
    /// Those it is to take.
    pub target: Option<u64>,
    /// Steps per second of late.
    pub speed: Option<f64>,
    /// Seconds since the run began, without those in which it did not run.
    pub elapsed: Option<f64>,
}

impl Pace {
    pub fn of(log: &RunLog) -> Self {
        let last = log.iterations.last();
        let elapsed = |of: &crate::log::Iteration| {
            let seconds = of.numbers.get("seconds.elapsed").copied()?;
            (seconds.is_finite() && seconds >= 0.0).then_some(seconds)
        };
        // The run's beginning is no iteration.
        let before = log.iterations.len().checked_sub(1 + RECENT);
        let (since, from) = match before.and_then(|index| log.iterations.get(index)) {
            Some(iteration) => (elapsed(iteration), iteration.steps),
            None => (Some(0.0), 0),
        };
        let speed = last.and_then(|last| {
            let seconds = elapsed(last)? - since?;
            (seconds > 0.0).then(|| last.steps.saturating_sub(from) as f64 / seconds)
        });
        let number = |section: &str, key: &str| {
            let found = log.setting(section, key)?.as_integer()?;
            u64::try_from(found).ok()
        };
        // An iteration is made whole.
        let each = number("rollout", "num_envs")
            .and_then(|envs| envs.checked_mul(number("rollout", "steps")?))
            .filter(|each| *each > 0);
        let target = number("run", "steps");
        let whole = |steps: u64, each| steps.div_ceil(each).checked_mul(each);
        Self {
            steps: log.steps(),
            target: target.and_then(|steps| whole(steps, each.unwrap_or(1))),
            speed,
            elapsed: last.and_then(elapsed),
        }
    }

    /// The share of the run that is done, from 0 to 1.
    pub fn share(&self) -> f64 {
        let target = self.target.unwrap_or(0).max(1);
        (self.steps as f64 / target as f64).min(1.0)
    }

    /// Seconds to the end at this speed.
    pub fn left(&self) -> Option<f64> {
        let left = self.target?.saturating_sub(self.steps) as f64;
        Some(left / self.speed.filter(|speed| *speed > 0.0)?)
    }

    /// The shares of the time that went into each phase, where they are known.
    pub fn phases(&self, log: &RunLog) -> Option<[(&'static str, f64); 4]> {
        let elapsed = self.elapsed.filter(|elapsed| *elapsed > 0.0)?;
        let share = |seconds: f64| (seconds / elapsed).clamp(0.0, 1.0);
        let [environment, act, update] = log.phases().map(share);
        Some([
            ("environment", environment),
            ("act", act),
            ("update", update),
            ("the rest", (1.0 - environment - act - update).max(0.0)),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{iteration, log};
    use super::*;

    #[test]
    fn the_speed_is_that_of_late() {
        // A second for each iteration of 1,000 steps.
        let lines: Vec<String> = (1..=30).map(|number| iteration(number, 0.0)).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let pace = Pace::of(&log(&lines));
        assert_eq!((pace.steps, pace.target), (30_000, Some(60_000)));
        assert_eq!((pace.speed, pace.left()), (Some(1000.0), Some(30.0)));
        assert_eq!((pace.share(), pace.elapsed), (0.5, Some(30.0)));
        let phases = pace.phases(&log(&lines)).unwrap().map(|(_, share)| share);
        assert_eq!(phases, [0.25, 0.25, 0.25, 0.25]);
    }

    #[test]
    fn an_iteration_is_made_whole() {
        let mut log = log(&[&iteration(1, 0.0)]);
        let target = |log: &RunLog| Pace::of(log).target;
        for (steps, whole) in [(2_000, 4_000), (4_000, 4_000), (4_001, 8_000)] {
            let text = format!("[run]\nsteps = {steps}\n[rollout]\nnum_envs = 20\nsteps = 200\n");
            log.settings = toml::from_str(&text).unwrap();
            assert_eq!(target(&log), Some(whole));
        }
        log.settings =
            toml::from_str("[rollout]\nnum_envs = 0\nsteps = 0\n[run]\nsteps = 5").unwrap();
        assert_eq!(target(&log), Some(5));
    }

    #[test]
    fn a_run_without_an_iteration_has_no_speed() {
        let pace = Pace::of(&log(&[]));
        assert_eq!((pace.steps, pace.speed, pace.left()), (0, None, None));
        assert_eq!((pace.share(), pace.phases(&log(&[]))), (0.0, None));
    }
}
