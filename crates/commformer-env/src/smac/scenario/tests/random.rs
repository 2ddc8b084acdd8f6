//! Units and places that are drawn for each episode.

use super::spawns::assert_apart_and_free;
use super::{draw, refusal};
use crate::Rng;
use crate::smac::{Member, Scenario, Start, builtin, builtin_text, names};
use proptest::prelude::*;

/// A built-in map on which it is drawn in this way where units stand.
fn map(name: &str, start: Start) -> Scenario {
    Scenario {
        start: Some(start),
        ..Scenario::clone(&builtin(name).unwrap())
    }
}

/// Kind and point of every unit of a side.
type Side = Vec<(usize, [f32; 2])>;

fn begin(scenario: &Scenario, seed: u64) -> (Side, Side) {
    let mut points = Vec::new();
    let members = draw(scenario, &mut Rng::new(seed, 0), &mut points);
    let kinds = members.iter().map(|member| member.unit);
    let mut units: Vec<_> = kinds.zip(points).collect();
    let enemies = units.split_off(scenario.allies.len());
    (units, enemies)
}

/// From the map's middle.
fn from_middle([x, y]: [f32; 2]) -> [f32; 2] {
    [x - 16.0, y - 16.0]
}

/// Units without those that have a counterpart in the mirror.
fn without(mirrored: &Side, units: &Side) -> usize {
    let mut rest = units.clone();
    for &(kind, [x, y]) in mirrored {
        if let Some(found) = rest.iter().position(|&unit| unit == (kind, [32.0 - x, y])) {
            rest.swap_remove(found);
        }
    }
    rest.len()
}

#[test]
fn reflected_sides_are_each_others_image() {
    for (name, alone) in [
        ("terran_5_vs_5", 0),
        ("protoss_20_vs_20", 0),
        ("zerg_20_vs_23", 3),
        ("3m", 0),
        ("2s3z", 0),
    ] {
        let scenario = map(name, Start::Reflect);
        for seed in 0..50 {
            let (allies, enemies) = begin(&scenario, seed);
            assert_eq!(
                without(&allies, &enemies),
                alone,
                "{name}: {allies:?} {enemies:?}"
            );
            assert!(
                allies.iter().all(|(_, [x, _])| *x <= 15.0),
                "{name}: {allies:?}"
            );
            assert!(
                enemies.iter().all(|(_, [x, _])| *x >= 17.0),
                "{name}: {enemies:?}"
            );
        }
    }
}

#[test]
fn reflected_agents_are_anywhere_in_their_half() {
    let scenario = map("terran_5_vs_5", Start::Reflect);
    let mut counts = [[0_u32; 2]; 2];
    for seed in 0..400 {
        for (_, [x, y]) in begin(&scenario, seed).0 {
            counts[usize::from(x > 7.5)][usize::from(y > 16.0)] += 1;
        }
    }
    // A quarter of 2,000 each; the standard deviation is 19.
    let even = counts
        .as_flattened()
        .iter()
        .all(|count| (420..580).contains(count));
    assert!(even, "{counts:?}");
}

#[test]
fn surrounded_agents_have_the_enemies_along_the_diagonals() {
    let scenario = map("protoss_10_vs_10", Start::Surround);
    let mut groups = [0; 5];
    let mut reach = [f32::MAX, 0.0_f32];
    for seed in 0..400 {
        let (allies, enemies) = begin(&scenario, seed);
        for (_, point) in allies {
            let [x, y] = from_middle(point);
            // Ten of the largest in one place.
            assert!(x.abs().max(y.abs()) < 4.0, "{point:?}");
        }
        let mut corners = [false; 4];
        for (_, point) in enemies {
            let [x, y] = from_middle(point);
            // As far beside its diagonal as its group and the agents have driven it.
            assert!((x.abs() - y.abs()).abs() < 7.0, "{point:?}");
            let away = x.abs().max(y.abs());
            reach = [reach[0].min(away), reach[1].max(away)];
            corners[2 * usize::from(x > 0.0) + usize::from(y > 0.0)] = true;
        }
        groups[corners.iter().filter(|&&corner| corner).count()] += 1;
    }
    assert_eq!(groups[0], 0);
    // A number of groups, of four, is drawn, of which some get nobody.
    assert!(groups[1..].iter().all(|&count| count > 30), "{groups:?}");
    assert!(
        reach[0] > 1.0 && reach[0] < 5.0 && reach[1] > 14.0,
        "{reach:?}"
    );
}

