//! A trainer whose work is shared out.

use super::Ranks;
use crate::rollout::graphs::entries;
use crate::trainer::sequence_of;
use crate::update::bilevel;
use crate::{Checkpoint, GraphPlan, Policy, TrainError, Trainer, encode_state};
use commformer_env::Environment;
use commformer_torch::group::Group;
use sha2::{Digest, Sha256};
use tch::Device;

impl<P: Policy, E: Environment> Trainer<P, E> {
    /// Shares the work out to the processes of `group`, each of which has made this trainer alike: from here on all of
    /// them must make the same calls. Every one of them then knows what a process alone would know, to the bit, and can give
    /// a [`checkpoint`](Self::checkpoint). It comes after [`restore`](Self::restore).
    ///
    /// # Errors
    ///
    /// [`TrainError::Setting`] if there are more processes than shards, [`TrainError::Ranks`] if they have made different
    /// trainers, [`TrainError::Group`] if one of them is lost.
    pub fn with_group(mut self, group: Group) -> Result<Self, TrainError> {
        self.check_ranks(group.size())?;
        let mut ranks = Ranks::new(group, self.settings.run.device);
        ranks.check_alike(&self.digest()?, "another configuration or other weights")?;
        for (number, shard) in self.shards.iter_mut().enumerate() {
            if !ranks.owns(number) {
                shard.environments.hand_over();
            }
        }
        self.learner.ranks = Some(ranks);
        Ok(self)
    }

    /// The number of this process among those that train together, 0 if it is alone.
    pub fn rank(&self) -> usize {
        self.learner.ranks.as_ref().map_or(0, Ranks::rank)
    }

    /// Refuses more processes than there are shards to share out.
    ///
    /// # Errors
    ///
    /// [`TrainError::Setting`].
    pub fn check_ranks(&self, ranks: usize) -> Result<(), TrainError> {
        crate::check::ranks(ranks, self.shards.len(), &self.settings.rollout)
    }

    /// What a user should know of how the work is shared out: that a minibatch has fewer parts than there are processes, so that
    /// some of them wait while others differentiate.
    pub fn note(&self) -> Option<String> {
        let ranks = self.learner.ranks.as_ref()?.size();
        let (ppo, rollout) = (&self.settings.ppo, &self.settings.rollout);
        let envs = bilevel::lower_envs(&self.plan, rollout.num_envs);
        let samples = envs * rollout.steps / ppo.minibatches;
        let length = sequence_of(self.policy(), &self.settings).unwrap_or(1);
        let size = ppo.part_size(samples, self.spec.agents);
        idle(ranks, samples, length, size)
    }

    /// What the processes of a run must have in common before they share its work.
    fn digest(&self) -> Result<Vec<u8>, TrainError> {
        let Checkpoint { weights, state } = self.checkpoint()?;
        let (settings, run) = (&self.settings, &self.settings.run);
        let weights: Vec<_> = (weights.into_iter())
            .map(|(name, tensor)| (name, tensor.detach().to_device(Device::Cpu)))
            .collect();
        let mut digest = Sha256::new();
        digest.update(format!(
            "{:?} {:?} {:?} {:?} {:?}",
            settings.rollout,
            settings.ppo,
            [run.seed, run.steps, run.eval_every, run.save_every],
            run.eval_episodes,
            self.spec
        ));
        match &self.plan {
            GraphPlan::Learned(schedule) => digest.update(format!("{schedule:?}")),
            GraphPlan::Fixed(graph) => digest.update(format!("{:?}", entries(graph)?)),
            GraphPlan::None => {}
        }
        if let Some(gate) = &self.gate {
            let numbers = [gate.start, gate.ramp, gate.entropy_coef];
            digest.update(format!("{numbers:?} {:?} {:?}", gate.payment, gate.budget));
        }
        digest.update(commformer_torch::weights::encode(&weights, &[])?);
        digest.update(encode_state(&state)?);
        Ok(digest.finalize().to_vec())
    }
}

/// Says so where `ranks` processes have too few parts of `size` samples in a minibatch of `samples`, which are sequences of
/// this `length`.
fn idle(ranks: usize, samples: usize, length: usize, size: usize) -> Option<String> {
    // A part that holds everything need not be larger.
    let parts = samples.div_ceil(size.min(samples.max(1)).next_multiple_of(length));
    (parts < ranks).then(|| {
        format!(
            "a minibatch of {samples} samples is differentiated in {parts} part{}, so {} of {ranks} processes wait \
             meanwhile: set ppo.chunk to {} or less",
            if parts == 1 { "" } else { "s" },
            ranks - parts,
            (samples / length / ranks).max(1) * length
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_parts_that_is_proposed_gives_all_processes_work() {
        for (ranks, samples, length, size, proposed) in [
            (
                2,
                1000,
                1,
                1000,
                "in 1 part, so 1 of 2 processes wait meanwhile: set ppo.chunk to 500",
            ),
            // Five sequences, of which a part of 25 samples would hold two.
            (
                4,
                100,
                20,
                50,
                "in 2 parts, so 2 of 4 processes wait meanwhile: set ppo.chunk to 20",
            ),
            (
                3,
                90,
                10,
                60,
                "in 2 parts, so 1 of 3 processes wait meanwhile: set ppo.chunk to 30",
            ),
        ] {
            let said = idle(ranks, samples, length, size).unwrap();
            assert!(said.ends_with(&format!("{proposed} or less")), "{said}");
            let size = proposed.rsplit(' ').next().unwrap().parse().unwrap();
            assert_eq!(idle(ranks, samples, length, size), None);
        }
    }
}
