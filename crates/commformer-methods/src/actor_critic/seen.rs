//! What a tower is shown, as tensors and as the kernels take it.

use super::inputs::dense;
use super::native::Rows;
use super::network::{Carried, Tower};
use super::talk::{Heard, Talk};
use commformer_nn::links::{self, Rules};
use commformer_nn::passes::AttentionOver;
use commformer_nn::torch::{self, Links, Torch, gated, integers, numbers};
use commformer_train::TeamGraphs;
use tch::{Kind, Tensor};

/// What a tower is shown of teams in one step or, with `goes_on`, in several.
#[derive(Debug)]
pub(super) struct Seen {
    /// What is seen of the whole team, (L B, S), if anything.
    pub shared: Option<Tensor>,
    /// What an agent sees by itself, (L B, N, inputs).
    pub inputs: Tensor,
    /// What it remembers, (B, N, M).
    pub memory: Option<Tensor>,
    /// 0 where an agent begins anew, (L, B, N).
    pub goes_on: Option<Tensor>,
    /// Whom its agents hear, if they say anything.
    pub hearing: Option<Hearing>,
}

/// Whom agents hear in L B teams.
#[derive(Debug)]
pub(super) struct Hearing {
    /// (1 or L B, N, N), or with `graph_of` (G, N, N).
    graphs: Tensor,
    graph_of: Option<Tensor>,
    /// 1 where a message is sent, (L B, N, N); `None`: everywhere.
    gate: Option<Tensor>,
    active: Option<Tensor>,
}

impl Hearing {
    pub fn new(graph: &TeamGraphs, gate: Option<&Tensor>, active: Option<&Tensor>) -> Self {
        let same = |x: Option<&Tensor>| x.map(Tensor::shallow_clone);
        Self {
            graphs: graph.graphs.detach(),
            graph_of: same(graph.of.as_ref()),
            gate: same(gate),
            active: same(active),
        }
    }

    fn dense(&self) -> Self {
        let of = |x: &Option<Tensor>| x.as_ref().map(dense);
        Self {
            graphs: dense(&self.graphs),
            graph_of: of(&self.graph_of),
            gate: of(&self.gate),
            active: of(&self.active),
        }
    }

    /// Whether all steps have the same one graph and nobody is missing.
    fn never_changes(&self) -> bool {
        let one = self.graph_of.is_none() && self.graphs.size()[0] == 1;
        one && self.gate.is_none() && self.active.is_none()
    }

    /// That of one step of several.
    fn step(&self, step: i64, teams: i64) -> Self {
        let part = |x: &Tensor| x.narrow(0, step * teams, teams);
        let of = |x: &Option<Tensor>| x.as_ref().map(part);
        let own = self.graph_of.is_none() && self.graphs.size()[0] > 1;
        Self {
            graphs: if own {
                part(&self.graphs)
            } else {
                self.graphs.shallow_clone()
            },
            graph_of: of(&self.graph_of),
            gate: of(&self.gate),
            active: of(&self.active),
        }
    }

    fn by_torch<'a>(&self, teams: i64, over: AttentionOver, shares: bool) -> Heard<Torch<'a>> {
        let heard = torch::Heard {
            graph: &self.graphs,
            graph_of: self.graph_of.as_ref(),
            gate: self.gate.as_ref(),
            active: self.active.as_ref(),
            teams,
        };
        Heard {
            links: Links::new(&heard, Rules::default(), over, false),
            share: shares.then(|| self.share(teams)),
        }
    }

    /// See [`Heard::share`], (B, N, 1).
    fn share(&self, teams: i64) -> Tensor {
        let graph = match &self.graph_of {
            Some(of) => self.graphs.index_select(0, of),
            None => self.graphs.shallow_clone(),
        };
        let own = Tensor::eye(graph.size()[1], (Kind::Float, graph.device()));
        let count = |x: &Tensor| x.sum_dim_intlist([-1i64].as_slice(), true, Kind::Float);
        let possible: Tensor = &graph * (1.0 - own);
        let both = (self.active.as_ref()).map(|active| active.unsqueeze(-1) * active.unsqueeze(-2));
        let gates = [self.gate.as_ref(), both.as_ref()].into_iter().flatten();
        let heard = gates.fold(possible.shallow_clone(), |edge, gate| gated(&edge, gate));
        let share = count(&heard) / count(&possible).clamp_min(1.0);
        share.expand([teams, -1, -1], false)
    }
}

impl Seen {
    /// The same, dense and on the CPU.
    pub fn dense(&self) -> Self {
        Self {
            shared: self.shared.as_ref().map(dense),
            inputs: dense(&self.inputs),
            memory: self.memory.as_ref().map(dense),
            goes_on: self.goes_on.as_ref().map(dense),
            hearing: self.hearing.as_ref().map(Hearing::dense),
        }
    }

    fn steps(&self) -> usize {
        let steps = self.goes_on.as_ref().map(|goes_on| goes_on.size()[0]);
        steps.unwrap_or(1) as usize
    }

    /// As the kernels take it; it must be [dense](Self::dense).
    pub fn rows(&self) -> Rows<'_> {
        let [teams, agents] = [
            self.inputs.size()[0] as usize,
            self.inputs.size()[1] as usize,
        ];
        Rows {
            shared: self.shared.as_ref().map(numbers),
            inputs: numbers(&self.inputs),
            memory: self.memory.as_ref().map(numbers),
            goes_on: self.goes_on.as_ref().map_or(&[], numbers),
            steps: self.steps(),
            agents,
            heard: self.hearing.as_ref().map(|hearing| links::Heard {
                graphs: numbers(&hearing.graphs),
                graph_of: hearing.graph_of.as_ref().map(integers),
                gate: hearing.gate.as_ref().map(numbers),
                active: hearing.active.as_ref().map(numbers),
                teams,
                agents,
            }),
        }
    }

    /// As a pass by libtorch takes it.
    pub fn carried<'a, T: Talk>(
        &self,
        tower: &Tower<T>,
        over: AttentionOver,
    ) -> Option<Carried<Torch<'a>>> {
        let memory = self.memory.as_ref()?;
        let (steps, teams) = (self.steps(), memory.size()[0]);
        let shares = tower.counts_silence();
        let heard = match &self.hearing {
            None => Vec::new(),
            Some(hearing) => {
                let each = if hearing.never_changes() {
                    1
                } else {
                    steps as i64
                };
                let of = |step| hearing.step(step, teams).by_torch(teams, over, shares);
                (0..each).map(of).collect()
            }
        };
        Some(Carried {
            memory: torch::hidden(memory, self.goes_on.as_ref()),
            heard,
        })
    }
}
