//! What the ranks' shards have seen, brought to all of them.

use super::Shard;
use crate::TrainError;
use crate::ranks::wire::Wire;
use crate::ranks::{Ranks, Subject};
use commformer_env::{EnvState, Environment, Episode, VecEnv};

/// The environments of a shard.
#[derive(Debug)]
pub enum Environments<E> {
    /// This process steps them.
    Own(Box<VecEnv<E>>),
    /// Another rank does; these are their states after the last rollout, if the task can be saved.
    Elsewhere(Option<Vec<EnvState>>),
}

impl<E: Environment> Environments<E> {
    /// Those that are stepped here.
    pub fn own(&mut self) -> Option<&mut VecEnv<E>> {
        match self {
            Self::Own(environments) => Some(environments),
            Self::Elsewhere(_) => None,
        }
    }

    /// Their states; `None` if the task cannot be saved.
    pub fn save(&self) -> Option<Vec<EnvState>> {
        match self {
            Self::Own(environments) => environments.save(),
            Self::Elsewhere(states) => states.clone(),
        }
    }

    /// Lets another rank step them.
    pub fn hand_over(&mut self) {
        *self = Self::Elsewhere(self.save());
    }
}

/// Fills the buffers of the shards that other ranks have stepped, and `episodes`, those of each shard.
pub fn exchange<E: Environment>(
    shards: &mut [Shard<E>],
    episodes: &mut [Vec<Episode>],
    ranks: &mut Ranks,
) -> Result<(), TrainError> {
    let mut mine = Wire::Out(Vec::new());
    exchange_shards(ranks.rank(), ranks, shards, episodes, &mut mine)?;
    let all = ranks.exchange(Subject::Rollout, &mine.into_bytes())?;
    for (rank, bytes) in all.iter().enumerate() {
        if rank != ranks.rank() {
            let mut wire = Wire::from(rank, bytes);
            exchange_shards(rank, ranks, shards, episodes, &mut wire)?;
            wire.end()?;
        }
    }
    Ok(())
}

/// Brings what a rollout left in the shards of `rank` over the wire.
fn exchange_shards<E: Environment>(
    rank: usize,
    ranks: &Ranks,
    shards: &mut [Shard<E>],
    episodes: &mut [Vec<Episode>],
    wire: &mut Wire<'_>,
) -> Result<(), TrainError> {
    let numbered = shards.iter_mut().zip(episodes).enumerate();
    for (_, (shard, episodes)) in numbered.filter(|(number, _)| ranks.owner(*number) == rank) {
        shard.buffer.exchange(wire)?;
        exchange_episodes(episodes, shard.buffer.spec().metrics.len(), wire)?;
        exchange_states(&mut shard.environments, wire)?;
    }
    Ok(())
}

/// Episodes with so many metrics.
fn exchange_episodes(
    episodes: &mut Vec<Episode>,
    metrics: usize,
    wire: &mut Wire<'_>,
) -> Result<(), TrainError> {
    let mut whole: Vec<u64> = (episodes.iter())
        .flat_map(|episode| [episode.env as u64, u64::from(episode.steps)])
        .collect();
    let mut reals: Vec<f32> = (episodes.iter())
        .flat_map(|episode| std::iter::once(&episode.team_return).chain(&episode.metrics))
        .copied()
        .collect();
    wire.list(&mut whole)?;
    wire.list(&mut reals)?;
    let fits = whole.len().is_multiple_of(2) && whole.len() / 2 * (1 + metrics) == reals.len();
    if wire.reads() && !fits {
        let what = format!("{} numbers of {} episodes", reals.len(), whole.len() / 2);
        return Err(wire.refused(what));
    }
    let pairs = whole.chunks_exact(2).zip(reals.chunks_exact(1 + metrics));
    *episodes = pairs
        .map(|(whole, reals)| Episode {
            env: whole[0] as usize,
            steps: whole[1] as u32,
            team_return: reals[0],
            metrics: reals[1..].to_vec(),
        })
        .collect();
    Ok(())
}

/// The states of the environments, for checkpoints.
fn exchange_states<E: Environment>(
    environments: &mut Environments<E>,
    wire: &mut Wire<'_>,
) -> Result<(), TrainError> {
    // Nothing is sent of environments that cannot be saved.
    let mut bytes = match environments {
        Environments::Own(own) => own.save().and_then(|states| EnvState::encode_all(&states)),
        Environments::Elsewhere(_) => None,
    }
    .unwrap_or_default();
    wire.list(&mut bytes)?;
    if let Environments::Elsewhere(states) = environments {
        let read = (!bytes.is_empty()).then(|| EnvState::decode_all(&bytes));
        *states = read.transpose().map_err(|error| {
            wire.refused(format!(
                "states of environments that cannot be read: {error}"
            ))
        })?;
    }
    Ok(())
}
