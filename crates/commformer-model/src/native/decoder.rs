//! The decoder's passes: all agents at once, forward and backward, and one agent after the other.

use super::attention::{Attending, Graph};
use super::encoder::Back;
use super::heads::HeadsTape;
use super::layers::{Activated, activated, linear, linear_backward, norm, norm_backward};
use super::leaves::{Gradients, numbers};
use super::product::View;
use super::rows::{NormTape, accumulate, add, gelu, multiply, sized, zeroed};
use crate::decoder::{Block, Decoder};
use tch::Tensor;

/// What the decoder made of B N representations and actions, kept for the backward pass.
#[derive(Debug, Default)]
pub(super) struct DecoderTape {
    table: Table,
    /// Row of the table that each agent is given, (B N).
    pub tokens: Vec<usize>,
    input: Vec<f32>,
    blocks: Vec<BlockTape>,
    pub heads: HeadsTape,
    /// The present agent's representation in every team, (B, E), while decoding one by one.
    representation: Vec<f32>,
    pub back: Back,
}

/// The embedding of the start token and of each action, and what the first block's self-attention
/// projects them to. A one-hot input has no more than these A + 1 rows.
#[derive(Debug, Default)]
struct Table {
    projected: Activated,
    norm: NormTape,
    embedded: Vec<f32>,
    attending: Attending,
}

#[derive(Debug, Default)]
struct BlockTape {
    own: Attending,
    sum: Vec<f32>,
    own_norm: NormTape,
    own_out: Vec<f32>,
    cross: Attending,
    cross_norm: NormTape,
    cross_out: Vec<f32>,
    hidden: Activated,
    ff_norm: NormTape,
    out: Vec<f32>,
}

impl Table {
    fn fill(&mut self, decoder: &Decoder) {
        let proj = numbers(&decoder.action_proj);
        let width = numbers(&decoder.input_norm.weight).len();
        let rows = proj.len() / width;
        let out = sized(&mut self.projected.out, rows * width);
        for (row, out) in out.chunks_exact_mut(width).enumerate() {
            for (x, column) in out.iter_mut().zip(proj.chunks_exact(rows)) {
                *x = column[row];
            }
        }
        gelu(out, sized(&mut self.projected.slope, rows * width));
        norm(&mut self.norm, &decoder.input_norm, out, &mut self.embedded);
        if let Some(block) = decoder.blocks.first() {
            self.attending.ask(&block.self_attention, &self.embedded);
            self.attending
                .remember(&block.self_attention, &self.embedded);
        }
    }

    /// From the gradients of the table's rows.
    fn backward(&self, decoder: &Decoder, d: &mut [f32], gradients: &mut Gradients) {
        let width = numbers(&decoder.input_norm.weight).len();
        norm_backward(&self.norm, &decoder.input_norm, d, gradients);
        multiply(d, &self.projected.slope);
        let rows = d.len() / width;
        let d_proj = gradients.of(&decoder.action_proj);
        for (row, d) in d.chunks_exact(width).enumerate() {
            for (d_column, d) in d_proj.chunks_exact_mut(rows).zip(d) {
                d_column[row] += d;
            }
        }
    }
}

/// The rows of a table of this width that `tokens` name.
fn look_up(table: &[f32], width: usize, tokens: &[usize], out: &mut Vec<f32>) {
    let out = sized(out, tokens.len() * width);
    for (out, token) in out.chunks_exact_mut(width).zip(tokens) {
        out.copy_from_slice(&table[token * width..(token + 1) * width]);
    }
}

/// Adds rows to those of a table that they came from.
fn put_back(d_table: &mut [f32], width: usize, tokens: &[usize], d: &[f32]) {
    for (d, token) in d.chunks_exact(width).zip(tokens) {
        add(&mut d_table[token * width..(token + 1) * width], d);
    }
}

