//! The built-in maps of `Smac`: sizes of both layouts, and episodes from beginning to end.

use commformer_env::smac::{Layout, Script, Smac, SmacConfig, builtin};
use commformer_env::{Environment, Status};

use crate::single::Single;

/// Map; agents, enemies, actions, observation and state of SMAC, observation and state for each agent of
/// CommFormer, hit points and shields of the enemies; limit.
const MAPS: [(&str, [usize; 8], u32); 26] = [
    ("3m", [3, 3, 9, 30, 48, 64, 81, 135], 60),
    ("8m", [8, 8, 14, 80, 168, 204, 251, 360], 120),
    ("25m", [25, 25, 31, 250, 950, 1054, 1203, 1125], 150),
    ("5m_vs_6m", [5, 6, 12, 55, 98, 124, 156, 270], 70),
    ("8m_vs_9m", [8, 9, 15, 85, 179, 217, 267, 405], 120),
    ("10m_vs_11m", [10, 11, 17, 105, 243, 289, 351, 495], 150),
    ("27m_vs_30m", [27, 30, 36, 285, 1170, 1288, 1458, 1350], 180),
    ("MMM", [10, 10, 16, 160, 290, 334, 393, 715], 150),
    ("MMM2", [10, 12, 18, 176, 322, 370, 435, 885], 180),
    ("2s3z", [5, 5, 11, 80, 120, 144, 173, 770], 120),
    ("3s5z", [8, 8, 14, 128, 216, 252, 299, 1230], 150),
    ("3s5z_vs_3s6z", [8, 9, 15, 136, 230, 268, 318, 1380], 170),
    ("3s_vs_3z", [3, 3, 9, 36, 54, 70, 87, 450], 150),
    ("3s_vs_4z", [3, 4, 10, 42, 61, 79, 99, 600], 200),
    ("3s_vs_5z", [3, 5, 11, 48, 68, 88, 111, 750], 250),
    ("1c3s5z", [9, 9, 15, 162, 270, 310, 363, 1580], 180),
    ("2m_vs_1z", [2, 1, 7, 16, 26, 36, 44, 150], 150),
    ("corridor", [6, 24, 30, 156, 282, 346, 435, 840], 400),
    ("6h_vs_8z", [6, 8, 14, 78, 140, 172, 213, 1200], 150),
    ("2s_vs_1sc", [2, 1, 7, 17, 27, 37, 45, 300], 300),
    (
        "so_many_baneling",
        [7, 32, 38, 202, 397, 479, 595, 960],
        100,
    ),
    ("bane_vs_bane", [24, 24, 30, 336, 984, 1084, 1227, 820], 200),
    ("2c_vs_64zg", [2, 64, 70, 332, 342, 478, 675, 2240], 400),
    ("1o_10b_vs_1r", [11, 1, 7, 84, 148, 176, 211, 145], 50),
    ("1o_2r_vs_4r", [3, 4, 10, 49, 68, 86, 106, 240], 50),
    ("5z_vs_1ul", [5, 1, 7, 35, 63, 79, 96, 500], 150),
];

fn task(map: &str, layout: Layout) -> Smac {
    let config = SmacConfig {
        map: map.into(),
        layout,
        ..SmacConfig::default()
    };
    Smac::new(config).unwrap()
}

#[test]
fn sizes_of_every_map_are_those_of_the_public_programs() {
    for (map, sizes, limit) in MAPS {
        let scenario = builtin(map).unwrap();
        let agents = scenario.allies.len();
        let (smac, commformer) = (task(map, Layout::Oxwhirl), task(map, Layout::Commformer));
        let strength = |&member| scenario.kind(member).hp + scenario.kind(member).shield;
        let found = [
            smac.spec().agents,
            scenario.enemies.len(),
            smac.spec().actions.size(),
            smac.spec().obs_dim,
            smac.state_len(),
            commformer.spec().obs_dim,
            commformer.state_len() / agents,
            scenario.enemies.iter().map(strength).sum::<f32>() as usize,
        ];
        assert_eq!((found, scenario.limit), (sizes, limit), "{map}");
    }
}

#[test]
fn random_play_reaches_the_end_on_every_map() {
    for (map, _, limit) in MAPS {
        let mut play = Single::new(task(map, Layout::Commformer), 4);
        play.reset();
        let mut actions = vec![0; play.env.spec().agents];
        let (mut status, mut steps) = (Status::Running, 0);
        while status == Status::Running {
            Script::Random.act(&play.env, &mut play.rng, &mut actions);
            status = play.step(&actions);
            steps += 1;
            assert!(
                play.obs
                    .iter()
                    .chain(&play.rewards)
                    .all(|number| number.is_finite()),
                "{map}"
            );
            assert!(play.rewards.iter().all(|&reward| reward >= 0.0), "{map}");
        }
        assert!(
            status == Status::Terminated || steps == limit,
            "{map}: {steps} steps"
        );
        let metrics = play.metrics();
        assert!(
            metrics.iter().all(|share| (0.0..=1.0).contains(share)),
            "{map}: {metrics:?}"
        );
    }
}
