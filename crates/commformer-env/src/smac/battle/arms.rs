//! What kinds of units and their weapons can do, wherever they stand.

use super::UnitState;
use crate::smac::data::{LOOPS_PER_SECOND, Plane, Splash, Unit, Weapon};
use crate::smac::vector::{Vec2, cosine, direction, dot, left, length, scale, sub};

/// A healer looks for somebody to heal this far, if it does not reach farther.
const HEALERS_SCAN: f32 = 5.0;

/// No armour takes more from a hit than leaves this.
const LEAST_DAMAGE: f32 = 0.5;

impl Unit {
    /// From body to body, how far it reaches with its weapon or its healing.
    pub(super) fn reach(&self) -> f32 {
        let weapon = self.weapon.as_ref().map(|weapon| weapon.range);
        weapon.or(self.heal.map(|heal| heal.range)).unwrap_or(0.0)
    }

    /// How much farther its target may get before it gives up an attack.
    pub(super) fn slop(&self) -> f32 {
        self.weapon.as_ref().map_or(0.0, |weapon| weapon.range_slop)
    }

    /// From body to body, how far it looks for targets.
    pub(super) fn scan(&self) -> f32 {
        let scan = self.weapon.as_ref().map(|weapon| weapon.scan_range);
        scan.unwrap_or(HEALERS_SCAN).max(self.reach())
    }

    /// What its armour lets through of a damage.
    pub(super) fn past_armour(&self, damage: f32) -> f32 {
        (damage - self.armour).max(LEAST_DAMAGE)
    }
}

impl UnitState {
    /// Takes damage from the shield, and from the hit points what is left of it after armour.
    pub(super) fn hurt(&mut self, kind: &Unit, damage: f32) {
        let absorbed = damage.min(self.shield);
        self.shield -= absorbed;
        let rest = damage - absorbed;
        if rest > 0.0 {
            self.hp = (self.hp - kind.past_armour(rest)).max(0.0);
        }
    }
}

impl Weapon {
    /// Whether it can hit a unit of this plane.
    pub(in crate::smac) fn reaches(&self, plane: Plane) -> bool {
        match plane {
            Plane::Ground => self.ground,
            Plane::Air => self.air,
            Plane::Cliffs => self.ground || self.air,
        }
    }

    /// Loops from the beginning of an attack to its n-th hit, from 0.
    pub(super) fn hit_at(&self, n: u32) -> f32 {
        (self.damage_point + self.hit_spacing * n as f32) * LOOPS_PER_SECOND
    }

    /// Of a hit, with its bonus, before shield and armour.
    pub(super) fn damage_to(&self, kind: &Unit) -> f32 {
        let bonus = self
            .bonus
            .filter(|bonus| kind.attributes.contains(&bonus.against));
        self.damage + bonus.map_or(0.0, |bonus| bonus.damage)
    }

    /// Which share of a hit's damage somebody besides the target gets: a body of this radius there, from an attacker's
    /// body, at a target's point.
    pub(super) fn splash_on(
        &self,
        (position, radius): (Vec2, f32),
        (attacker, body): (Vec2, f32),
        target: Vec2,
    ) -> f32 {
        let fire = direction(sub(target, attacker)).unwrap_or([1.0, 0.0]);
        let (within, share) = match self.splash {
            None => return 0.0,
            Some(Splash::Circle { radius: far, share }) => {
                let centre = if self.suicide { attacker } else { target };
                (length(sub(position, centre)) <= far + radius, share)
            }
            Some(Splash::Line { reach, width }) => {
                let across = left(fire);
                let from_target = sub(position, target);
                let along = dot(from_target, across).clamp(-reach, reach);
                let aside = length(sub(from_target, scale(across, along)));
                (aside <= width + radius, 1.0)
            }
            Some(Splash::Arc {
                radius: far,
                degrees,
                share,
            }) => {
                let away = sub(position, attacker);
                let distance = length(away);
                let near = distance <= body + far + radius;
                let in_front = dot(away, fire) >= distance * cosine(degrees / 2.0);
                (near && in_front, share)
            }
        };
        if within { share } else { 0.0 }
    }
}
