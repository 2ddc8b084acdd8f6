//! A cone of sight: agents see only what lies in front of them.

use super::actions::DIRECTIONS;
use super::battle::Battle;
use super::vector::{Vec2, cosine, dot, sub};
use serde::{Deserialize, Serialize};

/// Where an agent looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Look {
    North,
    South,
    /// In an episode's beginning.
    East,
    West,
}

impl Look {
    /// In the order of the [`DIRECTIONS`].
    pub const ALL: [Self; 4] = [Self::North, Self::South, Self::East, Self::West];

    /// What people call the actions that look there.
    pub const NAMES: [&str; 4] = ["look north", "look south", "look east", "look west"];

    /// The direction, of length 1.
    pub fn direction(self) -> Vec2 {
        DIRECTIONS[self as usize]
    }
}

/// How wide agents see.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cone {
    /// The square of the cosine of half of its opening.
    square: f32,
    /// Whether it reaches behind the agent.
    is_wide: bool,
}

impl Cone {
    /// Of this opening, from 0 to 360 degrees.
    pub fn new(degrees: f32) -> Self {
        let is_wide = degrees > 180.0;
        let opening = if is_wide { 360.0 - degrees } else { degrees };
        Self {
            // Of 90 degrees exactly a half: four looks leave nothing out, however it is rounded.
            square: (1.0 + cosine(opening)) / 2.0,
            is_wide,
        }
    }

    /// Whether an agent that looks there has another unit in front of it, however far away.
    pub fn sees(self, battle: &Battle, agent: usize, look: Look, other: usize) -> bool {
        let [agent, other] = [agent, other].map(|unit| &battle.units()[unit]);
        self.holds(look, sub(other.position, agent.position))
    }

    /// Whether what lies `away` from somebody who looks that way is in the cone.
    fn holds(self, look: Look, away: Vec2) -> bool {
        let ahead = dot(away, look.direction());
        let (square, limit) = (ahead * ahead, self.square * dot(away, away));
        if self.is_wide {
            ahead >= 0.0 || square <= limit
        } else {
            ahead >= 0.0 && square >= limit
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sees(degrees: f32, look: Look, to: [f32; 2]) -> bool {
        Cone::new(degrees).holds(look, to)
    }

    #[test]
    fn a_quarter_is_seen_up_to_its_edges() {
        for (to, seen) in [
            ([0.0, 3.0], true),
            ([3.0, 3.0], true),
            ([-2.0, 2.0], true),
            ([3.01, 3.0], false),
            ([-2.01, 2.0], false),
            ([3.0, 0.0], false),
            ([0.0, -3.0], false),
            ([1.0, -3.0], false),
            ([0.0, 0.0], true),
        ] {
            assert_eq!(sees(90.0, Look::North, to), seen, "{to:?}");
        }
    }

    #[test]
    fn every_look_goes_where_its_move_does() {
        for (look, to) in Look::ALL.into_iter().zip(DIRECTIONS) {
            let mut seen = Look::ALL.to_vec();
            seen.retain(|&other| sees(90.0, other, to));
            assert_eq!((look.direction(), seen), (to, vec![look]));
        }
    }

    #[test]
    fn openings_beyond_a_half_reach_behind() {
        // Behind the agent and 30 degrees to the side: 150 degrees from where it looks.
        let behind = [1.0, -(3.0_f32.sqrt())];
        assert!(!sees(180.0, Look::North, behind) && !sees(299.0, Look::North, behind));
        assert!(sees(301.0, Look::North, behind) && sees(360.0, Look::North, behind));
        assert!(sees(180.0, Look::North, [5.0, 0.0]) && !sees(180.0, Look::North, [5.0, -0.1]));
        assert!(sees(360.0, Look::North, [0.0, -1.0]) && !sees(350.0, Look::North, [0.0, -1.0]));
    }

    proptest! {
        #[test]
        fn a_cone_is_where_the_angle_says(degrees in 1.0_f32..360.0, angle in -180.0_f32..180.0, far in 0.1_f32..9.0) {
            prop_assume!((angle.abs() - degrees / 2.0).abs() > 0.1);
            let (sine, cosine) = angle.to_radians().sin_cos();
            prop_assert_eq!(sees(degrees, Look::East, [far * cosine, far * sine]), angle.abs() < degrees / 2.0);
        }

        #[test]
        fn four_quarters_leave_nothing_out(x in -9.0_f32..9.0, y in -9.0_f32..9.0, diagonal: bool) {
            let to = if diagonal { [x, x.copysign(y)] } else { [x, y] };
            prop_assert!(Look::ALL.into_iter().any(|look| sees(90.0, look, to)));
        }
    }
}
