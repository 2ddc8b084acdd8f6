//! Who hears whom, as lists: work and memory grow with the edges, not with N x N.
//!
//! This is the place that says whom an agent hears: those that its row of the graph names, whose gate is open,
//! of those who are active; and always itself. libtorch needs it in tensors, too: `torch/mask.rs` says why.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which edge the score of receiver i and sender j reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RelationOrder {
    /// The edge e(i, j) over which i hears j, as in the paper.
    #[serde(alias = "receiver_sender")]
    #[default]
    ReceiverSender,
    /// The edge e(j, i) of the other direction, as in the authors' release.
    #[serde(alias = "sender_receiver")]
    SenderReceiver,
}

/// How an agent's own entry of the graph enters the attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SelfLoop {
    /// The weight of an agent's own message is multiplied by 1, whatever the graph says.
    #[default]
    Keep,
    /// It is multiplied by A(i, i) + 1, which can be 2, as in the authors' release.
    Add,
}

/// Whether the decoder gives an agent the action of the agent before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreviousAction {
    /// In any case, along no edge, as in the paper.
    #[default]
    Always,
    /// Only along an open edge from that agent; otherwise it is given the start token. An agent
    /// whose gate is closed then knows of the others nothing at all.
    Heard,
}

/// How a graph is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Which edge a score reads.
    pub relation_order: RelationOrder,
    /// How the diagonal enters.
    pub self_loop: SelfLoop,
    /// Whether an agent is given the action of the agent before it.
    pub previous_action: PreviousAction,
}

/// Graphs, gates and who is there, of B teams with N agents.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// (G, N, N) of 0 and 1, row the receiver, column the sender.
    pub graphs: &'a [f32],
    /// The graph of each team, (B); `None`: the same one for all, or one for each.
    pub graph_of: Option<&'a [i64]>,
    /// 1 where an agent takes messages in, (B, N) or (B, N, N); `None`: all do.
    pub gate: Option<&'a [f32]>,
    /// Who is active, (B, N) of 1 and 0; `None`: everybody.
    pub active: Option<&'a [f32]>,
    /// B
    pub teams: usize,
    /// N
    pub agents: usize,
}

/// One of those that a receiver hears; the receiver itself is always among them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sender {
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
pub struct Senders {
    rules: Rules,
    /// Where the list of a row starts in `list`.
    starts: Vec<usize>,
    list: Vec<Sender>,
    /// The row of each team's first agent, and how many entries the teams before it have.
    teams: Vec<(usize, usize)>,
    /// Each team's graph.
    graphs: Vec<usize>,
    /// Entries of all teams.
    entries: usize,
    /// Who is active, (B N); empty: everybody.
    active: Vec<bool>,
    /// N.
    agents: usize,
    /// The lists before gates, while lists of each team are made from them.
    ungated: Vec<Sender>,
    ungated_starts: Vec<usize>,
}

