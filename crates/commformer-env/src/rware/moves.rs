//! Which robots move when several want to.
//!
//! Robots that want each other's cells form queues, trees and rings. The rules are those of the package `rware`:
//!
//! - Robots that want each other's cells in a ring of three or more all move, two that want to swap do not. Whoever
//!   queues behind a ring stays.
//! - Of the robots that lead to a free cell, those of the longest queue move, and all others stay. Which of several
//!   longest queues it is, is said in `ties.rs`.
//! - Whoever queues behind a robot that stays, stays.

/// No node, and on a cell no robot or no shelf.
pub(super) const NONE: u32 = u32::MAX;

/// What robots want, and what they get; with room for working it out.
///
/// Its graph has a node for each robot's cell, with the robot's number, and behind these one for each free cell that
/// somebody wants.
#[derive(Clone, Debug)]
pub(super) struct Moves {
    /// The cell of each robot, (N).
    pub at: Vec<u32>,
    /// The cell that each robot wants: its own if it stays, (N).
    pub wanted: Vec<u32>,
    /// Whether each robot moves, (N).
    pub granted: Vec<bool>,
    /// Cells in a row of the floor.
    pub(super) width: u32,
    /// The cell of each node.
    pub(super) cells: Vec<u32>,
    /// The node of the cell that each robot wants, (N).
    pub(super) ahead: Vec<u32>,
    /// Which comes first of several robots that want one cell, by node.
    pub(super) rank: Vec<u32>,
    pub(super) ties: super::ties::Room,
    /// The node of each cell; none between two calls.
    node_of: Vec<u32>,
    /// Robots of the longest queue that ends before a node.
    length: Vec<u32>,
    /// The robot at the end of that queue.
    follower: Vec<u32>,
    /// How many robots that want a robot's cell have not been looked at, (N).
    behind: Vec<u32>,
    open: Vec<u32>,
}

impl Moves {
    /// For so many robots on a floor of `cells` cells, `width` in a row.
    pub fn new(robots: usize, cells: usize, width: usize) -> Self {
        Self {
            at: vec![0; robots],
            wanted: vec![0; robots],
            granted: vec![false; robots],
            width: width as u32,
            cells: Vec::with_capacity(2 * robots),
            ahead: vec![0; robots],
            rank: vec![0; 2 * robots],
            ties: super::ties::Room::new(robots),
            node_of: vec![NONE; cells],
            length: vec![0; 2 * robots],
            follower: vec![NONE; 2 * robots],
            behind: vec![0; robots],
            open: Vec::with_capacity(robots),
        }
    }

    /// Fills `granted` by `at`, cells of which no two are the same, and `wanted`.
    pub fn resolve(&mut self) {
        self.connect();
        if !self.line_up(false) {
            self.rank();
            self.line_up(true);
        }
        self.grant();
    }

    fn connect(&mut self) {
        self.cells.clear();
        self.cells.extend_from_slice(&self.at);
        for (robot, &cell) in self.at.iter().enumerate() {
            self.node_of[cell as usize] = robot as u32;
        }
        for (ahead, &wanted) in self.ahead.iter_mut().zip(&self.wanted) {
            let node = &mut self.node_of[wanted as usize];
            if *node == NONE {
                *node = self.cells.len() as u32;
                self.cells.push(wanted);
            }
            *ahead = *node;
        }
        for &cell in &self.cells {
            self.node_of[cell as usize] = NONE;
        }
    }

