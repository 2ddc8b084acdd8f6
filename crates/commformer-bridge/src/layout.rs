//! Memory shared with a worker: where everything lies. The other side is `Memory` in
//! `python/commformer_bridge/memory.py`.

use crate::anonymous;
use crate::rows::{Array, Rows};
use crate::spec::TaskSpec;
use commformer_env::{Actions, Observation, Status};
use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::io;

const MAGIC: [u8; 8] = *b"commbrdg";
/// Counted up with every change of the layout.
const VERSION: u32 = 3;
/// Bytes of the header, and what arrays begin at multiples of.
const LINE: usize = 64;
/// The status of an environment that has been asked for a step and has not made it.
pub const UNTOLD: u8 = 255;
/// What an environment is asked for: a step, or a new episode.
const STEP: u8 = 0;
const RESET: u8 = 1;

/// A worker's memory. Arrays have a row for each of its environments.
///
/// An environment's rows belong to one side at a time: to the worker from a request on (`go` in the protocol) until its
/// answer, and to this side otherwise. Whoever calls [`Memory`]'s methods keeps to that.
#[derive(Debug)]
pub struct Memory {
    rows: Rows,
    obs: Array,
    last_obs: Array,
    global: Array,
    last_global: Array,
    actions: Array,
    rewards: Array,
    metrics: Array,
    seeds: Array,
    available: Array,
    active: Array,
    last_active: Array,
    departed: Array,
    last_departed: Array,
    commands: Array,
    status: Array,
}

/// Which of an environment's two observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The present one.
    Present,
    /// The one in which its last episode ended.
    Last,
}

impl Memory {
    /// Lays out memory for so many environments of a task, and gives it as a file, too, for the worker to map.
    ///
    /// # Errors
    ///
    /// With how much it is, if there is not so much or it cannot be mapped.
    pub fn create(task: &TaskSpec, envs: usize) -> io::Result<(Self, File)> {
        Self::in_map(task, envs, |bytes| {
            let file = anonymous::file(bytes)?;
            Ok((MmapOptions::new().len(bytes).map_raw(&file)?, file))
        })
    }

    /// The same in what `map` gives for so many bytes, beside which it may give something else.
    fn in_map<T>(
        task: &TaskSpec,
        envs: usize,
        map: impl FnOnce(usize) -> io::Result<(MmapRaw, T)>,
    ) -> io::Result<(Self, T)> {
        // No size that a task can claim overflows: one that has no end is more than there is.
        let mut end = LINE;
        let mut array = |bytes: usize, row: usize| {
            let at = end;
            let size = envs.saturating_mul(row).saturating_mul(bytes);
            let size = size.checked_next_multiple_of(LINE).unwrap_or(usize::MAX);
            end = end.saturating_add(size);
            Array { at, row }
        };
        let n = task.agents;
        let choices = n.saturating_mul(task.actions);
        let available = if task.masked { choices } else { 0 };
        let numbers = n.saturating_mul(task.obs_dim);
        let obs = array(4, numbers);
        let last_obs = array(4, numbers);
        let global = array(4, task.state_dim);
        let last_global = array(4, task.state_dim);
        let actions = match task.discrete {
            true => array(8, n),
            false => array(4, choices),
        };
        let rewards = array(4, n);
        let metrics = array(4, task.metrics.len());
        let seeds = array(8, 1);
        let available = array(1, available);
        let active = array(1, n);
        let last_active = array(1, n);
        let departed = array(1, n);
        let last_departed = array(1, n);
        let commands = array(1, 1);
        let status = array(1, 1);
        let sized = |error: io::Error| {
            let what = format!("{envs} environments take {} MiB, but {error}", end >> 20);
            io::Error::new(error.kind(), what)
        };
        let (map, beside) = map(end).map_err(sized)?;
        let memory = Self {
            rows: Rows(map),
            obs,
            last_obs,
            global,
            last_global,
            actions,
            rewards,
            metrics,
            seeds,
            available,
            active,
            last_active,
            departed,
            last_departed,
            commands,
            status,
        };
        memory
            .rows
            .put(Array { at: 0, row: LINE }, 0, &header(task, envs, end));
        Ok((memory, beside))
    }

