//! The messages of a team, counted.

use crate::MessageSizes;

/// Statistics of a team's messages in some steps: sums, of which the methods make rates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MessageStats {
    /// Agents times steps.
    pub agent_steps: f64,
    /// Those of active agents.
    pub active_steps: f64,
    /// Shares of what active agents could take in that they took in.
    pub open: f64,
    /// Messages along open edges between active agents.
    pub messages: f64,
    /// Bytes that were sent.
    pub bytes: f64,
    /// Bytes if all active agents had always heard each other.
    pub full_bytes: f64,
}

/// One step of one team: who could hear whom, and who received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StepMessages<'a> {
    /// The graph, N x N; empty: there is none.
    pub edges: &'a [f32],
    /// The gates, N x W; empty: all are open.
    pub open: &'a [f32],
    /// Who is active, N.
    pub active: &'a [bool],
    pub sizes: &'a MessageSizes,
}

/// What one agent took in.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Received {
    /// Messages along edges.
    pub messages: f64,
    /// They as a share of what it could take in; without anybody to hear, whether its gate is open, and 0 of gates for edges.
    pub share: f64,
}

impl StepMessages<'_> {
    /// What agent `receiver` took in: messages along open edges from other active agents.
    pub fn received(&self, receiver: usize) -> Received {
        if !self.active[receiver] {
            return Received::default();
        }
        let (mut messages, mut possible) = (0.0, 0.0);
        for sender in self.senders(receiver) {
            let edge = self.edge(receiver * self.active.len() + sender);
            possible += edge;
            messages += edge * self.gate(receiver, sender);
        }
        Received {
            messages,
            share: if possible > 0.0 {
                messages / possible
            } else {
                self.alone(receiver)
            },
        }
    }

    /// The graph's entry `at`.
    fn edge(&self, at: usize) -> f64 {
        self.edges.get(at).copied().map_or(0.0, f64::from)
    }

    /// Whether `receiver` takes in what `sender` says, 1 or 0.
    fn gate(&self, receiver: usize, sender: usize) -> f64 {
        match self.open.len() / self.active.len().max(1) {
            0 => 1.0,
            1 => f64::from(self.open[receiver]),
            width => f64::from(self.open[receiver * width + sender]),
        }
    }

    /// Whether the gate of a receiver who has nobody to hear is open. Gates of edges have none then: what their entry for
    /// itself says is not learned.
    fn alone(&self, receiver: usize) -> f64 {
        match self.open.len() == self.active.len() * self.active.len() {
            true => 0.0,
            false => self.gate(receiver, receiver),
        }
    }

    /// Rounds of messages. An active agent waits for those whom it hears, whether they are active or not: it does not know.
    pub fn rounds(&self) -> u32 {
        let agents = self.active.len();
        let waits = |needs: &dyn Fn(usize, usize) -> bool| {
            (0..agents)
                .filter(|agent| self.active[*agent])
                .any(|receiver| {
                    (0..agents).any(|sender| sender != receiver && needs(receiver, sender))
                })
        };
        let at = |receiver: usize, sender: usize| receiver * agents + sender;
        let along = |receiver, sender| {
            let awaited = self.sizes.senders_decide || self.gate(receiver, sender) > 0.0;
            awaited && self.edge(at(receiver, sender)) > 0.0
        };
        let always = |receiver, sender| {
            let bytes = self.sizes.always.get(at(receiver, sender));
            bytes.is_some_and(|bytes| *bytes > 0)
        };
        match () {
            () if waits(&along) => self.sizes.rounds,
            () if waits(&always) => self.sizes.always_rounds,
            () => 0,
        }
    }

    /// The statistics of the step.
    pub fn message_stats(&self) -> MessageStats {
        let agents = self.active.len();
        let mut stats = MessageStats {
            agent_steps: agents as f64,
            ..MessageStats::default()
        };
        if self.sizes.is_empty() && self.edges.is_empty() {
            // Nothing is sent: no need to look at every pair.
            let active = self.active.iter().filter(|active| **active);
            stats.active_steps = active.count() as f64;
            stats.open = stats.active_steps;
            return stats;
        }
        let size = |sizes: &[u32], at: usize| sizes.get(at).copied().map_or(0.0, f64::from);
        for receiver in (0..agents).filter(|&agent| self.active[agent]) {
            let received = self.received(receiver);
            stats.active_steps += 1.0;
            stats.open += received.share;
            stats.messages += received.messages;
            for sender in self.senders(receiver) {
                let at = receiver * agents + sender;
                let heard = self.edge(at) * self.gate(receiver, sender);
                let always = size(&self.sizes.always, at);
                let along = size(&self.sizes.edge, at);
                stats.bytes += always + heard * along;
                stats.full_bytes += always + along;
            }
        }
        stats
    }

    /// Active agents other than `receiver`.
    fn senders(&self, receiver: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.active.len()).filter(move |&sender| sender != receiver && self.active[sender])
    }
}

impl MessageStats {
    /// Adds the sums of other steps.
    pub fn add(&mut self, other: &MessageStats) {
        self.agent_steps += other.agent_steps;
        self.active_steps += other.active_steps;
        self.open += other.open;
        self.messages += other.messages;
        self.bytes += other.bytes;
        self.full_bytes += other.full_bytes;
    }

