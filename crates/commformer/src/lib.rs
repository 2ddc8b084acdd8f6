//! commformer
