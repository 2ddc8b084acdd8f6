//! The built-in environments and trained teams for Python. `python/commformer` is what users see; this steps the
//! environments, in NumPy's own memory, without Python's lock.

mod memory;
mod task;
mod team;
mod threads;

use commformer_env::{Actions, Batch, EnvState, Environment, Status, TASKS, VecEnv, VecEnvError};
use numpy::{PyReadonlyArray1, PyReadwriteArray1};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use std::sync::{Mutex, PoisonError};
use threads::Threads;

/// Environments of a task that step together.
#[pyclass]
struct Native {
    /// Never contended: Python asks that a class can be shared, and tasks cannot.
    envs: Mutex<Envs>,
    threads: Threads,
}

type Envs = VecEnv<Box<dyn Environment>>;

/// An episode that has ended: its environment, steps, return and metrics.
type Ended = (usize, u32, f32, Vec<f32>);

/// Memory that Python owns: observations, available actions, who is active, environment after environment.
#[derive(FromPyObject)]
struct Seen<'py>(
    PyReadwriteArray1<'py, f32>,
    PyReadwriteArray1<'py, bool>,
    PyReadwriteArray1<'py, bool>,
);

impl Seen<'_> {
    fn batch(&mut self) -> PyResult<Batch<'_>> {
        Ok(Batch {
            obs: self.0.as_slice_mut()?,
            available: self.1.as_slice_mut()?,
            active: self.2.as_slice_mut()?,
        })
    }
}

#[pymethods]
impl Native {
    #[new]
    fn new(kind: &str, settings: &str, envs: usize, seed: u64, threads: usize) -> PyResult<Self> {
        let make = || task::build(kind, settings);
        let first = make().map_err(PyValueError::new_err)?;
        memory::check(envs, first.spec(), make).map_err(PyValueError::new_err)?;
        let tasks = std::iter::once(Ok(first)).chain(std::iter::repeat_with(make));
        let tasks: Result<Vec<_>, _> = tasks.take(envs).collect();
        let envs = VecEnv::new(tasks.map_err(PyValueError::new_err)?, seed).map_err(refused)?;
        let threads = Threads::new(threads);
        let envs = match threads.are_only_the_caller() {
            // Else rayon would share them out among threads of its own.
            true => envs.with_envs_per_thread(usize::MAX),
            false => envs,
        };
        Ok(Self {
            envs: Mutex::new(envs),
            threads,
        })
    }

    /// Agents, numbers of observation, how many actions there are, and whether they are masked.
    #[getter]
    fn sizes(&mut self) -> (usize, usize, usize, bool) {
        let spec = self.envs().spec();
        (
            spec.agents,
            spec.obs_dim,
            spec.actions.size(),
            spec.available_len() > 0,
        )
    }

    #[getter]
    fn obs_version(&mut self) -> u32 {
        self.envs().spec().obs_version
    }

