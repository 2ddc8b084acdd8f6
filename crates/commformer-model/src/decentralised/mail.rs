//! Who may send to whom, and the mailbox that sees to it.

use std::collections::BTreeMap;

use commformer_nn::inputs::check_width;

use super::packet::Packet;
use crate::ModelError;
use crate::config::PreviousAction;

/// The open edges of one step: the graph, less the edges whose gates are closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenEdges {
    agents: usize,
    /// N x N, row the receiver.
    open: Vec<bool>,
    /// Who is active, N.
    active: Vec<bool>,
}

/// The open edges that one agent knows of, its own entry included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// Whom it hears: the agent asked them to send.
    pub(super) hears: Vec<bool>,
    /// Who hears it: they asked it to send.
    pub(super) heard_by: Vec<bool>,
}

impl OpenEdges {
    /// From a graph (N, N) of 0 and 1, row the receiver.
    ///
    /// # Errors
    /// [`ModelError::Shape`] when it is not square, [`ModelError::Input`] when a number is another.
    pub fn new(graph: &[f32]) -> Result<Self, ModelError> {
        let agents = graph.len().isqrt();
        if agents * agents != graph.len() {
            return Err(ModelError::Shape {
                input: "graph",
                expected: "N * N numbers".to_owned(),
                found: vec![graph.len() as i64],
            });
        }
        if let Some(at) = graph.iter().position(|edge| ![0.0, 1.0].contains(edge)) {
            return Err(ModelError::Input {
                input: "graph",
                problem: format!("found {} at {at}, expected 0 or 1", graph[at]),
            });
        }
        Ok(Self {
            agents,
            open: graph.iter().map(|edge| *edge == 1.0).collect(),
            active: vec![true; agents],
        })
    }

    /// Those that are left of them when receivers shut theirs: `open` says for each agent whether it listens in this step,
    /// (N), or for each of its edges, (N, N), row the receiver. What an agent hears of itself stays.
    ///
    /// # Errors
    /// [`ModelError::Shape`] for other sizes.
    pub fn gated(mut self, open: &[bool]) -> Result<Self, ModelError> {
        let agents = self.agents;
        let per_edge = match open.len() {
            length if length == agents => false,
            length if length == agents * agents => true,
            length => {
                return Err(ModelError::Shape {
                    input: "open",
                    expected: format!("[{agents}] or [{agents}, {agents}]"),
                    found: vec![length as i64],
                });
            }
        };
        for receiver in 0..agents {
            for sender in (0..agents).filter(|sender| *sender != receiver) {
                let edge = receiver * agents + sender;
                self.open[edge] &= open[if per_edge { edge } else { receiver }];
            }
        }
        Ok(self)
    }

    /// Those between the agents who are active, `active` (N): the others neither send nor are sent
    /// anything.
    ///
    /// # Errors
    /// [`ModelError::Shape`] for another size.
    pub fn among(mut self, active: &[bool]) -> Result<Self, ModelError> {
        check_width("active", active.len(), self.agents)?;
        self.active.copy_from_slice(active);
        for receiver in 0..self.agents {
            for sender in 0..self.agents {
                let both = self.active[receiver] && self.active[sender];
                self.open[receiver * self.agents + sender] &= both || receiver == sender;
            }
        }
        Ok(self)
    }

    /// The number of agents.
    pub fn agents(&self) -> usize {
        self.agents
    }

    /// Whether an agent is active; false beyond the team.
    pub fn is_active(&self, agent: usize) -> bool {
        self.active.get(agent).copied().unwrap_or(false)
    }

    /// Whether `receiver` hears `sender`; false beyond the team.
    pub fn is_open(&self, receiver: usize, sender: usize) -> bool {
        receiver < self.agents && sender < self.agents && self.open[receiver * self.agents + sender]
    }

    /// What agent `agent` knows of them: its own row and column.
    pub fn links(&self, agent: usize) -> Links {
        let all = 0..self.agents;
        Links {
            hears: all
                .clone()
                .map(|other| self.is_open(agent, other))
                .collect(),
            heard_by: all.map(|other| self.is_open(other, agent)).collect(),
        }
    }
}

impl Links {
    /// Of an agent that finds them out by itself: whom it hears, and who hears it, a flag for each agent; its own is its
    /// own entry of the graph, in both.
    pub fn new(hears: Vec<bool>, heard_by: Vec<bool>) -> Self {
        Self { hears, heard_by }
    }

    /// Whether the agent hears `sender`.
    pub fn hears(&self, sender: usize) -> bool {
        self.hears.get(sender).copied().unwrap_or(false)
    }

