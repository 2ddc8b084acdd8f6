//! The policy's passes on the CPU, without libtorch's operations.
//!
//! libtorch computes the same in some hundred operations on small tensors, each of which costs its
//! dispatch, a new tensor and a trip through the cache. Here a pass is a fixed sequence of products
//! ([`product`]) and loops over rows ([`rows`]) in buffers that are kept from pass to pass, with a
//! backward pass written by hand. Attention reads lists of senders ([`senders`]), so that its cost
//! grows with the edges. The libtorch passes say what is computed, and tests hold these to them; they
//! serve devices other than the CPU and the settings that [`CommFormer::is_native`] excludes.

mod attention;
mod decoder;
mod encoder;
mod heads;
mod layers;
mod leaves;
mod observed;
mod product;
mod rows;
mod senders;

use attention::Graph;
use decoder::DecoderTape;
use encoder::{Back, EncoderTape};
pub use rows::kernel_vectors;

use leaves::{Gradients, integers, numbers, truths};
use rows::{exp, log_softmax, sized, vectorized, zeroed};
use senders::Senders;
use tch::{Device, Tensor};

use crate::config::{ActionSpace, Closed, PolicyConfig, Precision, SelfLoop};
use crate::distribution::UNAVAILABLE;
use crate::layers::UniformNoise;
use crate::policy::Act;
use crate::{CommFormer, Input, ModelError};

/// Buffers of the passes of one policy, kept between passes.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    senders: Senders,
    encoder: EncoderTape,
    decoder: DecoderTape,
    gradients: Gradients,
    back: Back,
    /// Entropy of each agent's distribution, (B N).
    entropy: Vec<f32>,
    /// Log-probability of each agent's action, (B N).
    log_probs: Vec<f32>,
    /// ln softmax of the logits, (B N, A).
    distribution: Vec<f32>,
    d: Vec<f32>,
}

impl CommFormer {
    /// Whether the passes of this module compute what this configuration asks for.
    pub(crate) fn is_native(&self) -> bool {
        self.device() == Device::Cpu && self.config().is_native()
    }
}

impl PolicyConfig {
    /// The same, where the device is the CPU.
    pub(crate) fn is_native(&self) -> bool {
        self.precision == Precision::Float32
            && self.closed == Closed::Silence
            && matches!(self.actions, ActionSpace::Discrete(_))
    }
}

impl Workspace {
    /// Embeds observations (B, N, O) and returns (B, N, E).
    pub fn embed(&mut self, policy: &CommFormer, obs: &Tensor) -> Tensor {
        self.encoder
            .embed(&policy.encoder, numbers(&obs.contiguous()));
        let size = obs.size();
        let width = policy.config().embed_dim as i64;
        Tensor::from_slice(&self.encoder.embedding).view([size[0], size[1], width])
    }

