//! Scripted players, for either side: opponents, and baselines that a learned policy must beat.

use super::actions::{self, DIRECTIONS, FIRST_TARGET, MOVES, NO_OP, REACH, STOP};
use super::battle::{Battle, UnitState};
use super::data::LOOPS_PER_STEP;
use super::env::Smac;
use super::paths::{Distances, is_straight};
use super::scenario::Side;
use super::vector::{Vec2, add, distance};
use crate::{Environment, Rng};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// A weapon with a shorter range is for close combat.
const MELEE_RANGE: f32 = 2.0;

/// How a side is led without learning. Both sides choose from the same [actions](Smac).
///
/// All but the random one see the whole map, walk towards the nearest enemy if they reach none, stay with whom
/// they attack until their weapon is ready again, and heal the most hurt ally in reach if they can heal. The
/// heuristic has rules of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Script {
    /// Attacks the nearest in reach.
    AttackNearest,
    /// Of those whom its weapon can hit from where it stands, attacks the one with the fewest hit points and
    /// shields left whom its comrades' shots of this step do not kill already; if there is none, the nearest. Who is
    /// farthest from all enemies chooses first: it reaches the fewest.
    FocusFire,
    /// Attacks the nearest, but steps away from close combat while its weapon is not ready.
    Kite,
    /// Attacks one enemy until it is dead, even if it must walk after it: at first, and then again, the nearest. It
    /// walks along the axis on which the enemy is farther away, but around walls. A healer does the same with the nearest who is hurt
    /// until it is well. So does the script that comes with SMAC; but that one has chosen before it attacks, and this
    /// one goes for the nearest until then.
    Heuristic,
    /// Takes each available action with the same probability.
    Random,
}

impl Script {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::AttackNearest,
        Self::FocusFire,
        Self::Kite,
        Self::Heuristic,
        Self::Random,
    ];

    /// Chooses the actions of all agents, (N).
    ///
    /// # Panics
    ///
    /// If `out` is not of this length, or no episode has begun.
    pub fn act(self, env: &Smac, rng: &mut Rng, out: &mut [i64]) {
        assert_eq!(out.len(), env.spec().agents, "one action per agent");
        let (battle, count) = (env.battle(), env.spec().actions.size());
        let mut plan = Plan::new(battle.units().len());
        self.begin(battle, Side::Allies, &mut plan);
        for turn in 0..out.len() {
            let agent = plan.turns[turn].1;
            // Where attacks are not masked, more is on offer than it could carry out.
            let available = &env.able()[agent * count..][..count];
            out[agent] = self.choose(battle, agent, available, &mut plan, rng) as i64;
        }
    }

    /// Lets the units of a side choose one after the other, as `plan.turns` says then.
    ///
    /// Where a choice depends on those before, their places say who comes when. By their numbers, two sides that do the
    /// same would not be equal: agents are numbered by place, their enemies are not.
    pub(crate) fn begin(self, battle: &Battle, side: Side, plan: &mut Plan) {
        let units = battle.units();
        plan.volley.fill(0.0);
        plan.turns.clear();
        let numbers = actions::numbers(battle.scenario(), side);
        plan.turns.extend(numbers.map(|unit| (0.0, unit)));
        if self == Self::FocusFire {
            let enemies = &units[actions::numbers(battle.scenario(), side.other())];
            for (nearest, unit) in &mut plan.turns {
                let living = enemies.iter().filter(|enemy| enemy.is_alive());
                let distances = living.map(|enemy| actions::distance(&units[*unit], enemy));
                *nearest = distances.fold(f32::INFINITY, f32::min);
            }
            plan.turns.sort_unstable_by(|(one, unit), (other, next)| {
                other.total_cmp(one).then(unit.cmp(next))
            });
        }
    }

    /// Chooses a unit's action from those that are available, (A) of its side.
    pub(crate) fn choose(
        self,
        battle: &Battle,
        unit: usize,
        available: &[bool],
        plan: &mut Plan,
        rng: &mut Rng,
    ) -> usize {
        if available[NO_OP] {
            return NO_OP;
        }
        let view = View {
            battle,
            unit,
            available,
        };
        let heals = actions::kind(battle, view.me()).heal.is_some();
        match self {
            Self::Random => view.any(rng),
            Self::Heuristic => view.insist(heals),
            _ if heals => view.heal(),
            Self::AttackNearest => view.attack_nearest(),
            Self::FocusFire => view.focus(&mut plan.volley),
            Self::Kite => view.step_away().unwrap_or_else(|| view.attack_nearest()),
        }
    }
}