    /// Asks an environment for a step with these actions.
    pub fn ask_step(&self, env: usize, actions: Actions<'_>) {
        match actions {
            Actions::Discrete(indices) => self.rows.put(self.actions, env, indices),
            Actions::Continuous(numbers) => self.rows.put(self.actions, env, numbers),
        }
        self.rows.put(self.commands, env, &[STEP]);
        // An answer without a step would leave the status of the step before.
        self.rows.put(self.status, env, &[UNTOLD]);
    }

    /// Asks an environment for a new episode.
    pub fn ask_reset(&self, env: usize) {
        self.rows.put(self.commands, env, &[RESET]);
    }

    /// Gives the seed of an environment's next episode.
    pub fn seed(&self, env: usize, seed: u32) {
        self.rows.put(self.seeds, env, &[i64::from(seed)]);
    }

    /// How an environment's episode stood after its last step; or a number without a meaning.
    pub fn status(&self, env: usize) -> Result<Status, u8> {
        let mut status = [0_u8];
        self.rows.get(self.status, env, &mut status);
        match status[0] {
            0 => Ok(Status::Running),
            1 => Ok(Status::Terminated),
            2 => Ok(Status::Truncated),
            other => Err(other),
        }
    }

    /// An environment's rewards, (N).
    pub fn rewards(&self, env: usize, out: &mut [f32]) {
        self.rows.get(self.rewards, env, out);
    }

    /// The metrics of an environment's last episode.
    pub fn metrics(&self, env: usize, out: &mut [f32]) {
        self.rows.get(self.metrics, env, out);
    }

    /// What the agents of an environment observe. At an episode's end all actions count as available: which were is not kept.
    pub fn observe(&self, env: usize, which: Which, out: Observation<'_>) {
        let (obs, active) = match which {
            Which::Present => (self.obs, self.active),
            Which::Last => (self.last_obs, self.last_active),
        };
        self.rows.get(obs, env, out.obs);
        match which {
            Which::Present => self.rows.flags(self.available, env, out.available),
            Which::Last => out.available.fill(true),
        }
        self.rows.flags(active, env, out.active);
    }

    /// An environment's global state, (S).
    pub fn global_state(&self, env: usize, which: Which, out: &mut [f32]) {
        let array = match which {
            Which::Present => self.global,
            Which::Last => self.last_global,
        };
        self.rows.get(array, env, out);
    }

    /// Who of an environment's agents is gone for good, (N).
    pub fn departed(&self, env: usize, which: Which, out: &mut [bool]) {
        let array = match which {
            Which::Present => self.departed,
            Which::Last => self.last_departed,
        };
        self.rows.flags(array, env, out);
    }
}

