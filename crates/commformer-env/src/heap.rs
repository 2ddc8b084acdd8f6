//! How much memory the process holds, as the C library counts it. What a few environments take says what many will.
//!
//! The count includes what other threads and libtorch ask for. So measure while nothing else is at work.

use crate::{Buffers, Environment, VecEnv, VecEnvError};

/// Bytes that the C library has from the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heap {
    /// Those that the process has asked for and not given back.
    pub in_use: u64,
    /// Those that it has given back, and that the library keeps for later.
    pub free: u64,
}

/// What there is now. `None` where the C library does not say: glibc does, from 2.33 on.
pub fn now() -> Option<Heap> {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        type Count = unsafe extern "C" fn() -> libc::mallinfo2;
        // SAFETY: a name that ends in a zero goes in. It is looked up, since an older library does not have it.
        let count = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"mallinfo2".as_ptr()) };
        // SAFETY: the library's function of this name is of this type, and null is `None`.
        let count = unsafe { std::mem::transmute::<*mut libc::c_void, Option<Count>>(count) };
        // SAFETY: it takes nothing and locks what it counts: any thread may call it at any time.
        let count = count.map(|count| unsafe { count() })?;
        Some(Heap {
            in_use: (count.uordblks as u64).saturating_add(count.hblkhd as u64),
            free: count.fordblks as u64,
        })
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    None
}

/// How many environments are made for a measurement.
pub const MEASURED_ENVS: usize = 8;

/// Numbers from which the system is asked whether there is memory for them.
const LARGE: usize = 1 << 28;

/// Whether the system has memory for as many numbers as these sizes multiply to. Without this question, to take memory
/// that there is not would end the process.
pub(crate) fn has_room(sizes: &[usize]) -> bool {
    let product = |numbers: usize, size: &usize| numbers.checked_mul(*size);
    let Some(numbers) = sizes.iter().try_fold(1, product) else {
        return false;
    };
    let is_given = || {
        let mut room: Vec<f32> = Vec::new();
        let is_given = room.try_reserve_exact(numbers).is_ok();
        // Without a use of it, the compiler may leave out the memory, and the question.
        std::hint::black_box(&room);
        is_given
    };
    numbers < LARGE || is_given()
}

/// Bytes that an environment of a task takes in a [`VecEnv`], with the rows that it writes: measured on a few
/// environments, each made by `make`, at an episode's beginning, because steps ask for no more. Where there is no memory
/// even for these few, it is what their observations alone take. `None` where nothing can be measured.
///
/// # Errors
///
/// Those of `make`.
///
/// ```
/// use commformer_env::{ConfigError, PredatorPrey, heap};
///
/// let bytes = heap::of_an_environment(|| PredatorPrey::new(Default::default()))?;
/// // Three predators that see 261 numbers each, twice: what they see, and what they saw last.
/// assert!(bytes.is_none_or(|bytes| bytes > 2.0 * 3.0 * 261.0 * 4.0));
/// # Ok::<(), ConfigError>(())
/// ```
pub fn of_an_environment<E: Environment, Error>(
    make: impl FnMut() -> Result<E, Error>,
) -> Result<Option<f64>, Error> {
    let before = now();
    let envs = std::iter::repeat_with(make).take(MEASURED_ENVS);
    let envs: Vec<E> = envs.collect::<Result<_, _>>()?;
    let mut envs = match VecEnv::new(envs, 0) {
        Ok(envs) => envs,
        // What agents see and what they saw last, 4 bytes a number: more than there is.
        Err(VecEnvError::Memory { spec, .. }) => {
            return Ok(Some(8.0 * spec.agents as f64 * spec.obs_dim as f64));
        }
        Err(_) => return Ok(None),
    };
    let mut out = Buffers::of(&envs);
    let reset = out.reset(&mut envs);
    let after = now();
    Ok(reset.ok().and(before.zip(after)).map(|(before, after)| {
        let bytes = after.in_use.saturating_sub(before.in_use);
        bytes as f64 / MEASURED_ENVS as f64
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ActionSpace, Actions, Observation, Rng, Spec, Status};

    /// A task that nobody can hold.
    struct Huge(Spec);

    impl Environment for Huge {
        fn spec(&self) -> &Spec {
            &self.0
        }

        fn reset(&mut self, _: &mut Rng, _: Observation<'_>) {
            unreachable!("there is no memory for what it shows")
        }

        fn step(
            &mut self,
            _: Actions<'_>,
            _: &mut Rng,
            _: Observation<'_>,
            _: &mut [f32],
        ) -> Status {
            unreachable!("there is no memory for what it shows")
        }

        fn metrics(&self, _: &mut [f32]) {}
    }

    #[test]
    fn environments_that_do_not_fit_take_their_observations_at_least() {
        let spec = Spec::new(2, 1 << 50, ActionSpace::Discrete(2));
        let bytes = of_an_environment(|| Ok::<_, ()>(Huge(spec.clone())));
        assert_eq!(bytes, Ok(Some(2.0 * 8.0 * (1_u64 << 50) as f64)));
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn what_is_asked_for_is_in_use_until_it_is_given_back() {
        const SIZE: u64 = 300 << 20;
        let in_use = || now().unwrap().in_use;
        let before = in_use();
        let large = vec![1u8; SIZE as usize];
        let held = in_use();
        drop(std::hint::black_box(large));
        let after = in_use();
        // Other tests run beside this one.
        let near = |a: u64, b: u64| a.abs_diff(b) < SIZE / 10;
        assert!(
            near(held, before + SIZE) && near(after, before),
            "{before} {held} {after}"
        );
    }
}
