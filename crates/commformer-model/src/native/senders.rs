//! Who hears whom, as lists: work and memory grow with the edges, not with N x N.

use super::leaves::{integers, numbers};
use crate::Input;
use crate::config::{PolicyConfig, PreviousAction, RelationOrder, SelfLoop};
use tch::Tensor;

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

/// The senders of every receiver, in rising order: a list for each row of each graph, or, where gates
/// differ, of each team.
#[derive(Debug, Default)]
pub(super) struct Senders {
    /// Where the list of a row starts in `list`.
    starts: Vec<usize>,
    list: Vec<Sender>,
    /// The row of each team's first agent, and how many entries the teams before it have.
    teams: Vec<(usize, usize)>,
    /// Each team's graph.
    graphs: Vec<usize>,
    /// Entries of all teams.
    entries: usize,
    /// Whether an agent is given the previous agent's action only if it hears that agent.
    previous_heard: bool,
    /// Who takes part, (B N); empty: everybody.
    active: Vec<bool>,
    /// N.
    agents: usize,
    /// The lists before gates, while lists of each team are made from them.
    ungated: Vec<Sender>,
    ungated_starts: Vec<usize>,
}

impl Senders {
    /// Lists those that B teams hear.
    pub fn fill(&mut self, input: &Input<'_>, config: &PolicyConfig) {
        self.previous_heard = config.previous_action == PreviousAction::Heard;
        let size = input.embedding.size();
        let [teams, agents] = [0, 1].map(|at| size[at] as usize);
        self.agents = agents;
        self.active.clear();
        if let Some(active) = input.active.map(Tensor::contiguous) {
            let active = numbers(&active).iter().map(|active| *active > 0.5);
            self.active.extend(active);
        }
        let graph = input.graph.contiguous();
        self.list_graphs(numbers(&graph), agents, config);
        let graphs = graph.size()[0] as usize;
        let of = input.graph_of.map(Tensor::contiguous);
        let of = of.as_ref().map(integers);
        let graph_of = |team: usize| match of {
            Some(of) => of[team] as usize,
            None => team % graphs, // one for all, or one for each
        };
        let of_teams = input.gate.is_some() || input.active.is_some();
        if of_teams {
            let gate = input.gate.map(Tensor::contiguous);
            self.apply_gates(gate.as_ref(), graph_of, [teams, agents], config);
        }
        self.teams.clear();
        self.graphs.clear();
        self.graphs.extend((0..teams).map(graph_of));
        self.entries = 0;
        for team in 0..teams {
            let row = agents * if of_teams { team } else { graph_of(team) };
            self.teams.push((row, self.entries));
            self.entries += self.starts[row + agents] - self.starts[row];
        }
    }

    /// The lists of graphs (G, N, N).
    fn list_graphs(&mut self, edges: &[f32], agents: usize, config: &PolicyConfig) {
        self.list.clear();
        self.starts.clear();
        self.starts.push(0);
        for edges in edges.chunks_exact(agents * agents) {
            let there = |receiver: usize, sender: usize| edges[receiver * agents + sender] > 0.5;
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
            }
        }
    }

    /// Lists for each team, without those that its gate, (B, N) or (B, N, N), shuts out, and without those
    /// who take no part.
    fn apply_gates(
        &mut self,
        gate: Option<&Tensor>,
        graph_of: impl Fn(usize) -> usize,
        [teams, agents]: [usize; 2],
        config: &PolicyConfig,
    ) {
        std::mem::swap(&mut self.list, &mut self.ungated);
        std::mem::swap(&mut self.starts, &mut self.ungated_starts);
        self.list.clear();
        self.starts.clear();
        self.starts.push(0);
        let per_edge = gate.is_some_and(|gate| gate.dim() == 3);
        let gates = gate.map(numbers);
        let active = &self.active;
        let swapped = config.relation_order == RelationOrder::SenderReceiver;
        for team in 0..teams {
            let part = |agent: usize| active.is_empty() || active[team * agents + agent];
            // An agent's own entry passes every gate.
            let open = |receiver: usize, sender: usize| {
                let row = team * agents + receiver;
                let at = if per_edge { row * agents + sender } else { row };
                receiver == sender
                    || part(receiver) && part(sender) && gates.is_none_or(|gates| gates[at] > 0.5)
            };
            for receiver in 0..agents {
                let row = graph_of(team) * agents + receiver;
                let list = &self.ungated[self.ungated_starts[row]..self.ungated_starts[row + 1]];
                for sender in list {
                    let agent = sender.agent as usize;
                    if open(receiver, agent) {
                        let closed = swapped && !open(agent, receiver);
                        let edge = if closed { 0 } else { sender.edge };
                        self.list.push(Sender { edge, ..*sender });
                    }
                }
                self.starts.push(self.list.len());
            }
        }
    }

    /// Adds a number for each entry to the graphs' edges (G, N, N) over which the entries are heard. An
    /// agent's own edge counts only where it multiplies what the agent tells itself.
    pub fn add_to_graphs(&self, of_entries: &[f32], agents: usize, own: bool, edges: &mut [f32]) {
        for (team, graph) in self.graphs.iter().enumerate() {
            for receiver in 0..agents {
                let (first, list) = self.of(team, receiver, false);
                for (sender, number) in list.iter().zip(&of_entries[first..]) {
                    let agent = sender.agent as usize;
                    if own || agent != receiver {
                        edges[(graph * agents + receiver) * agents + agent] += number;
                    }
                }
            }
        }
    }

    /// Entries of the lists of all teams.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Those that an agent of a team hears, and where they begin among all entries. For a decoder
    /// (`causal`) only those up to itself.
    #[inline(always)]
    pub fn of(&self, team: usize, agent: usize, causal: bool) -> (usize, &[Sender]) {
        let (first, before) = self.teams[team];
        let (start, end) = (self.starts[first + agent], self.starts[first + agent + 1]);
        let mut list = &self.list[start..end];
        if causal {
            list = &list[..list.partition_point(|sender| sender.agent as usize <= agent)];
        }
        (before + start - self.starts[first], list)
    }

    /// Whether an agent is given the action of the agent before it.
    pub fn given_previous(&self, team: usize, agent: usize) -> bool {
        let part = |agent| self.active.is_empty() || self.active[team * self.agents + agent];
        if agent == 0 || !part(agent) || !part(agent - 1) {
            return false;
        }
        if !self.previous_heard {
            return true;
        }
        let (_, list) = self.of(team, agent, true);
        list.iter().any(|sender| sender.agent as usize + 1 == agent)
    }
}
