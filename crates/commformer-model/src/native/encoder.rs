//! The encoder's passes.

use super::attention::{Attending, Graph, Returning};
use super::layers::{Activated, activated, linear, linear_backward, norm, norm_backward};
use super::leaves::{Gradients, numbers};
use super::observed::Observed;
use super::product::View;
use super::rows::{NormTape, accumulate, gelu, multiply, relu, relu_backward, sized, zeroed};
use crate::encoder::{Block, Encoder};
use crate::layers::{UniformNoise, dropout_factors};
use tch::Tensor;

/// What the encoder made of B N observations, kept for the backward pass.
#[derive(Debug, Default)]
pub(super) struct EncoderTape {
    obs: Observed,
    projected: Activated,
    input_norm: NormTape,
    /// (B N, E)
    pub embedding: Vec<f32>,
    blocks: Vec<BlockTape>,
    value_hidden: Activated,
    value_norm: NormTape,
    value_normed: Vec<f32>,
    /// (B N)
    pub values: Vec<f32>,
}

#[derive(Debug, Default)]
struct BlockTape {
    attending: Attending,
    /// The sum that a norm takes in; also scratch.
    sum: Vec<f32>,
    /// What dropout multiplied the two branches by; empty where there was none.
    dropped: [Vec<f32>; 2],
    attention_norm: NormTape,
    heard: Vec<f32>,
    hidden: Vec<f32>,
    ff_norm: NormTape,
    out: Vec<f32>,
}

/// Scratch of the backward passes.
#[derive(Debug, Default)]
pub(super) struct Back {
    pub attention: Returning,
    pub branch: Vec<f32>,
    pub hidden: Vec<f32>,
}

impl EncoderTape {
    /// Observations (B N, O) to embeddings.
    pub fn embed(&mut self, encoder: &Encoder, obs: &[f32]) {
        self.obs.project(
            encoder.seen.as_ref(),
            &encoder.obs_norm,
            &encoder.obs_proj,
            obs,
            &mut self.projected.out,
        );
        let projected = &mut self.projected.out;
        let slope = sized(&mut self.projected.slope, projected.len());
        gelu(projected, slope);
        norm(
            &mut self.input_norm,
            &encoder.input_norm,
            projected,
            &mut self.embedding,
        );
    }

    /// Embeddings to representations and values.
    pub fn forward(
        &mut self,
        encoder: &Encoder,
        graph: Graph<'_>,
        edge_embedding: &Tensor,
        noise: &mut Option<UniformNoise>,
    ) {
        self.blocks
            .resize_with(encoder.blocks.len(), BlockTape::default);
        let mut x = &self.embedding;
        for (tape, block) in self.blocks.iter_mut().zip(&encoder.blocks) {
            tape.attending
                .relation
                .fill(&block.attention, edge_embedding);
            tape.forward(block, x, graph, encoder.dropout, noise);
            x = &tape.out;
        }
        activated(&mut self.value_hidden, &encoder.value_hidden, x);
        let hidden = &self.value_hidden.out;
        norm(
            &mut self.value_norm,
            &encoder.value_norm,
            hidden,
            &mut self.value_normed,
        );
        let width = numbers(&encoder.value_norm.weight).len();
        let values = sized(&mut self.values, self.value_normed.len() / width);
        linear(
            &encoder.value_out,
            0,
            View::new(&self.value_normed, width),
            values,
            1,
        );
    }

    /// (B N, E)
    pub fn representation(&self) -> &[f32] {
        self.blocks
            .last()
            .map_or(&self.embedding, |block| &block.out)
    }

