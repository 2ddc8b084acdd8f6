//! The check of an environment: each kind of fault is found and named, and a sound one passes.

mod walk;

use crate::shown::{Scene, Shown};
use commformer_env::{
    ActionSpace, Actions, Environment, Observation, Rng, Spec, StateError, Status, check,
};
use walk::{STEPS, Walk};

fn faults(fault: &'static str) -> Vec<String> {
    match check(|| Walk::new(fault), 1, 50) {
        Ok(_) => Vec::new(),
        Err(error) => error.faults,
    }
}

#[test]
fn a_sound_environment_passes() {
    let episodes = check(|| Walk::new(""), 1, u32::from(STEPS)).unwrap();
    assert_eq!(episodes, [(STEPS.into(), Status::Truncated); 10]);
}

#[test]
fn each_fault_is_found_and_named() {
    for (fault, named) in [
        (
            "stale observations",
            "step 1, agent 0: `step` must write all of `obs`, but leaves `obs[0]` as it was",
        ),
        (
            "short rows",
            "reset, agent 0: `reset` must write all of `obs`, but leaves `obs[2]`",
        ),
        ("wide rows", "reset: `reset` must not panic"),
        (
            "stale rewards",
            "step 1, agent 0: `step` must write all of `rewards`",
        ),
        (
            "added rewards",
            "step 1, agent 0: `step` must write all of `rewards`",
        ),
        (
            "larger rewards",
            "step 1, agent 0: `step` must write all of `rewards`",
        ),
        (
            "active unwritten",
            "reset, agent 0: `reset` must write all of `active`",
        ),
        (
            "available unwritten",
            "step 1, agent 0: `step` must write all of `available`",
        ),
        ("nobody", "nobody ever was: say in `active` who acts"),
        (
            "paid after",
            "step 4, agent 1: an agent that has left must earn nothing more, but its reward is 100",
        ),
        (
            "chance",
            "the same seed and actions must give the same, but `obs[2]` is ",
        ),
        (
            "state omitted",
            "must go on as the one that was saved (after step ",
        ),
        (
            "restored unshown",
            "`obs[0]` is not written where that one's is 0: save all",
        ),
        (
            "refused",
            "`restore` must take up what `save` gave, but says \"no\"",
        ),
        (
            "no state",
            "reset: `global_state` must write all of `global_state`, but leaves `global_state[0]`",
        ),
        (
            "state not finite",
            "reset: `global_state[1]` must be finite, but is NaN",
        ),
        (
            "metrics not finite",
            "step 6: `metrics[0]` must be finite, but is inf",
        ),
        ("metrics unwritten", "`metrics` must write all of `metrics`"),
        (
            "observation not finite",
            "reset, agent 0: `obs[1]` must be finite, but is NaN",
        ),
        (
            "observation too large",
            "reset, agent 0: `obs[1]` must lie within 1e15 of zero, but is 3.4028235e38",
        ),
        (
            "reward not finite",
            "step 1, agent 0: `rewards` must be finite, but is -inf",
        ),
        (
            "no action",
            "step 2, agent 0: an agent must have an available action",
        ),
        (
            "another spec",
            "step 1: the spec must stay as it is, but is Spec { agents: 2, obs_dim: 4",
        ),
        (
            "endless",
            "an episode must end, but this one has not after 50 steps",
        ),
        (
            "departed",
            "`departed` must have 2 or 0 elements, but has 1",
        ),
        (
            "must receive",
            "`must_receive` must have 2 elements, but has 0",
        ),
        (
            "action names",
            "`action_names` must have 3 or 0 elements, but has 1",
        ),
        ("metric name", "called \"return\""),
        (
            "panics",
            "step 2: `step` must not panic, but did with \"lost\"",
        ),
    ] {
        let found = faults(fault);
        assert!(
            found.iter().any(|found| found.contains(named)),
            "{fault}: {found:#?}"
        );
        // One mistake is not reported as many.
        assert!(found.len() <= 2, "{fault}: {found:#?}");
    }
}

#[test]
fn all_faults_are_in_one_error() {
    let error = check(|| Walk::new("state not finite, reward not finite"), 1, 50).unwrap_err();
    assert_eq!(error.faults.len(), 2, "{error}");
    assert!(
        error
            .faults
            .iter()
            .all(|fault| error.to_string().contains(fault))
    );
}

