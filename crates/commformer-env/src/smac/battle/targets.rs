//! Whom a unit attacks or heals.

use super::vector::{length, sub};
use super::{Battle, Order};
use crate::smac::data::{Attribute, Plane, Unit, Weapon};
use crate::smac::scenario::Side;

/// A healer looks for somebody to heal this far, if it does not reach farther.
const HEALERS_SCAN: f32 = 5.0;

impl Weapon {
    /// Whether it can hit a unit of this plane.
    pub(in crate::smac) fn reaches(&self, plane: Plane) -> bool {
        match plane {
            Plane::Ground => self.ground,
            Plane::Air => self.air,
            Plane::Cliffs => self.ground || self.air,
        }
    }
}

/// From body to body, how far this kind reaches with its weapon or its healing.
pub(super) fn reach(kind: &Unit) -> f32 {
    let weapon = kind.weapon.as_ref().map(|weapon| weapon.range);
    weapon.or(kind.heal.map(|heal| heal.range)).unwrap_or(0.0)
}

/// How much farther its target may get before it gives up an attack.
pub(super) fn slop(kind: &Unit) -> f32 {
    kind.weapon.as_ref().map_or(0.0, |weapon| weapon.range_slop)
}

fn scan(kind: &Unit) -> f32 {
    let scan = kind.weapon.as_ref().map(|weapon| weapon.scan_range);
    scan.unwrap_or(HEALERS_SCAN).max(reach(kind))
}

impl Battle {
    /// From body to body.
    pub(super) fn gap(&self, a: usize, b: usize) -> f32 {
        let between = length(sub(self.units[a].position, self.units[b].position));
        between - self.kind(a).radius - self.kind(b).radius
    }

    /// Sets every living unit's target, and breaks off attacks on others.
    pub(super) fn take_targets(&mut self) {
        for i in 0..self.units.len() {
            if !self.units[i].is_alive() {
                continue;
            }
            if let Order::Target(at) = self.units[i].order
                && !self.units.get(at).is_some_and(|unit| unit.is_alive())
            {
                self.units[i].order = Order::Stop;
            }
            let target = match (self.units[i].order, self.units[i].side) {
                (Order::Move(_), _) | (Order::Stop, Side::Allies) => None,
                (Order::Target(at), _) => self.is_target(i, at).then_some(at),
                (Order::Stop | Order::AttackMove(_), _) => self.acquired(i),
            };
            self.units[i].target = target;
            self.break_off(i);
        }
    }

    /// Whether one unit can attack the other, or heal it, were it hurt.
    fn is_target(&self, i: usize, at: usize) -> bool {
        let (unit, other) = (&self.units[i], &self.units[at]);
        let (kind, others) = (self.kind(i), self.kind(at));
        if i == at || !other.is_alive() {
            return false;
        }
        if unit.side == other.side {
            let biological = others.attributes.contains(&Attribute::Biological);
            return kind.heal.is_some() && biological && others.heal.is_none();
        }
        let weapon = kind.weapon.as_ref();
        weapon.is_some_and(|weapon| weapon.reaches(others.plane))
    }

    /// Whether a unit that looks for somebody by itself would take this one.
    fn is_wanted(&self, i: usize, at: usize) -> bool {
        self.is_target(i, at)
            && (self.units[i].side != self.units[at].side || self.units[at].hp < self.kind(at).hp)
    }

    /// The target kept, or the nearest within scan range; healers come first.
    fn acquired(&self, i: usize) -> Option<usize> {
        let kind = self.kind(i);
        if kind.weapon.is_none() && kind.heal.is_none() {
            return None;
        }
        let kept = self.units[i]
            .target
            .filter(|&at| self.is_wanted(i, at) && self.gap(i, at) <= reach(kind) + slop(kind));
        let starting = self.hidden[i].attack.is_some_and(|attack| attack.hits == 0);
        if let Some(at) = kept
            && (starting || self.kind(at).heal.is_some() || !self.has_healers(self.units[at].side))
        {
            return kept;
        }
        let found = self.nearest(i, scan(kind));
        // Nobody but a healer draws it away from a target that it reaches.
        match (kept, found) {
            (Some(_), Some(other)) if self.kind(other).heal.is_some() => found,
            (Some(_), _) => kept,
            (None, _) => found,
        }
    }

    /// Whether units of a side, living or dead, can heal.
    fn has_healers(&self, side: Side) -> bool {
        let members = match side {
            Side::Allies => &self.scenario.allies,
            Side::Enemies => &self.scenario.enemies,
        };
        members
            .iter()
            .any(|&member| self.scenario.kind(member).heal.is_some())
    }

    /// The nearest wanted unit whose body is within `scan`; the nearest healer, if there is one.
    fn nearest(&self, i: usize, scan: f32) -> Option<usize> {
        let own = self.kind(i);
        let wants = if own.weapon.is_some() {
            self.units[i].side.other()
        } else {
            self.units[i].side
        };
        let mut best: Option<(bool, f32, usize)> = None;
        for (at, unit) in self.units.iter().enumerate() {
            if unit.side != wants || !unit.is_alive() {
                continue;
            }
            let [dx, dy] = sub(unit.position, self.units[i].position);
            let other = self.kind(at);
            let far = scan + own.radius + other.radius;
            let square = dx * dx + dy * dy;
            if square > far * far || !self.is_wanted(i, at) {
                continue;
            }
            let key = (other.heal.is_none(), square.sqrt() - other.radius);
            if best.is_none_or(|(fighter, gap, _)| key < (fighter, gap)) {
                best = Some((key.0, key.1, at));
            }
        }
        best.map(|(.., at)| at)
    }

    /// Ends an attack that was meant for another: without cost before its first hit, with the rest of its hits
    /// lost after it, and its backswing only for another order.
    fn break_off(&mut self, i: usize) {
        let Some(attack) = self.hidden[i].attack else {
            return;
        };
        let unit = &mut self.units[i];
        if unit.target == Some(attack.target) {
            return;
        }
        if attack.hits == 0 {
            unit.cooldown = 0.0;
            self.hidden[i].attack = None;
        } else if matches!(unit.order, Order::Move(_) | Order::Target(_)) {
            self.hidden[i].attack = None;
        }
    }
}