#[test]
fn either_start_comes_half_of_the_time() {
    let scenario = map("zerg_5_vs_5", Start::Either);
    let reflects = |&seed: &u64| {
        let (allies, enemies) = begin(&scenario, seed);
        without(&allies, &enemies) == 0
    };
    let count = (0..1000).filter(reflects).count();
    // The standard deviation is 16.
    assert!((430..570).contains(&count), "{count}");
}

/// What both sides of many episodes are.
fn teams(name: &str, episodes: u64) -> Vec<[Vec<usize>; 2]> {
    let scenario = builtin(name).unwrap();
    let mut members: Vec<Member> = Vec::new();
    let team = |seed| {
        scenario.muster(&mut Rng::new(seed, 1), &mut members);
        let kinds: Vec<_> = members.iter().map(|member| member.unit).collect();
        let (allies, enemies) = kinds.split_at(scenario.allies.len());
        [allies.to_vec(), enemies.to_vec()]
    };
    (0..episodes).map(team).collect()
}

#[test]
fn kinds_come_as_often_as_they_weigh() {
    // Of the Protoss none is left out, so that the weights are the probabilities.
    let mut counts = [0_u32; 3];
    for [allies, _] in teams("protoss_20_vs_20", 1000) {
        allies.into_iter().for_each(|kind| counts[kind] += 1);
    }
    for (count, weight) in counts.into_iter().zip([0.45, 0.45, 0.1]) {
        let (n, count) = (20_000.0, f64::from(count));
        let deviation = (n * weight * (1.0_f64 - weight)).sqrt();
        assert!((count - n * weight).abs() < 4.0 * deviation, "{counts:?}");
    }
}

