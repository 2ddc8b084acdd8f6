//! Where units stand at first.

use super::draw;
use crate::Rng;
use crate::smac::{Member, Scenario, Spawn, builtin, names};

pub fn assert_apart_and_free(scenario: &Scenario, members: &[Member], points: &[[f32; 2]]) {
    let name = &scenario.name;
    let kinds = members.iter().map(|&member| scenario.kind(member));
    let bodies: Vec<_> = kinds
        .map(|kind| (kind.plane, kind.separation_radius))
        .collect();
    assert_eq!(points.len(), bodies.len(), "{name}");
    for (i, (&[x, y], &(plane, radius))) in points.iter().zip(&bodies).enumerate() {
        assert!(
            scenario.terrain.is_free([x, y], plane),
            "{name}: {i} at {x}, {y}"
        );
        for (j, (&[other_x, other_y], &(other_plane, other))) in
            points.iter().zip(&bodies).enumerate().take(i)
        {
            let apart = (x - other_x).hypot(y - other_y);
            assert!(
                plane != other_plane || apart > radius + other - 1e-4,
                "{name}: {i} and {j} are {apart} apart"
            );
        }
    }
}

#[test]
fn on_every_map_all_units_stand_free_and_apart() {
    let mut points = Vec::new();
    for name in names() {
        let scenario = builtin(name).unwrap();
        let mut rng = Rng::new(1, 0);
        // Crowds in one place take long.
        for _ in 0..if scenario.is_drawn() { 50 } else { 200 } {
            let members = draw(&scenario, &mut rng, &mut points);
            assert_apart_and_free(&scenario, &members, &points);
        }
    }
}

/// The mean of some points.
fn centre(points: &[[f32; 2]]) -> [f32; 2] {
    let sum = |axis: usize| points.iter().map(|point| point[axis]).sum::<f32>();
    [sum(0), sum(1)].map(|sum| sum / points.len() as f32)
}

fn distance([x, y]: [f32; 2], [other_x, other_y]: [f32; 2]) -> f32 {
    (x - other_x).hypot(y - other_y)
}

#[test]
fn armies_are_around_their_points_and_mirror_each_other() {
    let mut points = Vec::new();
    let mut rng = Rng::new(2, 0);
    for (name, allies, enemies) in [
        ("3m", [9.0, 16.0], [23.0, 16.0]),
        ("27m_vs_30m", [9.0, 16.0], [23.0, 16.0]),
        ("corridor", [19.04, 19.12], [27.91, 28.24]),
        ("6h_vs_8z", [14.60, 9.49], [14.41, 16.76]),
        ("2c_vs_64zg", [16.0, 16.0], [16.0, 9.0]),
        ("2m_vs_1z", [16.0, 12.0], [16.0, 19.0]),
        ("2s_vs_1sc", [14.05, 10.355], [13.92, 20.04]),
    ] {
        let scenario = builtin(name).unwrap();
        draw(&scenario, &mut rng, &mut points);
        let (ours, theirs) = points.split_at(scenario.allies.len());
        // Of two Colossi one stands on the point and the other 1.6 beside it.
        assert!(distance(centre(ours), allies) < 0.9, "{name}: {ours:?}");
        assert!(
            distance(centre(theirs), enemies) < 0.9,
            "{name}: {theirs:?}"
        );
        // 64 Zerglings fill a disc of 4 cells, and may have to make room for a wall.
        let far = |points: &[[f32; 2]], from| {
            points
                .iter()
                .map(|&point| distance(point, from))
                .fold(0.0, f32::max)
        };
        assert!(
            far(ours, allies) < 6.0 && far(theirs, enemies) < 6.0,
            "{name}"
        );
    }
    let even = builtin("8m").unwrap();
    draw(&even, &mut rng, &mut points);
    let (ours, theirs) = points.split_at(8);
    for [x, y] in ours {
        let mirrored = |[other_x, other_y]: &[f32; 2]| {
            // Either may stand a little beside its place.
            (32.0 - x - other_x).abs() < 0.0401 && (y - other_y).abs() < 0.0401
        };
        assert!(theirs.iter().any(mirrored), "{x}, {y}");
    }
}

#[test]
fn the_first_unit_stands_on_the_point_and_the_others_around_it() {
    let scenario = builtin("3m").unwrap();
    let mut points = Vec::new();
    draw(&scenario, &mut Rng::new(3, 0), &mut points);
    let beside = |point, place| distance(point, place) < 0.0284;
    // Two bodies of 0.375 and the gap of 0.057 need 0.807 cells. The nearest spots with so much are 6 and 3 eighths of
    // a cell away along the axes, 0.839. Agents are sorted by x; enemies stand as in a mirror, in their own order.
    let ours = [[8.25, 15.625], [8.625, 16.75], [9.0, 16.0]];
    let theirs = [[23.0, 16.0], [23.75, 15.625], [23.375, 16.75]];
    for (&point, place) in points.iter().zip(ours.into_iter().chain(theirs)) {
        assert!(beside(point, place), "{points:?}");
        assert_ne!(point, place);
    }
}