    /// Finds the longest queue before each node, from the robots behind which nobody is. False if several are as long
    /// and there is no `rank` to choose by.
    fn line_up(&mut self, ranked: bool) -> bool {
        let robots = self.ahead.len() as u32;
        self.length.fill(0);
        self.follower.fill(NONE);
        self.behind.fill(0);
        for (robot, &ahead) in (0..).zip(&self.ahead) {
            if ahead < robots && ahead != robot {
                self.behind[ahead as usize] += 1;
            }
        }
        self.open.clear();
        let free = (0..robots).filter(|robot| self.behind[*robot as usize] == 0);
        self.open.extend(free);
        while let Some(robot) = self.open.pop() {
            let ahead = self.ahead[robot as usize];
            if ahead == robot {
                continue;
            }
            let length = self.length[robot as usize] + 1;
            let (longest, follower) = (
                &mut self.length[ahead as usize],
                &mut self.follower[ahead as usize],
            );
            if length == *longest && !ranked {
                return false;
            }
            let comes_first = |other: u32| self.rank[robot as usize] < self.rank[other as usize];
            if length > *longest || length == *longest && comes_first(*follower) {
                (*longest, *follower) = (length, robot);
            }
            if let Some(behind) = self.behind.get_mut(ahead as usize) {
                *behind -= 1;
                if *behind == 0 {
                    self.open.push(ahead);
                }
            }
        }
        true
    }

    fn grant(&mut self) {
        let robots = self.ahead.len();
        // The robots behind which there still are others are those of the rings.
        for robot in 0..robots {
            let swaps = self.ahead.get(self.ahead[robot] as usize) == Some(&(robot as u32));
            self.granted[robot] = self.behind[robot] > 0 && !swaps;
        }
        for free in robots..self.cells.len() {
            let mut robot = self.follower[free];
            while robot != NONE {
                self.granted[robot as usize] = true;
                robot = self.follower[robot as usize];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which robots move on a floor of ten cells in a row.
    fn moved(pairs: &[(u32, u32)]) -> Vec<usize> {
        let mut moves = Moves::new(pairs.len(), 100, 10);
        for (robot, &(at, wanted)) in pairs.iter().enumerate() {
            (moves.at[robot], moves.wanted[robot]) = (at, wanted);
        }
        // What the call before left behind does not matter.
        moves.resolve();
        moves.resolve();
        (0..pairs.len())
            .filter(|robot| moves.granted[*robot])
            .collect()
    }

    #[test]
    fn a_queue_moves_if_its_head_does() {
        assert_eq!(moved(&[(11, 12), (10, 11), (12, 13)]), [0, 1, 2]);
        assert_eq!(moved(&[(11, 12), (10, 11), (12, 12)]), [0; 0]);
    }

    #[test]
    fn rings_turn_and_pairs_do_not_swap() {
        let ring = [(0, 1), (1, 11), (11, 10), (10, 0)];
        assert_eq!(moved(&ring), [0, 1, 2, 3]);
        // The fifth queues behind the ring.
        let with_tail = [(0, 1), (1, 11), (11, 10), (10, 0), (2, 1)];
        assert_eq!(moved(&with_tail), [0, 1, 2, 3]);
        assert_eq!(moved(&[(0, 1), (1, 0), (2, 1), (30, 31)]), [3]);
    }

    #[test]
    fn the_longest_queue_goes_first() {
        // One robot from the left, two from above, to cell 22.
        assert_eq!(moved(&[(21, 22), (2, 12), (12, 22)]), [1, 2]);
        // A side queue into the middle of it is shorter.
        assert_eq!(moved(&[(21, 22), (20, 21), (11, 21), (1, 11)]), [0, 2, 3]);
    }

    #[test]
    fn of_two_who_want_one_cell_the_earlier_in_the_graph_goes() {
        assert_eq!(moved(&[(21, 22), (23, 22)]), [0]);
        assert_eq!(moved(&[(23, 22), (21, 22)]), [0]);
        // Robot 0 wants the cell of robot 2, which so is in the graph before that of robot 1.
        assert_eq!(moved(&[(24, 23), (21, 22), (23, 22)]), [0, 2]);
        assert_eq!(
            moved(&[(25, 24), (21, 22), (23, 22), (20, 21), (24, 23)]),
            [0, 2, 4]
        );
    }
}
