//! Checkpoints: what is written is read back, and damage is an error.

use commformer_env::{Buffers, EnvState, Environment, Signal, SignalConfig, VecEnv};
use commformer_torch::{Adam, AdamConfig};
use commformer_train::{
    Best, Checkpoint, CheckpointError, CheckpointStore, Manifest, TrainState, ValueNorm, Which,
    decode_state, encode_state,
};
use proptest::prelude::*;
use std::fs;
use std::path::Path;
use tch::{Device, Kind, Tensor};
use tempfile::TempDir;

/// Two environments of Signal after their reset.
fn envs() -> Vec<EnvState> {
    let task = Signal::new(SignalConfig::default()).unwrap();
    let mut envs = VecEnv::new(vec![task; 2], 1).unwrap();
    Buffers::of(&envs).reset(&mut envs).unwrap();
    envs.save().unwrap()
}

fn state(iteration: u64, best: u64) -> TrainState {
    let weight = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
    let mut adam = Adam::new(vec![("weight".into(), weight)], AdamConfig::default()).unwrap();
    adam.step(&[Tensor::full([2, 3], 0.5, (Kind::Float, Device::Cpu))])
        .unwrap();
    let mut value_norm = ValueNorm::default();
    value_norm.update([1.0, 2.0].into_iter());
    TrainState {
        iteration,
        steps: iteration.saturating_mul(4_000),
        obs_version: 1,
        lower: adam.state().unwrap(),
        upper: adam.state().unwrap(),
        value_norm,
        graph: vec![0.0, 1.0, 1.0, 0.0],
        gated: true,
        budget: vec![0.25, -0.5],
        best: Some(Best {
            iteration: best,
            within_budget: true,
            score: -0.25,
        }),
        envs: Some(envs()),
        recurrent: vec![0.5, 0.0],
    }
}

fn checkpoint(iteration: u64, best: u64) -> Checkpoint {
    let value = Tensor::full([2, 3], iteration as f64, (Kind::Float, Device::Cpu));
    Checkpoint {
        weights: vec![("weight".into(), value)],
        state: state(iteration, best),
    }
}

/// A store with the checkpoints of these iterations, the first of which is the best.
fn store(folder: &TempDir, keep: usize, iterations: &[u64]) -> CheckpointStore {
    let store = CheckpointStore::create(folder.path(), keep).unwrap();
    for iteration in iterations {
        store.save(&checkpoint(*iteration, iterations[0])).unwrap();
    }
    store
}

/// Which checkpoint is found, by what its weights say, and what is said about newer ones.
#[track_caller]
fn found(store: &CheckpointStore, which: Which) -> (f64, Vec<String>) {
    let found = store.load(which).unwrap();
    let damaged = found.damaged.iter().map(ToString::to_string).collect();
    let first = found.checkpoint.weights[0].1.double_value(&[0, 0]);
    assert_eq!(first as u64, found.checkpoint.state.iteration);
    (first, damaged)
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path().join("checkpoints")).unwrap();
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<String> = entries.map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

#[test]
fn weights_that_are_not_finite_are_neither_saved_nor_believed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, 3, &[1, 2]);
    let spoiled = checkpoint(3, 1);
    for value in [f64::NAN, f64::INFINITY] {
        let _ = spoiled.weights[0].1.view(-1).get(4).fill_(value);
        let error = store.save(&spoiled).unwrap_err().to_string();
        assert!(error.contains("weight [2, 3] ("), "{error}");
    }
    assert_eq!(names(&folder), ["00000001", "00000002"]);
    // As a program that did not look would have left it.
    let from = folder.path().join("checkpoints/00000002");
    let path = from.join("weights.safetensors");
    let weights = commformer_torch::weights::encode(&spoiled.weights, &[]).unwrap();
    fs::write(&path, &weights).unwrap();
    let state = fs::read(from.join("state.bin")).unwrap();
    let manifest = Manifest::new(&weights, &state).encode().unwrap();
    fs::write(from.join("manifest.json"), manifest).unwrap();
    let (value, damaged) = found(&store, Which::Latest);
    assert_eq!(value, 1.0);
    assert!(damaged[0].contains("not finite"), "{damaged:?}");
}

