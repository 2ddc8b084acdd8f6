//! The loop: collect, advantages, lower steps, upper steps, report.

use crate::bilevel::{self, Graphs};
use crate::experience::Experience;
use crate::learner::Learner;
use crate::recall::{Ledger, of_active};
use crate::rollout::{self, Collected, Noise};
use crate::update::Objective;
use crate::{
    Buffer, GatePlan, GateTerms, GraphPlan, IterationReport, Losses, MessageSizes, Policy,
    PpoConfig, Price, Purpose, RolloutConfig, RunConfig, Traffic, TrainError, ValueNorm, seed_for,
};
use commformer_env::{Environment, Rng, VecEnv};
use std::time::Instant;
use tch::{Kind, Tensor};

/// What a run needs to know beside its policy, its graph and its environments.
#[derive(Clone, Debug, PartialEq)]
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
    pub(crate) learner: Learner<P>,
    sizes: MessageSizes,
    environments: VecEnv<E>,
    buffer: Buffer,
    pub(crate) value_norm: ValueNorm,
    pub(crate) iteration: u64,
    pub(crate) steps: u64,
}

impl<P: Policy, E: Environment> Trainer<P, E> {
    /// Prepares a run; the environments are reset.
    pub fn new(
        settings: Settings,
        plan: GraphPlan,
        policy: P,
        mut environments: VecEnv<E>,
    ) -> Result<Self, TrainError> {
        crate::check::settings(&settings, &plan, environments.copies())?;
        let mut buffer = Buffer::new(
            environments.spec(),
            environments.copies(),
            settings.rollout.steps,
        )?
        .with_recall(policy.gate_width(), policy.memory_width())?;
        buffer.reset(&mut environments)?;
        Ok(Self {
            sizes: policy.message_sizes(),
            gate: None,
            learner: Learner::new(policy, &settings, &plan)?,
            value_norm: ValueNorm::default(),
            iteration: 0,
            steps: 0,
            settings,
            plan,
            environments,
            buffer,
        })
    }

    /// Lets the policy's receive gates come into force as `plan` says. Without one they stay open.
    pub fn with_gates(mut self, plan: GatePlan) -> Result<Self, TrainError> {
        crate::check::gates(&plan)?;
        self.gate = Some(plan);
        Ok(self)
    }

    /// One iteration: a rollout, and what is learned from it.
    pub fn iterate(&mut self) -> Result<IterationReport, TrainError> {
        let graph_before = self.execution_graph()?;
        let graphs = self.draw_graphs()?;
        let mut noise = self.noise();
        let Collected {
            episodes,
            mut phases,
        } = self.collect(&graphs, &mut noise)?;

        let start = Instant::now();
        let final_values =
            rollout::final_values(&self.buffer, self.learner.policy(), &graphs, &mut noise)?;
        let (traffic, charged) = self.settle(&graphs)?;
        let ppo = &self.settings.ppo;
        let objective = Objective {
            ppo,
            gate: charged.as_ref().map(|(_, terms)| terms),
        };
        let experience = Experience::new(
            &mut self.buffer,
            final_values.view(),
            &mut self.value_norm,
            ppo,
            self.settings.run.device,
            charged.is_some(),
        )?;
        let mut losses = Vec::new();
        for epoch in 0..ppo.epochs {
            let update = self.iteration * ppo.epochs as u64 + epoch as u64;
            match bilevel::upper_turn(&self.plan, &graphs, epoch) {
                Some(schedule) => {
                    self.learner
                        .upper_step(schedule, objective, &graphs, &experience, update)?
                }
                None => losses.extend(self.learner.lower_epoch(
                    &self.plan,
                    objective,
                    &graphs,
                    &experience,
                    update,
                )?),
            }
        }
        phases.update = start.elapsed().as_secs_f64();

        self.iteration += 1;
        self.steps += (self.buffer.steps() * self.buffer.copies()) as u64;
        if ppo.lr_decay {
            let left = (1.0 - self.progress()).max(0.0);
            self.learner.set_lr(self.settings.ppo.lr * left)?;
        }
        Ok(IterationReport {
            iteration: self.iteration,
            steps: self.steps,
            losses: Losses::mean(&losses),
            traffic,
            price: charged.map(|(price, _)| price),
            graph_changes: moved_edges(&graph_before, &self.execution_graph()?),
            phases,
            ..IterationReport::of_episodes(&episodes, self.environments.spec())
        })
    }

