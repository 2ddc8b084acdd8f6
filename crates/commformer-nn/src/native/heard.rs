//! What of others there is in what an agent heard.

use super::forward::Native;
use super::tape::{Links, Op, Var};
use super::vectors::add_scaled;

impl Native<'_> {
    /// See [`crate::Ops::of_others`].
    pub(super) fn others_of(&mut self, heard: Var) -> Var {
        let size = self.tape.size(heard);
        let (turn, [_, agents]) = (self.tape.turn, self.tape.team);
        let Some(Op::Attend {
            layer,
            memory,
            links,
            causal,
            ..
        }) = self.tape.nodes[heard.0].op
        else {
            panic!("only an attention has heard anybody");
        };
        let senders = std::mem::take(&mut self.tape.links[links.0]);
        let (before, node) = self.tape.push(Op::Input, size, false);
        let (heard, memory) = (&before[heard.0], &before[memory.0].value);
        let (width, depth) = (size[1], size[1] / layer.heads);
        node.value.copy_from_slice(&heard.value);
        for (row, out) in node.value.chunks_exact_mut(width).enumerate() {
            let (team, place) = match turn {
                Some(turn) => (row, turn.place),
                None => (row / agents, row % agents),
            };
            let (first, list) = senders.of(team, place, causal);
            let own = list
                .iter()
                .position(|sender| sender.agent as usize == place);
            let Some(own) = own else { continue };
            let value = (team * agents + place) * 2 * width + width;
            for (head, out) in out.chunks_exact_mut(depth).enumerate() {
                let weight = heard.saved[0][(first + own) * layer.heads + head];
                let value = &memory[value + head * depth..][..depth];
                add_scaled(out, -weight * list[own].factor, value);
            }
        }
        self.tape.links[links.0] = senders;
        self.last()
    }

    /// See [`crate::Ops::mean_of_senders`].
    pub(super) fn mean_of(&mut self, x: Var, links: Links) -> Var {
        let [rows, width] = self.tape.size(x);
        let (turn, [teams, agents], wants) =
            (self.tape.turn, self.tape.team, self.tape.wants(&[x]));
        let senders = std::mem::take(&mut self.tape.links[links.0]);
        let rows = turn.map_or(rows, |_| teams);
        let op = Op::MeanOfSenders(x, links);
        let (before, node) = self.tape.push(op, [rows, width], wants);
        let x = &before[x.0].value;
        for (row, out) in node.value.chunks_exact_mut(width.max(1)).enumerate() {
            let (team, place) = match turn {
                Some(turn) => (row, turn.place),
                None => (row / agents, row % agents),
            };
            out.fill(0.0);
            let (_, list) = senders.of(team, place, false);
            let share = 1.0 / (list.len().max(2) - 1) as f32;
            for sender in list.iter().filter(|sender| sender.agent as usize != place) {
                let at = (team * agents + sender.agent as usize) * width;
                add_scaled(out, share, &x[at..at + width]);
            }
        }
        self.tape.links[links.0] = senders;
        self.last()
    }
}
