//! Attacks, hit by hit.

use super::targets::{reach, slop};
use super::{Battle, Shot};
use crate::smac::data::{LOOPS_PER_SECOND, Weapon};
use serde::{Deserialize, Serialize};

/// An attack under way: before its first hit, between hits, or in the backswing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Attack {
    /// Whom it is meant for.
    pub(super) target: usize,
    /// Loops since it began.
    elapsed: f32,
    /// Hits done.
    pub(super) hits: u32,
}

/// Loops from the beginning of an attack to its n-th hit, from 0.
fn hit_at(weapon: &Weapon, n: u32) -> f32 {
    (weapon.damage_point + weapon.hit_spacing * n as f32) * LOOPS_PER_SECOND
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
        let over = hit_at(weapon, weapon.hits.saturating_sub(1)) + backswing;
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
            || self.gap(i, target) > reach(kind)
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
            && attack.elapsed >= hit_at(weapon, hits)
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
        !self.units[target].is_alive() || self.gap(i, target) > reach(kind) + slop(kind)
    }
}
