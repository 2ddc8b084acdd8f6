//! Scenario files: what is in them, and what they must keep to.

use super::error::{Lines, ScenarioError};
use super::spawn::{Area, Place, Spawn};
use super::units::Units;
use super::{FirstOrder, Member, Scenario};
use crate::smac::terrain::{Cell, Terrain};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

/// Bytes of the longest file that is read.
const MAX_LENGTH: usize = 1 << 16;

/// Most units of a side.
const MAX_UNITS: i64 = 256;

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

/// Units of one kind in one place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Team {
    unit: Spanned<String>,
    count: Spanned<i64>,
    type_id: Option<Spanned<i64>>,
    place: Spanned<String>,
}

/// Where units stand at first: at, or within, one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ground {
    at: Spanned<Vec<Spanned<Vec<f32>>>>,
    #[serde(default)]
    each: bool,
    #[serde(default)]
    mirrored: bool,
}

/// The cells of the map.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Map {
    #[serde(default)]
    diagonals: bool,
    free: Vec<Spanned<Strip>>,
    #[serde(default)]
    cliffs: Vec<Spanned<Strip>>,
}

/// Cells of some rows; every range is from its first number up to, not including, its second.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Strip {
    y: [i64; 2],
    x: Vec<[i64; 2]>,
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
        lines.within(
            &self.limit.span(),
            "limit",
            *self.limit.get_ref(),
            [1, 100_000],
        )?;
        let mut bits = 0;
        if let Some(type_bits) = &self.type_bits {
            bits = *type_bits.get_ref();
            lines.within(&type_bits.span(), "type_bits", bits, [0, 64])?;
        }
        let first_order = self.first_order.get_ref();
        for coordinate in first_order.points().into_iter().flatten().flatten() {
            let most = Terrain::SIDE as f32;
            lines.within(
                &self.first_order.span(),
                "first_order",
                coordinate,
                [0.0, most],
            )?;
        }
        let mut army = Army {
            lines,
            units,
            bits,
            places: self.places.get_ref().keys().map(String::as_str).collect(),
            kinds: Vec::new(),
            posts: Vec::new(),
            spans: Vec::new(),
        };
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
            limit: *self.limit.get_ref() as u32,
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
        lines.within(
            &self.places.span(),
            "number of places",
            places.len(),
            [1, Spawn::MAX_PLACES],
        )?;
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

/// The units of a file as they are read.
struct Army<'a> {
    lines: Lines<'a>,
    units: &'a Units<'a>,
    bits: i64,
    places: Vec<&'a str>,
    kinds: Vec<(String, crate::smac::Unit)>,
    /// Each member's place.
    posts: Vec<usize>,
    /// Where the file speaks of each member.
    spans: Vec<Range<usize>>,
}

