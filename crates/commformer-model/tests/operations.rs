//! Each operation by the native kernels and by libtorch: the same numbers, and the same gradients of inputs and
//! leaves.

use commformer_nn::Ops;
use commformer_nn::layers::{
    Activation, Attention, Gru, Linear, Lstm, Names, Norm, PairAttention, Per, Score,
};
use commformer_nn::layout::{Init, Layout, Slot};
use commformer_nn::links::{self, Rules};
use commformer_nn::native::{Gradients, Native, Tape};
use commformer_nn::torch::{self, AttentionOver, Precision, Torch};
use proptest::prelude::*;
use tch::{Kind, Tensor};

/// What is tried, each on three inputs of W, 2 W and W numbers.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Linear(Activation),
    OfEachAgent,
    Activate(Activation),
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
}

struct Layers {
    linear: Linear,
    each: Linear,
    norm: Norm,
    wide: (Norm, Linear),
    each_norm: Norm,
    attention: Attention,
    gru: Gru,
    lstm: Lstm,
    decision: Linear,
    edges: Slot,
    layout: Layout,
}

impl Layers {
    fn new(width: usize, agents: usize, heads: usize, relates: bool) -> Self {
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
            attention: Attention::new(&mut layout, "attention", width, heads, relates, 0.7),
            gru: Gru::new(&mut layout, "gru", square, Init::Normal),
            lstm: Lstm::new(&mut layout, "lstm", square, Init::Normal),
            decision: Linear::new(&mut layout, "decision", [width / 2, 1], Init::Normal),
            edges: layout.whole("edges", &[2, width], Init::Normal),
            layout,
        }
    }
}

/// What both backends are given beside the inputs.
struct Given<'a, O: Ops> {
    links: &'a O::Links,
    index: &'a O::Index,
    /// 0 or 1 for each row.
    flags: &'a O::Value,
    /// W numbers for each team.
    shared: &'a O::Value,
    steps: usize,
}

fn apply<O: Ops>(
    operation: Operation,
    ops: &mut O,
    layers: &Layers,
    [x, wide, y]: [&O::Value; 3],
    given: &Given<'_, O>,
) -> O::Value {
    let width = layers.norm.width;
    let attend = |ops: &mut O| {
        let layer = &layers.attention;
        let terms = layer.relates.then(|| {
            let edges = ops.leaf(layers.edges, [2, width]);
            ops.linear(&layer.relation, &edges)
        });
        ops.attend(layer, terms.as_ref(), y, wide, given.links, false)
    };
    match operation {
        Operation::Linear(f) => ops.activated(&layers.linear, f, x),
        Operation::OfEachAgent => ops.activated(&layers.each, Activation::Gelu, x),
        Operation::Activate(f) => ops.activate(f, x),
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
    }
}

const OPERATIONS: [Operation; 25] = [
    Operation::Linear(Activation::Identity),
    Operation::Linear(Activation::Relu),
    Operation::Linear(Activation::Sigmoid),
    Operation::OfEachAgent,
    Operation::Activate(Activation::Gelu),
    Operation::Activate(Activation::Tanh),
    Operation::Activate(Activation::Sigmoid),
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

struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }

    /// Multiples of 1/64: what is compared with a threshold is then exact, and the same on both sides.
    fn numbers(&mut self, count: usize) -> Vec<f32> {
        let number = |_| (128.0 * self.uniform()).floor() / 64.0 - 1.0;
        (0..count).map(number).collect()
    }

    fn coins(&mut self, count: usize) -> Vec<f32> {
        (0..count)
            .map(|_| f32::from(u8::from(self.uniform() < 0.6)))
            .collect()
    }
}

/// Numbers, gradients of the three inputs, gradients of the leaves.
type Found = (Vec<f32>, Vec<Vec<f32>>, Vec<Vec<f32>>);

struct Case {
    layers: Layers,
    leaves: Vec<Vec<f32>>,
    inputs: [Vec<f32>; 3],
    graph: Vec<f32>,
    gate: Vec<f32>,
    flags: Vec<f32>,
    index: Vec<usize>,
    upstream: Vec<f32>,
    /// B, N, W
    size: [usize; 3],
    steps: usize,
}

