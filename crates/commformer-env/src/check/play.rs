//! The episodes of a check, and what is looked at in each step.

use super::Report;
use super::twin::{Before, Part, Twin, is_marked};
use crate::{
    ActionSpace, Actions, Environment, LARGEST_NUMBER, Rng, Spec, Status, VecEnv, vacant::Vacant,
};

/// Episodes that are played.
const EPISODES: u32 = 10;

/// The stream of the random actions, out of the way of the environment's own.
const POLICY_STREAM: u64 = u64::MAX - 1;

/// Environments that play the same episode, and what is found.
struct Play<'a, E> {
    build: &'a mut dyn FnMut() -> E,
    report: &'a mut Report,
    spec: Spec,
    policy: Rng,
    one: Twin<E>,
    /// The same; `None` once it was found to differ.
    same: Option<Twin<E>>,
    /// The same with other things in its buffers before a call.
    other: Twin<E>,
    /// One that took up what `one` saved last; `None` before that, and once it was found to differ.
    restored: Option<Twin<E>>,
    /// The step after which that was saved.
    saved_at: u32,
    /// The step after which the next one takes up.
    next_save: u32,
    vacant: Vacant,
    /// Whether anybody was ever active.
    anybody: bool,
}

/// Plays all episodes, as far as the environment lets them be played.
pub fn all<E: Environment>(
    build: &mut dyn FnMut() -> E,
    seed: u64,
    most_steps: u32,
    report: &mut Report,
) {
    report.method = "making an environment";
    let spec = match VecEnv::new(vec![build(), build()], seed) {
        Ok(envs) => envs.spec().clone(),
        Err(error) => return report.add(["spec", ""], None, error),
    };
    let mut twin = |before| Twin::new(build(), Rng::new(seed, 0), &spec, before);
    let (one, same) = (twin(Before::MARKED), twin(Before::MARKED));
    let mut play = Play {
        one,
        same: Some(same),
        other: twin(Before::OTHERS),
        restored: None,
        saved_at: 0,
        next_save: 0,
        policy: Rng::new(seed, POLICY_STREAM),
        vacant: Vacant::new(spec.agents),
        anybody: false,
        build,
        report,
        spec,
    };
    let (actions, agents) = (play.spec.actions.size(), play.spec.agents);
    let env = &play.one.env;
    let names = [env.action_names().len(), env.agent_names().len()];
    play.check_len("action_names", names[0], actions, true);
    play.check_len("agent_names", names[1], agents, true);
    for episode in 0..EPISODES {
        play.report.episode = Some(episode);
        if play.episode(episode, most_steps).is_none() {
            return;
        }
    }
    play.report.episode = None;
    let unwritten = |(sort, _): &([&str; 2], String)| *sort == ["unwritten", "active"];
    if !play.anybody && !play.report.faults.iter().any(unwritten) {
        let what =
            "an agent must be active at some time, but nobody ever was: say in `active` who acts";
        play.report.add(["nobody", ""], None, what);
    }
}

