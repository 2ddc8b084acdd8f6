//! Observations and states, part by part.

use super::row::{Row, Way, flag, place, share};
use super::{Layout, Sizes};
use crate::smac::actions::{self, FIRST_TARGET, MOVES};
use crate::smac::battle::UnitState;
use crate::smac::scenario::Side;
use crate::smac::sight::Eyes;

/// What is known when agents look around.
pub(crate) struct Scene<'a> {
    pub eyes: Eyes<'a>,
    /// What each agent can carry out, (N, A).
    pub able: &'a [bool],
    /// What each agent did last, (N); `None` in an episode's beginning.
    pub last: &'a [Option<usize>],
}

impl Scene<'_> {
    /// Writes all agents' observations, (N, O).
    pub fn observe(&self, layout: Layout, out: &mut [f32]) {
        let agents = self.eyes.battle.scenario().allies.len();
        for (agent, row) in out.chunks_exact_mut(out.len() / agents).enumerate() {
            let mut row = Row(row);
            match layout {
                Layout::Oxwhirl => self.oxwhirl(agent, &mut row),
                Layout::Commformer => self.commformer(agent, &mut row),
            }
            debug_assert!(row.0.is_empty(), "{} numbers unwritten", row.0.len());
        }
    }

    /// Writes the state, of [`Layout::state_len`].
    pub fn state(&self, layout: Layout, out: &mut [f32]) {
        if layout == Layout::Oxwhirl {
            return self.oxwhirl_state(&mut Row(out));
        }
        let agents = self.eyes.battle.scenario().allies.len();
        for (agent, row) in out.chunks_exact_mut(out.len() / agents).enumerate() {
            self.commformer_state(agent, &mut Row(row));
        }
    }

    fn oxwhirl(&self, agent: usize, row: &mut Row) {
        let me = &self.eyes.battle.units()[agent];
        if !me.is_alive() {
            return row.skip(row.0.len());
        }
        self.moves(agent, row);
        self.enemies(agent, row);
        for ally in self.others(agent) {
            self.ally(agent, ally, 0, row);
        }
        self.me(agent, row);
        self.kind(agent, row);
    }

    fn commformer(&self, agent: usize, row: &mut Row) {
        let agents = self.eyes.battle.scenario().allies.len();
        let me = &self.eyes.battle.units()[agent];
        if !me.is_alive() {
            row.skip(row.0.len() - agents);
            return row.one_hot(Some(agent), agents);
        }
        for ally in self.others(agent) {
            if !self.ally(agent, ally, self.actions(), row) {
                continue;
            }
            row.one_hot(self.last[ally], self.actions());
        }
        self.enemies(agent, row);
        self.moves(agent, row);
        row.put(&[1.0, 0.0, 0.0, 0.0]);
        self.me(agent, row);
        self.kind(agent, row);
        row.one_hot(self.last[agent], self.actions());
        row.one_hot(Some(agent), agents);
    }

    fn oxwhirl_state(&self, row: &mut Row) {
        let units = self.eyes.battle.units();
        let sizes = self.sizes();
        for (number, unit) in units.iter().enumerate() {
            let ally = unit.side == Side::Allies;
            if !unit.is_alive() {
                row.skip(if ally {
                    3 + sizes.own + sizes.look
                } else {
                    2 + sizes.foe
                });
                continue;
            }
            row.put(&[self.health(unit)]);
            if ally {
                row.put(&[self.readiness(unit)]);
            }
            row.put(&place(unit));
            self.shield(unit, row);
            if ally {
                self.look(number, row);
            }
            self.kind(number, row);
        }
        for &last in self.last {
            row.one_hot(last, sizes.actions);
        }
    }

    fn commformer_state(&self, agent: usize, row: &mut Row) {
        let scenario = self.eyes.battle.scenario();
        let sizes = self.sizes();
        let units = self.eyes.battle.units();
        let me = &units[agent];
        if !me.is_alive() {
            row.skip(row.0.len() - scenario.allies.len());
            return row.one_hot(Some(agent), scenario.allies.len());
        }
        for number in self.others(agent) {
            let ally = &units[number];
            if !ally.is_alive() {
                row.skip(7 + sizes.own + sizes.look + sizes.actions);
                continue;
            }
            row.put(&[flag(self.eyes.see(agent, number))]);
            row.put(&self.way(agent, number).numbers());
            row.put(&[self.readiness(ally)]);
            self.body(ally, row);
            row.put(&place(ally));
            self.look(number, row);
            self.kind(number, row);
            row.one_hot(self.last[number], sizes.actions);
        }
        for number in actions::numbers(scenario, Side::Enemies) {
            let enemy = &units[number];
            if !enemy.is_alive() {
                row.skip(7 + sizes.foe);
                continue;
            }
            row.put(&[self.can_attack(agent, number)]);
            row.put(&self.way(agent, number).numbers());
            row.put(&[flag(self.eyes.see(agent, number))]);
            self.body(enemy, row);
            self.kind(number, row);
            row.put(&place(enemy));
        }
        self.moves(agent, row);
        row.put(&[1.0, 0.0, 0.0, 0.0]);
        self.body(me, row);
        row.put(&place(me));
        self.look(agent, row);
        self.kind(agent, row);
        row.one_hot(self.last[agent], sizes.actions);
        row.one_hot(Some(agent), scenario.allies.len());
    }

    fn sizes(&self) -> Sizes {
        Sizes::of(self.eyes.battle.scenario(), self.eyes.sight.cone)
    }

    /// The way from one unit to another.
    fn way(&self, from: usize, to: usize) -> Way {
        let units = self.eyes.battle.units();
        Way::between(&units[from], &units[to], self.eyes.sight.range)
    }

    fn actions(&self) -> usize {
        self.able.len() / self.last.len()
    }

    fn others(&self, agent: usize) -> impl Iterator<Item = usize> {
        (0..self.last.len()).filter(move |&ally| ally != agent)
    }

    /// The moves that are open.
    fn moves(&self, agent: usize, row: &mut Row) {
        for action in MOVES {
            row.put(&[flag(self.able[agent * self.actions() + action])]);
        }
    }

    /// 1 if an agent can attack an enemy. A healer cannot: its actions name allies.
    fn can_attack(&self, agent: usize, enemy: usize) -> f32 {
        let targets = actions::named(self.eyes.battle, agent);
        let action = agent * self.actions() + FIRST_TARGET;
        flag(targets.contains(&enemy) && self.able[action + enemy - targets.start])
    }

    /// All enemies as an agent sees them.
    fn enemies(&self, agent: usize, row: &mut Row) {
        let units = self.eyes.battle.units();
        let foe = self.sizes().foe;
        for number in actions::numbers(self.eyes.battle.scenario(), Side::Enemies) {
            if !units[number].is_alive() || !self.eyes.see(agent, number) {
                row.skip(4 + foe);
                continue;
            }
            row.put(&[self.can_attack(agent, number)]);
            row.put(&self.way(agent, number).numbers());
            self.body(&units[number], row);
            self.kind(number, row);
        }
    }

    /// An ally as an agent sees it, and whether it does; if not, `more` zeros follow.
    fn ally(&self, agent: usize, number: usize, more: usize, row: &mut Row) -> bool {
        let ally = &self.eyes.battle.units()[number];
        let seen = ally.is_alive() && self.eyes.see(agent, number);
        if seen {
            row.put(&[1.0]);
            row.put(&self.way(agent, number).numbers());
            self.body(ally, row);
            self.kind(number, row);
        } else {
            row.skip(4 + self.sizes().own + more);
        }
        seen
    }

    /// Hit points and shield.
    fn body(&self, unit: &UnitState, row: &mut Row) {
        row.put(&[self.health(unit)]);
        self.shield(unit, row);
    }

    /// What an agent knows of itself, but for its type: hit points and shield, where it is, where it looks.
    fn me(&self, agent: usize, row: &mut Row) {
        let me = &self.eyes.battle.units()[agent];
        self.body(me, row);
        if self.eyes.sight.position {
            row.put(&place(me));
        }
        self.look(agent, row);
    }

    fn health(&self, unit: &UnitState) -> f32 {
        unit.hp / actions::kind(self.eyes.battle, unit).hp
    }

    fn shield(&self, unit: &UnitState, row: &mut Row) {
        if self.eyes.battle.scenario().shields[unit.side as usize] {
            row.put(&[share(
                unit.shield,
                actions::kind(self.eyes.battle, unit).shield,
            )]);
        }
    }

    /// Energy of a healer, cooldown of all others.
    fn readiness(&self, unit: &UnitState) -> f32 {
        let kind = actions::kind(self.eyes.battle, unit);
        match (&kind.heal, &kind.energy) {
            (Some(_), Some(energy)) => share(unit.energy, energy.max),
            _ => share(unit.cooldown, kind.cooldown_scale),
        }
    }

    /// Where an agent looks, if it does.
    fn look(&self, agent: usize, row: &mut Row) {
        if self.eyes.sight.cone.is_some() {
            row.put(&self.eyes.looks[agent].direction());
        }
    }

    /// One-hot type.
    fn kind(&self, number: usize, row: &mut Row) {
        let scenario = self.eyes.battle.scenario();
        let kind = self.eyes.battle.units()[number].unit;
        row.one_hot(scenario.type_id(number, kind), scenario.type_bits);
    }
}
