//! Where units want to go, and where they get to: around walls by [`paths`], around each other by [`mover`], and in
//! close combat around their target.

mod mover;
mod orca;
mod paths;

pub(super) use mover::Mover;
#[cfg(test)]
pub(super) use mover::softness;
pub(super) use paths::Paths;

use super::{Battle, Order};
use crate::smac::data::{LOOPS_PER_SECOND, Plane};
use crate::smac::scenario::Side;
use crate::smac::vector::{Vec2, add, direction, dot, left, length, scale, sub};
use orca::Disc;

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
    /// Moves every living unit by a loop.
    pub(super) fn walk(&mut self) {
        self.movers.clear();
        for i in 0..self.units.len() {
            if self.units[i].is_alive() {
                let mover = self.mover(i);
                self.movers.push(mover);
            }
        }
        for own in &self.movers {
            let hidden = &mut self.hidden[own.unit];
            hidden.velocity = [0.0; 2];
            if own.stands() {
                continue;
            }
            let velocity = own.steer(&self.movers);
            let from = own.disc.position;
            let to = add(from, velocity);
            let terrain = &self.scenario.terrain;
            let slid = terrain.slide(from, to, own.plane);
            // Where a wall turns it aside, nobody has seen it coming: it stops before it touches anybody.
            if slid == to || own.is_clear(slid, &self.movers) {
                self.units[own.unit].position = slid;
                hidden.velocity = sub(slid, from);
            }
        }
    }

    fn mover(&mut self, i: usize) -> Mover {
        let wish = self.wish(i);
        let (unit, kind) = (&self.units[i], self.kind(i));
        let (speed, velocity) = if wish == [0.0; 2] {
            (0.0, wish)
        } else {
            (kind.speed / LOOPS_PER_SECOND, self.hidden[i].velocity)
        };
        Mover {
            disc: Disc {
                position: unit.position,
                velocity,
                radius: kind.separation_radius,
            },
            speed,
            plane: kind.plane,
            wish,
            unit: i,
            side: unit.side,
            target: unit.target,
        }
    }

    /// The velocity that takes a unit to its goal, in cells a loop.
    fn wish(&mut self, i: usize) -> Vec2 {
        let (from, plane) = (self.units[i].position, self.kind(i).plane);
        let Some(mut goal) = self.goal(i) else {
            return [0.0; 2];
        };
        let speed = self.pace(i) / LOOPS_PER_SECOND;
        if let Some(spot) = self.units[i].target.and_then(|at| self.spot(i, at)) {
            goal = spot;
        }
        let terrain = &self.scenario.terrain;
        if plane == Plane::Ground {
            goal = self.paths.next(terrain, from, goal);
        }
        let way = sub(goal, from);
        let far = length(way);
        let wish = if far > speed {
            scale(way, speed / far)
        } else {
            way
        };
        // Along a wall already here, so that the others are not misled.
        let to = add(from, wish);
        let slid = terrain.slide(from, to, plane);
        if slid == to { wish } else { sub(slid, from) }
    }

    /// Where a unit wants to be, if not where it is.
    fn goal(&self, i: usize) -> Option<Vec2> {
        let unit = &self.units[i];
        match (unit.target, unit.order) {
            _ if self.hidden[i].attack.is_some() => None,
            (Some(at), _) => {
                (self.gap(i, at) > self.kind(i).reach()).then(|| self.units[at].position)
            }
            (None, Order::Move(to) | Order::AttackMove(to)) => Some(to),
            (None, Order::Stop | Order::Guard | Order::Target(_)) => None,
        }
    }

    /// Of the points from which a unit in close combat reaches its target, the one nearest to it on which nobody stands;
    /// `None` if there is none. So those behind their comrades walk around them, and surround the target.
    fn spot(&self, i: usize, at: usize) -> Option<Vec2> {
        let (kind, other) = (self.kind(i), self.kind(at));
        if kind.weapon.is_none() || kind.reach() > CLOSE {
            return None;
        }
        let centre = self.units[at].position;
        let towards = direction(sub(self.units[i].position, centre))?;
        let far = NEARLY * (kind.reach() + kind.radius + other.radius);
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
