//! Who fights, as a scenario file says it.

use super::Member;
use super::error::{Lines, ScenarioError};
use super::units::Units;
use crate::smac::data::Unit;
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

/// Most units of a side.
pub(super) const MAX_UNITS: i64 = 256;

/// Units of one kind in one place.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Team {
    unit: Spanned<String>,
    count: Spanned<i64>,
    type_id: Option<Spanned<i64>>,
    place: Option<Spanned<String>>,
}

/// The units of a file as they are read.
pub(super) struct Army<'a> {
    lines: Lines<'a>,
    units: &'a Units<'a>,
    bits: i64,
    /// Names; none where places are drawn.
    places: Option<Vec<&'a str>>,
    /// The kinds of units so far, by name.
    pub kinds: Vec<(String, Unit)>,
    /// Each member's place, if there are places.
    pub posts: Vec<usize>,
    /// Where the file speaks of each member.
    pub spans: Vec<Range<usize>>,
}

impl<'a> Army<'a> {
    /// Nobody yet; types have `bits` bits, and the places these names.
    pub fn new(
        lines: Lines<'a>,
        units: &'a Units<'a>,
        bits: i64,
        places: Option<Vec<&'a str>>,
    ) -> Self {
        Self {
            lines,
            units,
            bits,
            places,
            kinds: Vec::new(),
            posts: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// Adds the units of a side, which is called so.
    pub fn enlist(
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
                    "`count` is {}, but must be 1 or more, and a side has at most {MAX_UNITS} units in all",
                    count.get_ref()
                );
                return Err(lines.error(&count.span(), reason));
            }
            let member = self.member(unit, type_id.as_ref())?;
            let post = self.post(place.as_ref(), &unit.span())?;
            for _ in 0..*count.get_ref() {
                members.push(member);
                self.posts.extend(post);
                self.spans.push(count.span());
            }
        }
        if members.is_empty() {
            let reason = format!("there are no {side}: write `[[{side}]]` for each kind of unit");
            return Err(lines.error(&teams.span(), reason));
        }
        Ok(members)
    }

    /// A unit of this kind and type.
    pub fn member(
        &mut self,
        unit: &Spanned<String>,
        type_id: Option<&Spanned<i64>>,
    ) -> Result<Member, ScenarioError> {
        Ok(Member {
            unit: self.kind(unit)?,
            type_id: self.type_id(type_id, &unit.span())?,
        })
    }

    /// The number of a place; none where places are drawn.
    fn post(
        &self,
        place: Option<&Spanned<String>>,
        unit: &Range<usize>,
    ) -> Result<Option<usize>, ScenarioError> {
        let lines = self.lines;
        match (place, &self.places) {
            (None, None) => Ok(None),
            (None, Some(_)) => {
                let reason =
                    "these units need a `place`, unless `start` draws where everybody stands";
                Err(lines.error(unit, reason))
            }
            (Some(place), None) => {
                let reason = "there is a `place`, but `start` draws where everybody stands";
                Err(lines.error(&place.span(), reason))
            }
            (Some(place), Some(places)) => {
                let name = place.get_ref();
                let found = places.iter().position(|known| known == name);
                found.map(Some).ok_or_else(|| {
                    let reason =
                        format!("there is no place `{name}`: define it under `[places.{name}]`");
                    lines.error(&place.span(), reason)
                })
            }
        }
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
