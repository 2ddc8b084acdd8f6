//! Where the units of an episode stand at first: at the places of a file.

use super::{Member, Scenario};
use crate::Rng;
use crate::smac::terrain::Terrain;

/// By how much a unit stands beside its spot, at most, along either axis. Of exact spots, the same in every episode,
/// the order of units decides who wins.
const SHIFT: f32 = 0.02;

/// Room between units at their spots: as much as lets each stand beside its own.
const GAP: f32 = 2.0 * std::f32::consts::SQRT_2 * SHIFT;

/// How finely spots are looked for.
const SPOT: f32 = 0.125;

/// So many of those to either side of the place: as far as the largest army needs.
const SPOTS: i32 = 48;

/// How finely a free point is looked for.
const SEARCH: f32 = 0.25;

/// Beginnings that are drawn to see whether there is room.
const TRIALS: u64 = 8;

/// A rectangle; a point if its corners are one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    /// The corner with the least coordinates.
    pub low: [f32; 2],
    /// The corner with the greatest.
    pub high: [f32; 2],
}

impl Area {
    fn draw(self, rng: &mut Rng) -> [f32; 2] {
        if self.low == self.high {
            return self.low;
        }
        std::array::from_fn(|axis| {
            self.low[axis] + (self.high[axis] - self.low[axis]) * rng.uniform()
        })
    }
}

/// Where units stand at first: around a point of one of some areas, which is drawn for the episode.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    /// The areas, one at least.
    pub areas: Vec<Area>,
    /// Whether every unit draws its own area and point.
    pub each: bool,
    /// Whether spots are looked for from larger to smaller x.
    pub mirrored: bool,
}

impl Place {
    fn draw(&self, rng: &mut Rng) -> [f32; 2] {
        let area = match self.areas[..] {
            [only] => only,
            ref several => several[rng.below(several.len() as u32) as usize],
        };
        area.draw(rng)
    }
}

/// Where every unit of a scenario stands at first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spawn {
    places: Vec<Place>,
    /// For each unit, the allies first, its place and its spot, seen from there.
    posts: Vec<(usize, [f32; 2])>,
}

impl Spawn {
    /// Most places.
    pub(super) const MAX_PLACES: usize = 16;

    /// Lays out the units of each side at each place, whose number `posts` has for every unit: the first on the
    /// place itself, and each of the others, in their order, on the nearest spot that they leave.
    pub(super) fn new(places: Vec<Place>, scenario: &Scenario, posts: &[usize]) -> Self {
        let spots = spots();
        let mut offsets = vec![[0.0; 2]; posts.len()];
        let (allied, hostile) = offsets.split_at_mut(scenario.allies.len());
        let (allied_posts, hostile_posts) = posts.split_at(scenario.allies.len());
        for (members, posts, offsets) in [
            (&scenario.allies, allied_posts, allied),
            (&scenario.enemies, hostile_posts, hostile),
        ] {
            for (unit, &number) in posts.iter().enumerate() {
                if places[number].each {
                    continue;
                }
                let before = (0..unit).filter(|&other| posts[other] == number);
                let bodies: Vec<_> = before.map(|other| (other, offsets[other])).collect();
                let is_free = |&&spot: &&[f32; 2]| {
                    bodies
                        .iter()
                        .all(|&body| scenario.are_apart(members, GAP, (unit, spot), body))
                };
                // Where too many are, they make room for each other when they are placed.
                offsets[unit] = spots.iter().find(is_free).copied().unwrap_or_default();
            }
            for ([x, _], &number) in offsets.iter_mut().zip(posts) {
                if places[number].mirrored {
                    *x = -*x;
                }
            }
        }
        let posts = posts.iter().copied().zip(offsets).collect();
        Self { places, posts }
    }

    /// The allies around (9, 16), the enemies around (23, 16), for scenarios that tests build.
    #[cfg(test)]
    pub(crate) fn facing(allies: usize, enemies: usize) -> Self {
        let place = |x| Place {
            areas: vec![Area {
                low: [x, 16.0],
                high: [x, 16.0],
            }],
            each: false,
            mirrored: false,
        };
        let posts = [vec![(0, [0.0; 2]); allies], vec![(1, [0.0; 2]); enemies]];
        Self {
            places: vec![place(9.0), place(23.0)],
            posts: posts.concat(),
        }
    }

    /// The places.
    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Draws points for all units, the allies first; the first unit for which there was no room, if any: it
    /// overlaps another. Agents of a kind that follow each other are sorted by x, then y, as SMAC does.
    pub fn draw(
        &self,
        scenario: &Scenario,
        members: &[Member],
        rng: &mut Rng,
        points: &mut Vec<[f32; 2]>,
    ) -> Option<usize> {
        let mut centres = [[0.0; 2]; Self::MAX_PLACES];
        for (centre, place) in centres.iter_mut().zip(&self.places) {
            if !place.each {
                *centre = place.draw(rng);
            }
        }
        let mut crowded = None;
        points.clear();
        for (unit, &(place, offset)) in self.posts.iter().enumerate() {
            let wished = if self.places[place].each {
                self.places[place].draw(rng)
            } else {
                let [x, y] = shift(offset, rng);
                [centres[place][0] + x, centres[place][1] + y]
            };
            if !crowd(scenario, members, wished, points) {
                crowded = crowded.or(Some(unit));
            }
        }
        sort_kin(&members[..scenario.allies.len()], points);
        crowded
    }
}

