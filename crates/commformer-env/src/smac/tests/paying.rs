//! What is paid, and how episodes end.

use super::*;
use crate::smac::Reward;
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};

const CLOSE: [[f32; 2]; 2] = [[10.0, 16.0], [13.0, 16.0]];

fn weak() -> Unit {
    Unit {
        hp: 6.0,
        ..marine()
    }
}

#[test]
fn one_shot_that_wins_pays_all_there_is() {
    let mut team = Team::at(
        &CLOSE,
        scenario(&[marine()], &[weak()]),
        SmacConfig::default(),
    );
    assert_eq!(team.step(&[6]), Status::Terminated);
    // (6 hit points + 10 + 200) * 20 / 216
    assert!((team.rewards[0] - 20.0).abs() < 1e-5, "{:?}", team.rewards);
    assert_eq!(team.metrics()[..4], [1.0, 1.0, 0.0, 1.0]);
    assert!((team.metrics()[4] - 20.0).abs() < 1e-5 && team.metrics()[5] == 0.0);
}

#[test]
fn a_hit_pays_its_share_to_everyone() {
    let points = [[10.0, 16.0], [11.0, 16.0], [13.0, 16.0]];
    let mut team = Team::at(
        &points,
        scenario(&[marine(), marine()], &[marine()]),
        SmacConfig::default(),
    );
    assert_eq!(team.step(&[6, 1]), Status::Running);
    // 6 of 45 + 10 + 200
    let expected = 6.0 * 20.0 / 255.0;
    assert!(
        team.rewards
            .iter()
            .all(|reward| (reward - expected).abs() < 1e-5),
        "{:?}",
        team.rewards
    );
    assert!((team.metrics()[3] - 6.0 / 45.0).abs() < 1e-6);
}

#[test]
fn rewards_have_the_size_that_is_configured() {
    let config = SmacConfig {
        reward_win: 5.0,
        reward_death_value: 3.0,
        reward_scale_rate: 0.0,
        ..SmacConfig::default()
    };
    let mut team = Team::at(&CLOSE, scenario(&[marine()], &[weak()]), config.clone());
    team.step(&[6]);
    assert_eq!(team.rewards, [14.0]);
    let config = SmacConfig {
        reward_scale_rate: 7.0,
        ..config
    };
    let mut team = Team::at(&CLOSE, scenario(&[marine()], &[weak()]), config);
    team.step(&[6]);
    assert_eq!(team.rewards, [7.0]);
}

