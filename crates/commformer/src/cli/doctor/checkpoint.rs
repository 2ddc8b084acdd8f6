//! Whether the current folder takes a checkpoint and gives it back, and a run goes on from it.

use super::config;
use super::report::Outcome;
use crate::compose::{self, TeamTrainer};
use anyhow::Context;
use commformer_torch::weights;
use commformer_train::{CheckpointStore, Policy, Which};
use commformer_view::numbers::grouped;
use std::path::Path;
use std::time::Instant;
use tch::Device;

/// Writes a checkpoint into a new folder in `folder`, goes on from what is read there, and compares.
pub(super) fn survives(folder: &Path) -> anyhow::Result<Outcome> {
    let config = config("predator-prey", &["rollout.num_envs=4", "rollout.steps=5"])?;
    let trainer = || compose::trainer(&config, Device::Cpu);
    let (mut first, mut second) = (trainer()?, trainer()?);
    first.iterate()?;

    let scratch = tempfile::Builder::new()
        .prefix(".commformer-doctor-")
        .tempdir_in(folder)
        .context("cannot make a folder in the current one")?;
    let start = Instant::now();
    let store = CheckpointStore::create(scratch.path(), 1)?;
    store.save(&first.checkpoint()?)?;
    second.restore(store.load(Which::Latest)?.checkpoint)?;
    let seconds = start.elapsed().as_secs_f64();

    let goes_on = |trainer: &mut TeamTrainer| -> anyhow::Result<Vec<u8>> {
        trainer.iterate()?;
        Ok(weights::encode(&trainer.policy().state(), &[])?)
    };
    let bytes = goes_on(&mut first)?;
    anyhow::ensure!(
        goes_on(&mut second)? == bytes,
        "a run that went on from a checkpoint came to other weights"
    );
    let kilobytes = grouped(bytes.len() as u64 / 1000);
    scratch.close().context("cannot remove what was written")?;
    Ok(Outcome::Ok(format!(
        "weights of {kilobytes} kB and the trainer's state written to the current folder and read back \
         in {:.0} ms; the run went on to the bit",
        1e3 * seconds
    )))
}
