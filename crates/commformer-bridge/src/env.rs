//! One environment of a task in Python.

use crate::group::{Group, State};
use crate::layout::{Memory, UNTOLD, Which};
use crate::process::Fault;
use commformer_env::{Actions, Environment, Frame, Observation, Remote, Rng, Spec, Status};
use std::sync::Arc;

/// An environment of a task that a worker steps.
///
/// An episode's seed is drawn when the one before begins to need it, so that a worker that ends an episode
/// begins the next at once, without being asked.
#[derive(Debug)]
pub struct PythonEnv {
    group: Arc<Group>,
    spec: Spec,
    /// Its number among the worker's.
    env: usize,
    /// The seed of its next episode, if that is drawn.
    seed: Option<u32>,
    standing: Standing,
    /// In which its episode began.
    generation: u32,
    /// What was seen last, for an episode that is truncated because its worker failed; kept only where that can be.
    seen: Vec<f32>,
    /// The present global state, (S), or that in which its episode ended.
    global: Vec<f32>,
    /// Who has not left, (N), and who left in the last step, (N); empty for a task that nobody leaves. Who pauses has
    /// not left.
    present: Vec<bool>,
    departed: Vec<bool>,
    /// Steps of its episode.
    steps: u32,
    /// Whether the last step's episode was lost with its worker.
    lost: bool,
    failure: Option<String>,
}

/// How far an environment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Nothing is asked of it.
    Idle,
    /// What comes next has begun.
    Begun,
    /// Its episode is over, and the next one has begun.
    Over,
}

impl PythonEnv {
    pub(crate) fn new(group: Arc<Group>, env: usize) -> Self {
        let spec = group.task.spec();
        let kept = match group.config.restarts {
            0 => 0,
            _ => spec.agents * spec.obs_dim,
        };
        let leaving = if group.task.leaves { spec.agents } else { 0 };
        Self {
            present: vec![false; leaving],
            departed: vec![false; leaving],
            global: vec![0.0; spec.state_dim],
            spec,
            env,
            seed: None,
            standing: Standing::Idle,
            generation: 0,
            seen: vec![0.0; kept],
            steps: 0,
            lost: false,
            failure: None,
            group,
        }
    }

    /// What the user should know of the task, such as what was padded.
    pub fn notes(&self) -> &[String] {
        &self.group.task.notes
    }

    fn ask(&mut self, state: &mut State, actions: Option<Actions<'_>>, rng: &mut Rng) {
        let seed = *self.seed.get_or_insert_with(|| rng.next_u32() >> 1);
        state.memory.seed(self.env, seed);
        match actions {
            Some(actions) => state.memory.ask_step(self.env, actions),
            None => state.memory.ask_reset(self.env),
        }
        state.wait_to_begin(self.env);
    }

    /// Waits for what was begun, or begins it first.
    fn carry_out(
        &mut self,
        state: &mut State,
        actions: Option<Actions<'_>>,
        rng: &mut Rng,
    ) -> Result<(), Fault> {
        if self.standing != Standing::Begun {
            self.ask(state, actions, rng);
        }
        self.standing = Standing::Idle;
        self.group.send(state)?;
        self.group.wait(state, self.env)
    }

