//! Each operation by the native kernels and by libtorch: the same numbers, and the same gradients of inputs and
//! leaves.

#![cfg(feature = "torch")]

#[path = "operations/apply.rs"]
mod apply;

use apply::{Given, Layers, MISFITS, OPERATIONS, Operation, apply};
use commformer_nn::layers::Linear;
use commformer_nn::layout::Slot;
use commformer_nn::links::{self, Rules};
use commformer_nn::native::{Gradients, Native, Tape};
use commformer_nn::torch::{self, AttentionOver, Precision, Torch};
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tch::{Kind, Tensor};

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
fn both_refuse_operands_that_do_not_fit() {
    let case = Case::new([2, 1, 2, 4], 1, false, 3);
    for misfit in MISFITS.map(Operation::Misfit) {
        let refused = catch_unwind(AssertUnwindSafe(|| case.natively(misfit)));
        assert!(refused.is_err(), "the kernels: {misfit:?}");
        let by_torch = || case.by_torch(misfit, AttentionOver::All);
        let refused = catch_unwind(AssertUnwindSafe(by_torch));
        assert!(refused.is_err(), "libtorch: {misfit:?}");
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
