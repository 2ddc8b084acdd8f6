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
///         spec reset step metrics progress global_state save restore sources must_receive departed action_names
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
    (@spec $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, spec(&self) -> &$crate::Spec }
    };
    (@reset $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+,
            reset(&mut self, rng: &mut $crate::Rng, out: $crate::Observation<'_>) -> () }
    };
    (@step $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, step(&mut self,
            actions: $crate::Actions<'_>, rng: &mut $crate::Rng, out: $crate::Observation<'_>, rewards: &mut [f32]
        ) -> $crate::Status }
    };
    (@metrics $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, metrics(&self, out: &mut [f32]) -> () }
    };
    (@progress $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, progress(&mut self, share: f64) -> () }
    };
    (@global_state $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, global_state(&self, out: &mut [f32]) -> () }
    };
    (@save $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, save(&self) -> Option<Vec<u8>> }
    };
    (@restore $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+,
            restore(&mut self, state: &[u8], out: $crate::Observation<'_>) -> Result<(), $crate::StateError> }
    };
    (@sources $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, sources(&self) -> Option<&[usize]> }
    };
    (@must_receive $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, must_receive(&self) -> Option<&[bool]> }
    };
    (@departed $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, departed(&self) -> &[bool] }
    };
    (@action_names $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, action_names(&self) -> Vec<String> }
    };
    (@agent_names $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, agent_names(&self) -> Vec<String> }
    };
    (@draw $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, draw(&self, frame: &mut $crate::Frame) -> () }
    };
    (@remote $($to:tt)+) => {
        $crate::forward_environment! { @to $($to)+, remote(&mut self) -> Option<&mut dyn $crate::Remote> }
    };
    (@to $this:ident, $task:expr, $name:ident(&self $(, $argument:ident: $type:ty)*) -> $result:ty) => {
        fn $name(&self $(, $argument: $type)*) -> $result {
            let $this = self;
            $task.$name($($argument),*)
        }
    };
    (@to $this:ident, $task:expr, $name:ident(&mut self $(, $argument:ident: $type:ty)*) -> $result:ty) => {
        fn $name(&mut self $(, $argument: $type)*) -> $result {
            let $this = self;
            $task.$name($($argument),*)
        }
    };
}

#[deny(clippy::missing_trait_methods)]
impl<E: Environment + ?Sized> Environment for Box<E> {
    forward_environment! { |this| (**this) => all }
}
