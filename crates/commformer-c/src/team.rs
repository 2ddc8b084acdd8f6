//! A team in one process.

use crate::Sizes;
use crate::call::{
    Failure, attempt, exclusive, first, flags, free, handle, numbers, of_file, output, shared,
};
use commformer_env::Rng;
use commformer_methods::alone::{Shown, TrainedTeam};
use commformer_model::decentralised::Action;
use std::ffi::c_char;

/// `commformer_team` of the header.
#[derive(Debug)]
pub struct Team {
    team: TrainedTeam,
    rng: Rng,
    /// Of the last step.
    actions: Vec<i64>,
    continuous: Vec<f32>,
    delivered: Vec<u64>,
}

/// `commformer_shown` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct TeamShown {
    pub obs: *const f32,
    pub available: *const u8,
    pub active: *const u8,
    pub departed: *const u8,
}

/// `commformer_step` of the header.
#[repr(C)]
#[derive(Debug)]
pub struct TeamStep {
    pub actions: *const i64,
    pub continuous: *const f32,
    pub delivered: *const u64,
    pub messages: usize,
}

impl Team {
    fn new(file: &[u8], seed: u64) -> Result<Self, Failure> {
        Ok(Self {
            team: TrainedTeam::read(file)?,
            rng: Rng::new(seed, 0),
            actions: Vec::new(),
            continuous: Vec::new(),
            delivered: Vec::new(),
        })
    }

    fn act(&mut self, shown: &Shown<'_>) -> Result<TeamStep, Failure> {
        let step = self.team.act(shown, &mut self.rng)?;
        self.actions.clear();
        self.continuous.clear();
        for action in &step.actions {
            match action {
                Action::Discrete(action) => self.actions.push(*action as i64),
                Action::Continuous(numbers) => self.continuous.extend(numbers),
            }
        }
        self.delivered.clear();
        let (along, always) = (&step.delivered.along, &step.delivered.always);
        let bytes = along.iter().zip(always).map(|(a, b)| (a + b) as u64);
        self.delivered.extend(bytes);
        Ok(TeamStep {
            actions: first(&self.actions),
            continuous: first(&self.continuous),
            delivered: first(&self.delivered),
            messages: step.delivered.messages(),
        })
    }
}

/// # Safety
/// `path` is NULL or a text that ends with a 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_team_open(path: *const c_char, seed: u64) -> *mut Team {
    // SAFETY: by the caller's promise.
    handle(|| unsafe { of_file(path, |file| Team::new(file, seed)) })
}

/// # Safety
/// `file` is NULL or points to so many bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_team_read(
    file: *const u8,
    bytes: usize,
    seed: u64,
) -> *mut Team {
    // SAFETY: by the caller's promise.
    handle(|| Team::new(unsafe { numbers("file", file, bytes) }?, seed))
}

/// # Safety
/// `team` is NULL or a team that is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_team_close(team: *mut Team) {
    // SAFETY: by the caller's promise.
    unsafe { free(team) }
}

/// # Safety
/// Each is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_team_sizes(team: *const Team, sizes: *mut Sizes) -> bool {
    attempt(false, || {
        // SAFETY: by the caller's promise.
        let (team, sizes) = unsafe { (shared("team", team)?, output("sizes", sizes)?) };
        sizes.write(Sizes::new(team.team.sizes(), team.team.obs_version()));
        Ok(true)
    })
}

/// # Safety
/// `team` is NULL or valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_team_forget(team: *mut Team) -> bool {
    attempt(false, || {
        // SAFETY: by the caller's promise.
        unsafe { exclusive("team", team) }?.team.forget();
        Ok(true)
    })
}

/// # Safety
/// Each is NULL or valid, and so is each pointer in `shown`, with the numbers that the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn commformer_team_act(
    team: *mut Team,
    shown: *const TeamShown,
    step: *mut TeamStep,
) -> bool {
    attempt(false, || {
        // SAFETY: by the caller's promise.
        let (team, shown, step) = unsafe {
            let shown = shared("shown", shown)?;
            (exclusive("team", team)?, shown, output("step", step)?)
        };
        let sizes = team.team.sizes();
        let (agents, actions) = (sizes.agents, sizes.actions.width());
        // SAFETY: by the caller's promise.
        let (obs, available, active, departed) = unsafe {
            (
                numbers("obs", shown.obs, agents * sizes.obs_dim)?,
                flags(shown.available, agents * actions),
                flags(shown.active, agents),
                flags(shown.departed, agents),
            )
        };
        step.write(team.act(&Shown {
            obs,
            available: available.as_deref(),
            active: active.as_deref(),
            departed: departed.as_deref(),
        })?);
        Ok(true)
    })
}