#[test]
fn units_are_placed_in_the_order_of_the_map() {
    let mut points = Vec::new();
    let scenario = builtin("3s5z").unwrap();
    draw(&scenario, &mut Rng::new(3, 0), &mut points);
    let (_, theirs) = points.split_at(scenario.allies.len());
    let from_point = theirs.iter().map(|&point| distance(point, [23.0, 16.0]));
    let far: Vec<_> = from_point.collect();
    // Bodies of Stalkers, of 0.625, and the gap need 1.307 cells: 8 and 7 eighths are 1.329. A Zealot, of 0.375, beside
    // the first Stalker needs 1.057: twice 6 eighths are 1.061.
    for (far, place) in far.iter().zip([0.0, 1.329, 1.329, 1.061]) {
        assert!((far - place).abs() < 0.0284, "{far} {place}");
    }
}

#[test]
fn agents_of_a_kind_are_sorted() {
    let mut points = Vec::new();
    for name in names() {
        let scenario = builtin(name).unwrap();
        let members = draw(&scenario, &mut Rng::new(4, 0), &mut points);
        let allies = members.iter().zip(&points).take(scenario.allies.len());
        let allies = allies.collect::<Vec<_>>();
        for kin in allies.chunk_by(|(one, _), (next, _)| one.unit == next.unit) {
            assert!(kin.is_sorted_by_key(|(_, point)| *point), "{name}: {kin:?}");
        }
    }
}

const CORNERS: [[f32; 2]; 4] = [[3.5, 2.0], [3.5, 28.86], [28.5, 28.0], [28.5, 2.0]];

#[test]
fn the_scout_knows_the_corner_of_the_enemy() {
    let mut points = Vec::new();
    for (name, scout) in [("1o_10b_vs_1r", 0), ("1o_2r_vs_4r", 2)] {
        let scenario = builtin(name).unwrap();
        let mut rng = Rng::new(5, 0);
        let mut seen = [0; 4];
        for _ in 0..1000 {
            draw(&scenario, &mut rng, &mut points);
            let corner = CORNERS
                .iter()
                .position(|&corner| distance(corner, points[scout]) < 0.0284)
                .unwrap();
            seen[corner] += 1;
            for &enemy in &points[scenario.allies.len()..] {
                // A block of 2 x 2, which may have to make room for agents.
                assert!(distance(enemy, CORNERS[corner]) < 2.5, "{name}: {enemy:?}");
            }
        }
        assert!(seen.iter().all(|&count| count > 200), "{name}: {seen:?}");
    }
}

#[test]
fn each_baneling_stands_in_a_rectangle_of_its_own_and_both_roaches_in_one() {
    // How far a point lies outside a rectangle.
    let outside = |[x, y]: [f32; 2], [left, bottom, right, top]: [f32; 4]| {
        let x: f32 = (left - x).max(x - right).max(0.0);
        x.hypot((bottom - y).max(y - top).max(0.0))
    };
    let mut points = Vec::new();
    let mut rng = Rng::new(6, 0);
    let rectangles = [
        [0.0, 0.0, 32.0, 5.0],
        [1.0, 6.0, 6.0, 26.0],
        [26.0, 6.0, 31.0, 26.0],
        [0.0, 27.0, 32.0, 32.0],
        [12.0, 14.0, 20.0, 18.0],
    ];
    let scenario = builtin("1o_10b_vs_1r").unwrap();
    let mut in_the_middle = 0;
    for _ in 0..1000 {
        draw(&scenario, &mut rng, &mut points);
        for &baneling in &points[1..11] {
            let nearest = rectangles.map(|rectangle| outside(baneling, rectangle));
            // Beside another, it may have to make room.
            assert!(
                nearest.into_iter().fold(f32::MAX, f32::min) < 1.5,
                "{baneling:?}"
            );
            in_the_middle += usize::from(nearest[4] == 0.0);
        }
    }
    // A fifth of 10,000.
    assert!((1800..2200).contains(&in_the_middle), "{in_the_middle}");
    let scenario = builtin("1o_2r_vs_4r").unwrap();
    for _ in 0..1000 {
        draw(&scenario, &mut rng, &mut points);
        assert!(distance(points[0], points[1]) < 3.0, "{:?}", &points[..2]);
    }
}

#[test]
fn the_ultralisk_meets_three_zealots_and_the_other_two_are_anywhere() {
    let scenario = builtin("5z_vs_1ul").unwrap();
    let mut points = Vec::new();
    let mut rng = Rng::new(7, 0);
    let mut apart = 0;
    for _ in 0..1000 {
        draw(&scenario, &mut rng, &mut points);
        let near = |&&zealot: &&[f32; 2]| distance(zealot, points[5]) < 4.0;
        let count = points[..5].iter().filter(near).count();
        assert!(count >= 3, "{points:?}");
        apart += usize::from(count == 3);
    }
    assert!(apart > 700, "{apart}");
}

#[test]
fn the_same_stream_gives_the_same_points_and_another_others() {
    let scenario = builtin("1o_10b_vs_1r").unwrap();
    let on_stream = |stream| {
        let mut points = Vec::new();
        draw(&scenario, &mut Rng::new(8, stream), &mut points);
        points
    };
    assert_eq!(on_stream(0), on_stream(0));
    assert_ne!(on_stream(0), on_stream(1));
}

#[test]
fn units_that_shall_stand_on_one_point_make_room() {
    let mut scenario = Scenario::clone(&builtin("25m").unwrap());
    scenario.spawn = Spawn::facing(25, 25);
    let mut points = Vec::new();
    let members = draw(&scenario, &mut Rng::new(9, 0), &mut points);
    assert_apart_and_free(&scenario, &members, &points);
    assert!(
        points[..25]
            .iter()
            .all(|&point| distance(point, [9.0, 16.0]) < 4.0)
    );
}
