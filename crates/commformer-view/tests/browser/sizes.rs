//! How large what is written becomes: no browser is needed.

use crate::fixture;
use commformer_view::replay::{film, page};

#[test]
fn an_episode_of_a_hunt_takes_less_than_300_kb() {
    let mut replay = fixture::hunts();
    replay.runs.truncate(1);
    replay.runs[0].episodes.truncate(1);
    assert_eq!(replay.runs[0].episodes[0].steps.len(), 20);
    let size = page(&replay).expect("a page").len();
    assert!(size < 300_000, "{size}");
}

#[test]
fn a_hundred_battles_take_less_than_10_mb() {
    let size = page(&fixture::battles("3m", 100)).expect("a page").len();
    println!("{size} bytes");
    assert!(size < 10_000_000, "{size}");
}

#[test]
fn a_film_has_a_frame_for_each_step_and_the_end() {
    let replay = fixture::hunts();
    let film = film(&replay, 1).expect("a film");
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut frames = options.read_info(&film[..]).expect("a GIF");
    // Two worlds side by side.
    assert_eq!((frames.width(), frames.height()), (990, 522));
    let mut pictures: Vec<Vec<u8>> = Vec::new();
    while let Some(frame) = frames.read_next_frame().expect("a frame") {
        pictures.push(frame.buffer.to_vec());
    }
    assert_eq!(pictures.len(), replay.runs[0].episodes[1].steps.len() + 1);
    // Something moves: no two steps look alike, for the line below counts them.
    assert!(pictures.windows(2).all(|pair| pair[0] != pair[1]));
    let missing = commformer_view::replay::film(&replay, 3);
    assert!(missing.is_err_and(|error| error.to_string().contains("no episode 3")));
}
