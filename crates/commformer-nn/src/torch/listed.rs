//! Attention over the senders of each receiver only, instead of over all agents under a mask.
//!
//! A graph's row with k ones among N agents makes the dense attention compute N scores of which k
//! count. Here every receiver has a list of K places instead: itself, its senders, and, where its
//! row has fewer than the longest, itself again, masked. Keys and values are gathered along the
//! lists, so that time and memory of an attention grow as N * K and not as N * N.
//!
//! Which agents are listed is decided by the graph alone and not by the gates, since a gate differs
//! from sample to sample: one list then serves the batch, and a closed gate masks its places. A
//! sender that is not listed has a weight of exactly 0 in the dense attention, so it passes no
//! gradient there either, and both ways give the same numbers up to the order of their sums.

use tch::{Device, Kind, Tensor};

use super::heard::Heard;
use crate::passes::{AGENTS_PER_PLACE, AttentionOver, pays};

/// A receiver with one sender has two places. Below this many agents no graph with an edge has
/// short enough lists, so it is not even read.
const FEWEST_AGENTS: i64 = 2 * AGENTS_PER_PLACE;

/// The agents that each receiver may hear.
#[derive(Debug)]
pub(super) struct Listed {
    /// (1 or B, N, K), i64: the receiver itself, its senders, rising, and itself in what places
    /// are left.
    senders: Tensor,
    /// (B, N, K), i64: the same as rows of a memory whose batch entries lie below each other.
    rows: Tensor,
    /// (1 or B, N, K): 1 where a place has an agent, 0 where it is left over.
    taken: Tensor,
    /// Where batch entries share graphs: the lists of these, (G, N, K), and which one each entry uses,
    /// (B).
    shared: Option<(Tensor, Tensor)>,
}

/// How many places the receivers' lists need, or None if this pass should rather attend to all
/// agents under a mask.
pub(super) fn places(input: &Heard<'_>, over: AttentionOver) -> Option<i64> {
    let agents = input.graph.size().last().copied().unwrap_or(0);
    match over {
        AttentionOver::All => None,
        AttentionOver::Listed => Some(most_places(input, agents)),
        AttentionOver::Auto if agents < FEWEST_AGENTS => None,
        AttentionOver::Auto => {
            Some(most_places(input, agents)).filter(|places| pays(*places, agents))
        }
    }
}

/// One place more than the most senders other than itself that a receiver has.
fn most_places(input: &Heard<'_>, agents: i64) -> i64 {
    let senders = tch::no_grad(|| {
        let present = input.graph.gt(0.5);
        let own = present.diagonal(0, -2, -1).to_kind(Kind::Int64);
        let all = present.sum_dim_intlist([-1i64].as_slice(), false, Kind::Int64);
        (all - own).max().int64_value(&[])
    });
    (senders + 1).min(agents)
}

impl Listed {
    /// Lists with `places` places from the input's graphs, for memories of its batch.
    pub(super) fn new(input: &Heard<'_>, places: i64) -> Self {
        let (graph, batch) = (input.graph, input.teams);
        tch::no_grad(|| {
            let agents = graph.size().last().copied().unwrap_or(0);
            let device = graph.device();
            let number = Tensor::arange(agents, (Kind::Int, device));
            // Itself counts 2 N, a sender N, and the lower of two agents counts more: no two
            // are equal, so the order does not depend on how ties are broken.
            let own = Tensor::eye(agents, (Kind::Int, device));
            let rank = graph.gt(0.5).logical_or(&own).to_kind(Kind::Int) * agents
                + (own * agents + (agents - 1 - &number));
            let (rank, found) = rank.topk(places, -1, true, true); // (1 or B or G, N, K)
            let taken = rank.ge(agents);
            let itself = number.to_kind(Kind::Int64).unsqueeze(-1); // (N, 1)
            let of_graphs = found.where_self(&taken, &itself);
            let (senders, taken) = (input.of_each(&of_graphs), input.of_each(&taken));
            let first = Tensor::arange(batch, (Kind::Int64, device)) * agents;
            Self {
                rows: &senders + first.view([batch, 1, 1]),
                senders,
                shared: (input.graph_of).map(|graph_of| (of_graphs, graph_of.shallow_clone())),
                taken: taken.to_kind(Kind::Float),
            }
        })
    }

