//! What a policy is given, and whether it fits.

use commformer_nn::links::{Heard, Rules};
use commformer_nn::torch::{self, Inputs, Links};
use tch::{Device, Kind, Tensor};

use crate::config::{ActionSpace, Closed, PolicyConfig};
use crate::native::Context;
use crate::{CommFormer, ModelError};
use commformer_nn::torch::{integers, numbers, truths};

/// What a team perceives in B observations, and whom it can hear.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What each agent makes of its own observation, (B, N, E), from [`CommFormer::embed`].
    pub embedding: &'a Tensor,
    /// Whether an action can be taken, (B, N, A) boolean; `None`: all can. Discrete actions only.
    pub available: Option<&'a Tensor>,
    /// (1 or B, N, N), or with `graph_of` (G, N, N), of 0 and 1, row the receiver, column the
    /// sender: the same graph for all, or one per batch entry. It may be a straight-through sample
    /// ([`crate::graph::sample`]); then gradients reach the logits through it.
    pub graph: &'a Tensor,
    /// Which graph each batch entry uses, (B) of i64, where `graph` (G, N, N) holds some that entries
    /// share. `None`: the same for all, or one per entry.
    pub graph_of: Option<&'a Tensor>,
    /// The receive gates, 1 where an agent takes messages in: one for each receiver, (B, N), or one
    /// for each edge, (B, N, N). `None`: all are open. Straight-through gates get their gradient.
    pub gate: Option<&'a Tensor>,
    /// Who is active, (B, N) of 1 and 0; `None`: everybody. Who is not hears nobody and is heard by
    /// nobody, whatever graph and gates say, and no agent is given its action.
    pub active: Option<&'a Tensor>,
    /// What each agent keeps from earlier steps, (B, N, [`CommFormer::stale_width`]), as
    /// [`crate::Act::stale`] gave it; `None`: nothing, as in the first step of an episode.
    pub stale: Option<&'a Tensor>,
}

impl<'a> Input<'a> {
    /// Every action can be taken, every gate is open, everybody is active, nothing is kept.
    pub fn new(embedding: &'a Tensor, graph: &'a Tensor) -> Self {
        Self {
            embedding,
            available: None,
            graph,
            graph_of: None,
            gate: None,
            active: None,
            stale: None,
        }
    }
}

impl PolicyConfig {
    /// How the network reads a graph.
    pub(crate) fn rules(&self) -> Rules {
        Rules {
            relation_order: self.relation_order,
            self_loop: self.self_loop,
            previous_action: self.previous_action,
        }
    }
}

impl ActionSpace {
    /// The kind and shape of a tensor of B x N actions.
    pub(crate) fn tensor(self, [batch, agents]: [i64; 2]) -> (Kind, Vec<i64>) {
        match self {
            Self::Discrete(_) => (Kind::Int64, vec![batch, agents]),
            Self::Continuous(width) => (Kind::Float, vec![batch, agents, width as i64]),
        }
    }
}

impl Input<'_> {
    /// Whom the agents hear, for passes by libtorch.
    pub(crate) fn links(&self, config: &PolicyConfig) -> Links {
        let heard = torch::Heard {
            graph: self.graph,
            graph_of: self.graph_of,
            gate: self.gate,
            active: self.active,
            teams: self.embedding.size()[0],
        };
        Links::new(
            &heard,
            config.rules(),
            config.attention_over,
            config.relation,
        )
    }

    /// The same numbers, densely.
    pub(crate) fn dense(&self) -> Dense {
        let dense = |x: Option<&Tensor>| x.map(Tensor::contiguous);
        let size = self.embedding.size();
        Dense {
            embedding: self.embedding.contiguous(),
            available: dense(self.available),
            graph: self.graph.contiguous(),
            graph_of: dense(self.graph_of),
            gate: dense(self.gate),
            active: dense(self.active),
            stale: dense(self.stale),
            teams: [size[0] as usize, size[1] as usize],
        }
    }
}

/// An [`Input`] on the CPU whose numbers lie one after the other.
#[derive(Debug)]
pub(crate) struct Dense {
    embedding: Tensor,
    available: Option<Tensor>,
    graph: Tensor,
    graph_of: Option<Tensor>,
    gate: Option<Tensor>,
    active: Option<Tensor>,
    stale: Option<Tensor>,
    /// B and N
    teams: [usize; 2],
}

impl Dense {
    /// The embeddings (B N, E), and the rest as the native passes take it.
    pub fn context(&self) -> (&[f32], Context<'_>) {
        let [teams, agents] = self.teams;
        let context = Context {
            heard: Heard {
                graphs: numbers(&self.graph),
                graph_of: self.graph_of.as_ref().map(integers),
                gate: self.gate.as_ref().map(numbers),
                active: self.active.as_ref().map(numbers),
                teams,
                agents,
            },
            available: self.available.as_ref().map(truths),
            stale: self.stale.as_ref().map(numbers),
        };
        (numbers(&self.embedding), context)
    }
}

