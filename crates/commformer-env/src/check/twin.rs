//! One of the environments that play the same episode, and all that it gave in a call.

use crate::{Actions, Environment, Observation, Rng, Spec, StateError, Status};

/// What a buffer holds before a call.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    number: f32,
    flag: bool,
}

impl Before {
    /// Numbers that say afterwards that nobody has written them: not a number, of a kind that no computation begins with.
    pub const MARKED: Self = Self {
        number: f32::from_bits(0x7FE5_AC3D),
        flag: false,
    };
    /// Others, so that what is left of them differs.
    pub const OTHERS: Self = Self {
        number: 7.25e8,
        flag: true,
    };
}

/// Whether a number is one of [`Before::MARKED`], or was computed from one.
pub fn is_marked(number: f32) -> bool {
    number.to_bits() & i32::MAX as u32 == Before::MARKED.number.to_bits()
}

/// Something that an environment gave.
#[derive(Debug)]
pub struct Part {
    pub name: &'static str,
    /// Whether its elements are flags, as 0 and 1.
    flags: bool,
    /// Rows that it has, one for each agent; 0 for what concerns all.
    rows: usize,
    pub elements: Vec<f32>,
}

impl Part {
    fn new(name: &'static str, flags: bool, rows: usize, elements: Vec<f32>) -> Self {
        Self {
            name,
            flags,
            rows,
            elements,
        }
    }

    /// The first element that differs in `other`.
    pub fn difference(&self, other: &Self) -> Option<usize> {
        let (mine, others) = (&self.elements, &other.elements);
        let differs = |(a, b): (&f32, &f32)| a.to_bits() != b.to_bits();
        let shorter = mine.len().min(others.len());
        let first = mine.iter().zip(others).position(differs);
        first.or((mine.len() != others.len()).then_some(shorter))
    }

    /// The agent that an element concerns, if one, and what the element is called.
    pub fn label(&self, index: usize) -> (Option<usize>, String) {
        let width = self.elements.len() / self.rows.max(1);
        match self.rows {
            0 => (None, format!("`{}[{index}]`", self.name)),
            _ if width <= 1 => (Some(index), format!("`{}`", self.name)),
            _ => (
                Some(index / width),
                format!("`{}[{}]`", self.name, index % width),
            ),
        }
    }

    /// An element, as people read it.
    pub fn shown(&self, index: usize) -> String {
        match self.elements.get(index) {
            None => "missing".to_owned(),
            Some(flag) if self.flags => (*flag == 1.0).to_string(),
            Some(number) if is_marked(*number) => "not written".to_owned(),
            Some(number) => number.to_string(),
        }
    }
}

/// An environment with its stream and its buffers.
pub struct Twin<E> {
    pub env: E,
    pub rng: Rng,
    before: Before,
    obs: Vec<f32>,
    pub available: Vec<bool>,
    pub active: Vec<bool>,
    pub rewards: Vec<f32>,
    pub status: Status,
}

impl<E: Environment> Twin<E> {
    pub fn new(env: E, rng: Rng, spec: &Spec, before: Before) -> Self {
        Self {
            env,
            rng,
            before,
            obs: vec![0.0; spec.agents * spec.obs_dim],
            available: vec![false; spec.available_len()],
            active: vec![false; spec.agents],
            rewards: vec![0.0; spec.agents],
            status: Status::Running,
        }
    }

    /// Takes a step or, without actions, begins an episode. Gives what an environment that lives elsewhere says of its
    /// failure.
    pub fn go(&mut self, actions: Option<Actions<'_>>) -> Option<String> {
        self.obs.fill(self.before.number);
        self.rewards.fill(self.before.number);
        self.available.fill(self.before.flag);
        self.active.fill(self.before.flag);
        if let Some(remote) = self.env.remote() {
            remote.begin(actions, &mut self.rng);
            remote.send();
        }
        let out = Observation {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        self.status = Status::Running;
        match actions {
            None => self.env.reset(&mut self.rng, out),
            Some(actions) => {
                self.status = self
                    .env
                    .step(actions, &mut self.rng, out, &mut self.rewards);
            }
        }
        let failure = self.env.remote().and_then(|remote| remote.failure());
        failure.map(str::to_owned)
    }

    /// Takes up what another saved.
    pub fn restore(&mut self, state: &[u8], saved: &Self) -> Result<(), StateError> {
        self.rng = saved.rng.clone();
        // What is left of these flags is not what the other has.
        let turned = |flags: &[bool]| flags.iter().map(|flag| !flag).collect();
        self.available = turned(&saved.available);
        self.active = turned(&saved.active);
        self.obs.fill(self.before.number);
        let out = Observation {
            obs: &mut self.obs,
            available: &mut self.available,
            active: &mut self.active,
        };
        self.env.restore(state, out)
    }

    /// All that it shows; with `stepped`, what only a step gives as well.
    pub fn parts(&self, spec: &Spec, stepped: bool) -> Vec<Part> {
        let numbers = |flags: &[bool]| -> Vec<f32> {
            flags
                .iter()
                .map(|flag| f32::from(u8::from(*flag)))
                .collect()
        };
        let rows = spec.agents;
        let mut parts = vec![
            Part::new("obs", false, rows, self.obs.clone()),
            Part::new("available", true, rows, numbers(&self.available)),
            Part::new("active", true, rows, numbers(&self.active)),
        ];
        if stepped {
            parts.push(Part::new("rewards", false, rows, self.rewards.clone()));
        }
        let mut state = vec![self.before.number; spec.state_dim];
        if spec.state_dim > 0 {
            self.env.global_state(&mut state);
        }
        let mut metrics = vec![self.before.number; spec.metrics.len()];
        self.env.metrics(&mut metrics);
        parts.push(Part::new("global_state", false, 0, state));
        parts.push(Part::new("metrics", false, 0, metrics));
        let must_receive = numbers(self.env.must_receive().unwrap_or_default());
        parts.push(Part::new("must_receive", true, 0, must_receive));
        if stepped {
            let departed = numbers(self.env.departed());
            parts.push(Part::new("departed", true, 0, departed));
        }
        parts
    }
}
