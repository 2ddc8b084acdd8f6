//! Which velocity to take among others who choose theirs at the same time: optimal reciprocal collision avoidance
//! (van den Berg, Guy, Lin and Manocha, "Reciprocal n-body collision avoidance", ISRR 2011).
//!
//! Every neighbour forbids half of the plane of velocities. Of what is left, the velocity nearest to the preferred
//! one is taken; if nothing is left, the one that breaks the worst-broken limit least. Lengths are in cells, times in
//! loops.

use crate::smac::vector::{Vec2, add, cross, direction, dot, left, length, scale, sub};

/// A disc in motion.
#[derive(Clone, Copy, Debug)]
pub(super) struct Disc {
    pub(super) position: Vec2,
    pub(super) velocity: Vec2,
    pub(super) radius: f32,
}

impl Disc {
    /// The same with a share of its radius.
    pub(super) fn shrunk(self, share: f32) -> Self {
        Self {
            radius: share * self.radius,
            ..self
        }
    }
}

/// The velocities `v` with `normal . v >= offset`. The normal has length 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct HalfPlane {
    normal: Vec2,
    offset: f32,
}

impl HalfPlane {
    /// What `other` leaves to `own` so that they do not meet within `horizon`, if `own` contributes `share` of what
    /// is needed: a half between two who both give way, all of it before somebody who stands.
    pub(super) fn between(own: Disc, other: Disc, horizon: f32, share: f32) -> Self {
        let apart = sub(other.position, own.position);
        let relative = sub(own.velocity, other.velocity);
        let radius = own.radius + other.radius;
        // How the relative velocity must change at least, along the normal.
        let (normal, needed) = if dot(apart, apart) > radius * radius {
            outward(apart, relative, radius, horizon)
        } else {
            // They overlap: they part within a loop.
            from_cap(apart, relative, radius, 1.0)
        };
        Self {
            normal,
            offset: dot(normal, own.velocity) + needed * share,
        }
    }

    /// Whether a velocity is within this limit.
    pub(super) fn allows(&self, velocity: Vec2) -> bool {
        self.excess(velocity) <= 0.0
    }

    /// By how much a velocity breaks this limit; negative inside.
    fn excess(&self, velocity: Vec2) -> f32 {
        self.offset - dot(self.normal, velocity)
    }
}

/// The way out of the cone of relative velocities that lead to a meeting within the horizon, or from its border
/// inwards with a negative length.
fn outward(apart: Vec2, relative: Vec2, radius: f32, horizon: f32) -> (Vec2, f32) {
    let to_cap = sub(relative, scale(apart, 1.0 / horizon));
    let along = dot(to_cap, apart);
    if along < 0.0 && along * along > radius * radius * dot(to_cap, to_cap) {
        return from_cap(apart, relative, radius, horizon);
    }
    // The nearer leg of the cone; its normal is the direction to the other disc turned by the angle of the leg and
    // a quarter.
    let square = dot(apart, apart);
    let leg = (square - radius * radius).max(0.0).sqrt();
    let side = left(apart);
    let normal = if cross(apart, to_cap) > 0.0 {
        scale(sub(scale(side, leg), scale(apart, radius)), 1.0 / square)
    } else {
        scale(add(scale(side, -leg), scale(apart, -radius)), 1.0 / square)
    };
    (normal, -dot(normal, relative))
}

/// The way out of the disc that ends the cone at its tip.
fn from_cap(apart: Vec2, relative: Vec2, radius: f32, horizon: f32) -> (Vec2, f32) {
    let to_cap = sub(relative, scale(apart, 1.0 / horizon));
    let normal = direction(to_cap).or(direction(scale(apart, -1.0)));
    // Two discs in one place part along an axis.
    (
        normal.unwrap_or([1.0, 0.0]),
        radius / horizon - length(to_cap),
    )
}

