//! A network of your own: defined once, run forward and backward by the CPU's kernels.

use commformer_env::Rng;
use commformer_nn::Ops;
use commformer_nn::layers::{Activation, Linear};
use commformer_nn::layout::{Init, Layout};
use commformer_nn::native::{Gradients, Native, Tape};

/// Two layers. Over the trait `Ops` the same definition runs on libtorch, too.
struct Network {
    hidden: Linear,
    output: Linear,
}

impl Network {
    fn new(layout: &mut Layout) -> Self {
        Self {
            hidden: Linear::new(layout, "hidden", [2, 32], Init::ACTIVATED),
            output: Linear::new(layout, "output", [32, 1], Init::ACTIVATED),
        }
    }

    fn forward<O: Ops>(&self, ops: &mut O, x: &O::Value) -> O::Value {
        let hidden = ops.activated(&self.hidden, Activation::Tanh, x);
        ops.linear(&self.output, &hidden)
    }
}

/// Learns the product of two numbers by gradient descent. The mean squared error before and after.
pub fn product() -> (f32, f32) {
    let mut layout = Layout::new();
    let network = Network::new(&mut layout);
    let mut rng = Rng::new(1, 0);
    let mut weights = layout.fresh(&mut || rng.normal());

    let (mut tape, mut gradients) = (Tape::default(), Gradients::default());
    gradients.of_weights = true;
    let mut errors = Vec::new();
    for _ in 0..2_000 {
        // 64 teams of one agent: 64 rows.
        let x: Vec<f32> = (0..64 * 2).map(|_| 2.0 * rng.uniform() - 1.0).collect();
        let leaves: Vec<&[f32]> = weights.iter().map(Vec::as_slice).collect();
        tape.begin([64, 1]);
        let input = tape.input(&x, 2, false);
        let output = network.forward(&mut Native::new(&mut tape, &leaves), &input);

        // The gradient of the mean squared error starts the backward pass.
        let products = x.chunks(2).map(|x| x[0] * x[1]);
        let missed = tape
            .value(output)
            .iter()
            .zip(products)
            .map(|(y, product)| y - product);
        let missed: Vec<f32> = missed.collect();
        errors.push(missed.iter().map(|error| error * error).sum::<f32>() / 64.0);
        let start: Vec<f32> = missed.iter().map(|error| 2.0 * error / 64.0).collect();
        gradients.clear(leaves.iter().map(|leaf| leaf.len()));
        tape.backward(&leaves, &[(output, &start)], &mut gradients);

        for (leaf, numbers) in weights.iter_mut().enumerate() {
            for (weight, slope) in numbers.iter_mut().zip(gradients.of_index(leaf)) {
                *weight -= 0.1 * slope;
            }
        }
    }
    let mean = |errors: &[f32]| errors.iter().sum::<f32>() / errors.len() as f32;
    (errors[0], mean(&errors[1_900..]))
}
