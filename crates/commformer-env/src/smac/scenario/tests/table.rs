//! The published tables: rosters, limits, sizes, rewards; and the terrain.

use crate::Environment;
use crate::smac::config::strength;
use crate::smac::{
    Layout, Member, Plane, Scenario, Smac, SmacConfig, builtin, builtin_text, names,
};

/// Name; agents, enemies, actions, SMAC's observation and state, CommFormer's; enemies' points; the rewards'
/// sum and scale.
#[rustfmt::skip]
const SIZES: [(&str, [usize; 7], f32, f32, f32); 26] = [
    ("3m", [3, 3, 9, 30, 48, 64, 81], 135.0, 365.0, 0.054795),
    ("8m", [8, 8, 14, 80, 168, 204, 251], 360.0, 640.0, 0.03125),
    ("25m", [25, 25, 31, 250, 950, 1054, 1203], 1125.0, 1575.0, 0.012698),
    ("5m_vs_6m", [5, 6, 12, 55, 98, 124, 156], 270.0, 530.0, 0.037736),
    ("8m_vs_9m", [8, 9, 15, 85, 179, 217, 267], 405.0, 695.0, 0.028777),
    ("10m_vs_11m", [10, 11, 17, 105, 243, 289, 351], 495.0, 805.0, 0.024845),
    ("27m_vs_30m", [27, 30, 36, 285, 1170, 1288, 1458], 1350.0, 1850.0, 0.010811),
    ("MMM", [10, 10, 16, 160, 290, 334, 393], 715.0, 1015.0, 0.019704),
    ("MMM2", [10, 12, 18, 176, 322, 370, 435], 885.0, 1205.0, 0.016598),
    ("2s3z", [5, 5, 11, 80, 120, 144, 173], 770.0, 1020.0, 0.019608),
    ("3s5z", [8, 8, 14, 128, 216, 252, 299], 1230.0, 1510.0, 0.013245),
    ("3s5z_vs_3s6z", [8, 9, 15, 136, 230, 268, 318], 1380.0, 1670.0, 0.011976),
    ("3s_vs_3z", [3, 3, 9, 36, 54, 70, 87], 450.0, 680.0, 0.029412),
    ("3s_vs_4z", [3, 4, 10, 42, 61, 79, 99], 600.0, 840.0, 0.02381),
    ("3s_vs_5z", [3, 5, 11, 48, 68, 88, 111], 750.0, 1000.0, 0.02),
    ("1c3s5z", [9, 9, 15, 162, 270, 310, 363], 1580.0, 1870.0, 0.010695),
    ("2m_vs_1z", [2, 1, 7, 16, 26, 36, 44], 150.0, 360.0, 0.055556),
    ("corridor", [6, 24, 30, 156, 282, 346, 435], 840.0, 1280.0, 0.015625),
    ("6h_vs_8z", [6, 8, 14, 78, 140, 172, 213], 1200.0, 1480.0, 0.013514),
    ("2s_vs_1sc", [2, 1, 7, 17, 27, 37, 45], 300.0, 510.0, 0.039216),
    ("so_many_baneling", [7, 32, 38, 202, 397, 479, 595], 960.0, 1480.0, 0.013514),
    ("bane_vs_bane", [24, 24, 30, 336, 984, 1084, 1227], 820.0, 1260.0, 0.015873),
    ("2c_vs_64zg", [2, 64, 70, 332, 342, 478, 675], 2240.0, 3080.0, 0.006494),
    ("1o_10b_vs_1r", [11, 1, 7, 84, 148, 176, 211], 145.0, 355.0, 0.056338),
    ("1o_2r_vs_4r", [3, 4, 10, 49, 68, 86, 106], 240.0, 480.0, 0.041667),
    ("5z_vs_1ul", [5, 1, 7, 35, 63, 79, 96], 500.0, 710.0, 0.028169),
];

