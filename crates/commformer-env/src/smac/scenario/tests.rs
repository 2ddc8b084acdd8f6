//! Tests of what scenario files say.

mod files;
mod random;
mod refusals;
mod spawns;
mod table;

use super::{Member, Scenario};
use crate::Rng;

/// A small file.
const FILE: &str = "\
name = 'mine'
limit = 60
first_order = 'wait'

[[allies]]
unit = 'marine'
count = 2
place = 'west'

[[enemies]]
unit = 'zealot'
count = 1
place = 'east'

[places]
west.at = [[9, 16]]
east.at = [[23, 16], [20, 10, 24, 20]]

[terrain]
free = [
    { y = [8, 24], x = [[0, 32]] },
]
";

/// Draws who fights in an episode, and where they stand.
fn draw(scenario: &Scenario, rng: &mut Rng, points: &mut Vec<[f32; 2]>) -> Vec<Member> {
    let mut members = Vec::new();
    scenario.muster(rng, &mut members);
    scenario.spawn(&members, rng, points);
    members
}

/// The file with a piece replaced.
fn with(piece: &str, by: &str) -> String {
    assert_eq!(FILE.matches(piece).count(), 1, "{piece}");
    FILE.replace(piece, by)
}

/// Why a file is refused.
fn refusal(text: &str) -> String {
    Scenario::parse(text).unwrap_err().to_string()
}