impl DecoderTape {
    /// Prepares what depends on parameters alone.
    pub fn begin(&mut self, decoder: &Decoder, edge_embedding: &Tensor) {
        self.table.fill(decoder);
        self.blocks
            .resize_with(decoder.blocks.len(), BlockTape::default);
        for (tape, block) in self.blocks.iter_mut().zip(&decoder.blocks) {
            tape.own
                .relation
                .fill(&block.self_attention, edge_embedding);
            tape.cross
                .relation
                .fill(&block.cross_attention, edge_embedding);
        }
    }

    /// All agents at once, given the rows `tokens` of the table: the heads' outputs.
    pub fn forward(&mut self, decoder: &Decoder, representation: &[f32], graph: Graph<'_>) {
        let width = numbers(&decoder.input_norm.weight).len();
        look_up(&self.table.embedded, width, &self.tokens, &mut self.input);
        let mut x = &self.input;
        for (index, (tape, block)) in self.blocks.iter_mut().zip(&decoder.blocks).enumerate() {
            if index == 0 {
                let table = &self.table.attending;
                look_up(&table.queries, width, &self.tokens, &mut tape.own.queries);
                look_up(&table.memory, 2 * width, &self.tokens, &mut tape.own.memory);
            } else {
                tape.own.ask(&block.self_attention, x);
                tape.own.remember(&block.self_attention, x);
            }
            tape.own
                .hear(&block.self_attention, graph, sized(&mut tape.sum, x.len()));
            tape.after_own(block, x);
            tape.cross.ask(&block.cross_attention, representation);
            tape.cross.remember(&block.cross_attention, &tape.own_out);
            tape.cross
                .hear(&block.cross_attention, graph, &mut tape.sum);
            tape.after_cross(block, representation);
            x = &tape.out;
        }
        self.heads.forward(&decoder.heads, x, graph.agents, None);
    }

    /// From the gradient of the heads' outputs, in `self.heads`, that of the representation, (B N, E).
    pub fn backward(
        &mut self,
        decoder: &Decoder,
        representation: &[f32],
        graph: Graph<'_>,
        edge_embedding: &Tensor,
        d_representation: &mut [f32],
        gradients: &mut Gradients,
    ) {
        let width = numbers(&decoder.input_norm.weight).len();
        let back = &mut self.back;
        let d = self.heads.backward(&decoder.heads, graph.agents, gradients);
        for (index, block) in decoder.blocks.iter().enumerate().rev() {
            let tape = &self.blocks[index];
            norm_backward(&tape.ff_norm, &block.ff_norm, d, gradients);
            let d_hidden = zeroed(&mut back.hidden, d.len());
            let hidden = View::new(&tape.hidden.out, width);
            linear_backward(&block.ff2, 0, hidden, d, width, Some(d_hidden), gradients);
            multiply(d_hidden, &tape.hidden.slope);
            let cross_out = View::new(&tape.cross_out, width);
            linear_backward(
                &block.ff1,
                0,
                cross_out,
                d_hidden,
                width,
                Some(d),
                gradients,
            );

            norm_backward(&tape.cross_norm, &block.cross_norm, d, gradients);
            accumulate(d_representation, d);
            let (layer, edges, returning) =
                (&block.cross_attention, edge_embedding, &mut back.attention);
            tape.cross
                .backward(layer, graph, edges, d, returning, gradients);
            returning.through_queries(layer, representation, d_representation, gradients);
            d.fill(0.0);
            returning.through_memory(layer, &tape.own_out, d, gradients);

            norm_backward(&tape.own_norm, &block.self_norm, d, gradients);
            let layer = &block.self_attention;
            tape.own
                .backward(layer, graph, edges, d, returning, gradients);
            if index > 0 {
                returning.to_input(layer, &self.blocks[index - 1].out, d, gradients);
                continue;
            }
            // The first block's rows came from the table, so their gradients are first added up there.
            let embedded = &self.table.embedded;
            let (rows, tokens) = (embedded.len() / width, &self.tokens);
            let d_table = zeroed(&mut back.branch, embedded.len());
            put_back(d_table, width, tokens, d);
            collect(
                &mut returning.queries,
                &mut back.hidden,
                rows,
                width,
                tokens,
            );
            collect(
                &mut returning.memory,
                &mut back.hidden,
                rows,
                2 * width,
                tokens,
            );
            returning.to_input(layer, embedded, d_table, gradients);
            self.table.backward(decoder, d_table, gradients);
        }
    }

