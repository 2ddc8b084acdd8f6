//! commformer-train
