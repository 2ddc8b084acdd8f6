//! Where units want to go, and where they get to.

use super::orca::{Disc, HalfPlane, choose};
use super::targets::reach;
use super::{Battle, Order};
use crate::smac::data::{LOOPS_PER_SECOND, Plane};
use crate::smac::scenario::Side;
use crate::smac::vector::{Vec2, add, dot, left, length, scale, sub};

/// Loops that units look ahead.
const HORIZON: f32 = 8.0;

/// Of all who are near, only so many are minded: the nearest.
const NEIGHBOURS: usize = 8;

/// A unit that somebody is in the way of turns aside by this much of its speed, so that it is not held up by one
/// who stands exactly between it and its goal. The sides turn to different hands: neither has an advantage.
const SIDESTEP: f32 = 1.0 / 64.0;

/// Units of a side squeeze past each other: they keep apart by this share of their bodies' radii. The game's data have
/// something like it, inner radii of two thirds to all of a body, but do not say when they count. This share is chosen
/// so that Zerglings surround their victims, as they do in the game: on corridor, SMAC's heuristic shall hardly ever win.
const SOFTNESS: f32 = 0.5;

/// The share for two of one side, or of different sides.
pub(super) fn softness(same_side: bool) -> f32 {
    if same_side { SOFTNESS } else { 1.0 }
}

/// A unit among those that it must keep clear of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mover {
    disc: Disc,
    /// Cells a loop; 0 for one who stands.
    speed: f32,
    plane: Plane,
    /// What it would do if it were alone.
    wish: Vec2,
    unit: usize,
    side: Side,
    target: Option<usize>,
}

impl Mover {
    /// Whether it gives way to nobody.
    fn stands(&self) -> bool {
        self.wish == [0.0; 2]
    }

    /// The share of their bodies' radii by which it keeps apart from another.
    fn softness(&self, other: &Self) -> f32 {
        softness(self.side == other.side)
    }
}

/// The movers nearest to one, the nearest first; of those as near as each other its own side's.
struct Nearest {
    movers: [Near; NEIGHBOURS],
    count: usize,
}

#[derive(Clone, Copy, Default)]
struct Near {
    square: f32,
    other_side: bool,
    index: usize,
}

impl Near {
    fn is_before(&self, other: &Self) -> bool {
        self.square < other.square
            || (self.square == other.square && !self.other_side && other.other_side)
    }
}

impl Nearest {
    /// Those of its plane whom it could meet within the horizon.
    fn of(own: &Mover, movers: &[Mover]) -> Self {
        let mut nearest = Self {
            movers: [Near::default(); NEIGHBOURS],
            count: 0,
        };
        for (index, other) in movers.iter().enumerate() {
            let apart = sub(other.disc.position, own.disc.position);
            let square = dot(apart, apart);
            let far = own.disc.radius + other.disc.radius + (own.speed + other.speed) * HORIZON;
            if square < far * far && other.plane == own.plane && other.unit != own.unit {
                nearest.insert(Near {
                    square,
                    other_side: other.side != own.side,
                    index,
                });
            }
        }
        nearest
    }

    fn insert(&mut self, new: Near) {
        let mut at = self.count;
        if at < NEIGHBOURS {
            self.count += 1;
        } else if new.is_before(&self.movers[at - 1]) {
            at -= 1;
        } else {
            return;
        }
        while at > 0 && new.is_before(&self.movers[at - 1]) {
            self.movers[at] = self.movers[at - 1];
            at -= 1;
        }
        self.movers[at] = new;
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.movers[..self.count].iter().map(|near| near.index)
    }
}

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
            let velocity = steer(own, &self.movers);
            let from = own.disc.position;
            let to = add(from, velocity);
            let terrain = &self.scenario.terrain;
            let slid = terrain.slide(from, to, own.plane);
            // Where a wall turns it aside, nobody has seen it coming: it stops before it touches anybody.
            if slid == to || is_clear(own, slid, &self.movers) {
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
    pub(super) fn goal(&self, i: usize) -> Option<Vec2> {
        let unit = &self.units[i];
        match (unit.target, unit.order) {
            _ if self.hidden[i].attack.is_some() => None,
            (Some(at), _) => {
                (self.gap(i, at) > reach(self.kind(i))).then(|| self.units[at].position)
            }
            (None, Order::Move(to) | Order::AttackMove(to)) => Some(to),
            (None, Order::Stop | Order::Guard | Order::Target(_)) => None,
        }
    }
}

/// Whether a unit gets nearer to nobody there than half of what is between them now.
fn is_clear(own: &Mover, to: Vec2, movers: &[Mover]) -> bool {
    movers.iter().all(|other| {
        let away = sub(own.disc.position, other.disc.position);
        let apart = length(away);
        let room = own.softness(other) * (own.disc.radius + other.disc.radius);
        let gap = (apart - room).max(0.0);
        let nearer = -dot(sub(to, own.disc.position), away);
        other.plane != own.plane || nearer <= 0.5 * gap * apart
    })
}

/// The velocity that a unit takes among the others.
fn steer(own: &Mover, movers: &[Mover]) -> Vec2 {
    let nearest = Nearest::of(own, movers);
    let mut limits = [HalfPlane::default(); NEIGHBOURS];
    for (limit, index) in limits.iter_mut().zip(nearest.iter()) {
        let other = &movers[index];
        // Who fights another goes as near to it as it can.
        let fight = own.target == Some(other.unit) || other.target == Some(own.unit);
        let horizon = if fight { 1.0 } else { HORIZON };
        let share = if other.stands() { 1.0 } else { 0.5 };
        let [one, two] = [own.disc, other.disc].map(|disc| disc.shrunk(own.softness(other)));
        *limit = HalfPlane::between(one, two, horizon, share);
    }
    let limits = &limits[..nearest.count];
    if limits.iter().all(|limit| limit.allows(own.wish)) {
        return own.wish;
    }
    let hand = match own.side {
        Side::Allies => SIDESTEP,
        Side::Enemies => -SIDESTEP,
    };
    let wish = add(own.wish, scale(left(own.wish), hand));
    let mut scratch = [HalfPlane::default(); NEIGHBOURS];
    choose(limits, wish, own.speed, &mut scratch)
}
