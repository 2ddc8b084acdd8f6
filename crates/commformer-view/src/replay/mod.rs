//! Episodes to be played again: the [data](Replay), and a [page](page()) that plays them in a browser.

mod data;
mod page;

pub use data::{Action, Episode, Gates, Number, Picture, Replay, Run, Step};
pub use page::{PageError, page};