    /// Takes the step; `None` if the episode was lost with its worker.
    fn try_step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: &mut Observation<'_>,
        rewards: &mut [f32],
    ) -> Result<Option<Status>, Fault> {
        let group = Arc::clone(&self.group);
        let state = &mut *group.lock();
        if state.generation != self.generation {
            return Ok(None);
        }
        match self.stepped(state, actions, rng, out, rewards) {
            Ok(status) => Ok(Some(status)),
            Err(fault) => {
                group.restart(state, fault)?;
                Ok(None)
            }
        }
    }

    /// Takes the step of an episode whose worker is still there, and reads what came of it.
    fn stepped(
        &mut self,
        state: &mut State,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: &mut Observation<'_>,
        rewards: &mut [f32],
    ) -> Result<Status, Fault> {
        self.carry_out(state, Some(actions), rng)?;
        let memory = &state.memory;
        memory.rewards(self.env, rewards);
        let status = memory.status(self.env).map_err(|number| {
            let what = match number {
                UNTOLD => "answered without having stepped it".to_owned(),
                _ => format!(
                    "wrote {number} for how its episode stands, which is none of 0, 1 and 2"
                ),
            };
            let what = format!("was to step environment {} and {what}", self.env);
            self.group.fault(state, what)
        })?;
        let which = match status {
            Status::Running => Which::Present,
            Status::Terminated | Status::Truncated => {
                self.standing = Standing::Over;
                self.seed = None;
                Which::Last
            }
        };
        memory.observe(self.env, which, out.reborrow());
        memory.global_state(self.env, which, &mut self.global);
        self.note_departures(memory, which);
        self.steps += 1;
        self.check_finite(state, rewards, out.obs)?;
        Ok(status)
    }

    /// Refuses what a step, or the reset before the first one, has written and is not finite.
    fn check_finite(&self, state: &State, rewards: &[f32], obs: &[f32]) -> Result<(), Fault> {
        let not_finite = |numbers: &[f32]| numbers.iter().position(|number| !number.is_finite());
        let wrong = not_finite(rewards).map(|agent| format!("the reward of agent {agent}"));
        let wrong = wrong.or_else(|| {
            let at = not_finite(obs)?;
            let (agent, number) = (at / self.spec.obs_dim, at % self.spec.obs_dim);
            Some(format!(
                "number {number} of the observation of agent {agent}"
            ))
        });
        let of_state =
            || not_finite(&self.global).map(|at| format!("number {at} of the global state"));
        let Some(what) = wrong.or_else(of_state) else {
            return Ok(());
        };
        let place = match self.steps {
            0 => "a reset".to_owned(),
            step => format!("step {step} of its episode"),
        };
        let what = format!("wrote a number that is not finite, in {place}: {what}");
        Err(self.group.fault(state, what))
    }

    fn try_reset(&mut self, rng: &mut Rng, out: &mut Observation<'_>) -> Result<(), Fault> {
        let group = Arc::clone(&self.group);
        let state = &mut *group.lock();
        // What was begun with a worker that is gone is to begin anew.
        if state.generation != self.generation {
            self.standing = Standing::Idle;
        }
        self.steps = 0;
        while let Err(fault) = self.begun(state, rng, out) {
            group.restart(state, fault)?;
        }
        self.generation = state.generation;
        self.present.fill(false);
        self.note_departures(&state.memory, Which::Present);
        Ok(())
    }

    /// Begins an episode, unless the end of the one before has, and reads what is seen of it.
    fn begun(
        &mut self,
        state: &mut State,
        rng: &mut Rng,
        out: &mut Observation<'_>,
    ) -> Result<(), Fault> {
        if self.standing == Standing::Over {
            self.standing = Standing::Idle;
        } else {
            self.carry_out(state, None, rng)?;
            self.seed = None;
        }
        (state.memory).observe(self.env, Which::Present, out.reborrow());
        (state.memory).global_state(self.env, Which::Present, &mut self.global);
        self.check_finite(state, &[], out.obs)
    }

    fn remember(&mut self, obs: &[f32]) {
        if !self.seen.is_empty() {
            self.seen.copy_from_slice(obs);
        }
    }

    /// Notes who was there and is no more.
    fn note_departures(&mut self, memory: &Memory, which: Which) {
        if self.departed.is_empty() {
            return;
        }
        memory.departed(self.env, which, &mut self.departed);
        for (present, departed) in self.present.iter_mut().zip(&mut self.departed) {
            let gone = std::mem::replace(departed, *present && *departed);
            *present = !gone;
        }
    }

    /// Writes something that fits, which nobody will use.
    fn fail(&mut self, fault: &Fault, out: &mut Observation<'_>) {
        self.failure = Some(fault.to_string());
        out.obs.fill(0.0);
        out.available.fill(true);
        out.active.fill(true);
    }
}

impl Environment for PythonEnv {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, rng: &mut Rng, mut out: Observation<'_>) {
        match self.try_reset(rng, &mut out) {
            Ok(()) => self.remember(out.obs),
            Err(fault) => self.fail(&fault, &mut out),
        }
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        mut out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let stepped = self.try_step(actions, rng, &mut out, rewards);
        self.lost = matches!(stepped, Ok(None));
        match stepped {
            Ok(Some(status)) => {
                self.remember(out.obs);
                status
            }
            Ok(None) => {
                out.obs.copy_from_slice(&self.seen);
                out.available.fill(true);
                out.active.fill(true);
                rewards.fill(0.0);
                self.departed.fill(false);
                self.standing = Standing::Idle;
                Status::Truncated
            }
            Err(fault) => {
                rewards.fill(0.0);
                self.fail(&fault, &mut out);
                Status::Running
            }
        }
    }

    fn metrics(&self, out: &mut [f32]) {
        self.group.lock().memory.metrics(self.env, out);
    }

    fn global_state(&self, out: &mut [f32]) {
        out.copy_from_slice(&self.global);
    }

    fn departed(&self) -> &[bool] {
        &self.departed
    }

    fn action_names(&self) -> Vec<String> {
        self.group.task.action_names.clone()
    }

    fn agent_names(&self) -> Vec<String> {
        self.group.task.agent_names.clone()
    }

    fn draw(&self, frame: &mut Frame) {
        // The next step says what is wrong with a picture.
        if let Ok(Some(picture)) = self.group.draw(self.env) {
            *frame = picture.frame();
        }
    }

    fn remote(&mut self) -> Option<&mut dyn Remote> {
        Some(self)
    }
}

impl Remote for PythonEnv {
    fn begin(&mut self, actions: Option<Actions<'_>>, rng: &mut Rng) {
        let group = Arc::clone(&self.group);
        let state = &mut *group.lock();
        if actions.is_some() && state.generation != self.generation {
            return;
        }
        // A step that was begun and never collected is dropped; until it is over, the memory is the worker's.
        if self.standing == Standing::Begun {
            let _ = group.wait(state, self.env);
        }
        self.ask(state, actions, rng);
        self.standing = Standing::Begun;
    }

    fn send(&mut self) {
        let group = Arc::clone(&self.group);
        let state = &mut *group.lock();
        // Whoever waits will meet the same fault.
        let _ = group.send(state);
    }

    fn lost(&self) -> bool {
        self.lost
    }

    fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}
