//! Files that are refused, and files that users write.

use crate::Rng;
use crate::smac::{Attribute, FirstOrder, Plane, Scenario, ScenarioError, builtin_text, names};
use proptest::prelude::*;

const FILE: &str = "\
name = 'mine'
limit = 60
first_order = 'wait'

[[allies]]
unit = 'marine'
count = 2
place = 'west'

[[enemies]]
unit = 'zealot'
count = 1
place = 'east'

[places]
west.at = [[9, 16]]
east.at = [[23, 16], [20, 10, 24, 20]]

[terrain]
free = [
    { y = [8, 24], x = [[0, 32]] },
]
";

/// The file with a piece replaced.
fn with(piece: &str, by: &str) -> String {
    assert_eq!(FILE.matches(piece).count(), 1, "{piece}");
    FILE.replace(piece, by)
}

fn refusal(text: &str) -> String {
    Scenario::parse(text).unwrap_err().to_string()
}

#[test]
fn a_small_file_is_a_scenario() {
    let scenario = Scenario::parse(FILE).unwrap();
    assert_eq!((scenario.allies.len(), scenario.enemies.len()), (2, 1));
    assert_eq!(scenario.first_order, FirstOrder::Wait);
    assert_eq!(scenario.shields, [false, true]);
}

#[test]
fn a_file_changes_units_and_adds_its_own() {
    let text = with("unit = 'marine'", "unit = 'hero'")
        + "[units.zealot]\nhp = 10\nweapon.damage = 3\n\
           [units.hero]\nhp = 500\nspeed = 3\nsight = 9\nradius = 0.5\nseparation_radius = 0.5\n\
           attributes = ['massive']\ncooldown_scale = 20\n\
           [units.unused]\nlike = 'medivac'\nenergy.start = 200\n";
    let scenario = Scenario::parse(&text).unwrap();
    let [(_, hero), (_, zealot)] = &scenario.units[..] else {
        panic!("{:?}", scenario.units);
    };
    assert_eq!(
        (hero.hp, &hero.attributes[..]),
        (500.0, &[Attribute::Massive][..])
    );
    assert_eq!((hero.plane, hero.weapon.is_none()), (Plane::Ground, true));
    let weapon = zealot.weapon.as_ref().unwrap();
    assert_eq!((zealot.hp, zealot.shield), (10.0, 50.0));
    assert_eq!((weapon.damage, weapon.hits), (3.0, 2));
}

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
fn a_unit_out_of_bounds_is_refused_where_it_says_so() {
    for (unit, line, reason) in [
        (
            "[units.zealot]\nhp = 0",
            24,
            "`hp` is 0, but must be from 1 to 100000",
        ),
        ("[units.zealot]\nhp = nan", 24, "`hp` is NaN"),
        (
            "[units.zealot]\nspeed = 1e9",
            24,
            "`speed` is 1000000000, but must be from 0 to 8",
        ),
        (
            "[units.zealot]\n\nradius = 99",
            25,
            "`radius` is 99, but must be from 0.05 to 4",
        ),
        ("[units.zealot]\nhpp = 1", 24, "unknown field `hpp`"),
        ("[units.zealot]\nhp = 'x'", 24, "invalid type: string"),
        ("[units.zealot]\nweapon = 1", 24, "invalid type"),
        (
            "[units.zealot.weapon]\nrange = 1\nperiod = 0",
            25,
            "`weapon.period` is 0",
        ),
        (
            "[units.zealot.weapon]\nhits = 4000000000",
            24,
            "`weapon.hits` is 4000000000",
        ),
        (
            "[units.zealot.weapon]\nsplash = { shape = 'box' }",
            24,
            "unknown variant `box`",
        ),
        (
            "[units.zealot.weapon.splash]\nshape = 'circle'\nradius = 1\nshare = 2",
            26,
            "`weapon.splash.share` is 2",
        ),
        (
            "[units.medivac.energy]\nstart = 300",
            24,
            "`energy.start` is 300, but must be from 0 to 200",
        ),
        ("[units.hero]\nhp = 3", 23, "missing field"),
        ("[units.hero]\nlike = 'xx'", 24, "there is no unit `xx`"),
        (
            "[units.hero]\nlike = 7",
            24,
            "`like` must be the name of a built-in unit",
        ),
        ("[units]\nhero = 7", 24, "the unit `hero` must be a table"),
    ] {
        let ScenarioError {
            line: at,
            reason: found,
        } = Scenario::parse(&format!("{FILE}{unit}\n")).unwrap_err();
        assert!(found.contains(reason), "{unit}: {found}");
        assert_eq!(at, line, "{unit}: {found}");
    }
    let text = format!("units = 3\n{FILE}");
    assert!(refusal(&text).starts_with("line 1: `units` must be a table"));
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

/// What a mutation writes into a file.
fn piece() -> impl Strategy<Value = String> {
    const PIECES: &[&str] = &[
        "",
        "-",
        "0",
        "9",
        "e9",
        "nan",
        "inf",
        "[",
        "]",
        "{",
        "}",
        "'",
        "\"",
        "=",
        "\n",
        ".",
        ",",
        "each = true",
        "[units.marine]",
        "like = 'zealot'",
        "\u{e9}",
        "99999999999999999999",
    ];
    proptest::sample::select(PIECES).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_mutated_file_is_read_or_refused(
        file in 0..27_usize,
        edits in proptest::collection::vec((0.0..1.0_f64, 0..6_usize, piece()), 1..4),
    ) {
        let name = names().nth(file);
        let mut text = name.and_then(builtin_text).unwrap_or(FILE).to_owned();
        for (place, removed, piece) in edits {
            let mut from = (text.len() as f64 * place) as usize;
            while !text.is_char_boundary(from) {
                from -= 1;
            }
            let mut to = (from + removed).min(text.len());
            while !text.is_char_boundary(to) {
                to += 1;
            }
            text.replace_range(from..to, &piece);
        }
        match Scenario::parse(&text) {
            Ok(scenario) => {
                let mut points = Vec::new();
                scenario.spawn(&mut Rng::new(0, 0), &mut points);
                prop_assert_eq!(points.len(), scenario.allies.len() + scenario.enemies.len());
            }
            Err(ScenarioError { line, .. }) => {
                prop_assert!((1..=text.lines().count() + 1).contains(&line));
            }
        }
    }
}
