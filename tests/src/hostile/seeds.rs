//! Valid inputs, and pieces of input.

use commformer::config::presets;
use commformer_torch::AdamState;
use commformer_torch::adam::Moments;
use commformer_torch::weights::encode;
use commformer_train::{TrainState, ValueNorm, encode_state};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

pub const CONFIG_WORDS: &[&[u8]] = &[
    b"1e15",
    b"9223372036854775807",
    b"-1",
    b"nan",
    b"\"\"\"",
    b"[[0,1],[1,0]]",
    b"[[[[[[[[",
    b"env.kind='predator-capture-prey'\n",
    b"graph.mode='given'\n",
    b"rollout.copies=1e15\n",
    b"env.agents=1_000_000_000\n",
    b"policy.embed_dim=0xffffffffffff\n",
];

pub const WEIGHT_WORDS: &[&[u8]] = &[
    b"\"__metadata__\":{",
    b"\"shape\":[",
    b"\"data_offsets\":[",
    b"18446744073709551615",
    b"4611686018427387904",
    b"I64",
    b"\\u0000",
    b"[[[[[[[[",
];

/// bincode's lengths: a mark for the width, then the number.
pub const STATE_WORDS: &[&[u8]] = &[
    b"\xfb\xff\xff",
    b"\xfc\xff\xff\xff\xff",
    b"\xfd\xff\xff\xff\x7f\0\0\0\0",
    b"\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xfe",
];

/// Each preset as it comes and with every key, and lines that `--set` takes too.
pub fn configs() -> Vec<Vec<u8>> {
    let as_they_come = presets::ALL.map(|preset| preset.toml.to_owned());
    let with_every_key = presets::ALL.map(|preset| {
        let config = preset.config().expect("a preset");
        config.to_toml().expect("a checked configuration")
    });
    let lines = "run.steps=6e5\nenv.agents=2\ngraph.mode='given'\ngraph.edges=[[0,1],[1,0]]\n";
    as_they_come
        .into_iter()
        .chain(with_every_key)
        .chain([lines.to_owned()])
        .map(String::into_bytes)
        .collect()
}

/// Every kind and several ranks; metadata alone; nothing.
pub fn weights() -> Vec<Vec<u8>> {
    let tensors = [
        (
            "a",
            Tensor::from_slice2(&[[1.0_f32, -2.0], [f32::NAN, 0.5]]),
        ),
        ("b", Tensor::from(0.25_f32)),
        ("c", Tensor::from_slice(&[3_i64, -1])),
        ("d", Tensor::zeros([2, 0], (Kind::Float, Device::Cpu))),
    ]
    .map(|(name, tensor)| (name.to_owned(), tensor));
    let metadata = [("format".to_owned(), "\"é\"\n".to_owned())];
    let write = |tensors: &[_], metadata: &[_]| encode(tensors, metadata).expect("writable");
    vec![
        write(&tensors, &metadata),
        write(&[], &metadata),
        write(&[], &[]),
    ]
}

/// Files, and what follows their headers.
pub fn states() -> Vec<Vec<u8>> {
    let adam = |moments: Vec<Moments>| AdamState { step: 300, moments };
    let moments = |name: &str| Moments {
        name: name.to_owned(),
        shape: vec![2, 1],
        exp_avg: vec![0.5, -1.0],
        exp_avg_sq: vec![0.25, 1.0],
    };
    let full = TrainState {
        iteration: 70_000,
        steps: 1 << 40,
        lower: adam(vec![moments("a.weight"), moments("b.weight")]),
        upper: adam(vec![moments("edges")]),
        value_norm: ValueNorm::default(),
        evaluation_return: -0.25,
        graph: vec![0.0, 1.0, 1.0, 0.0],
        gated: true,
        budget: vec![0.25, -0.5],
        weights_sha256: [7; 32],
    };
    let files = [full, empty_state()].map(|state| encode_state(&state).expect("a state"));
    let payloads = files.iter().map(|file| file[HEADER..].to_vec());
    payloads.chain(files.clone()).collect()
}

/// Where a state's file says its format; then come a length and a digest.
const FORMAT: usize = 12;
const HEADER: usize = FORMAT + 8 + 32;

/// A state's file whose length and digest are right, whatever the payload is.
pub fn with_header(payload: &[u8]) -> Vec<u8> {
    let file = encode_state(&empty_state()).expect("a state");
    let length = (payload.len() as u64).to_le_bytes();
    let digest = Sha256::digest(payload);
    [&file[..FORMAT], &length, &digest[..], payload].concat()
}

fn empty_state() -> TrainState {
    let adam = AdamState {
        step: 0,
        moments: Vec::new(),
    };
    TrainState {
        iteration: 0,
        steps: 0,
        lower: adam.clone(),
        upper: adam,
        value_norm: ValueNorm::default(),
        evaluation_return: 0.0,
        graph: Vec::new(),
        gated: false,
        budget: Vec::new(),
        weights_sha256: [0; 32],
    }
}
