//! The operations that are compared, each over layers and inputs that all share.

use commformer_nn::Ops;
use commformer_nn::layers::{
    Activation, Attention, Gru, Linear, Lstm, Names, Norm, PairAttention, Per, Score,
};
use commformer_nn::layout::{Init, Layout, Slot};
use commformer_nn::levels::Levels;

/// What is tried, each on three inputs of W, 2 W and W numbers.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    Linear(Activation),
    OfEachAgent,
    Activate(Activation),
    /// After a tanh, to levels of so many bits.
    Round(usize),
    Norm,
    NormOfEachAgent,
    Residual,
    Observe,
    ObserveShared,
    Arithmetic,
    Columns,
    Steps,
    LookUp,
    Attend,
    OfOthers,
    MeanOfSenders,
    /// Between rows of W and rows of 2 W: is every edge open, are scores sums, and does a receiver hear itself?
    AttendPairs([bool; 3]),
    Gru,
    Lstm,
    /// A GRU over three steps, whose state is forgotten in some rows on the way.
    Recurrent,
    /// Is refused.
    Misfit(Misfit),
}

pub struct Layers {
    linear: Linear,
    each: Linear,
    norm: Norm,
    wide: (Norm, Linear),
    each_norm: Norm,
    attention: Attention,
    gru: Gru,
    pub lstm: Lstm,
    decision: Linear,
    edges: Slot,
    pub layout: Layout,
}

impl Layers {
    pub fn new(width: usize, agents: usize, heads: usize, relates: bool) -> Self {
        let mut layout = Layout::new();
        let square = [width, width];
        let of = |agent: usize| format!("each.{agent}");
        let names = Names {
            leaf: "each",
            of: &of,
        };
        let per = Per::Agent(agents);
        Self {
            linear: Linear::new(&mut layout, "linear", square, Init::Normal),
            each: Linear::of(&mut layout, &names, square, Init::Normal, per),
            norm: Norm::new(&mut layout, "norm", width),
            wide: (
                Norm::new(&mut layout, "wide.norm", 2 * width),
                Linear::new(&mut layout, "wide", [2 * width, width], Init::Normal),
            ),
            each_norm: Norm::of(&mut layout, &names, width, per),
            attention: Attention::new(
                &mut layout,
                "attention",
                &["query", "key", "value"],
                width,
                heads,
                relates,
                0.7,
            ),
            gru: Gru::new(&mut layout, "gru", square, Init::Normal),
            lstm: Lstm::new(&mut layout, "lstm", square, Init::Normal),
            decision: Linear::new(&mut layout, "decision", [width / 2, 1], Init::Normal),
            edges: layout.whole("edges", &[2, width], Init::Normal),
            layout,
        }
    }
}

/// What both backends are given beside the inputs.
pub struct Given<'a, O: Ops> {
    pub links: &'a O::Links,
    pub index: &'a O::Index,
    /// 0 or 1 for each row.
    pub flags: &'a O::Value,
    /// W numbers for each team.
    pub shared: &'a O::Value,
    pub steps: usize,
}

/// Carries an operation out.
pub fn apply<O: Ops>(
    operation: Operation,
    ops: &mut O,
    layers: &Layers,
    [x, wide, y]: [&O::Value; 3],
    given: &Given<'_, O>,
) -> O::Value {
    let width = layers.norm.width;
    let attend = |ops: &mut O| {
        let layer = &layers.attention;
        let terms = layer.relation.map(|relation| {
            let edges = ops.leaf(layers.edges, [2, width]);
            ops.linear(&relation, &edges)
        });
        ops.attend(layer, terms.as_ref(), y, wide, given.links, false)
    };
    match operation {
        Operation::Linear(f) => ops.activated(&layers.linear, f, x),
        Operation::OfEachAgent => ops.activated(&layers.each, Activation::Gelu, x),
        Operation::Activate(f) => ops.activate(f, x),
        Operation::Round(bits) => {
            let x = ops.activate(Activation::Tanh, x);
            ops.round(Levels::of_bits(bits), &x)
        }
        Operation::Norm => ops.norm(&layers.norm, x, Some(y)),
        Operation::NormOfEachAgent => ops.norm(&layers.each_norm, x, None),
        Operation::Residual => ops.residual(&layers.norm, x, &layers.linear, y, 0.0),
        Operation::Observe => ops.observe(None, &layers.norm, &layers.linear, Activation::Tanh, x),
        Operation::ObserveShared => {
            let (norm, layer) = &layers.wide;
            ops.observe_shared(norm, layer, Activation::Tanh, given.shared, x)
        }
        Operation::Arithmetic => {
            let sum = ops.add(x, y);
            let scaled = ops.scale_rows(&sum, given.flags);
            let both = ops.concat(&scaled, wide);
            ops.add(&both, &both)
        }
        Operation::Columns => {
            let right = ops.columns(wide, width..2 * width);
            ops.add(&right, x)
        }
        Operation::Steps => {
            let steps: Vec<O::Value> = (0..given.steps)
                .rev()
                .map(|step| ops.step(x, step, given.steps))
                .collect();
            ops.join_steps(&steps)
        }
        Operation::LookUp => ops.look_up(x, given.index),
        Operation::Attend => attend(ops),
        Operation::OfOthers => {
            let heard = attend(ops);
            ops.of_others(&heard)
        }
        Operation::MeanOfSenders => ops.mean_of_senders(x, given.links),
        Operation::AttendPairs([open, sums, itself]) => {
            let pair = if open { 0 } else { width / 2 };
            let key = width - pair;
            let layer = PairAttention {
                decision: (!open).then_some(layers.decision),
                key,
                value: 2 * width - pair - key,
                score: if sums {
                    Score::Sum(0.2)
                } else {
                    Score::Product(0.7)
                },
                itself,
            };
            ops.attend_pairs(&layer, x, wide, given.links)
        }
        Operation::Gru => ops.gru(&layers.gru, x, y),
        Operation::Lstm => ops.lstm(&layers.lstm, x, wide),
        Operation::Recurrent => {
            let mut state = ops.step(y, 0, given.steps);
            let mut all = Vec::new();
            for step in 0..given.steps {
                let input = ops.step(x, step, given.steps);
                let keep = ops.step(given.flags, step, given.steps);
                let before = ops.scale_rows(&state, &keep);
                state = ops.gru(&layers.gru, &input, &before);
                all.push(ops.same(&state));
            }
            ops.join_steps(&all)
        }
        Operation::Misfit(misfit) => misapply(misfit, ops, layers, [x, wide, y], given),
    }
}

