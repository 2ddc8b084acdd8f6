//! The bridge with real workers. Needs a Python with numpy: `COMMFORMER_PYTHON`, the workspace's own, or `python3`.

mod faults;
mod first;
mod hostile;
#[path = "../../../../tests/src/python.rs"]
mod interpreter;
mod orphans;
mod pool;
#[path = "../../../../tests/src/skip.rs"]
mod skip;
mod stepping;

use commformer_bridge::{PythonConfig, PythonEnv, envs};
use commformer_env::{Actions, Buffers, Spec, VecEnv, VecEnvError};
use std::sync::OnceLock;

/// The interpreter to test with; says why not where there is none.
fn python() -> Option<&'static str> {
    static FOUND: OnceLock<String> = OnceLock::new();
    if FOUND.get().is_none() {
        let _ = FOUND.set(interpreter::python("numpy")?);
    }
    FOUND.get().map(String::as_str)
}

/// A task of `tasks.py`, made with these options (TOML): found from the package's folder, where tests run.
fn task(function: &str, options: &str) -> Option<PythonConfig> {
    Some(PythonConfig {
        make: format!("tests.suite.tasks:{function}"),
        options: toml::from_str(options).unwrap(),
        python: python()?.into(),
        workers: 2,
        timeout: 20.0,
        ..PythonConfig::default()
    })
}

/// Environments with all that they write to.
struct Stage {
    envs: VecEnv<PythonEnv>,
    out: Buffers,
}

impl Stage {
    fn new(config: &PythonConfig, count: usize) -> Self {
        let envs = VecEnv::new(envs(config, count).unwrap(), 7).unwrap();
        Self::of(envs)
    }

    fn of(envs: VecEnv<PythonEnv>) -> Self {
        let out = Buffers::of(&envs);
        Self { envs, out }
    }

    fn spec(&self) -> &Spec {
        self.envs.spec()
    }

    fn reset(&mut self) -> Result<(), VecEnvError> {
        self.out.reset(&mut self.envs)
    }

    fn step(&mut self, actions: &[i64]) -> Result<(), VecEnvError> {
        self.act(Actions::Discrete(actions))
    }

    fn act(&mut self, actions: Actions<'_>) -> Result<(), VecEnvError> {
        self.out.step(&mut self.envs, actions)
    }
}