impl Case {
    fn new(
        [steps, per_step, agents, width]: [usize; 4],
        heads: usize,
        relates: bool,
        seed: u64,
    ) -> Self {
        let mut noise = Noise(seed);
        let (teams, width) = (steps * per_step, width * heads);
        let layers = Layers::new(width, agents, heads, relates);
        let leaves = layers.layout.leaves().iter();
        let leaves = leaves.map(|leaf| noise.numbers(leaf.numel())).collect();
        let rows = teams * agents;
        Self {
            leaves,
            layers,
            inputs: [width, 2 * width, width].map(|width| noise.numbers(rows * width)),
            graph: noise.coins(teams * agents * agents),
            gate: noise.coins(rows),
            flags: noise.coins(rows),
            index: (0..rows)
                .map(|_| (noise.uniform() * rows as f32) as usize)
                .collect(),
            upstream: noise.numbers(3 * rows * width),
            size: [teams, agents, width],
            steps,
        }
    }

    /// (teams, W)
    fn shared(&self) -> &[f32] {
        &self.inputs[1][..self.size[0] * self.size[2]]
    }

    fn natively(&self, operation: Operation) -> Found {
        let [teams, agents, _] = self.size;
        let leaves: Vec<&[f32]> = self.leaves.iter().map(Vec::as_slice).collect();
        let mut tape = Tape::default();
        let mut found = None;
        // Twice, since the second pass finds used buffers.
        for _ in 0..2 {
            tape.begin([teams, agents]);
            let (links, senders) = tape.new_links();
            let heard = links::Heard {
                graphs: &self.graph,
                graph_of: None,
                gate: Some(&self.gate),
                active: None,
                teams,
                agents,
            };
            senders.fill(&heard, Rules::default());
            let [x, wide, y] = [0, 1, 2].map(|at| {
                let columns = self.inputs[at].len() / (teams * agents);
                tape.input(&self.inputs[at], columns, true)
            });
            let flags = tape.input(&self.flags, 1, false);
            let shared = tape.input(self.shared(), self.size[2], false);
            let given = Given {
                links: &links,
                index: &self.index,
                flags: &flags,
                shared: &shared,
                steps: self.steps,
            };
            let mut ops = Native::new(&mut tape, &leaves);
            let out = apply(operation, &mut ops, &self.layers, [&x, &wide, &y], &given);
            let value = tape.value(out).to_vec();
            let mut gradients = Gradients::default();
            gradients.of_weights = true;
            gradients.clear(leaves.iter().map(|leaf| leaf.len()));
            let upstream = &self.upstream[..value.len()];
            tape.backward(&leaves, &[(out, upstream)], &mut gradients);
            let of_inputs =
                [x, wide, y]
                    .into_iter()
                    .zip(&self.inputs)
                    .map(|(var, input)| match tape.gradient(var) {
                        [] => vec![0.0; input.len()],
                        found => found.to_vec(),
                    });
            let of_leaves = (0..leaves.len()).map(|slot| gradients.of_index(slot).to_vec());
            let of_inputs = of_inputs.collect();
            found = Some((value, of_inputs, of_leaves.collect()));
        }
        found.unwrap()
    }