/// What the units of a side know of each other while they choose.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How far a unit of the side is from the nearest enemy, if that matters, and its number, in the order in which they
    /// choose.
    pub turns: Vec<(f32, usize)>,
    /// For every unit of the battle the damage that those who chose before will do to it in this step.
    volley: Vec<f32>,
}

impl Plan {
    /// With room for so many units on both sides together.
    pub fn new(units: usize) -> Self {
        Self {
            turns: vec![(0.0, 0); units],
            volley: vec![0.0; units],
        }
    }
}

/// A unit that must choose.
struct View<'a> {
    battle: &'a Battle,
    unit: usize,
    available: &'a [bool],
}

impl<'a> View<'a> {
    fn me(&self) -> &'a UnitState {
        &self.battle.units()[self.unit]
    }

    fn distance(&self, other: &UnitState) -> f32 {
        actions::distance(self.me(), other)
    }

    /// The nearer one first.
    fn by_distance(&self, one: &UnitState, other: &UnitState) -> Ordering {
        self.distance(one).total_cmp(&self.distance(other))
    }

    /// Whom the unit could ever attack, or heal: (action, number).
    fn numbers(&self) -> impl Iterator<Item = (usize, usize)> {
        let (battle, unit) = (self.battle, self.unit);
        let named = (FIRST_TARGET..).zip(actions::named(battle, unit));
        named.filter(move |&(_, other)| actions::affects(battle, unit, other))
    }

    /// The same: (action, who).
    fn targets(&self) -> impl Iterator<Item = (usize, &'a UnitState)> {
        let units = self.battle.units();
        self.numbers()
            .map(|(action, other)| (action, &units[other]))
    }

    /// Whether its weapon can be fired within this step.
    fn is_ready(&self) -> bool {
        self.me().cooldown < LOOPS_PER_STEP as f32
    }

    /// An available action, drawn evenly.
    fn any(&self, rng: &mut Rng) -> usize {
        let open = || (0..self.available.len()).filter(|&action| self.available[action]);
        let drawn = rng.below(open().count() as u32) as usize;
        open().nth(drawn).unwrap_or(STOP)
    }

    /// Attacks whom it attacks already, if that is in reach and its weapon is not ready: to turn away now
    /// gains nothing, and loses the hits that are left of an attack of several.
    fn go_on(&self) -> Option<usize> {
        let target = self.me().target.filter(|_| !self.is_ready())?;
        let same = |&(action, other): &(usize, usize)| other == target && self.available[action];
        self.numbers().find(same).map(|(action, _)| action)
    }

    /// Attacks the nearest in reach, or walks to the nearest.
    fn attack_nearest(&self) -> usize {
        let nearest = || {
            let reached = self.targets().filter(|&(action, _)| self.available[action]);
            reached.min_by(|(_, one), (_, other)| self.by_distance(one, other))
        };
        let attack = self.go_on().or_else(|| nearest().map(|(action, _)| action));
        attack.unwrap_or_else(|| self.approach(self.targets()))
    }

    /// Attacks whom it was told to attack last, or heals whom it was told to heal last, and then the nearest.
    fn insist(&self, heals: bool) -> usize {
        let units = self.battle.units();
        let is_hurt = |unit: &UnitState| unit.hp < actions::kind(self.battle, unit).hp;
        let wanted = || {
            self.numbers()
                .filter(|&(_, at)| !heals || is_hurt(&units[at]))
        };
        let marked = self.battle.marked(self.unit);
        let kept = wanted().find(|&(_, at)| Some(at) == marked);
        let nearer = |(_, one): &(usize, usize), (_, other): &(usize, usize)| {
            self.by_distance(&units[*one], &units[*other])
        };
        let Some((action, at)) = kept.or_else(|| wanted().min_by(nearer)) else {
            return STOP;
        };
        if self.available[action] {
            return action;
        }
        self.approach(std::iter::once((action, &units[at])))
    }

    /// Attacks the weakest of those whom its weapon can hit now and who will be left of the `volley`, to which
    /// it adds its shot; or attacks the nearest.
    fn focus(&self, volley: &mut [f32]) -> usize {
        if let Some(action) = self.go_on() {
            return action;
        }
        let left = |other: usize| {
            let unit = &self.battle.units()[other];
            unit.hp + unit.shield - volley[other]
        };
        let order = |&(_, one): &(usize, usize), &(_, other): &(usize, usize)| {
            let [first, second] = [one, other].map(|unit| &self.battle.units()[unit]);
            left(one)
                .total_cmp(&left(other))
                .then(self.by_distance(first, second))
        };
        let hit = self.numbers().filter(|&(action, other)| {
            self.available[action] && self.battle.is_in_range(self.unit, other) && left(other) > 0.0
        });
        let Some((action, other)) = hit.min_by(order) else {
            return self.attack_nearest();
        };
        if self.is_ready() {
            volley[other] += self.battle.strike(self.unit, other);
        }
        action
    }

    /// Heals the most hurt in reach, or goes where healing is needed.
    fn heal(&self) -> usize {
        let health = |ally: &UnitState| ally.hp / actions::kind(self.battle, ally).hp;
        let hurt = || self.targets().filter(|(_, ally)| health(ally) < 1.0);
        let reached = hurt().filter(|&(action, _)| self.available[action]);
        let worst = reached.min_by(|(_, one), (_, other)| health(one).total_cmp(&health(other)));
        match worst {
            Some((action, _)) => action,
            None if hurt().next().is_some() => self.approach(hurt()),
            None => self.approach(self.targets()),
        }
    }

    /// The move that brings the unit closest to the nearest of some others, around the walls between them;
    /// stop if none does.
    fn approach(&self, others: impl Iterator<Item = (usize, &'a UnitState)>) -> usize {
        let Some(goal) = self.nearest(others.map(|(_, other)| other)) else {
            return STOP;
        };
        let terrain = &self.battle.scenario().terrain;
        let plane = actions::kind(self.battle, self.me()).plane;
        let (from, to) = (self.me().position, goal.position);
        if !is_straight(terrain, plane, from, to) {
            let distances = Distances::to_point(terrain, plane, to);
            if let Some(now) = distances.of(from) {
                return self.least(now, |point| distances.of(point)).unwrap_or(STOP);
            }
        }
        self.least(distance(from, to), |point| Some(distance(point, to)))
            .unwrap_or(STOP)
    }

    fn nearest(&self, others: impl Iterator<Item = &'a UnitState>) -> Option<&'a UnitState> {
        others.min_by(|one, other| self.by_distance(one, other))
    }

    /// The move that gains most distance from the nearest enemy in close combat, if there is one near, the
    /// unit is not one itself, and its weapon is not ready within this step.
    fn step_away(&self) -> Option<usize> {
        let kind = actions::kind(self.battle, self.me());
        let ranged = kind
            .weapon
            .as_ref()
            .is_some_and(|weapon| weapon.range >= MELEE_RANGE);
        if !ranged || self.is_ready() {
            return None;
        }
        let enemies = actions::numbers(self.battle.scenario(), self.me().side.other());
        let near = self.battle.units()[enemies].iter().filter(|enemy| {
            enemy.is_alive() && self.is_melee(enemy) && self.distance(enemy) <= REACH
        });
        let threat = self.nearest(near)?.position;
        let nearness = |point| -distance(point, threat);
        self.least(nearness(self.me().position), |point| Some(nearness(point)))
    }

    /// The open move to the point one cell ahead that ranks least, if that is less than `now`.
    fn least(&self, now: f32, rank: impl Fn(Vec2) -> Option<f32>) -> Option<usize> {
        let at = self.me().position;
        let open = MOVES
            .zip(DIRECTIONS)
            .filter(|(action, _)| self.available[*action]);
        let ranked = open.filter_map(|(action, ahead)| Some((action, rank(add(at, ahead))?)));
        let better = ranked.filter(|&(_, rank)| rank < now);
        let best = better.min_by(|(_, one), (_, other)| one.total_cmp(other));
        best.map(|(action, _)| action)
    }

    fn is_melee(&self, unit: &UnitState) -> bool {
        let weapon = &actions::kind(self.battle, unit).weapon;
        weapon
            .as_ref()
            .is_some_and(|weapon| weapon.range < MELEE_RANGE)
    }
}