    /// Share of an active agent's possible messages that it took in, over its steps: with one gate
    /// per agent, the share of steps with an open gate.
    pub fn open_rate(&self) -> f64 {
        self.open / self.active_steps.max(1.0)
    }

    /// Messages per agent per step.
    pub fn messages(&self) -> f64 {
        self.messages / self.agent_steps.max(1.0)
    }

    /// Bytes per agent per step.
    pub fn bytes(&self) -> f64 {
        self.bytes / self.agent_steps.max(1.0)
    }

    /// Bytes as a share of those with everybody always hearing everybody; 0 where nobody could say
    /// anything.
    pub fn share(&self) -> f64 {
        if self.full_bytes > 0.0 {
            self.bytes / self.full_bytes
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [f32; 9] = [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];

    fn sizes() -> MessageSizes {
        MessageSizes {
            edge: vec![10; 9],
            always: vec![0, 0, 0, 1, 0, 0, 0, 1, 0],
            rounds: 1,
            always_rounds: 1,
            senders_decide: false,
        }
    }

    fn stats(open: &[f32], active: &[bool]) -> MessageStats {
        let step = StepMessages {
            edges: &EDGES,
            open,
            active,
            sizes: &sizes(),
        };
        step.message_stats()
    }

    #[test]
    fn only_edges_between_active_agents_deliver() {
        let all = stats(&[], &[true, true, true]);
        assert_eq!((all.messages, all.bytes, all.full_bytes), (4.0, 42.0, 62.0));
        assert_eq!((all.open_rate(), all.messages()), (1.0, 4.0 / 3.0));
        let two = stats(&[], &[true, true, false]);
        assert_eq!((two.messages, two.bytes, two.full_bytes), (2.0, 21.0, 21.0));
    }

    #[test]
    fn a_closed_gate_takes_nothing_in_along_edges() {
        let some = stats(&[0.0, 1.0, 0.0], &[true; 3]);
        assert_eq!((some.messages, some.bytes), (1.0, 12.0));
        assert_eq!(some.open_rate(), 1.0 / 3.0);
        assert_eq!(some.share(), 12.0 / 62.0);
    }

    #[test]
    fn agents_wait_in_a_round_while_a_gate_is_open() {
        let sizes = MessageSizes {
            rounds: 3,
            always_rounds: 2,
            ..sizes()
        };
        let rounds = |edges: &[f32], open: &[f32], active: [bool; 3]| {
            let step = StepMessages {
                edges,
                open,
                active: &active,
                sizes: &sizes,
            };
            step.rounds()
        };
        let all = [true; 3];
        assert_eq!(rounds(&EDGES, &[], all), 3);
        assert_eq!(rounds(&EDGES, &[0.0, 0.0, 1.0], all), 3);
        // All gates are closed, or there is no edge: what needs none is left.
        assert_eq!(rounds(&EDGES, &[0.0; 3], all), 2);
        assert_eq!(rounds(&[], &[], all), 2);
        // Whether senders have closed their gates shows when nothing comes.
        let sizes_of_senders = MessageSizes {
            senders_decide: true,
            ..sizes.clone()
        };
        let step = StepMessages {
            edges: &EDGES,
            open: &[0.0; 9],
            active: &all,
            sizes: &sizes_of_senders,
        };
        assert_eq!(step.rounds(), 3);
        // Agent 2, who alone is active, listens to agent 1 all the same; agent 0 has its gate closed and no agent before it.
        assert_eq!(rounds(&EDGES, &[], [false, false, true]), 3);
        assert_eq!(rounds(&EDGES, &[0.0; 3], [true, false, false]), 0);
        assert_eq!(rounds(&EDGES, &[], [false; 3]), 0);
    }

    #[test]
    fn without_a_graph_only_what_is_always_needed_is_sent() {
        let of = |sizes: &MessageSizes| {
            let step = StepMessages {
                edges: &[],
                open: &[],
                active: &[true, true, false],
                sizes,
            };
            step.message_stats()
        };
        let some = of(&sizes());
        assert_eq!(
            (some.messages, some.bytes, some.full_bytes),
            (0.0, 1.0, 21.0)
        );
        let silent = of(&MessageSizes::default());
        assert_eq!(
            (silent.messages, silent.bytes, silent.full_bytes),
            (0.0, 0.0, 0.0)
        );
        // Both count who was there alike.
        for stats in [some, silent] {
            assert_eq!((stats.agent_steps, stats.active_steps), (3.0, 2.0));
            assert_eq!((stats.open, stats.share() <= 1.0), (2.0, true));
        }
    }

    #[test]
    fn a_gate_for_each_edge_counts_by_edge() {
        // Receiver 0 takes one of two messages, receiver 2 has no edge to the open sender.
        let open = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        let some = stats(&open, &[true; 3]);
        assert_eq!((some.messages, some.open), (1.0, 0.5));
        // Where agent 2 has left the others' gates count; nobody is left for receiver 2 then, and its own entry is no gate.
        let own = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0];
        assert_eq!(stats(&own, &[true, true, false]).open, 2.0);
        assert_eq!(stats(&own, &[false, false, true]).open, 0.0);
    }
}
