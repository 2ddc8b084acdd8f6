//! An episode as a moving picture in a file, for where no page can be.

use super::paint::{INK, PAPER, Painter, faint};
use super::{Episode, Replay, Run, Step};
use commformer_env::{Form, Role};
use gif::{Encoder, Frame, Repeat};
use tiny_skia::Pixmap;

/// Pixels of the longer side of a world, at least and at most, and of each unit of it where that leaves room.
const SIDE: f32 = 480.0;
const LONGEST: f32 = 1600.0;
const UNIT: f32 = 20.0;
const MARGIN: f32 = 10.0;
/// Pixels of the line below a world.
const LINE: f32 = 22.0;
/// Hundredths of a second that a step is shown, and the end.
const STEP: u16 = 50;
const END: u16 = 200;

/// Why there is no moving picture.
#[derive(Debug, thiserror::Error)]
pub enum FilmError {
    /// There is nothing to show.
    #[error("there is no episode {0} in the replay")]
    NoEpisode(usize),
    /// The worlds have no size, or one beyond what a GIF can have.
    #[error("a picture of {0} x {1} pixels cannot be drawn")]
    Size(f32, f32),
    /// It does not become a GIF.
    #[error("the moving picture cannot be encoded")]
    Encoding(#[from] gif::EncodingError),
}

/// An episode, counted from 0, of every run side by side as a GIF, a frame for each step.
///
/// # Errors
///
/// [`FilmError`] if there is no such episode, or it cannot be drawn.
pub fn film(replay: &Replay, episode: usize) -> Result<Vec<u8>, FilmError> {
    let runs: Option<Vec<(&Run, &Episode)>> = (replay.runs.iter())
        .map(|run| Some((run, run.episodes.get(episode)?)))
        .collect();
    let runs = runs.filter(|runs| !runs.is_empty());
    let runs = runs.ok_or(FilmError::NoEpisode(episode))?;
    let worlds: Vec<[f32; 2]> = (runs.iter())
        .map(|(_, episode)| extent(episode.size))
        .collect();
    let width: f32 = worlds.iter().map(|[width, _]| width + MARGIN).sum();
    let highest = worlds.iter().map(|[_, height]| *height).fold(0.0, f32::max);
    let (width, height) = (width + MARGIN, highest + 2.0 * MARGIN + LINE);
    let sheet = Pixmap::new(width as u32, height as u32);
    let mut sheet = sheet.ok_or(FilmError::Size(width, height))?;
    let size = [sheet.width(), sheet.height()].map(u16::try_from);
    let [Ok(columns), Ok(rows)] = size else {
        return Err(FilmError::Size(width, height));
    };

    let mut gif = Encoder::new(Vec::new(), columns, rows, &[])?;
    gif.set_repeat(Repeat::Infinite)?;
    let steps = runs.iter().map(|(_, episode)| episode.steps.len()).max();
    let steps = steps.unwrap_or(0);
    for at in 0..=steps {
        sheet.fill(faint(PAPER, 1.0));
        let mut left = MARGIN;
        for ((run, episode), [width, height]) in runs.iter().zip(&worlds) {
            let mut painter = Painter {
                scale: scale(episode.size),
                origin: [left, MARGIN],
                sheet: &mut sheet,
            };
            let at = at.min(episode.steps.len());
            draw(run, episode, at, &mut painter);
            let (scale, middle) = (painter.scale, MARGIN + height + LINE / 2.0);
            let line = [width / 2.0 / scale, (middle - MARGIN / 2.0) / scale];
            painter.text(line, 15.0 / scale, &caption(run, episode, at), INK);
            left += width + MARGIN;
        }
        let mut pixels = sheet.data().to_vec();
        let mut frame = Frame::from_rgba_speed(columns, rows, &mut pixels, 10);
        frame.delay = if at == steps { END } else { STEP };
        gif.write_frame(&frame)?;
    }
    Ok(gif.into_inner()?)
}

/// Pixels of a world.
fn extent(size: [f32; 2]) -> [f32; 2] {
    let scale = scale(size);
    size.map(|side| (side * scale).round())
}

/// Pixels of a unit of a world.
fn scale([width, height]: [f32; 2]) -> f32 {
    let longer = width.max(height);
    (SIDE / longer).max(UNIT).min(LONGEST / longer)
}

fn caption(run: &Run, episode: &Episode, at: usize) -> String {
    let mean = |step: &Step| {
        let rewards = step.rewards.iter().map(|reward| reward.0);
        rewards.sum::<f32>() / step.rewards.len().max(1) as f32
    };
    let earned: f32 = episode.steps.iter().take(at).map(mean).sum();
    let (name, steps) = (&run.name, episode.steps.len());
    format!("{name}  step {at}/{steps}  return {earned:.2}")
}

/// The state before step `at`, and the messages of that step.
fn draw(run: &Run, episode: &Episode, at: usize, painter: &mut Painter<'_>) {
    let picture = &episode.pictures.get(at);
    let shapes = picture.iter().flat_map(|picture| &picture.shapes);
    for shape in episode.scenery.iter().chain(shapes) {
        painter.shape(shape);
    }
    let (Some(picture), Some(step)) = (picture, episode.steps.get(at)) else {
        return;
    };
    let place = |agent: usize| {
        let at = picture.agents.get(agent).copied().flatten()?;
        let mut forms = picture
            .shapes
            .iter()
            .filter(|shape| shape.role == Role::Agent(agent));
        let radius = forms.find_map(|shape| match shape.form {
            Form::Circle([_, _, radius]) => Some(radius),
            _ => None,
        });
        Some((at, radius.unwrap_or(0.36)))
    };
    for (agent, gates) in step.open.iter().enumerate() {
        if let (Some(place), [open], Some(true)) =
            (place(agent), &gates[..], step.active.get(agent))
        {
            painter.gate(place, *open);
        }
    }
    let is_active = |agent: usize| step.active.get(agent) == Some(&true);
    for (link, &[receiver, sender]) in run.links.iter().enumerate() {
        let (Some(from), Some(to)) = (place(sender), place(receiver)) else {
            continue;
        };
        if receiver != sender && is_active(receiver) && is_active(sender) {
            let heard = step.delivered.contains(&link);
            painter.message(from, to, sender, heard.then(|| weight(step, link)));
        }
    }
}

/// The attention along a link, of the first layer, averaged over its heads.
fn weight(step: &Step, link: usize) -> f32 {
    let heads = step.weights.first().map_or(&[][..], Vec::as_slice);
    let sum: f32 = heads
        .iter()
        .filter_map(|head| head.get(link))
        .map(|weight| weight.0)
        .sum();
    sum / heads.len().max(1) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_has_room_and_no_more_than_a_film_can_hold() {
        for (size, expected) in [
            ([10.0, 5.0], [480.0, 240.0]),
            ([40.0, 40.0], [800.0, 800.0]),
            // Worlds in pixels.
            ([640.0, 480.0], [1600.0, 1200.0]),
            ([2000.0, 3000.0], [1067.0, 1600.0]),
            ([1.0, 1e6], [0.0, 1600.0]),
        ] {
            assert_eq!(extent(size), expected, "{size:?}");
        }
    }
}
