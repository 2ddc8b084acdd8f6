//! Healing, regeneration and death.

use super::{Battle, Order, Shot};
use crate::smac::data::LOOPS_PER_SECOND;

/// Shield points that come back in a second.
const SHIELD_PER_SECOND: f32 = 2.0;

/// Seconds without damage before they do.
const SHIELD_DELAY: f32 = 10.0;

impl Battle {
    /// Takes the dead out of the fight.
    pub(super) fn bury(&mut self) {
        for (unit, hidden) in self.units.iter_mut().zip(&mut self.hidden) {
            if !unit.is_alive() {
                unit.shield = 0.0;
                unit.cooldown = 0.0;
                unit.order = Order::Stop;
                unit.target = None;
                hidden.attack = None;
                hidden.velocity = [0.0; 2];
            }
        }
    }

    /// Lets the healers heal for a loop. Each heal is shown once a step.
    pub(super) fn heal(&mut self) {
        for i in 0..self.units.len() {
            let (Some(heal), Some(at)) = (self.kind(i).heal, self.units[i].target) else {
                continue;
            };
            if !self.units[i].is_alive()
                || !self.units[at].is_alive()
                || self.gap(i, at) > self.kind(i).reach()
            {
                continue;
            }
            let missing = self.kind(at).hp - self.units[at].hp;
            let mut points = missing.min(heal.per_second / LOOPS_PER_SECOND);
            let cost = points * heal.energy_per_hp;
            if cost > self.units[i].energy {
                points = self.units[i].energy / heal.energy_per_hp;
            }
            if points > 0.0 {
                self.units[i].energy = (self.units[i].energy - cost).max(0.0);
                self.units[at].hp = (self.units[at].hp + points).min(self.kind(at).hp);
                let shot = Shot { from: i, at };
                if !self.shots.contains(&shot) {
                    self.shots.push(shot);
                }
            }
        }
    }

    /// Gives the living back what comes back by itself in a loop.
    pub(super) fn regenerate(&mut self) {
        for (unit, hidden) in self.units.iter_mut().zip(&mut self.hidden) {
            if !unit.is_alive() {
                continue;
            }
            let kind = &self.scenario.units[unit.unit].1;
            let rest = hidden.unhurt / LOOPS_PER_SECOND;
            hidden.unhurt += 1.0;
            if unit.hp < kind.hp && rest >= kind.regeneration_delay {
                unit.hp = (unit.hp + kind.regeneration / LOOPS_PER_SECOND).min(kind.hp);
            }
            if unit.shield < kind.shield && rest >= SHIELD_DELAY {
                unit.shield = (unit.shield + SHIELD_PER_SECOND / LOOPS_PER_SECOND).min(kind.shield);
            }
            if let Some(energy) = kind.energy {
                unit.energy = (unit.energy + energy.per_second / LOOPS_PER_SECOND).min(energy.max);
            }
        }
    }
}
