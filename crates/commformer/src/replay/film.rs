//! A task that remembers how its first episode looked.

use commformer_env::{Actions, Environment, Frame, Observation, Rng, Spec, StateError, Status};

/// A task that does what it did, and is filmed while it does.
pub(super) struct Filmed {
    task: Box<dyn Environment>,
    /// Of the first episode: the situation before each step, and the last one.
    pub frames: Vec<Frame>,
    /// What each agent earned in each step of it.
    pub rewards: Vec<Vec<f32>>,
    /// Who took part in each step of it.
    pub active: Vec<Vec<bool>>,
    over: bool,
}

impl Filmed {
    pub fn new(task: Box<dyn Environment>) -> Self {
        Self {
            task,
            frames: Vec::new(),
            rewards: Vec::new(),
            active: Vec::new(),
            over: false,
        }
    }

    fn expose(&mut self) {
        let mut frame = Frame::default();
        self.task.draw(&mut frame);
        let agents = self.task.spec().agents;
        if frame.size == [0.0; 2] {
            // A task without a picture has agents all the same.
            for (agent, at) in frame.ring(agents).into_iter().enumerate() {
                frame.agent(agent, at, 0.5, &agent.to_string());
            }
        }
        frame.agents.resize(agents, None);
        if !self.frames.is_empty() {
            frame.scenery.clear();
        }
        self.frames.push(frame);
    }
}

impl Environment for Filmed {
    fn spec(&self) -> &Spec {
        self.task.spec()
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        let Observation {
            obs,
            available,
            active,
        } = out;
        let seen = Observation {
            obs,
            available,
            active: &mut *active,
        };
        self.task.reset(rng, seen);
        if !self.over {
            self.expose();
            self.active.push(active.to_vec());
        }
    }

    fn step(
        &mut self,
        actions: Actions<'_>,
        rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        let Observation {
            obs,
            available,
            active,
        } = out;
        let seen = Observation {
            obs,
            available,
            active: &mut *active,
        };
        let status = self.task.step(actions, rng, seen, rewards);
        if !self.over {
            self.expose();
            self.rewards.push(rewards.to_vec());
            match status {
                Status::Running => self.active.push(active.to_vec()),
                Status::Terminated | Status::Truncated => self.over = true,
            }
        }
        status
    }

    fn metrics(&self, out: &mut [f32]) {
        self.task.metrics(out);
    }

    fn progress(&mut self, share: f64) {
        self.task.progress(share);
    }

    fn save(&self) -> Option<Vec<u8>> {
        self.task.save()
    }

    fn restore(&mut self, state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
        self.task.restore(state, out)
    }

    fn sources(&self) -> Option<&[usize]> {
        self.task.sources()
    }

    fn must_listen(&self) -> Option<&[bool]> {
        self.task.must_listen()
    }

    fn action_names(&self) -> Vec<String> {
        self.task.action_names()
    }

    fn agent_names(&self) -> Vec<String> {
        self.task.agent_names()
    }

    fn draw(&self, frame: &mut Frame) {
        self.task.draw(frame);
    }
}
