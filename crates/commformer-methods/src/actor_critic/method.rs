//! Methods whose teams are actor-critics: what each says of itself.

use super::decides::Decides;
use super::talk::Talk;
use super::{ActorCriticConfig, Critic};
use commformer_nn::layout::Layout;
use schemars::JsonSchema;
use serde::Serialize;

/// A method whose teams are actor-critics; its settings are its fields. All of [`Method`](crate::Method) follows from it, of
/// methods outside this crate as well ([`trainer_of`](crate::trainer_of)).
pub trait ActorCriticMethod: Serialize + JsonSchema + 'static {
    /// What it is, in a line.
    const ABOUT: &str;
    /// What they say to each other.
    type Talk: Talk;

    /// The sizes of its networks.
    fn sizes(&self) -> ActorCriticConfig;

    /// What its values are made of.
    fn critic(&self) -> Critic;

    /// How its agents talk, with the parts of a layout that this takes.
    fn talk(&self, layout: &mut Layout, name: &str) -> Self::Talk;

    /// What its agents, so many, decide on before they exchange messages, with which gates decide who hears whom; nothing,
    /// unless it says so.
    fn decides(&self, agents: usize) -> Option<Decides> {
        let _ = agents;
        None
    }

    /// Whom each of so many agents can hear, (N, N) row by row: everybody, unless it says so. If it is empty, nobody.
    fn edges(&self, agents: usize) -> Vec<f32> {
        vec![1.0; agents * agents]
    }
}
