//! Checkpoints: what is written is read back, and damage is an error.

use commformer_torch::{Adam, AdamConfig};
use commformer_train::{
    Checkpoint, CheckpointError, CheckpointStore, TrainState, ValueNorm, Which, decode_state,
    encode_state,
};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// A folder of its own for each test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("commformer-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn state(iteration: u64) -> TrainState {
    let weight = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
    let mut adam = Adam::new(vec![("weight".into(), weight)], AdamConfig::default()).unwrap();
    adam.step(&[Tensor::full([2, 3], 0.5, (Kind::Float, Device::Cpu))])
        .unwrap();
    let mut value_norm = ValueNorm::default();
    value_norm.update([1.0, 2.0].into_iter());
    TrainState {
        iteration,
        steps: iteration * 4_000,
        lower: adam.state().unwrap(),
        upper: adam.state().unwrap(),
        value_norm,
        evaluation_return: -0.25,
        graph: vec![0.0, 1.0, 1.0, 0.0],
        gated: true,
        budget: vec![0.25, -0.5],
        weights_sha256: [7; 32],
    }
}

fn checkpoint(iteration: u64) -> Checkpoint {
    let value = Tensor::full([2, 3], iteration as f64, (Kind::Float, Device::Cpu));
    Checkpoint {
        weights: vec![("weight".into(), value)],
        state: state(iteration),
    }
}

fn first_weight(checkpoint: &Checkpoint) -> f64 {
    checkpoint.weights[0].1.double_value(&[0, 0])
}

#[test]
fn the_store_keeps_the_latest_and_the_best() {
    let folder = Folder::new("store");
    let store = CheckpointStore::create(&folder.0).unwrap();
    for (iteration, best) in [(1, true), (2, true), (3, false), (4, false)] {
        store.save(&mut checkpoint(iteration), best).unwrap();
    }
    let store = CheckpointStore::open(&folder.0).unwrap();
    let (latest, best) = (
        store.load(Which::Latest).unwrap(),
        store.load(Which::Best).unwrap(),
    );
    assert_eq!((first_weight(&latest), latest.state.steps), (4.0, 16_000));
    assert_eq!((first_weight(&best), best.state.steps), (2.0, 8_000));
    let kept = std::fs::read_dir(folder.0.join("checkpoints"))
        .unwrap()
        .count();
    assert_eq!(kept, 3, "two checkpoints and their index");
}

#[test]
fn a_folder_without_checkpoints_says_so() {
    let folder = Folder::new("empty");
    let error = CheckpointStore::open(&folder.0).unwrap_err();
    assert!(matches!(error, CheckpointError::Missing(_)), "{error}");
}

#[test]
fn exchanged_weights_are_noticed() {
    let folder = Folder::new("exchanged");
    let store = CheckpointStore::create(&folder.0).unwrap();
    store.save(&mut checkpoint(1), true).unwrap();
    store.save(&mut checkpoint(2), false).unwrap();
    let file = |name| {
        folder
            .0
            .join("checkpoints")
            .join(name)
            .join("weights.safetensors")
    };
    std::fs::copy(file("00000001"), file("00000002")).unwrap();
    assert!(store.load(Which::Best).is_ok());
    let error = store.load(Which::Latest).unwrap_err();
    assert!(error.to_string().contains("SHA-256"), "{error}");
}

#[test]
fn an_index_cannot_lead_out_of_the_folder() {
    let folder = Folder::new("index");
    let store = CheckpointStore::create(&folder.0).unwrap();
    store.save(&mut checkpoint(1), true).unwrap();
    let index = folder.0.join("checkpoints/index.json");
    std::fs::write(index, r#"{"latest": "../../etc", "best": "00000001"}"#).unwrap();
    let error = store.load(Which::Latest).unwrap_err();
    assert!(
        error.to_string().contains("not the name of a checkpoint"),
        "{error}"
    );
}

#[test]
fn another_version_is_named() {
    let mut bytes = encode_state(&state(1)).unwrap();
    bytes[8] = 9;
    let error = decode_state(&bytes, Path::new("state.bin")).unwrap_err();
    assert!(error.to_string().contains("state format 9"), "{error}");
}

proptest! {
    #[test]
    fn states_survive_the_round_trip(iteration in any::<u64>(), value in any::<f32>(), graph in prop::collection::vec(any::<f32>(), 0..20)) {
        let mut written = state(iteration / 4_000);
        written.evaluation_return = f64::from(value);
        written.graph = graph;
        let bytes = encode_state(&written).unwrap();
        let read = decode_state(&bytes, Path::new("state.bin")).unwrap();
        // Bit by bit, since not a number is not equal to itself.
        prop_assert_eq!(encode_state(&read).unwrap(), bytes);
        prop_assert_eq!((read.iteration, read.steps, read.lower), (written.iteration, written.steps, written.lower));
    }

    #[test]
    fn hostile_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(decode_state(&bytes, Path::new("state.bin")).is_err());
    }

    #[test]
    fn a_changed_byte_is_an_error(at in any::<prop::sample::Index>(), change in 1_u8..) {
        let mut bytes = encode_state(&state(3)).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(decode_state(&bytes, Path::new("state.bin")).is_err());
    }

    #[test]
    fn a_cut_file_is_an_error(length in any::<prop::sample::Index>()) {
        let bytes = encode_state(&state(3)).unwrap();
        let length = length.index(bytes.len());
        prop_assert!(decode_state(&bytes[..length], Path::new("state.bin")).is_err());
    }

    /// A payload with a right digest but a hostile length inside must not be believed.
    #[test]
    fn a_huge_length_behind_a_right_digest_allocates_nothing(payload in prop::collection::vec(200_u8.., 1..100)) {
        use sha2::{Digest, Sha256};
        let whole = encode_state(&state(1)).unwrap();
        let mut bytes = whole[..12].to_vec();
        bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(&payload));
        bytes.extend_from_slice(&payload);
        prop_assert!(decode_state(&bytes, Path::new("state.bin")).is_err());
    }
}
