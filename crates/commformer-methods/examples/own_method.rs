//! A method of one's own: agents that stand in a ring, remember, and hear the one before them. It takes a minute.
//!
//! ```sh
//! cargo run --release -p commformer-methods --example own-method
//! ```

use commformer_env::{PredatorCapturePrey, PredatorCapturePreyConfig, VecEnv};
use commformer_methods::{
    ActorCriticConfig, ActorCriticMethod, Critic, Heard, Mind, Talk, TeamConfig, trainer_of,
};
use commformer_nn::Ops;
use commformer_nn::layers::{Gru, Linear};
use commformer_nn::layout::{Init, Layout};
use commformer_train::{RunConfig, Settings};
use schemars::JsonSchema;
use serde::Serialize;
use std::error::Error;

/// The method, with its settings.
#[derive(Serialize, JsonSchema)]
struct Ring {
    /// Width of features, of the memory and of a message.
    #[schemars(range(min = 1, max = 1024))]
    hidden: usize,
}

impl ActorCriticMethod for Ring {
    const ABOUT: &str = "agents stand in a ring and hear the one before them";
    type Talk = Neighbour;

    fn sizes(&self) -> ActorCriticConfig {
        ActorCriticConfig {
            hidden: self.hidden,
            layers: 1,
            ..ActorCriticConfig::default()
        }
    }

    fn critic(&self) -> Critic {
        Critic::Trunk
    }

    fn talk(&self, layout: &mut Layout, name: &str) -> Neighbour {
        let (size, init) = ([self.hidden; 2], Init::Orthogonal(1.0));
        Neighbour {
            cell: Gru::new(layout, &format!("{name}.gru"), size, init),
            heard: Linear::new(layout, &format!("{name}.heard"), size, init),
        }
    }

    /// Row by row: agent i hears agent i - 1.
    fn edges(&self, agents: usize) -> Vec<f32> {
        let pairs = (0..agents).flat_map(|hears| (0..agents).map(move |sends| [hears, sends]));
        let is_before = |[hears, sends]: [usize; 2]| (sends + 1) % agents == hears;
        pairs
            .map(|pair| f32::from(u8::from(is_before(pair))))
            .collect()
    }
}

/// How its agents remember and talk.
#[derive(Clone, Debug)]
struct Neighbour {
    cell: Gru,
    heard: Linear,
}

impl Talk for Neighbour {
    fn memory(&self) -> usize {
        self.cell.width()
    }

    fn width(&self) -> usize {
        self.cell.width()
    }

    fn rounds(&self) -> usize {
        1
    }

    fn message(&self) -> usize {
        self.cell.width()
    }

    /// An agent remembers what it sees, and that is what it sends.
    fn begin<O: Ops>(&self, ops: &mut O, x: O::Value, memory: O::Value) -> Mind<O::Value> {
        let memory = ops.gru(&self.cell, &x, &memory);
        let h = ops.same(&memory);
        Mind { x, memory, h }
    }

    /// It acts by that and by what it hears.
    fn hear<O: Ops>(
        &self,
        ops: &mut O,
        _: usize,
        mind: &mut Mind<O::Value>,
        said: &O::Value,
        heard: &Heard<O>,
    ) {
        let of_neighbour = ops.mean_of_senders(said, &heard.links);
        let news = ops.linear(&self.heard, &of_neighbour);
        mind.h = ops.add(&mind.h, &news);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let steps = std::env::args().nth(1).and_then(|steps| steps.parse().ok());
    let success = train(steps.unwrap_or(200_000))?;
    println!("prey found and captured in {success:.2} of the last episodes");
    Ok(())
}

/// The share of the last iteration's episodes that succeed: of three agents on a grid, the one that captures sees nothing.
fn train(steps: u64) -> Result<f64, Box<dyn Error>> {
    let task = PredatorCapturePrey::new(PredatorCapturePreyConfig::default())?;
    let settings = Settings {
        run: RunConfig {
            steps,
            ..RunConfig::default()
        },
        ..Settings::default()
    };
    let envs = VecEnv::new(vec![task; settings.rollout.num_envs], 1)?;
    let mut trainer = trainer_of(&Ring { hidden: 64 }, &TeamConfig::default(), settings, envs)?;
    let mut metrics = Vec::new();
    while trainer.progress() < 1.0 {
        metrics = trainer.iterate()?.metrics;
    }
    let success = metrics.into_iter().find(|(name, _)| name == "success");
    Ok(success.ok_or("no episode ended")?.1)
}

#[test]
fn it_runs() {
    train(2_000).unwrap();
}
