//! What agents perceive, in the layouts of the two public programs.

use super::actions::{self, FIRST_TARGET, MOVES};
use super::battle::{Battle, UnitState};
use super::scenario::{Scenario, Side};
use super::terrain::Terrain;
use serde::{Deserialize, Serialize};

/// How far every agent sees.
const SIGHT: f32 = 9.0;

/// What observations and states consist of, in which order.
///
/// Distances are divided by the sight range of 9, hit points, shields and energy by their maximum, cooldowns
/// by the unit's scale, and places are counted from the map's centre and divided by its side. A unit that is
/// out of sight, or dead, is all zeros. Shields are there if the unit's side has them, types if the battle
/// has several on a side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Of the SMAC package.
    ///
    /// - Observation: 4 moves that are open; each enemy (1 if it can be attacked, distance, x, y, hit points,
    ///   shield, type); each other ally (1, distance, x, y, hit points, shield, type); own hit points,
    ///   shield, type.
    /// - State, one for the team: each ally (hit points, cooldown or energy, x, y, shield, type); each enemy
    ///   (hit points, x, y, shield, type); each ally's last action.
    #[default]
    Oxwhirl,
    /// Of CommFormer's release. A dead agent's rows are zeros, but for its number.
    ///
    /// - Observation: each other ally (as above, and its last action); each enemy (as above); the moves; the
    ///   agent as it would see itself (1, 0, 0, 0, hit points, shield, type, last action); its number.
    /// - State, for each agent: each other ally (1 if in sight, distance, x, y, cooldown or energy, hit
    ///   points, shield, x and y on the map, type, last action); each enemy (1 if it can be attacked,
    ///   distance, x, y, 1 if in sight, hit points, shield, type, x and y on the map); the moves; the agent
    ///   (1, 0, 0, 0, hit points, shield, x and y on the map, type, last action); its number. Only the dead
    ///   are hidden here.
    Commformer,
}

impl Layout {
    /// Numbers in an agent's observation (O).
    pub fn obs_dim(self, scenario: &Scenario) -> usize {
        let sizes = Sizes::of(scenario);
        let Sizes {
            others,
            enemies,
            own,
            foe,
            actions,
            ..
        } = sizes;
        let seen = enemies * (4 + foe) + others * (4 + own) + MOVES.len() + own;
        match self {
            Self::Oxwhirl => seen,
            Self::Commformer => seen + 4 + (others + 1) * (actions + 1),
        }
    }

    /// Numbers in the state: one for the team, or (N, S) for each of its agents.
    pub fn state_len(self, scenario: &Scenario) -> usize {
        let sizes = Sizes::of(scenario);
        let Sizes {
            others,
            enemies,
            own,
            foe,
            actions,
            ..
        } = sizes;
        let agents = others + 1;
        match self {
            Self::Oxwhirl => agents * (3 + own + actions) + enemies * (2 + foe),
            Self::Commformer => {
                let ally = 7 + own + actions;
                let agent = 6 + own + actions;
                agents * (others * ally + enemies * (7 + foe) + MOVES.len() + agent + agents)
            }
        }
    }
}

/// How many numbers the parts have.
#[derive(Clone, Copy)]
struct Sizes {
    /// Allies besides the observer.
    others: usize,
    enemies: usize,
    /// Hit points, shield and type of an ally.
    own: usize,
    /// The same of an enemy.
    foe: usize,
    actions: usize,
}

impl Sizes {
    fn of(scenario: &Scenario) -> Self {
        let body = |shields| 1 + usize::from(shields) + scenario.type_bits;
        Self {
            others: scenario.allies.len() - 1,
            enemies: scenario.enemies.len(),
            own: body(scenario.shields[0]),
            foe: body(scenario.shields[1]),
            actions: actions::count(scenario, Side::Allies),
        }
    }
}

/// What is known when agents look around.
pub(super) struct Scene<'a> {
    pub battle: &'a Battle,
    /// What each agent can do, (N, A).
    pub available: &'a [bool],
    /// What each agent did last, (N); `None` in an episode's beginning.
    pub last: &'a [Option<usize>],
}