impl Army<'_> {
    fn enlist(
        &mut self,
        side: &str,
        teams: &Spanned<Vec<Spanned<Team>>>,
    ) -> Result<Vec<Member>, ScenarioError> {
        let lines = self.lines;
        let mut members = Vec::new();
        for team in teams.get_ref() {
            let Team {
                unit,
                count,
                type_id,
                place,
            } = team.get_ref();
            let left = MAX_UNITS - members.len() as i64;
            if !(1..=left).contains(count.get_ref()) {
                let reason = format!(
                    "`count` is {}, but must be from 1 to {left}: a side has at most {MAX_UNITS} units",
                    count.get_ref()
                );
                return Err(lines.error(&count.span(), reason));
            }
            let member = Member {
                unit: self.kind(unit)?,
                type_id: self.type_id(type_id.as_ref(), &unit.span())?,
            };
            let Some(post) = self.places.iter().position(|name| name == place.get_ref()) else {
                let reason = format!(
                    "there is no place `{0}`: define it under `[places.{0}]`",
                    place.get_ref()
                );
                return Err(lines.error(&place.span(), reason));
            };
            for _ in 0..*count.get_ref() {
                members.push(member);
                self.posts.push(post);
                self.spans.push(count.span());
            }
        }
        if members.is_empty() {
            let reason = format!("there are no {side}: write `[[{side}]]` for each kind of unit");
            return Err(lines.error(&teams.span(), reason));
        }
        Ok(members)
    }

    /// The index of a kind of unit.
    fn kind(&mut self, unit: &Spanned<String>) -> Result<usize, ScenarioError> {
        let name = unit.get_ref();
        if let Some(known) = self.kinds.iter().position(|(kind, _)| kind == name) {
            return Ok(known);
        }
        let kind = self.units.get(name, &unit.span())?;
        self.kinds.push((name.clone(), kind));
        Ok(self.kinds.len() - 1)
    }

    /// A type that fits `type_bits`.
    fn type_id(
        &self,
        found: Option<&Spanned<i64>>,
        unit: &Range<usize>,
    ) -> Result<Option<usize>, ScenarioError> {
        match (found, self.bits) {
            (None, 0) => Ok(None),
            (None, bits) => {
                let reason = format!(
                    "these units need a `type_id` from 0 to {}, since `type_bits` is {bits}",
                    bits - 1
                );
                Err(self.lines.error(unit, reason))
            }
            (Some(id), 0) => {
                let reason =
                    "there is a `type_id`, but no `type_bits`: set that to the number of types";
                Err(self.lines.error(&id.span(), reason))
            }
            (Some(id), bits) => {
                let value = *id.get_ref();
                self.lines
                    .within(&id.span(), "type_id", value, [0, bits - 1])?;
                Ok(Some(value as usize))
            }
        }
    }
}

impl Ground {
    fn check(&self, lines: Lines<'_>, name: &str) -> Result<Place, ScenarioError> {
        let mut areas = Vec::new();
        for at in self.at.get_ref() {
            let (low, high) = match at.get_ref()[..] {
                [x, y] => ([x, y], [x, y]),
                [x, y, to_x, to_y] if x <= to_x && y <= to_y => ([x, y], [to_x, to_y]),
                _ => {
                    let reason = "a place is a point [x, y] or a rectangle [least x, least y, greatest x, greatest y]";
                    return Err(lines.error(&at.span(), reason));
                }
            };
            for coordinate in low.into_iter().chain(high) {
                lines.within(&at.span(), "at", coordinate, [0.0, Terrain::SIDE as f32])?;
            }
            areas.push(Area { low, high });
        }
        if areas.is_empty() {
            let reason = format!("the place `{name}` is nowhere: write `at = [[x, y]]`");
            return Err(lines.error(&self.at.span(), reason));
        }
        Ok(Place {
            areas,
            each: self.each,
            mirrored: self.mirrored,
        })
    }
}

impl Map {
    fn check(&self, lines: Lines<'_>) -> Result<Terrain, ScenarioError> {
        let mut cells = vec![Cell::Blocked; Terrain::SIDE * Terrain::SIDE];
        let free = self.free.iter().map(|strip| (strip, Cell::Free));
        let cliffs = self.cliffs.iter().map(|strip| (strip, Cell::Cliff));
        for (strip, cell) in free.chain(cliffs) {
            let rows = range(lines, strip, strip.get_ref().y)?;
            for &columns in &strip.get_ref().x {
                let columns = range(lines, strip, columns)?;
                for row in rows.clone() {
                    cells[row * Terrain::SIDE..][columns.clone()].fill(cell);
                }
            }
        }
        if self.diagonals {
            crate::smac::terrain::cut_corners(&mut cells);
        }
        Ok(Terrain::from_cells(cells))
    }
}

/// Numbers of cells along an axis.
fn range(
    lines: Lines<'_>,
    strip: &Spanned<Strip>,
    [from, to]: [i64; 2],
) -> Result<Range<usize>, ScenarioError> {
    let side = Terrain::SIDE as i64;
    if (0..to).contains(&from) && to <= side {
        return Ok(from as usize..to as usize);
    }
    let reason = format!(
        "[{from}, {to}] is no range of cells: it must go from a number, 0 or more, to a greater one, {side} or less"
    );
    Err(lines.error(&strip.span(), reason))
}
