//! What the program asks of the policy beside learning: what went on in it, and every agent by itself.

use super::alone::{self, Own};
use super::decides::Decides;
use super::gate::{among, in_force, to_receivers};
use super::inputs::{dense, parts};
use super::member::{Made, Weights};
use super::policy::{ActorCritic, of_active};
use super::talk::Talk;
use crate::apart::{joined, timed};
use crate::sizes::{TeamSizes, as_of_model};
use crate::{Apart, Attentions, Delivered, Insight, Portable, Team};
use commformer_env::ActionSpace;
use commformer_model::{Attention, Explanation};
use commformer_nn::native::Scored;
use commformer_nn::torch::{gated, numbers, truths};
use commformer_train::{Act, Gates, Gating, ObsBatch, Policy, PolicyResult};
use std::time::Duration;
use tch::{Device, Kind, Tensor};

impl<T: Talk> Team for ActorCritic<T> {
    fn explain(
        &self,
        obs_batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        act: &Act,
    ) -> PolicyResult<Option<Insight>> {
        self.check(obs_batch, 1)?;
        let _guard = tch::no_grad_guard();
        let open = in_force(act.gate.as_ref(), gates);
        let seen = self.seen_by_actor(obs_batch, open);
        let (mut ran, weights) = self.by_torch(&self.network.actor, &seen, true);
        let outputs = ran.outputs.remove(0);
        let logits = (self.distribution(outputs, obs_batch.available)).into_output();
        let probabilities = match self.actions {
            ActionSpace::Discrete(_) => Some(logits.softmax(-1, Kind::Float)),
            ActionSpace::Continuous(_) => None,
        };
        let opens = ran.gate.filter(|_| open.is_some()).map(|[logits, _]| {
            match self.network.actor.gate.map(|gate| gate.decides) {
                Some(Decides::Send) => to_receivers(&logits.sigmoid()),
                _ => {
                    // Of the first that it chooses, of all whom it could hear.
                    let others = obs_batch.graph.others();
                    let chances = among(&logits, &others).softmax(-1, Kind::Float);
                    chances.masked_fill(&others.le(0.5), f64::NAN)
                }
            }
        });
        let names = self.network.actor.talk.attentions().into_iter();
        let attention = names
            .zip(weights)
            .map(|(name, weights)| Attention { name, weights });
        Ok(Some(Insight {
            explanation: Explanation {
                probabilities,
                attention: attention.collect(),
            },
            open: open.map(Tensor::shallow_clone),
            opens,
        }))
    }

    fn attentions(&self) -> Attentions {
        let names = self.network.actor.talk.attentions();
        Attentions {
            heads: usize::from(!names.is_empty()),
            names,
        }
    }

    fn portable(&self) -> Result<Portable, String> {
        let needed =
            |name: &String| name.starts_with("actor.") && !name.starts_with("actor.value.");
        let names = self.state().into_iter().map(|(name, _)| name);
        Ok(Portable::Actors {
            sizes: TeamSizes {
                agents: self.inputs.agents,
                obs_dim: self.inputs.obs_dim,
                actions: as_of_model(self.actions),
            },
            weights: names.filter(needed).collect(),
        })
    }