/// All but [`Operation::Recurrent`] and those that are refused.
pub const OPERATIONS: [Operation; 27] = [
    Operation::Linear(Activation::Identity),
    Operation::Linear(Activation::Relu),
    Operation::Linear(Activation::Sigmoid),
    Operation::OfEachAgent,
    Operation::Activate(Activation::Gelu),
    Operation::Activate(Activation::Tanh),
    Operation::Activate(Activation::Sigmoid),
    Operation::Round(1),
    Operation::Round(8),
    Operation::Norm,
    Operation::NormOfEachAgent,
    Operation::Residual,
    Operation::Observe,
    Operation::ObserveShared,
    Operation::Arithmetic,
    Operation::Columns,
    Operation::Steps,
    Operation::LookUp,
    Operation::Attend,
    Operation::OfOthers,
    Operation::MeanOfSenders,
    Operation::AttendPairs([false, false, false]),
    Operation::AttendPairs([false, false, true]),
    Operation::AttendPairs([false, true, true]),
    Operation::AttendPairs([true, true, false]),
    Operation::Gru,
    Operation::Lstm,
];

/// Operands that do not fit, on rows of two agents in two teams.
#[derive(Clone, Copy, Debug)]
pub enum Misfit {
    /// A bias, which the rows of all would have to share.
    AddLeaf,
    AddWide,
    /// A factor for each number instead of each row.
    Factors,
    /// Rows of a team beside rows of an agent.
    Concat,
    NormWide,
    NormOfSum,
    /// Rows of three steps.
    Steps,
    GruGates,
    LstmGates,
    /// That do not share the width.
    Heads,
    /// Keys without values.
    Memory,
}

pub const MISFITS: [Misfit; 11] = [
    Misfit::AddLeaf,
    Misfit::AddWide,
    Misfit::Factors,
    Misfit::Concat,
    Misfit::NormWide,
    Misfit::NormOfSum,
    Misfit::Steps,
    Misfit::GruGates,
    Misfit::LstmGates,
    Misfit::Heads,
    Misfit::Memory,
];

/// Tries to carry it out.
fn misapply<O: Ops>(
    misfit: Misfit,
    ops: &mut O,
    layers: &Layers,
    [x, wide, y]: [&O::Value; 3],
    given: &Given<'_, O>,
) -> O::Value {
    let leaf = |ops: &mut O| ops.leaf(layers.edges, [2, layers.norm.width]);
    let attention = Attention {
        relation: None,
        ..layers.attention
    };
    match misfit {
        Misfit::AddLeaf => {
            let leaf = leaf(ops);
            ops.add(x, &leaf)
        }
        Misfit::AddWide => ops.add(x, wide),
        Misfit::Factors => ops.scale_rows(x, y),
        Misfit::Concat => ops.concat(x, given.shared),
        Misfit::NormWide => ops.norm(&layers.norm, wide, None),
        Misfit::NormOfSum => {
            let leaf = leaf(ops);
            ops.norm(&layers.norm, x, Some(&leaf))
        }
        Misfit::Steps => ops.step(x, 0, 3),
        Misfit::GruGates => ops.gru_cell(x, x, y),
        Misfit::LstmGates => ops.lstm_cell(x, x, wide),
        Misfit::Heads => {
            let layer = Attention {
                heads: layers.norm.width - 1,
                ..attention
            };
            ops.attend(&layer, None, y, wide, given.links, false)
        }
        Misfit::Memory => ops.attend(&attention, None, y, x, given.links, false),
    }
}
