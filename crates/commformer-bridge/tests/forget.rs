//! A program that goes on while the code of its environments changes. By itself: it ends the idle workers of its process.

#[path = "../../../tests/src/python.rs"]
mod interpreter;
#[path = "../../../tests/src/skip.rs"]
mod skip;

use commformer_bridge::{PythonConfig, forget, known, spec};
use std::fs;

const TASK: &str = "
import numpy as np

class Task:
    agents, actions, obs_dim = 2, 3, WIDTH
    def reset(self, seed): return np.zeros((2, WIDTH))
    def step(self, actions): return np.zeros((2, WIDTH)), 0.0, False, True
";

#[test]
fn code_that_changed_is_loaded_once_workers_are_forgotten() {
    let Some(python) = interpreter::python("numpy") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("task.py");
    let write = |width: usize| {
        let code = TASK.replace("WIDTH", &width.to_string());
        fs::write(&file, code).unwrap();
    };
    let config = PythonConfig {
        make: format!("{}:Task", file.display()),
        python,
        ..PythonConfig::default()
    };
    write(4);
    assert_eq!(spec(&config).unwrap().obs_dim, 4);
    write(5);
    assert_eq!(spec(&config).unwrap().obs_dim, 4);
    forget();
    assert_eq!(known(&config), None);
    assert_eq!(spec(&config).unwrap().obs_dim, 5);
}
