//! Files that users write, the units in them, and files with mistakes of any kind.

use super::{FILE, draw, refusal, with};
use crate::Rng;
use crate::smac::{Attribute, FirstOrder, Plane, Scenario, ScenarioError, builtin_text, names};
use proptest::prelude::*;

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
           [units.hero]\nhp = 500\nspeed = 3\nradius = 0.5\nseparation_radius = 0.5\n\
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
        (
            "[units.zealot]\nsight = 9",
            24,
            "unknown field `sight`, expected one of `hp`, ",
        ),
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
        (
            "[units.hero]\nlike = 'marine'\nhp = 9\nheal = { per_second = 9, energy_per_hp = 0, range = 4 }",
            26,
            "a unit has a `weapon` or a `heal`, but not both",
        ),
        (
            "[units.hero]\nlike = 'medivac'\n\n[units.hero.weapon]\ndamage = 6\nrange = 5\nscan_range = 5\nperiod = 1\n\
             damage_point = 0\nbackswing = 0",
            26,
            "a unit has a `weapon` or a `heal`, but not both",
        ),
        (
            "[units.hero]\nhp = 9\nspeed = 3\nradius = 0.5\nseparation_radius = 0.5\nattributes = []\n\
             cooldown_scale = 20\nheal = { per_second = 9, energy_per_hp = 0.5, range = 4 }",
            30,
            "this `heal` needs energy that the unit does not have",
        ),
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
fn a_healer_whose_heals_cost_nothing_needs_no_energy() {
    let hero = "[units.hero]\nhp = 9\nspeed = 3\nradius = 0.5\nseparation_radius = 0.5\nattributes = []\n\
                cooldown_scale = 20\nheal = { per_second = 9, energy_per_hp = 0, range = 4 }\n";
    let scenario = Scenario::parse(&(with("'marine'", "'hero'") + hero)).unwrap();
    let (_, hero) = &scenario.units[0];
    assert!(hero.heal.is_some() && hero.energy.is_none());
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
        file in 0..=names().len(),
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
                draw(&scenario, &mut Rng::new(0, 0), &mut points);
                prop_assert_eq!(points.len(), scenario.allies.len() + scenario.enemies.len());
            }
            Err(ScenarioError { line, .. }) => {
                prop_assert!((1..=text.lines().count() + 1).contains(&line));
            }
        }
    }
}