    /// Whether `receiver` hears the agent, which then sends it what it says.
    pub fn is_heard_by(&self, receiver: usize) -> bool {
        self.heard_by.get(receiver).copied().unwrap_or(false)
    }

    /// Those of an agent that hears nobody and is heard by nobody, with its own entry of the graph.
    pub(super) fn alone(agent: usize, agents: usize, own_edge: bool) -> Self {
        let alone: Vec<bool> = (0..agents)
            .map(|other| other == agent && own_edge)
            .collect();
        Self {
            hears: alone.clone(),
            heard_by: alone,
        }
    }
}

/// What was delivered to one agent, by whoever carries messages between machines.
#[derive(Debug, Default)]
pub struct Inbox<'p> {
    /// Sender and packet, senders rising.
    letters: Vec<(usize, &'p Packet)>,
    /// The action of the agent before.
    previous: Option<&'p Packet>,
}

impl<'p> Inbox<'p> {
    /// Of packets and who sent them, in any order, and, where agents decide one after the other, of the action of the
    /// agent before, if it was sent on. The last packet of a sender counts.
    pub fn new(
        letters: impl IntoIterator<Item = (usize, &'p Packet)>,
        previous: Option<&'p Packet>,
    ) -> Self {
        let letters: BTreeMap<usize, &Packet> = letters.into_iter().collect();
        Self {
            letters: letters.into_iter().collect(),
            previous,
        }
    }

    /// The packets and who sent them, senders rising.
    pub fn letters(&self) -> &[(usize, &'p Packet)] {
        &self.letters
    }

    pub(super) fn previous(&self) -> Option<&'p Packet> {
        self.previous
    }
}

/// Delivers what agents send along open edges, and counts it.
#[derive(Debug)]
pub(super) struct Mailbox<'e> {
    edges: &'e OpenEdges,
    delivered: Delivered,
}

/// Bytes that were delivered, receiver by sender (N x N).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Along open edges.
    pub along: Vec<usize>,
    /// Along none: the previous action, under [`PreviousAction::Always`].
    pub always: Vec<usize>,
}

impl Delivered {
    /// Messages along edges; what a sender sends a receiver in a step is one message.
    pub fn messages(&self) -> usize {
        self.along.iter().filter(|&&bytes| bytes > 0).count()
    }

    /// All bytes.
    pub fn bytes(&self) -> usize {
        self.along.iter().chain(&self.always).sum()
    }
}

impl<'e> Mailbox<'e> {
    pub fn new(edges: &'e OpenEdges) -> Self {
        let none = vec![0; edges.agents * edges.agents];
        Self {
            edges,
            delivered: Delivered {
                along: none.clone(),
                always: none,
            },
        }
    }

