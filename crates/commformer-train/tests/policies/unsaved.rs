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

/// Writes down how each episode begins.
struct Unsaved {
    task: PredatorPrey,
    begun: Arc<Mutex<Vec<Vec<u32>>>>,
}

#[deny(clippy::missing_trait_methods)]
impl Environment for Unsaved {
    forward_environment! { |this| this.task =>
        spec step metrics progress global_state sources must_receive departed action_names agent_names draw remote restore
    }

    fn reset(&mut self, rng: &mut Rng, out: Observation<'_>) {
        let mut ahead = rng.clone();
        let drawn = (0..4).map(|_| ahead.next_u32()).collect();
        self.begun.lock().unwrap().push(drawn);
        self.task.reset(rng, out);
    }

    fn save(&self) -> Option<Vec<u8>> {
        None
    }
}

/// What a run comes to in two iterations, from a checkpoint or from its beginning: how its episodes begin, and where it
/// stands.
fn run(from: Option<Checkpoint>) -> (Vec<Vec<u32>>, Checkpoint) {
    let begun = Arc::new(Mutex::new(Vec::new()));
    let task = PredatorPrey::new(PredatorPreyConfig::default()).unwrap();
    let envs = (0..ENVS).map(|_| Unsaved {
        task: task.clone(),
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
    let distinct: HashSet<_> = all.into_iter().flatten().collect();
    let count: usize = all.iter().map(|episodes| episodes.len()).sum();
    assert_eq!(distinct.len(), count);
    // From one place it always goes on alike.
    assert_eq!(run(Some(run(None).1)).0, second);
}
