//! How much agents see: how far, of each other, and of enemies that hide.

use super::*;
use crate::smac::{Layout, Order, Script};

/// A unit that does nothing.
fn still() -> Unit {
    Unit {
        weapon: None,
        speed: 0.0,
        ..marine()
    }
}

/// Agents that see so far, an enemy that another found with this probability.
fn config(sight: f32, see_enemy_probability: f32) -> SmacConfig {
    SmacConfig {
        sight,
        see_enemy_probability,
        ..SmacConfig::default()
    }
}

/// Which of two agents sees the only enemy, by the layout of SMAC.
fn seers(team: &Team) -> [bool; 2] {
    [0, 1].map(|agent| team.row(agent)[4..9] != [0.0; 5])
}

/// Two agents a cell apart, and an enemy 3 cells east of the first.
fn pair(config: SmacConfig) -> Team {
    let points = [[16.0, 16.0], [16.0, 17.0], [19.0, 16.0]];
    Team::at(&points, scenario(&vec![marine(); 2], &[still()]), config)
}

#[test]
fn agents_see_so_far_and_measure_by_it() {
    // An ally 2 cells north, enemies 3 cells south and 4 east.
    let points = [[16.0, 16.0], [16.0, 18.0], [16.0, 13.0], [20.0, 16.0]];
    let battle = || scenario(&vec![marine(); 2], &vec![still(); 2]);
    let row = |sight: f32| {
        Team::at(&points, battle(), config(sight, 1.0))
            .row(0)
            .to_vec()
    };
    let moves = [1.0; 4];
    let nothing = [0.0; 5];
    let own = [1.0];
    let expected = [
        &moves[..],
        &[1.0, 0.75, 0.0, -0.75, 1.0],
        // As far as they see is out of sight.
        &nothing,
        &[1.0, 0.5, 0.0, 0.5, 1.0],
        &own,
    ];
    assert_eq!(row(4.0), expected.concat());
    let expected = [
        &moves[..],
        &[1.0, 0.375, 0.0, -0.375, 1.0],
        &[1.0, 0.5, 0.5, 0.0, 1.0],
        &[1.0, 0.25, 0.0, 0.25, 1.0],
        &own,
    ];
    assert_eq!(row(8.0), expected.concat());
    let expected = [&moves[..], &nothing, &nothing, &nothing, &own];
    assert_eq!(row(2.0), expected.concat());

    // Nobody who is out of sight can be attacked; those in sight, within 6 cells.
    let targets = |sight: f32, east: f32| {
        let points = [points[0], points[1], points[2], [16.0 + east, 16.0]];
        Team::at(&points, battle(), config(sight, 1.0)).open(0)[5..].to_vec()
    };
    for (sight, east, open) in [
        (2.0, 4.0, vec![]),
        (4.0, 4.0, vec![6]),
        (4.1, 4.0, vec![6, 7]),
        (20.0, 6.0, vec![6, 7]),
        (20.0, 6.1, vec![6]),
    ] {
        assert_eq!(targets(sight, east), open, "{sight}, {east}");
    }
}

