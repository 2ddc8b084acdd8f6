//! What the messages of a rollout cost, and the gates that keep to their budget.

use super::Trainer;
use crate::rollout::Shard;
use crate::rollout::graphs::Graphs;
use crate::rollout::memory::of_active;
use crate::rollout::messages::RolloutMessages;
use crate::{GateTerms, MessageStats, Payment, Policy, Price, TrainError};
use commformer_env::Environment;

impl<P: Policy, E: Environment> Trainer<P, E> {
    /// Counts the messages of the rollout. While the gates are in force, updates the budget with them and sets their
    /// penalties; gives the price and the weights of the gates' terms in the loss.
    pub(super) fn price_messages(
        &mut self,
        graphs: &Graphs,
    ) -> Result<(MessageStats, Option<(Price, GateTerms)>), TrainError> {
        let (edges, envs, sizes) = (graphs.edges()?, self.num_envs(), &self.sizes);
        let groups = |shard: &Shard<E>| {
            let envs_of_shard = shard.envs.clone();
            envs_of_shard.map(|env| graphs.group_of(env, envs))
        };
        let mut traffic = MessageStats::default();
        for shard in &self.shards {
            traffic.add(
                &RolloutMessages::new(&shard.buffer, &edges, groups(shard), sizes)
                    .message_stats()?,
            );
        }
        let progress = self.progress();
        let Some((gate, ramp)) =
            (self.gate.as_mut()).and_then(|gate| gate.ramp_at(progress).map(|ramp| (gate, ramp)))
        else {
            return Ok((traffic, None));
        };
        self.gated = true;
        gate.budget.update(traffic.open_rate(), ramp);
        let (price, deviation) = (gate.budget.price(), self.value_norm.moments().1.sqrt());
        let terms = GateTerms {
            // Decisions are random at first and nearly certain in the end: execution then does what was trained.
            entropy_coef: gate.entropy_coef * (1.0 - progress).max(0.0),
            message: price.message / deviation,
            receiving: price.receiving,
        };
        if gate.payment == Payment::Rewards {
            for shard in &mut self.shards {
                let messages = RolloutMessages::new(&shard.buffer, &edges, groups(shard), sizes);
                let penalties = messages.penalties(price, deviation)?;
                shard.buffer.penalise(penalties);
            }
        }
        if self.draws_by_threshold() {
            self.calibrate_by_rollout()?;
        }
        Ok((traffic, Some((price, terms))))
    }

    /// Whether the policy has gates whose rollouts draw by their calibration.
    pub(crate) fn draws_by_threshold(&self) -> bool {
        (self.policy().gates()).is_some_and(|gates| gates.draws_by_threshold())
    }

    /// Sets the gates of execution so that they would keep to the budget in the observations of the last
    /// rollout. [`run`](Self::run) does so before each evaluation and each checkpoint, and corrects it before each evaluation
    /// and at a stop, by episodes of execution; who calls [`iterate`](Self::iterate) does it before the policy is executed.
    ///
    /// # Errors
    ///
    /// [`TrainError`] if the policy refuses.
    pub fn calibrate_by_rollout(&mut self) -> Result<(), TrainError> {
        let target = self
            .gate
            .as_ref()
            .and_then(|gate| gate.target_at(self.progress()));
        let (Some(target), true) = (target, self.gated) else {
            return Ok(());
        };
        let mut scores = Vec::new();
        for Shard { buffer, .. } in &self.shards {
            if let Some(gates) = buffer.gates() {
                scores.extend(of_active(gates.scores()?, buffer.active_samples()));
            }
        }
        match self.learner.policy_mut().gates_mut() {
            Some(gates) => Ok(gates.calibrate(&scores, target, None)?),
            None => Ok(()),
        }
    }
}
