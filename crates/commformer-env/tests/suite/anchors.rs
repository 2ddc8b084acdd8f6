//! Metrics of known policies on 5 x 5 cells with three agents, measured once with other programs
//! over 1,000 episodes or more of at most 20 steps.

use commformer_env::{PredatorCapturePrey, PredatorPrey, Rng, Status};

use crate::single::Single;

type Places = Vec<(usize, usize)>;

/// Means over episodes.
#[derive(Debug)]
struct Means {
    steps: f64,
    team_return: f64,
    success: f64,
}

/// Plays episodes of a grid task under a policy that sees everyone's place.
macro_rules! means {
    ($task:ty, $episodes:expr, $policy:expr) => {{
        let mut task = Single::new(<$task>::new(Default::default()).unwrap(), 2024);
        let mut policy = $policy;
        let mut sum = Means {
            steps: 0.0,
            team_return: 0.0,
            success: 0.0,
        };
        for _ in 0..$episodes {
            task.reset();
            let mut status = Status::Running;
            while status == Status::Running {
                let places: Places = task.env.locations().collect();
                status = task.step(&policy(&places));
                sum.steps += 1.0;
                sum.team_return += f64::from(task.rewards.iter().sum::<f32>()) / 3.0;
            }
            sum.success += f64::from(task.metrics()[0]);
        }
        let episodes = f64::from($episodes);
        Means {
            steps: sum.steps / episodes,
            team_return: sum.team_return / episodes,
            success: sum.success / episodes,
        }
    }};
}

fn random(actions: u32) -> impl FnMut(&Places) -> Vec<i64> {
    let mut rng = Rng::new(11, 0);
    move |_| (0..3).map(|_| rng.below(actions).into()).collect()
}

/// Everyone walks straight to the only prey, which comes last, and then does `there`.
fn greedy(there: i64) -> impl FnMut(&Places) -> Vec<i64> {
    move |places| {
        let prey = places[3];
        let towards = |&(row, col): &(usize, usize)| match () {
            () if row > prey.0 => 0,
            () if row < prey.0 => 2,
            () if col < prey.1 => 1,
            () if col > prey.1 => 3,
            () => there,
        };
        places[..3].iter().map(towards).collect()
    }
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!(
        (found - expected).abs() < tolerance,
        "{found}, but expected {expected} to {tolerance}"
    );
}

// The tolerances are about three standard errors of the difference between the two samples.

#[test]
fn random_predators() {
    let found = means!(PredatorPrey, 6_000, random(5));
    close(found.steps, 19.83, 0.12);
    close(found.team_return, -0.826, 0.025);
    close(found.success, 0.033, 0.02);
}

#[test]
fn random_perception_and_capture() {
    let found = means!(PredatorCapturePrey, 6_000, random(6));
    close(found.steps, 19.94, 0.08);
    close(found.team_return, -0.859, 0.025);
    close(found.success, 0.010, 0.0095);
}

#[test]
fn predators_that_know_everything() {
    let found = means!(PredatorPrey, 6_000, greedy(4));
    close(found.steps, 4.68, 0.08);
    assert_eq!(found.success, 1.0);
}

#[test]
fn perception_and_capture_that_know_everything() {
    let found = means!(PredatorCapturePrey, 6_000, greedy(5));
    close(found.steps, 5.09, 0.08);
    assert_eq!(found.success, 1.0);
}