    /// Makes room to decode agent by agent for B teams of N.
    pub fn begin_steps(&mut self, decoder: &Decoder, graph: Graph<'_>) {
        let width = numbers(&decoder.input_norm.weight).len();
        let room = graph.teams * graph.agents * 2 * width;
        for tape in &mut self.blocks {
            sized(&mut tape.own.memory, room);
            sized(&mut tape.cross.memory, room);
        }
    }

    /// Agent `agent` of every team, given the rows `tokens` of the table, (B): its head's output. The
    /// agents before it have had their turn.
    pub fn step(
        &mut self,
        decoder: &Decoder,
        representation: &[f32],
        graph: Graph<'_>,
        agent: usize,
    ) {
        let width = numbers(&decoder.input_norm.weight).len();
        look_up(&self.table.embedded, width, &self.tokens, &mut self.input);
        let own = sized(&mut self.representation, self.input.len());
        let rows = representation
            .chunks_exact(width)
            .skip(agent)
            .step_by(graph.agents);
        for (own, row) in own.chunks_exact_mut(width).zip(rows) {
            own.copy_from_slice(row);
        }
        let mut x = &self.input;
        for (index, (tape, block)) in self.blocks.iter_mut().zip(&decoder.blocks).enumerate() {
            let layer = &block.self_attention;
            if index == 0 {
                let table = &self.table.attending;
                look_up(&table.queries, width, &self.tokens, &mut tape.own.queries);
                look_up(&table.memory, 2 * width, &self.tokens, &mut tape.own.fresh);
            } else {
                tape.own.ask(layer, x);
                tape.own.project_fresh(layer, x);
            }
            tape.own.keep_fresh(2 * width, agent, graph.agents);
            tape.own
                .hear_alone(layer, graph, agent, sized(&mut tape.sum, x.len()));
            tape.after_own(block, x);
            let layer = &block.cross_attention;
            tape.cross.ask(layer, own);
            tape.cross.project_fresh(layer, &tape.own_out);
            tape.cross.keep_fresh(2 * width, agent, graph.agents);
            tape.cross.hear_alone(layer, graph, agent, &mut tape.sum);
            tape.after_cross(block, own);
            x = &tape.out;
        }
        self.heads
            .forward(&decoder.heads, x, graph.agents, Some(agent));
    }
}

impl BlockTape {
    /// What follows the self-attention's sum, in `self.sum`.
    fn after_own(&mut self, block: &Block, x: &[f32]) {
        accumulate(&mut self.sum, x);
        norm(
            &mut self.own_norm,
            &block.self_norm,
            &self.sum,
            &mut self.own_out,
        );
    }

    /// What follows the cross-attention's sum, in `self.sum`.
    fn after_cross(&mut self, block: &Block, representation: &[f32]) {
        accumulate(&mut self.sum, representation);
        norm(
            &mut self.cross_norm,
            &block.cross_norm,
            &self.sum,
            &mut self.cross_out,
        );
        activated(&mut self.hidden, &block.ff1, &self.cross_out);
        let width = numbers(&block.ff_norm.weight).len();
        let hidden = View::new(&self.hidden.out, width);
        linear(&block.ff2, 0, hidden, &mut self.sum, width);
        accumulate(&mut self.sum, &self.cross_out);
        norm(&mut self.ff_norm, &block.ff_norm, &self.sum, &mut self.out);
    }
}

/// Rows added up by the row of the table that they came from, in their place.
fn collect(
    all: &mut Vec<f32>,
    scratch: &mut Vec<f32>,
    rows: usize,
    width: usize,
    tokens: &[usize],
) {
    put_back(zeroed(scratch, rows * width), width, tokens, all);
    std::mem::swap(all, scratch);
}
