//! A battle as bytes, in the middle of an episode.

use super::{Progress, Smac};
use crate::smac::battle::BattleState;
use crate::{StateError, saved};
use serde::{Deserialize, Serialize};

/// A saved episode.
#[derive(Serialize, Deserialize)]
struct Saved {
    /// The settings as bytes: a text among them would be given whatever room a hostile state claims.
    settings: Vec<u8>,
    progress: Progress,
    battle: BattleState,
    /// What all enemies together began with, and the least that each unit ever had.
    points: (f32, Vec<f32>),
}

impl Smac {
    /// The episode as bytes.
    pub(super) fn to_bytes(&self) -> Option<Vec<u8>> {
        saved::encode(&Saved {
            settings: saved::encode(&self.config)?,
            progress: self.progress.clone(),
            battle: self.battle.state(),
            points: self.account.saved(),
        })
    }

    /// Goes on with an episode of the same settings; after an error everything is as before.
    pub(super) fn take_up(&mut self, state: &[u8]) -> Result<(), StateError> {
        let own = saved::encode(&self.config);
        let saved = saved::decode(state, |saved: &Saved| Some(&saved.settings) == own.as_ref())?;
        let actions = self.spec.actions.size();
        let known = |last: &Option<usize>| last.is_none_or(|action| action < actions);
        let Progress {
            last, looks, found, ..
        } = &saved.progress;
        let same = last.len() == self.spec.agents
            && looks.len() == self.progress.looks.len()
            && found.fits(&self.progress.found, self.spec.agents);
        if !same || !last.iter().all(known) {
            return Err(StateError::new(
                "it is of another team: restore it under the scenario it was saved under",
            ));
        }
        // Beside the present battle, which one before its first episode cannot be put back.
        let (mut battle, mut account) = (self.battle.clone(), self.account.clone());
        battle.restore(saved.battle)?;
        account.restore(saved.points, &battle, &self.config)?;
        (self.battle, self.account) = (battle, account);
        self.progress = saved.progress;
        Ok(())
    }
}
