//! Units that are drawn for each episode, as a scenario file says it.

use super::Member;
use super::army::{Army, MAX_UNITS};
use super::error::{Lines, ScenarioError};
use crate::Rng;
use serde::Deserialize;
use toml::Spanned;

/// Most kinds to draw from.
const MAX_KINDS: usize = 16;

/// Of a kind's weight. A kind that may fight alone is drawn soon, whatever the others weigh.
const WEIGHTS: [f32; 2] = [0.01, 1.0];

/// From which units both sides are drawn: as many as both have are the same on both, and whoever has more draws the
/// rest besides.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Roster {
    /// In the order of [`Scenario::units`](super::Scenario::units).
    kinds: Vec<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Kind {
    member: Member,
    weight: f32,
    alone: bool,
}

/// A roster in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    allies: Spanned<i64>,
    enemies: Spanned<i64>,
    kinds: Spanned<Vec<Choice>>,
}

/// A kind in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    unit: Spanned<String>,
    type_id: Option<Spanned<i64>>,
    weight: Spanned<f32>,
    #[serde(default = "yes")]
    alone: bool,
}

fn yes() -> bool {
    true
}

impl Draft {
    /// How many allies and enemies there are, and what they are drawn from.
    pub fn check(
        &self,
        lines: Lines<'_>,
        army: &mut Army<'_>,
    ) -> Result<([usize; 2], Roster), ScenarioError> {
        for (name, count) in [("allies", &self.allies), ("enemies", &self.enemies)] {
            lines.within(&count.span(), name, *count.get_ref(), [1, MAX_UNITS])?;
        }
        let choices = self.kinds.get_ref();
        let at = self.kinds.span();
        lines.within(&at, "number of kinds", choices.len(), [1, MAX_KINDS])?;
        let mut kinds = Vec::with_capacity(choices.len());
        for choice in choices {
            let member = army.member(&choice.unit, choice.type_id.as_ref())?;
            if member.unit < kinds.len() {
                let reason = format!("`{}` is there already", choice.unit.get_ref());
                return Err(lines.error(&choice.unit.span(), reason));
            }
            let weight = *choice.weight.get_ref();
            lines.within(&choice.weight.span(), "weight", weight, WEIGHTS)?;
            kinds.push(Kind {
                member,
                weight,
                alone: choice.alone,
            });
        }
        if !kinds.iter().any(|kind| kind.alone) {
            let reason = "no side could be drawn: leave out `alone = false` for one of the kinds";
            return Err(lines.error(&at, reason));
        }
        let counts = [&self.allies, &self.enemies].map(|count| *count.get_ref() as usize);
        Ok((counts, Roster { kinds }))
    }
}

impl Roster {
    /// All that can be drawn.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        self.kinds.iter().map(|kind| kind.member)
    }

    /// Draws the members of both sides, the allies first. Those that both sides have are in the order of their kinds,
    /// and so are those that follow.
    pub fn draw(&self, [allies, enemies]: [usize; 2], rng: &mut Rng, members: &mut Vec<Member>) {
        let shared = allies.min(enemies);
        members.clear();
        self.draw_team(shared, rng, members);
        self.draw_team(allies - shared, rng, members);
        members.extend_from_within(..shared);
        self.draw_team(enemies - shared, rng, members);
    }

    /// Adds so many members, not only of kinds that cannot fight alone.
    fn draw_team(&self, count: usize, rng: &mut Rng, members: &mut Vec<Member>) {
        let first = members.len();
        let fights_alone = |member: &Member| self.kinds[member.unit].alone;
        while count > 0 && !members[first..].iter().any(fights_alone) {
            members.truncate(first);
            members.extend((0..count).filter_map(|_| self.draw_one(rng)));
        }
        members[first..].sort_unstable_by_key(|member| member.unit);
    }

    fn draw_one(&self, rng: &mut Rng) -> Option<Member> {
        let mut left = self.kinds.iter().map(|kind| kind.weight).sum::<f32>() * rng.uniform();
        let drawn = self.kinds.iter().find(|kind| {
            left -= kind.weight;
            left < 0.0
        });
        drawn.or(self.kinds.last()).map(|kind| kind.member)
    }

    /// Whether these kinds, of all units, can have been drawn.
    pub fn is_drawn(&self, [allies, enemies]: [usize; 2], kinds: &[usize]) -> bool {
        let fights_alone = |&kind: &usize| self.kinds[kind].alone;
        let is_team = |team: &[usize]| team.is_empty() || team.iter().any(fights_alone);
        if kinds.len() != allies + enemies || kinds.iter().any(|&kind| kind >= self.kinds.len()) {
            return false;
        }
        let shared = allies.min(enemies);
        let (ours, theirs) = kinds.split_at(allies);
        let (ours, more) = ours.split_at(shared);
        let (theirs, others) = theirs.split_at(shared);
        ours == theirs && [ours, more, others].into_iter().all(is_team)
    }
}
