//! commformer-gate
