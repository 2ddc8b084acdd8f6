//! Draws the learning curves of two methods, each with five runs: thin lines, their interquartile mean, and its 95 %
//! interval.
//!
//! ```sh
//! cargo run -p commformer-view --example curves -- curves.svg
//! ```

use commformer_view::chart::{Curve, Curves, standalone, steps};
use commformer_view::statistics::{interval, iqm};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("usage: curves FILE")?;
    std::fs::write(&file, standalone(&drawing()?))?;
    println!("{file} is drawn.");
    Ok(())
}

fn drawing() -> Result<String, Box<dyn Error>> {
    let methods = [("slow", 4.0), ("fast", 1.5)];
    let curves = Curves {
        title: "Return",
        x: ("environment steps", steps),
        y: "return",
        range: None,
        curves: methods
            .into_iter()
            .enumerate()
            .map(|(series, (name, pace))| curve(series, name, pace))
            .collect(),
    };
    Ok(curves.draw()?.ok_or("nothing to draw")?)
}

/// Returns that approach 10, of five runs that differ a little.
fn curve(series: usize, name: &str, pace: f64) -> Curve {
    let at = |run: u32, point: u32| {
        let wobble = f64::from(run * 7 % 5) - 2.0;
        10.0 * (1.0 - (-f64::from(point) / pace).exp()) + 0.2 * wobble
    };
    let step = |point: u32| f64::from(point) * 10_000.0;
    let thick = |point: u32| {
        let returns: Vec<f64> = (0..5).map(|run| at(run, point)).collect();
        let found = interval(&[&returns], 1, |groups| iqm(&groups[0]));
        found.map(|interval| (step(point), interval))
    };
    Curve {
        name: name.to_owned(),
        series,
        thin: (0..5)
            .map(|run| (0..10).map(|point| (step(point), at(run, point))).collect())
            .collect(),
        thick: (0..10).filter_map(thick).collect(),
    }
}

#[test]
fn it_draws() -> Result<(), Box<dyn Error>> {
    let svg = drawing()?;
    assert!(svg.starts_with("<svg") && svg.contains("fast"));
    Ok(())
}