/// An older program must not go on from before it: it would write over what a newer one has.
#[test]
fn a_checkpoint_of_a_newer_format_stops_everything_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, 1, &[1, 2]);
    let path = folder.path().join("checkpoints/00000002/manifest.json");
    let newer = fs::read_to_string(&path).unwrap();
    let more = format!("\"format\": 4,\n  \"more\": \"{}\"", "x".repeat(5000));
    let newer = newer.replacen("\"format\": 3", &more, 1);
    fs::write(&path, &newer).unwrap();
    for result in [
        store.load(Which::Latest).map(drop),
        store.load(Which::Best).map(drop),
        store.save(&checkpoint(2, 1)),
    ] {
        let text = result.unwrap_err().to_string();
        assert!(text.contains("format 4"), "{text}");
    }
    // Nor is it among what no longer counts.
    store.save(&checkpoint(3, 3)).unwrap();
    assert_eq!(names(&folder), ["00000002", "00000003"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), newer);
}

#[cfg(unix)]
#[test]
fn strange_things_among_the_checkpoints_are_left_alone_and_hang_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, 2, &[1, 2]);
    let checkpoints = folder.path().join("checkpoints");
    let fifo = |name: &str| {
        let made = std::process::Command::new("mkfifo")
            .arg(checkpoints.join(name))
            .status();
        assert!(made.unwrap().success());
    };
    fs::write(checkpoints.join("x.tmp"), "mine").unwrap();
    fs::write(checkpoints.join("00000007.tmp"), "mine").unwrap();
    fs::create_dir(checkpoints.join("notes.tmp")).unwrap();
    fifo("pipe");
    fifo("00000009");
    fs::create_dir(checkpoints.join("00000008")).unwrap();
    fifo("00000008/manifest.json");
    let left = ["00000007.tmp", "00000009", "notes.tmp", "pipe", "x.tmp"];

    let (value, damaged) = found(&store, Which::Latest);
    assert_eq!((value, damaged.len()), (2.0, 2), "{damaged:?}");
    assert!(damaged[1].contains("it is no file"), "{damaged:?}");
    store.save(&checkpoint(3, 3)).unwrap();
    // The first is what the second calls the best.
    let ours = ["00000001", "00000002", "00000003"];
    let mut expected = [&ours, &left[..]].concat();
    expected.sort_unstable();
    assert_eq!(names(&folder), expected);
    // A save that such a thing is in the way of says so.
    let text = store.save(&checkpoint(9, 3)).unwrap_err().to_string();
    assert!(text.contains("00000009"), "{text}");
    assert_eq!(found(&store, Which::Latest).0, 3.0);
    // What was written of it is gone: a disk may be full of such.
    assert_eq!(names(&folder), expected);
}

/// As tools for large files leave them.
#[cfg(unix)]
#[test]
fn a_file_behind_a_link_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, 2, &[1]);
    let path = folder
        .path()
        .join("checkpoints/00000001/weights.safetensors");
    let elsewhere = folder.path().join("elsewhere");
    fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    assert_eq!(found(&store, Which::Latest), (1.0, Vec::new()));
}

#[test]
fn a_state_with_a_byte_more_is_none() {
    let mut bytes = encode_state(&state(1, 1)).unwrap();
    let path = Path::new("state.bin");
    assert!(decode_state(&bytes, path).is_ok());
    bytes.push(0);
    let error = decode_state(&bytes, path).unwrap_err().to_string();
    assert!(error.contains("have a meaning"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_checkpoint_that_is_whole_is_not_written_again() {
    use std::os::unix::fs::MetadataExt;
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, 2, &[1, 2]);
    let path = folder
        .path()
        .join("checkpoints/00000002/weights.safetensors");
    let before = fs::metadata(&path).unwrap().ino();
    store.save(&checkpoint(2, 1)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().ino(), before);
}

#[test]
fn another_run_is_not_saved_beside_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, 2, &[2, 3]);
    let taken = |checkpoint: &Checkpoint| match store.save(checkpoint) {
        Err(CheckpointError::Taken { iteration, .. }) => Some(iteration),
        other => panic!("{other:?}"),
    };
    // From its start, and one that comes to the same iteration by another way.
    assert_eq!(taken(&checkpoint(1, 1)), Some(3));
    assert_eq!(taken(&checkpoint(3, 3)), Some(3));
    assert_eq!(names(&folder), ["00000002", "00000003"]);
    // What lies behind damage is this run's own.
    let newest = folder.path().join("checkpoints/00000003/state.bin");
    fs::write(newest, b"no state").unwrap();
    store.save(&checkpoint(2, 2)).unwrap();
}

