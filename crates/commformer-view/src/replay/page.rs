//! The page that plays a replay: one file, without a network.

use super::Replay;
use askama::Template;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use commformer_env::printable;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io::{self, Write};

/// Why a replay cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// There is nothing to play.
    #[error("{0} has no episode to play")]
    Empty(String),
    /// It does not become JSON.
    #[error("the replay cannot be written")]
    Json(#[from] serde_json::Error),
    /// Nor can it be compressed.
    #[error("the replay cannot be compressed")]
    Compression(#[from] io::Error),
    /// The page was not put together.
    #[error("the page could not be put together")]
    Page(#[from] askama::Error),
}

/// Each builds on those before it.
const SCRIPT: &str = concat!(
    include_str!("page/data.js"),
    include_str!("page/draw.js"),
    include_str!("page/world.js"),
    include_str!("page/panels.js"),
    include_str!("page/player.js"),
);

/// A replay as one HTML file.
///
/// # Errors
///
/// [`PageError::Empty`] if there is no run, or one without episodes or steps.
pub fn page(replay: &Replay) -> Result<String, PageError> {
    if replay.runs.is_empty() {
        return Err(PageError::Empty("the replay".into()));
    }
    for run in &replay.runs {
        let mut episodes = run.episodes.iter();
        if run.episodes.is_empty() || episodes.any(|episode| episode.steps.is_empty()) {
            return Err(PageError::Empty(format!("the run {}", run.name)));
        }
    }
    Ok(write(&replay.title, &packed(replay)?)?)
}

/// What `templates/replay.html` shows.
#[derive(Template)]
#[template(path = "replay.html")]
struct Page<'a> {
    title: &'a str,
    style: &'static str,
    data: &'a str,
    script: &'static str,
}

/// The page around the data.
fn write(title: &str, data: &str) -> askama::Result<String> {
    Page {
        title: &printable(title),
        style: include_str!("page/style.css"),
        data,
        script: SCRIPT,
    }
    .render()
}

/// The data as base64 of deflated JSON.
fn packed(replay: &Replay) -> Result<String, PageError> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    replay.serialize(&mut Serializer::with_formatter(&mut packed, Rounded))?;
    Ok(BASE64_STANDARD.encode(packed.finish()?))
}

/// Writes real numbers with four decimals at most: more cannot be seen.
struct Rounded;

impl Formatter for Rounded {
    fn write_f32<W: ?Sized + Write>(&mut self, to: &mut W, value: f32) -> io::Result<()> {
        let rounded = (f64::from(value) * 1e4).round() / 1e4;
        // No "-0", and no ".0".
        write!(to, "{}", rounded + 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_decimals_at_most() {
        let numbers = [3.9199998_f32, -0.00001, 1e-3, 12345.678, 7.0];
        let mut written = Vec::new();
        let mut to = Serializer::with_formatter(&mut written, Rounded);
        numbers.serialize(&mut to).unwrap();
        assert_eq!(written, b"[3.92,0,0.001,12345.6777,7]");
    }

    #[test]
    fn every_part_is_in_the_page() {
        let page = write("a < b & c\u{1b}[2J\u{9b}", "DATA").unwrap();
        assert!(page.contains(r"<title>a &#60; b &#38; c\u001b[2J\u009b</title>"));
        assert!(page.contains(r#"id="data">DATA</script>"#));
        assert!(page.contains(include_str!("page/style.css")) && page.contains(SCRIPT));
        assert!(!page.contains(|c: char| c.is_control() && !"\n\t".contains(c)));
        // One file, that asks nobody for anything, and may not.
        assert!(page.contains(r#"Content-Security-Policy" content="default-src 'none';"#));
        for word in ["http:", "https:", " src=", "<link"] {
            let named = page.replace(r#"const SVG = "http://www.w3.org/2000/svg";"#, "");
            assert!(!named.contains(word), "{word}");
        }
    }

    #[test]
    fn nothing_to_play_is_an_error() {
        let empty = Replay::new("empty".into(), String::new(), Vec::new());
        let error = page(&empty).unwrap_err().to_string();
        assert!(error.contains("no episode"), "{error}");
    }
}
