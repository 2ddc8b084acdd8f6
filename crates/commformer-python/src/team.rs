//! Trained teams for Python.

use commformer_env::Rng;
use commformer_methods::alone::{Exchange, Letter, Shown, TeamSizes, TrainedAgent, TrainedTeam};
use commformer_model::decentralised::{Action, Packet};
use commformer_model::{ActionSpace, ModelError};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// A team that `commformer export` wrote, and the random numbers of its agents.
#[pyclass]
pub struct NativeTeam {
    team: TrainedTeam,
    rng: Rng,
}

/// Agents, numbers of an observation, how many actions there are or of how many numbers one consists, whether they are
/// discrete, and the version of the observations.
type Sizes = (usize, usize, usize, bool, Option<u32>);

fn sizes(sizes: TeamSizes, obs_version: Option<u32>) -> Sizes {
    (
        sizes.agents,
        sizes.obs_dim,
        sizes.actions.width(),
        matches!(sizes.actions, ActionSpace::Discrete(_)),
        obs_version,
    )
}

/// Discrete actions, (N,), or continuous ones, (N x A,); bytes that were delivered, (N x N,); how many messages they were.
type Step<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<f32>>,
    Bound<'py, PyArray1<i64>>,
    usize,
);

#[pymethods]
impl NativeTeam {
    #[new]
    fn new(file: &[u8], seed: u64) -> PyResult<Self> {
        let team = TrainedTeam::read(file).map_err(refused)?;
        let rng = Rng::new(seed, 0);
        Ok(Self { team, rng })
    }

    #[getter]
    fn sizes(&self) -> Sizes {
        sizes(self.team.sizes(), self.team.obs_version())
    }

    fn reset(&mut self, seed: Option<u64>) {
        self.team.forget();
        if let Some(seed) = seed {
            self.rng = Rng::new(seed, 0);
        }
    }

    fn act<'py>(
        &mut self,
        py: Python<'py>,
        obs: PyReadonlyArray1<'_, f32>,
        available: Option<PyReadonlyArray1<'_, bool>>,
        active: Option<PyReadonlyArray1<'_, bool>>,
        departed: Option<PyReadonlyArray1<'_, bool>>,
    ) -> PyResult<Step<'py>> {
        let shown = Shown {
            obs: obs.as_slice()?,
            available: slice(&available)?,
            active: slice(&active)?,
            departed: slice(&departed)?,
        };
        let step = self.team.act(&shown, &mut self.rng).map_err(refused)?;
        let (mut discrete, mut continuous) = (Vec::new(), Vec::new());
        for action in step.actions {
            match action {
                Action::Discrete(action) => discrete.push(action as i64),
                Action::Continuous(numbers) => continuous.extend(numbers),
            }
        }
        let (along, always) = (&step.delivered.along, &step.delivered.always);
        let bytes = along.iter().zip(always).map(|(a, b)| (a + b) as i64);
        Ok((
            PyArray1::from_vec(py, discrete),
            PyArray1::from_vec(py, continuous),
            PyArray1::from_iter(py, bytes),
            step.delivered.messages(),
        ))
    }
}

/// One agent of such a team.
#[pyclass]
pub struct NativeAgent {
    agent: TrainedAgent,
    number: u64,
    rng: Rng,
}

/// Round, receiver or sender, and bytes.
type Mail = (usize, usize, Vec<u8>);

/// What is to be sent; rounds and senders that are awaited; a discrete action, or a continuous one.
type Next = (
    Vec<Mail>,
    Vec<(usize, usize)>,
    Option<usize>,
    Option<Vec<f32>>,
);

#[pymethods]
impl NativeAgent {
    #[new]
    fn new(file: &[u8], number: usize, seed: u64) -> PyResult<Self> {
        let agent = TrainedAgent::read(file, number).map_err(refused)?;
        let number = number as u64;
        Ok(Self {
            agent,
            number,
            rng: Rng::new(seed, number),
        })
    }

    #[getter]
    fn sizes(&self) -> Sizes {
        sizes(self.agent.sizes(), self.agent.obs_version())
    }

    fn reset(&mut self, seed: Option<u64>) {
        self.agent.forget();
        if let Some(seed) = seed {
            self.rng = Rng::new(seed, self.number);
        }
    }

    fn begin(
        &mut self,
        obs: PyReadonlyArray1<'_, f32>,
        available: Option<PyReadonlyArray1<'_, bool>>,
    ) -> PyResult<Next> {
        let available = slice(&available)?;
        let exchange = self.agent.begin(obs.as_slice()?, available, &mut self.rng);
        Ok(next(exchange.map_err(refused)?))
    }

    fn receive(&mut self, letters: Vec<Mail>) -> PyResult<Next> {
        let letters = letters.into_iter().map(|(round, other, bytes)| Letter {
            round,
            other,
            packet: Packet::from(bytes),
        });
        let letters: Vec<Letter> = letters.collect();
        Ok(next(self.agent.receive(&letters).map_err(refused)?))
    }
}

fn next(exchange: Exchange) -> Next {
    let outgoing = exchange.outgoing.into_iter();
    let outgoing = outgoing.map(|letter| {
        let bytes = letter.packet.as_ref().to_vec();
        (letter.round, letter.other, bytes)
    });
    let (discrete, continuous) = match exchange.action {
        None => (None, None),
        Some(Action::Discrete(action)) => (Some(action), None),
        Some(Action::Continuous(numbers)) => (None, Some(numbers)),
    };
    (outgoing.collect(), exchange.awaited, discrete, continuous)
}

fn slice<'a>(flags: &'a Option<PyReadonlyArray1<'_, bool>>) -> PyResult<Option<&'a [bool]>> {
    Ok(flags.as_ref().map(PyReadonlyArray1::as_slice).transpose()?)
}

fn refused(error: ModelError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
