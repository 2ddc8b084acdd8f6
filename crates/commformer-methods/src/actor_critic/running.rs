//! Trained actors that run by themselves, whatever it is that they say to each other.

use super::ActorCriticConfig;
use super::decides::Decides;
use super::member::{Made, Member, Weights};
use super::method::ActorCriticMethod;
use super::network::{MOMENTS, Network, Sizes, Values};
use super::talk::Talk;
use crate::alone::{Decision, TeamSizes};
use commformer_env::settings;
use commformer_model::ModelError;
use commformer_model::decentralised::Action;
use commformer_nn::layout::{Layout, Saved, not_finite};
use commformer_nn::levels::Levels;
use commformer_nn::native::{Actions, Scored};
use commformer_nn::seen;
use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

/// The network of trained actors and its weights.
pub(crate) trait Running: Debug + Send + Sync {
    /// Numbers that an agent carries from step to step.
    fn memory(&self) -> usize;
    /// Rounds of messages in a step.
    fn rounds(&self) -> usize;
    /// Numbers of a message.
    fn message(&self) -> usize;
    /// What these are rounded to.
    fn levels(&self) -> Option<Levels>;
    /// Begins a step of an agent.
    fn begin(&self, agent: usize, obs: &[f32], memory: &[f32]) -> Member;
    /// What the agent decides on before it hears anybody, and the logits.
    fn gate(&self, member: &mut Member) -> Option<(Decides, Vec<f32>)>;
    /// See [`Member::say`].
    fn say(&self, member: &mut Member, round: usize) -> Vec<f32>;
    /// See [`Member::hear`].
    fn hear(&self, member: &mut Member, round: usize, inbox: &[f32], heard: [usize; 2]);
    /// Ends a step. Refuses numbers that are not finite.
    fn decide(
        &self,
        member: &mut Member,
        available: Option<&[u8]>,
        noise: Option<&[f32]>,
    ) -> Result<Decision, ModelError>;
}

#[derive(Debug)]
struct Trained<T> {
    network: Network<T>,
    /// Of each leaf.
    numbers: Vec<Vec<f32>>,
    /// Agents that are told which they are; 0: they are not.
    told: usize,
}

/// Trained actors of a method, with the weights that were `saved`.
pub(crate) fn running<M: ActorCriticMethod>(
    method: &M,
    sizes: &TeamSizes,
    saved: HashMap<String, Saved>,
) -> Result<Arc<dyn Running>, ModelError> {
    settings::check(method).map_err(ModelError::of_file)?;
    sizes.check()?;
    let config: ActorCriticConfig = method.sizes();
    let told = if config.agent_id { sizes.agents } else { 0 };
    let sizes = Sizes {
        config: &config,
        seen: sizes.obs_dim + told,
        values: Values::Nothing,
        actions: sizes.actions,
        decides: method.decides(sizes.agents),
        agents: sizes.agents,
        unscaled: (saved.keys().any(|name| name.starts_with(MOMENTS))).then_some(sizes.obs_dim),
    };
    let talk = |layout: &mut Layout, name: &str| method.talk(layout, name);
    let network = Network::new(&sizes, talk);
    let numbers = network.layout.take(saved).map_err(ModelError::of_file)?;
    Ok(Arc::new(Trained {
        network,
        numbers,
        told,
    }))
}

impl<T: Talk> Trained<T> {
    fn with<R>(&self, of: impl FnOnce(&Weights<'_, T>) -> R) -> R {
        let leaves: Vec<&[f32]> = self.numbers.iter().map(Vec::as_slice).collect();
        of(&Weights {
            network: &self.network,
            leaves: &leaves,
        })
    }

    fn talk(&self) -> &T {
        &self.network.actor.talk
    }
}

impl<T: Talk> Running for Trained<T> {
    fn memory(&self) -> usize {
        self.talk().memory()
    }

    fn rounds(&self) -> usize {
        self.talk().rounds()
    }

    fn message(&self) -> usize {
        self.talk().message()
    }

    fn levels(&self) -> Option<Levels> {
        self.talk().levels()
    }

    fn begin(&self, agent: usize, obs: &[f32], memory: &[f32]) -> Member {
        let mut inputs = obs.to_vec();
        if let Some(moments) = self.network.moments {
            let [mean, variance, count] = moments.map(|slot| &self.numbers[slot.index()]);
            if count[0] > 0.0 {
                seen::normalize(mean, variance, obs, &mut inputs);
            }
        }
        inputs.extend((0..self.told).map(|other| f32::from(u8::from(other == agent))));
        self.with(|weights| Member::new(weights, agent, &inputs, memory))
    }

    fn gate(&self, member: &mut Member) -> Option<(Decides, Vec<f32>)> {
        let decides = self.network.actor.gate?.decides;
        Some((decides, self.with(|weights| member.gate(weights))?))
    }

    fn say(&self, member: &mut Member, round: usize) -> Vec<f32> {
        self.with(|weights| member.say(weights, round).to_vec())
    }

    fn hear(&self, member: &mut Member, round: usize, inbox: &[f32], heard: [usize; 2]) {
        self.with(|weights| member.hear(weights, round, inbox, heard));
    }

    fn decide(
        &self,
        member: &mut Member,
        available: Option<&[u8]>,
        noise: Option<&[f32]>,
    ) -> Result<Decision, ModelError> {
        self.with(|weights| {
            let Made {
                mut outputs,
                memory,
            } = member.decide(weights);
            let outputs = outputs.swap_remove(0);
            if let Some(problem) = not_finite(&outputs).or_else(|| not_finite(&memory)) {
                return Err(ModelError::Input {
                    input: "obs",
                    problem: format!(
                        "what comes of it and of the messages is no number: {problem}; they are too large"
                    ),
                });
            }
            let mut scored = Scored::default();
            let given = (available, noise);
            let action = match scored.choose(&outputs, outputs.len(), weights.log_std(), given) {
                Actions::Discrete(chosen) => Action::Discrete(chosen[0] as usize),
                Actions::Continuous(chosen) => Action::Continuous(chosen),
            };
            Ok(Decision {
                action,
                log_prob: scored.log_probs[0],
                memory,
            })
        })
    }
}
