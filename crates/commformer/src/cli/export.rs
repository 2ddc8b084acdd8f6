//! `commformer export`.

use super::episodes::{Checkpoint, GateOptions};
use super::opened::TaskOptions;
use super::target::Target;
use super::trust::Trust;
use super::{agents, warn};
use crate::compose;
use crate::evaluation;
use clap::Args;
use commformer_train::CheckpointStore;
use commformer_view::numbers::grouped;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Export {
    /// The run's folder
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// The file to write; by default team.safetensors in the run's folder
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Which weights
    #[arg(long, value_enum, default_value_t = Checkpoint::Best)]
    checkpoint: Checkpoint,
    #[command(flatten)]
    gates: GateOptions,
    #[command(flatten)]
    task: TaskOptions,
    #[command(flatten)]
    trust: Trust,
}

impl Export {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let opened = (self.task).open(self.trust, &self.run, Some(&"cpu".to_owned()))?;
        let (folder, config) = (&opened.folder, &opened.config);
        let target = Target::of(self.out.as_deref(), "--out", folder, "team.safetensors")?;
        let device = compose::device(config)?;
        let store = CheckpointStore::open(folder.path())?;
        let (which, rate) = (self.checkpoint.into(), self.gates.target_rate);
        let exported = evaluation::export(config, &store, which, rate, device);
        let exported = exported.map_err(|error| opened.explained(error))?;
        for damage in &exported.damaged {
            warn(damage);
        }
        target.write(&exported.bytes)?;
        let told = format!(
            "{}: {} after {} steps, {} bytes; docs/src/trained.md says how a program of yours runs them",
            target.path().display(),
            agents(exported.agents),
            grouped(exported.trained_steps),
            grouped(exported.bytes.len() as u64),
        );
        Ok(Target::tell(&[&target], out, &told)?)
    }
}