#[test]
fn the_newest_stay_and_the_best() {
    let folder = tempfile::tempdir().unwrap();
    store(&folder, 2, &[1, 2, 3, 4]);
    assert_eq!(names(&folder), ["00000001", "00000003", "00000004"]);
    let store = CheckpointStore::open(folder.path()).unwrap();
    assert_eq!(found(&store, Which::Latest), (4.0, vec![]));
    assert_eq!(found(&store, Which::Best), (1.0, vec![]));
    assert_eq!(
        store.load(Which::Latest).unwrap().checkpoint.state,
        state(4, 1)
    );
}

/// Each checkpoint is the best of its time: should the newest be damaged, the one before it finds its own.
#[test]
fn what_an_older_checkpoint_calls_the_best_stays_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = CheckpointStore::create(folder.path(), 2).unwrap();
    for (iteration, best) in [(1, 1), (2, 2), (3, 2), (4, 2), (5, 5)] {
        store.save(&checkpoint(iteration, best)).unwrap();
    }
    assert_eq!(names(&folder), ["00000002", "00000004", "00000005"]);
    assert_eq!(found(&store, Which::Best), (5.0, vec![]));
    fs::write(folder.path().join("checkpoints/00000005/state.bin"), "").unwrap();
    let (best, damaged) = found(&store, Which::Best);
    assert_eq!(best, 2.0);
    assert!(damaged[0].contains("00000005"), "{damaged:?}");
}

#[test]
fn a_folder_without_checkpoints_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = CheckpointStore::open(folder.path()).unwrap_err();
    assert!(matches!(error, CheckpointError::Missing(_)), "{error}");
    let store = CheckpointStore::create(folder.path(), 1).unwrap();
    assert!(store.is_empty().unwrap());
    let mut unevaluated = checkpoint(1, 1);
    unevaluated.state.best = None;
    store.save(&unevaluated).unwrap();
    assert_eq!(found(&store, Which::Latest).0, 1.0);
    let error = store.load(Which::Best).unwrap_err();
    assert!(matches!(error, CheckpointError::NotEvaluated(_)), "{error}");
}

/// Every file of the newest of three checkpoints is cut to every length and has a bit of every byte
/// turned, one change at a time. Each time the damage is named and the checkpoint before it is found.
#[test]
fn no_damaged_checkpoint_is_ever_believed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, 3, &[1, 2, 3]);
    let mut cases = 0;
    for name in ["manifest.json", "state.bin", "weights.safetensors"] {
        let path = folder.path().join("checkpoints/00000003").join(name);
        let whole = fs::read(&path).unwrap();
        let cut = (0..whole.len()).map(|length| whole[..length].to_vec());
        let turned = (0..whole.len()).map(|at| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (5 * at % 8);
            bytes
        });
        let longer = [[&whole[..], b" "].concat()];
        for bytes in cut.chain(turned).chain(longer) {
            fs::write(&path, bytes).unwrap();
            let (iteration, damaged) = found(&store, Which::Latest);
            assert_eq!((iteration, damaged.len()), (2.0, 1), "{name}");
            assert!(damaged[0].contains("00000003"), "{damaged:?}");
            cases += 1;
        }
        fs::remove_file(&path).unwrap();
        assert!(found(&store, Which::Latest).1[0].contains(name));
        fs::write(&path, &whole).unwrap();
        assert_eq!(found(&store, Which::Latest), (3.0, vec![]));
    }
    println!("{cases} damaged checkpoints, none of them believed");
    assert!(cases > 1_000);
}

#[test]
fn what_is_damaged_gives_way_to_what_is_saved_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, 2, &[1, 3, 5, 7]);
    for iteration in [5, 7] {
        let path = format!("checkpoints/{iteration:08}/state.bin");
        fs::write(folder.path().join(path), "x").unwrap();
    }
    // Only the best is left, and the run goes over the rest again.
    let (iteration, damaged) = found(&store, Which::Latest);
    assert_eq!((iteration, damaged.len()), (1.0, 2));
    fs::create_dir(folder.path().join("checkpoints/00000009.tmp")).unwrap();
    for (iteration, left) in [
        (3, &["00000001", "00000003"][..]),
        (5, &["00000001", "00000003", "00000005"]),
    ] {
        store.save(&checkpoint(iteration, 1)).unwrap();
        assert_eq!(names(&folder), left);
        assert_eq!(found(&store, Which::Latest), (iteration as f64, vec![]));
    }
    for name in ["00000001", "00000003", "00000005"] {
        let path = format!("checkpoints/{name}/manifest.json");
        fs::remove_file(folder.path().join(path)).unwrap();
    }
    let error = store.load(Which::Best).unwrap_err().to_string();
    assert!(
        error.contains("none of the 3 checkpoints") && error.contains("00000005"),
        "{error}"
    );
}

