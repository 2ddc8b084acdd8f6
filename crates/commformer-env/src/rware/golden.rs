//! Replays games of the package `rware`, number for number. Inside the crate, as only here can be said what is drawn.
//!
//! `tests/golden/rware/record.py` of the workspace records them, and says what is in the file beside it. Another file
//! of that name can be given as `$COMMFORMER_GOLDEN_DIR/rware/games.safetensors`.

use super::{Facing, Warehouse, WarehouseConfig};
use crate::{Environment, Observation, Status};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::path::{Path, PathBuf};

#[test]
fn recorded_games_come_out_the_same() {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");
    let path = |folder: &Path| folder.join("rware/games.safetensors");
    let path = std::env::var_os("COMMFORMER_GOLDEN_DIR")
        .map(|folder| path(&PathBuf::from(folder)))
        .filter(|path| path.exists())
        .unwrap_or_else(|| path(Path::new(ours)));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let cases = &metadata.metadata().as_ref().unwrap()["cases"];
    let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let deliveries: Vec<usize> = cases
        .iter()
        .map(|case| {
            let name = case["name"].as_str().unwrap();
            let config = serde_json::from_value(case["settings"].clone()).unwrap();
            replay(name, config, &file)
        })
        .collect();
    assert!(deliveries.iter().sum::<usize>() > 100, "{deliveries:?}");
}

/// What the file has of one game.
struct Game<'a> {
    name: &'a str,
    file: &'a SafeTensors<'a>,
}

impl Game<'_> {
    /// All numbers of a tensor.
    fn numbers(&self, tensor: &str) -> Vec<f32> {
        let name = format!("{}.{tensor}", self.name);
        let view = self.file.tensor(&name).unwrap();
        let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().unwrap());
        match view.dtype() {
            Dtype::U8 => view.data().iter().map(|&byte| byte.into()).collect(),
            Dtype::F32 => view.data().chunks_exact(4).map(number).collect(),
            other => panic!("{name}: {other:?}"),
        }
    }

    fn integers(&self, tensor: &str) -> Vec<u32> {
        self.numbers(tensor)
            .iter()
            .map(|&number| number as u32)
            .collect()
    }
}

/// Plays a game again. How many shelves were delivered in it.
fn replay(name: &str, config: WarehouseConfig, file: &SafeTensors<'_>) -> usize {
    let game = Game { name, file };
    let mut task = Warehouse::new(config).unwrap();
    let (agents, obs_dim) = (task.spec.agents, task.spec.obs_dim);
    let (requests, width) = (task.config.requests(), task.floor.width as u32);
    let (starts, requested) = (game.integers("start"), game.integers("requests"));
    let mut episodes = (starts.chunks_exact(3 * agents)).zip(requested.chunks_exact(requests));
    let (places, bits) = (game.numbers("places"), game.integers("bits"));
    let bytes = (obs_dim - 2).div_ceil(8);
    let mut expected =
        (places.chunks_exact(2))
            .zip(bits.chunks_exact(bytes))
            .map(|(place, bytes)| {
                let bit = |index: usize| (bytes[index / 8] >> (7 - index % 8) & 1) as f32;
                let bits = (0..obs_dim - 2).map(bit);
                place.iter().copied().chain(bits).collect::<Vec<f32>>()
            });
    let mut expected = || {
        (0..agents)
            .flat_map(|_| expected.next().unwrap())
            .collect::<Vec<f32>>()
    };
    let draws = game.integers("draws");
    let mut drawn = draws.iter();
    let (mut obs, mut active) = (vec![f32::NAN; agents * obs_dim], vec![false; agents]);
    let mut rewards = vec![f32::NAN; agents];
    let (mut status, mut deliveries) = (Status::Terminated, 0.0);
    let actions = game.integers("actions");
    let steps = actions.chunks_exact(agents).zip(game.numbers("ends"));
    let paid = game.numbers("rewards");
    for (step, ((actions, end), paid)) in steps.zip(paid.chunks_exact(agents)).enumerate() {
        let at = format!("{name}, step {step}");
        if status != Status::Running {
            let (start, requested) = episodes.next().unwrap();
            task.begin(
                start
                    .chunks_exact(3)
                    .map(|robot| (robot[1] * width + robot[0], Facing::ALL[robot[2] as usize])),
            );
            for &shelf in requested {
                task.state.requested[shelf as usize] = true;
            }
            task.refresh();
            task.sight
                .observe(&task.state.robots, &task.floor, out(&mut obs, &mut active));
            assert_eq!(obs, expected(), "{at}: observation at the start");
            deliveries = 0.0;
        }
        let actions: Vec<i64> = actions.iter().map(|&action| action.into()).collect();
        let draw = |count| {
            let chosen = *drawn
                .next()
                .unwrap_or_else(|| panic!("{at}: nothing was delivered"));
            assert!(chosen < count, "{at}: {chosen} of {count}");
            deliveries += 1.0;
            chosen
        };
        status = task.advance(&actions, draw, out(&mut obs, &mut active), &mut rewards);
        assert_eq!(rewards, paid, "{at}: rewards");
        assert_eq!(obs, expected(), "{at}: observation after");
        assert_eq!(status != Status::Running, end == 1.0, "{at}: {status:?}");
        let mut metrics = [f32::NAN];
        task.metrics(&mut metrics);
        assert_eq!(metrics, [deliveries], "{at}");
    }
    assert_eq!(
        (drawn.next(), episodes.next()),
        (None, None),
        "{name}: what is left"
    );
    draws.len()
}

fn out<'a>(obs: &'a mut [f32], active: &'a mut [bool]) -> Observation<'a> {
    Observation {
        obs,
        available: &mut [],
        active,
    }
}
