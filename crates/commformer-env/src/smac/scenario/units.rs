//! Kinds of units: the built-in ones, and those that a scenario file adds or changes.

use super::error::{Lines, ScenarioError};
use crate::smac::data::{Splash, Unit};
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

/// The built-in units.
const BUILT_IN: &str = include_str!("../../../smac/units.toml");

/// The kinds of units that a scenario file may name.
pub(super) struct Units<'a> {
    lines: Lines<'a>,
    built_in: DeTable<'static>,
    own: DeTable<'a>,
}

impl<'a> Units<'a> {
    /// The built-in ones, and those under `units` in a file, all of which are checked.
    pub fn new(lines: Lines<'a>, own: Option<Spanned<DeValue<'a>>>) -> Result<Self, ScenarioError> {
        let built_in = DeTable::parse(BUILT_IN)
            .map_err(|error| Lines(BUILT_IN).toml(&error, &(0..0)))?
            .into_inner();
        let own = match own {
            None => DeTable::new(),
            Some(value) => {
                let at = value.span();
                let DeValue::Table(table) = value.into_inner() else {
                    let reason = "`units` must be a table: write `[units.NAME]` for each";
                    return Err(lines.error(&at, reason));
                };
                table
            }
        };
        let units = Self {
            lines,
            built_in,
            own,
        };
        for (name, value) in units.own.iter() {
            units.define(name.get_ref(), &name.span(), value)?;
        }
        Ok(units)
    }

    /// The unit of this name, which the file mentions at `at`.
    pub fn get(&self, name: &str, at: &Range<usize>) -> Result<Unit, ScenarioError> {
        if let Some((key, value)) = self.own.get_key_value(name) {
            return self.define(name, &key.span(), value);
        }
        let table = self.base(name, at)?;
        self.read(table, at)
    }

    /// A built-in unit's table.
    fn base(&self, name: &str, at: &Range<usize>) -> Result<DeTable<'static>, ScenarioError> {
        match self.built_in.get(name).map(Spanned::get_ref) {
            Some(DeValue::Table(table)) => Ok(table.clone()),
            _ => {
                let known: Vec<_> = self.built_in.keys().map(|key| &**key.get_ref()).collect();
                let known = known.join(", ");
                let reason = format!(
                    "there is no unit `{name}`: use one of {known}, or define it under `[units.{name}]`"
                );
                Err(self.lines.error(at, reason))
            }
        }
    }

    /// A unit that the file defines: what it says, over the built-in unit of its name or of its `like`.
    fn define(
        &self,
        name: &str,
        at: &Range<usize>,
        value: &Spanned<DeValue<'a>>,
    ) -> Result<Unit, ScenarioError> {
        let DeValue::Table(table) = value.get_ref() else {
            let reason = format!("the unit `{name}` must be a table, such as `{{ hp = 45 }}`");
            return Err(self.lines.error(&value.span(), reason));
        };
        let mut table = table.clone();
        let base = match table.remove("like") {
            Some(like) => match like.get_ref().as_str() {
                Some(other) => self.base(other, &like.span())?,
                None => {
                    let reason = "`like` must be the name of a built-in unit";
                    return Err(self.lines.error(&like.span(), reason));
                }
            },
            None if self.built_in.contains_key(name) => self.base(name, at)?,
            None => DeTable::new(),
        };
        self.read(overlay(base, table, at), at)
    }

    /// A unit from its table, checked.
    fn read(&self, table: DeTable<'_>, at: &Range<usize>) -> Result<Unit, ScenarioError> {
        let whole = Spanned::new(at.clone(), table.clone());
        let unit = Unit::deserialize(Deserializer::from(whole))
            .map_err(|error| self.lines.toml(&error, at))?;
        for (path, found, bounds) in numbers(&unit) {
            let place = find(&table, path).unwrap_or_else(|| at.clone());
            self.lines.within(&place, path, found, bounds)?;
        }
        if let Some((fields, reason)) = contradiction(&unit) {
            // Where the file says one of them itself; what it has from another unit is said at `at`.
            let mut places = fields.iter().filter_map(|field| find(&table, field));
            let place = places.find(|place| place != at);
            return Err(self
                .lines
                .error(&place.unwrap_or_else(|| at.clone()), reason));
        }
        Ok(unit)
    }
}

/// What `over` says, and what `base` says besides, all of it said at `at`.
fn overlay<'a>(base: DeTable<'a>, over: DeTable<'a>, at: &Range<usize>) -> DeTable<'a> {
    let mut both = DeTable::new();
    for (key, value) in base {
        let key = Spanned::new(at.clone(), key.into_inner());
        both.insert(key, Spanned::new(at.clone(), value.into_inner()));
    }
    for (key, value) in over {
        let span = value.span();
        let below = both.remove(&**key.get_ref()).map(Spanned::into_inner);
        let value = match (below, value.into_inner()) {
            (Some(DeValue::Table(below)), DeValue::Table(above)) => {
                DeValue::Table(overlay(below, above, at))
            }
            (_, value) => value,
        };
        both.insert(key, Spanned::new(span, value));
    }
    both
}

