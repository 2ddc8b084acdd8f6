//! Points and directions of the plane. Every operation is the same, to the last bit, if x and y change places.

pub(super) type Vec2 = [f32; 2];

#[inline]
pub(super) fn add([ax, ay]: Vec2, [bx, by]: Vec2) -> Vec2 {
    [ax + bx, ay + by]
}

#[inline]
pub(super) fn sub([ax, ay]: Vec2, [bx, by]: Vec2) -> Vec2 {
    [ax - bx, ay - by]
}

#[inline]
pub(super) fn scale([x, y]: Vec2, by: f32) -> Vec2 {
    [x * by, y * by]
}

#[inline]
pub(super) fn dot([ax, ay]: Vec2, [bx, by]: Vec2) -> f32 {
    ax * bx + ay * by
}

/// Positive where `b` lies to the left of `a`.
#[inline]
pub(super) fn cross([ax, ay]: Vec2, [bx, by]: Vec2) -> f32 {
    ax * by - ay * bx
}

#[inline]
pub(super) fn length(a: Vec2) -> f32 {
    dot(a, a).sqrt()
}

/// Of length 1, if `a` has any length.
#[inline]
pub(super) fn direction(a: Vec2) -> Option<Vec2> {
    let length = length(a);
    (length > 0.0).then(|| scale(a, 1.0 / length))
}

/// A quarter turn to the left.
#[inline]
pub(super) fn left([x, y]: Vec2) -> Vec2 {
    [-y, x]
}