    pub(super) fn shallow_clone(&self) -> Self {
        Self {
            senders: self.senders.shallow_clone(),
            rows: self.rows.shallow_clone(),
            taken: self.taken.shallow_clone(),
            shared: (self.shared.as_ref())
                .map(|(graphs, of)| (graphs.shallow_clone(), of.shallow_clone())),
        }
    }

    /// 1 in the place of the receiver itself, (K).
    pub(super) fn own(&self) -> Tensor {
        let own = self
            .taken
            .new_zeros([self.places()], (Kind::Float, self.taken.device()));
        let _ = own.narrow(0, 0, 1).fill_(1.0);
        own
    }

    /// The entries of a graph at the listed edges, receiver by place, 0 where a place is left
    /// over: (1 or B or G, N, N) -> (1 or B, N, K). It passes a gradient on.
    pub(super) fn edges(&self, graph: &Tensor) -> Tensor {
        let edges = match &self.shared {
            Some((of_graphs, graph_of)) => {
                graph.gather(-1, of_graphs, false).index_select(0, graph_of)
            }
            None => graph.gather(-1, &self.senders, false),
        };
        edges * &self.taken
    }

    /// Gates at the listed edges: (B, N) or (B, N, N) -> (B, N, 1) or (B, N, K). They pass a
    /// gradient on.
    pub(super) fn gates(&self, gate: &Tensor) -> Tensor {
        match gate.dim() {
            2 => gate.unsqueeze(-1),
            _ => gate.gather(-1, &self.for_all(gate), false),
        }
    }

    /// The gates of the edges in the other direction, over which a place's agent hears the
    /// receiver: (B, N) or (B, N, N) -> (B, N, K).
    pub(super) fn reversed_gates(&self, gate: &Tensor) -> Tensor {
        let gate = match gate.dim() {
            2 => gate.unsqueeze(1).expand([-1, gate.size()[1], -1], false),
            _ => gate.transpose(-2, -1),
        };
        gate.gather(-1, &self.for_all(&gate), false)
    }

    /// The lists once for each entry of a batch like `x`, without a copy: (B, N, K).
    fn for_all(&self, x: &Tensor) -> Tensor {
        self.senders.expand([x.size()[0], -1, -1], false)
    }

    /// Every receiver's part of a memory: (B, N, W) -> (B, receivers, K, W).
    pub(super) fn gather(&self, memory: &Tensor) -> Tensor {
        let width = memory.size().last().copied().unwrap_or(0);
        let table = memory.reshape([-1, width]); // (B N, W)
        if table.device() == Device::Cpu {
            // Its backward pass is the faster one here.
            let mut size = self.rows.size();
            size.push(width);
            return table
                .index_select(0, &self.rows.reshape([-1]))
                .view(&size[..]);
        }
        // On a GPU that would add up in no fixed order, and a look-up's does.
        Tensor::embedding(&table, &self.rows, -1, false, false)
    }

    /// True where a place's agent comes after the receiver: (1 or B, N, K).
    pub(super) fn future(&self) -> Tensor {
        self.senders.gt_tensor(&self.itself())
    }

    /// The same lists with the receiver itself in the places of agents after it.
    pub(super) fn causal(&self) -> Self {
        let ahead = (&self.senders - self.itself()).clamp_min(0);
        Self {
            senders: &self.senders - &ahead,
            rows: &self.rows - &ahead,
            taken: self.taken.shallow_clone(),
            shared: None,
        }
    }

