//! Tests of what scenario files say.

mod files;
mod refusals;
mod spawns;
mod table;

use super::Scenario;

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

/// The file with a piece replaced.
fn with(piece: &str, by: &str) -> String {
    assert_eq!(FILE.matches(piece).count(), 1, "{piece}");
    FILE.replace(piece, by)
}

/// Why a file is refused.
fn refusal(text: &str) -> String {
    Scenario::parse(text).unwrap_err().to_string()
}
