//! The steps of both levels: minibatches in, weights changed.

use super::bilevel;
use super::experience::Experience;
use super::gradient::{Gradient, Objective, PartGraph, Parts, gradient};
use super::not_finite::{EDGE_LOGITS, Proposal, not_finite_of};
use super::selection::Selection;
use crate::policy::{Level, learned_graph};
use crate::ranks::Ranks;
use crate::returned;
use crate::rollout::graphs::{self, Drawn, Graphs};
use crate::{
    BilevelConfig, Diverged, Estimator, GraphPlan, Losses, Policy, PolicyResult, PpoConfig,
    Purpose, Settings, TeamGraphs, TrainError, seed_for,
};
use commformer_env::Rng;
use commformer_torch::gradients::clip_norm;
use commformer_torch::{Adam, AdamConfig, AdamState, threads};
use tch::Tensor;

/// Epsilon of the graph's Adam, as in the authors' code: straight-through gradients of logits can be 1e-7, of which PPO's
/// 1e-5 would leave a hundredth of a step.
const UPPER_EPS: f64 = 1e-8;

/// Who does the work: a replica for each thread of the pool, and other processes.
pub type Workers<'a> = (
    &'a mut [Box<dyn Policy>],
    &'a rayon::ThreadPool,
    Option<&'a mut Ranks>,
);

/// A policy, its optimisers, and the workers that differentiate it.
#[derive(Debug)]
pub struct Learner<P> {
    policy: P,
    replicas: Vec<Box<dyn Policy>>,
    pool: rayon::ThreadPool,
    /// `None` for a process that is alone.
    pub(crate) ranks: Option<Ranks>,
    seed: u64,
    pub(crate) lower: Adam,
    /// `None` for a policy that learns no graph.
    pub(crate) upper: Option<Adam>,
}

impl<P: Policy> Learner<P> {
    /// Prepares both optimisers and a replica of the policy for each worker.
    pub fn new(policy: P, settings: &Settings, plan: &GraphPlan) -> Result<Self, TrainError> {
        let workers = crate::workers(settings.run.threads);
        // One libtorch thread for each worker: the workers keep the cores busy, and no result
        // depends on how libtorch would have split an operation.
        threads::set_intra_op(1)?;
        // Workers make and drop the same tensors in every part; a refusal only costs time.
        threads::keep_memory();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(workers)
            .build()
            .map_err(|error| TrainError::Setting {
                field: "run.threads".into(),
                found: format!("{workers} ({error})"),
                expected: "a number of threads that the system can start".into(),
            })?;
        let adam = |lr, eps| AdamConfig {
            lr,
            eps,
            ..AdamConfig::default()
        };
        let upper_lr = match plan {
            GraphPlan::Learned(schedule) => schedule.lr,
            GraphPlan::Fixed(_) | GraphPlan::None => 0.0,
        };
        let upper = policy.graph().map(|graph| {
            let leaf = (EDGE_LOGITS.into(), graph.edge_logits());
            Adam::new(vec![leaf], adam(upper_lr, UPPER_EPS))
        });
        Ok(Self {
            lower: Adam::new(
                policy.parameters(),
                adam(settings.ppo.lr, settings.ppo.adam_eps),
            )?,
            upper: upper.transpose()?,
            replicas: (0..workers)
                // SAFETY: the replicas never leave the learner. Workers have them within `pool.scope` alone, which
                // a method that borrows the learner mutably waits for; weights change in other such methods, and
                // in `Trainer::restore`, which borrows it mutably, too.
                .map(|_| unsafe { policy.replica() })
                .collect::<PolicyResult<_>>()?,
            policy,
            pool,
            ranks: None,
            seed: settings.run.seed,
        })
    }

    /// The policy as it is now.
    pub fn policy(&self) -> &P {
        &self.policy
    }

    /// The same, without replicas that share its weights.
    pub fn into_policy(self) -> P {
        self.policy
    }

    /// The same, to be changed.
    pub fn policy_mut(&mut self) -> &mut P {
        &mut self.policy
    }

