//! Files that are refused.

use super::{FILE, refusal, with};
use crate::smac::{Scenario, ScenarioError};

#[test]
fn a_bad_file_is_refused_with_the_line_and_the_reason() {
    for (piece, by, line, reason) in [
        (
            "limit = 60",
            "limit = 0",
            2,
            "`limit` is 0, but must be from 1 to 100000",
        ),
        ("limit = 60", "limit = 'x'", 2, "invalid type: string"),
        ("limit = 60\n", "", 1, "missing field `limit`"),
        (
            "limit = 60",
            "limit = 60\nspeed = 1",
            3,
            "unknown field `speed`",
        ),
        ("limit = 60", "limit = 60 60", 2, ""),
        (
            "'mine'",
            "''",
            1,
            "`name's length` is 0, but must be from 1 to 64",
        ),
        ("'wait'", "'run'", 3, "unknown variant `run`"),
        (
            "'wait'",
            "{ attack_move = [3, nan] }",
            3,
            "`first_order` is NaN, but must be from 0 to 32",
        ),
        (
            "'marine'",
            "'marin'",
            6,
            "there is no unit `marin`: use one of baneling, ",
        ),
        (
            "count = 2",
            "count = 0",
            7,
            "`count` is 0, but must be 1 or more",
        ),
        (
            "count = 2",
            "count = 257",
            7,
            "a side has at most 256 units in all",
        ),
        (
            "count = 2",
            "count = 9223372036854775807",
            7,
            "a side has at most 256 units in all",
        ),
        (
            "count = 2",
            "count = 2\ntype_id = 0",
            8,
            "there is a `type_id`, but no `type_bits`",
        ),
        (
            "limit = 60",
            "limit = 60\ntype_bits = 2",
            7,
            "these units need a `type_id` from 0 to 1",
        ),
        (
            "limit = 60",
            "limit = 60\ntype_bits = -1",
            3,
            "`type_bits` is -1, but must be from 0 to 64",
        ),
        (
            "'west'",
            "'north'",
            8,
            "there is no place `north`: define it under `[places.north]`",
        ),
        ("[[9, 16]]", "[]", 16, "the place `west` is nowhere"),
        (
            "[[9, 16]]",
            "[[9]]",
            16,
            "a place is a point [x, y] or a rectangle",
        ),
        (
            "[[9, 16]]",
            "[[9, 16, 8, 17]]",
            16,
            "a place is a point [x, y] or a rectangle",
        ),
        ("[[9, 16]]", "[[9, 1e30]]", 16, "must be from 0 to 32"),
        (
            "[[9, 16]]",
            "[[9, inf]]",
            16,
            "`at` is inf, but must be from 0 to 32",
        ),
        (
            "[[9, 16]]",
            "[[9, 4]]",
            16,
            "no marine can stand at [9, 4], which is not free",
        ),
        ("[[0, 32]]", "[[0, 33]]", 21, "[0, 33] is no range of cells"),
        (
            "[[0, 32]]",
            "[[-1, 32]]",
            21,
            "[-1, 32] is no range of cells",
        ),
        ("[8, 24]", "[24, 8]", 21, "[24, 8] is no range of cells"),
    ] {
        let ScenarioError {
            line: at,
            reason: found,
        } = Scenario::parse(&with(piece, by)).unwrap_err();
        assert!(found.contains(reason), "{piece} -> {by}: {found}");
        assert_eq!(at, line, "{piece} -> {by}: {found}");
    }
}

#[test]
fn units_without_room_are_refused() {
    let narrow = with("x = [[0, 32]]", "x = [[9, 10], [23, 24]]");
    let crowd = narrow.replace("count = 2", "count = 200");
    let found = refusal(&crowd);
    assert!(
        found.starts_with("line 7: there is no room for these units"),
        "{found}"
    );
    let walled = with("x = [[0, 32]]", "x = [[9, 10]]").replace("[23, 16], ", "");
    // The rectangle is blocked, but not the map: the unit stands beside it.
    assert!(Scenario::parse(&walled).is_ok());
}

#[test]
fn a_crowd_on_one_point_is_laid_out_or_refused_without_a_long_search() {
    let most = with("count = 2", "count = 256") + "[units.marine]\nseparation_radius = 0.05\n";
    let each = most.replace(
        "west.at = [[9, 16]]",
        "west = { at = [[9, 16]], each = true }",
    );
    for text in [&most, &each] {
        assert_eq!(Scenario::parse(text).unwrap().allies.len(), 256);
    }
    let one_more = most.replace(
        "[[enemies]]",
        "[[allies]]\nunit = 'marine'\ncount = 1\nplace = 'west'\n[[enemies]]",
    );
    assert!(refusal(&one_more).starts_with("line 12: `count` is 1, but"));
}

#[test]
fn a_side_of_nobody_and_a_map_of_nowhere_are_refused() {
    let nobody = with(
        "[[allies]]\nunit = 'marine'\ncount = 2\nplace = 'west'\n",
        "allies = []\n",
    );
    assert_eq!(
        refusal(&nobody),
        "line 5: there are no allies: write `[[allies]]` for each kind of unit"
    );
    let places: String = (0..17)
        .map(|n| format!("more{n}.at = [[9, 16]]\n"))
        .collect();
    let many = with("[terrain]", &format!("{places}[terrain]"));
    let found = refusal(&many);
    assert!(
        found.contains("`number of places` is 19, but must be from 1 to 16"),
        "{found}"
    );
}

#[test]
fn a_file_that_is_too_long_is_refused() {
    let found = refusal(&(FILE.to_owned() + &"#".repeat(1 << 16)));
    assert!(
        found.contains("but no scenario needs more than 65536"),
        "{found}"
    );
}
