//! A unit's velocity among those that it must keep clear of.

use super::orca::{Disc, HalfPlane, choose};
use crate::smac::data::Plane;
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
pub(in crate::smac::battle) fn softness(same_side: bool) -> f32 {
    if same_side { SOFTNESS } else { 1.0 }
}

/// A unit among those that it must keep clear of.
#[derive(Clone, Copy, Debug)]
pub(in crate::smac::battle) struct Mover {
    pub(super) disc: Disc,
    /// Cells a loop; 0 for one who stands.
    pub(super) speed: f32,
    pub(super) plane: Plane,
    /// What it would do if it were alone.
    pub(super) wish: Vec2,
    pub(super) unit: usize,
    pub(super) side: Side,
    pub(super) target: Option<usize>,
}

impl Mover {
    /// Whether it gives way to nobody.
    pub(super) fn stands(&self) -> bool {
        self.wish == [0.0; 2]
    }

    /// The share of their bodies' radii by which it keeps apart from another.
    fn softness(&self, other: &Self) -> f32 {
        softness(self.side == other.side)
    }

    /// Whether it gets nearer to nobody there than half of what is between them now.
    pub(super) fn is_clear(&self, to: Vec2, movers: &[Self]) -> bool {
        movers.iter().all(|other| {
            let away = sub(self.disc.position, other.disc.position);
            let apart = length(away);
            let room = self.softness(other) * (self.disc.radius + other.disc.radius);
            let gap = (apart - room).max(0.0);
            let nearer = -dot(sub(to, self.disc.position), away);
            other.plane != self.plane || nearer <= 0.5 * gap * apart
        })
    }

    /// The velocity that it takes among the others.
    pub(super) fn steer(&self, movers: &[Self]) -> Vec2 {
        let nearest = Nearest::of(self, movers);
        let mut limits = [HalfPlane::default(); NEIGHBOURS];
        for (limit, index) in limits.iter_mut().zip(nearest.iter()) {
            let other = &movers[index];
            // Who fights another goes as near to it as it can.
            let fight = self.target == Some(other.unit) || other.target == Some(self.unit);
            let horizon = if fight { 1.0 } else { HORIZON };
            let share = if other.stands() { 1.0 } else { 0.5 };
            let [one, two] = [self.disc, other.disc].map(|disc| disc.shrunk(self.softness(other)));
            *limit = HalfPlane::between(one, two, horizon, share);
        }
        let limits = &limits[..nearest.count];
        if limits.iter().all(|limit| limit.allows(self.wish)) {
            return self.wish;
        }
        let hand = match self.side {
            Side::Allies => SIDESTEP,
            Side::Enemies => -SIDESTEP,
        };
        let wish = add(self.wish, scale(left(self.wish), hand));
        let mut scratch = [HalfPlane::default(); NEIGHBOURS];
        choose(limits, wish, self.speed, &mut scratch)
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