    /// Acts; see [`CommFormer::act`]. The inputs have been checked.
    pub fn act(
        &mut self,
        policy: &CommFormer,
        input: &Input<'_>,
        noise: Option<&Tensor>,
        [teams, agents]: [i64; 2],
    ) -> Act {
        let embedding = input.embedding.contiguous();
        let embedding = numbers(&embedding);
        sized(&mut self.encoder.embedding, embedding.len()).copy_from_slice(embedding);
        self.senders.fill(input, policy.config());
        let graph = Graph::new(&self.senders, [teams, agents]);
        let edges = &policy.edge_embedding;
        self.encoder
            .forward(&policy.encoder, graph, edges, &mut None);
        let causal = graph.causal();
        let decoder = &mut self.decoder;
        decoder.begin(&policy.decoder, edges);
        decoder.begin_steps(&policy.decoder, causal);
        let noise = noise.map(Tensor::contiguous);
        let noise = noise.as_ref().map(numbers);
        let available = input.available.map(Tensor::contiguous);
        let available = available.as_ref().map(truths);
        let width = policy.config().actions.width();
        let rows = graph.teams * graph.agents;
        let mut actions = vec![0i64; rows];
        let log_probs = sized(&mut self.log_probs, rows);
        for agent in 0..graph.agents {
            decoder.tokens.clear();
            let tokens = (0..graph.teams).map(|team| graph.token(team, agent, &actions));
            decoder.tokens.extend(tokens);
            decoder.step(
                &policy.decoder,
                self.encoder.representation(),
                causal,
                agent,
            );
            let outputs = decoder.heads.out.chunks_exact_mut(width);
            for (team, output) in outputs.enumerate() {
                let row = team * graph.agents + agent;
                let own = row * width..(row + 1) * width;
                if let Some(available) = available {
                    fill_unavailable(output, &available[own.clone()], UNAVAILABLE as f32);
                }
                log_softmax(output, width);
                let choice = match noise {
                    Some(noise) => largest(output.iter().zip(&noise[own]).map(|(x, y)| x + y)),
                    None => largest(output.iter().copied()),
                };
                actions[row] = choice as i64;
                log_probs[row] = output[choice];
            }
        }
        let shape = [teams, agents];
        Act {
            actions: Tensor::from_slice(&actions).view(shape),
            log_probs: Tensor::from_slice(log_probs).view(shape),
            values: Tensor::from_slice(&self.encoder.values).view(shape),
            kept: None,
        }
    }

    /// Scores actions that were taken, from the embeddings that [`Workspace::embed`] left. Returns
    /// log-probabilities, entropies and values, (B, N) each.
    pub fn evaluate(
        &mut self,
        policy: &CommFormer,
        input: &Input<'_>,
        actions: &Tensor,
        mut dropout: Option<UniformNoise>,
        [teams, agents]: [i64; 2],
    ) -> Result<[Tensor; 3], ModelError> {
        let actions = actions.contiguous();
        let actions = integers(&actions);
        let width = policy.config().actions.width();
        if let Some(action) = actions
            .iter()
            .find(|action| !(0..width as i64).contains(*action))
        {
            return Err(ModelError::Input {
                input: "actions",
                problem: format!("holds {action}, expected an action from 0 to {}", width - 1),
            });
        }
        self.senders.fill(input, policy.config());
        let graph = Graph::new(&self.senders, [teams, agents]);
        let edges = &policy.edge_embedding;
        self.encoder
            .forward(&policy.encoder, graph, edges, &mut dropout);
        let decoder = &mut self.decoder;
        decoder.begin(&policy.decoder, edges);
        decoder.tokens.clear();
        let tokens = (0..actions.len())
            .map(|row| graph.token(row / graph.agents, row % graph.agents, actions));
        decoder.tokens.extend(tokens);
        let causal = graph.causal();
        decoder.forward(&policy.decoder, self.encoder.representation(), causal);
        let outputs = &mut decoder.heads.out;
        let available = input.available.map(Tensor::contiguous);
        if let Some(available) = available.as_ref().map(truths) {
            fill_unavailable(outputs, available, UNAVAILABLE as f32);
        }
        log_softmax(outputs, width);
        let entropy = sized(&mut self.entropy, actions.len());
        let log_probs = sized(&mut self.log_probs, actions.len());
        vectorized(
            #[inline(always)]
            || {
                for (row, output) in outputs.chunks_exact(width).enumerate() {
                    entropy[row] = -output.iter().map(|x| x * exp(*x)).sum::<f32>();
                    log_probs[row] = output[actions[row] as usize];
                }
            },
        );
        // The backward pass begins in the heads' own buffer.
        sized(&mut self.distribution, outputs.len()).copy_from_slice(outputs);
        let shape = [teams, agents];
        Ok([log_probs, entropy, &mut self.encoder.values]
            .map(|numbers| Tensor::from_slice(numbers).view(shape)))
    }