    /// The list of receiver `agent` alone.
    pub(super) fn row(&self, agent: i64) -> Self {
        let cut = |x: &Tensor| x.narrow(-2, agent, 1);
        Self {
            senders: cut(&self.senders),
            rows: cut(&self.rows),
            taken: cut(&self.taken),
            shared: None,
        }
    }

    /// Each receiver's own number, (1 or B, N, 1): the first place of its list.
    fn itself(&self) -> Tensor {
        self.senders.narrow(-1, 0, 1)
    }

    fn places(&self) -> i64 {
        self.senders.size().last().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(x: &Tensor) -> Vec<i64> {
        Vec::try_from(x.to_kind(Kind::Int64).contiguous().view([-1])).unwrap()
    }

    fn heard(graph: &Tensor, teams: i64) -> Heard<'_> {
        Heard {
            graph,
            graph_of: None,
            gate: None,
            active: None,
            teams,
        }
    }

    /// 0 hears 2 and 3, 1 nobody, 2 itself and 0, 3 itself.
    fn graph() -> Tensor {
        let rows = [
            0f32, 0., 1., 1., 0., 0., 0., 0., 1., 0., 1., 0., 0., 0., 0., 1.,
        ];
        Tensor::from_slice(&rows).view([1, 4, 4])
    }

    #[test]
    fn a_list_has_itself_then_its_senders_then_itself() {
        let graph = graph();
        let listed = Listed::new(&heard(&graph, 2), 3);
        assert_eq!(
            numbers(&listed.senders),
            [0, 2, 3, 1, 1, 1, 2, 0, 2, 3, 3, 3]
        );
        assert_eq!(numbers(&listed.taken), [1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 0, 0]);
        // The second entry's memory begins with row 4.
        assert_eq!(numbers(&listed.rows.select(0, 1).select(0, 0)), [4, 6, 7]);
        assert_eq!(numbers(&listed.own()), [1, 0, 0]);
        // Itself is taken and reads its own entry; what is left over reads nothing.
        assert_eq!(
            numbers(&listed.edges(&graph)),
            [0, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 0]
        );
        let memory = Tensor::arange(8, (Kind::Float, Device::Cpu)).view([2, 4, 1]) * 10.0;
        let gathered = listed.gather(&memory);
        assert_eq!(gathered.size(), [2, 4, 3, 1]);
        assert_eq!(numbers(&gathered.select(0, 1).select(0, 2)), [60, 40, 60]);
    }

    #[test]
    fn a_causal_list_never_points_at_a_later_agent() {
        // Acting reads rows of a buffer in which later agents have written nothing yet.
        let graph = graph();
        let listed = Listed::new(&heard(&graph, 2), 3);
        let first = [0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(numbers(&listed.future()), first);
        let causal = listed.causal();
        assert_eq!(
            numbers(&causal.senders),
            [0, 0, 0, 1, 1, 1, 2, 0, 2, 3, 3, 3]
        );
        assert_eq!(numbers(&causal.row(2).rows), [2, 0, 2, 6, 4, 6]);
    }

    #[test]
    fn places_are_those_of_the_longest_row_and_pay_only_in_large_teams() {
        let small = graph();
        let input = heard(&small, 1);
        // Receiver 0 hears two others.
        assert_eq!(places(&input, AttentionOver::Listed), Some(3));
        assert_eq!(places(&input, AttentionOver::All), None);
        assert_eq!(places(&input, AttentionOver::Auto), None);
        // A ring: everybody hears the next agent, and itself.
        let ring = |agents: i64| {
            let own = Tensor::eye(agents, (Kind::Float, Device::Cpu));
            (&own + own.roll([1], [1])).unsqueeze(0)
        };
        for (agents, expected) in [(47, None), (48, Some(2))] {
            let ring = ring(agents);
            let input = heard(&ring, 1);
            assert_eq!(places(&input, AttentionOver::Auto), expected);
        }
    }
}