    /// Each agent by itself: it sees its own observation and what is in its inbox.
    fn act_apart(
        &self,
        obs_batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Apart> {
        let [teams, agents] = self.check_acting(obs_batch, gates, noise)?;
        let gating = self.decide_apart(obs_batch, gates);
        let open = in_force(gating.as_ref(), gates);
        let copied = self.parameters.copied_numbers()?;
        let leaves: Vec<&[f32]> = copied.iter().map(Vec::as_slice).collect();
        let weights = Weights {
            network: &self.network,
            leaves: &leaves,
        };
        let own = dense(&self.own(obs_batch.obs));
        let widths = self.network.memory();
        let [memory, _] = parts(obs_batch.memory, widths, obs_batch.obs);
        let memory = memory.as_ref().map(dense);
        let heard = Lists::new(self, obs_batch, open);
        let row = |x: &'_ Tensor, row: usize| -> std::ops::Range<usize> {
            let width = x.size()[2] as usize;
            row * width..(row + 1) * width
        };
        let (mut made, mut delivered, mut took) = (Vec::new(), Vec::new(), Duration::ZERO);
        for team in 0..teams as usize {
            let members: Vec<Own<'_>> = (0..agents as usize)
                .map(|agent| {
                    let at = team * agents as usize + agent;
                    Own {
                        inputs: &numbers(&own)[row(&own, at)],
                        memory: (memory.as_ref())
                            .map_or(&[], |memory| &numbers(memory)[row(memory, at)]),
                        senders: heard.senders.get(at).map_or(&[], Vec::as_slice),
                        possible: heard.possible.get(at).copied().unwrap_or(0),
                    }
                })
                .collect();
            let (of_team, sent): (Vec<Made>, Delivered) =
                timed(&mut took, || alone::step(&weights, &members));
            made.extend(of_team);
            delivered.push(sent);
        }
        let device = obs_batch.obs.device();
        let rows = |of: &dyn Fn(&Made) -> &[f32]| -> Vec<f32> {
            let each = made.iter().flat_map(|made| of(made).iter().copied());
            each.collect()
        };
        let of_agents = |of: &dyn Fn(&Made) -> &[f32]| {
            let all = Tensor::from_slice(&rows(of)).view([teams, agents, -1]);
            all.to_device(device)
        };
        let outputs = rows(&|made| &made.outputs[0]);
        let (actions, log_probs) = {
            let (available, noise) = (obs_batch.available.map(dense), noise.map(dense));
            let given = (available.as_ref().map(truths), noise.as_ref().map(numbers));
            let mut scored = Scored::default();
            let actions = scored.choose(&outputs, self.actions.size(), weights.log_std(), given);
            let actions = actions.to_tensor([teams, agents]);
            let log_probs = Tensor::from_slice(&scored.log_probs).view([teams, agents]);
            (actions.to_device(device), log_probs.to_device(device))
        };
        // Values of a critic are training's alone.
        let values = match &self.network.critic {
            Some(_) => log_probs.zeros_like(),
            None => of_agents(&|made| &made.outputs[1]).squeeze_dim(-1),
        };
        let memory = (widths[0] > 0).then(|| {
            let of_actor = of_agents(&|made| &made.memory);
            let size = [teams, agents, widths[1] as i64];
            Tensor::cat(
                &[&of_actor, &of_actor.new_zeros(size, (Kind::Float, device))],
                -1,
            )
        });
        Ok(Apart {
            delivered,
            took,
            act: Act {
                actions,
                log_probs,
                values,
                gate: gating,
                memory: of_active(memory, obs_batch.active),
            },
        })
    }
}

impl<T: Talk> ActorCritic<T> {
    /// The same decisions as [`decide`](Self::decide)'s, each by what that agent alone knows.
    fn decide_apart(&self, batch: &ObsBatch<'_>, gates: Gates<'_>) -> Option<Gating> {
        let decides = self.network.actor.gate.as_ref()?.decides;
        let (own, others) = (self.own(batch.obs), batch.graph.others());
        let alone = (0..batch.obs.size()[1]).map(|agent| {
            let part = |x: &Tensor| x.narrow(1, agent, 1);
            let noise = |noise: &Tensor| match decides {
                Decides::Send => part(noise).narrow(2, agent, 1),
                Decides::Hear(_) => part(noise),
            };
            let (memory, own, others) = (batch.memory.map(part), part(&own), part(&others));
            let decide = |gates| self.decide_among(memory.as_ref(), &own, &others, gates);
            match gates {
                Gates::Open => decide(gates),
                Gates::Drawn(all) => decide(Gates::Drawn(&noise(all))),
                Gates::Decided(all) => decide(Gates::Decided(&noise(all))),
            }
        });
        let each: Vec<Gating> = alone.collect::<Option<_>>()?;
        let all = joined(each.iter(), 1)?;
        Some(Gating {
            open: match decides {
                Decides::Send => to_receivers(&all.open),
                Decides::Hear(_) => all.open,
            },
            ..all
        })
    }
}

/// Whom each agent hears, and how many it could, (B N); empty for agents that say nothing.
#[derive(Default)]
struct Lists {
    senders: Vec<Vec<usize>>,
    possible: Vec<usize>,
}

impl Lists {
    fn new<T: Talk>(policy: &ActorCritic<T>, batch: &ObsBatch<'_>, open: Option<&Tensor>) -> Self {
        if policy.network.actor.talk.rounds() == 0 {
            return Self::default();
        }
        let [teams, agents] = [batch.obs.size()[0], batch.obs.size()[1]];
        let graph = batch.graph.others();
        let both = (batch.active).map(|active| active.unsqueeze(-1) * active.unsqueeze(-2));
        let gates = [open, both.as_ref()].into_iter().flatten();
        let heard = gates.fold(graph.shallow_clone(), |edge, gate| gated(&edge, gate));
        let rows = |x: &Tensor| {
            let all = x
                .expand([teams, -1, -1], false)
                .to_device(Device::Cpu)
                .contiguous();
            let others = |row: &[f32]| {
                let others = row.iter().enumerate().filter(|(_, edge)| **edge > 0.5);
                others.map(|(agent, _)| agent).collect()
            };
            numbers(&all)
                .chunks_exact(agents as usize)
                .map(others)
                .collect::<Vec<Vec<usize>>>()
        };
        Self {
            senders: rows(&heard),
            possible: rows(&graph).iter().map(Vec::len).collect(),
        }
    }
}
