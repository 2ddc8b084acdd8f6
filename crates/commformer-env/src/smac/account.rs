//! What a battle pays, and its metrics.

use super::SmacConfig;
use super::actions;
use super::battle::{Battle, UnitState};
use super::config::{Reward, strength};
use super::scenario::Side;
use crate::{StateError, Status};

/// What is kept of a battle to see what a step was worth.
#[derive(Clone, Debug)]
pub(super) struct Account {
    /// Hit points and shield of each unit before the step, 0 of the dead.
    before: Vec<f32>,
    /// The least that each unit ever had of them in the episode.
    lowest: Vec<f32>,
    /// Hit points and shields with which all enemies began the episode.
    begun: f32,
    /// The factor of all rewards.
    scale: f32,
}

impl Account {
    /// For a battle of so many units.
    pub fn new(units: usize) -> Self {
        Self {
            before: vec![0.0; units],
            lowest: vec![0.0; units],
            begun: 0.0,
            scale: 1.0,
        }
    }

    /// Sees how strong the units of the episode are in its beginning.
    pub fn open(&mut self, battle: &Battle, config: &SmacConfig) {
        for (lowest, unit) in self.lowest.iter_mut().zip(battle.units()) {
            *lowest = points(unit);
        }
        self.begun = enemies(battle).map(points).sum();
        self.scale = scale(battle, config);
    }

    /// What must be saved: what all enemies together began with, and the least that each unit ever had.
    pub fn saved(&self) -> (f32, Vec<f32>) {
        (self.begun, self.lowest.clone())
    }

    /// Goes on from what was saved in a battle that stands so now.
    ///
    /// # Errors
    ///
    /// When it is not of this battle; the account is then as before.
    pub fn restore(
        &mut self,
        (begun, lowest): (f32, Vec<f32>),
        battle: &Battle,
        config: &SmacConfig,
    ) -> Result<(), StateError> {
        let of_units = lowest.iter().zip(battle.units());
        let mut known = of_units.map(|(lowest, unit)| (0.0..=points(unit)).contains(lowest));
        let fits = lowest.len() == battle.units().len() && known.all(|known| known);
        if !fits || !(least(battle, &lowest)..=full(battle)).contains(&begun) {
            return Err(StateError::new(
                "it has not, for each unit, points that the unit can have: the state is damaged",
            ));
        }
        self.lowest = lowest;
        self.begun = begun;
        self.scale = scale(battle, config);
        Ok(())
    }

    /// Notes what everybody has before a step.
    pub fn note(&mut self, battle: &Battle) {
        for (before, unit) in self.before.iter_mut().zip(battle.units()) {
            *before = points(unit);
        }
    }

    /// The reward of the step since then, after which the episode stands so.
    pub fn reward(&mut self, battle: &Battle, config: &SmacConfig, status: Status) -> f32 {
        let end = match status {
            Status::Terminated if is_won(battle) => config.reward_win,
            // Not who runs out of time, where that terminates; nor where both sides are beaten. SMAC does the same, but not
            // on maps with a Medivac: there it first asks whether no ally is left but Medivacs, and pays this.
            Status::Terminated if is_lost(battle) => config.reward_defeat,
            _ => 0.0,
        };
        (self.earned(battle, config) + end) * self.scale
    }

    /// The same without the battle's end.
    fn earned(&mut self, battle: &Battle, config: &SmacConfig) -> f32 {
        // Of the allies, the enemies.
        let (mut losses, mut deaths) = ([0.0; 2], [0.0; 2]);
        let before = self.before.iter().zip(&mut self.lowest);
        for (unit, (&before, lowest)) in battle.units().iter().zip(before) {
            let (side, now) = (unit.side as usize, points(unit));
            losses[side] += match config.reward {
                Reward::Smac => before - now,
                Reward::Losses => (before - now).max(0.0),
                Reward::Progress => (*lowest - now).max(0.0),
            };
            *lowest = lowest.min(now);
            if before > 0.0 && !unit.is_alive() {
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

    /// Whether it is won, which shares of the enemies and of the allies are dead, which share of the enemies' hit points
    /// and shields is gone, and the return as [`Reward::Progress`] has it, of the enemies' losses and the win.
    pub fn metrics(&self, battle: &Battle, config: &SmacConfig) -> [f32; 5] {
        let units = battle.units();
        let dead = |side| {
            let mine = || units.iter().filter(move |unit| unit.side == side);
            mine().filter(|unit| !unit.is_alive()).count() as f32 / mine().count() as f32
        };
        let left: f32 = enemies(battle).map(points).sum();
        let deaths = enemies(battle).filter(|unit| !unit.is_alive()).count() as f32;
        let won = f32::from(u8::from(is_won(battle)));
        let lost = self.begun - least(battle, &self.lowest);
        let paid = lost + deaths * config.reward_death_value + won * config.reward_win;
        [
            won,
            dead(Side::Enemies),
            dead(Side::Allies),
            // Shields of a weakened enemy can grow beyond what it began with.
            (1.0 - left / self.begun).max(0.0),
            paid * self.scale,
        ]
    }
}

fn enemies(battle: &Battle) -> impl Iterator<Item = &UnitState> {
    let units = battle.units().iter();
    units.filter(|unit| unit.side == Side::Enemies)
}

/// Hit points and shields of all enemies when nothing has hurt them.
fn full(battle: &Battle) -> f32 {
    strength(enemies(battle).map(|enemy| actions::kind(battle, enemy)))
}

/// The least that all enemies together had, of what each unit had at the least.
fn least(battle: &Battle, lowest: &[f32]) -> f32 {
    let units = battle.units().iter().zip(lowest);
    let enemies = units.filter(|(unit, _)| unit.side == Side::Enemies);
    enemies.map(|(_, lowest)| lowest).sum()
}

/// The factor of all rewards.
fn scale(battle: &Battle, config: &SmacConfig) -> f32 {
    let [_, count] = battle.scenario().counts();
    config.reward_scale(count, full(battle))
}

/// Hit points and shield of a unit, 0 of a dead one.
fn points(unit: &UnitState) -> f32 {
    if unit.is_alive() {
        unit.hp + unit.shield
    } else {
        0.0
    }
}

fn is_won(battle: &Battle) -> bool {
    battle.is_beaten(Side::Enemies) && battle.stands(Side::Allies)
}

fn is_lost(battle: &Battle) -> bool {
    battle.is_beaten(Side::Allies) && !battle.is_beaten(Side::Enemies)
}
