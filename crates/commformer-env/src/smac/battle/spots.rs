//! Where units in close combat stand around their target.

use super::Battle;
use super::targets::reach;
use crate::smac::scenario::Side;
use crate::smac::vector::{Vec2, add, direction, dot, left, scale, sub};

/// Whoever reaches no farther fights in close combat. Others shoot over those before them.
const CLOSE: f32 = 2.0;

/// The share of its reach at which a unit means to stand.
const NEARLY: f32 = 0.98;

/// Ways from a target to points around it, as parts along the way to the attacker and across it: from the nearest
/// point to either hand, in steps of an eighth of the circle's half, to the one behind the target.
const AROUND: [Vec2; 16] = {
    const A: f32 = 0.923_879_5;
    const B: f32 = std::f32::consts::FRAC_1_SQRT_2;
    const C: f32 = 0.382_683_43;
    [
        [1.0, 0.0],
        [A, C],
        [A, -C],
        [B, B],
        [B, -B],
        [C, A],
        [C, -A],
        [0.0, 1.0],
        [0.0, -1.0],
        [-C, A],
        [-C, -A],
        [-B, B],
        [-B, -B],
        [-A, C],
        [-A, -C],
        [-1.0, 0.0],
    ]
};

impl Battle {
    /// Of the points from which a unit in close combat reaches its target, the one nearest to it on which nobody stands;
    /// `None` if there is none. So those behind their comrades walk around them, and surround the target.
    pub(super) fn spot(&self, i: usize, at: usize) -> Option<Vec2> {
        let (kind, other) = (self.kind(i), self.kind(at));
        if kind.weapon.is_none() || reach(kind) > CLOSE {
            return None;
        }
        let centre = self.units[at].position;
        let towards = direction(sub(self.units[i].position, centre))?;
        let far = NEARLY * (reach(kind) + kind.radius + other.radius);
        // As in avoidance, the sides turn to different hands.
        let hand = match self.units[i].side {
            Side::Allies => 1.0,
            Side::Enemies => -1.0,
        };
        let across = scale(left(towards), hand);
        let spot = |&[along, aside]: &Vec2| {
            let way = add(scale(towards, along), scale(across, aside));
            add(centre, scale(way, far))
        };
        let is_free = |&point: &Vec2| {
            let mut others = (0..self.units.len()).filter(|&j| j != i && j != at);
            self.scenario.terrain.is_free(point, kind.plane)
                && !others.any(|j| self.occupies(j, i, point))
        };
        AROUND.iter().map(spot).find(is_free)
    }

    /// Whether a unit stands where it leaves no room for another at a point.
    fn occupies(&self, unit: usize, other: usize, point: Vec2) -> bool {
        let [kind, others] = [unit, other].map(|unit| self.kind(unit));
        let room = kind.separation_radius + others.separation_radius;
        let apart = sub(point, self.units[unit].position);
        dot(apart, apart) < room * room
            && kind.plane == others.plane
            && self.units[unit].is_alive()
            && self.goal(unit).is_none()
    }
}