    /// A replica of the policy for each worker, the workers, and the ranks.
    pub fn workers(&mut self) -> Workers<'_> {
        (&mut self.replicas, &self.pool, self.ranks.as_mut())
    }

    /// Takes saved weights; the optimisers are as at their start.
    pub fn begin_with(&mut self, weights: &[(String, Tensor)]) -> Result<(), TrainError> {
        self.policy.load_state(weights)?;
        returned::state(&self.policy.state(), weights)
    }

    /// Goes on from saved weights and optimisers.
    pub fn restore(
        &mut self,
        weights: &[(String, Tensor)],
        lower: AdamState,
        upper: AdamState,
    ) -> Result<(), TrainError> {
        self.begin_with(weights)?;
        self.lower.load_state(lower)?;
        match &mut self.upper {
            Some(own) => own.load_state(upper)?,
            None if upper.moments.is_empty() => {}
            None => {
                let what = "it has a learned graph, this run's policy none";
                return Err(TrainError::Mismatch(what.into()));
            }
        }
        Ok(())
    }

    /// All epochs of an iteration, each of the level whose turn it is; of the lower level none after one that went too
    /// far ([`PpoConfig::target_kl`]). Returns the losses of the lower level's steps.
    pub fn update(
        &mut self,
        plan: &GraphPlan,
        objective: Objective<'_>,
        graphs: &Graphs,
        experience: &Experience,
        iteration: u64,
    ) -> Result<Vec<Losses>, TrainError> {
        let PpoConfig {
            epochs, target_kl, ..
        } = *objective.ppo;
        let mut losses = Vec::new();
        let mut far = false;
        for epoch in 0..epochs {
            let update = iteration * epochs as u64 + epoch as u64;
            let upper = bilevel::upper_turn(plan, graphs, epoch);
            // The score function's step needs no pass through the policy, and takes no epoch away from it.
            let lower = upper.is_none_or(|schedule| schedule.estimator == Estimator::ScoreFunction);
            if lower && !far {
                let steps = self.lower_epoch(plan, objective, graphs, experience, update)?;
                far = target_kl > 0.0 && Losses::mean(&steps).kl > target_kl;
                losses.extend(steps);
            }
            if let Some(schedule) = upper {
                self.upper_step(schedule, objective, graphs, experience, update)?;
            }
        }
        Ok(losses)
    }

    /// One pass of the lower level over its samples; `update` numbers the epochs of the run.
    /// Returns the losses of its steps.
    fn lower_epoch(
        &mut self,
        plan: &GraphPlan,
        objective: Objective<'_>,
        graphs: &Graphs,
        experience: &Experience,
        update: u64,
    ) -> Result<Vec<Losses>, TrainError> {
        let ppo = objective.ppo;
        let envs = experience.num_envs();
        // Nothing is held out for an upper level that does not learn.
        let lower_envs = match &graphs.drawn {
            None => envs,
            Some(_) => bilevel::lower_envs(plan, envs),
        };
        let samples = experience.of_envs(0..lower_envs);
        let mut losses = Vec::with_capacity(ppo.minibatches);
        let cut = minibatches(self.seed, samples, ppo.minibatches, update);
        for (minibatch, selection) in cut.iter().enumerate() {
            let draw = update * ppo.minibatches as u64 + minibatch as u64;
            // The lower level takes the graph as it is: no gradient reaches the logits.
            let drawn = match &graphs.drawn {
                Some(Drawn::Anew) => {
                    let noise = graphs::update_noise(self.seed, draw, &graphs.acting);
                    Some(
                        tch::no_grad(|| learned_graph(&self.policy)?.sample(&noise))?
                            .graphs
                            .detach(),
                    )
                }
                _ => None,
            };
            let graph = |part: &Selection| {
                PartGraph::Given(match &drawn {
                    Some(graph) => TeamGraphs::new(graph.shallow_clone()),
                    None => experience.acted_on(part, graphs),
                })
            };
            losses.push(self.step(Level::Lower, objective, experience, selection, &graph, draw)?);
        }
        Ok(losses)
    }

    /// One step of the upper level, over all of its samples.
    fn upper_step(
        &mut self,
        schedule: &BilevelConfig,
        objective: Objective<'_>,
        graphs: &Graphs,
        experience: &Experience,
        update: u64,
    ) -> Result<(), TrainError> {
        let envs = schedule.upper_envs(experience.num_envs());
        // Numbered like the minibatches that a lower epoch in its place would have had.
        let draw = update * objective.ppo.minibatches as u64;
        let noise = match &graphs.drawn {
            None => return Ok(()),
            Some(Drawn::Groups { order, log_probs }) => {
                let (advantages, compared) =
                    bilevel::group_advantages(&experience.outcomes, graphs, envs.start);
                let graph = learned_graph(&self.policy)?;
                let loss = bilevel::score_function_loss(
                    graph,
                    (order, log_probs),
                    (advantages.view(), compared),
                    schedule.entropy_weight(objective.progress),
                )?;
                let leaves = [graph.edge_logits()];
                let mut gradients = Tensor::f_run_backward(&[&loss], &leaves, false, false)?;
                // Only measured: advantages are in units of their standard deviation, so nothing needs clipping.
                let norm = clip_norm(&mut gradients, f64::MAX)?;
                let proposal = Proposal {
                    level: Level::Upper,
                    number: draw,
                    terms: &[("score-function", loss.f_double_value(&[])?)],
                    gradients: &gradients,
                    norm,
                };
                return self.take(&proposal, objective.ppo);
            }
            Some(Drawn::Once(noise)) => noise.shallow_clone(),
            Some(Drawn::Anew) => graphs::update_noise(self.seed, draw, &graphs.acting),
        };
        let selection = experience.of_envs(envs);
        let graph = |_: &Selection| PartGraph::Drawn(noise.shallow_clone());
        self.step(
            Level::Upper,
            objective,
            experience,
            &selection,
            &graph,
            draw,
        )?;
        Ok(())
    }

    /// Differentiates the samples of `selection` at a level, clips, and steps its optimiser.
    fn step(
        &mut self,
        level: Level,
        objective: Objective<'_>,
        experience: &Experience,
        selection: &Selection,
        graph: &dyn Fn(&Selection) -> PartGraph,
        draw: u64,
    ) -> Result<Losses, TrainError> {
        let ppo = objective.ppo;
        let dropout = seed_for(self.seed, Purpose::Dropout).wrapping_add(draw);
        let cut = selection.parts(experience.part_size(selection, ppo));
        let ranks = self.ranks.as_ref();
        let own = (cut.iter().enumerate())
            .filter(|(number, _)| ranks.is_none_or(|ranks| ranks.owns(*number)))
            .map(|(number, part)| {
                let noise = Rng::new(dropout, number as u64);
                (number, experience.part(part, graph(part), noise))
            })
            .collect();
        let parts = Parts {
            count: cut.len(),
            own,
        };
        let total_active = experience.count_active(selection).max(1) as f64;
        let Gradient {
            mut of_leaves,
            mut losses,
        } = gradient(
            &self.pool,
            &mut self.replicas,
            self.ranks.as_mut(),
            parts,
            level,
            objective,
            total_active,
        )?;
        losses.grad_norm = clip_norm(&mut of_leaves, ppo.max_grad_norm)?;
        let proposal = Proposal {
            level,
            number: draw,
            terms: &losses.terms(),
            gradients: &of_leaves,
            norm: losses.grad_norm,
        };
        self.take(&proposal, ppo)?;
        Ok(losses)
    }

    /// Takes a step if it is finite.
    fn take(&mut self, step: &Proposal<'_>, ppo: &PpoConfig) -> Result<(), TrainError> {
        step.check(ppo, &self.lower, self.upper.as_ref())?;
        let optimiser = match step.level {
            Level::Lower => Some(&mut self.lower),
            Level::Upper => self.upper.as_mut(),
        };
        Ok(optimiser.map_or(Ok(()), |optimiser| optimiser.step(step.gradients))?)
    }

    /// Refuses weights that are not finite after an iteration's last step; after an earlier one the next loss
    /// may already have shown it.
    pub fn check_weights(&self, iteration: u64) -> Result<(), TrainError> {
        let weights = not_finite_of(&self.lower, self.upper.as_ref())?;
        match weights.is_empty() {
            true => Ok(()),
            false => Err(TrainError::Diverged(Diverged { iteration, weights })),
        }
    }
}

/// Splits samples, or whole sequences of them, evenly and at random; one minibatch is everything, in order.
fn minibatches(seed: u64, samples: Selection, count: usize, update: u64) -> Vec<Selection> {
    if count <= 1 {
        return vec![samples];
    }
    let mut order: Vec<i64> = samples.samples().map(|unit| unit as i64).collect();
    Rng::new(seed_for(seed, Purpose::Minibatches), update).shuffle(&mut order);
    Selection::evenly(&order, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minibatches_are_drawn_anew_for_each_epoch() {
        let samples = || Selection::Range(0, 40);
        let drawn = |seed, update| minibatches(seed, samples(), 2, update);
        assert_eq!(drawn(1, 0), drawn(1, 0));
        let in_order = Selection::evenly(&(0..40).collect::<Vec<_>>(), 2);
        for (one, other) in [
            (drawn(1, 0), in_order),
            (drawn(1, 0), drawn(1, 1)),
            (drawn(1, 0), drawn(2, 0)),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(minibatches(1, samples(), 1, 0), [samples()]);
    }
}
