//! Where roads lie, and which routes cars take on them.

use super::*;

fn roads(difficulty: Difficulty, dim: usize) -> Roads {
    Roads::new(difficulty, dim).unwrap()
}

/// Routes as (row, column).
fn routes(roads: &Roads) -> Vec<Vec<(usize, usize)>> {
    let place = |&cell: &u16| {
        (
            usize::from(cell) / roads.extent,
            usize::from(cell) % roads.extent,
        )
    };
    let cells = |route: &Vec<u16>| route.iter().map(place).collect();
    roads.routes.iter().map(cells).collect()
}

#[test]
fn two_one_way_roads_cross_in_the_middle() {
    let roads = roads(Difficulty::Easy, 6);
    assert_eq!((roads.extent, roads.ids, roads.entries), (7, 13, 2));
    let down: Vec<_> = (0..7).map(|row| (row, 3)).collect();
    let right: Vec<_> = (0..7).map(|col| (3, col)).collect();
    assert_eq!(routes(&roads), [down, right]);
}

#[test]
fn a_junction_is_passed_straight_to_the_right_or_to_the_left() {
    let roads = roads(Difficulty::Medium, 14);
    let routes = routes(&roads);
    let entries: Vec<_> = routes.iter().step_by(3).map(|route| route[0]).collect();
    assert_eq!(entries, [(0, 6), (13, 7), (7, 0), (6, 13)]);
    for of_entry in routes.chunks(3) {
        let lengths: Vec<_> = of_entry.iter().map(Vec::len).collect();
        assert_eq!(lengths, [14, 13, 15]);
    }
    assert_eq!(routes[0].last(), Some(&(13, 6)));
    assert_eq!(routes[1][5..9], [(5, 6), (6, 6), (6, 5), (6, 4)]);
    assert_eq!(routes[2][6..10], [(6, 6), (7, 6), (7, 7), (7, 8)]);
    // From the right, to the left: down the left lane.
    assert_eq!(routes[11].last(), Some(&(13, 6)));
}

#[test]
fn eight_entries_have_seven_routes_each() {
    let roads = roads(Difficulty::Hard, 18);
    let routes = routes(&roads);
    assert_eq!(
        (routes.len(), roads.entries, roads.routes_of_entry()),
        (56, 8, 7)
    );
    let entries: Vec<_> = routes.iter().step_by(7).map(|route| route[0]).collect();
    let expected = [
        (0, 4),
        (0, 12),
        (5, 0),
        (13, 0),
        (17, 5),
        (17, 13),
        (4, 17),
        (12, 17),
    ];
    assert_eq!(entries, expected);
    // Straight on twice crosses the whole grid; a right turn at the first junction leaves at once.
    let lengths: Vec<_> = routes[..7].iter().map(Vec::len).collect();
    // Straight then right: 13 cells down and 4 to the left; then left: 14 down and 13 to the right.
    assert_eq!(lengths[..4], [18, 17, 27, 9]);
    assert_eq!(routes[4].last(), Some(&(5, 17)));
    assert_eq!(routes[5].last(), Some(&(17, 12)));
    assert_eq!(routes[6].last(), Some(&(0, 13)));
}

#[test]
fn every_route_goes_from_cell_to_neighbour_on_the_road_and_leaves_at_the_border() {
    let sizes = [
        (Difficulty::Easy, 4),
        (Difficulty::Easy, 6),
        (Difficulty::Medium, 4),
        (Difficulty::Medium, 14),
        (Difficulty::Hard, 9),
        (Difficulty::Hard, 18),
    ];
    for (difficulty, dim) in sizes {
        let roads = roads(difficulty, dim);
        let last = roads.extent - 1;
        for (number, route) in routes(&roads).iter().enumerate() {
            let steps = route
                .windows(2)
                .map(|pair| pair[0].0.abs_diff(pair[1].0) + pair[0].1.abs_diff(pair[1].1));
            assert!(
                steps.into_iter().all(|step| step == 1),
                "{difficulty:?} {dim}"
            );
            let border =
                |&(row, col): &(usize, usize)| [0, last].contains(&row) || [0, last].contains(&col);
            let inner = &route[1..route.len() - 1];
            assert!(border(&route[0]) && route.last().is_some_and(border));
            assert!(!inner.iter().any(border), "{difficulty:?} {dim}");
            let id = |&cell: &u16| roads.id_of[usize::from(cell)];
            assert!(roads.routes[number].iter().all(|cell| id(cell).is_some()));
            let mut seen = roads.routes[number].clone();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), route.len(), "no cell is passed twice");
        }
        let mut routes = roads.routes.clone();
        routes.sort_unstable();
        routes.dedup();
        assert_eq!(routes.len(), roads.routes.len(), "no route comes twice");
    }
}

#[test]
fn every_road_cell_has_an_id_of_its_own() {
    for (difficulty, dim, cells) in [
        (Difficulty::Easy, 6, 13),
        (Difficulty::Medium, 14, 52),
        (Difficulty::Hard, 18, 128),
    ] {
        let roads = roads(difficulty, dim);
        let ids: Vec<_> = roads.id_of.iter().flatten().copied().collect();
        assert_eq!(ids, (0..cells).collect::<Vec<u16>>());
        assert!(usize::from(cells) <= roads.ids);
    }
}

#[test]
fn a_side_that_roads_do_not_fit_is_refused() {
    let message = |difficulty, dim| Roads::new(difficulty, dim).unwrap_err().to_string();
    let two = "a multiple of 2 from 4 to 100";
    assert!(message(Difficulty::Easy, 7).contains(two));
    assert!(message(Difficulty::Medium, 2).contains(two));
    assert!(message(Difficulty::Medium, 102).contains(two));
    let three = "a multiple of 3 from 9 to 100";
    assert!(message(Difficulty::Hard, 6).contains(three));
    assert!(message(Difficulty::Hard, 10).contains(three));
}