    /// From the gradient of the representation, in place, and those of values and embedding.
    #[expect(clippy::too_many_arguments)]
    pub fn backward(
        &self,
        encoder: &Encoder,
        graph: Graph<'_>,
        edge_embedding: &Tensor,
        d: &mut [f32],
        d_values: &[f32],
        d_embedding: &[f32],
        back: &mut Back,
        gradients: &mut Gradients,
    ) {
        let width = numbers(&encoder.value_norm.weight).len();
        let d_normed = zeroed(&mut back.branch, d.len());
        let normed = View::new(&self.value_normed, width);
        linear_backward(
            &encoder.value_out,
            0,
            normed,
            d_values,
            1,
            Some(d_normed),
            gradients,
        );
        norm_backward(&self.value_norm, &encoder.value_norm, d_normed, gradients);
        multiply(d_normed, &self.value_hidden.slope);
        let x = View::new(self.representation(), width);
        linear_backward(
            &encoder.value_hidden,
            0,
            x,
            d_normed,
            width,
            Some(d),
            gradients,
        );

        for (index, block) in encoder.blocks.iter().enumerate().rev() {
            let x = match index {
                0 => &self.embedding,
                _ => &self.blocks[index - 1].out,
            };
            self.blocks[index].backward(block, x, graph, edge_embedding, d, back, gradients);
        }

        accumulate(d, d_embedding);
        norm_backward(&self.input_norm, &encoder.input_norm, d, gradients);
        multiply(d, &self.projected.slope);
        self.obs.backward(
            &encoder.obs_norm,
            &encoder.obs_proj,
            d,
            &mut back.branch,
            gradients,
        );
    }
}

impl BlockTape {
    fn forward(
        &mut self,
        block: &Block,
        x: &[f32],
        graph: Graph<'_>,
        share: f64,
        noise: &mut Option<UniformNoise>,
    ) {
        let width = numbers(&block.ff_norm.weight).len();
        self.attending.ask(&block.attention, x);
        self.attending.remember(&block.attention, x);
        let sum = sized(&mut self.sum, x.len());
        self.attending.hear(&block.attention, graph, sum);
        drop_out(&mut self.dropped[0], sum, graph, share, noise);
        accumulate(sum, x);
        norm(
            &mut self.attention_norm,
            &block.attention_norm,
            sum,
            &mut self.heard,
        );

        let heard = View::new(&self.heard, width);
        let hidden = sized(&mut self.hidden, x.len());
        linear(&block.ff1, 0, heard, hidden, width);
        relu(hidden);
        linear(&block.ff2, 0, View::new(hidden, width), sum, width);
        drop_out(&mut self.dropped[1], sum, graph, share, noise);
        accumulate(sum, &self.heard);
        norm(&mut self.ff_norm, &block.ff_norm, sum, &mut self.out);
    }

    /// From the gradient of the block's result, in place, that of its input `x`.
    #[expect(clippy::too_many_arguments)]
    fn backward(
        &self,
        block: &Block,
        x: &[f32],
        graph: Graph<'_>,
        edge_embedding: &Tensor,
        d: &mut [f32],
        back: &mut Back,
        gradients: &mut Gradients,
    ) {
        let width = numbers(&block.ff_norm.weight).len();
        norm_backward(&self.ff_norm, &block.ff_norm, d, gradients);
        let d_thought = kept(&self.dropped[1], d, &mut back.branch);
        let d_hidden = zeroed(&mut back.hidden, d.len());
        let hidden = View::new(&self.hidden, width);
        linear_backward(
            &block.ff2,
            0,
            hidden,
            d_thought,
            width,
            Some(d_hidden),
            gradients,
        );
        relu_backward(d_hidden, &self.hidden);
        let heard = View::new(&self.heard, width);
        linear_backward(&block.ff1, 0, heard, d_hidden, width, Some(d), gradients);

        norm_backward(&self.attention_norm, &block.attention_norm, d, gradients);
        let d_heard = kept(&self.dropped[0], d, &mut back.branch);
        let (layer, edges) = (&block.attention, edge_embedding);
        let returning = &mut back.attention;
        self.attending
            .backward(layer, graph, edges, d_heard, returning, gradients);
        returning.to_input(layer, x, d, gradients);
    }
}

/// Applies dropout, and keeps what it multiplied by.
fn drop_out(
    factors: &mut Vec<f32>,
    x: &mut [f32],
    graph: Graph<'_>,
    share: f64,
    noise: &mut Option<UniformNoise>,
) {
    factors.clear();
    if let (Some(uniform), true) = (noise, share > 0.0) {
        let rows = graph.teams * graph.agents;
        let size = [graph.teams, graph.agents, x.len() / rows].map(|size| size as i64);
        factors.extend_from_slice(numbers(&dropout_factors(&uniform(&size), share)));
        multiply(x, factors);
    }
}

/// The gradient of a branch before dropout.
fn kept<'a>(factors: &[f32], d: &'a [f32], scratch: &'a mut Vec<f32>) -> &'a [f32] {
    if factors.is_empty() {
        return d;
    }
    let branch = sized(scratch, d.len());
    branch.copy_from_slice(d);
    multiply(branch, factors);
    branch
}
