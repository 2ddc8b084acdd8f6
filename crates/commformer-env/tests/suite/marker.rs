//! A task that remembers which of its methods were called, to see what a wrapper passes on. The program's own wrapper
//! is tested with it, too.

use commformer_env::{
    ActionSpace, Actions, Environment, Frame, Observation, Remote, Rng, Spec, StateError, Status,
};
use std::sync::{Arc, Mutex};

/// The names of the methods that were called.
pub type Calls = Arc<Mutex<Vec<&'static str>>>;

/// A task of one agent; every method leaves its name.
pub struct Marker {
    spec: Spec,
    calls: Calls,
}

impl Marker {
    pub fn new(calls: &Calls) -> Self {
        Self {
            spec: Spec {
                state_dim: 2,
                metrics: vec!["success".into()],
                ..Spec::new(1, 1, ActionSpace::Discrete(1))
            },
            calls: Arc::clone(calls),
        }
    }

    fn called(&self, method: &'static str) {
        self.calls.lock().unwrap().push(method);
    }
}

fn observe(out: Observation<'_>) {
    out.obs.fill(0.0);
    out.active.fill(true);
}

#[deny(clippy::missing_trait_methods)]
impl Environment for Marker {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn reset(&mut self, _rng: &mut Rng, out: Observation<'_>) {
        self.called("reset");
        observe(out);
    }

    fn step(
        &mut self,
        _actions: Actions<'_>,
        _rng: &mut Rng,
        out: Observation<'_>,
        rewards: &mut [f32],
    ) -> Status {
        self.called("step");
        observe(out);
        rewards.fill(0.5);
        Status::Truncated
    }

    fn metrics(&self, out: &mut [f32]) {
        self.called("metrics");
        out.fill(0.25);
    }

    fn progress(&mut self, _share: f64) {
        self.called("progress");
    }

    fn global_state(&self, out: &mut [f32]) {
        self.called("global_state");
        out.fill(0.75);
    }

    fn save(&self) -> Option<Vec<u8>> {
        self.called("save");
        Some(vec![7])
    }

    fn restore(&mut self, _state: &[u8], out: Observation<'_>) -> Result<(), StateError> {
        self.called("restore");
        observe(out);
        Ok(())
    }

    fn sources(&self) -> Option<&[usize]> {
        self.called("sources");
        Some(&[0])
    }

    fn must_receive(&self) -> Option<&[bool]> {
        self.called("must_receive");
        Some(&[true])
    }

    fn departed(&self) -> &[bool] {
        self.called("departed");
        &[false]
    }

    fn action_names(&self) -> Vec<String> {
        self.called("action_names");
        vec!["wait".into()]
    }

    fn agent_names(&self) -> Vec<String> {
        self.called("agent_names");
        vec!["Ann".into()]
    }

    fn draw(&self, frame: &mut Frame) {
        self.called("draw");
        frame.size = [1.0, 2.0];
    }

    fn remote(&mut self) -> Option<&mut dyn Remote> {
        self.called("remote");
        Some(self)
    }
}

impl Remote for Marker {
    fn begin(&mut self, _actions: Option<Actions<'_>>, _rng: &mut Rng) {}

    fn send(&mut self) {}

    fn failure(&self) -> Option<&str> {
        Some("the wheel came off")
    }
}

/// Calls every method of a task that wraps a [`Marker`], each of which must come to it and bring its answer back.
#[track_caller]
pub fn assert_forwards(task: &mut dyn Environment, calls: &Calls) {
    fn out<'a>(obs: &'a mut [f32], active: &'a mut [bool]) -> Observation<'a> {
        let available = &mut [];
        Observation {
            obs,
            available,
            active,
        }
    }
    let (mut obs, mut active) = (vec![1.0; task.spec().obs_dim], [false]);
    let (mut rng, mut number) = (Rng::new(1, 0), [0.0]);
    let called = |method: &str| {
        let done = std::mem::take(&mut *calls.lock().unwrap());
        assert!(
            done.contains(&method),
            "{method} is not passed on: {done:?}"
        );
    };
    assert_eq!(
        (task.spec().agents, &task.spec().metrics[0][..]),
        (1, "success")
    );
    task.reset(&mut rng, out(&mut obs, &mut active));
    called("reset");
    let status = task.step(
        Actions::Discrete(&[0]),
        &mut rng,
        out(&mut obs, &mut active),
        &mut number,
    );
    called("step");
    assert_eq!((status, number), (Status::Truncated, [0.5]));
    task.metrics(&mut number);
    called("metrics");
    assert_eq!(number, [0.25]);
    task.progress(0.5);
    called("progress");
    let mut state = vec![0.0; task.spec().state_dim];
    task.global_state(&mut state);
    called("global_state");
    assert_eq!(state, [0.75; 2]);
    let state = task.save().expect("a state");
    called("save");
    task.restore(&state, out(&mut obs, &mut active))
        .expect("a state that fits");
    called("restore");
    assert_eq!(task.sources(), Some(&[0][..]));
    called("sources");
    assert_eq!(task.must_receive(), Some(&[true][..]));
    called("must_receive");
    assert_eq!(task.departed(), [false]);
    called("departed");
    assert_eq!(task.action_names(), ["wait"]);
    called("action_names");
    assert_eq!(task.agent_names(), ["Ann"]);
    called("agent_names");
    let mut frame = Frame::default();
    task.draw(&mut frame);
    called("draw");
    assert_eq!(frame.size, [1.0, 2.0]);
    let failure = task
        .remote()
        .and_then(|remote| remote.failure().map(String::from));
    called("remote");
    assert_eq!(failure.as_deref(), Some("the wheel came off"));
}
