//! Replays trajectories recorded from CommFormer's own environments, number for number.
//!
//! They lie in `tests/golden/env` of the workspace, or in `$COMMFORMER_GOLDEN_DIR/env` if that is a
//! folder.

use std::{collections::HashMap, env, fs, path::PathBuf};

use crate::single::Single;
use commformer_env::{
    ConfigError, Environment, Mode, Observation, PredatorCapturePrey, PredatorCapturePreyConfig,
    PredatorPrey, PredatorPreyConfig, Status,
};
use safetensors::{SafeTensors, tensor::TensorView};
use serde_json::Value;

/// What the replay needs of a grid task beyond the trait.
trait GridTask: Environment {
    fn reset_to(
        &mut self,
        locations: &[(usize, usize)],
        out: Observation<'_>,
    ) -> Result<(), ConfigError>;
    fn locations(&self) -> Vec<(usize, usize)>;
}

macro_rules! grid_task {
    ($task:ty) => {
        impl GridTask for $task {
            fn reset_to(
                &mut self,
                locations: &[(usize, usize)],
                out: Observation<'_>,
            ) -> Result<(), ConfigError> {
                <$task>::reset_to(self, locations, out)
            }

            fn locations(&self) -> Vec<(usize, usize)> {
                <$task>::locations(self).collect()
            }
        }
    };
}
grid_task!(PredatorPrey);
grid_task!(PredatorCapturePrey);

#[test]
fn recorded_trajectories_come_out_the_same() {
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/env");
    let folder = env::var_os("COMMFORMER_GOLDEN_DIR")
        .map(|folder| PathBuf::from(folder).join("env"))
        .filter(|folder| folder.is_dir())
        .unwrap_or_else(|| PathBuf::from(ours));
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "safetensors")
    });
    paths.sort();
    assert!(!paths.is_empty(), "no trajectories in {}", folder.display());
    for path in paths {
        let bytes = fs::read(&path).unwrap();
        let name = path.display().to_string();
        let case = read_case(&bytes);
        let file = SafeTensors::deserialize(&bytes).unwrap();
        match case["kind"].as_str() {
            Some("pp") => replay(&name, &file, predator_prey(&case)),
            Some("pcp") => replay(&name, &file, predator_capture_prey(&case)),
            other => panic!("{name}: unknown kind {other:?}"),
        }
    }
}

fn read_case(bytes: &[u8]) -> Value {
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let texts: &HashMap<String, String> = metadata.metadata().as_ref().unwrap();
    let case: Value = serde_json::from_str(&texts["case"]).unwrap();
    for unsupported in ["moving_prey", "enemy_comm", "tensor_obs"] {
        assert_eq!(case[unsupported], false, "{unsupported}");
    }
    case
}

fn count(case: &Value, key: &str) -> usize {
    case[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} in {case}"))
        .try_into()
        .unwrap()
}

fn mode(case: &Value) -> Mode {
    serde_json::from_value(case["mode"].clone()).unwrap()
}

fn predator_prey(case: &Value) -> PredatorPrey {
    let config = PredatorPreyConfig {
        agents: count(case, "npredator"),
        prey: count(case, "nenemies"),
        dim: count(case, "dim"),
        vision: count(case, "vision"),
        mode: mode(case),
        no_stay: case["no_stay"] == true,
        shaping: 0.0,
        episode_limit: Some(0),
    };
    PredatorPrey::new(config).unwrap()
}

fn predator_capture_prey(case: &Value) -> PredatorCapturePrey {
    let config = PredatorCapturePreyConfig {
        perception: count(case, "nfriendly_P"),
        capture: count(case, "nfriendly_A"),
        prey: count(case, "nenemies"),
        dim: count(case, "dim"),
        vision: count(case, "vision"),
        // The reference writes -1 for blind.
        capture_vision: case["A_vision"]
            .as_u64()
            .map(|vision| vision.try_into().unwrap()),
        mode: mode(case),
        second_reward_scheme: case["second_reward_scheme"] == true,
        shaping: 0.0,
        episode_limit: Some(0),
    };
    PredatorCapturePrey::new(config).unwrap()
}

/// The rows of a tensor along its first axis, as f64, which holds every type used exactly.
pub fn rows(file: &SafeTensors<'_>, name: &str) -> Vec<Vec<f64>> {
    use safetensors::Dtype::{F32, I8, I64, U8};
    let view: TensorView<'_> = file.tensor(name).unwrap();
    let bytes = view.data();
    let numbers: Vec<f64> = match view.dtype() {
        U8 => bytes.iter().map(|&byte| byte.into()).collect(),
        I8 => bytes.iter().map(|&byte| (byte as i8).into()).collect(),
        F32 => bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()).into())
            .collect(),
        I64 => bytes
            .chunks_exact(8)
            .map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64)
            .collect(),
        other => panic!("{name}: {other:?}"),
    };
    numbers
        .chunks_exact(numbers.len() / view.shape()[0])
        .map(<[f64]>::to_vec)
        .collect()
}

fn places(row: &[f64]) -> Vec<(usize, usize)> {
    row.chunks_exact(2)
        .map(|place| (place[0] as usize, place[1] as usize))
        .collect()
}

fn widened(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| number.into()).collect()
}

fn replay<E: GridTask>(name: &str, file: &SafeTensors<'_>, task: E) {
    let [
        starts,
        actions,
        obs,
        next_obs,
        rewards,
        terminated,
        locations,
    ] = [
        "start_locations",
        "actions",
        "obs",
        "next_obs",
        "rewards",
        "terminated",
        "locations",
    ]
    .map(|tensor| rows(file, tensor));
    assert_eq!(
        task.spec().agents * task.spec().obs_dim,
        obs[0].len(),
        "{name}: observation size"
    );
    let mut task = Single::new(task, 0);
    for step in 0..actions.len() {
        let at = format!("{name}, step {step}");
        if starts[step][0] >= 0.0 {
            task.begin(|env, _, out| env.reset_to(&places(&starts[step]), out))
                .unwrap();
        } else {
            assert!(
                step > 0 && terminated[step - 1][0] == 0.0,
                "{at}: an episode goes on after its end"
            );
        }
        assert_eq!(widened(&task.obs), obs[step], "{at}: observation before");
        let chosen: Vec<i64> = actions[step].iter().map(|&action| action as i64).collect();
        let status = task.step(&chosen);
        let expected = if terminated[step][0] == 1.0 {
            Status::Terminated
        } else {
            Status::Running
        };
        assert_eq!(status, expected, "{at}");
        assert_eq!(widened(&task.rewards), rewards[step], "{at}: rewards");
        assert_eq!(
            widened(&task.obs),
            next_obs[step],
            "{at}: observation after"
        );
        assert_eq!(
            task.env.locations(),
            places(&locations[step]),
            "{at}: locations"
        );
    }
}