    /// The policy as it is now.
    pub fn policy(&self) -> &P {
        self.learner.policy()
    }

    /// Environment steps so far, over all copies.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Share of the run that is over; 1 or more when it has taken all its steps.
    pub fn progress(&self) -> f64 {
        self.steps as f64 / self.settings.run.steps.max(1) as f64
    }

    /// The graph with which the team would be sent out now, (N, N).
    pub fn execution_graph(&self) -> Result<Tensor, TrainError> {
        Ok(match &self.plan {
            GraphPlan::Fixed(graph) => graph.shallow_clone(),
            GraphPlan::Learned(_) => tch::no_grad(|| self.policy().exact_graph())?,
        })
    }

    /// The gates' plan, once they are in force.
    pub(crate) fn gates_started(&self) -> Option<&GatePlan> {
        let progress = self.progress();
        self.gate
            .as_ref()
            .filter(|gate| gate.ramp_at(progress).is_some())
    }

    /// The randomness of this iteration's rollout.
    fn noise(&self) -> Noise {
        let stream = |purpose| Rng::new(seed_for(self.settings.run.seed, purpose), self.iteration);
        Noise {
            actions: Some(stream(Purpose::Actions)),
            gates: self.gates_started().map(|_| stream(Purpose::Gates)),
            draw_gates: true,
            device: self.settings.run.device,
        }
    }

    /// Counts the messages of the rollout. While the gates are in force, lets the budget see them,
    /// charges for them, and calibrates the gates of execution; gives the price and the weights of
    /// the gates' terms in the loss.
    fn settle(
        &mut self,
        graphs: &Graphs,
    ) -> Result<(Traffic, Option<(Price, GateTerms)>), TrainError> {
        let buffer = &self.buffer;
        let active = buffer.active_samples()?;
        let copies = buffer.copies();
        let ledger = Ledger {
            edges: &graphs.edges()?,
            groups: &(0..copies)
                .map(|copy| graphs.group_of(copy, copies))
                .collect::<Vec<_>>(),
            gates: buffer.gates(),
            active,
            sizes: &self.sizes,
            steps: buffer.steps(),
            agents: buffer.spec().agents,
        };
        let traffic = ledger.traffic()?;
        let progress = self.progress();
        let Some((gate, ramp)) =
            (self.gate.as_mut()).and_then(|gate| gate.ramp_at(progress).map(|ramp| (gate, ramp)))
        else {
            return Ok((traffic, None));
        };
        gate.budget.update(traffic.open_rate(), ramp);
        let (price, spread) = (gate.budget.price(), self.value_norm.moments().1.sqrt());
        let tolls = ledger.tolls(price, spread)?;
        if let (Some(gates), Some(target)) = (buffer.gates(), gate.budget.target(ramp)) {
            let scores: Vec<f32> = of_active(gates.scores()?, active).collect();
            self.learner.policy_mut().calibrate(&scores, target, None)?;
        }
        let terms = GateTerms {
            // Open-minded first, decided in the end: what execution does is then what was trained.
            entropy_coef: gate.entropy_coef * (1.0 - progress).max(0.0),
            message: price.message / spread,
            listening: price.listening,
        };
        self.buffer.charge(tolls);
        Ok((traffic, Some((price, terms))))
    }

    fn draw_graphs(&self) -> Result<Graphs, TrainError> {
        let (seed, copies) = (self.settings.run.seed, self.buffer.copies());
        Ok(bilevel::draw(
            &self.plan,
            self.policy(),
            copies,
            seed,
            self.iteration,
            self.progress(),
        )?)
    }

    fn collect(&mut self, graphs: &Graphs, noise: &mut Noise) -> Result<Collected, TrainError> {
        let (learner, environments, buffer) =
            (&self.learner, &mut self.environments, &mut self.buffer);
        rollout::collect(
            buffer,
            environments,
            learner.policy(),
            graphs,
            noise,
            learner.pool(),
        )
    }
}

/// Edges that one graph has and the other lacks. A row that swaps one sender for another moves one
/// edge, though two entries differ.
fn moved_edges(before: &Tensor, after: &Tensor) -> usize {
    let entries = (after - before).abs().sum(Kind::Float).double_value(&[]);
    (entries / 2.0).ceil() as usize
}
