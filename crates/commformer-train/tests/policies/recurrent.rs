//! A recurrent policy is trained on sequences: what it evaluates is what it did, and it learns to remember.

use crate::common::{self, bits, same_in_a_box};
use crate::memory::{self, Gru, Remembering};
use commformer_env::VecEnv;
use commformer_train::{GraphPlan, Policy, Settings, TrainError, Trainer};
use tch::{Kind, Tensor};

const ENVS: usize = 8;
const STEPS: usize = 16;
/// Half a rollout: the longest below the ten that the policy asks for.
const LENGTH: usize = 8;

fn trainer(settings: impl FnOnce(&mut Settings)) -> Result<Trainer<Gru, Remembering>, TrainError> {
    trainer_of(|gru| gru, settings)
}

/// Of what is made of the policy.
fn trainer_of<P: Policy>(
    made: impl FnOnce(Gru) -> P,
    settings: impl FnOnce(&mut Settings),
) -> Result<Trainer<P, Remembering>, TrainError> {
    let envs = VecEnv::new(vec![Remembering::new(); ENVS], 3).unwrap();
    let policy = made(Gru::new(envs.spec(), 1));
    let mut own = common::settings(ENVS, STEPS);
    own.rollout.shard = ENVS / 2;
    own.ppo.lr = 5e-3;
    settings(&mut own);
    Trainer::new(own, GraphPlan::None, policy, envs)
}

/// All environments in one shard and all samples in one part, in order, so that what is evaluated can be found again.
fn in_order(settings: &mut Settings) {
    settings.rollout.shard = ENVS;
    let ppo = &mut settings.ppo;
    (ppo.epochs, ppo.minibatches, ppo.chunk) = (1, 1, ENVS * STEPS);
}

/// The largest difference of entries.
fn apart(x: &Tensor, y: &Tensor) -> f64 {
    (x - y).abs().max().double_value(&[])
}

/// Rows of acting, (T, C, N), in the order of sequences, (L, B, N).
fn in_sequences(acted: &[Tensor]) -> Tensor {
    let all = Tensor::stack(acted, 0).unflatten(0, [-1, LENGTH as i64]); // (B / C, L, C, N)
    all.transpose(0, 1).flatten(1, 2)
}

#[test]
fn what_is_evaluated_is_what_was_done() {
    let mut trainer = trainer(in_order).unwrap();
    // The second rollout begins in the middle of episodes.
    for iteration in 0..2 {
        trainer.iterate().unwrap();
        let seen = std::mem::take(&mut *trainer.policy().seen.lock().unwrap());
        let [evaluated] = &seen.evaluated[..] else {
            panic!("{} evaluations", seen.evaluated.len());
        };
        assert_eq!(evaluated.begins.size()[..2], [8, 16]);
        assert_eq!(evaluated.memory.size(), [16, 2, memory::WIDTH]);
        let done = in_sequences(&seen.log_probs);
        assert!(apart(&evaluated.log_probs, &done) < 1e-5);
        // Without the beginnings it would be something else.
        assert!(apart(&evaluated.without_begins, &done) > 1e-3);
        // Agents are shown a cue where they begin, and nowhere else.
        let cued = in_sequences(&seen.obs).select(-1, 0);
        let within = |x: &Tensor| x.narrow(0, 1, LENGTH as i64 - 1);
        assert_eq!(within(&evaluated.begins), within(&cued));
        assert!(within(&cued).sum(Kind::Float).double_value(&[]) > 20.0);
        // Nothing begins anew in a rollout's first step: what is carried into it was set to zeros already.
        let first = evaluated.begins.get(0).narrow(0, 0, ENVS as i64);
        assert_eq!(first.sum(Kind::Float).double_value(&[]), 0.0);
        assert_eq!(
            iteration == 0,
            evaluated
                .memory
                .narrow(0, 0, 8)
                .abs()
                .max()
                .double_value(&[])
                == 0.0
        );
    }
}

#[test]
fn it_learns_to_remember() {
    let mut trainer = trainer(|_| {}).unwrap();
    let mut right = Vec::new();
    for _ in 0..80 {
        let report = trainer.iterate().unwrap();
        right.extend(report.metrics.first().map(|(_, share)| *share));
    }
    let mean = |some: &[f64]| some.iter().sum::<f64>() / some.len() as f64;
    let (begin, end) = (mean(&right[..5]), mean(&right[70..]));
    // Who does not remember guesses.
    assert!((begin - 0.5).abs() < 0.15 && end > 0.9, "{begin} to {end}");
}

#[test]
fn it_goes_on_to_the_bit_with_any_number_of_workers() {
    let mut whole = trainer(|_| {}).unwrap();
    whole.iterate().unwrap();
    let saved = whole.checkpoint().unwrap();
    assert!(saved.state.recurrent.iter().any(|number| *number != 0.0));
    whole.iterate().unwrap();
    let mut resumed = trainer(|settings| settings.run.threads = 2).unwrap();
    resumed.restore(saved).unwrap();
    resumed.iterate().unwrap();
    assert_eq!(bits(&resumed), bits(&whole));
}

#[test]
fn in_a_box_it_does_the_same_to_the_bit() {
    let boxed = trainer_of(|gru| Box::new(gru) as _, |_| {});
    same_in_a_box(&mut trainer(|_| {}).unwrap(), &mut boxed.unwrap());
}

#[test]
fn minibatches_are_made_of_whole_sequences() {
    let mut trained = trainer(|settings| settings.ppo.minibatches = 16).unwrap();
    trained.iterate().unwrap();
    let seen = trained.policy().seen.lock().unwrap();
    for evaluated in &seen.evaluated {
        // One sequence of each minibatch, by itself.
        assert_eq!(evaluated.begins.size(), [8, 1, 2]);
    }
    assert_eq!(seen.evaluated.len(), 5 * 16);
    let refused = trainer(|settings| settings.ppo.minibatches = 17).unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("from 1 to 16, the sequences of 8 steps"),
        "{text}"
    );
}
