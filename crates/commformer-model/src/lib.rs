//! commformer-model
