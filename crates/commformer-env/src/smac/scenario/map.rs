//! Where a battle is fought, as a scenario file says it.

use super::error::{Lines, ScenarioError};
use super::spawn::{Area, Place};
use crate::smac::terrain::{Cell, Terrain, cut_corners};
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;

/// Where units stand at first: at, or within, one of these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ground {
    pub at: Spanned<Vec<Spanned<Vec<f32>>>>,
    #[serde(default)]
    each: bool,
    #[serde(default)]
    mirrored: bool,
}

/// The cells of the map.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Map {
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

impl Ground {
    /// The place of this name.
    pub fn check(&self, lines: Lines<'_>, name: &str) -> Result<Place, ScenarioError> {
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
    /// The terrain.
    pub fn check(&self, lines: Lines<'_>) -> Result<Terrain, ScenarioError> {
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
            cut_corners(&mut cells);
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
