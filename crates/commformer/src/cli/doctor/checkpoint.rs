//! Whether the current folder takes a checkpoint and gives it back.

use super::config;
use super::report::Outcome;
use crate::compose;
use crate::record::progress::grouped;
use anyhow::Context;
use commformer_torch::weights;
use commformer_train::{CheckpointStore, Which};
use std::path::Path;
use std::time::Instant;
use tch::Device;

/// Writes a checkpoint into a new folder in `folder`, reads it and compares.
pub(super) fn survives(folder: &Path) -> anyhow::Result<Outcome> {
    let config = config("predator-prey", &["rollout.copies=4", "rollout.steps=5"])?;
    let mut trainer = compose::trainer(&config, Device::Cpu)?;
    trainer.iterate()?;
    let mut written = trainer.checkpoint(0.0)?;

    let scratch = tempfile::Builder::new()
        .prefix(".commformer-doctor-")
        .tempdir_in(folder)
        .context("cannot make a folder in the current one")?;
    let start = Instant::now();
    let store = CheckpointStore::create(scratch.path())?;
    store.save(&mut written, true)?;
    let read = store.load(Which::Latest)?;
    let seconds = start.elapsed().as_secs_f64();

    let bytes = weights::encode(&written.weights, &[])?;
    let same = weights::encode(&read.weights, &[])? == bytes && read.state == written.state;
    anyhow::ensure!(
        same,
        "the checkpoint that was read is not the one that was written"
    );
    let kilobytes = grouped(bytes.len() as u64 / 1000);
    scratch.close().context("cannot remove what was written")?;
    Ok(Outcome::Ok(format!(
        "weights of {kilobytes} kB and the trainer's state written to the current folder and read back in {:.0} ms",
        1e3 * seconds
    )))
}
