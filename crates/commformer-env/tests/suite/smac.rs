//! The built-in maps of `Smac`: episodes from beginning to end.

use commformer_env::smac::{Layout, Script, Smac, SmacConfig, builtin, names};
use commformer_env::{Environment, Status};

use crate::single::Single;

#[test]
fn random_play_reaches_the_end_on_every_map() {
    for map in names() {
        let limit = builtin(map).unwrap().limit();
        let config = SmacConfig {
            map: map.into(),
            layout: Layout::Commformer,
            ..SmacConfig::default()
        };
        let mut play = Single::new(Smac::new(config).unwrap(), 4);
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
        for (name, metric) in play.env.spec().metrics.iter().zip(&metrics) {
            // A return, up to rounding; the others are shares.
            let most = if name == "progress" { 20.0001 } else { 1.0 };
            assert!((0.0..=most).contains(metric), "{map}: {name} {metric}");
        }
    }
}