    fn by_torch(&self, operation: Operation, over: AttentionOver) -> Found {
        let [teams, agents, _] = self.size.map(|size| size as i64);
        let tensor = |x: &[f32], shape: &[i64]| Tensor::from_slice(x).view(shape);
        let leaves: Vec<Tensor> = (self.layers.layout.leaves().iter().zip(&self.leaves))
            .map(|(leaf, numbers)| {
                let shape: Vec<i64> = leaf.shape.iter().map(|size| *size as i64).collect();
                tensor(numbers, &shape).set_requires_grad(true)
            })
            .collect();
        let inputs = [0, 1, 2]
            .map(|at| tensor(&self.inputs[at], &[teams, agents, -1]).set_requires_grad(true));
        let graph = tensor(&self.graph, &[teams, agents, agents]);
        let gate = tensor(&self.gate, &[teams, agents]);
        let heard = torch::Heard {
            graph: &graph,
            graph_of: None,
            gate: Some(&gate),
            active: None,
            teams,
        };
        let links = torch::Links::new(&heard, Rules::default(), over, true);
        let index: Vec<i64> = self.index.iter().map(|row| *row as i64).collect();
        let flags = tensor(&self.flags, &[teams, agents, 1]);
        let given = Given {
            links: &links,
            index: &Tensor::from_slice(&index).view([teams, agents]),
            flags: &flags,
            shared: &tensor(self.shared(), &[teams, -1]),
            steps: self.steps,
        };
        let [x, wide, y] = &inputs;
        let table = x.view([teams * agents, -1]);
        let x_or_table = match operation {
            Operation::LookUp => &table,
            _ => x,
        };
        let mut ops = Torch::new(&leaves, agents, Precision::Float32);
        let out = apply(
            operation,
            &mut ops,
            &self.layers,
            [x_or_table, wide, y],
            &given,
        );
        let upstream = tensor(&self.upstream[..out.numel()], &out.size());
        let mut found = Vec::new();
        if out.requires_grad() {
            let all: Vec<&Tensor> = inputs.iter().chain(&leaves).collect();
            let loss = (&out * upstream).sum(Kind::Float);
            found = Tensor::run_backward(&[loss], &all, false, false);
        }
        let numbers =
            |x: &Tensor| Vec::<f32>::try_from(x.detach().contiguous().view([-1])).unwrap();
        let of = |at: usize, like: &[f32]| match found.get(at) {
            Some(found) if found.defined() => numbers(found),
            _ => vec![0.0; like.len()],
        };
        let of_inputs = (0..3).map(|at| of(at, &self.inputs[at])).collect();
        let of_leaves = (0..leaves.len())
            .map(|at| of(at + 3, &self.leaves[at]))
            .collect();
        (numbers(&out), of_inputs, of_leaves)
    }
}

fn check(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let most = expected.iter().fold(1.0f32, |most, x| most.max(x.abs()));
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() < 1e-4 * most,
            "{what}: {found} {expected} of {most}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn kernels_give_the_numbers_of_libtorch(
        sizes in (1..=3usize, 1..=2usize, 1..=5usize, 2..=9usize),
        heads in 1..=2usize,
        relates: bool,
        listed: bool,
        seed: u64,
    ) {
        let case = Case::new([sizes.0, sizes.1, sizes.2, 2 + sizes.3], heads, relates, seed);
        let over = if listed { AttentionOver::Listed } else { AttentionOver::All };
        for operation in OPERATIONS.into_iter().chain([Operation::Recurrent]) {
            let (value, of_inputs, of_leaves) = case.natively(operation);
            let (value_torch, inputs_torch, leaves_torch) = case.by_torch(operation, over);
            check(&format!("{operation:?}"), &value, &value_torch);
            let observes = matches!(operation, Operation::Observe | Operation::ObserveShared);
            for at in (0..3).filter(|_| !observes) {
                check(&format!("{operation:?}, input {at}"), &of_inputs[at], &inputs_torch[at]);
            }
            for (leaf, (found, expected)) in
                case.layers.layout.leaves().iter().zip(of_leaves.iter().zip(&leaves_torch))
            {
                check(&format!("{operation:?}, {}", leaf.name), found, expected);
            }
        }
    }
}

#[test]
fn an_lstm_is_that_of_pytorch() {
    // torch.nn.LSTMCell's own equations, by libtorch's fused cell.
    let case = Case::new([1, 2, 3, 4], 1, false, 9);
    let (value, ..) = case.natively(Operation::Lstm);
    let leaves: Vec<Tensor> = (case.leaves.iter())
        .map(|x| Tensor::from_slice(x))
        .collect();
    let of = |slot: Slot, rows: i64| leaves[slot.index()].view([rows, -1]);
    let [input, hidden] = [&case.layers.lstm.input, &case.layers.lstm.hidden];
    let rows = (case.size[0] * case.size[1]) as i64;
    let state = Tensor::from_slice(&case.inputs[1]).view([rows, -1]);
    let parts = state.chunk(2, 1);
    let bias = |layer: &Linear| layer.bias.map(|bias| leaves[bias.index()].shallow_clone());
    let (h, c) = Tensor::from_slice(&case.inputs[0])
        .view([rows, -1])
        .lstm_cell(
            &[&parts[0], &parts[1]],
            &of(input.weight, 16),
            &of(hidden.weight, 16),
            bias(input).as_ref(),
            bias(hidden).as_ref(),
        );
    let expected = Tensor::cat(&[h, c], 1).contiguous().view([-1]);
    check("lstm", &value, &Vec::<f32>::try_from(expected).unwrap());
}
