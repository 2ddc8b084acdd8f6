//! Random places of SMACv2, where the units of an episode stand at first.

use super::spawn::{crowd, nearest, shift, sort_kin};
use super::{Member, Scenario};
use crate::Rng;
use crate::smac::terrain::Terrain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Coordinates of the map's middle.
const MIDDLE: f32 = Terrain::SIDE as f32 / 2.0;

/// From the middle, along both axes, to the nearest point where enemies surround the agents.
const RING: f32 = 2.0;

/// Between the middle and units that face each other across it.
const MARGIN: f32 = 1.0;

/// Where units stand at first, as in SMACv2 (Ellis et al., 2023): drawn anew for each episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// The agents in the middle of the map; the enemies in one to four groups, each anywhere on a diagonal of its own
    /// between the middle and a corner.
    Surround,
    /// The agents anywhere in the western half, each by itself, and the enemies where the mirror image has them. Of
    /// the larger side, those without a counterpart stand as if they had one.
    Reflect,
    /// One of the two, with equal probability.
    Either,
}

impl Start {
    /// As configurations have it.
    pub(in crate::smac) fn name(self) -> &'static str {
        match self {
            Self::Surround => "surround",
            Self::Reflect => "reflect",
            Self::Either => "either",
        }
    }

    /// Draws points for these members, the allies first; the first unit for which there was no room, if any.
    pub(super) fn draw(
        self,
        scenario: &Scenario,
        members: &[Member],
        rng: &mut Rng,
        points: &mut Vec<[f32; 2]>,
    ) -> Option<usize> {
        let surrounds = match self {
            Self::Surround => true,
            Self::Reflect => false,
            Self::Either => rng.below(2) == 0,
        };
        let crowded = if surrounds {
            surround(scenario, members, rng, points)
        } else {
            reflect(scenario, members, rng, points)
        };
        sort_kin(&members[..scenario.allies.len()], points);
        crowded
    }
}

fn surround(
    scenario: &Scenario,
    members: &[Member],
    rng: &mut Rng,
    points: &mut Vec<[f32; 2]>,
) -> Option<usize> {
    let mut corners = [[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0], [1.0, -1.0]];
    rng.shuffle(&mut corners);
    let groups = corners.map(|corner: [f32; 2]| {
        let away = RING + (MIDDLE - RING) * rng.uniform();
        corner.map(|side| MIDDLE + side * away)
    });
    let count = 1 + rng.below(groups.len() as u32);
    let mut crowded = None;
    points.clear();
    for unit in 0..members.len() {
        let at = if unit < scenario.allies.len() {
            [MIDDLE; 2]
        } else {
            groups[rng.below(count) as usize]
        };
        if !crowd(scenario, members, shift(at, rng), points) {
            crowded = crowded.or(Some(unit));
        }
    }
    crowded
}

fn reflect(
    scenario: &Scenario,
    members: &[Member],
    rng: &mut Rng,
    points: &mut Vec<[f32; 2]>,
) -> Option<usize> {
    let (allies, all) = (scenario.allies.len(), members.len());
    let enemies = all - allies;
    let mut crowded = None;
    points.clear();
    points.resize(all, [0.0; 2]);
    for pair in 0..allies.max(enemies) {
        let ally = (pair < allies).then_some(pair);
        let enemy = (pair < enemies).then_some(allies + pair);
        let placed = || (0..pair.min(allies)).chain(allies..allies + pair.min(enemies));
        let room = |unit: Option<usize>, point| {
            let has_room = |unit| scenario.has_room(members, points, placed(), unit, point);
            unit.is_none_or(has_room)
        };
        let apart = |point| match (ally, enemy) {
            (Some(ally), Some(enemy)) => {
                scenario.are_apart(members, 0.0, (ally, point), (enemy, mirrored(point)))
            }
            _ => true,
        };
        let will_do = |point: [f32; 2]| {
            point[0] <= MIDDLE - MARGIN
                && room(ally, point)
                && room(enemy, mirrored(point))
                && apart(point)
        };
        let wished = [
            (MIDDLE - MARGIN) * rng.uniform(),
            2.0 * MIDDLE * rng.uniform(),
        ];
        let found = nearest(wished, will_do);
        let point = found.unwrap_or(wished);
        let of_pair = [(ally, point), (enemy, mirrored(point))];
        for (unit, point) in of_pair {
            if let Some(unit) = unit {
                points[unit] = point;
                crowded = crowded.or(found.is_none().then_some(unit));
            }
        }
    }
    crowded
}

/// The same place seen in a mirror along the map's middle, from south to north.
fn mirrored([x, y]: [f32; 2]) -> [f32; 2] {
    [2.0 * MIDDLE - x, y]
}
