//! Attacks, hit by hit, and what hits do to whom.

use super::{Battle, Shot};
use crate::smac::data::LOOPS_PER_SECOND;
use serde::{Deserialize, Serialize};

/// An attack under way: before its first hit, between hits, or in the backswing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Attack {
    /// Whom it is meant for.
    pub(super) target: usize,
    /// Loops since it began.
    pub(super) elapsed: f32,
    /// Hits done.
    pub(super) hits: u32,
}

impl Battle {
    /// Lets every living unit's weapon go on by a loop. Hits are noted as shots; nobody is hurt yet.
    pub(super) fn shoot(&mut self, jitter: &mut impl FnMut() -> f32) {
        for i in 0..self.units.len() {
            let unit = &mut self.units[i];
            if !unit.is_alive() {
                continue;
            }
            unit.cooldown = (unit.cooldown - 1.0).max(0.0);
            if self.kind(i).weapon.is_some() {
                self.go_on(i);
                self.begin_attack(i, jitter);
            }
        }
    }

    /// Goes on with an attack, or ends it.
    fn go_on(&mut self, i: usize) {
        let Some(mut attack) = self.hidden[i].attack else {
            return;
        };
        let (kind, scenario) = (self.units[i].unit, &self.scenario);
        let Some(weapon) = &scenario.units[kind].1.weapon else {
            return;
        };
        let backswing = weapon.backswing * LOOPS_PER_SECOND;
        let over = weapon.hit_at(weapon.hits.saturating_sub(1)) + backswing;
        attack.elapsed += 1.0;
        if attack.hits == 0 && self.is_out_of_reach(i, attack.target) {
            // It got away in time.
            self.units[i].cooldown = 0.0;
            self.hidden[i].attack = None;
            return;
        }
        attack.hits = self.hit(i, attack);
        let ends = attack.hits == self.hits(i) && attack.elapsed >= over;
        self.hidden[i].attack = (!ends).then_some(attack);
    }

    /// Begins an attack on a target in range if the weapon is ready.
    fn begin_attack(&mut self, i: usize, jitter: &mut impl FnMut() -> f32) {
        let busy = |attack: Attack| attack.hits < self.hits(i);
        let unit = &self.units[i];
        let Some(target) = unit.target else {
            return;
        };
        let kind = self.kind(i);
        let Some(weapon) = &kind.weapon else {
            return;
        };
        if unit.cooldown > 0.0
            || self.hidden[i].attack.is_some_and(busy)
            || self.gap(i, target) > kind.reach()
        {
            return;
        }
        let cooldown = weapon.period * LOOPS_PER_SECOND + jitter();
        let mut attack = Attack {
            target,
            elapsed: 0.0,
            hits: 0,
        };
        self.units[i].cooldown = cooldown;
        attack.hits = self.hit(i, attack);
        self.hidden[i].attack = Some(attack);
    }

    /// Notes the hits that are due, and returns how many are done. One whose target is gone is lost.
    fn hit(&mut self, i: usize, attack: Attack) -> u32 {
        let mut hits = attack.hits;
        while let Some(weapon) = &self.kind(i).weapon
            && hits < weapon.hits
            && attack.elapsed >= weapon.hit_at(hits)
        {
            if !self.is_out_of_reach(i, attack.target) {
                self.shots.push(Shot {
                    from: i,
                    at: attack.target,
                });
            }
            hits += 1;
        }
        hits
    }

    /// Hits of an attack.
    fn hits(&self, i: usize) -> u32 {
        self.kind(i).weapon.as_ref().map_or(0, |weapon| weapon.hits)
    }

    /// Whether a target is dead or has got away.
    fn is_out_of_reach(&self, i: usize, target: usize) -> bool {
        let kind = self.kind(i);
        !self.units[target].is_alive() || self.gap(i, target) > kind.reach() + kind.slop()
    }

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
                let from = (attacker.position, body);
                weapon.splash_on((unit.position, kind.radius), from, target)
            } else {
                0.0
            };
            if share > 0.0 {
                unit.hurt(kind, share * weapon.damage_to(kind));
                self.hidden[i].unhurt = 0.0;
                self.hidden[i].attacker = Some(from);
            }
        }
        if weapon.suicide {
            self.units[from].hp = 0.0;
            self.hidden[from].burst = true;
        }
    }

    /// What an attack of one unit takes from another, of shield and hit points together, if it lands and all of
    /// it meets the armour; 0 without a weapon.
    pub(in crate::smac) fn strike(&self, unit: usize, at: usize) -> f32 {
        let kind = self.kind(at);
        self.kind(unit).weapon.as_ref().map_or(0.0, |weapon| {
            weapon.hits as f32 * kind.past_armour(weapon.damage_to(kind))
        })
    }
}