#[test]
fn both_sides_have_the_same_units_and_never_only_those_that_cannot_fight_alone() {
    for name in names().skip(26) {
        for [allies, enemies] in teams(name, 300) {
            let (shared, rest) = enemies.split_at(allies.len());
            assert_eq!(shared, allies, "{name}");
            assert!(shared.is_sorted() && rest.is_sorted(), "{name}");
            if !name.starts_with("protoss") {
                assert!(allies.iter().any(|&kind| kind < 2), "{name}");
                assert!(
                    rest.is_empty() || rest.iter().any(|&kind| kind < 2),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn a_pair_is_drawn_again_until_one_of_it_fights() {
    let text = builtin_text("terran_5_vs_5").unwrap();
    let text = text
        .replace("allies = 5", "allies = 2")
        .replace("enemies = 5", "enemies = 1");
    let scenario = Scenario::parse(&text.replace("0.45", "0.05")).unwrap();
    let mut members = Vec::new();
    let mut marauders = 0;
    for seed in 0..2000 {
        scenario.muster(&mut Rng::new(seed, 0), &mut members);
        let kinds: Vec<_> = members.iter().map(|member| member.unit).collect();
        let [one, other, enemy] = kinds[..] else {
            panic!("{kinds:?}");
        };
        assert_eq!(
            one, enemy,
            "the first is shared, the second is drawn by itself"
        );
        assert!(one < 2 && other < 2, "each was drawn alone");
        marauders += usize::from(one == 1);
    }
    // They come as often as marines.
    assert!((900..1100).contains(&marauders), "{marauders}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_is_drawn_all_stand_free_and_apart(seed: u64, name in 0..names().len(), surround: bool) {
        let name = names().nth(name).unwrap();
        // On these there is not enough room, or none in the middle.
        prop_assume!(!["1o_10b_vs_1r", "1o_2r_vs_4r", "so_many_baneling", "corridor"].contains(&name));
        let start = if surround { Start::Surround } else { Start::Reflect };
        let scenario = map(name, start);
        prop_assert_eq!(scenario.crowded(), None, "{}", name);
        let mut points = Vec::new();
        let members = draw(&scenario, &mut Rng::new(seed, 0), &mut points);
        assert_apart_and_free(&scenario, &members, &points);
    }
}

#[test]
fn bad_rosters_and_starts_are_refused_with_the_line_and_the_reason() {
    let file = builtin_text("terran_5_vs_5").unwrap();
    for (piece, by, found) in [
        (
            "'either'",
            "'anywhere'",
            "line 5: unknown variant `anywhere`",
        ),
        (
            "start = 'either'\n",
            "",
            "line 1: nobody knows where to stand: define `[places]`, or draw it",
        ),
        (
            "allies = 5",
            "allies = 0",
            "line 9: `allies` is 0, but must be from 1 to 256",
        ),
        (
            "enemies = 5",
            "enemies = 257",
            "line 10: `enemies` is 257, but must be from 1 to 256",
        ),
        (
            "enemies = 5",
            "enemies = 5\nmore = 1",
            "line 11: unknown field `more`",
        ),
        (
            "'marauder'",
            "'marine'",
            "line 13: `marine` is there already",
        ),
        (
            "'marauder'",
            "'maraud'",
            "line 13: there is no unit `maraud`",
        ),
        (
            "type_id = 1, weight = 0.45",
            "type_id = 1, weight = 0",
            "line 13: `weight` is 0, but must be from 0.01 to 1",
        ),
        (
            "type_id = 1, weight = 0.45",
            "type_id = 1, weight = nan",
            "line 13: `weight` is NaN",
        ),
        (
            "type_id = 1",
            "type_id = 3",
            "line 13: `type_id` is 3, but must be from 0 to 2",
        ),
        (
            "type_id = 1, ",
            "",
            "line 13: these units need a `type_id` from 0 to 2",
        ),
        (
            "[terrain]",
            "[places]\nwest.at = [[9, 16]]\n[terrain]",
            "line 17: there are `places`, but `start` draws",
        ),
        (
            "[terrain]",
            "[[allies]]\nunit = 'marine'\ncount = 1\n[terrain]",
            "line 17: there are units, but a `roster` draws both sides",
        ),
        (
            "x = [[0, 32]]",
            "x = [[0, 1]]",
            "line 8: there is no room for these units",
        ),
    ] {
        let text = file.replace('"', "'");
        assert_eq!(text.matches(piece).count(), 1, "{piece}");
        let refused = refusal(&text.replace(piece, by));
        assert!(refused.starts_with(found), "{piece} -> {by}: {refused}");
    }
    let helpless = file.replace("0.45", "0.45, alone = false");
    assert!(refusal(&helpless).starts_with("line 11: no side could be drawn"));
    let none = file.split_once("kinds").unwrap().0;
    let found = refusal(&format!("{none}kinds = []\n[terrain]\nfree = []\n"));
    assert!(
        found.starts_with("line 11: `number of kinds` is 0, but must be from 1 to 16"),
        "{found}"
    );
}

/// A name would tell a kind that the agent is not.
#[test]
fn agents_whose_kinds_are_drawn_have_no_names() {
    for name in names() {
        let scenario = builtin(name).unwrap();
        let agents = if scenario.is_drawn() {
            0
        } else {
            scenario.allies.len()
        };
        assert_eq!(scenario.agent_names().len(), agents, "{name}");
    }
    let names = map("3m", Start::Reflect).agent_names();
    assert_eq!(names, ["marine 0", "marine 1", "marine 2"]);
}

#[test]
fn places_that_are_drawn_need_no_names() {
    let file = builtin_text("3m").unwrap();
    let (head, tail) = file.split_once("[places.ours]").unwrap();
    let terrain = tail.split_once("[terrain]").unwrap().1;
    let text = |head: &str| format!("start = 'reflect'\n{head}[terrain]{terrain}");
    let bare = head
        .replace("place = \"ours\"\n", "")
        .replace("place = \"theirs\"\n", "");
    let scenario = Scenario::parse(&text(&bare)).unwrap();
    assert_eq!(
        (scenario.start, scenario.is_drawn()),
        (Some(Start::Reflect), false)
    );
    let found = refusal(&text(head));
    assert!(
        found.starts_with("line 9: there is a `place`, but `start` draws"),
        "{found}"
    );
    let found = refusal(&file.replace("place = \"ours\"\n", ""));
    assert!(
        found.starts_with("line 6: these units need a `place`, unless `start`"),
        "{found}"
    );
    let found = refusal(&text("name = 'x'\nlimit = 1\nfirst_order = 'wait'\n"));
    assert!(
        found.starts_with("line 1: there are no allies: write `[[allies]]`"),
        "{found}"
    );
    let unplaced = builtin_text("zerg_5_vs_5")
        .unwrap()
        .replace("start = \"either\"", "");
    let found = refusal(&(unplaced + "[places]\nwest.at = [[9, 16]]\n"));
    assert!(
        found.contains("units that are drawn have no places: say with `start`"),
        "{found}"
    );
}