/// What the worker holds its own idea of the layout against.
fn header(task: &TaskSpec, envs: usize, bytes: usize) -> [u8; LINE] {
    let mut header = [0; LINE];
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        header[at..at + bytes.len()].copy_from_slice(bytes);
        at += bytes.len();
    };
    put(&MAGIC);
    put(&VERSION.to_le_bytes());
    put(&(bytes as u64).to_le_bytes());
    let sizes = [
        envs,
        task.agents,
        task.obs_dim,
        task.actions,
        task.metrics.len(),
        task.state_dim,
    ];
    for size in sizes {
        put(&(size as u32).to_le_bytes());
    }
    put(&[u8::from(task.discrete), u8::from(task.masked)]);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(sizes: [usize; 3]) -> TaskSpec {
        let [agents, obs_dim, actions] = sizes;
        TaskSpec {
            agents,
            obs_dim,
            actions,
            discrete: true,
            masked: true,
            ..TaskSpec::default()
        }
    }

    /// In memory that no other process has: for Miri, too, which knows no files that are mapped.
    #[test]
    fn every_row_of_every_environment_is_apart() {
        for discrete in [true, false] {
            let task = TaskSpec {
                discrete,
                metrics: vec!["won".into()],
                state_dim: 2,
                ..task([3, 5, 67])
            };
            let plain = |bytes| Ok((MmapOptions::new().len(bytes).map_anon()?.into(), ()));
            let (memory, ()) = Memory::in_map(&task, 3, plain).unwrap();
            let numbers = |env: usize| env as f32 + 0.5;
            let told = |env: usize| std::array::from_fn::<bool, 201, _>(|at| at % 7 == env);
            for env in 0..3 {
                let number = numbers(env);
                match discrete {
                    true => memory.ask_step(env, Actions::Discrete(&[env as i64; 3])),
                    false => memory.ask_step(env, Actions::Continuous(&[number; 3 * 67])),
                }
                memory.seed(env, env as u32);
                // As the worker writes.
                memory.rows.put(memory.obs, env, &[number; 15]);
                memory.rows.put(memory.last_obs, env, &[-number; 15]);
                memory.rows.put(memory.global, env, &[number; 2]);
                memory.rows.put(memory.last_global, env, &[-number; 2]);
                memory.rows.put(memory.rewards, env, &[number; 3]);
                memory.rows.put(memory.metrics, env, &[number]);
                memory
                    .rows
                    .put(memory.available, env, &told(env).map(u8::from));
                memory
                    .rows
                    .put(memory.active, env, &[u8::from(env == 2); 3]);
                memory.rows.put(memory.last_active, env, &[7_u8; 3]);
            }
            for env in 0..3 {
                let (mut obs, mut available, mut active) = ([0.0; 15], [false; 201], [false; 3]);
                for (which, sign) in [(Which::Present, 1.0), (Which::Last, -1.0)] {
                    let out = Observation {
                        obs: &mut obs,
                        available: &mut available,
                        active: &mut active,
                    };
                    memory.observe(env, which, out);
                    let mut global = [0.0; 2];
                    memory.global_state(env, which, &mut global);
                    assert_eq!(global, [sign * numbers(env); 2]);
                    let last = which == Which::Last;
                    assert_eq!(obs, [sign * numbers(env); 15]);
                    assert_eq!(available, told(env).map(|told| last || told));
                    assert_eq!(active, [last || env == 2; 3]);
                }
                let (mut rewards, mut metrics) = ([0.0; 3], [0.0]);
                memory.rewards(env, &mut rewards);
                memory.metrics(env, &mut metrics);
                assert_eq!((rewards, metrics), ([numbers(env); 3], [numbers(env)]));
            }
        }
    }

    #[test]
    fn no_size_that_a_task_may_have_overflows() {
        for size in 0..8 {
            let large = [1, 2, 4].map(|bit| if size & bit == 0 { 1 } else { 1 << 20 });
            for envs in [1 << 20, 1 << 40, usize::MAX] {
                // Some of these fit.
                if size == 0 && envs == 1 << 20 {
                    continue;
                }
                let error = Memory::create(&task(large), envs).map(drop).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::OutOfMemory, "{error}");
            }
        }
    }

    #[test]
    fn a_task_says_how_much_memory_its_environments_share() {
        for kind in 0..4 {
            let task = TaskSpec {
                discrete: kind > 0,
                masked: kind > 1,
                metrics: vec!["steps".into(); kind],
                state_dim: 7 * kind,
                ..task([5, 70, 9])
            };
            let (_, file) = Memory::create(&task, 4096).unwrap();
            let bytes = file.metadata().unwrap().len() as f64;
            // The header and the ends of fifteen arrays come to it: less than a byte for each environment.
            let rest = bytes - task.shared_bytes(4096);
            assert!((0.0..16.0 * LINE as f64).contains(&rest), "{kind}: {rest}");
        }
    }

    #[test]
    fn a_status_is_one_of_three_or_a_number_and_none_before_the_step() {
        let (memory, _file) = Memory::create(&task([2, 3, 4]), 2).unwrap();
        for number in 0..=255_u8 {
            memory.rows.put(memory.status, 1, &[number]);
            let expected = match number {
                0 => Ok(Status::Running),
                1 => Ok(Status::Terminated),
                2 => Ok(Status::Truncated),
                other => Err(other),
            };
            assert_eq!(memory.status(1), expected);
        }
        memory.rows.put(memory.status, 1, &[1_u8]);
        memory.ask_step(1, Actions::Discrete(&[0, 1]));
        assert_eq!(memory.status(1), Err(UNTOLD));
        assert_eq!(memory.status(0), Ok(Status::Running));
    }
}
