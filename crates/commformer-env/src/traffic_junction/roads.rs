//! The roads of Traffic Junction, and the routes that cars take on them.
//!
//! Cars keep to the right. A route is told by what a car does at the junctions it meets: straight on,
//! right or left at the first two, straight on afterwards.

#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ConfigError, error::require};

/// Longer sides are refused: one observation would fill gigabytes.
const MAX_EXTENT: usize = 100;

/// How many roads there are, and how wide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Difficulty {
    /// Two one-way roads that cross: 2 entries with a route each.
    #[default]
    Easy,
    /// Two roads with a lane each way: 4 entries with 3 routes each.
    Medium,
    /// Four roads with a lane each way and four junctions: 8 entries with 7 routes each.
    Hard,
}

impl Difficulty {
    /// Steps after which an episode is truncated where nothing else is configured.
    pub(super) fn limit(self) -> u32 {
        match self {
            Difficulty::Easy => 20,
            Difficulty::Medium => 40,
            Difficulty::Hard => 80,
        }
    }

    /// Lanes of all roads.
    fn lanes(self) -> usize {
        match self {
            Difficulty::Easy => 2,
            Difficulty::Medium => 4,
            Difficulty::Hard => 8,
        }
    }
}

/// The way a car drives, clockwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heading {
    Up,
    Right,
    Down,
    Left,
}

impl Heading {
    fn turned(self, turn: Turn) -> Self {
        use Heading::{Down, Left, Right, Up};
        let clockwise = [Up, Right, Down, Left];
        let quarters = match turn {
            Turn::Straight => 0,
            Turn::Right => 1,
            Turn::Left => 3,
        };
        clockwise[(self as usize + quarters) % 4]
    }
}

/// What a car does at a junction, in the order in which routes are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Straight,
    Right,
    Left,
}

const TURNS: [Turn; 3] = [Turn::Straight, Turn::Right, Turn::Left];

/// A lane: a row or a column, and the way it leads.
#[derive(Clone, Copy, Debug)]
struct Lane {
    at: usize,
    heading: Heading,
}

/// The roads of a grid of `extent` x `extent` cells. A cell is named by row * extent + column.
#[derive(Clone, Debug)]
pub(super) struct Roads {
    /// Cells along one side of the grid.
    pub extent: usize,
    /// Channels for the ids of road cells.
    pub ids: usize,
    /// The id of each cell, `None` off the road: road cells are counted row by row.
    pub id_of: Vec<Option<u16>>,
    /// The cells of each route, entry by entry, from where cars come in to where they leave.
    pub routes: Vec<Vec<u16>>,
    /// Entries; each has as many routes.
    pub entries: usize,
}

impl Roads {
    /// Lays out the roads for a configured `dim`; refuses one that does not fit them.
    pub fn new(difficulty: Difficulty, dim: usize) -> Result<Self, ConfigError> {
        let (least, multiple) = match difficulty {
            Difficulty::Easy | Difficulty::Medium => (4, 2),
            Difficulty::Hard => (9, 3),
        };
        require(
            (least..=MAX_EXTENT).contains(&dim) && dim.is_multiple_of(multiple),
            "dim",
            dim,
            format!("a multiple of {multiple} from {least} to {MAX_EXTENT} for this difficulty"),
        )?;
        // An odd side has a middle.
        let extent = match difficulty {
            Difficulty::Easy => dim + 1,
            Difficulty::Medium | Difficulty::Hard => dim,
        };
        let plan = Plan::new(difficulty, extent);
        let routes: Vec<Vec<Vec<u16>>> =
            plan.entries.iter().map(|&from| plan.routes(from)).collect();
        let mut next = 0..;
        let cells = (0..extent * extent).map(|cell| (cell / extent, cell % extent));
        Ok(Self {
            extent,
            ids: difficulty.lanes() * dim + 1,
            id_of: cells
                .map(|cell| plan.is_road(cell).then(|| next.next()).flatten())
                .collect(),
            entries: routes.len(),
            routes: routes.into_iter().flatten().collect(),
        })
    }

    /// Routes that begin at each entry.
    pub fn routes_of_entry(&self) -> usize {
        self.routes.len() / self.entries.max(1)
    }
}

/// Where the lanes are, and where cars come in.
struct Plan {
    extent: usize,
    rows: Vec<Lane>,
    columns: Vec<Lane>,
    /// The first cell of each entry and the way it leads.
    entries: Vec<((usize, usize), Heading)>,
    /// Whether cars turn where lanes cross.
    junctions: bool,
}

