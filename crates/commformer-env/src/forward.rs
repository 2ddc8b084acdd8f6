//! What a task that wraps another leaves to it. A box is such a wrapper.

use crate::Environment;

/// Methods of [`Environment`] for a task that wraps another, within its `impl`: those named are the wrapped task's, and
/// `all` means every one.
///
/// A wrapper that forgets `remote` or `departed` compiles, and is wrong. So every `impl` that wraps has
/// `#[deny(clippy::missing_trait_methods)]` over it, which holds it to name each method that it does not write itself.
///
/// ```
/// use commformer_env::{Environment, Frame, forward_environment};
///
/// struct Unseen<E>(E);
///
/// #[deny(clippy::missing_trait_methods)]
/// impl<E: Environment> Environment for Unseen<E> {
///     forward_environment! { |this| this.0 =>
///         spec reset step metrics progress global_state save restore sources must_listen departed action_names
///         agent_names remote
///     }
///
///     fn draw(&self, _: &mut Frame) {}
/// }
/// ```
#[macro_export]
macro_rules! forward_environment {
    (|$this:ident| $task:expr => all) => {
        $crate::forward_environment! { |$this| $task =>
            spec reset step metrics progress global_state save restore sources must_receive departed action_names
            agent_names draw remote
        }
    };
    (|$this:ident| $task:expr => $($method:ident)+) => {
        $($crate::forward_environment! { @$method $this, $task })+
    };
    (@spec $this:ident, $task:expr) => {
        fn spec(&self) -> &$crate::Spec {
            let $this = self;
            $task.spec()
        }
    };
    (@reset $this:ident, $task:expr) => {
        fn reset(&mut self, rng: &mut $crate::Rng, out: $crate::Observation<'_>) {
            let $this = self;
            $task.reset(rng, out);
        }
    };
    (@step $this:ident, $task:expr) => {
        fn step(
            &mut self,
            actions: $crate::Actions<'_>,
            rng: &mut $crate::Rng,
            out: $crate::Observation<'_>,
            rewards: &mut [f32],
        ) -> $crate::Status {
            let $this = self;
            $task.step(actions, rng, out, rewards)
        }
    };
    (@metrics $this:ident, $task:expr) => {
        fn metrics(&self, out: &mut [f32]) {
            let $this = self;
            $task.metrics(out);
        }
    };
    (@progress $this:ident, $task:expr) => {
        fn progress(&mut self, share: f64) {
            let $this = self;
            $task.progress(share);
        }
    };
    (@global_state $this:ident, $task:expr) => {
        fn global_state(&self, out: &mut [f32]) {
            let $this = self;
            $task.global_state(out);
        }
    };
    (@save $this:ident, $task:expr) => {
        fn save(&self) -> Option<Vec<u8>> {
            let $this = self;
            $task.save()
        }
    };
    (@restore $this:ident, $task:expr) => {
        fn restore(
            &mut self,
            state: &[u8],
            out: $crate::Observation<'_>,
        ) -> Result<(), $crate::StateError> {
            let $this = self;
            $task.restore(state, out)
        }
    };
    (@sources $this:ident, $task:expr) => {
        fn sources(&self) -> Option<&[usize]> {
            let $this = self;
            $task.sources()
        }
    };
    (@must_receive $this:ident, $task:expr) => {
        fn must_receive(&self) -> Option<&[bool]> {
            let $this = self;
            $task.must_receive()
        }
    };
    (@departed $this:ident, $task:expr) => {
        fn departed(&self) -> &[bool] {
            let $this = self;
            $task.departed()
        }
    };
    (@action_names $this:ident, $task:expr) => {
        fn action_names(&self) -> Vec<String> {
            let $this = self;
            $task.action_names()
        }
    };
    (@agent_names $this:ident, $task:expr) => {
        fn agent_names(&self) -> Vec<String> {
            let $this = self;
            $task.agent_names()
        }
    };
    (@draw $this:ident, $task:expr) => {
        fn draw(&self, frame: &mut $crate::Frame) {
            let $this = self;
            $task.draw(frame);
        }
    };
    (@remote $this:ident, $task:expr) => {
        fn remote(&mut self) -> Option<&mut dyn $crate::Remote> {
            let $this = self;
            $task.remote()
        }
    };
}

#[deny(clippy::missing_trait_methods)]
impl<E: Environment + ?Sized> Environment for Box<E> {
    forward_environment! { |this| (**this) => all }
}
