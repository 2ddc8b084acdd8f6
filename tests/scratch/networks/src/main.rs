//! Networks without libtorch: one learns, and a trained team acts, every agent alone.

mod apart;
mod learn;
mod team;

use apart::Post;
use std::error::Error;
use std::time::Duration;

/// What `commformer export` wrote of the run of
/// `commformer train signal --set env.agents=3 --set graph.sparsity=0.34 --set policy.embed_dim=16`.
const COMMFORMER: &[u8] = include_bytes!("../team.safetensors");

/// The same of `commformer train signal --method slim --set env.agents=3 --set method.hidden=16 --set method.message=2
/// --set method.message_bits=4`: agents that send each other a byte.
const SLIM: &[u8] = include_bytes!("../actors.safetensors");

fn main() -> Result<(), Box<dyn Error>> {
    let (before, after) = learn::product();
    println!("the product of two numbers: mean squared error {before:.3}, learned {after:.5}");
    assert!(after < 0.01 * before);

    let (accuracy, bytes) = team::play(COMMFORMER, 100)?;
    println!("a trained team: accuracy {accuracy:.2}, {bytes:.0} bytes sent in each step");
    assert_eq!(accuracy, 1.0);

    // No letter is lost, however busy the machine is.
    let post = Post {
        works: true,
        patience: Duration::from_secs(20),
    };
    let alike = apart::play(COMMFORMER, 100, post)?;
    println!(
        "the same team, each agent on a thread that has nothing of the others but bytes: accuracy {alike:.2}"
    );
    assert_eq!(alike, accuracy);

    let broken = Post {
        works: false,
        patience: Duration::from_millis(1),
    };
    let guessed = apart::play(COMMFORMER, 100, broken)?;
    println!("without any letter: accuracy {guessed:.2}");
    assert!(guessed < 0.6);

    let (accuracy, bytes) = team::play(SLIM, 100)?;
    println!(
        "a trained team of another method: accuracy {accuracy:.2}, {bytes:.0} bytes sent in each step"
    );
    assert!(accuracy > 0.95 && bytes == 6.0);
    Ok(())
}