#[test]
fn own_losses_cost_only_where_that_is_configured() {
    let paid = |only_positive| {
        let mut scenario = scenario(&[weak()], &[hits(100.0)]);
        scenario.first_order = FirstOrder::AttackMove(CLOSE[0]);
        let config = SmacConfig {
            reward_only_positive: only_positive,
            reward_defeat: -8.0,
            reward_scale_rate: 0.0,
            ..SmacConfig::default()
        };
        let mut team = Team::at(&CLOSE, scenario, config);
        let mut sum = 0.0;
        let mut status = Status::Running;
        while status == Status::Running {
            status = team.step(&[1]);
            sum += team.rewards[0];
        }
        assert_eq!(status, Status::Terminated);
        assert_eq!(team.metrics(), [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
        sum
    };
    assert_eq!(paid(true), -8.0);
    // Half of 6 hit points and 10.
    assert_eq!(paid(false), -16.0);
}

/// A Stalker with half of its 160 points: what it lacks is neither paid nor counted.
#[test]
fn weakened_enemies_pay_what_they_begin_with() {
    for reward in [Reward::Progress, Reward::Losses, Reward::Smac] {
        let config = SmacConfig {
            enemy_health: 0.5,
            reward,
            ..SmacConfig::default()
        };
        let battle = scenario(&[hits(41.0)], &[stalker()]);
        let mut team = Team::new(battle.clone(), config.clone());
        team.env.progress(0.0);
        team.begin(&CLOSE);
        assert_eq!((team.units()[1].hp, team.units()[1].shield), (40.0, 40.0));
        assert_eq!(team.step(&[1]), Status::Running);
        assert_eq!((team.rewards[0], team.metrics()), (0.0, [0.0; 6]));
        // The gun does 41 to the shield and then, but for 1 of armour, to the hit points: 40 are left in all.
        while team.metrics()[3] == 0.0 {
            assert_eq!(team.step(&[6]), Status::Running);
        }
        // Rewards are those of the map: 160 points, 10 and 200 are 20.
        let points = |paid: f32| paid * 20.0 / 370.0;
        let [shot, damage] = [team.rewards[0], team.metrics()[3]];
        assert!((shot - points(damage * 80.0)).abs() < 1e-5 && damage < 1.0);
        let saved = team.env.save().unwrap();
        let mut restored = Team::new(battle, config);
        restored.restore(&saved).unwrap();
        assert_eq!(restored.metrics(), team.metrics());
        let mut status = Status::Running;
        let mut sum = shot;
        while status == Status::Running {
            status = restored.step(&[6]);
            sum += restored.rewards[0];
        }
        let [won, kills, _, damage, progress, _] = restored.metrics();
        assert_eq!([won, kills, damage], [1.0; 3]);
        assert!((sum - points(290.0)).abs() < 1e-5 && (sum - progress).abs() < 1e-5);
    }
}

#[test]
fn enemies_are_weaker_in_the_first_part_of_training_alone() {
    let config = SmacConfig {
        enemy_health: 0.5,
        curriculum_end: 0.8,
        ..SmacConfig::default()
    };
    let mut team = Team::new(scenario(&[marine()], &[marine()]), config);
    // An evaluation, and whoever is not in training.
    team.begin(&CLOSE);
    assert_eq!(team.units()[1].hp, 45.0);
    for (share, points) in [(0.0, 22.5), (0.4, 33.75), (0.8, 45.0), (1.0, 45.0)] {
        team.env.progress(share);
        team.begin(&CLOSE);
        let [own, enemy] = [0, 1].map(|unit: usize| team.units()[unit].hp);
        assert_eq!((own, enemy), (45.0, points), "{share}");
    }
}

#[test]
fn an_episode_that_reaches_its_limit_is_truncated() {
    let steps = |limit| {
        let config = SmacConfig {
            episode_limit: limit,
            ..SmacConfig::default()
        };
        let far = [[2.0, 16.0], [30.0, 16.0]];
        let mut team = Team::at(&far, scenario(&[marine()], &[marine()]), config);
        (1..100).find(|_| team.step(&[1]) == Status::Truncated)
    };
    assert_eq!(steps(None), Some(60), "the battle's own");
    assert_eq!(steps(Some(7)), Some(7));
    assert_eq!(steps(Some(0)), None);
}

/// A Marine shoots at a Stalker that is not armed, lets its shield grow back, and shoots again: what the three parts pay, and
/// what the metric `progress` says then.
fn paid_twice(reward: Reward) -> [f32; 4] {
    let unarmed = Unit {
        weapon: None,
        ..stalker()
    };
    let config = SmacConfig {
        reward,
        reward_scale_rate: 0.0,
        ..SmacConfig::default()
    };
    let mut team = Team::at(&CLOSE, scenario(&[marine()], &[unarmed]), config);
    let mut pay = |action: i64, steps: usize| -> f32 {
        let rewards = (0..steps).map(|_| {
            team.step(&[action]);
            team.rewards[0]
        });
        rewards.sum()
    };
    let parts = [pay(6, 1), pay(1, 30), pay(6, 3)];
    assert_eq!(
        team.units()[1].shield,
        68.0,
        "hit once, and twice in the end"
    );
    [parts[0], parts[1], parts[2], team.metrics()[4]]
}

#[test]
fn a_shield_that_grows_back_pays_as_is_configured() {
    // 6 points a hit. In SMAC 6 that come back pay, too; there and as losses a second hit pays again; else only what
    // the third one takes below the first.
    assert_eq!(paid_twice(Reward::Smac), [6.0, 6.0, 12.0, 12.0]);
    assert_eq!(paid_twice(Reward::Losses), [6.0, 0.0, 12.0, 12.0]);
    assert_eq!(paid_twice(Reward::Progress), [6.0, 0.0, 6.0, 12.0]);
}

#[test]
fn what_was_paid_once_is_known_after_a_restart() {
    let unarmed = Unit {
        weapon: None,
        ..stalker()
    };
    let config = SmacConfig {
        reward_scale_rate: 0.0,
        ..SmacConfig::default()
    };
    let mut team = Team::at(
        &CLOSE,
        scenario(&[marine()], std::slice::from_ref(&unarmed)),
        config.clone(),
    );
    team.step(&[6]);
    for _ in 0..30 {
        team.step(&[1]);
    }
    let saved = team.env.save().unwrap();
    let mut other = Team::at(&CLOSE, scenario(&[marine()], &[unarmed]), config);
    other.restore(&saved).unwrap();
    other.step(&[6]);
    assert_eq!(other.rewards, [0.0], "the same 6 points again");
}

#[test]
fn a_limit_can_terminate() {
    let ends = |limit_terminates| {
        let config = SmacConfig {
            episode_limit: Some(3),
            limit_terminates,
            reward_defeat: -1.0,
            ..SmacConfig::default()
        };
        let far = [[2.0, 16.0], [30.0, 16.0]];
        let mut team = Team::at(&far, scenario(&[marine()], &[marine()]), config);
        let ends: Vec<Status> = (0..3).map(|_| team.step(&[1])).collect();
        assert_eq!(team.metrics()[5], 1.0, "out of time");
        assert_eq!(team.rewards, [0.0], "neither won nor lost");
        ends[2]
    };
    assert_eq!(ends(false), Status::Truncated);
    assert_eq!(ends(true), Status::Terminated);
}

#[test]
fn a_battle_that_both_sides_lose_is_not_won() {
    let mut battle = scenario(&[hits(100.0)], &[hits(100.0)]);
    battle.first_order = FirstOrder::AttackMove(CLOSE[0]);
    let config = SmacConfig {
        reward_scale_rate: 0.0,
        reward_defeat: -1.0,
        ..SmacConfig::default()
    };
    let mut team = Team::at(&CLOSE, battle, config);
    assert_eq!(team.step(&[6]), Status::Terminated);
    assert_eq!(team.metrics(), [0.0, 1.0, 1.0, 1.0, 55.0, 0.0]);
    assert_eq!(
        team.rewards,
        [45.0 + 10.0],
        "nor is it a defeat, as in SMAC"
    );
}

#[test]
fn rewards_that_add_up_to_no_number_are_refused_by_name() {
    // Two of them are more than may be paid.
    const HUGE: f32 = 0.6 * crate::LARGEST_NUMBER;
    type Change = fn(&mut SmacConfig);
    let refused = |changes: &[Change]| {
        let mut config = SmacConfig::default();
        changes.iter().for_each(|change| change(&mut config));
        let battle = scenario(&[marine()], &[marine(), marine()]);
        Smac::with_scenario(Arc::new(battle), config)
            .err()
            .map(|error| error.field)
    };
    let deaths: Change = |config| config.reward_death_value = HUGE;
    let win: Change = |config| config.reward_win = HUGE;
    let defeat: Change = |config| config.reward_defeat = -HUGE;
    let half: Change = |config| config.reward_death_value = HUGE / 2.0;
    let costly: Change = |config| config.reward_only_positive = false;
    let costlier: Change = |config| config.reward_negative_scale = 4.0;
    let scaled: Change = |config| config.reward_scale_rate = HUGE;
    for (changes, field) in [
        (&[deaths][..], Some("reward_death_value")),
        (&[win], None),
        (&[defeat], None),
        (&[half], None),
        (&[half, win], Some("reward_win")),
        (&[half, defeat], Some("reward_defeat")),
        (&[half, costly], None),
        (&[half, costlier], None),
        (&[half, costly, costlier], Some("reward_negative_scale")),
        (&[scaled], None),
        (&[scaled, defeat], Some("reward_scale_rate")),
    ] {
        assert_eq!(refused(changes).as_deref(), field);
    }
}

/// Who sees and cannot fight wins with the last who can; a healer does not, as in SMAC.
#[test]
fn a_battle_is_won_by_whoever_is_left() {
    let overseer = Unit {
        weapon: None,
        ..stalker()
    };
    for (left, won) in [(overseer, 1.0), (medivac(), 0.0)] {
        let mut battle = scenario(&[hits(100.0), left], &[hits(100.0)]);
        battle.first_order = FirstOrder::AttackMove(CLOSE[0]);
        let config = SmacConfig {
            reward_scale_rate: 0.0,
            reward_defeat: -1.0,
            ..SmacConfig::default()
        };
        let points = [CLOSE[0], [2.0, 16.0], CLOSE[1]];
        let mut team = Team::at(&points, battle, config);
        assert_eq!(team.step(&[6, 1]), Status::Terminated);
        let [found, kills, losses, ..] = team.metrics();
        assert_eq!([found, kills, losses], [won, 1.0, 0.5]);
        assert_eq!(team.rewards, [45.0 + 10.0 + 200.0 * won; 2]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_is_played_the_enemies_losses_are_paid(seed: u64) {
        let config = SmacConfig { reward: Reward::Smac, reward_scale_rate: 0.0, ..SmacConfig::default() };
        let points = [[10.0, 16.0], [10.0, 18.0], [14.0, 16.0], [14.0, 18.0]];
        let mut battle = scenario(&[hits(40.0), stalker()], &[stalker(), zealot()]);
        battle.first_order = FirstOrder::AttackMove([10.0, 16.0]);
        let mut team = Team::at(&points, battle, config);
        let mut rng = Rng::new(seed, 1);
        let enemies = |team: &Team| -> (f32, usize) {
            let alive = team.units()[2..].iter().filter(|unit| unit.is_alive());
            (alive.clone().map(|unit| unit.hp + unit.shield).sum(), alive.count())
        };
        let mut status = Status::Running;
        while status == Status::Running {
            let (strength, alive) = enemies(&team);
            let mut actions = [0; 2];
            crate::smac::Script::Random.act(&team.env, &mut rng, &mut actions);
            status = team.step(&actions);
            let (left, living) = enemies(&team);
            let won = if living == 0 { 200.0 } else { 0.0 };
            let expected = (strength - left + 10.0 * (alive - living) as f32).abs() + won;
            prop_assert!((team.rewards[0] - expected).abs() < 1e-3);
            prop_assert_eq!(team.rewards[0], team.rewards[1]);
        }
    }
}
