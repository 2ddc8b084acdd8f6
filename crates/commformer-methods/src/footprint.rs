//! What a team takes of memory and time, before there is one.

/// The sizes of a team's networks. Sums are `f64`, which no size overflows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Footprint {
    /// Bytes of all parameters.
    pub parameter_bytes: f64,
    /// Multiply-adds of a forward and a backward pass for one sample.
    pub training_multiply_adds: f64,
    /// Width of the network's layers.
    pub width: usize,
}