impl<E: Environment> Play<'_, E> {
    /// The environments that play from the beginning.
    fn twins(&mut self) -> impl Iterator<Item = &mut Twin<E>> {
        let others = self.same.iter_mut().chain([&mut self.other]);
        [&mut self.one].into_iter().chain(others)
    }

    /// Plays an episode to its end; `None` if it cannot go on.
    fn episode(&mut self, episode: u32, most_steps: u32) -> Option<()> {
        self.report.step = 0;
        (self.restored, self.next_save) = (None, 0);
        let share = f64::from(episode) / f64::from(EPISODES - 1);
        if episode > 0 {
            self.report.method = "`progress`";
            self.twins().for_each(|twin| twin.env.progress(share));
        }
        self.vacant.clear();
        self.call(None)?;
        loop {
            let step = self.report.step;
            if self.one.status != Status::Running {
                self.report.episodes.push((step, self.one.status));
                return Some(());
            }
            if step == most_steps {
                let what = format!(
                    "an episode must end, but this one has not after {step} steps: return `Terminated` or `Truncated` \
                     some time, wrap it in a `TimeLimit`, or allow more steps"
                );
                self.report.add(["endless", ""], None, what);
                return None;
            }
            if step == self.next_save {
                // At distances that grow, so that an episode of any length has some.
                let farther = self.policy.below(step.saturating_mul(2).saturating_add(1));
                self.next_save = step.saturating_add(1).saturating_add(farther);
                self.take_up();
                if let (Some(restored), true) = (&mut self.restored, episode > 0) {
                    restored.env.progress(share);
                }
            }
            let (indices, vectors) = self.draw()?;
            self.report.step += 1;
            self.call(Some(match self.spec.actions {
                ActionSpace::Discrete(_) => Actions::Discrete(&indices),
                ActionSpace::Continuous(_) => Actions::Continuous(&vectors),
            }))?;
        }
    }

    /// A random action for each agent; `None` if one has none.
    fn draw(&mut self) -> Option<(Vec<i64>, Vec<f32>)> {
        let (agents, size) = (self.spec.agents, self.spec.actions.size());
        if let ActionSpace::Continuous(_) = self.spec.actions {
            let vectors = (0..agents * size).map(|_| self.policy.normal());
            return Some((Vec::new(), vectors.collect()));
        }
        let mut indices = Vec::new();
        for agent in 0..agents {
            let row = self.one.available.chunks_exact(size).nth(agent);
            let is_open = |action: &usize| row.is_none_or(|row| row[*action]);
            let open: Vec<usize> = (0..size).filter(is_open).collect();
            if open.is_empty() {
                let what = "an agent must have an available action, active or not, but has none: let it at least do \
                            nothing";
                self.report.add(["no action", ""], Some(agent), what);
                return None;
            }
            let choices = u32::try_from(open.len()).unwrap_or(u32::MAX);
            indices.push(open[self.policy.below(choices) as usize] as i64);
        }
        Some((indices, Vec::new()))
    }

    /// Lets all take a step or, without actions, begin an episode, and looks at what they write.
    fn call(&mut self, actions: Option<Actions<'_>>) -> Option<()> {
        self.report.method = if actions.is_some() {
            "`step`"
        } else {
            "`reset`"
        };
        let failure = self.twins().find_map(|twin| twin.go(actions));
        let failure = failure.or_else(|| self.restored.as_mut()?.go(actions));
        if let Some(failure) = failure {
            self.report.add(["failure", ""], None, failure);
            return None;
        }
        let stepped = actions.is_some();
        let parts = self.one.parts(&self.spec, stepped);
        self.judge(&parts);
        if let Some(same) = &self.same
            && let Some((agent, label, [a, b])) =
                differs(&parts, &self.one, same, &self.spec, stepped)
        {
            let what = format!(
                "the same seed and actions must give the same, but {label} is {a} in one environment and {b} in another: draw from `rng` alone, \
                 and let nothing depend on the clock or the order of a hash map"
            );
            self.report.add(["repeat", ""], agent, what);
            (self.same, self.restored) = (None, None);
        }
        if self.same.is_some() {
            // All else is the same: the difference is what the buffers held.
            let others = self.other.parts(&self.spec, stepped);
            for (part, other) in parts.iter().zip(&others) {
                if let Some(at) = part.difference(other) {
                    self.unwritten(part, at);
                }
            }
        }
        self.compare_restored(&parts, stepped);
        Some(())
    }

    /// Looks at what one environment gave.
    fn judge(&mut self, parts: &[Part]) {
        let ended = self.one.status != Status::Running;
        for part in parts {
            let (agent, label);
            if let Some(at) = part.elements.iter().position(|number| is_marked(*number)) {
                self.unwritten(part, at);
            } else if let Some(at) = part.elements.iter().position(|number| !number.is_finite())
                && (ended || part.name != "metrics")
            {
                (agent, label) = part.label(at);
                let what = format!(
                    "{label} must be finite, but is {}: look for a division by zero or an overflow",
                    part.shown(at)
                );
                self.report.add(["finite", part.name], agent, what);
            } else if let Some(at) = part.elements.iter().position(|x| x.abs() > LARGEST_NUMBER)
                && part.name != "metrics"
            {
                (agent, label) = part.label(at);
                let what = format!(
                    "{label} must lie within {LARGEST_NUMBER:e} of zero, but is {:e}: training adds squares up",
                    part.elements[at]
                );
                self.report.add(["size", part.name], agent, what);
            }
        }
        let (env, agents) = (&self.one.env, self.spec.agents);
        let departed = env.departed().len();
        let must_receive = env.must_receive().map_or(agents, <[bool]>::len);
        self.check_len("departed", departed, agents, true);
        self.check_len("must_receive", must_receive, agents, false);
        self.anybody |= self.one.active.contains(&true);
        let env = &self.one.env;
        if *env.spec() != self.spec {
            let what = format!(
                "the spec must stay as it is, but is {:?} after {:?}: make another environment for another spec",
                env.spec(),
                self.spec
            );
            self.report.add(["spec", ""], None, what);
        }
        if self.report.step > 0 {
            let mut rewards = self.one.rewards.clone();
            let paid = self
                .vacant
                .settle(&mut rewards, &self.one.active, env.departed());
            if let Some(agent) = paid {
                let what = format!(
                    "an agent that has left must earn nothing more, but its reward is {}: pay 0 until another has its \
                     place, or do not report it in `departed` if it has only fallen or pauses",
                    self.one.rewards[agent]
                );
                self.report.add(["left", ""], Some(agent), what);
            }
        }
    }

    fn check_len(&mut self, part: &'static str, found: usize, needed: usize, may_be_empty: bool) {
        if found == needed || may_be_empty && found == 0 {
            return;
        }
        let or = if may_be_empty { " or 0" } else { "" };
        let what =
            format!("`{part}` must have {needed}{or} elements, but has {found}: give one for each");
        self.report.add(["length", part], None, what);
    }

    fn unwritten(&mut self, part: &Part, at: usize) {
        let (agent, label) = part.label(at);
        let name = part.name;
        let method = match name {
            "obs" | "available" | "active" | "rewards" => self.report.method.to_owned(),
            _ => format!("`{name}`"),
        };
        let or = match name {
            "global_state" => ", or set `Spec::state_dim` to the numbers that there are",
            _ => "",
        };
        let what = format!(
            "{method} must write all of `{name}`, but leaves {label} as it was: assign it in every call, also where \
             nothing has changed{or}"
        );
        self.report.add(["unwritten", name], agent, what);
    }

    /// Saves, and lets a new environment go on from there.
    fn take_up(&mut self) {
        self.report.method = "`save`";
        let Some(state) = self.one.env.save().filter(|_| self.same.is_some()) else {
            return;
        };
        self.report.method = "`restore`";
        (self.restored, self.saved_at) = (None, self.report.step);
        let mut twin = Twin::new(
            (self.build)(),
            self.one.rng.clone(),
            &self.spec,
            Before::MARKED,
        );
        match twin.restore(&state, &self.one) {
            Ok(()) => {
                self.restored = Some(twin);
                let parts = self.one.parts(&self.spec, false);
                self.compare_restored(&parts, false);
            }
            Err(error) => {
                let what = format!(
                    "`restore` must take up what `save` gave, but says \"{error}\": let both have the same bytes"
                );
                self.report.add(["restore", ""], None, what);
            }
        }
    }

    fn compare_restored(&mut self, parts: &[Part], stepped: bool) {
        let Some(restored) = &self.restored else {
            return;
        };
        if let Some((agent, label, [a, b])) =
            differs(parts, &self.one, restored, &self.spec, stepped)
        {
            let what = format!(
                "an environment that was restored must go on as the one that was saved (after step {}), but {label} is {b} where that one's is {a}: \
                 save all that later steps depend on, and write the present observation in `restore`",
                self.saved_at
            );
            self.report.add(["restore", ""], agent, what);
            self.restored = None;
        }
    }
}

/// The first difference between what one environment gave, in parts, and what another did: whom it concerns, what it is,
/// and both of it.
fn differs<E: Environment>(
    parts: &[Part],
    one: &Twin<E>,
    other: &Twin<E>,
    spec: &Spec,
    stepped: bool,
) -> Option<(Option<usize>, String, [String; 2])> {
    let others = other.parts(spec, stepped);
    for (part, other) in parts.iter().zip(&others) {
        if let Some(at) = part.difference(other) {
            let (agent, label) = part.label(at);
            return Some((agent, label, [part.shown(at), other.shown(at)]));
        }
    }
    let statuses = [one.status, other.status].map(|status| format!("`{status:?}`"));
    (stepped && one.status != other.status).then(|| (None, "the status".to_owned(), statuses))
}
