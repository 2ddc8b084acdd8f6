//! The loop: draw graphs, collect, charge for messages, learn, report.

mod pricing;

use crate::panics::caught;
use crate::rollout::graphs::{self, Graphs};
use crate::rollout::noise::{Noise, streams};
use crate::rollout::{self, Collected, Shard};
use crate::update::experience::Experience;
use crate::update::gradient::Objective;
use crate::update::learner::Learner;
use crate::update::sequences;
use crate::{
    Best, GatePlan, GraphPlan, IterationReport, Losses, MessageSizes, Policy, PpoConfig, Purpose,
    RolloutConfig, RunConfig, TrainError, ValueNorm, seed_for,
};
use commformer_env::{Environment, Spec, VecEnv};
use commformer_torch::{Adam, AdamState};
use std::ops::Range;
use std::time::Instant;
use tch::{Kind, Tensor};

/// What a run needs to know beside its policy, its graph and its environments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Size of a rollout.
    pub rollout: RolloutConfig,
    /// The lower level.
    pub ppo: PpoConfig,
    /// Length, seed, workers and device.
    pub run: RunConfig,
}

/// Trains a policy of any kind in environments of any kind.
#[derive(Debug)]
pub struct Trainer<P, E> {
    pub(crate) settings: Settings,
    pub(crate) plan: GraphPlan,
    pub(crate) gate: Option<GatePlan>,
    /// Whether the gates were in force in a rollout: before, nobody has learned to live with them, and an
    /// evaluation leaves them open.
    pub(crate) gated: bool,
    pub(crate) learner: Learner<P>,
    sizes: MessageSizes,
    pub(crate) spec: Spec,
    pub(crate) shards: Vec<Shard<E>>,
    pub(crate) value_norm: ValueNorm,
    pub(crate) iteration: u64,
    pub(crate) steps: u64,
    pub(crate) best: Option<Best>,
    /// What ended an iteration before its time.
    failed: Option<String>,
}

impl<P: Policy, E: Environment> Trainer<P, E> {
    /// Prepares a run; the environments are reset.
    ///
    /// It changes the process: from here on libtorch computes on one thread, since the trainer's own workers share out the
    /// work, and on Linux the allocator keeps the memory that libtorch gives back.
    ///
    /// # Errors
    ///
    /// [`TrainError::Setting`] for a setting, a graph or a policy that cannot work, or what the environments, the policy or
    /// libtorch refuse.
    pub fn new(
        settings: Settings,
        plan: GraphPlan,
        mut policy: P,
        mut environments: VecEnv<E>,
    ) -> Result<Self, TrainError> {
        let sequence = sequence_of(&policy, &settings);
        crate::check::settings(
            &settings,
            &plan,
            environments.num_envs(),
            sequence.unwrap_or(1),
        )?;
        let agents = environments.spec().agents;
        crate::check::graph(&plan, policy.graph().is_some(), agents)?;
        let (rollout, device) = (&settings.rollout, settings.run.device);
        environments.progress(0.0);
        let spec = environments.spec().clone();
        let shards = rollout::shards(environments, rollout, &policy, device)?;
        // A reset leaves its observations in the row after the last step.
        let last = rollout.steps..rollout.steps + 1;
        take_in(&mut policy, &shards, last)?;
        Ok(Self {
            spec,
            shards,
            sizes: policy.message_sizes(),
            gate: None,
            gated: false,
            learner: Learner::new(policy, &settings, &plan)?,
            value_norm: ValueNorm::default(),
            iteration: 0,
            steps: 0,
            best: None,
            failed: None,
            settings,
            plan,
        })
    }

    /// Lets the policy's receive gates come into force as a plan says. Without one they stay open.
    ///
    /// # Errors
    ///
    /// [`TrainError::Setting`] if the policy has no gates, or the plan cannot work.
    pub fn with_gates(mut self, plan: impl Into<Option<GatePlan>>) -> Result<Self, TrainError> {
        self.gate = plan.into();
        if let Some(plan) = &self.gate {
            crate::check::gates(plan, self.policy().gates().is_some())?;
        }
        Ok(self)
    }

