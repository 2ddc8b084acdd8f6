//! Golden vectors of the trainer's arithmetic, made by an independent implementation.

use commformer_train::{ValueNorm, gae};
use ndarray::{Array3, ArrayD, IxDyn, s};
use safetensors::SafeTensors;
use std::path::PathBuf;

const NUMERICS: &str = "numerics.safetensors";
const GAMMA: f64 = 0.99;
const LAMBDA: f64 = 0.95;

/// From the folder that `COMMFORMER_GOLDEN_DIR` names, if it has these, or else from ours.
fn golden() -> Vec<u8> {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");
    let path = std::env::var_os("COMMFORMER_GOLDEN_DIR")
        .map(|folder| PathBuf::from(folder).join(NUMERICS))
        .filter(|path| path.is_file())
        .unwrap_or_else(|| PathBuf::from(ours).join(NUMERICS));
    std::fs::read(path).unwrap()
}

fn array(file: &SafeTensors<'_>, name: &str) -> ArrayD<f32> {
    let tensor = file.tensor(name).unwrap();
    let values = tensor
        .data()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    ArrayD::from_shape_vec(IxDyn(tensor.shape()), values.collect()).unwrap()
}

fn cube(file: &SafeTensors<'_>, name: &str) -> Array3<f32> {
    array(file, name).into_dimensionality().unwrap()
}

#[test]
fn advantages_and_returns() {
    let bytes = golden();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (rewards, values, masks) = (
        cube(&file, "gae/rewards"),
        cube(&file, "gae/values"),
        cube(&file, "gae/masks"),
    );
    // A mask of 0 after a step says that the episode terminated in it.
    let goes_on = masks.slice(s![1.., .., ..]);
    let next_values = &values.slice(s![1.., .., ..]) * &goes_on;
    let ended = goes_on.mapv(|goes_on| 1.0 - goes_on);
    let acted_in = values.slice(s![..-1, .., ..]);
    let (advantages, returns) = gae(
        rewards.view(),
        acted_in,
        next_values.view(),
        ended.view(),
        GAMMA,
        LAMBDA,
    );
    for (found, name) in [(advantages, "gae/advantages"), (returns, "gae/returns")] {
        let distance = (&found - &cube(&file, name))
            .mapv(f32::abs)
            .into_iter()
            .fold(0.0, f32::max);
        assert!(distance < 1e-4, "{name}: {distance}");
    }
}

#[test]
fn value_normalisation() {
    let bytes = golden();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (batches, expected) = (
        array(&file, "valuenorm/batches"),
        array(&file, "valuenorm/mean_var"),
    );
    let mut norm = ValueNorm::default();
    for (batch, expected) in batches.outer_iter().zip(expected.outer_iter()) {
        norm.update(batch.iter().copied());
        let (mean, variance) = norm.moments();
        assert!(
            (mean - f64::from(expected[0])).abs() < 1e-4,
            "{mean} {expected}"
        );
        assert!(
            (variance - f64::from(expected[1])).abs() < 1e-4,
            "{variance} {expected}"
        );
    }
    let value = 1.25;
    assert!((norm.denormalize(norm.normalize(value)) - value).abs() < 1e-5);
}