/// The allowed velocity nearest to `preferred`, of length `speed` at most. `scratch` has room for as many limits.
pub(super) fn choose(
    limits: &[HalfPlane],
    preferred: Vec2,
    speed: f32,
    scratch: &mut [HalfPlane],
) -> Vec2 {
    let length = length(preferred);
    let wish = if length > speed {
        scale(preferred, speed / length)
    } else {
        preferred
    };
    match solve(limits, speed, wish, Goal::Nearest(preferred)) {
        Ok(velocity) => velocity,
        Err((broken, velocity)) => least_excess(limits, broken, speed, velocity, scratch),
    }
}

/// What a velocity should be within its limits.
#[derive(Clone, Copy)]
enum Goal {
    /// Near to this one.
    Nearest(Vec2),
    /// Far in this direction.
    Farthest(Vec2),
}

/// The best velocity by the two-dimensional linear program, which adds a limit at a time; or the first limit that
/// leaves nothing, and the best velocity before it. `start` is the best without limits.
fn solve(limits: &[HalfPlane], speed: f32, start: Vec2, goal: Goal) -> Result<Vec2, (usize, Vec2)> {
    let mut best = start;
    for (i, limit) in limits.iter().enumerate() {
        if limit.excess(best) > 0.0 {
            best = on_border(limit, &limits[..i], speed, goal).ok_or((i, best))?;
        }
    }
    Ok(best)
}

/// The best velocity on a limit's border that the earlier limits allow.
fn on_border(limit: &HalfPlane, earlier: &[HalfPlane], speed: f32, goal: Goal) -> Option<Vec2> {
    // Points of the border are `foot + t * along`; those within the speed form an interval of t.
    let foot = scale(limit.normal, limit.offset);
    let along = left(limit.normal);
    let square = speed * speed - limit.offset * limit.offset;
    if square < 0.0 {
        return None;
    }
    let (mut low, mut high) = (-square.sqrt(), square.sqrt());
    for other in earlier {
        let slope = dot(other.normal, along);
        let needed = other.excess(foot);
        if slope.abs() <= PARALLEL {
            if needed > 0.0 {
                return None;
            }
        } else if slope > 0.0 {
            low = low.max(needed / slope);
        } else {
            high = high.min(needed / slope);
        }
        if low > high {
            return None;
        }
    }
    let t = match goal {
        Goal::Nearest(preferred) => dot(along, preferred).clamp(low, high),
        Goal::Farthest(direction) if dot(along, direction) > 0.0 => high,
        Goal::Farthest(_) => low,
    };
    Some(add(foot, scale(along, t)))
}

/// Borders whose directions differ by less do not meet anywhere near.
const PARALLEL: f32 = 1e-5;

/// The velocity whose greatest excess over the limits is least: the three-dimensional linear program. The limits
/// before `broken` hold at `velocity`.
fn least_excess(
    limits: &[HalfPlane],
    broken: usize,
    speed: f32,
    mut velocity: Vec2,
    scratch: &mut [HalfPlane],
) -> Vec2 {
    let mut worst = 0.0;
    for (i, limit) in limits.iter().enumerate().skip(broken) {
        if limit.excess(velocity) <= worst {
            continue;
        }
        // Where this limit's excess is at least each earlier one's: again half-planes.
        let mut count = 0;
        for earlier in &limits[..i] {
            let apart = sub(earlier.normal, limit.normal);
            let distance = length(apart);
            if distance > PARALLEL {
                scratch[count] = HalfPlane {
                    normal: scale(apart, 1.0 / distance),
                    offset: (earlier.offset - limit.offset) / distance,
                };
                count += 1;
            }
        }
        let start = scale(limit.normal, speed);
        let goal = Goal::Farthest(limit.normal);
        // By its construction there is such a velocity; where rounding loses it, the last one stays.
        if let Ok(better) = solve(&scratch[..count], speed, start, goal) {
            velocity = better;
        }
        worst = limit.excess(velocity);
    }
    velocity
}