impl Scene<'_> {
    /// Writes all agents' observations, (N, O).
    pub fn observe(&self, layout: Layout, out: &mut [f32]) {
        let agents = self.battle.scenario().allies.len();
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
        let agents = self.battle.scenario().allies.len();
        for (agent, row) in out.chunks_exact_mut(out.len() / agents).enumerate() {
            self.commformer_state(agent, &mut Row(row));
        }
    }

    fn oxwhirl(&self, agent: usize, row: &mut Row) {
        let me = &self.battle.units()[agent];
        if !me.is_alive() {
            return row.skip(row.0.len());
        }
        self.moves(agent, row);
        self.enemies(agent, row);
        for ally in self.others(agent) {
            self.ally(me, ally, 0, row);
        }
        self.body(me, row);
        self.kind(agent, row);
    }

    fn commformer(&self, agent: usize, row: &mut Row) {
        let agents = self.battle.scenario().allies.len();
        let me = &self.battle.units()[agent];
        if !me.is_alive() {
            row.skip(row.0.len() - agents);
            return row.one_hot(Some(agent), agents);
        }
        for ally in self.others(agent) {
            if !self.ally(me, ally, self.actions(), row) {
                continue;
            }
            row.one_hot(self.last[ally], self.actions());
        }
        self.enemies(agent, row);
        self.moves(agent, row);
        row.put(&[1.0, 0.0, 0.0, 0.0]);
        self.body(me, row);
        self.kind(agent, row);
        row.one_hot(self.last[agent], self.actions());
        row.one_hot(Some(agent), agents);
    }

    fn oxwhirl_state(&self, row: &mut Row) {
        let units = self.battle.units();
        let sizes = Sizes::of(self.battle.scenario());
        for (number, unit) in units.iter().enumerate() {
            let ally = unit.side == Side::Allies;
            if !unit.is_alive() {
                row.skip(if ally { 3 + sizes.own } else { 2 + sizes.foe });
                continue;
            }
            row.put(&[self.health(unit)]);
            if ally {
                row.put(&[self.readiness(unit)]);
            }
            row.put(&place(unit));
            self.shield(unit, row);
            self.kind(number, row);
        }
        for &last in self.last {
            row.one_hot(last, sizes.actions);
        }
    }

    fn commformer_state(&self, agent: usize, row: &mut Row) {
        let scenario = self.battle.scenario();
        let sizes = Sizes::of(scenario);
        let units = self.battle.units();
        let me = &units[agent];
        if !me.is_alive() {
            row.skip(row.0.len() - scenario.allies.len());
            return row.one_hot(Some(agent), scenario.allies.len());
        }
        for number in self.others(agent) {
            let ally = &units[number];
            if !ally.is_alive() {
                row.skip(7 + sizes.own + sizes.actions);
                continue;
            }
            let way = Way::between(me, ally);
            row.put(&[way.in_sight()]);
            row.put(&way.numbers());
            row.put(&[self.readiness(ally)]);
            self.body(ally, row);
            row.put(&place(ally));
            self.kind(number, row);
            row.one_hot(self.last[number], sizes.actions);
        }
        for number in actions::numbers(scenario, Side::Enemies) {
            let enemy = &units[number];
            if !enemy.is_alive() {
                row.skip(7 + sizes.foe);
                continue;
            }
            let way = Way::between(me, enemy);
            row.put(&[self.can_attack(agent, number)]);
            row.put(&way.numbers());
            row.put(&[way.in_sight()]);
            self.body(enemy, row);
            self.kind(number, row);
            row.put(&place(enemy));
        }
        self.moves(agent, row);
        row.put(&[1.0, 0.0, 0.0, 0.0]);
        self.body(me, row);
        row.put(&place(me));
        self.kind(agent, row);
        row.one_hot(self.last[agent], sizes.actions);
        row.one_hot(Some(agent), scenario.allies.len());
    }

    fn actions(&self) -> usize {
        self.available.len() / self.last.len()
    }

    fn others(&self, agent: usize) -> impl Iterator<Item = usize> {
        (0..self.last.len()).filter(move |&ally| ally != agent)
    }

    /// The moves that are open.
    fn moves(&self, agent: usize, row: &mut Row) {
        for action in MOVES {
            row.put(&[flag(self.available[agent * self.actions() + action])]);
        }
    }

    /// 1 if an agent can attack an enemy. A healer cannot: its actions name allies.
    fn can_attack(&self, agent: usize, enemy: usize) -> f32 {
        let targets = actions::named(self.battle, agent);
        let action = agent * self.actions() + FIRST_TARGET;
        flag(targets.contains(&enemy) && self.available[action + enemy - targets.start])
    }

    /// All enemies as an agent sees them.
    fn enemies(&self, agent: usize, row: &mut Row) {
        let units = self.battle.units();
        let foe = Sizes::of(self.battle.scenario()).foe;
        for number in actions::numbers(self.battle.scenario(), Side::Enemies) {
            let way = Way::between(&units[agent], &units[number]);
            if !units[number].is_alive() || !way.is_in_sight() {
                row.skip(4 + foe);
                continue;
            }
            row.put(&[self.can_attack(agent, number)]);
            row.put(&way.numbers());
            self.body(&units[number], row);
            self.kind(number, row);
        }
    }

    /// An ally as an agent sees it, and whether it does; if not, `more` zeros follow.
    fn ally(&self, me: &UnitState, number: usize, more: usize, row: &mut Row) -> bool {
        let ally = &self.battle.units()[number];
        let way = Way::between(me, ally);
        let seen = ally.is_alive() && way.is_in_sight();
        if seen {
            row.put(&[1.0]);
            row.put(&way.numbers());
            self.body(ally, row);
            self.kind(number, row);
        } else {
            row.skip(4 + Sizes::of(self.battle.scenario()).own + more);
        }
        seen
    }

    /// Hit points and shield.
    fn body(&self, unit: &UnitState, row: &mut Row) {
        row.put(&[self.health(unit)]);
        self.shield(unit, row);
    }

    fn health(&self, unit: &UnitState) -> f32 {
        unit.hp / actions::kind(self.battle, unit).hp
    }

    fn shield(&self, unit: &UnitState, row: &mut Row) {
        if self.battle.scenario().shields[unit.side as usize] {
            row.put(&[share(unit.shield, actions::kind(self.battle, unit).shield)]);
        }
    }

    /// Energy of a healer, cooldown of all others.
    fn readiness(&self, unit: &UnitState) -> f32 {
        let kind = actions::kind(self.battle, unit);
        match (&kind.heal, &kind.energy) {
            (Some(_), Some(energy)) => share(unit.energy, energy.max),
            _ => share(unit.cooldown, kind.cooldown_scale),
        }
    }

    /// One-hot type.
    fn kind(&self, number: usize, row: &mut Row) {
        let scenario = self.battle.scenario();
        let mut members = scenario.allies.iter().chain(&scenario.enemies);
        let kind = members.nth(number).and_then(|member| member.type_id);
        row.one_hot(kind, scenario.type_bits);
    }
}

