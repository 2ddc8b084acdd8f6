//! Whom a unit attacks or heals.

use super::{Battle, Order};
use crate::smac::vector::{length, sub};

/// Who is attacked calls those of its side that are this near, from centre to centre.
const CALL: f32 = 4.0;

/// Nobody pursues a target farther than this from where it took it.
const LEASH: f32 = 21.0;

impl Battle {
    /// From body to body.
    pub(super) fn gap(&self, a: usize, b: usize) -> f32 {
        let between = length(sub(self.units[a].position, self.units[b].position));
        between - self.kind(a).radius - self.kind(b).radius
    }

    /// Whether a unit's weapon can hit another from where it stands.
    pub(in crate::smac) fn is_in_range(&self, unit: usize, at: usize) -> bool {
        self.gap(unit, at) <= self.kind(unit).reach()
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
            let target = match self.units[i].order {
                Order::Move(_) | Order::Stop => None,
                Order::Target(at) => self.is_target(i, at).then_some(at),
                Order::Guard | Order::AttackMove(_) => self.acquired(i),
            };
            if target != self.units[i].target {
                self.hidden[i].origin = self.units[i].position;
            }
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
            return kind.heals(others);
        }
        let weapon = kind.weapon.as_ref();
        weapon.is_some_and(|weapon| weapon.reaches(others.plane))
    }

    /// The target that it reaches; if there is none, when it searches, the best within scan range, and otherwise the one
    /// that it pursues.
    fn acquired(&self, i: usize) -> Option<usize> {
        let kind = self.kind(i);
        if kind.weapon.is_none() && kind.heal.is_none() {
            return None;
        }
        let target = self.units[i]
            .target
            .filter(|&at| self.is_target(i, at) && (kind.weapon.is_some() || self.is_hurt(at)));
        let reached = |&at: &usize| self.gap(i, at) <= kind.reach() + kind.slop();
        if target.is_some_and(|at| reached(&at)) {
            return target;
        }
        if kind.weapon.is_none() {
            return self.best(i, kind.scan());
        }
        let way = sub(self.units[i].position, self.hidden[i].origin);
        let pursued = target.filter(|_| length(way) <= LEASH);
        if !self.searches() {
            return pursued;
        }
        let found = self.best(i, kind.scan());
        found.or(pursued).or_else(|| self.called(i))
    }

    /// Whether units look around in this loop.
    fn searches(&self) -> bool {
        self.loops.is_multiple_of(self.search)
    }

    /// The nearest of those who have attacked comrades near by since the last search.
    fn called(&self, i: usize) -> Option<usize> {
        let unit = &self.units[i];
        let callers = self
            .units
            .iter()
            .zip(&self.hidden)
            .filter(|(comrade, hidden)| {
                comrade.side == unit.side
                    && comrade.is_alive()
                    && hidden.unhurt <= self.search as f32
                    && length(sub(comrade.position, unit.position)) <= CALL
            });
        let attackers = callers.filter_map(|(_, hidden)| hidden.attacker);
        attackers
            .filter(|&at| self.is_target(i, at))
            .min_by(|&one, &other| self.gap(i, one).total_cmp(&self.gap(i, other)))
    }

    fn is_hurt(&self, at: usize) -> bool {
        self.units[at].hp < self.kind(at).hp
    }

    /// The nearest of those whose bodies are within `scan`. Healers take the hurt first; without any they keep to those
    /// who fight.
    fn best(&self, i: usize, scan: f32) -> Option<usize> {
        let own = self.kind(i);
        let attacks = own.weapon.is_some();
        let wants = if attacks {
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
            let radius = self.kind(at).radius;
            let far = scan + own.radius + radius;
            let square = dx * dx + dy * dy;
            if square > far * far || !self.is_target(i, at) {
                continue;
            }
            let later = !attacks && !self.is_hurt(at);
            if later && unit.target.is_none() {
                continue;
            }
            let key = (later, square.sqrt() - radius);
            if best.is_none_or(|(later, gap, _)| key < (later, gap)) {
                best = Some((key.0, key.1, at));
            }
        }
        best.map(|(.., at)| at)
    }

    /// How fast a unit goes, in cells a second: a healer without a target leaves nobody behind whom it could heal.
    pub(super) fn pace(&self, i: usize) -> f32 {
        let kind = self.kind(i);
        let unit = &self.units[i];
        let roams = unit.target.is_none() && matches!(unit.order, Order::AttackMove(_));
        if kind.heal.is_none() || !roams {
            return kind.speed;
        }
        let near = |&at: &usize| self.is_target(i, at) && self.gap(i, at) <= kind.scan();
        let others = (0..self.units.len()).filter(near);
        others
            .map(|at| self.kind(at).speed)
            .fold(kind.speed, f32::min)
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
