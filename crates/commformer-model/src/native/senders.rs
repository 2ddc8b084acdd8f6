//! Who hears whom, as lists: work and memory grow with the edges, not with N x N.

use tch::Tensor;

use super::leaves::numbers;
use crate::config::{PolicyConfig, PreviousAction, RelationOrder, SelfLoop};

/// One of those that a receiver hears; the receiver itself is always among them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sender {
    /// Which agent.
    pub agent: u32,
    /// Whether the edge that the score reads is there: 1, or 0.
    pub edge: u32,
    /// What multiplies its weight after the softmax.
    pub factor: f32,
}

/// The senders of every receiver, in rising order, once for all B teams or for each.
#[derive(Debug, Default)]
pub(super) struct Senders {
    agents: usize,
    /// Where the list of a row starts in `list`; N + 1 or B N + 1 of them.
    starts: Vec<usize>,
    list: Vec<Sender>,
    /// Whether the teams' graphs differ.
    per_team: bool,
    /// Whether the agent before it is heard, for each row; empty where its action is given anyway.
    hears_previous: Vec<bool>,
}

impl Senders {
    /// From a graph (1 or B, N, N) and a gate (B, N) or (B, N, N) of 0 and 1.
    pub fn fill(&mut self, graph: &Tensor, gate: Option<&Tensor>, config: &PolicyConfig) {
        let size = graph.size();
        let agents = size[1] as usize;
        let teams = gate.map_or(size[0], |gate| gate.size()[0]) as usize;
        let own_graphs = size[0] > 1;
        let edges = numbers(graph);
        let gate = gate.map(|gate| (numbers(gate), gate.dim() == 3));
        self.agents = agents;
        self.per_team = teams > 1 && (own_graphs || gate.is_some());
        self.list.clear();
        self.starts.clear();
        self.starts.push(0);
        self.hears_previous.clear();
        for team in 0..teams {
            let edges = &edges[if own_graphs {
                team * agents * agents
            } else {
                0
            }..];
            let there = |receiver: usize, sender: usize| {
                let open = match gate {
                    Some((gate, per_edge)) if receiver != sender => {
                        let row = team * agents + receiver;
                        gate[if per_edge { row * agents + sender } else { row }]
                    }
                    _ => 1.0,
                };
                edges[receiver * agents + sender] * open > 0.5
            };
            for receiver in 0..agents {
                for agent in 0..agents {
                    let (heard, own) = (there(receiver, agent), receiver == agent);
                    if !(heard || own) {
                        continue;
                    }
                    let edge = match config.relation_order {
                        RelationOrder::ReceiverSender => heard,
                        RelationOrder::SenderReceiver => there(agent, receiver),
                    };
                    let twice = config.self_loop == SelfLoop::Add && own && heard;
                    self.list.push(Sender {
                        agent: agent as u32,
                        edge: edge.into(),
                        factor: if twice { 2.0 } else { 1.0 },
                    });
                }
                self.starts.push(self.list.len());
                if config.previous_action == PreviousAction::Heard {
                    let heard = receiver > 0 && there(receiver, receiver - 1);
                    self.hears_previous.push(heard);
                }
            }
        }
    }

    /// Entries of the lists of B teams, those of all of them.
    pub fn entries(&self, teams: usize) -> usize {
        let repeated = if self.per_team { 1 } else { teams };
        self.list.len() * repeated
    }

    /// Those that an agent of a team hears, and where they begin among all entries. For a decoder
    /// (`causal`) only those up to itself.
    #[inline(always)]
    pub fn of(&self, team: usize, agent: usize, causal: bool) -> (usize, &[Sender]) {
        let (row, before) = match self.per_team {
            true => (team * self.agents + agent, 0),
            false => (agent, team * self.list.len()),
        };
        let (start, end) = (self.starts[row], self.starts[row + 1]);
        let mut list = &self.list[start..end];
        if causal {
            list = &list[..list.partition_point(|sender| sender.agent as usize <= agent)];
        }
        (before + start, list)
    }

    /// Whether an agent is given the action of the agent before it.
    pub fn given_previous(&self, team: usize, agent: usize) -> bool {
        let row = if self.per_team {
            team * self.agents + agent
        } else {
            agent
        };
        agent > 0 && self.hears_previous.get(row).copied().unwrap_or(true)
    }
}