#[test]
fn exchanged_files_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, 3, &[1, 2, 3]);
    let path = |name: &str, file: &str| folder.path().join("checkpoints").join(name).join(file);
    for file in ["weights.safetensors", "state.bin", "manifest.json"] {
        fs::copy(path("00000001", file), path("00000003", file)).unwrap();
        assert_eq!(found(&store, Which::Latest).0, 2.0);
    }
    // All three of them now: a whole checkpoint, of another iteration.
    assert!(found(&store, Which::Latest).1[0].contains("of iteration 1"));
}

#[test]
fn another_format_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, 1, &[1]);
    let named = |format: u32| {
        let said = store.load(Which::Latest).unwrap_err().to_string();
        let words = format!("checkpoint format {format}, this program reads 3");
        assert!(said.contains(&words), "{said}");
    };
    let path = folder.path().join("checkpoints/00000001/manifest.json");
    let text = fs::read_to_string(&path).unwrap();
    let newer = text.replacen("\"format\": 3", "\"format\": 4, \"new\": true", 1);
    fs::write(&path, newer).unwrap();
    named(4);
    // Format 2 had no manifest.
    fs::remove_file(&path).unwrap();
    fs::write(path.with_file_name("state.bin"), b"CFSTATE\0\x02\0\0\0rest").unwrap();
    named(2);
}

/// Nothing of it can be used, so the one before is, and a run that comes to its iteration again writes over it.
#[test]
fn an_older_format_gives_way_to_what_is_saved_next() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder, 2, &[1, 2]);
    let path = folder.path().join("checkpoints/00000002");
    fs::remove_file(path.join("manifest.json")).unwrap();
    fs::write(path.join("state.bin"), b"CFSTATE\0\x02\0\0\0rest").unwrap();
    let (iteration, damaged) = found(&store, Which::Latest);
    assert_eq!((iteration, damaged.len()), (1.0, 1));
    assert!(damaged[0].contains("checkpoint format 2"), "{damaged:?}");
    store.save(&checkpoint(2, 1)).unwrap();
    assert_eq!(found(&store, Which::Latest), (2.0, vec![]));
}

#[test]
fn a_state_of_other_observations_is_refused() {
    let task = Signal::new(SignalConfig::default()).unwrap();
    let spec = task.spec();
    let mut state = state(1, 1);
    for version in [spec.obs_version - 1, spec.obs_version, spec.obs_version + 1] {
        state.obs_version = version;
        let sound = state.check_observations(spec).is_ok();
        assert_eq!(sound, version == spec.obs_version, "{version}");
    }
}

proptest! {
    #[test]
    fn states_survive_the_round_trip(iteration in any::<u64>(), value in any::<f32>(), graph in prop::collection::vec(any::<f32>(), 0..20)) {
        let mut written = state(iteration, 1);
        written.recurrent = vec![value];
        written.graph = graph;
        let bytes = encode_state(&written).unwrap();
        let read = decode_state(&bytes, Path::new("state.bin")).unwrap();
        // Bit by bit, since not a number is not equal to itself.
        prop_assert_eq!(encode_state(&read).unwrap(), bytes);
        prop_assert_eq!((read.iteration, read.steps, read.lower, read.envs), (written.iteration, written.steps, written.lower, written.envs));
    }

    #[test]
    fn a_cut_state_is_an_error(length in any::<prop::sample::Index>()) {
        let bytes = encode_state(&state(3, 1)).unwrap();
        let length = length.index(bytes.len());
        prop_assert!(decode_state(&bytes[..length], Path::new("state.bin")).is_err());
    }

    #[test]
    fn a_manifest_is_what_was_written(weights in prop::collection::vec(any::<u8>(), 0..40), state in prop::collection::vec(any::<u8>(), 0..40)) {
        let manifest = Manifest::new(&weights, &state);
        let bytes = manifest.encode().unwrap();
        let read = Manifest::decode(&bytes, Path::new("manifest.json")).unwrap();
        prop_assert_eq!(&read, &manifest);
        prop_assert!(read.files.weights.matches(&weights) && read.files.state.matches(&state));
    }
}
