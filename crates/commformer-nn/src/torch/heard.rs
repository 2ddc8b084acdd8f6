//! Graphs and gates as they are given to a pass.

use tch::Tensor;

/// Graphs, gates and who is there, of B teams with N agents.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// (1 or B, N, N), or with `graph_of` (G, N, N), of 0 and 1, row the receiver, column the sender.
    pub graph: &'a Tensor,
    /// Which graph each team has, (B) of i64.
    pub graph_of: Option<&'a Tensor>,
    /// 1 where an agent takes messages in, (B, N) or (B, N, N); `None`: all do. It may carry a gradient.
    pub gate: Option<&'a Tensor>,
    /// Who is active, (B, N) of 1 and 0; `None`: everybody.
    pub active: Option<&'a Tensor>,
    /// B
    pub teams: i64,
}

impl Heard<'_> {
    /// What is given for each graph, (1 or B or G, ..), for each team: (1 or B, ..).
    pub(super) fn of_each(&self, of_graphs: &Tensor) -> Tensor {
        match self.graph_of {
            Some(graph_of) => of_graphs.index_select(0, graph_of),
            None => of_graphs.shallow_clone(),
        }
    }
}
