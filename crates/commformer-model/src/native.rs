//! The network's passes on a CPU: plain numbers in, plain numbers out.

use commformer_nn::links::{Heard, Senders};
use commformer_nn::native::{Actions, Gradients, Index, Links, Native, Scored, Tape, Uniform, Var};

use crate::config::{ActionSpace, Closed, Decoding};
use crate::network::{Given, Ready, Weights};
use crate::stale::StaleState;

mod act;

/// What a batch of teams perceives beside its observations, and whom its agents hear.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub heard: Heard<'a>,
    /// 0 where an action cannot be taken, (B N, A).
    pub available: Option<&'a [u8]>,
    /// What agents keep of old messages, (B N, K).
    pub stale: Option<&'a [f32]>,
}

/// What a recurrent network goes on from.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'a> {
    /// Before the first step, (teams of a step N, E).
    pub state: &'a [f32],
    /// 0 where an agent begins anew in a step and else 1, (B N); empty: nobody does.
    pub goes_on: &'a [f32],
    /// How many steps there are.
    pub steps: usize,
}

/// Buffers of the passes of one policy, kept between passes, and what the last pass found.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    tape: Tape,
    pub gradients: Gradients,
    /// Of the last evaluation, or of the last turn.
    pub scored: Scored,
    embedding: Option<Var>,
    evaluated: Option<Evaluated>,
    /// Of every agent, (B N).
    pub values: Vec<f32>,
    /// Of the actions of every agent that acted, (B N).
    pub log_probs: Vec<f32>,
}

#[derive(Clone, Copy, Debug)]
struct Evaluated {
    outputs: Var,
    values: Var,
    links: Links,
}

/// What a pass made of the embeddings.
struct Encoded {
    ready: Ready<Var>,
    links: Links,
    representation: Var,
    values: Var,
    /// What agents keep for the next step, (B N, K).
    stale: Option<Vec<f32>>,
}

impl Workspace {
    /// Embeds observations (B N, O) of teams: (B N, E). [`Workspace::evaluate`] goes on from there.
    /// A recurrent network goes on from `memory`; what agents remember after the last step is (teams of a step N, E).
    pub fn embed(
        &mut self,
        weights: Weights<'_>,
        obs: &[f32],
        teams: [usize; 2],
        memory: Option<Memory<'_>>,
    ) -> (&[f32], &[f32]) {
        self.tape.begin(teams);
        let hidden = memory.map(|memory| {
            let Memory {
                state,
                goes_on,
                steps,
            } = memory;
            self.tape.hidden(state, goes_on, steps)
        });
        let mut ops = Native::new(&mut self.tape, weights.leaves);
        let obs = ops.observations(obs, weights.network.config.obs_dim);
        let (embedding, last) = weights.network.embed(&mut ops, &obs, hidden);
        self.embedding = Some(embedding);
        let last = last.map_or(&[] as &[f32], |last| self.tape.value(last));
        (self.tape.value(embedding), last)
    }

    /// The values of the observations, from embeddings (B N, E), in `self.values`; and the representations.
    pub fn encode(
        &mut self,
        weights: Weights<'_>,
        embedding: &[f32],
        context: &Context<'_>,
    ) -> &[f32] {
        let encoded = self.begin(weights, embedding, context, false);
        self.values.clear();
        self.values
            .extend_from_slice(self.tape.value(encoded.values));
        self.tape.value(encoded.representation)
    }

    /// Scores actions that were taken, from the embeddings that [`Workspace::embed`] left: the scores and the values are
    /// in the workspace. Discrete actions have been checked.
    pub fn evaluate(
        &mut self,
        weights: Weights<'_>,
        context: &Context<'_>,
        actions: &Actions,
        dropout: Option<Uniform<'_>>,
    ) {
        let network = weights.network;
        let Some(embedding) = self.embedding else {
            return;
        };
        let encoded = self.encode_from(weights, embedding, context, dropout, true);
        let [teams, agents] = [context.heard.teams, context.heard.agents];
        let width = network.config.actions.width();
        let rows = (0..teams).flat_map(|team| (0..agents).map(move |agent| (team, agent)));
        let given = match network.config.decoder {
            Decoding::Parallel => Given::Nothing,
            Decoding::Autoregressive => given(&mut self.tape, encoded.links, actions, rows, width),
        };
        let outputs = self.decode(weights, &encoded, &given, encoded.representation);
        self.score(weights, outputs, context.available, actions);
        self.values.clear();
        self.values
            .extend_from_slice(self.tape.value(encoded.values));
        self.evaluated = Some(Evaluated {
            outputs,
            values: encoded.values,
            links: encoded.links,
        });
    }

