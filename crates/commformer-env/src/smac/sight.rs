//! What agents see of each other and of their enemies.

use super::actions::{self, FIRST_TARGET};
use super::battle::Battle;
use super::cone::{Cone, Look};
use super::scenario::Side;
use crate::Rng;
use serde::{Deserialize, Serialize};

/// What all agents see with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    /// Whoever is nearer, in cells, can be seen.
    pub range: f32,
    /// They see what lies in it; without it, all around.
    pub cone: Option<Cone>,
    /// Whether they see each other.
    pub allies: bool,
    /// Whether they see where on the map they are.
    pub position: bool,
    /// How likely an agent sees an enemy that another saw first.
    pub enemies: f32,
}

impl Sight {
    /// Whether another unit lies where an agent sees, be it hidden from it or not.
    fn covers(&self, battle: &Battle, looks: &[Look], agent: usize, other: usize) -> bool {
        let [me, it] = [agent, other].map(|unit| &battle.units()[unit]);
        let in_front = |cone: Cone| cone.sees(battle, agent, looks[agent], other);
        actions::distance(me, it) < self.range && self.cone.is_none_or(in_front)
    }
}

/// Which enemies have been found, and to whom they show. Where nobody hides, it is empty.
///
/// The rule is that of SMACv2. Who has an enemy in sight that nobody found yet finds it, and draws for each
/// other agent whether this one will see it, too. That holds until the finder or the enemy dies. After the
/// finder's death the enemy can be found again, with other draws.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Found {
    /// Who found each enemy, (M).
    by: Vec<Option<usize>>,
    /// To whom each enemy shows, (M, N).
    shows: Vec<bool>,
}

impl Found {
    /// Nothing, in a battle of so many agents and hidden enemies.
    pub fn nothing(agents: usize, hidden: usize) -> Self {
        Self {
            by: vec![None; hidden],
            shows: vec![false; hidden * agents],
        }
    }

    pub fn forget(&mut self) {
        self.by.fill(None);
        self.shows.fill(false);
    }

    /// Whether it can stand in another's place, in a battle of so many agents.
    pub fn fits(&self, other: &Self, agents: usize) -> bool {
        let known = |by: &Option<usize>| by.is_none_or(|agent| agent < agents);
        self.by.len() == other.by.len()
            && self.shows.len() == other.shows.len()
            && self.by.iter().all(known)
    }

    /// Lets agents look around, in an order that is drawn: where several have an enemy in sight at once, any
    /// of them may be its finder. `turns` is room for that order, (N). Nothing is drawn where nobody hides.
    pub fn look(
        &mut self,
        sight: Sight,
        battle: &Battle,
        looks: &[Look],
        turns: &mut [usize],
        rng: &mut Rng,
    ) {
        if self.by.is_empty() {
            return;
        }
        // The order of the last step must not matter: a restored episode does not know it.
        for (number, turn) in turns.iter_mut().enumerate() {
            *turn = number;
        }
        rng.shuffle(turns);
        let units = battle.units();
        let enemies = actions::numbers(battle.scenario(), Side::Enemies);
        let rows = self.shows.chunks_exact_mut(turns.len());
        for ((enemy, by), shows) in enemies.zip(&mut self.by).zip(rows) {
            if !units[enemy].is_alive() || by.is_some_and(|agent| !units[agent].is_alive()) {
                *by = None;
                shows.fill(false);
            }
            if by.is_some() || !units[enemy].is_alive() {
                continue;
            }
            let sees = |&&agent: &&usize| {
                units[agent].is_alive() && sight.covers(battle, looks, agent, enemy)
            };
            let Some(&finder) = turns.iter().find(sees) else {
                continue;
            };
            *by = Some(finder);
            for (agent, shown) in shows.iter_mut().enumerate() {
                *shown = agent == finder || rng.uniform() < sight.enemies;
            }
        }
    }

    /// Whether an agent sees one of the enemies once that is in its sight.
    fn shows(&self, enemy: usize, agent: usize, agents: usize) -> bool {
        self.by.is_empty() || self.shows[enemy * agents + agent]
    }
}

/// What agents see in a moment of a battle.
#[derive(Clone, Copy)]
pub(super) struct Eyes<'a> {
    pub battle: &'a Battle,
    pub sight: Sight,
    /// Where each agent looks, (N), with a cone.
    pub looks: &'a [Look],
    pub found: &'a Found,
}

impl Eyes<'_> {
    /// Whether an agent sees another unit, dead or alive.
    pub fn see(&self, agent: usize, other: usize) -> bool {
        let allies = self.battle.scenario().allies.len();
        (other >= allies || self.sight.allies)
            && self.show(agent, other)
            && self.sight.covers(self.battle, self.looks, agent, other)
    }

    /// Whether another unit is not hidden from an agent. Allies never are: a healer that does not see them in
    /// its observation could do nothing else.
    fn show(&self, agent: usize, other: usize) -> bool {
        let agents = self.battle.scenario().allies.len();
        let enemy = other.checked_sub(agents);
        enemy.is_none_or(|enemy| self.found.shows(enemy, agent, agents))
    }

    /// Writes which actions an agent could [carry out](actions::write_available), (A): targets must be in
    /// its sight, and looks come last. `masked` says whether targets must not be hidden from it, either.
    pub fn write_able(&self, agent: usize, masked: bool, out: &mut [bool]) {
        actions::write_available(self.battle, agent, out);
        for (able, other) in self.targets(agent, out) {
            *able = *able
                && self.sight.covers(self.battle, self.looks, agent, other)
                && (!masked || self.show(agent, other));
        }
        if self.sight.cone.is_some() {
            let first_look = out.len() - Look::ALL.len();
            out[first_look..].fill(self.battle.units()[agent].is_alive());
        }
    }

    /// Adds to what an agent is able to do, (A), all that it could attack or heal if it were near.
    pub fn add_targets(&self, agent: usize, out: &mut [bool]) {
        if self.battle.units()[agent].is_alive() {
            for (open, other) in self.targets(agent, out) {
                *open = actions::affects(self.battle, agent, other);
            }
        }
    }

    /// An agent's places for targets among its actions, and whom they name.
    fn targets<'o>(
        &self,
        agent: usize,
        out: &'o mut [bool],
    ) -> impl Iterator<Item = (&'o mut bool, usize)> + use<'o> {
        let named = actions::named(self.battle, agent);
        out[FIRST_TARGET..].iter_mut().zip(named)
    }
}
