//! Fits a line with Adam, stops in the middle, goes on from bytes, and comes to the same bits.
//!
//! ```sh
//! cargo run -p commformer-torch --example resume
//! ```

use commformer_torch::{Adam, AdamConfig, AdamState, TorchError, weights};
use tch::Tensor;

fn main() -> Result<(), TorchError> {
    let start = || vec![("line".to_owned(), Tensor::from_slice(&[0f32, 0.0]))];
    let whole = fit(Adam::new(start(), AdamConfig::default())?, 200)?;

    let half = fit(Adam::new(start(), AdamConfig::default())?, 100)?;
    let saved: (Vec<u8>, AdamState) = (weights::encode(&named(&half), &[])?, half.state()?);

    // Another process would read both from a file.
    let loaded = weights::decode(&saved.0)?;
    let mut adam = Adam::new(loaded.tensors, AdamConfig::default())?;
    adam.load_state(saved.1)?;
    let resumed = fit(adam, 100)?;

    println!("in one go: {:?}", numbers(&whole));
    println!("resumed:   {:?}", numbers(&resumed));
    assert_eq!(numbers(&whole), numbers(&resumed));
    assert_ne!(numbers(&whole), numbers(&half));
    Ok(())
}

/// Steps towards y = 2 x + 1.
fn fit(mut adam: Adam, steps: usize) -> Result<Adam, TorchError> {
    let x = Tensor::from_slice(&[-1f32, 0.0, 1.0, 2.0]);
    let y = Tensor::from_slice(&[-1f32, 1.0, 3.0, 5.0]);
    for _ in 0..steps {
        let line = adam.parameters()[0].detach().set_requires_grad(true);
        let missed: Tensor = line.get(0) * &x + line.get(1) - &y;
        let loss = missed.square().mean(None);
        let gradients = Tensor::run_backward(&[loss], &[&line], false, false);
        adam.step(&gradients)?;
    }
    Ok(adam)
}

fn named(adam: &Adam) -> Vec<(String, Tensor)> {
    let names = adam.names().iter().cloned();
    names
        .zip(adam.parameters().iter().map(Tensor::shallow_clone))
        .collect()
}

/// The slope and the height, as bits.
fn numbers(adam: &Adam) -> [u64; 2] {
    [0, 1].map(|at| adam.parameters()[0].double_value(&[at]).to_bits())
}

#[test]
fn it_runs() -> Result<(), TorchError> {
    main()
}
