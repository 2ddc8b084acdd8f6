//! Passes on a CPU: plain numbers in, plain numbers out.

use super::member::Weights;
use super::network::{Carried, Tower};
use super::talk::{Heard, Talk};
use commformer_nn::links::{self, Rules};
use commformer_nn::native::{Actions, Gradients, Native, Scored, Tape, Var};

/// What one tower is shown, in rows: one for each agent of each team and step.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    /// What is seen of a whole team, (teams of all steps, S), if anything.
    pub shared: Option<&'a [f32]>,
    /// What an agent sees by itself, (rows, inputs).
    pub inputs: &'a [f32],
    /// What agents remember before the first step, (rows of a step, M).
    pub memory: Option<&'a [f32]>,
    /// 0 where an agent begins anew in a step and else 1, (rows); empty: none does.
    pub goes_on: &'a [f32],
    /// How many steps there are (L).
    pub steps: usize,
    /// N
    pub agents: usize,
    /// Whom they hear, in all teams of all steps; `None` if they say nothing.
    pub heard: Option<links::Heard<'a>>,
}

/// Buffers of the towers' passes, kept between passes.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    actor: Pass,
    critic: Pass,
    scored: Scored,
    pub gradients: Gradients,
}

#[derive(Debug, Default)]
struct Pass {
    tape: Tape,
    outputs: Vec<Var>,
    gate: Option<[Var; 2]>,
    memory: Option<Var>,
}

impl Pass {
    fn run<T: Talk>(&mut self, tower: &Tower<T>, leaves: &[&[f32]], rows: &Rows<'_>) {
        let count = rows.inputs.len() / tower.inputs.max(1);
        self.tape.begin([count / rows.agents.max(1), rows.agents]);
        let carried = rows.memory.map(|memory| Carried {
            memory: self.tape.hidden(memory, rows.goes_on, rows.steps),
            heard: match &rows.heard {
                Some(heard) => self.listen(heard, rows.steps, tower.counts_silence()),
                None => Vec::new(),
            },
        });
        let shared = (rows.shared).map(|shared| self.tape.input(shared, tower.shared, false));
        // Observations can be read by a norm alone.
        let plain =
            (tower.input_norm.is_none()).then(|| self.tape.input(rows.inputs, tower.inputs, false));
        let mut ops = Native::new(&mut self.tape, leaves);
        let inputs = plain.unwrap_or_else(|| ops.observations(rows.inputs, tower.inputs));
        let ran = tower.run(&mut ops, (shared.as_ref(), &inputs), carried);
        (self.outputs, self.gate, self.memory) = (ran.outputs, ran.gate, ran.memory);
    }

    /// Lists of senders for each step, or for all of them.
    fn listen<'a>(
        &mut self,
        all: &links::Heard<'_>,
        steps: usize,
        shares: bool,
    ) -> Vec<Heard<Native<'a>>> {
        let teams = all.teams / steps;
        let square = all.agents * all.agents;
        let one = all.graphs.len() == square;
        let changes = all.gate.is_some() || all.active.is_some() || !one;
        let step = |step: usize| {
            let part = |x: &'_ [f32]| -> std::ops::Range<usize> {
                let width = x.len() / all.teams.max(1);
                step * teams * width..(step + 1) * teams * width
            };
            let own = links::Heard {
                graphs: match all.graph_of {
                    None if !one => &all.graphs[part(all.graphs)],
                    _ => all.graphs,
                },
                graph_of: all.graph_of.map(|of| &of[step * teams..(step + 1) * teams]),
                gate: all.gate.map(|gate| &gate[part(gate)]),
                active: all.active.map(|active| &active[part(active)]),
                teams,
                agents: all.agents,
            };
            let (links, senders) = self.tape.new_links();
            senders.fill(&own, Rules::default());
            let share = shares.then(|| shares_of(&own, senders));
            let share = share.map(|share| self.tape.input(&share, 1, false));
            Heard { links, share }
        };
        (0..if changes { steps } else { 1 }).map(step).collect()
    }

    fn output(&self, head: usize) -> &[f32] {
        self.numbers(self.outputs.get(head).copied())
    }

    fn numbers(&self, var: Option<Var>) -> &[f32] {
        var.map_or(&[], |var| self.tape.value(var))
    }
}

/// See [`Heard::share`], a number for each row.
fn shares_of(heard: &links::Heard<'_>, senders: &links::Senders) -> Vec<f32> {
    let agents = heard.agents;
    let graphs = heard.graphs.len() / (agents * agents).max(1);
    let share = |row: usize| {
        let (team, agent) = (row / agents, row % agents);
        let graph = (heard.graph_of).map_or(team % graphs.max(1), |of| of[team] as usize);
        let edges = &heard.graphs[(graph * agents + agent) * agents..][..agents];
        let possible = (0..agents).filter(|other| *other != agent && edges[*other] > 0.5);
        let (_, list) = senders.of(team, agent, false);
        (list.len() - 1) as f32 / possible.count().max(1) as f32
    };
    (0..heard.teams * agents).map(share).collect()
}

