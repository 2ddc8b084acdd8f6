//! What a battle pays, and the figures by which it is judged.

use super::SmacConfig;
use super::actions;
use super::battle::Battle;
use super::config::strength;
use super::scenario::Side;
use crate::Status;

/// What is kept of a battle to see what a step was worth.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// Hit points and shield of each unit before the step, 0 of the dead.
    before: Vec<f32>,
    /// Hit points and shields of all enemies in the episode's beginning.
    strength: f32,
    /// The factor of all rewards.
    scale: f32,
}

impl Account {
    /// For a battle of so many units.
    pub fn new(units: usize) -> Self {
        Self {
            before: vec![0.0; units],
            strength: 0.0,
            scale: 1.0,
        }
    }

    /// Sees how strong the enemies of the episode are.
    pub fn open(&mut self, battle: &Battle, config: &SmacConfig) {
        let units = battle.units().iter();
        let enemies = units.filter(|unit| unit.side == Side::Enemies);
        self.strength = strength(enemies.map(|enemy| actions::kind(battle, enemy)));
        let [_, enemies] = battle.scenario().counts();
        self.scale = config.reward_scale(enemies, self.strength);
    }

    /// Notes what everybody has before a step.
    pub fn note(&mut self, battle: &Battle) {
        for (before, unit) in self.before.iter_mut().zip(battle.units()) {
            *before = if unit.is_alive() {
                unit.hp + unit.shield
            } else {
                0.0
            };
        }
    }

    /// The reward of the step since then, after which the episode stands so.
    pub fn reward(&self, battle: &Battle, config: &SmacConfig, status: Status) -> f32 {
        let end = match status {
            Status::Terminated if is_won(battle) => config.reward_win,
            Status::Terminated if battle.is_beaten(Side::Allies) => config.reward_defeat,
            _ => 0.0,
        };
        (self.earned(battle, config) + end) * self.scale
    }

    /// The same without the battle's end.
    fn earned(&self, battle: &Battle, config: &SmacConfig) -> f32 {
        // Of the allies, the enemies.
        let (mut losses, mut deaths) = ([0.0; 2], [0.0; 2]);
        for (unit, &before) in battle.units().iter().zip(&self.before) {
            let side = unit.side as usize;
            if unit.is_alive() {
                losses[side] += before - unit.hp - unit.shield;
            } else if before > 0.0 {
                losses[side] += before;
                deaths[side] += config.reward_death_value;
            }
        }
        let [own, gain] = [0, 1].map(|side| losses[side] + deaths[side]);
        if config.reward_only_positive {
            gain.abs()
        } else {
            gain - config.reward_negative_scale * own
        }
    }

    /// Whether it is won, which shares of the enemies and of the allies are dead, and which share of the
    /// enemies' hit points and shields is gone.
    pub fn figures(&self, battle: &Battle) -> [f32; 4] {
        let units = battle.units();
        let dead = |side| {
            let mine = || units.iter().filter(move |unit| unit.side == side);
            let dead = mine().filter(|unit| !unit.is_alive()).count();
            dead as f32 / mine().count() as f32
        };
        let left = units
            .iter()
            .filter(|unit| unit.side == Side::Enemies && unit.is_alive());
        let left: f32 = left.map(|unit| unit.hp + unit.shield).sum();
        [
            f32::from(u8::from(is_won(battle))),
            dead(Side::Enemies),
            dead(Side::Allies),
            1.0 - left / self.strength,
        ]
    }
}

fn is_won(battle: &Battle) -> bool {
    battle.is_beaten(Side::Enemies) && !battle.is_beaten(Side::Allies)
}
