//! What ends a step of training: clipping the gradients, and Adam.

use std::hint::black_box;

use commformer_torch::{Adam, AdamConfig, gradients, threads};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tch::{Device, Kind, Tensor};

/// 100,352 numbers in 56 tensors, which are about the number and the sizes of a policy's.
const MATRICES: usize = 24;
const VECTORS: usize = 32;
const WIDTH: i64 = 64;

fn tensors() -> Vec<Tensor> {
    threads::set_intra_op(1).expect("one thread");
    let normal = |size: &[i64]| Tensor::randn(size, (Kind::Float, Device::Cpu));
    let matrices = (0..MATRICES).map(|_| normal(&[WIDTH, WIDTH]));
    let vectors = (0..VECTORS).map(|_| normal(&[WIDTH]));
    matrices.chain(vectors).collect()
}

fn count(tensors: &[Tensor]) -> u64 {
    tensors.iter().map(|tensor| tensor.numel() as u64).sum()
}

fn adam(c: &mut Criterion) {
    let gradients = tensors();
    let named = tensors().into_iter().enumerate();
    let parameters = named.map(|(index, tensor)| (index.to_string(), tensor));
    let mut adam = Adam::new(parameters.collect(), AdamConfig::default()).expect("parameters fit");
    let mut group = c.benchmark_group("100k parameters");
    group.throughput(Throughput::Elements(count(&gradients)));
    group.bench_function("Adam", |b| {
        b.iter(|| adam.step(&gradients).expect("gradients fit"));
    });
}

fn clip(c: &mut Criterion) {
    let mut found = tensors();
    let mut group = c.benchmark_group("100k parameters");
    group.throughput(Throughput::Elements(count(&found)));
    // The first call scales them down to the norm, so that all later ones are alike.
    group.bench_function("clip_norm", |b| {
        b.iter(|| black_box(gradients::clip_norm(&mut found, 1.0).expect("gradients are there")));
    });
}

criterion_group!(benches, adam, clip);
criterion_main!(benches);