    /// Of what the agents 0, 1, .. sent, that which reaches `receiver`: from others, along open edges.
    pub fn deliver<'p>(&mut self, receiver: usize, sent: &'p [Packet]) -> Inbox<'p> {
        let mut inbox = Inbox::default();
        for (sender, packet) in sent.iter().enumerate() {
            if sender != receiver && self.edges.is_open(receiver, sender) {
                self.delivered.along[receiver * self.edges.agents + sender] += packet.bytes();
                inbox.letters.push((sender, packet));
            }
        }
        inbox
    }

    /// Delivers what the agents before `receiver` sent while they decided, and the action of the last
    /// of them: along its edge, or whenever both are active.
    pub(super) fn deliver_decided<'p>(
        &mut self,
        receiver: usize,
        sent: &'p [Packet],
        actions: &'p [Packet],
        rule: PreviousAction,
    ) -> Inbox<'p> {
        let mut inbox = self.deliver(receiver, sent);
        let active = &self.edges.active;
        let last = actions.iter().enumerate().next_back();
        let last = last.filter(|(sender, _)| active[receiver] && active[*sender]);
        if let Some((sender, action)) = last {
            let at = receiver * self.edges.agents + sender;
            match rule {
                PreviousAction::Always => self.delivered.always[at] += action.bytes(),
                PreviousAction::Heard if self.edges.is_open(receiver, sender) => {
                    self.delivered.along[at] += action.bytes();
                }
                PreviousAction::Heard => return inbox,
            }
            inbox.previous = Some(action);
        }
        inbox
    }

    pub(super) fn into_delivered(self) -> Delivered {
        self.delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 hears 1 and itself, 1 hears nobody, 2 hears 0 and 1.
    fn edges() -> OpenEdges {
        OpenEdges::new(&[1f32, 1., 0., 0., 0., 0., 1., 1., 0.]).unwrap()
    }

    fn packet(numbers: &[f32]) -> Packet {
        let mut packet = Packet::default();
        packet.numbers(numbers);
        packet
    }

    #[test]
    fn only_open_edges_deliver_and_are_counted() {
        let edges = edges();
        let mut mailbox = Mailbox::new(&edges);
        let sent = [packet(&[1.0]), packet(&[2.0, 3.0]), packet(&[4.0])];
        for (receiver, expected) in [&[1][..], &[], &[0, 1]].into_iter().enumerate() {
            let inbox = mailbox.deliver(receiver, &sent);
            let senders: Vec<usize> = inbox.letters().iter().map(|(sender, _)| *sender).collect();
            assert_eq!(senders, expected, "{receiver}");
            assert!(
                inbox
                    .letters()
                    .iter()
                    .all(|(sender, found)| **found == sent[*sender])
            );
        }
        let delivered = mailbox.into_delivered();
        assert_eq!(delivered.along, [0, 8, 0, 0, 0, 0, 4, 8, 0]);
        assert_eq!((delivered.messages(), delivered.bytes()), (3, 20));
    }

    #[test]
    fn the_previous_action_goes_along_its_edge_or_always() {
        let edges = edges();
        let actions = [packet(&[1.0]), packet(&[2.0])];
        for (rule, given, along, always) in [
            (PreviousAction::Heard, [false, true], [0, 4], [0, 0]),
            (PreviousAction::Always, [true, true], [0, 0], [4, 4]),
        ] {
            let mut mailbox = Mailbox::new(&edges);
            for receiver in [1, 2] {
                let inbox = mailbox.deliver_decided(receiver, &[], &actions[..receiver], rule);
                let expected = given[receiver - 1].then(|| &actions[receiver - 1]);
                assert_eq!(inbox.previous(), expected);
            }
            let delivered = mailbox.into_delivered();
            let of = |bytes: &[usize]| [bytes[3], bytes[7]];
            assert_eq!(
                (of(&delivered.along), of(&delivered.always)),
                (along, always)
            );
        }
    }

    #[test]
    fn who_is_not_active_neither_sends_nor_is_sent_anything() {
        // 2 hears 0 alone, 0 itself alone.
        let edges = edges().among(&[true, false, true]).unwrap();
        let sent = [packet(&[1.0]), packet(&[2.0]), packet(&[3.0])];
        for rule in [PreviousAction::Always, PreviousAction::Heard] {
            let mut mailbox = Mailbox::new(&edges);
            for receiver in 0..3 {
                mailbox.deliver(receiver, &sent);
                let inbox = mailbox.deliver_decided(receiver, &[], &sent[..receiver], rule);
                assert_eq!(inbox.previous(), None);
            }
            let delivered = mailbox.into_delivered();
            assert_eq!(delivered.along, [0, 0, 0, 0, 0, 0, 4, 0, 0]);
            assert_eq!(delivered.bytes(), 4);
        }
        assert_eq!(edges.links(0).hears, [true, false, false]);
    }

    #[test]
    fn flags_of_another_team_are_refused() {
        let error = edges().gated(&[true; 4]).unwrap_err().to_string();
        let expected = "`open` has shape [4], expected [3] or [3, 3]";
        assert_eq!(error, expected);
        for length in [2, 4] {
            let error = edges().among(&vec![true; length]).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("`active` has shape [{length}], expected [3]")
            );
        }
    }

    #[test]
    fn gates_shut_all_edges_of_a_receiver_or_single_ones_and_never_its_own() {
        let closed = edges().gated(&[false; 3]).unwrap();
        assert_eq!(
            closed,
            OpenEdges::new(&[1., 0., 0., 0., 0., 0., 0., 0., 0.]).unwrap()
        );
        // 2 no longer hears 0; where there is no edge, none opens.
        let mut gates = [true; 9];
        gates[6] = false;
        let single = edges().gated(&gates).unwrap();
        assert_eq!(
            single,
            OpenEdges::new(&[1., 1., 0., 0., 0., 0., 0., 1., 0.]).unwrap()
        );
    }

    #[test]
    fn an_agent_knows_its_own_row_and_column() {
        let links = edges().links(0);
        assert_eq!(links.hears, [true, true, false]);
        assert_eq!(links.heard_by, [true, false, true]);
        let error = OpenEdges::new(&[0.0; 6]).unwrap_err().to_string();
        assert!(error.contains("N * N"), "{error}");
        let error = OpenEdges::new(&[0.0, 1.0, 0.5, 0.0]).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("found 0.5 at 2, expected 0 or 1"), "{error}");
    }
}