/// Name; agents; enemies; limit; bits of the type.
#[rustfmt::skip]
const ROSTERS: [(&str, &str, &str, u32, usize); 26] = [
    ("3m", "3 Marine", "3 Marine", 60, 0),
    ("8m", "8 Marine", "8 Marine", 120, 0),
    ("25m", "25 Marine", "25 Marine", 150, 0),
    ("5m_vs_6m", "5 Marine", "6 Marine", 70, 0),
    ("8m_vs_9m", "8 Marine", "9 Marine", 120, 0),
    ("10m_vs_11m", "10 Marine", "11 Marine", 150, 0),
    ("27m_vs_30m", "27 Marine", "30 Marine", 180, 0),
    ("MMM", "2 Marauder 7 Marine 1 Medivac", "2 Marauder 7 Marine 1 Medivac", 150, 3),
    ("MMM2", "2 Marauder 7 Marine 1 Medivac", "3 Marauder 8 Marine 1 Medivac", 180, 3),
    ("2s3z", "2 Stalker 3 Zealot", "2 Stalker 3 Zealot", 120, 2),
    ("3s5z", "3 Stalker 5 Zealot", "3 Stalker 5 Zealot", 150, 2),
    ("3s5z_vs_3s6z", "3 Stalker 5 Zealot", "3 Stalker 6 Zealot", 170, 2),
    ("3s_vs_3z", "3 Stalker", "3 Zealot", 150, 0),
    ("3s_vs_4z", "3 Stalker", "4 Zealot", 200, 0),
    ("3s_vs_5z", "3 Stalker", "5 Zealot", 250, 0),
    ("1c3s5z", "1 Colossus 3 Stalker 5 Zealot", "1 Colossus 3 Stalker 5 Zealot", 180, 3),
    ("2m_vs_1z", "2 Marine", "1 Zealot", 150, 0),
    ("corridor", "6 Zealot", "24 Zergling", 400, 0),
    ("6h_vs_8z", "6 Hydralisk", "8 Zealot", 150, 0),
    ("2s_vs_1sc", "2 Stalker", "1 SpineCrawler", 300, 0),
    ("so_many_baneling", "7 Zealot", "32 Baneling", 100, 0),
    ("bane_vs_bane", "4 Baneling 20 Zergling", "4 Baneling 20 Zergling", 200, 2),
    ("2c_vs_64zg", "2 Colossus", "64 Zergling", 400, 0),
    ("1o_10b_vs_1r", "1 Overload_RL 10 Baneling", "1 Roach", 50, 2),
    ("1o_2r_vs_4r", "2 Roach 1 Overload_RL", "4 Reaper", 50, 2),
    ("5z_vs_1ul", "5 Zealot", "1 Ultralisk", 150, 0),
];

