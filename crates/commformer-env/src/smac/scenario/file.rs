//! Scenario files: what is in them, and what they must keep to.

use super::army::{Army, Team};
use super::error::{Lines, ScenarioError};
use super::map::{Ground, Map};
use super::spawn::Spawn;
use super::units::Units;
use super::{FirstOrder, Member, Scenario};
use crate::smac::terrain::Terrain;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

/// Bytes of the longest file that is read.
const MAX_LENGTH: usize = 1 << 16;

/// A file, but for its `[units]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    limit: Spanned<i64>,
    type_bits: Option<Spanned<i64>>,
    first_order: Spanned<FirstOrder>,
    allies: Spanned<Vec<Spanned<Team>>>,
    enemies: Spanned<Vec<Spanned<Team>>>,
    places: Spanned<BTreeMap<String, Spanned<Ground>>>,
    terrain: Spanned<Map>,
}

/// The battle that a file describes.
pub(super) fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    let lines = Lines(text);
    if text.len() > MAX_LENGTH {
        let reason = format!(
            "the file has {} bytes, but no scenario needs more than {MAX_LENGTH}",
            text.len()
        );
        return Err(lines.error(&(0..0), reason));
    }
    let mut table = DeTable::parse(text).map_err(|error| lines.toml(&error, &(0..0)))?;
    let units = Units::new(lines, table.get_mut().remove("units"))?;
    let file = File::deserialize(Deserializer::from(table))
        .map_err(|error| lines.toml(&error, &(0..0)))?;
    file.check(lines, &units)
}

impl File {
    fn check(self, lines: Lines<'_>, units: &Units<'_>) -> Result<Scenario, ScenarioError> {
        let name = self.name.get_ref();
        lines.within(&self.name.span(), "name's length", name.len(), [1, 64])?;
        let limit = *self.limit.get_ref();
        lines.within(&self.limit.span(), "limit", limit, [1, 100_000])?;
        let mut bits = 0;
        if let Some(type_bits) = &self.type_bits {
            bits = *type_bits.get_ref();
            lines.within(&type_bits.span(), "type_bits", bits, [0, 64])?;
        }
        let first_order = self.first_order.get_ref();
        for coordinate in first_order.points().into_iter().flatten().flatten() {
            let bounds = [0.0, Terrain::SIDE as f32];
            lines.within(&self.first_order.span(), "first_order", coordinate, bounds)?;
        }
        let places = self.places.get_ref().keys();
        let mut army = Army::new(lines, units, bits, places.map(String::as_str).collect());
        let allies = army.enlist("allies", &self.allies)?;
        let enemies = army.enlist("enemies", &self.enemies)?;
        let Army {
            kinds: units,
            posts,
            spans,
            ..
        } = army;
        let protected = |side: &[Member]| side.iter().any(|one| units[one.unit].1.shield > 0.0);
        let mut scenario = Scenario {
            name: name.clone(),
            limit: limit as u32,
            type_bits: bits as usize,
            terrain: self.terrain.get_ref().check(lines)?,
            first_order: first_order.clone(),
            shields: [protected(&allies), protected(&enemies)],
            units,
            allies,
            enemies,
            spawn: Spawn::default(),
        };
        let places = self.places.get_ref().iter();
        let places = places.map(|(name, ground)| ground.get_ref().check(lines, name));
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let (at, most) = (self.places.span(), Spawn::MAX_PLACES);
        lines.within(&at, "number of places", places.len(), [1, most])?;
        scenario.spawn = Spawn::new(places, &scenario, &posts);
        self.check_room(lines, &scenario, &posts, &spans)?;
        Ok(scenario)
    }

    /// Whether every unit finds room where it shall stand.
    fn check_room(
        &self,
        lines: Lines<'_>,
        scenario: &Scenario,
        posts: &[usize],
        spans: &[Range<usize>],
    ) -> Result<(), ScenarioError> {
        let grounds: Vec<_> = self.places.get_ref().values().collect();
        let members = scenario.allies.iter().chain(&scenario.enemies);
        for (&member, &post) in members.zip(posts) {
            let (kind, unit) = &scenario.units[member.unit];
            let areas = &scenario.spawn.places()[post].areas;
            for (area, at) in areas.iter().zip(grounds[post].get_ref().at.get_ref()) {
                let [x, y] = area.low;
                if area.low == area.high && !scenario.terrain.is_free(area.low, unit.plane) {
                    let reason = format!(
                        "no {kind} can stand at [{x}, {y}], which is not free: see `[terrain]`, and move one of the two"
                    );
                    return Err(lines.error(&at.span(), reason));
                }
            }
        }
        let mut points = Vec::new();
        for trial in 0..4 {
            let mut rng = crate::Rng::new(0, trial);
            if let Some(member) = scenario.spawn.draw(scenario, &mut rng, &mut points) {
                let reason = "there is no room for these units beside the others: have fewer or smaller ones, or \
                              more free terrain";
                return Err(lines.error(&spans[member], reason));
            }
        }
        Ok(())
    }
}
