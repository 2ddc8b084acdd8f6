//! Fits sin(3 x) by gradient descent, on the CPU's kernels.
//!
//! ```sh
//! cargo run -p commformer-nn --example fit
//! ```

use commformer_nn::Ops;
use commformer_nn::layers::{Activation, Linear};
use commformer_nn::layout::{Init, Layout};
use commformer_nn::native::{Gradients, Native, Tape};

const POINTS: usize = 64;

fn main() {
    let mut layout = Layout::new();
    let hidden = Linear::new(&mut layout, "hidden", [1, 32], Init::Normal);
    let output = Linear::new(&mut layout, "output", [32, 1], Init::SMALL);
    // Any source of standard normal numbers will do: here twelve uniform ones, less their mean.
    let mut state = 7u64;
    let mut uniform = move || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let mut weights = layout.fresh(&mut || (0..12).map(|_| uniform()).sum::<f32>() - 6.0);

    let x: Vec<f32> = (0..POINTS)
        .map(|at| 2.0 * at as f32 / POINTS as f32 - 1.0)
        .collect();
    let (mut tape, mut gradients) = (Tape::default(), Gradients::default());
    gradients.of_weights = true;
    let mut error = f32::INFINITY;
    for step in 0..3_000 {
        let leaves: Vec<&[f32]> = weights.iter().map(Vec::as_slice).collect();
        tape.begin([POINTS, 1]);
        let input = tape.input(&x, 1, false);
        let mut ops = Native::new(&mut tape, &leaves);
        let inner = ops.activated(&hidden, Activation::Tanh, &input);
        let y = ops.linear(&output, &inner);

        let missed: Vec<f32> = (tape.value(y).iter().zip(&x))
            .map(|(y, x)| y - (3.0 * x).sin())
            .collect();
        error = missed.iter().map(|error| error * error).sum::<f32>() / POINTS as f32;
        if step % 500 == 0 {
            println!("step {step:4}: mean squared error {error:.5}");
        }
        let slopes: Vec<f32> = missed
            .iter()
            .map(|error| 2.0 * error / POINTS as f32)
            .collect();
        gradients.clear(leaves.iter().map(|leaf| leaf.len()));
        tape.backward(&leaves, &[(y, &slopes)], &mut gradients);
        for (leaf, numbers) in weights.iter_mut().enumerate() {
            for (weight, slope) in numbers.iter_mut().zip(gradients.of_index(leaf)) {
                *weight -= 0.05 * slope;
            }
        }
    }
    assert!(error < 0.01, "{error}");
}

#[test]
fn it_runs() {
    main();
}
