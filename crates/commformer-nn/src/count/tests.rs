//! A tape has what is counted.

use super::*;
use crate::Ops;
use crate::layers::{Activation, Attention, Gru, Linear, Lstm, Names, Norm, Per};
use crate::layout::{Init, Layout, Slot};
use crate::links::{Heard, Rules};
use crate::native::{Gradients, Native, Tape};

const TEAMS: usize = 50;
const AGENTS: usize = 4;
const WIDTH: usize = 8;

/// Layers for every operation.
struct Layers {
    layout: Layout,
    norm: Norm,
    first: Linear,
    attention: Attention,
    edges: Slot,
    gru: Gru,
    lstm: Lstm,
    own: Linear,
}

impl Layers {
    fn new() -> Self {
        let (mut layout, square) = (Layout::new(), [WIDTH, WIDTH]);
        let names = Names {
            leaf: "own",
            of: &|agent| format!("own.{agent}"),
        };
        let on = &mut layout;
        Self {
            norm: Norm::new(on, "norm", WIDTH),
            first: Linear::new(on, "first", square, Init::SMALL),
            attention: Attention::new(on, "attention", WIDTH, 2, true, 1.0),
            edges: on.whole("edges", &[2, WIDTH], Init::Normal),
            gru: Gru::new(on, "gru", square, Init::SMALL),
            lstm: Lstm::new(on, "lstm", square, Init::SMALL),
            own: Linear::of(on, &names, [WIDTH, 3], Init::SMALL, Per::Agent(AGENTS)),
            layout,
        }
    }

    /// Every operation once or more, on two steps.
    fn pass<O: Ops>(
        &self,
        ops: &mut O,
        [obs, state, factors]: [&O::Value; 3],
        links: &O::Links,
        tokens: &O::Index,
    ) -> O::Value {
        let edges = ops.leaf(self.edges, [2, WIDTH]);
        let terms = ops.linear(&self.attention.relation, &edges);
        let unit = ops.identity(WIDTH);
        let table = ops.activated(&self.first, Activation::Gelu, &unit);
        let looked = ops.look_up(&table, tokens);
        let x = ops.observe(None, &self.norm, &self.first, Activation::Gelu, obs);
        let x = ops.norm(&self.norm, &x, Some(&looked));
        let projected = ops.linear(&self.attention.projection, &x);
        let queries = ops.columns(&projected, 0..WIDTH);
        let memory = ops.columns(&projected, WIDTH..3 * WIDTH);
        let heard = ops.attend(
            &self.attention,
            Some(&terms),
            &queries,
            &memory,
            links,
            false,
        );
        let others = ops.of_others(&heard);
        let output = &self.attention.output;
        let x = ops.residual(&self.norm, &x, output, &heard, 0.0);
        let x = ops.residual(&self.norm, &x, output, &others, 0.1);
        let mean = ops.mean_of_senders(&x, links);
        let both = ops.concat(&x, &mean);
        let x = ops.columns(&both, 4..4 + WIDTH);
        let thought = ops.activate(Activation::Tanh, &x);
        let x = ops.add(&x, &thought);
        let x = ops.norm(&self.norm, &x, None);
        let state = ops.scale_rows(state, factors);
        let mut steps = Vec::new();
        let mut state = ops.step(&state, 0, 2);
        for step in 0..2 {
            let x = ops.step(&x, step, 2);
            state = ops.gru(&self.gru, &x, &state);
            let wide = ops.concat(&x, &state);
            let next = ops.lstm(&self.lstm, &x, &wide);
            steps.push(ops.columns(&next, 0..WIDTH));
        }
        let x = ops.join_steps(&steps);
        ops.linear(&self.own, &x)
    }
}

#[test]
fn a_tape_takes_what_is_counted() {
    let layers = Layers::new();
    let numbers = layers.layout.fresh(&mut || 0.1);
    let leaves: Vec<&[f32]> = numbers.iter().map(Vec::as_slice).collect();
    let rows = TEAMS * AGENTS;
    let mut tape = Tape::default();
    tape.begin([TEAMS, AGENTS]);
    let obs = tape.input(&vec![1.0; rows * WIDTH], WIDTH, false);
    let state = tape.input(&vec![1.0; rows * WIDTH], WIDTH, true);
    let factors = tape.input(&vec![1.0; rows], 1, false);
    let (links, senders) = tape.new_links();
    let heard = Heard {
        graphs: &[1.0; AGENTS * AGENTS],
        graph_of: None,
        gate: None,
        active: None,
        teams: TEAMS,
        agents: AGENTS,
    };
    senders.fill(&heard, Rules::default());
    let mut noise = |factors: &mut [f32]| factors.fill(0.5);
    let mut ops = Native::new(&mut tape, &leaves);
    ops.dropout = Some(&mut noise);
    let out = layers.pass(&mut ops, [&obs, &state, &factors], &links, &vec![1; rows]);
    let mut gradients = Gradients::default();
    gradients.of_weights = true;
    gradients.clear(leaves.iter().map(|leaf| leaf.len()));
    tape.backward(&leaves, &[(out, &vec![1.0; rows * 3])], &mut gradients);

    let mut ops = Count::new(TEAMS as f64, AGENTS as f64, AGENTS as f64 - 1.0);
    ops.dropout = true;
    let inputs = [(WIDTH, false), (WIDTH, true), (1, false)];
    let [obs, state, factors] = inputs.map(|(width, wants)| ops.input(width, wants));
    layers.pass(
        &mut ops,
        [&obs, &state, &factors],
        &Links(()),
        &(rows as f64),
    );
    let [values, of_values] = tape.room();
    assert_eq!(ops.numbers[0], values as f64);
    assert_eq!(ops.gradients(), of_values as f64);
}