impl Plan {
    fn new(difficulty: Difficulty, extent: usize) -> Self {
        use Heading::{Down, Left, Right, Up};
        let lane = |at, heading| Lane { at, heading };
        // The roads' upper or left lanes.
        let (half, third) = (extent / 2, extent / 3);
        let firsts = match difficulty {
            Difficulty::Easy => vec![],
            Difficulty::Medium => vec![half - 1],
            Difficulty::Hard => vec![third - 2, 2 * third],
        };
        let both = |headings: [Heading; 2]| -> Vec<Lane> {
            let lanes = firsts
                .iter()
                .flat_map(|&first| [(first, headings[0]), (first + 1, headings[1])]);
            lanes.map(|(at, heading)| lane(at, heading)).collect()
        };
        let (rows, columns) = match difficulty {
            Difficulty::Easy => (vec![lane(half, Right)], vec![lane(half, Down)]),
            _ => (both([Left, Right]), both([Down, Up])),
        };
        let last = extent - 1;
        let of = |lanes: &[Lane], heading| -> Vec<((usize, usize), Heading)> {
            let lanes = lanes.iter().filter(|lane| lane.heading == heading);
            lanes
                .map(|&Lane { at, heading }| match heading {
                    Down => ((0, at), heading),
                    Up => ((last, at), heading),
                    Right => ((at, 0), heading),
                    Left => ((at, last), heading),
                })
                .collect()
        };
        let order = match difficulty {
            Difficulty::Easy => [Down, Right, Up, Left],
            Difficulty::Medium => [Down, Up, Right, Left],
            Difficulty::Hard => [Down, Right, Up, Left],
        };
        let entries = order
            .iter()
            .flat_map(|&heading| [of(&columns, heading), of(&rows, heading)].concat())
            .collect();
        Self {
            extent,
            rows,
            columns,
            entries,
            junctions: difficulty != Difficulty::Easy,
        }
    }

    fn on_row(&self, row: usize) -> bool {
        self.rows.iter().any(|lane| lane.at == row)
    }

    fn on_column(&self, col: usize) -> bool {
        self.columns.iter().any(|lane| lane.at == col)
    }

    fn is_road(&self, (row, col): (usize, usize)) -> bool {
        self.on_row(row) || self.on_column(col)
    }

    fn is_junction(&self, (row, col): (usize, usize)) -> bool {
        self.junctions && self.on_row(row) && self.on_column(col)
    }

    /// All routes of an entry, each once.
    fn routes(&self, from: ((usize, usize), Heading)) -> Vec<Vec<u16>> {
        let mut routes: Vec<Vec<u16>> = Vec::new();
        for first in TURNS {
            for second in TURNS {
                let route = self.drive(from, [first, second]);
                // Who meets fewer junctions takes the same way whatever comes next.
                if routes.last() != Some(&route) {
                    routes.push(route);
                }
            }
        }
        routes
    }

    /// The cells of a route that takes these turns at its first junctions.
    fn drive(
        &self,
        (mut cell, mut heading): ((usize, usize), Heading),
        turns: [Turn; 2],
    ) -> Vec<u16> {
        let mut turns = turns.into_iter();
        let (mut route, mut within) = (Vec::new(), false);
        // A left turn is taken on the junction's second cell.
        let mut pending = Turn::Straight;
        loop {
            route.push((cell.0 * self.extent + cell.1) as u16);
            let turn = match (self.is_junction(cell), within) {
                (true, false) => match turns.next().unwrap_or(Turn::Straight) {
                    Turn::Left => {
                        pending = Turn::Left;
                        Turn::Straight
                    }
                    turn => turn,
                },
                (true, true) => std::mem::replace(&mut pending, Turn::Straight),
                _ => Turn::Straight,
            };
            within = self.is_junction(cell);
            heading = heading.turned(turn);
            let (row, col) = cell;
            // Above and left of the grid wraps around to huge numbers.
            cell = match heading {
                Heading::Up => (row.wrapping_sub(1), col),
                Heading::Right => (row, col + 1),
                Heading::Down => (row + 1, col),
                Heading::Left => (row, col.wrapping_sub(1)),
            };
            if cell.0 >= self.extent || cell.1 >= self.extent {
                return route;
            }
        }
    }
}
