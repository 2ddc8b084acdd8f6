//! Where shelves stand, robots pass and goals are.

use super::WarehouseSize;
use crate::{ConfigError, error::require};

/// Larger floors are refused.
const MAX_EXTENT: usize = 100;

/// A floor of cells, counted row by row from the upper left.
#[derive(Clone, Debug)]
pub(super) struct Floor {
    pub width: usize,
    pub height: usize,
    /// Whether a cell is a corridor or a goal, where no shelf can be put down.
    pub corridor: Vec<bool>,
    /// The cells of the goals, in the order in which they are looked at.
    pub goals: Vec<usize>,
    /// The cells on which the shelves stand at first.
    pub shelves: Vec<u32>,
}

impl Floor {
    /// Columns of two by `column_height` shelves with corridors around them, and two goals at the bottom. The middle
    /// column of the last row is missing, to make room in front of the goals.
    pub fn regular(size: WarehouseSize, column_height: usize) -> Self {
        let (rows, columns) = size.shelves();
        let (width, height) = (3 * columns + 1, (column_height + 1) * rows + 2);
        let goals = [width / 2 - 1, width / 2];
        let corridor = |row: usize, col: usize| {
            let in_front = row + column_height + 3 > height && goals.contains(&col);
            let beside = col.is_multiple_of(3) || row.is_multiple_of(column_height + 1);
            beside || row == height - 1 || in_front
        };
        let cells = (0..height).flat_map(|row| (0..width).map(move |col| corridor(row, col)));
        let last = (height - 1) * width;
        Self::new(width, cells.collect(), goals.map(|col| last + col).into())
    }

    /// A floor as it is drawn, see [`WarehouseConfig::floor_plan`](super::WarehouseConfig::floor_plan).
    pub fn drawn(plan: &str) -> Result<Self, ConfigError> {
        let cells = |line: &str| line.chars().filter(|cell| *cell != ' ').collect();
        let lines: Vec<Vec<char>> = plan.trim().lines().map(cells).collect();
        let (height, width) = (lines.len(), lines.first().map_or(0, Vec::len));
        let allowed = format!("1 to {MAX_EXTENT} lines of 1 to {MAX_EXTENT} cells");
        let fits = (1..=MAX_EXTENT).contains(&height) && (1..=MAX_EXTENT).contains(&width);
        let found = format!("{height} lines, the first of {width} cells");
        require(fits, "floor_plan", found, allowed)?;
        let uneven = lines.iter().find(|line| line.len() != width);
        let found = format!("lines of {width} and {} cells", uneven.map_or(0, Vec::len));
        require(
            uneven.is_none(),
            "floor_plan",
            found,
            "lines of equal length",
        )?;
        let cells: Vec<char> = lines.into_iter().flatten().collect();
        let unknown = cells.iter().find(|cell| !"xX.gG".contains(**cell));
        let found = format!("a plan with {}", unknown.map_or(String::new(), quoted));
        let allowed = "of `x` (shelf), `.` (free) and `g` (goal)";
        require(unknown.is_none(), "floor_plan", found, allowed)?;
        let goals: Vec<usize> = (0..cells.len())
            .filter(|cell| "gG".contains(cells[*cell]))
            .collect();
        let allowed = "a plan with at least one goal `g`";
        require(
            !goals.is_empty(),
            "floor_plan",
            "a plan without goals",
            allowed,
        )?;
        let corridor = cells.iter().map(|cell| !"xX".contains(*cell)).collect();
        Ok(Self::new(width, corridor, goals))
    }

    fn new(width: usize, corridor: Vec<bool>, goals: Vec<usize>) -> Self {
        let shelves = (0..corridor.len()).filter(|cell| !corridor[*cell]);
        Self {
            width,
            height: corridor.len() / width,
            goals,
            shelves: shelves.map(|cell| cell as u32).collect(),
            corridor,
        }
    }

    pub fn cells(&self) -> usize {
        self.corridor.len()
    }
}

fn quoted(cell: &char) -> String {
    format!("`{}`", cell.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tiny_floor_is_the_one_of_the_package() {
        let tiny = Floor::regular(WarehouseSize::Tiny, 8);
        let column = ".xx....xx.\n".repeat(8);
        let plan = format!("..........\n{column}..........\n....gg....");
        let drawn = Floor::drawn(&plan).unwrap();
        assert_eq!((tiny.width, tiny.height), (10, 11));
        assert_eq!(tiny.corridor, drawn.corridor);
        assert_eq!((tiny.goals, tiny.shelves), (drawn.goals, drawn.shelves));
    }

    #[test]
    fn sizes_have_the_shelves_of_the_package() {
        let shelves = |size| Floor::regular(size, 8).shelves.len();
        use WarehouseSize::{Large, Medium, Small, Tiny};
        assert_eq!(
            [Tiny, Small, Medium, Large].map(shelves),
            [32, 80, 144, 224]
        );
    }

    #[test]
    fn a_plan_with_spaces_and_capitals() {
        let floor = Floor::drawn("\n X . g \n x . G \n").unwrap();
        assert_eq!((floor.width, floor.height), (3, 2));
        assert_eq!((floor.goals, floor.shelves), (vec![2, 5], vec![0, 3]));
    }
}