/// From one unit to another, divided by the sight range.
struct Way {
    distance: f32,
    difference: [f32; 2],
}

impl Way {
    fn between(from: &UnitState, to: &UnitState) -> Self {
        Self {
            distance: actions::distance(from, to) / SIGHT,
            difference: actions::difference(from, to).map(|length| length / SIGHT),
        }
    }

    fn is_in_sight(&self) -> bool {
        self.distance < 1.0
    }

    fn in_sight(&self) -> f32 {
        flag(self.is_in_sight())
    }

    fn numbers(&self) -> [f32; 3] {
        let [x, y] = self.difference;
        [self.distance, x, y]
    }
}

/// Where a unit is on the map, from its centre.
fn place(unit: &UnitState) -> [f32; 2] {
    let side = Terrain::SIDE as f32;
    unit.position.map(|at| (at - side / 2.0) / side)
}

fn flag(holds: bool) -> f32 {
    f32::from(u8::from(holds))
}

/// A part of a whole that may be nothing.
fn share(part: f32, whole: f32) -> f32 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

/// What is still to be written of a row.
struct Row<'a>(&'a mut [f32]);

impl Row<'_> {
    fn put(&mut self, numbers: &[f32]) {
        self.next(numbers.len()).copy_from_slice(numbers);
    }

    fn skip(&mut self, zeros: usize) {
        self.next(zeros).fill(0.0);
    }

    fn one_hot(&mut self, hot: Option<usize>, width: usize) {
        let row = self.next(width);
        row.fill(0.0);
        if let Some(number) = hot.and_then(|hot| row.get_mut(hot)) {
            *number = 1.0;
        }
    }

    fn next(&mut self, width: usize) -> &mut [f32] {
        let (next, rest) = std::mem::take(&mut self.0).split_at_mut(width);
        self.0 = rest;
        next
    }
}
