//! What went on in a team when it acted.

use super::gate::{TeamGate, for_policy};
use super::team::{TeamPolicy, input};
use commformer_model::{Explanation, Observations};
use commformer_train::{Act, Gates, ObsBatch, PolicyResult};
use tch::Tensor;

/// What went on in a team when it acted in B observations.
#[derive(Debug)]
pub struct Insight {
    /// In the network.
    pub explanation: Explanation,
    /// 1 where a gate was open, else 0, (B, N, W); `None` if all were open anyway.
    pub open: Option<Tensor>,
    /// How likely each was to open in training, (B, N, W), NaN where it had nothing to decide; `None` for
    /// gates that do not learn.
    pub opens: Option<Tensor>,
}

impl TeamPolicy {
    /// See [`Team::explain`](crate::Team::explain).
    pub(super) fn insight(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        act: &Act,
    ) -> PolicyResult<Insight> {
        let carried = self.split(batch.memory);
        let (embedding, _) = self.model.observe(Observations {
            recurrent: carried.recurrent.as_ref(),
            ..batch.obs.into()
        })?;
        let gating = match gates {
            Gates::Open => None,
            Gates::Drawn(_) | Gates::Decided(_) => act.gate.as_ref(),
        };
        let open = gating.map(|gating| for_policy(&gating.open));
        let input = input(batch, &embedding, open.as_ref(), carried.stale.as_ref());
        let learned = self.gate.as_ref().is_some_and(TeamGate::is_learned);
        Ok(Insight {
            explanation: self.model.explain(&input, &act.actions)?,
            open: gating.map(|gating| gating.open.shallow_clone()),
            opens: (gating.filter(|_| learned)).map(|gating| gating.scores.sigmoid()),
        })
    }
}