    #[getter]
    fn metrics(&mut self) -> Vec<String> {
        self.envs()
            .spec()
            .metrics
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    /// What people call the agents, and the actions; empty where they have no names.
    #[getter]
    fn names(&mut self) -> (Vec<String>, Vec<String>) {
        let first = self.envs().env(0);
        let of =
            |names: fn(&Box<dyn Environment>) -> Vec<String>| first.map_or_else(Vec::new, names);
        (
            of(|task| task.agent_names()),
            of(|task| task.action_names()),
        )
    }

    fn reset(&mut self, py: Python<'_>, mut seen: Seen<'_>) -> PyResult<()> {
        let out = seen.batch()?;
        let (envs, threads) = self.parts();
        threads.run(py, || envs.reset(out))?.map_err(refused)
    }

    /// All that [`restore`](Self::restore) needs to go on from here.
    fn save(&mut self) -> PyResult<Vec<u8>> {
        let states = self.envs().save();
        let states = states
            .ok_or_else(|| PyRuntimeError::new_err("this task cannot be saved in an episode"))?;
        EnvState::encode_all(&states)
            .ok_or_else(|| PyRuntimeError::new_err("these environments cannot be saved"))
    }

    /// Goes on from what [`save`](Self::save) gave, and writes what is seen there.
    fn restore(&mut self, state: &[u8], mut seen: Seen<'_>) -> PyResult<()> {
        let states = EnvState::decode_all(state).map_err(|error| {
            PyValueError::new_err(format!("these bytes are no saved environments: {error}"))
        })?;
        let out = seen.batch()?;
        self.envs().restore(&states, out).map_err(refused)
    }

    /// Takes a step; writes what is seen then, the rewards, how each episode stands, and who left in it.
    fn step(
        &mut self,
        py: Python<'_>,
        actions: PyReadonlyArray1<'_, i64>,
        mut seen: Seen<'_>,
        mut rewards: PyReadwriteArray1<'_, f32>,
        mut status: PyReadwriteArray1<'_, u8>,
        mut departed: PyReadwriteArray1<'_, bool>,
    ) -> PyResult<Vec<Ended>> {
        let actions = Actions::Discrete(actions.as_slice()?);
        let (out, rewards) = (seen.batch()?, rewards.as_slice_mut()?);
        let (envs, threads) = self.parts();
        let mut statuses = vec![Status::Running; envs.num_envs()];
        let step = || envs.step(actions, out, rewards, &mut statuses);
        threads.run(py, step)?.map_err(refused)?;
        for (number, status) in status.as_slice_mut()?.iter_mut().zip(statuses) {
            *number = match status {
                Status::Running => 0,
                Status::Terminated => 1,
                Status::Truncated => 2,
            };
        }
        let team = envs.spec().agents;
        for (env, row) in departed.as_slice_mut()?.chunks_mut(team).enumerate() {
            match envs.departed(env).map_err(refused)? {
                // Nobody leaves this task.
                [] => row.fill(false),
                left => row.copy_from_slice(left),
            }
        }
        let ended = envs.episodes().iter();
        Ok(ended
            .map(|episode| {
                (
                    episode.env,
                    episode.steps,
                    episode.team_return,
                    episode.metrics.clone(),
                )
            })
            .collect())
    }

    /// What was seen at the end of the episode of an environment that ended in the last step, which actions could be
    /// taken, and who was active; else empty.
    fn last(&mut self, env: usize) -> (Vec<f32>, Vec<bool>, Vec<bool>) {
        (
            self.envs().final_obs(env).to_vec(),
            self.envs().final_available(env).to_vec(),
            self.envs().final_active(env).to_vec(),
        )
    }

    /// The metrics of the episode of an environment so far.
    fn metric_values(&mut self, env: usize) -> Vec<f32> {
        let envs = self.envs();
        let mut metrics = vec![0.0; envs.spec().metrics.len()];
        if let Some(task) = envs.env(env) {
            task.metrics(&mut metrics);
        }
        metrics
    }
}

impl Native {
    fn envs(&mut self) -> &mut Envs {
        self.parts().0
    }

    fn parts(&mut self) -> (&mut Envs, &mut Threads) {
        let envs = self.envs.get_mut().unwrap_or_else(PoisonError::into_inner);
        (envs, &mut self.threads)
    }
}

fn refused(error: VecEnvError) -> PyErr {
    PyValueError::new_err(error.to_string())
}

/// The settings of a kind, each with its default as JSON, the names that it takes, and what it is.
#[pyfunction]
fn settings(kind: &str) -> PyResult<Vec<task::Described>> {
    task::settings(kind).map_err(PyValueError::new_err)
}

#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("KINDS", TASKS)?;
    module.add_function(wrap_pyfunction!(settings, module)?)?;
    module.add_class::<Native>()?;
    module.add_class::<team::NativeTeam>()?;
    module.add_class::<team::NativeAgent>()
}