    /// The gradient of each leaf after [`Workspace::evaluate`] of the same actions: `upstream` is that
    /// of log-probabilities, entropies, values, (B, N), and embeddings, (B, N, E).
    pub fn backward(
        &mut self,
        policy: &CommFormer,
        actions: &Tensor,
        available: Option<&Tensor>,
        upstream: &[Tensor],
    ) -> Vec<Tensor> {
        self.gradients.of_weights = true;
        self.flow_back(policy, actions, available, upstream);
        self.gradients.to_tensors(&policy.parameters())
    }

    /// The same for the graphs, shaped like these: (1 or B or G, N, N).
    pub fn backward_to_graphs(
        &mut self,
        policy: &CommFormer,
        graphs: &Tensor,
        actions: &Tensor,
        available: Option<&Tensor>,
        upstream: &[Tensor],
    ) -> Tensor {
        self.gradients.of_weights = false;
        self.flow_back(policy, actions, available, upstream);
        let agents = actions.size()[1] as usize;
        let own = policy.config().self_loop == SelfLoop::Add;
        let mut edges = vec![0.0; graphs.numel()];
        for back in [&self.back, &self.decoder.back] {
            let factors = &back.attention.factors;
            self.senders.add_to_graphs(factors, agents, own, &mut edges);
        }
        Tensor::from_slice(&edges).view(graphs.size().as_slice())
    }

    fn flow_back(
        &mut self,
        policy: &CommFormer,
        actions: &Tensor,
        available: Option<&Tensor>,
        upstream: &[Tensor],
    ) {
        let leaves = policy.parameters();
        self.gradients.clear(&leaves);
        for back in [&mut self.back, &mut self.decoder.back] {
            zeroed(&mut back.attention.factors, self.senders.entries());
        }
        let size = actions.size();
        let graph = Graph::new(&self.senders, [size[0], size[1]]);
        let causal = graph.causal();
        let width = policy.config().actions.width();
        let actions = actions.contiguous();
        let available = available.map(Tensor::contiguous);
        let upstream: Vec<Tensor> = upstream.iter().map(Tensor::contiguous).collect();
        let [d_log_probs, d_entropy, d_values, d_embedding] =
            [0, 1, 2, 3].map(|i| numbers(&upstream[i]));
        let d_outputs = sized(&mut self.decoder.heads.out, self.distribution.len());
        let (distribution, entropy) = (&self.distribution, &self.entropy);
        let actions = integers(&actions);
        vectorized(
            #[inline(always)]
            || {
                let rows = d_outputs
                    .chunks_exact_mut(width)
                    .zip(distribution.chunks_exact(width));
                for (row, (d_output, log_probs)) in rows.enumerate() {
                    for (d_output, log_prob) in d_output.iter_mut().zip(log_probs) {
                        let spread = d_log_probs[row] + d_entropy[row] * (log_prob + entropy[row]);
                        *d_output = -exp(*log_prob) * spread;
                    }
                    d_output[actions[row] as usize] += d_log_probs[row];
                }
            },
        );
        if let Some(available) = available.as_ref().map(truths) {
            fill_unavailable(d_outputs, available, 0.0);
        }
        let edges = &policy.edge_embedding;
        let d = zeroed(&mut self.d, self.encoder.embedding.len());
        let representation = self.encoder.representation();
        self.decoder.backward(
            &policy.decoder,
            representation,
            causal,
            edges,
            d,
            &mut self.gradients,
        );
        self.encoder.backward(
            &policy.encoder,
            graph,
            edges,
            d,
            d_values,
            d_embedding,
            &mut self.back,
            &mut self.gradients,
        );
    }
}

/// Writes `value` where an action cannot be taken.
fn fill_unavailable(of_actions: &mut [f32], available: &[u8], value: f32) {
    for (x, available) in of_actions.iter_mut().zip(available) {
        if *available == 0 {
            *x = value;
        }
    }
}

/// Which of some numbers is the largest; the first of equals.
fn largest(numbers: impl Iterator<Item = f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, number) in numbers.enumerate() {
        if number > best.1 {
            best = (index, number);
        }
    }
    best.0
}
