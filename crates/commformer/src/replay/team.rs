//! A team whose steps are recorded while it acts.

use commformer_methods::{Insight, Team};
use commformer_train::{Act, Actor, Gates, MessageSizes, Needs, ObsBatch, PolicyResult};
use std::cell::RefCell;
use tch::{Device, Kind, Tensor};

/// Acts as the team within, and records every step with its reasons.
pub(super) struct RecordedTeam {
    team: Box<dyn Team>,
    /// Places of the links in a graph, (L) of i64.
    links: Tensor,
    /// One for each step.
    seen: RefCell<Vec<Seen>>,
}

/// What C environments of a team did in a step: plain numbers, environment by environment.
pub(super) struct Seen {
    pub actions: Taken,
    /// (C, N)
    pub values: Vec<f32>,
    /// (C, N, A); empty for continuous actions.
    pub probabilities: Vec<f32>,
    /// (C, N, W); empty: all open.
    pub open: Vec<f32>,
    /// (C, N, W); empty: unknown.
    pub opens: Vec<f32>,
    /// Of each attention along each link, (C, H, L).
    pub attention: Vec<Vec<f32>>,
}

/// The actions of C environments.
pub(super) enum Taken {
    /// (C, N)
    Discrete(Vec<i64>),
    /// (C, N, A)
    Continuous(Vec<f32>),
}

impl RecordedTeam {
    /// `links` are pairs of a receiver and a sender.
    pub fn new(team: Box<dyn Team>, agents: usize, links: &[[usize; 2]], device: Device) -> Self {
        let places = links
            .iter()
            .map(|[receiver, sender]| (receiver * agents + sender) as i64);
        let links = Tensor::from_slice(&places.collect::<Vec<_>>());
        Self {
            links: links.to_device(device),
            team,
            seen: RefCell::default(),
        }
    }

    /// The team, and every step in which it acted.
    pub fn into_parts(self) -> (Box<dyn Team>, Vec<Seen>) {
        (self.team, self.seen.into_inner())
    }
}

impl Seen {
    fn new(act: &Act, insight: Option<&Insight>, links: &Tensor) -> PolicyResult<Self> {
        let optional = |x: Option<&Tensor>| x.map_or(Ok(Vec::new()), numbers);
        let explanation = insight.map(|insight| &insight.explanation);
        let attention = explanation.into_iter().flat_map(|found| &found.attention);
        let gates = |of: fn(&Insight) -> Option<&Tensor>| optional(insight.and_then(of));
        Ok(Self {
            actions: match act.actions.kind() {
                Kind::Int64 => Taken::Discrete(Vec::try_from(flat(&act.actions)?)?),
                _ => Taken::Continuous(numbers(&act.actions)?),
            },
            values: numbers(&act.values)?,
            probabilities: optional(explanation.and_then(|found| found.probabilities.as_ref()))?,
            open: gates(|insight| insight.open.as_ref())?,
            opens: gates(|insight| insight.opens.as_ref())?,
            attention: attention
                .map(|attention| {
                    numbers(
                        &attention
                            .weights
                            .f_flatten(-2, -1)?
                            .f_index_select(-1, links)?,
                    )
                })
                .collect::<PolicyResult<_>>()?,
        })
    }
}

fn flat(x: &Tensor) -> PolicyResult<Tensor> {
    Ok(x.f_to_device(Device::Cpu)?.f_contiguous()?.f_view([-1])?)
}

fn numbers(x: &Tensor) -> PolicyResult<Vec<f32>> {
    Ok(Vec::try_from(flat(x)?)?)
}

impl Actor for RecordedTeam {
    fn needs(&self) -> Needs {
        self.team.needs()
    }

    fn message_sizes(&self) -> MessageSizes {
        self.team.message_sizes()
    }

    fn act(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<Act> {
        let act = self.team.act(batch, gates, noise)?;
        let insight = self.team.explain(batch, gates, &act)?;
        self.seen
            .borrow_mut()
            .push(Seen::new(&act, insight.as_ref(), &self.links)?);
        Ok(act)
    }
}
