//! What the program asks of the policy beside learning: what went on in it, and every agent by itself.

use super::inputs::halves;
use super::policy::{ActorCritic, recurrent};
use crate::{Apart, Delivered, Insight, Team};
use commformer_env::ActionSpace;
use commformer_model::Explanation;
use commformer_train::{Act, Gates, ObsBatch, PolicyResult};
use tch::{Kind, Tensor};

impl Team for ActorCritic {
    fn explain(
        &self,
        obs_batch: &ObsBatch<'_>,
        _: Gates<'_>,
        _: &Act,
    ) -> PolicyResult<Option<Insight>> {
        self.inputs.check(obs_batch)?;
        let _guard = tch::no_grad_guard();
        let own = self.inputs.own(obs_batch.obs);
        let [hidden, _] = halves(obs_batch.memory);
        let (outputs, _) = self.by_torch(&self.network.actor, &own, hidden.as_ref(), None);
        let logits = (self.distribution(outputs, obs_batch.available)).into_output();
        let probabilities = match self.actions {
            ActionSpace::Discrete(_) => Some(logits.softmax(-1, Kind::Float)),
            ActionSpace::Continuous(_) => None,
        };
        Ok(Some(Insight {
            explanation: Explanation {
                probabilities,
                attention: Vec::new(),
            },
            open: None,
            opens: None,
        }))
    }

    /// Each agent by itself: it sees its own observation, and needs nobody's message.
    fn act_apart(
        &self,
        obs_batch: &ObsBatch<'_>,
        _: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Apart> {
        let [batch, agents] = self.inputs.check(obs_batch)?;
        let own = self.inputs.own(obs_batch.obs);
        let each = |team: i64| {
            let members = (0..agents).map(|agent| {
                let part = |x: &Tensor| x.narrow(0, team, 1).narrow(1, agent, 1);
                let [available, memory] =
                    [obs_batch.available, obs_batch.memory].map(|x| x.map(part));
                let alone = ObsBatch {
                    available: available.as_ref(),
                    memory: memory.as_ref(),
                    ..*obs_batch
                };
                let (actions, log_probs, of_actor) =
                    self.choose(&alone, &part(&own), noise.map(part).as_ref());
                // Values are the critic's, which only training has.
                let of_critic = of_actor.as_ref().map(Tensor::zeros_like);
                [
                    Some(actions),
                    Some(log_probs),
                    of_actor
                        .zip(of_critic)
                        .map(|(a, b)| Tensor::cat(&[a, b], -1)),
                ]
            });
            side_by_side(members, 1)
        };
        let [actions, log_probs, memory] = side_by_side((0..batch).map(each), 0);
        let (Some(actions), Some(log_probs)) = (actions, log_probs) else {
            return Err("there is nobody to act".into());
        };
        Ok(Apart {
            delivered: vec![Delivered::default(); batch as usize],
            act: Act {
                values: log_probs.zeros_like(),
                actions,
                log_probs,
                gate: None,
                memory: recurrent(memory, obs_batch.active),
            },
        })
    }
}

/// Parts of the same kinds, each kind joined along a dimension.
fn side_by_side<const K: usize>(
    parts: impl Iterator<Item = [Option<Tensor>; K]>,
    dimension: i64,
) -> [Option<Tensor>; K] {
    let parts: Vec<_> = parts.collect();
    std::array::from_fn(|kind| {
        let all: Vec<&Tensor> = parts
            .iter()
            .filter_map(|part| part[kind].as_ref())
            .collect();
        (!all.is_empty()).then(|| Tensor::cat(&all, dimension))
    })
}
