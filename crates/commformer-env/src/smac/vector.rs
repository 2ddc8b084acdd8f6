//! Points and directions of the plane. Every operation is the same, to the last bit, if x and y change places.

pub(crate) type Vec2 = [f32; 2];

#[inline]
pub(crate) fn add([ax, ay]: Vec2, [bx, by]: Vec2) -> Vec2 {
    [ax + bx, ay + by]
}

#[inline]
pub(crate) fn sub([ax, ay]: Vec2, [bx, by]: Vec2) -> Vec2 {
    [ax - bx, ay - by]
}

#[inline]
pub(crate) fn scale([x, y]: Vec2, by: f32) -> Vec2 {
    [x * by, y * by]
}

#[inline]
pub(crate) fn dot([ax, ay]: Vec2, [bx, by]: Vec2) -> f32 {
    ax * bx + ay * by
}

/// Positive where `b` lies to the left of `a`.
#[inline]
pub(crate) fn cross([ax, ay]: Vec2, [bx, by]: Vec2) -> f32 {
    ax * by - ay * bx
}

/// Of square roots, unlike of `hypot`, every platform has the same.
#[inline]
pub(crate) fn length(a: Vec2) -> f32 {
    dot(a, a).sqrt()
}

/// Between two points.
#[inline]
pub(crate) fn distance(a: Vec2, b: Vec2) -> f32 {
    length(sub(b, a))
}

/// Of length 1, if `a` has any length.
#[inline]
pub(crate) fn direction(a: Vec2) -> Option<Vec2> {
    let length = length(a);
    (length > 0.0).then(|| scale(a, 1.0 / length))
}

/// A quarter turn to the left.
#[inline]
pub(crate) fn left([x, y]: Vec2) -> Vec2 {
    [-y, x]
}

/// The cosine of an angle between 0 and 180 degrees, by its series: the same bits everywhere.
pub(crate) fn cosine(degrees: f32) -> f32 {
    // As the sine of what is missing to 90 degrees, exactly 0 there.
    let x = f64::from(90.0 - degrees).to_radians();
    let (mut term, mut sum) = (x, x);
    for n in 1..10 {
        let n = f64::from(2 * n);
        term *= -x * x / (n * (n + 1.0));
        sum += term;
    }
    sum as f32
}