#[test]
fn the_layout_of_commformer_is_as_short_sighted() {
    let config = |sight| SmacConfig {
        layout: Layout::Commformer,
        ..config(sight, 1.0)
    };
    let points = [[16.0, 16.0], [16.0, 18.0], [20.0, 16.0]];
    let at = |sight| {
        let battle = scenario(&vec![marine(); 2], &[still()]);
        Team::at(&points, battle, config(sight))
    };
    // The ally and its last action of 7, the enemy.
    let team = at(4.0);
    assert_eq!(team.row(0)[..5], [1.0, 0.5, 0.0, 0.5, 1.0]);
    assert_eq!(team.row(0)[12..17], [0.0; 5]);
    // The state hides nothing, but says what is seen: the enemy comes after the ally's 8 numbers and action.
    let state = team.state();
    assert_eq!(state[..4], [1.0, 0.5, 0.0, 0.5]);
    assert_eq!(state[15..20], [0.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(at(8.0).state()[15..20], [1.0, 0.5, 0.5, 0.0, 1.0]);
}

#[test]
fn allies_can_be_unseen_and_are_healed_nevertheless() {
    for layout in [Layout::Oxwhirl, Layout::Commformer] {
        let config = |see_allies| SmacConfig {
            see_allies,
            layout,
            ..config(4.0, 1.0)
        };
        // The healer's allies are 3 and 5 cells away.
        let points = [[16.0, 16.0], [16.0, 13.0], [16.0, 21.0], [18.0, 16.0]];
        let allies = [medivac(), marine(), marine()];
        let at = |see| Team::at(&points, scenario(&allies, &[still()]), config(see));
        let [with, mut without] = [true, false].map(at);
        assert_eq!(with.env.spec(), without.env.spec());
        assert_eq!(with.available, without.available);
        assert_eq!(without.open(0), [1, 2, 3, 4, 5, 7], "what it sees in reach");
        without.step(&[7, 2, 1]);
        assert_eq!(without.units()[0].order, Order::Target(1));
        let (ally, enemy) = match layout {
            Layout::Oxwhirl => (9..19, 4..9),
            // Each with its last action of 9.
            Layout::Commformer => (0..28, 28..33),
        };
        let some = |numbers: &[f32]| numbers.iter().any(|&number| number != 0.0);
        assert!(some(&with.row(0)[ally.clone()]));
        assert!(!some(&without.row(0)[ally]));
        assert!(some(&without.row(0)[enemy]));
    }
}

#[test]
fn the_finder_sees_the_enemy_and_others_as_the_probability_says() {
    let mut counts = [[0; 2]; 2];
    for (probability, count) in [0.0, 0.25].into_iter().zip(&mut counts) {
        let mut team = pair(config(9.0, probability));
        for _ in 0..400 {
            team.begin(&[[16.0, 16.0], [16.0, 17.0], [19.0, 16.0]]);
            let seers = seers(&team);
            match seers {
                [true, true] => count[1] += 1,
                [true, false] => count[0] += 1,
                [false, true] => {}
                [false, false] => panic!("nobody found it"),
            }
            for (agent, sees) in seers.into_iter().enumerate() {
                assert_eq!(team.open(agent).contains(&6), sees);
            }
            team.step(&[1, 1]);
            assert_eq!(self::seers(&team), seers, "that holds");
        }
    }
    // Each is the finder in half of all battles; within 5 standard deviations of 10 and 9.
    let [never, at_times] = counts;
    assert_eq!(never[1], 0);
    assert!((150..250).contains(&never[0]), "{never:?}");
    assert!((57..143).contains(&at_times[1]), "{at_times:?}");
}

#[test]
fn who_comes_later_sees_only_what_was_drawn_for_it() {
    // Only the second is near enough at first.
    let points = [[16.0, 16.0], [18.0, 16.0], [20.5, 16.0]];
    for (probability, sees) in [(0.0, false), (1.0, true)] {
        let battle = scenario(&vec![marine(); 2], &[still()]);
        let mut team = Team::at(&points, battle, config(4.0, probability));
        assert_eq!(seers(&team), [false, true]);
        team.step(&[4, 5]);
        assert_eq!(seers(&team), [sees, true], "{probability}");
    }
}

#[test]
fn after_the_finders_death_the_enemy_is_found_again() {
    let killer = Unit {
        speed: 0.0,
        ..hits(1000.0)
    };
    let mut battle = scenario(&vec![marine(); 2], &[killer]);
    battle.first_order = FirstOrder::AttackMove([30.0, 16.0]);
    // The second sees the enemy, and is out of its reach.
    let points = [[16.0, 16.0], [11.5, 16.0], [20.0, 16.0]];
    let mut team = Team::at(&points, battle, config(9.0, 0.0));
    while seers(&team) != [true, false] {
        team.begin(&points);
    }
    let mut steps = 0;
    while team.active[0] && steps < 20 {
        assert_eq!(seers(&team), [true, false]);
        team.step(&[1, 1]);
        steps += 1;
    }
    assert_eq!(team.active, [false, true]);
    assert_eq!(seers(&team), [false, true]);
}

#[test]
fn unmasked_every_living_target_can_be_chosen_and_those_in_reach_are_attacked() {
    // Enemies 3, 5 and 10 cells east; the last flies out of reach of Stalkers.
    let points = [
        [8.0, 16.0],
        [8.0, 12.0],
        [11.0, 16.0],
        [13.0, 16.0],
        [18.0, 16.0],
        [11.0, 15.0],
    ];
    let flyer = Unit {
        plane: Plane::Air,
        ..still()
    };
    let enemies = [still(), still(), still(), flyer];
    let battle = scenario(&[stalker(), medivac()], &enemies);
    let config = SmacConfig {
        mask_attacks: false,
        ..config(4.0, 1.0)
    };
    let mut team = Team::at(&points, battle, config);
    assert_eq!(team.open(0), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(
        team.open(1),
        [1, 2, 3, 4, 5, 6],
        "the Stalker is 4 cells away"
    );
    // After four moves: that an attack would be carried out, and the distance.
    assert_eq!(team.row(0)[4..6], [1.0, 0.75]);
    team.env.act(&[6, 6]);
    assert_eq!(team.units()[0].order, Order::Target(2));
    assert_eq!(team.units()[1].order, Order::Stop);
    for target in [7, 8, 9] {
        team.env.act(&[target, 1]);
        let expected = if target == 9 {
            // Nobody offered it: it counts as stop.
            Order::Stop
        } else {
            Order::Target(2)
        };
        assert_eq!(team.units()[0].order, expected, "{target}");
    }
    let state = team.state();
    // What they chose last, out of 10 each: stop, as the flyer was not on offer, and stop.
    assert_eq!(state[state.len() - 20 + 1], 1.0);
}

#[test]
fn scripts_choose_what_can_be_carried_out() {
    // The enemy is 3 cells away.
    for (sight, expected) in [(4.0, 6), (2.0, 4)] {
        let team = pair(SmacConfig {
            mask_attacks: false,
            ..config(sight, 1.0)
        });
        assert!(team.open(0).contains(&6));
        let mut actions = [0; 2];
        Script::AttackNearest.act(&team.env, &mut Rng::new(1, 0), &mut actions);
        assert_eq!(actions[0], expected, "it sees {sight} cells far");
    }
}

#[test]
fn unmasked_a_hidden_enemy_can_be_attacked() {
    for mask_attacks in [true, false] {
        let config = SmacConfig {
            mask_attacks,
            ..config(9.0, 0.0)
        };
        let mut team = pair(config);
        let blind = seers(&team).iter().position(|&sees| !sees).unwrap();
        assert_eq!(team.open(blind).contains(&6), !mask_attacks);
        assert_eq!(team.row(blind)[4..9], [0.0; 5]);
        team.env.act(&[6, 6]);
        let expected = [Order::Target(2), Order::Stop][usize::from(mask_attacks)];
        assert_eq!(team.units()[blind].order, expected);
        assert_eq!(team.units()[1 - blind].order, Order::Target(2));
    }
}

#[test]
fn a_cone_hides_and_finds_too() {
    let config = SmacConfig {
        sight_cone: Some(90.0),
        ..config(9.0, 0.0)
    };
    // Both look east, where nobody is.
    let points = [[16.0, 16.0], [16.0, 17.0], [13.0, 16.0]];
    let battle = scenario(&vec![marine(); 2], &[still()]);
    let mut team = Team::at(&points, battle, config);
    assert_eq!(seers(&team), [false; 2]);
    // Seven actions, then looks to the north, south, east and west.
    team.step(&[10, 1]);
    assert_eq!(seers(&team), [true, false]);
    team.step(&[8, 10]);
    assert_eq!(seers(&team), [false; 2], "it found it and looked away");
}

#[test]
fn nothing_is_drawn_where_nobody_hides() {
    for (probability, draws) in [(1.0, false), (0.5, true)] {
        // Nobody fires, and the places are given.
        let mut team = pair(config(9.0, probability));
        team.step(&[1, 1]);
        let fresh = Rng::new(3, 0).next_u32();
        assert_eq!(team.rng.next_u32() != fresh, draws, "{probability}");
    }
}

#[test]
fn battles_with_hidden_enemies_go_on_from_where_they_were_saved() {
    for (layout, mask_attacks) in [(Layout::Oxwhirl, true), (Layout::Commformer, false)] {
        let config = SmacConfig {
            map: "terran_5_vs_5".into(),
            layout,
            mask_attacks,
            see_allies: false,
            ..config(6.0, 0.5)
        };
        let team = || Team::new(Scenario::clone(&config.scenario().unwrap()), config.clone());
        let mut original = team();
        original.reset();
        assert_goes_on(original, 8, team(), Script::AttackNearest);
    }
}

#[test]
fn who_found_whom_must_be_of_the_team() {
    let team = pair(config(9.0, 0.0));
    let saved = team.env.save().unwrap();
    let finder = u8::from(seers(&team)[1]);
    // No looks; one finder; two flags; three units.
    let shows = [1 - finder, finder];
    let found = [0, 1, 1, finder, 2, shows[0], shows[1], 3];
    let at = saved.windows(found.len()).position(|bytes| bytes == found);
    let at = at.expect("who found the enemy, then the number of units");
    let with = |place: usize, byte: u8| {
        let mut bytes = saved.clone();
        bytes[at + place] = byte;
        let mut other = pair(config(9.0, 0.0));
        other.restore(&bytes).map(|()| seers(&other))
    };
    let blind = usize::from(1 - finder);
    assert_eq!(with(5 + blind, 1), Ok([true; 2]));
    let error = with(3, 2).unwrap_err().to_string();
    assert!(error.contains("of another team"), "{error}");
    assert!(with(2, 2).is_err(), "neither none nor one");
}

#[test]
fn what_cannot_be_seen_with_is_named() {
    let error = |config| {
        let battle = Arc::new(scenario(&[marine()], &[marine()]));
        Smac::with_scenario(battle, config).unwrap_err().to_string()
    };
    for sight in [0.0, 0.5, -9.0, 64.5, f32::INFINITY, f32::NAN] {
        let found = error(config(sight, 1.0));
        assert_eq!(
            found,
            format!("`sight` is {sight}, but must be a number from 1 to 64")
        );
    }
    for probability in [-0.1, 1.1, f32::NAN] {
        let found = error(config(9.0, probability));
        let expected =
            format!("`see_enemy_probability` is {probability}, but must be a number from 0 to 1");
        assert_eq!(found, expected);
    }
}
