//! Whether what a policy is given fits its team: what does not is an error that says what was expected and found.

use super::inputs::dense;
use super::policy::ActorCritic;
use super::talk::Talk;
use commformer_env::ActionSpace;
use commformer_nn::torch::integers;
use commformer_train::{Gates, ObsBatch, PolicyResult, Samples, TeamGraphs};
use tch::{Device, Kind, Tensor};

/// Refuses a tensor of another kind or shape.
fn check(what: &str, x: Option<&Tensor>, kind: Kind, size: &[i64]) -> PolicyResult<()> {
    match x.map(|x| (x.kind(), x.size())) {
        Some((found, of)) if (found, &of[..]) != (kind, size) => Err(format!(
            "{what}: found {found:?} of the shape {of:?}, expected {kind:?} of {size:?}"
        )
        .into()),
        _ => Ok(()),
    }
}

/// Refuses numbers that are not below `count`. On a GPU the look-up itself checks, without making the pass wait.
fn check_below(what: &str, x: &Tensor, count: i64) -> PolicyResult<()> {
    if x.device() != Device::Cpu {
        return Ok(());
    }
    let x = dense(x);
    match integers(&x).iter().find(|one| !(0..count).contains(*one)) {
        Some(wrong) => Err(format!("{what}: found {wrong}, expected 0 to {}", count - 1).into()),
        None => Ok(()),
    }
}

/// Refuses graphs of other teams than these, B and N.
fn check_graph(graph: &TeamGraphs, [batch, agents]: [i64; 2]) -> PolicyResult<()> {
    let graphs = graph.graphs.size().first().copied().unwrap_or(0);
    if graph.of.is_none() && ![1, batch].contains(&graphs) {
        return Err(format!("found {graphs} graphs, expected 1 or {batch}").into());
    }
    let size = [graphs, agents, agents];
    check("graphs", Some(&graph.graphs), Kind::Float, &size)?;
    check("teams' graphs", graph.of.as_ref(), Kind::Int64, &[batch])?;
    match &graph.of {
        Some(of) => check_below("the graph of a team", of, graphs),
        None => Ok(()),
    }
}

impl<T: Talk> ActorCritic<T> {
    /// B and N of observations, (B, N, O), in which each team takes so many steps.
    ///
    /// # Errors
    ///
    /// If it is that of another team.
    pub(super) fn check(&self, batch: &ObsBatch<'_>, steps: usize) -> PolicyResult<[i64; 2]> {
        let inputs = &self.inputs;
        let (agents, obs_dim) = (inputs.agents as i64, inputs.obs_dim as i64);
        let found = batch.obs.size();
        let rows = match found[..] {
            [rows, n, width] if rows > 0 && [n, width] == [agents, obs_dim] => rows,
            _ => {
                return Err(format!(
                    "observations have the shape {found:?}, expected (B, {agents}, {obs_dim}) with B at least 1"
                )
                .into());
            }
        };
        check("observations", Some(batch.obs), Kind::Float, &found)?;
        let steps = steps as i64;
        if steps < 1 || rows % steps != 0 {
            return Err(format!(
                "found sequences of {steps} steps, expected a divisor of the {rows} samples"
            )
            .into());
        }
        let of_agents = [rows, agents];
        check("who is active", batch.active, Kind::Float, &of_agents)?;
        let state = batch.state.filter(|_| inputs.uses_state());
        let size = [rows, inputs.state_dim as i64];
        check("the global state", state, Kind::Float, &size)?;
        if let ActionSpace::Discrete(actions) = self.actions {
            let size = [rows, agents, actions as i64];
            check("available actions", batch.available, Kind::Bool, &size)?;
        }
        let width = self.network.memory().iter().sum::<usize>() as i64;
        let memory = batch.memory.filter(|_| width > 0);
        let size = [rows / steps, agents, width];
        check("what agents remember", memory, Kind::Float, &size)?;
        if self.network.actor.talk.rounds() > 0 {
            check_graph(batch.graph, of_agents)?;
        }
        Ok(of_agents)
    }

    /// The same of teams that are to act, and of noise for their gates and actions.
    pub(super) fn check_acting(
        &self,
        batch: &ObsBatch<'_>,
        gates: Gates<'_>,
        noise: Option<&Tensor>,
    ) -> PolicyResult<[i64; 2]> {
        let [rows, agents] = self.check(batch, 1)?;
        let of_gates = gates.noise().filter(|_| self.network.actor.gate.is_some());
        let size = [rows, agents, agents];
        check("noise of gates", of_gates, Kind::Float, &size)?;
        let size = [rows, agents, self.actions.size() as i64];
        check("noise of actions", noise, Kind::Float, &size)?;
        Ok([rows, agents])
    }

    /// The same of samples: of actions that are not among the task's A, too, and of gates.
    pub(super) fn check_samples(&self, samples: &Samples<'_>) -> PolicyResult<()> {
        let sequence = samples.sequence.as_ref();
        let steps = sequence.map_or(1, |sequence| sequence.steps);
        let [rows, agents] = self.check(&samples.batch, steps)?;
        let begins = sequence.map(|sequence| sequence.begins);
        let size = [steps as i64, rows / steps as i64, agents];
        check("who begins anew", begins, Kind::Float, &size)?;
        let open = samples.gate.map(|gate| &gate.open);
        let open = open.filter(|_| self.network.actor.gate.is_some());
        check("gates", open, Kind::Float, &[rows, agents, agents])?;
        let actions = samples.actions;
        match self.actions {
            ActionSpace::Discrete(count) => {
                check("actions", Some(actions), Kind::Int64, &[rows, agents])?;
                check_below("an action", actions, count as i64)
            }
            ActionSpace::Continuous(width) => {
                let size = [rows, agents, width as i64];
                check("actions", Some(actions), Kind::Float, &size)
            }
        }
    }
}
