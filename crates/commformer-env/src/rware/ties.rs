//! Which of several robots goes first where the queues to one cell are equally long.
//!
//! The package `rware` leaves this to networkx 3, which takes the first in the order of its graph's nodes; and for a
//! component of the graph with less than half of all nodes, the first in the order in which CPython 3.8 or later
//! iterates over a set of cells. Games come out the same only if that order is worked out as well.

use super::moves::{Moves, NONE};

/// Room for putting nodes in order.
#[derive(Clone, Debug)]
pub(super) struct Room {
    /// The nodes in the order of the graph.
    order: Vec<u32>,
    found: Vec<bool>,
    component: Vec<u32>,
    /// For each node the first robot that wants its cell, and for each robot the next that wants the same.
    first: Vec<u32>,
    next: Vec<u32>,
    table: Vec<u32>,
}

impl Room {
    pub fn new(robots: usize) -> Self {
        let nodes = 2 * robots;
        Self {
            order: Vec::with_capacity(nodes),
            found: vec![false; nodes],
            component: Vec::with_capacity(nodes),
            first: vec![NONE; nodes],
            next: vec![NONE; robots],
            // A table has at most eight places for each of its keys, which are fewer than half of the nodes.
            table: Vec::with_capacity(8 * robots.max(1)),
        }
    }
}

impl Moves {
    /// Fills `rank`.
    pub(super) fn rank(&mut self) {
        let room = &mut self.ties;
        // An edge adds the nodes at its ends that are not there yet.
        room.order.clear();
        room.found.fill(false);
        for edge in (0..).zip(&self.ahead) {
            for node in [edge.0, *edge.1] {
                if !std::mem::replace(&mut room.found[node as usize], true) {
                    self.rank[node as usize] = room.order.len() as u32;
                    room.order.push(node);
                }
            }
        }
        room.first.fill(NONE);
        for (robot, &ahead) in self.ahead.iter().enumerate().rev() {
            room.next[robot] = std::mem::replace(&mut room.first[ahead as usize], robot as u32);
        }
        room.found.fill(false);
        for index in 0..room.order.len() {
            let node = room.order[index];
            if room.found[node as usize] {
                continue;
            }
            room.connected(node, &self.ahead);
            if 2 * room.component.len() < room.order.len() {
                // A set is filled as nodes are found, and another one in the order of the first.
                for _ in 0..2 {
                    let hash = |node: u32| {
                        let cell = self.cells[node as usize];
                        hash(cell % self.width, cell / self.width)
                    };
                    iterate(&mut room.component, hash, &mut room.table);
                }
                for (rank, &node) in (0..).zip(&room.component) {
                    self.rank[node as usize] = rank;
                }
            }
        }
    }
}

impl Room {
    /// Finds what is connected with a node, nearest first: what it leads to, then what leads to it.
    fn connected(&mut self, node: u32, ahead: &[u32]) {
        self.component.clear();
        self.component.push(node);
        self.found[node as usize] = true;
        let mut done = 0;
        while let Some(&node) = self.component.get(done) {
            done += 1;
            let mut reach = |node: u32| {
                if !std::mem::replace(&mut self.found[node as usize], true) {
                    self.component.push(node);
                }
            };
            if let Some(&ahead) = ahead.get(node as usize) {
                reach(ahead);
            }
            let mut robot = self.first[node as usize];
            while robot != NONE {
                reach(robot);
                robot = self.next[robot as usize];
            }
        }
    }
}

/// CPython's hash of a tuple of two small integers: xxHash, with one round for each.
fn hash(x: u32, y: u32) -> u64 {
    const PRIME_1: u64 = 11_400_714_785_074_694_791;
    const PRIME_2: u64 = 14_029_467_366_897_019_727;
    const PRIME_5: u64 = 2_870_177_450_012_600_261;
    let round = |state: u64, number: u32| {
        let mixed = state.wrapping_add(u64::from(number).wrapping_mul(PRIME_2));
        mixed.rotate_left(31).wrapping_mul(PRIME_1)
    };
    let hash = round(round(PRIME_5, x), y).wrapping_add(2 ^ PRIME_5 ^ 3_527_539);
    // -1 stands for an error.
    if hash == u64::MAX {
        1_546_275_796
    } else {
        hash
    }
}

/// Puts keys, no two of them the same, in the order in which CPython iterates over a set that they have been added to
/// one by one: that of its hash table.
fn iterate(keys: &mut [u32], hash: impl Fn(u32) -> u64, table: &mut Vec<u32>) {
    table.clear();
    table.resize(8, NONE);
    for used in 1..=keys.len() {
        insert(table, keys[used - 1], &hash);
        // A table that is three fifths full moves to the next size that is above four times its keys.
        if 5 * used >= 3 * (table.len() - 1) {
            collect(table, &mut keys[..used]);
            let size = (4 * used + 1).next_power_of_two();
            table.clear();
            table.resize(size, NONE);
            for &key in &keys[..used] {
                insert(table, key, &hash);
            }
        }
    }
    collect(table, keys);
}

fn collect(table: &[u32], keys: &mut [u32]) {
    let filled = table.iter().filter(|place| **place != NONE);
    for (key, place) in keys.iter_mut().zip(filled) {
        *key = *place;
    }
}

/// Takes the first free place: of up to ten in a row where these fit, then of those at the next probe.
fn insert(table: &mut [u32], key: u32, hash: impl Fn(u32) -> u64) {
    const IN_A_ROW: u64 = 9;
    let mask = table.len() as u64 - 1;
    let mut rest = hash(key);
    let mut at = rest & mask;
    loop {
        let last = if at + IN_A_ROW <= mask {
            at + IN_A_ROW
        } else {
            at
        };
        for place in &mut table[at as usize..=last as usize] {
            if *place == NONE {
                *place = key;
                return;
            }
        }
        rest >>= 5;
        at = (at.wrapping_mul(5).wrapping_add(1).wrapping_add(rest)) & mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `hash((x, y)) % 2**64` in CPython 3.11.
    #[test]
    fn tuples_have_the_hashes_of_cpython() {
        assert_eq!(hash(0, 0), 9_988_604_870_027_030_631);
        assert_eq!(hash(3, 7), 4_803_095_124_130_366_729);
        assert_eq!(hash(99, 1), 6_343_240_160_385_790_012);
    }

    /// What `[cells.index(cell) for cell in set(cells)]` says in CPython 3.11, for sets that stay small, grow once and
    /// grow twice.
    #[test]
    fn sets_have_the_order_of_cpython() {
        let order = |count: u32, cell: fn(u32) -> (u32, u32)| {
            let mut keys: Vec<u32> = (0..count).collect();
            let of = |key| {
                let (x, y) = cell(key);
                hash(x, y)
            };
            iterate(&mut keys, of, &mut Vec::new());
            keys
        };
        assert_eq!(order(4, |key| (key, 2 * key)), [2, 1, 3, 0]);
        assert_eq!(
            order(12, |key| (key % 5, key / 5)),
            [5, 4, 11, 7, 0, 8, 6, 2, 3, 10, 1, 9]
        );
        assert_eq!(
            order(40, |key| (7 * key % 10, key / 3)),
            [
                38, 2, 5, 7, 17, 39, 6, 16, 26, 8, 21, 31, 9, 29, 19, 34, 24, 30, 33, 1, 11, 22,
                12, 32, 15, 14, 35, 4, 0, 25, 3, 10, 27, 37, 13, 20, 23, 36, 18, 28
            ]
        );
    }
}