/// Name; hit points, shield, armour, speed, two radii; of the weapon damage, hits, range, scan range,
/// period, damage point, backswing.
type Published = (&'static str, [f32; 6], Option<[f32; 7]>);

#[rustfmt::skip]
const UNITS: [Published; 15] = [
    ("marine", [45.0, 0.0, 0.0, 2.25, 0.375, 0.375], Some([6.0, 1.0, 5.0, 5.5, 0.8608, 0.05, 0.75])),
    ("marauder", [125.0, 0.0, 1.0, 2.25, 0.5625, 0.5], Some([10.0, 1.0, 6.0, 6.5, 1.5, 0.0, 0.0])),
    ("medivac", [150.0, 0.0, 1.0, 2.5, 0.75, 0.75], None),
    ("reaper", [60.0, 0.0, 0.0, 3.75, 0.375, 0.375], Some([4.0, 2.0, 5.0, 5.5, 1.1, 0.0, 0.75])),
    ("stalker", [80.0, 80.0, 1.0, 2.9531, 0.625, 0.625], Some([13.0, 1.0, 6.0, 6.5, 1.87, 0.167, 0.5])),
    ("zealot", [100.0, 50.0, 1.0, 2.25, 0.5, 0.375], Some([8.0, 2.0, 0.1, 5.0, 1.2, 0.0, 0.5])),
    ("colossus", [200.0, 150.0, 1.0, 2.25, 1.0, 0.75], Some([10.0, 2.0, 7.0, 7.5, 1.5, 0.0832, 0.5])),
    ("zergling", [35.0, 0.0, 0.0, 2.9531, 0.375, 0.375], Some([5.0, 1.0, 0.1, 5.0, 0.696, 0.167, 0.5])),
    ("hydralisk", [90.0, 0.0, 0.0, 2.25, 0.625, 0.5], Some([12.0, 1.0, 5.0, 5.5, 0.825, 0.208, 0.5])),
    ("baneling", [30.0, 0.0, 0.0, 2.5, 0.375, 0.375], Some([20.0, 1.0, 0.25, 5.0, 0.833, 0.0, 0.5])),
    ("spine_crawler", [300.0, 0.0, 2.0, 0.0, 0.875, 0.875], Some([25.0, 1.0, 7.0, 5.0, 1.85, 0.3332, 0.5])),
    ("roach", [145.0, 0.0, 1.0, 2.25, 0.5, 0.5], Some([16.0, 1.0, 4.0, 5.0, 2.0, 0.167, 0.5])),
    ("ultralisk", [500.0, 0.0, 2.0, 2.9531, 1.0, 1.0], Some([35.0, 1.0, 1.0, 5.0, 0.86, 0.3332, 0.5])),
    ("overseer", [200.0, 0.0, 1.0, 1.875, 1.0, 0.75], None),
    ("overlord", [200.0, 0.0, 0.0, 0.6445, 1.0, 0.75], None),
];

#[test]
fn units_are_those_of_the_published_table() {
    for (name, body, weapon) in UNITS {
        let text = builtin_text("3s_vs_3z").unwrap().replace("zealot", name);
        let scenario = Scenario::parse(&text).unwrap();
        let unit = scenario.kind(scenario.enemies[0]);
        let found = [
            unit.hp,
            unit.shield,
            unit.armour,
            unit.speed,
            unit.radius,
            unit.separation_radius,
        ];
        assert_eq!(found, body, "{name}");
        let found = unit.weapon.as_ref().map(|weapon| {
            [
                weapon.damage,
                weapon.hits as f32,
                weapon.range,
                weapon.scan_range,
                weapon.period,
                weapon.damage_point,
                weapon.backswing,
            ]
        });
        assert_eq!(found, weapon, "{name}");
    }
}

#[test]
fn every_map_has_the_sizes_and_rewards_of_the_table() {
    let smac = names().take(SIZES.len());
    assert!(smac.eq(SIZES.iter().map(|row| row.0)));
    for (name, lengths, points, reward, scale) in SIZES {
        let scenario = builtin(name).unwrap();
        let task = |layout| {
            let map = name.to_owned();
            Smac::new(SmacConfig {
                map,
                layout,
                ..SmacConfig::default()
            })
            .unwrap()
        };
        let (smac, commformer) = (task(Layout::Oxwhirl), task(Layout::Commformer));
        let found = [
            smac.spec().agents,
            scenario.enemies.len(),
            smac.spec().actions.size(),
            smac.spec().obs_dim,
            smac.spec().state_dim,
            commformer.spec().obs_dim,
            commformer.spec().state_dim / scenario.allies.len(),
        ];
        assert_eq!(found, lengths, "{name}");
        let enemies = scenario.enemies.iter().map(|&enemy| scenario.kind(enemy));
        assert_eq!(strength(enemies), points, "{name}");
        let found = SmacConfig::default().reward_scale(scenario.enemies.len(), points);
        assert!(
            (found - scale).abs() < 6e-7 && (20.0 / found - reward).abs() < 1e-3,
            "{name}"
        );
    }
}

/// A side as the table writes it.
fn roster(scenario: &Scenario, side: &[Member]) -> String {
    let kin = side.chunk_by(|one, next| one.unit == next.unit);
    let words = kin.map(|kin| {
        let kind = match scenario.units[kin[0].unit].0.as_str() {
            "overload_rl" => "Overload_RL".to_owned(),
            "spine_crawler" => "SpineCrawler".to_owned(),
            name => {
                let name = name.trim_end_matches("_rl");
                name[..1].to_uppercase() + &name[1..]
            }
        };
        format!("{} {kind}", kin.len())
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_map_has_the_roster_of_the_table() {
    for (name, allies, enemies, limit, bits) in ROSTERS {
        let scenario = builtin(name).unwrap();
        assert_eq!(scenario.name, name);
        assert_eq!(roster(&scenario, &scenario.allies), allies, "{name}");
        assert_eq!(roster(&scenario, &scenario.enemies), enemies, "{name}");
        assert_eq!(
            (scenario.limit, scenario.type_bits),
            (limit, bits),
            "{name}"
        );
    }
}

#[test]
fn types_have_the_numbers_that_smac_gives_them() {
    let ids = |name: &str| {
        let scenario = builtin(name).unwrap();
        let side = |members: &[Member]| {
            let kin = members.chunk_by(|one, next| one.unit == next.unit);
            kin.map(|kin| kin[0].type_id).collect::<Vec<_>>()
        };
        (side(&scenario.allies), side(&scenario.enemies))
    };
    // In the order of the rosters.
    assert_eq!(ids("3m"), (vec![None], vec![None]));
    assert_eq!(
        ids("2s3z"),
        (vec![Some(0), Some(1)], vec![Some(1), Some(0)])
    );
    let three = vec![Some(0), Some(1), Some(2)];
    assert_eq!(ids("1c3s5z"), (three.clone(), three.clone()));
    assert_eq!(ids("MMM2"), (three.clone(), three));
    assert_eq!(ids("1o_10b_vs_1r"), (vec![Some(0), Some(1)], vec![Some(0)]));
    assert_eq!(ids("1o_2r_vs_4r"), (vec![Some(0), Some(1)], vec![Some(0)]));
}

#[test]
fn maps_change_the_units_that_the_table_says() {
    let unit = |map: &str, name: &str| {
        let scenario = builtin(map).unwrap();
        let found = scenario.units.iter().find(|(kind, _)| kind == name);
        found.unwrap().1.clone()
    };
    assert_eq!(unit("MMM", "medivac_rl").speed, 2.75);
    assert_eq!(unit("MMM", "medivac").speed, 2.5);
    assert_eq!(unit("6h_vs_8z", "hydralisk_rl").hp, 80.0);
    assert_eq!(unit("5z_vs_1ul", "zealot_rl").cooldown_scale, 35.0);
    let roach = unit("1o_2r_vs_4r", "roach");
    let weapon = roach.weapon.unwrap();
    assert_eq!((weapon.period, weapon.scan_range), (1.0, 3.0));
    // What the map does not mention stays.
    assert_eq!((weapon.damage, weapon.range), (16.0, 4.0));
    let scout = unit("1o_10b_vs_1r", "overload_rl");
    assert_eq!((scout.speed, scout.plane), (0.4687, Plane::Air));
}

/// Cells whose middle is free for a plane.
fn free_middles(scenario: &Scenario, plane: Plane) -> usize {
    let middles = (0..32).flat_map(|y| (0..32).map(move |x| [x as f32 + 0.5, y as f32 + 0.5]));
    middles
        .filter(|&point| scenario.terrain.is_free(point, plane))
        .count()
}

fn free_cells(name: &str, plane: Plane) -> usize {
    free_middles(&builtin(name).unwrap(), plane)
}

#[test]
fn terrain_has_as_many_free_cells_as_were_painted() {
    assert_eq!(free_cells("3m", Plane::Ground), 16 * 32);
    assert_eq!(free_cells("3s_vs_5z", Plane::Ground), 32 * 32);
    assert_eq!(free_cells("3m", Plane::Air), 32 * 32);
    // By hand: 2 x 12 + 2 x 16 + 12 x 20 + 2 x 16 + 2 x 12.
    assert_eq!(free_cells("bane_vs_bane", Plane::Ground), 352);
    // By hand: 10 x 10 + 2 x (2 + 12 + 14) + 4 x 18 + 2 x (16 + 14 + 12 + 10); the diagonals add cells.
    let painted = builtin_text("corridor")
        .unwrap()
        .replace("diagonals = true", "");
    assert_eq!(
        free_middles(&Scenario::parse(&painted).unwrap(), Plane::Ground),
        332
    );
    // By hand: 6 x 32 + 2 x 16 + 12 x 28 + 2 x 24 + 2 x 24 + 2 x 24 + 6 x 32.
    assert_eq!(free_cells("2s_vs_1sc", Plane::Ground), 896);
    // By hand: 2 x (24 + 28 + 32 + 8 + 32 + 28 + 16); the cliff is 2 x 24 more.
    assert_eq!(free_cells("2c_vs_64zg", Plane::Ground), 336);
    assert_eq!(free_cells("2c_vs_64zg", Plane::Cliffs), 384);
}

#[test]
fn the_halves_of_corridor_are_joined_along_diagonals() {
    let scenario = builtin("corridor").unwrap();
    let free = |x, y| scenario.terrain.is_free([x, y], Plane::Ground);
    // Beside the corner (12, 12) where the painted cells only touch, and beyond the edges of the way.
    assert!(free(11.9, 12.1) && free(12.1, 11.9) && free(11.1, 12.9) && free(12.9, 11.1));
    assert!(!free(10.9, 13.1) && !free(13.1, 10.9));
    let there = scenario
        .terrain
        .slide([15.0, 15.0], [11.0, 11.0], Plane::Ground);
    assert_eq!(there, [11.0, 11.0]);
}
