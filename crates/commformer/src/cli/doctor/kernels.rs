//! Whether the program's own kernels compute on this processor what libtorch computes.

use super::config;
use super::report::Outcome;
use crate::compose;
use commformer_env::Rng;
use commformer_train::{
    Actor, Evaluation, Gates, Level, ObsBatch, Policy, Samples, TeamGraphs, TrainError, by_autograd,
};
use tch::{Device, Kind, Tensor};

/// Teams that are compared at once.
const TEAMS: i64 = 64;

/// Largest differences that rounding explains, as a share of the largest number, of probabilities and
/// values and of gradients. `tests/policy/native.rs` of commformer-model holds all settings to them.
const OF_SCORES: f64 = 1e-5;
const OF_GRADIENTS: f64 = 1e-4;

/// Compares the kernels with libtorch on a policy of the usual sizes: acting, scoring and gradients.
pub(super) fn agree() -> anyhow::Result<Outcome> {
    let config = config("predator-prey", &["rollout.num_envs=8", "rollout.steps=10"])?;
    let mut trainer = compose::trainer(&config, Device::Cpu)?;
    // A policy at its start makes little difference between its actions.
    for _ in 0..3 {
        trainer.iterate()?;
    }
    let policy = trainer.policy();
    let spec = config.env.spec()?;
    let mut rng = Rng::new(config.run.seed, 0);
    let mut normals = |shape: &[i64]| {
        let count = shape.iter().product::<i64>();
        let numbers: Vec<f32> = (0..count).map(|_| rng.normal()).collect();
        Tensor::from_slice(&numbers).view(shape)
    };
    let agents = spec.agents as i64;
    let obs = normals(&[TEAMS, agents, spec.obs_dim as i64]);
    let weights = [(); 3].map(|()| normals(&[TEAMS, agents]));
    let batch = ObsBatch {
        obs: &obs,
        available: None,
        graph: &TeamGraphs::new(trainer.execution_graph()?.unsqueeze(0)),
        active: None,
        state: None,
        memory: None,
    };
    let act = policy
        .act(&batch, Gates::Open, None)
        .map_err(TrainError::from)?;
    let samples = Samples {
        sequence: None,
        batch,
        actions: &act.actions,
        gate: None,
    };
    let pass = |by_libtorch: bool| -> Result<_, TrainError> {
        let mut scores = Vec::new();
        let mut loss = |found: &Evaluation| {
            let found = [&found.log_probs, &found.entropy, &found.values];
            scores.extend(found.map(Tensor::detach));
            let terms = found.into_iter().zip(&weights);
            terms.map(|(x, weight)| (x * weight).sum(Kind::Float)).sum()
        };
        // For dropout, of which there is none.
        let mut noise = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        let gradients = match by_libtorch {
            true => by_autograd(policy, Level::Lower, &samples, &mut noise, &mut loss)?,
            false => policy.gradients(Level::Lower, &samples, &mut noise, &mut loss)?,
        };
        Ok((scores, gradients))
    };
    let (scores, gradients) = pass(false)?;
    let (their_scores, their_gradients) = pass(true)?;
    let acted = difference(&[act.log_probs], &their_scores[..1])?;
    let scored = difference(&scores, &their_scores)?;
    let of_gradients = difference(&gradients, &their_gradients)?;
    let found = format!(
        "kernels and libtorch differ by {acted:.0e} in acting, {scored:.0e} in scores, {of_gradients:.0e} in \
         gradients, as shares of the largest"
    );
    // Not a number is no agreement.
    let agree = acted < OF_SCORES && scored < OF_SCORES && of_gradients < OF_GRADIENTS;
    anyhow::ensure!(
        agree,
        "{found}; rounding explains {OF_SCORES:.0e} and {OF_GRADIENTS:.0e}"
    );
    Ok(Outcome::Ok(found))
}

/// The largest difference between numbers of two lists of tensors, as a share of the largest number
/// in the second, or of 1.
fn difference(found: &[Tensor], expected: &[Tensor]) -> anyhow::Result<f64> {
    anyhow::ensure!(
        found.len() == expected.len(),
        "{} tensors where {} are expected",
        found.len(),
        expected.len()
    );
    let (mut off, mut size) = (0.0, 1.0);
    for (found, expected) in found.iter().zip(expected) {
        let most =
            |x: Tensor| -> Result<f64, tch::TchError> { x.f_abs()?.f_max()?.f_double_value(&[]) };
        let distance = most(found.f_sub(expected)?)?;
        // `max` would lose what is not a number.
        if distance.is_nan() {
            return Ok(f64::NAN);
        }
        off = f64::max(off, distance);
        size = f64::max(size, most(expected.shallow_clone())?);
    }
    Ok(off / size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_agrees() {
        let Outcome::Ok(found) = agree().unwrap() else {
            panic!("skipped");
        };
        assert!(
            found.starts_with("kernels and libtorch differ by"),
            "{found}"
        );
    }

    #[test]
    fn differences_are_shares_of_the_largest() {
        let list = |numbers: &[f32]| [Tensor::from_slice(&[0.0f32]), Tensor::from_slice(numbers)];
        let off = |found: &[f32], expected: &[f32]| difference(&list(found), &list(expected));
        assert_eq!(off(&[4.0, 2.0], &[4.0, 1.0]).unwrap(), 0.25);
        assert_eq!(off(&[0.5], &[0.25]).unwrap(), 0.25);
        assert!(off(&[f32::NAN, 1.0], &[1.0, 1.0]).unwrap().is_nan());
        assert!(difference(&[], &list(&[1.0])).is_err());
    }
}
