//! What a hit does, and to whom.

use super::{Battle, Shot, UnitState};
use crate::smac::data::{Splash, Unit, Weapon};
use crate::smac::vector::{Vec2, cosine, direction, dot, left, length, scale, sub};

/// No armour takes more from a hit than leaves this.
const LEAST_DAMAGE: f32 = 0.5;

impl Battle {
    /// Does what a loop's shots do: all of them, also those of units that others of them kill. Who bursts when it
    /// attacks bursts as well when it is killed, in the same loop.
    pub(super) fn land(&mut self, first: usize) {
        for index in first..self.shots.len() {
            let Shot { from, at } = self.shots[index];
            self.deal(from, Some(at));
        }
        // A burst may kill others who burst.
        while let Some(killed) = (0..self.units.len()).find(|&unit| self.must_burst(unit)) {
            self.deal(killed, None);
        }
    }

    /// Whether it was killed before it burst.
    fn must_burst(&self, unit: usize) -> bool {
        let weapon = &self.kind(unit).weapon;
        let bursts = weapon.as_ref().is_some_and(|weapon| weapon.suicide);
        bursts && !self.units[unit].is_alive() && !self.hidden[unit].burst
    }

    /// Does a hit of a unit's weapon: on a target and whoever the splash reaches around it, or without a target on
    /// those around itself.
    fn deal(&mut self, from: usize, at: Option<usize>) {
        let scenario = &self.scenario;
        let Some(weapon) = &scenario.units[self.units[from].unit].1.weapon else {
            return;
        };
        let attacker = self.units[from].clone();
        let target = self.units[at.unwrap_or(from)].position;
        let body = scenario.units[attacker.unit].1.radius;
        for (i, unit) in self.units.iter_mut().enumerate() {
            let kind = &scenario.units[unit.unit].1;
            let share = if at == Some(i) {
                1.0
            } else if weapon.splash.is_some()
                && unit.side != attacker.side
                && unit.is_alive()
                && weapon.reaches(kind.plane)
            {
                share(
                    weapon,
                    attacker.position,
                    body,
                    target,
                    unit.position,
                    kind.radius,
                )
            } else {
                0.0
            };
            if share > 0.0 {
                hurt(unit, kind, share * damage(weapon, kind));
                self.hidden[i].unhurt = 0.0;
                self.hidden[i].attacker = Some(from);
            }
        }
        if weapon.suicide {
            self.units[from].hp = 0.0;
            self.hidden[from].burst = true;
        }
    }
}

impl Battle {
    /// What an attack of one unit takes from another, of shield and hit points together, if it lands and all of
    /// it meets the armour; 0 without a weapon.
    pub(in crate::smac) fn strike(&self, unit: usize, at: usize) -> f32 {
        let kind = self.kind(at);
        self.kind(unit).weapon.as_ref().map_or(0.0, |weapon| {
            weapon.hits as f32 * (damage(weapon, kind) - kind.armour).max(LEAST_DAMAGE)
        })
    }
}

/// Of a hit, with its bonus, before shield and armour.
fn damage(weapon: &Weapon, kind: &Unit) -> f32 {
    let bonus = weapon
        .bonus
        .filter(|bonus| kind.attributes.contains(&bonus.against));
    weapon.damage + bonus.map_or(0.0, |bonus| bonus.damage)
}

/// Takes damage from the shield, and from the hit points what is left of it after armour.
fn hurt(unit: &mut UnitState, kind: &Unit, damage: f32) {
    let absorbed = damage.min(unit.shield);
    unit.shield -= absorbed;
    let rest = damage - absorbed;
    if rest > 0.0 {
        unit.hp = (unit.hp - (rest - kind.armour).max(LEAST_DAMAGE)).max(0.0);
    }
}

/// Which share of a hit's damage somebody besides the target gets.
fn share(
    weapon: &Weapon,
    attacker: Vec2,
    body: f32,
    target: Vec2,
    position: Vec2,
    radius: f32,
) -> f32 {
    let fire = direction(sub(target, attacker)).unwrap_or([1.0, 0.0]);
    let (within, share) = match weapon.splash {
        None => return 0.0,
        Some(Splash::Circle { radius: far, share }) => {
            let centre = if weapon.suicide { attacker } else { target };
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