    /// Keeps what the policy reads and writes in a memory of its own, apart from the environments', as is
    /// done in any case where the device is not the CPU. On the CPU it changes no bit and takes time: a
    /// way to try that path without a GPU.
    ///
    /// # Errors
    ///
    /// [`TrainError::Tch`] if there is not enough memory.
    pub fn mirrored(mut self) -> Result<Self, TrainError> {
        for shard in &mut self.shards {
            shard.buffer.mirror_on(self.settings.run.device)?;
        }
        Ok(self)
    }

    /// One iteration: a rollout, and what is learned from it.
    ///
    /// # Errors
    ///
    /// [`TrainError`]; a panic of the policy, of an environment or of a worker is [`TrainError::Panicked`]. The trainer is
    /// then of no use: the rollout may be half-written, and some of the iteration's steps may be taken. The
    /// [policy](Self::policy) and the [optimisers](Self::optimisers) can still be looked at. Another call comes to
    /// [`TrainError::Failed`], and so does a [checkpoint](Self::checkpoint); after a [`TrainError::Fault`] both come to the same
    /// fault. Other processes of the run notice it when this trainer is dropped.
    pub fn iterate(&mut self) -> Result<IterationReport, TrainError> {
        self.sound()?;
        // A panic out of `tch::no_grad` would leave the caller's thread without gradients.
        let result = tch::with_grad(|| caught(|| self.iterate_once()));
        if let Err(error) = &result {
            self.failed = Some(error.to_string());
        }
        result
    }

    /// An error once an iteration has left something half-written.
    pub(crate) fn sound(&self) -> Result<(), TrainError> {
        for Shard { buffer, .. } in &self.shards {
            buffer.sound()?;
        }
        match &self.failed {
            None => Ok(()),
            Some(what) => Err(TrainError::Failed(what.clone())),
        }
    }

    fn iterate_once(&mut self) -> Result<IterationReport, TrainError> {
        let graph_before = self.execution_graph()?;
        let graphs = self.draw_graphs()?;
        let Collected {
            episodes,
            mut phases,
        } = self.collect(&graphs)?;

        let start = Instant::now();
        let (traffic, priced) = self.price_messages(&graphs)?;
        let ppo = &self.settings.ppo;
        let objective = Objective {
            ppo,
            gate: priced.as_ref().map(|(_, terms)| terms),
            progress: self.progress(),
        };
        let experience = Experience::new(
            &mut self.shards,
            &mut self.value_norm,
            ppo,
            self.settings.run.device,
            priced.is_some(),
            sequence_of(self.learner.policy(), &self.settings),
        )?;
        let losses =
            (self.learner).update(&self.plan, objective, &graphs, &experience, self.iteration)?;
        // The buffers lend no memory while tensors over it live.
        drop(experience);
        let steps = 0..self.settings.rollout.steps;
        take_in(self.learner.policy_mut(), &self.shards, steps)?;
        self.learner.check_weights(self.iteration)?;
        phases.update = start.elapsed().as_secs_f64();

        self.iteration += 1;
        self.steps += (self.settings.rollout.steps * self.settings.rollout.num_envs) as u64;
        self.decay_lr()?;
        Ok(IterationReport {
            iteration: self.iteration,
            steps: self.steps,
            losses: Losses::mean(&losses),
            traffic,
            price: priced.map(|(price, _)| price),
            graph_agreement: graphs.agreement(&graph_before)?,
            graph_changes: moved_edges(&graph_before, &self.execution_graph()?),
            phases,
            ..IterationReport::of_episodes(&episodes, &self.spec)
        })
    }

    /// The policy as it is now.
    pub fn policy(&self) -> &P {
        self.learner.policy()
    }

    /// The states of the optimisers as they are now, that of the policy and that of the graph, which has no parameters where
    /// none is learned. Like the policy they can be looked at after an iteration that failed.
    ///
    /// # Errors
    ///
    /// [`TrainError`] if the device refuses a copy.
    pub fn optimisers(&self) -> Result<[AdamState; 2], TrainError> {
        let upper = self.learner.upper.as_ref().map(Adam::state).transpose()?;
        Ok([self.learner.lower.state()?, upper.unwrap_or_default()])
    }