    /// The entropy of each agent's distribution if it heard nobody, (B N), in `self.scored`.
    pub fn entropy_alone(
        &mut self,
        weights: Weights<'_>,
        embedding: &[f32],
        context: &Context<'_>,
    ) {
        let [teams, agents] = [context.heard.teams, context.heard.agents];
        let deaf = vec![0.0; teams * agents];
        let context = Context {
            heard: Heard {
                gate: Some(&deaf),
                ..context.heard
            },
            ..*context
        };
        let encoded = self.begin(weights, embedding, &context, true);
        let actions = no_actions(weights.network.config.actions, teams * agents);
        let width = weights.network.config.actions.width();
        let given = match (weights.network.config.decoder, &actions) {
            (Decoding::Parallel, _) => Given::Nothing,
            (_, Actions::Discrete(_)) => Given::Tokens(vec![0; teams * agents]),
            (_, Actions::Continuous(_)) => {
                let mut start = vec![0.0; teams * agents * (width + 1)];
                start.iter_mut().step_by(width + 1).for_each(|x| *x = 1.0);
                Given::Vectors(self.tape.input(&start, width + 1, false))
            }
        };
        let outputs = self.decode(weights, &encoded, &given, encoded.representation);
        self.score(weights, outputs, context.available, &actions);
    }

    /// The decoder's outputs for all agents, or during a turn for the one whose `representation` that is.
    fn decode(
        &mut self,
        weights: Weights<'_>,
        encoded: &Encoded,
        given: &Given<Var, Index>,
        representation: Var,
    ) -> Var {
        let Encoded { ready, links, .. } = encoded;
        let mut ops = Native::new(&mut self.tape, weights.leaves);
        let (given, links) = ((given, None), (links, true));
        let network = weights.network;
        network.decode(
            &mut ops,
            ready,
            given,
            &representation,
            links,
            &mut |_, x| *x,
        )
    }

    fn score(
        &mut self,
        weights: Weights<'_>,
        outputs: Var,
        available: Option<&[u8]>,
        actions: &Actions,
    ) {
        let outputs = self.tape.value(outputs);
        (self.scored).score(outputs, weights.log_std(), available, actions);
    }

    /// The gradient of each leaf after [`Workspace::evaluate`] of the same actions, in `self.gradients`: `upstream` is
    /// that of log-probabilities, entropies and values, (B N), and embeddings, (B N, E). The result is the gradient of
    /// the graphs (G, N, N) where `graphs` gives their number of numbers.
    pub fn backward(
        &mut self,
        weights: Weights<'_>,
        actions: &Actions,
        available: Option<&[u8]>,
        [d_log_probs, d_entropy, d_values, d_embedding]: [&[f32]; 4],
        graphs: Option<usize>,
    ) -> Vec<f32> {
        let (Some(evaluated), Some(embedding)) = (self.evaluated, self.embedding) else {
            return Vec::new();
        };
        self.gradients.of_weights = graphs.is_none();
        self.gradients
            .clear(weights.leaves.iter().map(|leaf| leaf.len()));
        let outputs = self.tape.value(evaluated.outputs);
        let upstream = [d_log_probs, d_entropy];
        let (d_outputs, d_log_std) = self.scored.backward(outputs, available, actions, upstream);
        if let (Some(slot), None) = (weights.network.decoder.log_std, graphs) {
            self.gradients.of_mut(slot).copy_from_slice(d_log_std);
        }
        let seeds = [
            (evaluated.outputs, d_outputs),
            (evaluated.values, d_values),
            (embedding, d_embedding),
        ];
        self.tape
            .backward(weights.leaves, &seeds, &mut self.gradients);
        let mut edges = vec![0.0; graphs.unwrap_or(0)];
        if graphs.is_some() {
            let senders = self.tape.senders(evaluated.links);
            senders.add_to_graphs(self.tape.of_factors(evaluated.links), &mut edges);
        }
        edges
    }

