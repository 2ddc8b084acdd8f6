//! What would a run take of memory? Prints the estimate that `commformer train` goes by, in bytes: all of it,
//! then its parts, the largest first.
//!
//! `cargo run --release -p commformer --example memory -- [PRESET] [KEY=VALUE...]`

use commformer::compose::{self, memory};
use commformer::config::{Config, Overrides, presets};

fn main() -> anyhow::Result<()> {
    let (set, names): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|word| word.contains('='));
    let overrides = Overrides {
        set,
        ..Overrides::default()
    };
    let preset = names.first().map_or(presets::DEFAULT, String::as_str);
    let config = Config::resolve(Some(preset), &overrides)?;
    let device = compose::device(&config)?;
    let Some(estimate) = memory::estimate(&config, device)? else {
        anyhow::bail!("nothing counts memory here: the C library is not glibc 2.33 or later");
    };
    println!("{:>15.0} in all", estimate.bytes());
    for part in estimate.parts() {
        println!("{:>15.0} {}", part.bytes, part.what);
    }
    Ok(())
}