/// Where a table has a field such as `weapon.damage`.
fn find(table: &DeTable<'_>, path: &str) -> Option<Range<usize>> {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let value = table.get(first)?;
    match (rest, value.get_ref()) {
        (Some(rest), DeValue::Table(inner)) => find(inner, rest),
        _ => Some(value.span()),
    }
}

/// Fields of a unit that do not go together, and why.
fn contradiction(unit: &Unit) -> Option<(&'static [&'static str], &'static str)> {
    let heal = unit.heal.as_ref()?;
    if unit.weapon.is_some() {
        // Its target would be one of its own side, and it would shoot at that.
        let reason = "a unit has a `weapon` or a `heal`, but not both: leave one out, and do not begin with a unit \
                      that has the other";
        return Some((&["heal", "weapon"], reason));
    }
    let spends = heal.energy_per_hp > 0.0 && unit.energy.is_none();
    let reason = "this `heal` needs energy that the unit does not have: give the unit an `energy`, or set \
                  `heal.energy_per_hp` to 0";
    spends.then_some((&["heal"], reason))
}

/// A unit's numbers with their bounds: wide enough for whatever game, narrow enough that sums of them stay
/// exact and no unit crosses a wall in a loop.
fn numbers(unit: &Unit) -> Vec<(&'static str, f32, [f32; 2])> {
    const POINTS: [f32; 2] = [0.0, 1e5];
    const SOME_POINTS: [f32; 2] = [1.0, 1e5];
    const LENGTH: [f32; 2] = [0.0, 64.0];
    const SECONDS: [f32; 2] = [0.0, 600.0];
    const BODY: [f32; 2] = [0.05, 4.0];
    const SHARE: [f32; 2] = [0.0, 1.0];
    let mut all = vec![
        ("hp", unit.hp, SOME_POINTS),
        ("shield", unit.shield, POINTS),
        ("armour", unit.armour, POINTS),
        ("regeneration", unit.regeneration, POINTS),
        ("regeneration_delay", unit.regeneration_delay, SECONDS),
        ("speed", unit.speed, [0.0, 8.0]),
        ("radius", unit.radius, BODY),
        ("separation_radius", unit.separation_radius, BODY),
        ("cooldown_scale", unit.cooldown_scale, [0.1, 1e4]),
    ];
    if let Some(energy) = &unit.energy {
        all.extend([
            ("energy.max", energy.max, SOME_POINTS),
            ("energy.start", energy.start, [0.0, energy.max]),
            ("energy.per_second", energy.per_second, POINTS),
        ]);
    }
    if let Some(heal) = &unit.heal {
        all.extend([
            ("heal.per_second", heal.per_second, POINTS),
            ("heal.energy_per_hp", heal.energy_per_hp, POINTS),
            ("heal.range", heal.range, LENGTH),
        ]);
    }
    if let Some(weapon) = &unit.weapon {
        all.extend([
            ("weapon.damage", weapon.damage, POINTS),
            ("weapon.hits", weapon.hits as f32, [1.0, 16.0]),
            ("weapon.hit_spacing", weapon.hit_spacing, SECONDS),
            ("weapon.range", weapon.range, LENGTH),
            ("weapon.range_slop", weapon.range_slop, LENGTH),
            ("weapon.scan_range", weapon.scan_range, LENGTH),
            ("weapon.period", weapon.period, [0.1, 600.0]),
            ("weapon.damage_point", weapon.damage_point, SECONDS),
            ("weapon.backswing", weapon.backswing, SECONDS),
        ]);
        if let Some(bonus) = &weapon.bonus {
            all.push(("weapon.bonus.damage", bonus.damage, POINTS));
        }
        match weapon.splash {
            None => {}
            Some(Splash::Circle { radius, share }) => all.extend([
                ("weapon.splash.radius", radius, LENGTH),
                ("weapon.splash.share", share, SHARE),
            ]),
            Some(Splash::Line { reach, width }) => all.extend([
                ("weapon.splash.reach", reach, LENGTH),
                ("weapon.splash.width", width, LENGTH),
            ]),
            Some(Splash::Arc {
                radius,
                degrees,
                share,
            }) => all.extend([
                ("weapon.splash.radius", radius, LENGTH),
                ("weapon.splash.degrees", degrees, [0.0, 360.0]),
                ("weapon.splash.share", share, SHARE),
            ]),
        }
    }
    all
}