    /// The policy as it is now, when nobody trains it any longer.
    pub fn into_policy(self) -> P {
        self.learner.into_policy()
    }

    /// Iterations so far.
    pub fn iterations(&self) -> u64 {
        self.iteration
    }

    /// Environment steps so far, over all environments.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Share of the run that is over; 1 or more when it has taken all its steps.
    pub fn progress(&self) -> f64 {
        self.steps as f64 / self.settings.run.steps.max(1) as f64
    }

    /// The graph on which the team would be executed now, (N, N); (0, 0) for a team without one.
    ///
    /// # Errors
    ///
    /// [`TrainError`] if the policy refuses.
    pub fn execution_graph(&self) -> Result<Tensor, TrainError> {
        let device = self.settings.run.device;
        self.plan.executed(self.policy(), self.spec.agents, device)
    }

    /// Whether the policy's gates were in force in a rollout: before, nobody has learned to live with them, and an evaluation
    /// leaves them open.
    pub fn is_gated(&self) -> bool {
        self.gated
    }

    /// The gates' plan, once a rollout has gone by it.
    pub(crate) fn gates_learned(&self) -> Option<&GatePlan> {
        self.gate.as_ref().filter(|_| self.gated)
    }

    /// Sets the learning rate that belongs to the steps taken.
    pub(crate) fn decay_lr(&mut self) -> Result<(), TrainError> {
        let ppo = &self.settings.ppo;
        if !ppo.lr_decay {
            return Ok(());
        }
        let left = (1.0 - self.progress()).max(0.0);
        Ok(self.learner.lower.set_lr(ppo.lr * left)?)
    }

    /// Environments of all shards (C).
    fn num_envs(&self) -> usize {
        self.settings.rollout.num_envs
    }

    fn draw_graphs(&self) -> Result<Graphs, TrainError> {
        graphs::draw(
            &self.plan,
            self.policy(),
            self.num_envs(),
            self.settings.run.seed,
            self.iteration,
            self.progress(),
            self.settings.run.device,
        )
    }

    fn collect(&mut self, graphs: &Graphs) -> Result<Collected, TrainError> {
        let (seed, iteration, all) = (self.settings.run.seed, self.iteration, self.num_envs());
        let progress = self.progress();
        let in_force = |gate: &GatePlan| gate.ramp_at(progress).is_some();
        let gated = self.gate.as_ref().is_some_and(in_force);
        for environments in (self.shards.iter_mut()).filter_map(|shard| shard.environments.own()) {
            environments.progress(progress);
        }
        let noise = |envs: Range<usize>| {
            let of = |purpose| streams(seed_for(seed, purpose), iteration, envs.clone(), all);
            Noise {
                actions: Some(of(Purpose::Actions)),
                gates: gated.then(|| of(Purpose::Gates)),
                draw_gates: true,
            }
        };
        let workers = self.learner.workers();
        rollout::collect(&mut self.shards, workers, graphs, &noise)
    }
}

/// Lets the policy take in what its agents saw in some steps.
fn take_in<P: Policy, E: Environment>(
    policy: &mut P,
    shards: &[Shard<E>],
    steps: Range<usize>,
) -> Result<(), TrainError> {
    for Shard { buffer, .. } in shards {
        let (obs, active) = buffer.seen(steps.clone())?;
        policy.take_in(obs, active)?;
    }
    Ok(())
}

/// The length of the sequences that a policy evaluates, if it does.
pub(crate) fn sequence_of<P: Policy>(policy: &P, settings: &Settings) -> Option<usize> {
    let wish = policy.sequence()?;
    Some(sequences::length(wish, settings.rollout.steps))
}

/// Edges that one graph has and the other lacks. A row that swaps one sender for another moves one
/// edge, though two entries differ.
fn moved_edges(before: &Tensor, after: &Tensor) -> usize {
    let entries = (after - before).abs().sum(Kind::Float).double_value(&[]);
    (entries / 2.0).ceil() as usize
}
