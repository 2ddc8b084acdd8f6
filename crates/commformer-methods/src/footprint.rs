//! What a team takes of memory and time, before there is one.

/// The sizes of a team's networks. Sums are `f64`, which no size overflows.
pub trait Footprint {
    /// Bytes of all parameters.
    fn parameter_bytes(&self) -> f64;

    /// Multiply-adds of a forward and a backward pass for one sample, in which `senders` others are heard by each agent:
    /// a mean need not be whole.
    fn training_multiply_adds(&self, senders: f64) -> f64;

    /// Width of the network's layers.
    fn width(&self) -> usize;
}