impl Senders {
    /// Lists those that B teams hear.
    pub fn fill(&mut self, heard: &Heard<'_>, rules: Rules) {
        self.rules = rules;
        let Heard { teams, agents, .. } = *heard;
        self.agents = agents;
        self.active.clear();
        if let Some(active) = heard.active {
            self.active
                .extend(active.iter().map(|active| *active > 0.5));
        }
        self.list_graphs(heard.graphs, agents);
        let graphs = heard.graphs.len() / (agents * agents).max(1);
        let graph_of = |team: usize| match heard.graph_of {
            Some(of) => of[team] as usize,
            None => team % graphs.max(1), // one for all, or one for each
        };
        let of_teams = heard.gate.is_some() || heard.active.is_some();
        if of_teams {
            self.apply_gates(heard.gate, graph_of, [teams, agents]);
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

    /// One agent's own list, which another place has decided on: itself in place 0 of its memory, and the agents
    /// whose messages it has in the places after it.
    pub fn fill_own(&mut self, list: impl IntoIterator<Item = Sender>) {
        self.rules = Rules::default();
        self.active.clear();
        self.list.clear();
        self.list.extend(list);
        self.agents = self.list.len();
        self.starts.clear();
        self.starts.extend([0, self.list.len()]);
        self.entries = self.list.len();
        self.teams.clear();
        self.teams.push((0, 0));
        self.graphs.clear();
    }

    /// The lists of graphs (G, N, N).
    fn list_graphs(&mut self, edges: &[f32], agents: usize) {
        self.list.clear();
        self.starts.clear();
        self.starts.push(0);
        for edges in edges.chunks_exact((agents * agents).max(1)) {
            let there = |receiver: usize, sender: usize| edges[receiver * agents + sender] > 0.5;
            for receiver in 0..agents {
                for agent in 0..agents {
                    let (heard, own) = (there(receiver, agent), receiver == agent);
                    if !(heard || own) {
                        continue;
                    }
                    let edge = match self.rules.relation_order {
                        RelationOrder::ReceiverSender => heard,
                        RelationOrder::SenderReceiver => there(agent, receiver),
                    };
                    let twice = self.rules.self_loop == SelfLoop::Add && own && heard;
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
    /// who are not active.
    fn apply_gates(
        &mut self,
        gates: Option<&[f32]>,
        graph_of: impl Fn(usize) -> usize,
        [teams, agents]: [usize; 2],
    ) {
        std::mem::swap(&mut self.list, &mut self.ungated);
        std::mem::swap(&mut self.starts, &mut self.ungated_starts);
        self.list.clear();
        self.starts.clear();
        self.starts.push(0);
        let per_edge = gates.is_some_and(|gates| gates.len() > teams * agents);
        let active = &self.active;
        let swapped = self.rules.relation_order == RelationOrder::SenderReceiver;
        for team in 0..teams {
            let is_active = |agent: usize| active.is_empty() || active[team * agents + agent];
            // An agent's own entry passes every gate.
            let open = |receiver: usize, sender: usize| {
                let row = team * agents + receiver;
                let at = if per_edge { row * agents + sender } else { row };
                let both = is_active(receiver) && is_active(sender);
                receiver == sender || both && gates.is_none_or(|gates| gates[at] > 0.5)
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
    pub fn add_to_graphs(&self, of_entries: &[f32], edges: &mut [f32]) {
        let (agents, own) = (self.agents, self.rules.self_loop == SelfLoop::Add);
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

    /// Adds a number for each entry to the gates, (B, N) or (B, N, N), that let it through. No gate has a part in what
    /// an agent tells itself.
    pub fn add_to_gates(&self, of_entries: &[f32], gates: &mut [f32]) {
        let per_edge = gates.len() > self.teams.len() * self.agents;
        for team in 0..self.teams.len() {
            for receiver in 0..self.agents {
                let row = team * self.agents + receiver;
                let (first, list) = self.of(team, receiver, false);
                for (sender, number) in list.iter().zip(&of_entries[first..]) {
                    let agent = sender.agent as usize;
                    if agent != receiver {
                        let at = if per_edge {
                            row * self.agents + agent
                        } else {
                            row
                        };
                        gates[at] += number;
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

    /// N
    pub fn agents(&self) -> usize {
        self.agents
    }

    /// Whether an agent hears some other.
    pub fn receives(&self, team: usize, agent: usize) -> bool {
        self.of(team, agent, false).1.len() > 1
    }

    /// Whether an agent is given the action of the agent before it.
    pub fn given_previous(&self, team: usize, agent: usize) -> bool {
        let is_active = |agent| self.active.is_empty() || self.active[team * self.agents + agent];
        if agent == 0 || !is_active(agent) || !is_active(agent - 1) {
            return false;
        }
        if self.rules.previous_action == PreviousAction::Always {
            return true;
        }
        let (_, list) = self.of(team, agent, true);
        list.iter().any(|sender| sender.agent as usize + 1 == agent)
    }
}
