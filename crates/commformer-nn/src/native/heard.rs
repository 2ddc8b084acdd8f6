//! What agents hear of their senders: attentions and means, forward.

use super::attend::attend;
use super::forward::Native;
use super::pairs::Pairs;
use super::tape::{Links, Op, Var};
use super::vectors::add_scaled;
use crate::layers::{Attention, PairAttention};

impl Native<'_> {
    /// See [`crate::Ops::attend`].
    pub(super) fn attend_of(
        &mut self,
        layer: &Attention,
        terms: Option<Var>,
        [queries, memory]: [Var; 2],
        links: Links,
        causal: bool,
    ) -> Var {
        let (size, width) = (self.tape.size(queries), layer.width());
        assert!(
            width.is_multiple_of(layer.heads),
            "{} heads share a width of {width}",
            layer.heads
        );
        self.fits("queries", queries, [size[0], width]);
        let [senders, _] = self.tape.size(memory);
        self.fits("keys and values", memory, [senders, 2 * width]);
        let op = Op::Attend {
            layer: *layer,
            terms,
            queries,
            memory,
            links,
            causal,
        };
        let (turn, team) = (self.tape.turn, self.tape.team);
        // Lent while the tape's other parts are in use.
        let senders = std::mem::take(&mut self.tape.links[links.0]);
        let (before, node) = self.tape.push(op, size, true);
        let of = |var: Var| before[var.0].value.as_slice();
        let place = turn.map(|turn| turn.place);
        attend(
            layer,
            terms.map(of),
            [of(queries), of(memory)],
            (&senders, causal, place, team),
            &mut node.saved[0],
            &mut node.value,
        );
        self.tape.links[links.0] = senders;
        self.last()
    }

    /// See [`crate::Ops::attend_pairs`].
    pub(super) fn attend_pairs_of(
        &mut self,
        layer: &PairAttention,
        [receivers, senders]: [Var; 2],
        links: Links,
    ) -> Var {
        let [rows, _] = self.tape.size(receivers);
        let op = Op::AttendPairs {
            layer: *layer,
            receivers,
            senders,
            links,
        };
        let (turn, [_, agents]) = (self.tape.turn, self.tape.team);
        let lists = std::mem::take(&mut self.tape.links[links.0]);
        let (before, node) = self.tape.push(op, [rows, layer.value], true);
        let place = turn.map(|turn| turn.place);
        Pairs::new(layer, self.leaves, &lists, place, agents).forward(
            &before[receivers.0].value,
            &before[senders.0].value,
            &mut node.saved[0],
            &mut node.value,
        );
        self.tape.links[links.0] = lists;
        self.last()
    }

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