/// One agent whose action is two numbers. It cannot be saved.
struct Reach(Spec, u32);

impl Environment for Reach {
    fn spec(&self) -> &Spec {
        &self.0
    }

    fn reset(&mut self, _: &mut Rng, out: Observation<'_>) {
        out.obs.fill(0.0);
        out.active.fill(true);
        self.1 = 0;
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        _: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        out.obs.copy_from_slice(actions.vectors());
        out.active.fill(true);
        rewards[0] = -actions
            .vectors()
            .iter()
            .map(|number| number.abs())
            .sum::<f32>();
        self.1 += 1;
        if self.1 == 3 {
            Status::Terminated
        } else {
            Status::Running
        }
    }

    fn metrics(&self, _: &mut [f32]) {}
}

#[test]
fn vectors_are_played_and_what_cannot_be_saved_is_allowed() {
    let reach = || Reach(Spec::new(1, 2, ActionSpace::Continuous(2)), 0);
    assert_eq!(check(reach, 1, 3).unwrap(), [(3, Status::Terminated); 10]);
}

#[test]
fn what_lives_elsewhere_is_played_and_its_failure_is_told() {
    let scene = Scene {
        obs: [0.0; 4],
        active: [true; 2],
        departed: [false; 2],
    };
    let shown = |failure: Option<&str>| {
        let mut shown = Shown::new([scene; 3], false, Status::Terminated);
        shown.failure = failure.map(str::to_owned);
        check(|| shown.clone(), 1, 2)
    };
    assert_eq!(shown(None).unwrap().len(), 10);
    assert_eq!(
        shown(Some("it is gone")).unwrap_err().faults,
        ["episode 0, reset: it is gone"]
    );
}

#[test]
fn a_wrapper_that_forgets_its_own_state_is_found() {
    /// Pays more each step.
    struct More(Walk, f32);

    impl Environment for More {
        commformer_env::forward_environment! { |this| this.0 => spec reset metrics global_state save restore departed must_receive }

        fn step(
            &mut self,
            actions: Actions<'_>,
            rng: &mut Rng,
            out: Observation<'_>,
            rewards: &mut [f32],
        ) -> Status {
            let status = self.0.step(actions, rng, out, rewards);
            self.1 += 1.0;
            rewards[0] += self.1;
            status
        }
    }

    let error = check(|| More(Walk::new(""), 0.0), 1, 50).unwrap_err();
    let [fault] = &error.faults[..] else {
        panic!("{error}")
    };
    assert!(
        fault.contains("agent 0: an environment that was restored"),
        "{fault}"
    );
    assert!(fault.contains("but `rewards` is "), "{fault}");
}

#[test]
fn what_is_forgotten_late_is_found_where_short_and_long_episodes_alternate() {
    /// Ends every other episode after two steps. In the others it pays for all steps from the third on, and forgets to
    /// save how many these were.
    struct Varying {
        walk: Walk,
        short: bool,
        steps: u8,
        late: f32,
    }

    impl Environment for Varying {
        commformer_env::forward_environment! { |this| this.walk => spec metrics global_state departed must_receive }

        fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
            self.short = !self.short;
            (self.steps, self.late) = (0, 0.0);
            self.walk.reset(rng, out);
        }

        fn step(
            &mut self,
            actions: Actions<'_>,
            rng: &mut Rng,
            out: Observation<'_>,
            rewards: &mut [f32],
        ) -> Status {
            let status = self.walk.step(actions, rng, out, rewards);
            self.steps += 1;
            if self.steps > 2 {
                self.late += 1.0;
            }
            rewards[0] += self.late;
            match self.short && self.steps == 2 {
                true => Status::Terminated,
                false => status,
            }
        }

        fn save(&self) -> Option<Vec<u8>> {
            let mut state = self.walk.save()?;
            state.extend([u8::from(self.short), self.steps]);
            Some(state)
        }

        fn restore(&mut self, state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
            let (walk, own) = state.split_at(state.len() - 2);
            (self.short, self.steps) = (own[0] == 1, own[1]);
            self.walk.restore(walk, out)
        }
    }

    let varying = || Varying {
        walk: Walk::new(""),
        short: false,
        steps: 0,
        late: 0.0,
    };
    for seed in 0..20 {
        let error = check(varying, seed, 50).unwrap_err();
        assert!(error.faults[0].contains("but `rewards` is "), "{error}");
    }
}
