//! Episodes to be played again: the [data](Replay), a [page](page()) that plays them in a browser, and a
//! [film](film()) of one.

mod data;
mod film;
mod page;
mod paint;

pub use data::{Action, Episode, Gates, Number, Picture, Replay, Run, Step};
pub use film::{FilmError, film};
pub use page::{PageError, page};
