//! commformer-torch
