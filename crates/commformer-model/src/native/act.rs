//! Acting: agents decide one after the other, or all at once.

use commformer_nn::Ops;
use commformer_nn::native::{Actions, Native};

use super::{Context, Workspace, given, no_actions};
use crate::config::Decoding;
use crate::network::Weights;

impl Workspace {
    /// Acts from embeddings (B N, E): the actions, and what agents keep. Their log-probabilities and the values are
    /// left in the workspace. Noise is (B N, A), Gumbel or normal.
    pub fn act(
        &mut self,
        weights: Weights<'_>,
        embedding: &[f32],
        context: &Context<'_>,
        noise: Option<&[f32]>,
    ) -> (Actions, Option<Vec<f32>>) {
        let network = weights.network;
        let [teams, agents] = [context.heard.teams, context.heard.agents];
        let encoded = self.begin(weights, embedding, context, true);
        self.values.clear();
        self.values
            .extend_from_slice(self.tape.value(encoded.values));
        self.log_probs.clear();
        self.log_probs.resize(teams * agents, 0.0);
        let width = network.config.actions.width();
        if network.config.decoder == Decoding::Parallel {
            let mut ops = Native::new(&mut self.tape, weights.leaves);
            let outputs = network.head(&mut ops, &encoded.representation);
            let (outputs, given) = (self.tape.value(outputs), (context.available, noise));
            let actions = (self.scored).choose(outputs, width, weights.log_std(), given);
            self.log_probs.copy_from_slice(&self.scored.log_probs);
            return (actions, encoded.stale);
        }
        let mut actions = no_actions(network.config.actions, teams * agents);
        let (mut own_noise, mut own_available) = (Vec::new(), Vec::new());
        self.tape.begin_turns(network.memories());
        for agent in 0..agents {
            self.tape.turn(agent);
            let rows = (0..teams).map(|team| (team, agent));
            let given = given(&mut self.tape, encoded.links, &actions, rows, width);
            let mut ops = Native::new(&mut self.tape, weights.leaves);
            let representation = ops.of_turn(&encoded.representation);
            let outputs = self.decode(weights, &encoded, &given, representation);
            let outputs = self.tape.value(outputs);
            let own = |all: usize| (0..teams).map(move |team| (team * agents + agent) * all);
            if let Some(noise) = noise {
                own_noise.clear();
                own(width).for_each(|at| own_noise.extend_from_slice(&noise[at..at + width]));
            }
            if let Some(available) = context.available {
                own_available.clear();
                own(width).for_each(|at| {
                    own_available.extend_from_slice(&available[at..at + width]);
                });
            }
            let available = context.available.map(|_| own_available.as_slice());
            let noise = noise.map(|_| own_noise.as_slice());
            let given = (available, noise);
            let chosen = (self.scored).choose(outputs, width, weights.log_std(), given);
            match (&mut actions, chosen) {
                (Actions::Discrete(actions), Actions::Discrete(chosen)) => {
                    (own(1).zip(chosen)).for_each(|(at, action)| actions[at] = action);
                }
                (Actions::Continuous(actions), Actions::Continuous(chosen)) => {
                    for (at, chosen) in own(width).zip(chosen.chunks_exact(width)) {
                        actions[at..at + width].copy_from_slice(chosen);
                    }
                }
                _ => unreachable!("a network has one kind of actions"),
            }
            for (at, log_prob) in own(1).zip(&self.scored.log_probs) {
                self.log_probs[at] = *log_prob;
            }
        }
        (actions, encoded.stale)
    }
}