    /// After [`Workspace::backward`], the gradient of so many gates, (B, N) or (B, N, N).
    pub fn of_gates(&self, gates: usize) -> Vec<f32> {
        let mut of_gates = vec![0.0; gates];
        if let Some(Evaluated { links, .. }) = self.evaluated {
            let senders = self.tape.senders(links);
            senders.add_to_gates(self.tape.of_factors(links), &mut of_gates);
        }
        of_gates
    }

    /// Adds to the leaves' gradients what the embeddings' gradient (B N, E) sends back.
    pub fn backward_embedding(&mut self, weights: Weights<'_>, d_embedding: &[f32]) {
        if let Some(embedding) = self.embedding {
            let seeds = [(embedding, d_embedding)];
            self.tape
                .backward(weights.leaves, &seeds, &mut self.gradients);
        }
    }

    fn begin(
        &mut self,
        weights: Weights<'_>,
        embedding: &[f32],
        context: &Context<'_>,
        decodes: bool,
    ) -> Encoded {
        self.tape.begin([context.heard.teams, context.heard.agents]);
        let width = weights.network.config.embed_dim;
        let embedding = self.tape.input(embedding, width, false);
        self.encode_from(weights, embedding, context, None, decodes)
    }

    fn encode_from(
        &mut self,
        weights: Weights<'_>,
        embedding: Var,
        context: &Context<'_>,
        dropout: Option<Uniform<'_>>,
        decodes: bool,
    ) -> Encoded {
        let network = weights.network;
        let (links, senders) = self.tape.new_links();
        senders.fill(&context.heard, network.config.rules());
        let stale = match network.config.closed {
            Closed::Silence => None,
            Closed::Stale => {
                let receives = receives(self.tape.senders(links), &context.heard);
                Some(StaleState::new(network, context.stale, receives))
            }
        };
        let inputs = stale.as_ref().map(|stale| stale.inputs(&mut self.tape));
        let mut ops = Native::new(&mut self.tape, weights.leaves);
        if let Some(uniform) = dropout {
            ops.dropout = Some(uniform);
        }
        let ready = network.ready(&mut ops, decodes);
        let (representation, others) =
            network.encode(&mut ops, &ready, &embedding, &links, inputs.as_ref());
        let values = network.values(&mut ops, &representation);
        let others: Vec<&[f32]> = others.iter().map(|var| self.tape.value(*var)).collect();
        Encoded {
            stale: stale.map(|stale| stale.next(&others)),
            ready,
            links,
            representation,
            values,
        }
    }
}

/// Zeros for so many agents.
fn no_actions(space: ActionSpace, agents: usize) -> Actions {
    match space {
        ActionSpace::Discrete(_) => Actions::Discrete(vec![0; agents]),
        ActionSpace::Continuous(width) => Actions::Continuous(vec![0.0; agents * width]),
    }
}

/// What the decoder is given for these agents: the action of the agent before each, where that reaches it.
fn given(
    tape: &mut Tape,
    links: Links,
    actions: &Actions,
    agents: impl Iterator<Item = (usize, usize)>,
    width: usize,
) -> Given<Var, Index> {
    let senders = tape.senders(links);
    let team_size = senders.agents();
    let previous = |(team, agent): (usize, usize)| {
        let reaches = senders.given_previous(team, agent);
        reaches.then(|| team * team_size + agent - 1)
    };
    match actions {
        Actions::Discrete(actions) => {
            let token = |at| previous(at).map_or(0, |row| actions[row] as usize + 1);
            Given::Tokens(agents.map(token).collect())
        }
        Actions::Continuous(actions) => {
            let mut vectors = Vec::new();
            for at in agents {
                match previous(at) {
                    Some(row) => {
                        vectors.push(0.0);
                        vectors.extend_from_slice(&actions[row * width..(row + 1) * width]);
                    }
                    None => {
                        vectors.push(1.0);
                        vectors.extend(std::iter::repeat_n(0.0, width));
                    }
                }
            }
            Given::Vectors(tape.input(&vectors, width + 1, false))
        }
    }
}

/// Whether each agent hears some other, (B N).
fn receives(senders: &Senders, heard: &Heard<'_>) -> Vec<bool> {
    let teams = 0..heard.teams;
    let receives = |team| (0..heard.agents).map(move |agent| senders.receives(team, agent));
    teams.flat_map(receives).collect()
}
