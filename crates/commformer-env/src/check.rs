//! Whether an environment keeps to what [`Environment`] promises.

mod play;
mod twin;

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Environment, Status};

/// What an environment does that [`Environment`] does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment does not keep to its contract:\n- {}", .faults.join("\n- "))]
pub struct CheckError {
    /// A sentence for each kind of fault, with the first place where it showed: what must be, what was found, and what
    /// to do.
    pub faults: Vec<String>,
}

/// Plays ten episodes of an environment of your own with random available actions, and looks for what
/// [`Environment`] does not allow. Gives how many steps each episode had and how it ended.
///
/// `build` makes an environment, each time the same. No episode may have more than `most_steps`.
///
/// Several environments play each episode side by side. Their buffers hold different things before each call, so what
/// is not written shows. Two of them have the same in their buffers, so what one seed and the same actions do not
/// determine shows. Another one takes up what [`save`](Environment::save) gave: in the beginning of each episode, and again
/// after steps that are drawn, each about twice as far as the one before. From the second episode on,
/// [`progress`](Environment::progress) rises from one to the next.
///
/// Random actions do not come everywhere: that nothing is found is no proof. A program that is compiled with
/// `panic = "abort"` ends where the environment panics.
///
/// ```
/// use commformer_env::{ActionSpace, Actions, Environment, Observation, Rng, Spec, Status, check};
///
/// /// An agent is paid for saying what it sees, in a single step.
/// struct Echo {
///     spec: Spec,
///     seen: i64,
/// }
///
/// impl Environment for Echo {
///     fn spec(&self) -> &Spec {
///         &self.spec
///     }
///
///     fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
///         self.seen = i64::from(rng.below(2));
///         out.obs[0] = self.seen as f32;
///         out.active[0] = true;
///     }
///
///     fn step(&mut self, actions: Actions<'_>, _: &mut Rng, out: Observation<'_>, rewards: &mut [f32]) -> Status {
///         rewards[0] = if actions.indices()[0] == self.seen { 1.0 } else { 0.0 };
///         out.obs[0] = 0.0;
///         // A mistake: it does not say here who is active.
///         Status::Terminated
///     }
///
///     fn metrics(&self, _: &mut [f32]) {}
/// }
///
/// let echo = || Echo { spec: Spec::new(1, 1, ActionSpace::Discrete(2)), seen: 0 };
/// let error = check(echo, 1, 100).unwrap_err();
/// assert_eq!(
///     error.faults,
///     ["episode 0, step 1, agent 0: `step` must write all of `active`, but leaves `active` as it was: assign it in \
///       every call, also where nothing has changed"]
/// );
/// ```
///
/// # Errors
///
/// [`CheckError`] with all faults that were found. A panic of the environment is one of them.
pub fn check<E: Environment>(
    mut build: impl FnMut() -> E,
    seed: u64,
    most_steps: u32,
) -> Result<Vec<(u32, Status)>, CheckError> {
    let mut report = Report::default();
    let play = || play::all(&mut build, seed, most_steps.max(1), &mut report);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(play)) {
        let said = panic.downcast_ref::<&str>().copied();
        let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let (method, said) = (report.method, said.unwrap_or("no message"));
        let what = format!(
            "{method} must not panic, but did with {said:?}: write no more than the spec's sizes, and take every \
             available action"
        );
        report.add(["panic", ""], None, what);
    }
    if report.faults.is_empty() {
        return Ok(report.episodes);
    }
    Err(CheckError {
        faults: report.faults.into_iter().map(|(_, fault)| fault).collect(),
    })
}

/// The faults so far, and where the play is.
#[derive(Default)]
struct Report {
    /// None before and after all episodes.
    episode: Option<u32>,
    step: u32,
    /// What was called last, in words.
    method: &'static str,
    episodes: Vec<(u32, Status)>,
    /// Each with its sort and the part that it concerns, of which the first is enough.
    faults: Vec<([&'static str; 2], String)>,
}

impl Report {
    fn add(&mut self, sort: [&'static str; 2], agent: Option<usize>, what: impl Display) {
        if self.faults.iter().any(|(known, _)| *known == sort) {
            return;
        }
        let agent = agent.map_or(String::new(), |agent| format!(", agent {agent}"));
        let fault = match (self.episode, self.step) {
            (None, _) => what.to_string(),
            (Some(episode), 0) => format!("episode {episode}, reset{agent}: {what}"),
            (Some(episode), step) => format!("episode {episode}, step {step}{agent}: {what}"),
        };
        self.faults.push((sort, fault));
    }
}
