//! `watch`: a view of a run in the terminal while it trains, from its folder alone.
//!
//! What is seen of the folder (`seen`) and what the user has chosen (`view`) is state without a terminal; the
//! `panels` are lines of text made of both, which `draw` places and [`print()`] prints.

mod curves;
mod draw;
mod graph;
mod life;
mod pace;
mod panels;
mod seen;
mod terminal;
#[cfg(test)]
mod tests;
mod theme;
mod view;

use crate::log::LogError;
use panels::Panel;
use std::io::{self, Write};
use std::path::Path;
use view::View;

pub use life::Life;
pub use seen::Seen;
pub use terminal::watch;

/// Columns of what is printed.
const COLUMNS: u16 = 100;
/// Evaluations that are printed, the newest.
const EVALUATIONS: usize = 10;

/// Why nothing can be shown.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// There is no run.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The terminal refuses, or whoever reads has enough.
    #[error("cannot show the run")]
    Io(#[from] io::Error),
}

/// Prints what there is to see of a run now. `program` is how the user calls commformer, for what to type
/// next.
///
/// # Errors
///
/// [`WatchError`].
pub fn print(folder: &Path, program: &str, out: &mut dyn Write) -> Result<(), WatchError> {
    let mut seen = Seen::new(folder);
    seen.look();
    let Some(log) = &seen.log else {
        return Err(match seen.trouble {
            Some(error) => error.into(),
            None => io::Error::from(io::ErrorKind::NotFound).into(),
        });
    };
    let view = View::new(program, theme::PLAIN);
    let panel = |height| Panel {
        log,
        view: &view,
        width: COLUMNS,
        height,
    };
    let all = panel(usize::MAX);
    let sections = [
        all.head(&seen.life, &seen.folder),
        all.metrics(),
        panel(EVALUATIONS + 1).evaluations(),
        all.latest(),
        all.graph(),
    ];
    for (index, section) in sections.into_iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        for line in section {
            writeln!(out, "{}", line.to_string().trim_end())?;
        }
    }
    Ok(())
}
