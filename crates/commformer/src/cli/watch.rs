//! `commformer watch`.

use clap::Args;
use commformer_view::watch;
use std::io::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct Watch {
    /// The run's folder; it may still have to be made
    #[arg(long, value_name = "DIR")]
    run: PathBuf,
    /// Print what there is to see now as text, and end; so it is where there is no terminal, too
    #[arg(long)]
    once: bool,
}

impl Watch {
    pub fn run(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let program = super::program();
        let shown = match self.once {
            true => watch::print(&self.run, &program, out),
            false => watch::watch(&self.run, &program, out),
        };
        Ok(shown?)
    }
}