/// What agents did, and what they remember of it.
pub(super) struct Acted<'a> {
    pub actions: Actions,
    /// (rows)
    pub log_probs: &'a [f32],
    /// (rows), of an actor that makes values; else empty.
    pub values: &'a [f32],
    /// (rows, M); empty if there is none.
    pub memory: &'a [f32],
}

/// What is thought of actions, (rows) each.
pub(super) struct Evaluated<'a> {
    pub log_probs: &'a [f32],
    pub entropy: &'a [f32],
    pub values: &'a [f32],
    /// Logits and values of gates; empty without any.
    pub gate: [&'a [f32]; 2],
}

impl Workspace {
    /// Chooses actions. `available` and `noise` are (rows, A).
    pub fn act<T: Talk>(
        &mut self,
        weights: &Weights<'_, T>,
        rows: &Rows<'_>,
        available: Option<&[u8]>,
        noise: Option<&[f32]>,
    ) -> Acted<'_> {
        let actor = &weights.network.actor;
        self.actor.run(actor, weights.leaves, rows);
        let given = (available, noise);
        let (outputs, width) = (self.actor.output(0), actor.heads[0].outputs);
        let actions = (self.scored).choose(outputs, width, weights.log_std(), given);
        Acted {
            actions,
            log_probs: &self.scored.log_probs,
            values: self.actor.output(1),
            memory: self.actor.numbers(self.actor.memory),
        }
    }

    /// Values, (rows), and what the tower that makes them remembers.
    pub fn values<T: Talk>(
        &mut self,
        weights: &Weights<'_, T>,
        rows: &Rows<'_>,
    ) -> (&[f32], &[f32]) {
        let (pass, head) = match &weights.network.critic {
            Some(critic) => {
                self.critic.run(critic, weights.leaves, rows);
                (&self.critic, 0)
            }
            None => {
                self.actor.run(&weights.network.actor, weights.leaves, rows);
                (&self.actor, 1)
            }
        };
        (pass.output(head), pass.numbers(pass.memory))
    }

    /// Scores actions that were taken.
    pub fn evaluate<T: Talk>(
        &mut self,
        weights: &Weights<'_, T>,
        (actor, critic): (&Rows<'_>, Option<&Rows<'_>>),
        available: Option<&[u8]>,
        actions: &Actions,
    ) -> Evaluated<'_> {
        self.actor
            .run(&weights.network.actor, weights.leaves, actor);
        let outputs = self.actor.output(0);
        (self.scored).score(outputs, weights.log_std(), available, actions);
        let mut values = self.actor.output(1);
        if let (Some(critic), Some(rows)) = (&weights.network.critic, critic) {
            self.critic.run(critic, weights.leaves, rows);
            values = self.critic.output(0);
        }
        let gate = |part: usize| self.actor.numbers(self.actor.gate.map(|gate| gate[part]));
        Evaluated {
            log_probs: &self.scored.log_probs,
            entropy: &self.scored.entropy,
            values,
            gate: [0, 1].map(gate),
        }
    }

    /// The gradient of each leaf after [`evaluate`](Self::evaluate) of the same actions, in `gradients`, from those of
    /// log-probabilities, entropies and values, and of the gates' logits and values.
    pub fn backward<T: Talk>(
        &mut self,
        weights: &Weights<'_, T>,
        available: Option<&[u8]>,
        actions: &Actions,
        [d_log_probs, d_entropy, d_values]: [&[f32]; 3],
        of_gate: [&[f32]; 2],
    ) {
        let gradients = &mut self.gradients;
        gradients.of_weights = true;
        gradients.clear(weights.leaves.iter().map(|leaf| leaf.len()));
        let upstream = [d_log_probs, d_entropy];
        let outputs = self.actor.output(0);
        let (d_outputs, d_log_std) = self.scored.backward(outputs, available, actions, upstream);
        if let Some(slot) = weights.network.log_std {
            gradients.of_mut(slot).copy_from_slice(d_log_std);
        }
        let d_heads = [d_outputs, d_values].into_iter();
        let heads = self.actor.outputs.iter().copied().zip(d_heads);
        let gate = self.actor.gate.into_iter().flatten().zip(of_gate);
        let seeds: Vec<(Var, &[f32])> = heads.chain(gate).collect();
        self.actor.tape.backward(weights.leaves, &seeds, gradients);
        if weights.network.critic.is_some() {
            let heads = self.critic.outputs.iter().copied();
            let seeds: Vec<(Var, &[f32])> = heads.zip([d_values]).collect();
            self.critic.tape.backward(weights.leaves, &seeds, gradients);
        }
    }
}
