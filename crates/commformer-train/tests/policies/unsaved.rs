//! A run whose environments cannot be saved goes on in other episodes, not in those with which it began.

use crate::bent::ENVS;
use crate::common::settings;
use crate::plain::Plain;
use commformer_env::{
    Environment, Observation, PredatorPrey, PredatorPreyConfig, Rng, VecEnv, forward_environment,
};
use commformer_train::{Checkpoint, GraphPlan, Trainer};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};

/// What an episode begins with: numbers that are drawn, and how far the run is.
type Beginning = (Vec<u32>, f64);

/// Writes down how each episode begins.
struct Unsaved {
    task: PredatorPrey,
    progress: f64,
    begun: Arc<Mutex<Vec<Beginning>>>,
}

#[deny(clippy::missing_trait_methods)]
impl Environment for Unsaved {
    forward_environment! { |this| this.task =>
        spec step metrics global_state sources must_receive departed action_names agent_names draw remote restore
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        let mut ahead = rng.clone();
        let drawn = (0..4).map(|_| ahead.next_u32()).collect();
        self.begun.lock().unwrap().push((drawn, self.progress));
        self.task.reset(rng, out);
    }

    fn progress(&mut self, share: f64) {
        self.progress = share;
    }

    fn save(&self) -> Option<Vec<u8>> {
        None
    }
}

/// What a run comes to in two iterations, from a checkpoint or from its beginning: how its episodes begin, and where it
/// stands.
fn run(from: Option<Checkpoint>) -> (Vec<Beginning>, Checkpoint) {
    let begun = Arc::new(Mutex::new(Vec::new()));
    let task = PredatorPrey::new(PredatorPreyConfig::default()).unwrap();
    let envs = (0..ENVS).map(|_| Unsaved {
        task: task.clone(),
        progress: 0.0,
        begun: Arc::clone(&begun),
    });
    let envs = VecEnv::new(envs.collect(), 1).unwrap();
    let policy = Plain::new(envs.spec(), 1);
    let mut trainer = Trainer::new(settings(ENVS, 50), GraphPlan::None, policy, envs).unwrap();
    if let Some(checkpoint) = from {
        begun.lock().unwrap().clear();
        trainer.restore(checkpoint).unwrap();
    }
    trainer.iterate().unwrap();
    trainer.iterate().unwrap();
    let checkpoint = trainer.checkpoint().unwrap();
    let begun = begun.lock().unwrap().clone();
    (begun, checkpoint)
}

#[test]
fn a_run_that_goes_on_has_other_episodes() {
    let (first, checkpoint) = run(None);
    let (second, later) = run(Some(checkpoint));
    let (third, _) = run(Some(later));
    let all = [&first, &second, &third];
    assert!(all.iter().all(|episodes| episodes.len() > ENVS));
    let distinct: HashSet<_> = all.into_iter().flatten().map(|(drawn, _)| drawn).collect();
    let count: usize = all.iter().map(|episodes| episodes.len()).sum();
    assert_eq!(distinct.len(), count);
    // A task with a curriculum goes on where the run was.
    let over = |episodes: &[Beginning]| episodes[0].1;
    let each = (2 * 50 * ENVS) as f64 / 1e6;
    assert_eq!(
        [over(&first), over(&second), over(&third)],
        [0.0, each, 2.0 * each]
    );
    // From one place it always goes on alike.
    assert_eq!(run(Some(run(None).1)).0, second);
}
