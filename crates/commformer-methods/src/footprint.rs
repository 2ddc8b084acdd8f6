//! What a team takes of memory and time, before there is one.

use commformer_train::Needs;

/// The cost of a team's passes. Sums are `f64`, which no size overflows; `senders` others are heard by each agent, of
/// which a mean need not be whole.
pub trait Footprint {
    /// What an agent carries from step to step, and how wide its gates are.
    fn needs(&self) -> Needs;

    /// Bytes of all parameters.
    fn parameter_bytes(&self) -> f64;

    /// Bytes of the buffers of a forward and a backward pass over so many samples.
    fn pass_bytes(&self, teams: f64, senders: f64) -> f64;

    /// The same of choosing actions.
    fn act_bytes(&self, teams: f64, senders: f64) -> f64;

    /// The same of values alone.
    fn value_bytes(&self, teams: f64) -> f64;

    /// Multiply-adds of a forward and a backward pass for one sample.
    fn training_multiply_adds(&self, senders: f64) -> f64;

    /// Width of the network's layers.
    fn width(&self) -> usize;
}
