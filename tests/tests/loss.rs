//! The trainer's loss on the policy's output, against golden vectors of an independent
//! implementation.

use commformer_train::{Evaluation, PpoConfig, Targets, loss};
use safetensors::SafeTensors;
use std::path::PathBuf;
use tch::{Kind, Tensor};

fn folder() -> PathBuf {
    std::env::var_os("COMMFORMER_GOLDEN_DIR").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/golden")),
        PathBuf::from,
    )
}

#[test]
fn every_golden_case() {
    let mut cases = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "safetensors")
        {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        if file.tensor("out/loss").is_ok() {
            check(&path.display().to_string(), &bytes, &file);
            cases += 1;
        }
    }
    assert!(cases > 0, "no golden case in {}", folder().display());
}

fn check(case: &str, bytes: &[u8], file: &SafeTensors<'_>) {
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let settings = &metadata.metadata().as_ref().unwrap()["case"];
    let settings: serde_json::Value = serde_json::from_str(settings).unwrap();
    let number = |name: &str| settings[name].as_f64().unwrap();
    let config = PpoConfig {
        clip: number("clip"),
        huber_delta: number("huber_delta"),
        entropy_coef: number("entropy_coef"),
        value_coef: number("value_coef"),
        ..PpoConfig::default()
    };
    let tensor = |name: &str| {
        let view = file.tensor(name).unwrap();
        let values: Vec<f32> = view
            .data()
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect();
        Tensor::from_slice(&values)
    };
    let now = Evaluation {
        log_probs: tensor("out/log_probs"),
        entropy: tensor("out/entropy"),
        values: tensor("out/values"),
        gate: None,
    };
    let then = Targets {
        log_probs: tensor("in/old_log_probs"),
        values: tensor("in/old_values"),
        advantages: tensor("in/advantages"),
        returns: tensor("in/returns"),
        active: tensor("in/active"),
        valued: tensor("in/active"),
        gate: None,
    };
    let active = then.active.sum(Kind::Double).double_value(&[]);
    let found = loss(&config, None, &now, &then, active);
    let terms = Vec::<f64>::try_from(found.terms).unwrap();
    for (name, found) in [
        ("out/loss", found.total.double_value(&[])),
        ("out/policy_loss", terms[0]),
        ("out/value_loss", terms[1]),
        ("out/entropy_mean", terms[2]),
    ] {
        let expected = tensor(name).double_value(&[0]);
        assert!(
            (found - expected).abs() < 1e-4,
            "{case}, {name}: {found}, expected {expected}"
        );
    }
}