impl CommFormer {
    /// Checks a tensor (B, N, `width`) and returns B and N.
    pub(crate) fn check_agents(
        &self,
        input: &'static str,
        x: &Tensor,
        width: usize,
    ) -> Result<[i64; 2], ModelError> {
        let config = self.config();
        let agents = (!config.shared_head).then_some(config.agents);
        self.inputs().check_agents(input, x, agents, width)
    }

    /// Checks what a pass over actions that were taken is given, and returns B and N.
    pub(crate) fn check_actions(
        &self,
        input: &Input<'_>,
        actions: &Tensor,
    ) -> Result<[i64; 2], ModelError> {
        let [batch, agents] = self.check_input(input)?;
        let (kind, size) = self.config().actions.tensor([batch, agents]);
        check_shape("actions", actions, &size)?;
        self.check_kind("actions", actions, kind)?;
        // On a GPU the look-up itself checks, without making the pass wait.
        if let (ActionSpace::Discrete(count), Device::Cpu) = (self.config().actions, self.device())
        {
            let known = 0..count as i64;
            let actions = actions.contiguous();
            let wrong = (integers(&actions).iter()).find(|action| !known.contains(*action));
            if let Some(action) = wrong {
                return Err(ModelError::Input {
                    input: "actions",
                    problem: format!("holds {action}, expected an action from 0 to {}", count - 1),
                });
            }
        }
        Ok([batch, agents])
    }

    /// Refuses a tensor of another kind, or on another device than the policy.
    pub(crate) fn check_kind(
        &self,
        input: &'static str,
        x: &Tensor,
        expected: Kind,
    ) -> Result<(), ModelError> {
        self.inputs().check_kind(input, x, expected)
    }

    fn inputs(&self) -> Inputs {
        Inputs {
            of: "policy",
            device: self.device(),
        }
    }

    /// Checks the inputs that all passes share, and returns B and N.
    pub(crate) fn check_input(&self, input: &Input<'_>) -> Result<[i64; 2], ModelError> {
        let Input {
            embedding,
            available,
            graph,
            graph_of,
            gate,
            active,
            stale,
        } = *input;
        let config = self.config();
        let [batch, agents] = self.check_agents("embedding", embedding, config.embed_dim)?;
        let found = graph.size();
        if let Some(graph_of) = graph_of {
            self.check_kind("graph_of", graph_of, Kind::Int64)?;
            check_shape("graph_of", graph_of, &[batch])?;
            // On a GPU the look-up itself checks, without making the pass wait.
            let graphs = found.first().copied().unwrap_or(0);
            if graph_of.device() == Device::Cpu
                && !bool::try_from(graph_of.ge(0).logical_and(&graph_of.lt(graphs)).all())?
            {
                return Err(ModelError::Input {
                    input: "graph_of",
                    problem: format!(
                        "names a graph that is not there, expected 0 to {}",
                        graphs - 1
                    ),
                });
            }
        }
        let of_teams = match graph_of {
            Some(_) => found.len() == 3 && found[1..] == [agents, agents],
            None => found == [1, agents, agents] || found == [batch, agents, agents],
        };
        if !of_teams {
            return Err(ModelError::Shape {
                input: "graph",
                expected: match graph_of {
                    Some(_) => format!("(G, {agents}, {agents})"),
                    None => format!("(1 or {batch}, {agents}, {agents})"),
                },
                found,
            });
        }
        self.check_kind("graph", graph, Kind::Float)?;
        if let Some(gate) = gate {
            let found = gate.size();
            if found != [batch, agents] && found != [batch, agents, agents] {
                return Err(ModelError::Shape {
                    input: "gate",
                    expected: format!(
                        "({batch}, {agents}) for receivers or ({batch}, {agents}, {agents}) for edges"
                    ),
                    found,
                });
            }
            self.check_kind("gate", gate, Kind::Float)?;
        }
        if let Some(active) = active {
            check_shape("active", active, &[batch, agents])?;
            self.check_kind("active", active, Kind::Float)?;
        }
        if let Some(stale) = stale {
            if config.closed == Closed::Silence {
                return Err(ModelError::Input {
                    input: "stale",
                    problem: "agents keep nothing unless `closed` is `stale`; pass None".to_owned(),
                });
            }
            check_shape("stale", stale, &[batch, agents, self.stale_width() as i64])?;
            self.check_kind("stale", stale, Kind::Float)?;
        }
        if let Some(available) = available {
            let ActionSpace::Discrete(actions) = config.actions else {
                return Err(ModelError::Input {
                    input: "available",
                    problem: "continuous actions are always available; pass None".to_owned(),
                });
            };
            check_shape("available", available, &[batch, agents, actions as i64])?;
            self.check_kind("available", available, Kind::Bool)?;
        }
        Ok([batch, agents])
    }
}

pub(crate) fn check_shape(
    input: &'static str,
    x: &Tensor,
    expected: &[i64],
) -> Result<(), ModelError> {
    if x.size() == expected {
        return Ok(());
    }
    Err(ModelError::Shape {
        input,
        expected: format!("{expected:?}"),
        found: x.size(),
    })
}
