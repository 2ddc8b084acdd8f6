//! Scenario files: what is in them, and what they must keep to.

use super::army::{Army, Team};
use super::error::{Lines, ScenarioError};
use super::map::{Ground, Map};
use super::roster::{Draft, Roster};
use super::spawn::Spawn;
use super::start::Start;
use super::units::Units;
use super::{FirstOrder, Member, Scenario, Side};
use crate::smac::terrain::Terrain;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

/// Bytes of the longest file that is read.
const MAX_LENGTH: usize = 1 << 16;

type Teams = Spanned<Vec<Spanned<Team>>>;

/// Both sides' members, and what they are drawn from if they are drawn.
type Sides = ([Vec<Member>; 2], Option<Roster>);

/// A file, but for its `[units]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    limit: Spanned<i64>,
    type_bits: Option<Spanned<i64>>,
    first_order: Spanned<FirstOrder>,
    start: Option<Spanned<Start>>,
    allies: Option<Teams>,
    enemies: Option<Teams>,
    roster: Option<Spanned<Draft>>,
    places: Option<Spanned<BTreeMap<String, Spanned<Ground>>>>,
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
        let names = self.place_names(lines)?;
        let mut army = Army::new(lines, units, bits, names);
        let ([allies, enemies], roster) = self.sides(lines, &mut army)?;
        let Army {
            kinds: units,
            posts,
            spans,
            ..
        } = army;
        let mut scenario = Scenario {
            name: name.clone(),
            limit: limit as u32,
            type_bits: bits as usize,
            terrain: self.terrain.get_ref().check(lines)?,
            first_order: first_order.clone(),
            shields: [false; 2],
            units,
            allies,
            enemies,
            start: self.start.as_ref().map(|start| *start.get_ref()),
            roster,
            spawn: Spawn::default(),
        };
        scenario.shields = [Side::Allies, Side::Enemies]
            .map(|side| scenario.kinds(side).any(|kind| kind.shield > 0.0));
        if let Some(places) = &self.places {
            let grounds = places.get_ref().iter();
            let checked = grounds.map(|(name, ground)| ground.get_ref().check(lines, name));
            let checked = checked.collect::<Result<Vec<_>, _>>()?;
            let (at, most) = (places.span(), Spawn::MAX_PLACES);
            lines.within(&at, "number of places", checked.len(), [1, most])?;
            scenario.spawn = Spawn::new(checked, &scenario, &posts);
            let grounds: Vec<_> = places.get_ref().values().map(Spanned::get_ref).collect();
            check_points(lines, &scenario, &posts, &grounds)?;
        }
        if let Some(unit) = scenario.crowded() {
            let drawn = self.roster.as_ref().map(Spanned::span);
            let at = drawn.unwrap_or_else(|| spans[unit].clone());
            let reason = "there is no room for these units beside the others: have fewer or smaller ones, or \
                          more free terrain";
            return Err(lines.error(&at, reason));
        }
        Ok(scenario)
    }

    /// The names of the places; none if it is drawn where everybody stands.
    fn place_names(&self, lines: Lines<'_>) -> Result<Option<Vec<&str>>, ScenarioError> {
        match (&self.places, &self.start) {
            (Some(places), None) => Ok(Some(places.get_ref().keys().map(String::as_str).collect())),
            (None, Some(_)) => Ok(None),
            (Some(places), Some(_)) => {
                let reason = "there are `places`, but `start` draws where everybody stands: leave out one of the two";
                Err(lines.error(&places.span(), reason))
            }
            (None, None) => {
                let reason =
                    "nobody knows where to stand: define `[places]`, or draw it with `start`";
                Err(lines.error(&(0..0), reason))
            }
        }
    }

    fn sides(&self, lines: Lines<'_>, army: &mut Army<'_>) -> Result<Sides, ScenarioError> {
        let Some(draft) = &self.roster else {
            let mut side = |name, teams: &Option<Teams>| match teams {
                Some(teams) => army.enlist(name, teams),
                None => {
                    let reason = format!(
                        "there are no {name}: write `[[{name}]]` for each kind of unit, or draw them from a `[roster]`"
                    );
                    Err(lines.error(&(0..0), reason))
                }
            };
            let allies = side("allies", &self.allies)?;
            return Ok(([allies, side("enemies", &self.enemies)?], None));
        };
        if let Some(teams) = self.allies.as_ref().or(self.enemies.as_ref()) {
            let reason =
                "there are units, but a `roster` draws both sides: leave out one of the two";
            return Err(lines.error(&teams.span(), reason));
        }
        if self.start.is_none() {
            let reason =
                "units that are drawn have no places: say with `start` how these are drawn";
            return Err(lines.error(&draft.span(), reason));
        }
        let (counts, roster) = draft.get_ref().check(lines, army)?;
        let first = roster.members().next().into_iter();
        let example = |count| first.clone().cycle().take(count).collect();
        Ok((counts.map(example), Some(roster)))
    }
}

/// Whether every unit can stand at all points of its place.
fn check_points(
    lines: Lines<'_>,
    scenario: &Scenario,
    posts: &[usize],
    grounds: &[&Ground],
) -> Result<(), ScenarioError> {
    let members = scenario.allies.iter().chain(&scenario.enemies);
    for (&member, &post) in members.zip(posts) {
        let (kind, unit) = &scenario.units[member.unit];
        let areas = &scenario.spawn.places()[post].areas;
        for (area, at) in areas.iter().zip(grounds[post].at.get_ref()) {
            let [x, y] = area.low;
            if area.low == area.high && !scenario.terrain.is_free(area.low, unit.plane) {
                let reason = format!(
                    "no {kind} can stand at [{x}, {y}], which is not free: see `[terrain]`, and move one of the two"
                );
                return Err(lines.error(&at.span(), reason));
            }
        }
    }
    Ok(())
}