/// Spots around a place, the nearest first; of those that are as near as each other, the one with the least x, and
/// then with the least y.
fn spots() -> Vec<[f32; 2]> {
    let along = || -SPOTS..=SPOTS;
    let mut steps: Vec<_> = along().flat_map(|x| along().map(move |y| [x, y])).collect();
    steps.sort_by_key(|[x, y]| x * x + y * y);
    let spot = |[x, y]: [i32; 2]| [x as f32 * SPOT, y as f32 * SPOT];
    steps.into_iter().map(spot).collect()
}

/// A point a little beside another.
pub(super) fn shift(point: [f32; 2], rng: &mut Rng) -> [f32; 2] {
    point.map(|at| at + SHIFT * (2.0 * rng.uniform() - 1.0))
}

/// Adds the next unit's point, as near to a wished one as there is room beside the others; if there is none, on others,
/// and `false`.
pub(super) fn crowd(
    scenario: &Scenario,
    members: &[Member],
    wished: [f32; 2],
    points: &mut Vec<[f32; 2]>,
) -> bool {
    let unit = points.len();
    let has_room = |point| scenario.has_room(members, points, 0..unit, unit, point);
    let found = nearest(wished, has_room);
    points.push(found.unwrap_or_else(|| {
        let plane = scenario.kind(members[unit]).plane;
        let free = nearest(wished, |point| scenario.terrain.is_free(point, plane));
        free.unwrap_or(wished)
    }));
    found.is_some()
}

/// Sorts the points of agents of a kind that follow each other.
pub(super) fn sort_kin(agents: &[Member], points: &mut [[f32; 2]]) {
    let mut rest = points;
    for kin in agents.chunk_by(|one, next| one.unit == next.unit) {
        let (these, others) = rest.split_at_mut(kin.len());
        these.sort_unstable_by(|[x, y], [other_x, other_y]| {
            x.total_cmp(other_x).then(y.total_cmp(other_y))
        });
        rest = others;
    }
}

impl Scenario {
    /// Whether a unit can stand at a point beside the units `placed`, which have points.
    pub(super) fn has_room(
        &self,
        members: &[Member],
        points: &[[f32; 2]],
        mut placed: impl Iterator<Item = usize>,
        unit: usize,
        point: [f32; 2],
    ) -> bool {
        let plane = self.kind(members[unit]).plane;
        self.terrain.is_free(point, plane)
            && placed
                .all(|other| self.are_apart(members, 0.0, (unit, point), (other, points[other])))
    }

    /// Whether there is a gap between two units at these points.
    pub(super) fn are_apart(
        &self,
        members: &[Member],
        gap: f32,
        (one, [x, y]): (usize, [f32; 2]),
        (other, [other_x, other_y]): (usize, [f32; 2]),
    ) -> bool {
        let [one, other] = [one, other].map(|unit| self.kind(members[unit]));
        let apart = one.separation_radius + other.separation_radius + gap;
        let (dx, dy) = (x - other_x, y - other_y);
        other.plane != one.plane || dx * dx + dy * dy >= apart * apart
    }

    /// The first unit that found no room beside the others in some beginnings, if any.
    pub(in crate::smac) fn crowded(&self) -> Option<usize> {
        let (mut members, mut points) = (Vec::new(), Vec::new());
        (0..TRIALS).find_map(|trial| {
            let mut rng = Rng::new(0, trial);
            self.muster(&mut rng, &mut members);
            self.place(&members, &mut rng, &mut points)
        })
    }

    /// Draws points; the first unit for which there was no room, if any.
    pub(super) fn place(
        &self,
        members: &[Member],
        rng: &mut Rng,
        points: &mut Vec<[f32; 2]>,
    ) -> Option<usize> {
        match self.start {
            Some(start) => start.draw(self, members, rng, points),
            None => self.spawn.draw(self, members, rng, points),
        }
    }
}

/// The point that will do on the smallest square around a wished one; `None` if there is none on the map.
pub(super) fn nearest([x, y]: [f32; 2], will_do: impl Fn([f32; 2]) -> bool) -> Option<[f32; 2]> {
    let rings = (Terrain::SIDE as f32 / SEARCH) as i32;
    let at = |column: i32, row: i32| [x + column as f32 * SEARCH, y + row as f32 * SEARCH];
    (0..=rings).find_map(|ring| {
        let sides = (-ring..=ring).flat_map(|along| {
            [
                at(along, -ring),
                at(along, ring),
                at(-ring, along),
                at(ring, along),
            ]
        });
        let free = sides.filter(|&point| will_do(point));
        // On a square, the middles of its sides are nearest.
        free.min_by(|one, other| {
            let far = |[a, b]: &[f32; 2]| (a - x) * (a - x) + (b - y) * (b - y);
            far(one).total_cmp(&far(other))
        })
    })
}
