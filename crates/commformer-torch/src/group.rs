//! Torch's own distributed engine (c10d): the processes of a run meet at a store, and exchange tensors by Gloo.
//!
//! They are started as any PyTorch program is: `torchrun`, Slurm or Kubernetes say in the environment who takes part and where they meet
//! ([`Rendezvous::from_env`]).

use crate::TorchError;
use crate::ffi;
use std::env::{self, VarError};
use std::ffi::{CString, c_void};
use std::ptr;
use std::time::Duration;
use tch::Tensor;

/// Who takes part in a run, and where they meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendezvous {
    /// The host on which the store is.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The number of this process, from 0.
    pub rank: usize,
    /// How many processes there are.
    pub size: usize,
    /// The number of this process on its own machine, from 0.
    pub local_rank: usize,
    /// Whether somebody else, such as `torchrun`, holds the store; otherwise process 0 does.
    pub store_is_there: bool,
    /// What the keys of this run begin with: several runs one after the other can meet at one store.
    pub prefix: String,
    /// The address or host name of the network interface to be used; `None`: the one that this machine's own name stands for.
    pub interface: Option<String>,
}

/// Why processes do not come together.
#[derive(Debug, thiserror::Error)]
pub enum GroupError {
    /// The environment does not say who takes part.
    #[error(
        "{name} is {found}, but must be {expected}: torchrun, srun and Kubernetes set it for each process"
    )]
    Variable {
        /// The variable.
        name: &'static str,
        /// Its value.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// They did not meet.
    #[error(
        "process {rank} of {size} did not meet the others at {host}:{port}: {source}; are all of them started, can they reach \
         this address, and does no other program use the port?"
    )]
    Meeting {
        /// This process.
        rank: usize,
        /// Of how many.
        size: usize,
        /// Where.
        host: String,
        /// At which port.
        port: u16,
        /// What the engine says.
        source: TorchError,
    },
    /// They lost each other.
    #[error("process {rank} of {size} lost the others{}: {source}", who(missing))]
    Lost {
        /// This process.
        rank: usize,
        /// Of how many.
        size: usize,
        /// Who failed first, and why, as far as is known.
        missing: Option<String>,
        /// What the engine says.
        source: TorchError,
    },
}

fn who(missing: &Option<String>) -> String {
    missing
        .as_ref()
        .map_or(String::new(), |missing| format!(" ({missing})"))
}

impl Rendezvous {
    /// What the variables `MASTER_ADDR`, `MASTER_PORT`, `RANK`, `WORLD_SIZE` and `LOCAL_RANK` say; `None` for a process that is alone.
    ///
    /// # Errors
    ///
    /// [`GroupError::Variable`] if one of them is missing or cannot be.
    pub fn from_env() -> Result<Option<Self>, GroupError> {
        Self::from_variables(|name| match env::var(name) {
            Ok(value) => Some(value),
            Err(VarError::NotPresent) => None,
            Err(VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
        })
    }

    fn from_variables(value: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, GroupError> {
        const WHOLE: &str = "a whole number";
        let refused = |name, found: Option<String>, expected| GroupError::Variable {
            name,
            found: found.map_or("not set".into(), |found| format!("`{found}`")),
            expected,
        };
        let number = |name: &'static str| {
            let found = value(name);
            let read = found
                .as_deref()
                .and_then(|text| text.trim().parse::<usize>().ok());
            read.ok_or_else(|| refused(name, found, WHOLE))
        };
        if value("WORLD_SIZE").is_none() {
            return Ok(None);
        }
        let size = number("WORLD_SIZE")?;
        if size == 1 {
            return Ok(None);
        }
        let rank = number("RANK")?;
        if rank >= size {
            return Err(refused("RANK", Some(rank.to_string()), "below WORLD_SIZE"));
        }
        let host = value("MASTER_ADDR").filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| refused("MASTER_ADDR", None, "a host name or an address"))?;
        let port = value("MASTER_PORT");
        let read = port.as_deref().and_then(|port| port.trim().parse().ok());
        let port = read.ok_or_else(|| refused("MASTER_PORT", port, "a port, 1 to 65535"))?;
        let local_rank = match value("LOCAL_RANK") {
            Some(_) => number("LOCAL_RANK")?,
            None => 0,
        };
        // torchrun restarts the processes of a run that failed, and they meet at its own store again.
        let store_is_there =
            value("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|value| value == "True");
        let attempt = value("TORCHELASTIC_RESTART_COUNT").unwrap_or_else(|| "0".into());
        Ok(Some(Self {
            host,
            port,
            rank,
            size,
            local_rank,
            store_is_there,
            prefix: format!("commformer/attempt_{attempt}"),
            interface: value("COMMFORMER_INTERFACE"),
        }))
    }
}

/// The processes of a run, of which this is one.
///
/// All of them must make the same calls in the same order.
#[derive(Debug)]
pub struct Group {
    rank: usize,
    size: usize,
    handle: *mut c_void,
}

// SAFETY: the engine's objects may be used from any thread, one call at a time: calls take `&mut self`.
unsafe impl Send for Group {}

/// The key under which the process that failed first says so.
const FAILURE: &str = "failure";

impl Group {
    /// Meets the others. No wait, here or later, lasts longer than `patience`.
    ///
    /// # Errors
    ///
    /// [`GroupError::Meeting`].
    pub fn meet(at: &Rendezvous, patience: Duration) -> Result<Self, GroupError> {
        let mut handle = ptr::null_mut();
        let mut meet = || -> Result<(), TorchError> {
            let host = text(&at.host);
            let (prefix, interface) = (text(&at.prefix), at.interface.as_deref().map(text));
            let interface = interface.as_ref().map_or(ptr::null(), |name| name.as_ptr());
            // SAFETY: all texts live until the call returns, and `handle` is written if it succeeds.
            unsafe {
                let message = ffi::commformer_group_open(
                    host.as_ptr(),
                    at.port,
                    at.rank == 0 && !at.store_is_there,
                    at.rank as i32,
                    at.size as i32,
                    milliseconds(patience),
                    prefix.as_ptr(),
                    interface,
                    &mut handle,
                );
                ffi::check("meet the other processes", message)
            }
        };
        meet().map_err(|source| GroupError::Meeting {
            rank: at.rank,
            size: at.size,
            host: at.host.clone(),
            port: at.port,
            source,
        })?;
        Ok(Self {
            rank: at.rank,
            size: at.size,
            handle,
        })
    }

    /// The number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The tensors of all processes, which have the same shape and kind, in the order of their ranks.
    ///
    /// # Errors
    ///
    /// [`GroupError::Lost`].
    pub fn gather(&mut self, mine: &Tensor) -> Result<Vec<Tensor>, GroupError> {
        let mine = mine.contiguous();
        let mut gathered: Vec<Tensor> = (0..self.size).map(|_| mine.empty_like()).collect();
        let handles: Vec<_> = gathered
            .iter_mut()
            .map(|tensor| tensor.as_mut_ptr().cast())
            .collect();
        // SAFETY: the handles are of tensors that live until the call has returned, when the engine is done with them.
        let done = unsafe {
            let message = ffi::commformer_group_gather(
                self.handle,
                mine.as_ptr().cast_mut().cast(),
                handles.as_ptr(),
                handles.len(),
            );
            ffi::check("gather tensors", message)
        };
        self.kept(done)?;
        Ok(gathered)
    }

    /// The bytes of all processes, of which each may have another number, in the order of their ranks.
    ///
    /// # Errors
    ///
    /// [`GroupError::Lost`].
    pub fn gather_bytes(&mut self, mine: &[u8]) -> Result<Vec<Vec<u8>>, GroupError> {
        let lengths = self.gather(&Tensor::from_slice(&[mine.len() as i64]))?;
        let lengths: Vec<usize> = lengths
            .iter()
            .map(|length| length.int64_value(&[0]) as usize)
            .collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let mut padded = mine.to_vec();
        padded.resize(longest, 0);
        let gathered = self.gather(&Tensor::from_slice(&padded))?;
        let bytes = |(tensor, length): (Tensor, usize)| {
            let mut bytes = vec![0; longest];
            tensor.copy_data_u8(&mut bytes, longest);
            bytes.truncate(length);
            bytes
        };
        Ok(gathered.into_iter().zip(lengths).map(bytes).collect())
    }

    /// Overwrites a tensor with that of process `root`; it has the same shape and kind everywhere.
    ///
    /// # Errors
    ///
    /// [`GroupError::Lost`].
    pub fn broadcast(&mut self, tensor: &mut Tensor, root: usize) -> Result<(), GroupError> {
        // SAFETY: as for `gather`.
        let done = unsafe {
            let message = ffi::commformer_group_broadcast(
                self.handle,
                tensor.as_mut_ptr().cast(),
                root as i32,
            );
            ffi::check("broadcast a tensor", message)
        };
        self.kept(done)
    }

    /// Overwrites a tensor with the sum over all processes. In which order it is added up depends on their number.
    ///
    /// # Errors
    ///
    /// [`GroupError::Lost`].
    pub fn sum(&mut self, tensor: &mut Tensor) -> Result<(), GroupError> {
        // SAFETY: as for `gather`.
        let done = unsafe {
            let message = ffi::commformer_group_sum(self.handle, tensor.as_mut_ptr().cast());
            ffi::check("add tensors up", message)
        };
        self.kept(done)
    }

    /// Waits until everybody is here.
    ///
    /// # Errors
    ///
    /// [`GroupError::Lost`]; process 0 learns who did not come.
    pub fn wait(&mut self, patience: Duration) -> Result<(), GroupError> {
        // SAFETY: the handle is that of a group.
        let done = unsafe {
            let message = ffi::commformer_group_barrier(self.handle, milliseconds(patience));
            ffi::check("wait for the other processes", message)
        };
        self.kept(done)
    }

    /// Lets the others know why this process ends; the first to say so is the one that they name.
    pub fn leave(&mut self, why: &str) {
        if self.failure().is_none() {
            let (key, said) = (
                text(FAILURE),
                text(&format!("process {} ended: {why}", self.rank)),
            );
            // SAFETY: both texts live until the call returns.
            let said = unsafe {
                let message = ffi::commformer_group_say(self.handle, key.as_ptr(), said.as_ptr());
                ffi::check("leave a word", message)
            };
            // Where the store is gone, nobody is left to be told.
            drop(said);
        }
    }

    /// What the process that failed first has said.
    fn failure(&self) -> Option<String> {
        let key = text(FAILURE);
        let mut said = ptr::null_mut();
        // SAFETY: the key lives until the call returns; `said` is null or a text of the shim's.
        unsafe {
            let message = ffi::commformer_group_heard(self.handle, key.as_ptr(), &mut said);
            ffi::check("look for a word", message).ok()?;
            ffi::take_text(said)
        }
    }

    fn kept(&self, done: Result<(), TorchError>) -> Result<(), GroupError> {
        done.map_err(|source| GroupError::Lost {
            rank: self.rank,
            size: self.size,
            missing: self.failure(),
            source,
        })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: it is this value's own, and not used after this.
        unsafe { ffi::commformer_group_close(self.handle) };
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// A text for the shim, up to its first zero byte.
fn text(text: &str) -> CString {
    let whole = text.split('\0').next().unwrap_or_default();
    CString::new(whole).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Rendezvous>, String> {
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Rendezvous::from_variables(value).map_err(|error| error.to_string())
    }

    #[test]
    fn the_environment_says_who_takes_part() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("WORLD_SIZE", "1")]), Ok(None));
        let plain = [
            ("WORLD_SIZE", "4"),
            ("RANK", "3"),
            ("MASTER_ADDR", "node0"),
            ("MASTER_PORT", "29500"),
            ("LOCAL_RANK", "1"),
        ];
        let found = read(&plain).unwrap().unwrap();
        assert_eq!((found.rank, found.size, found.local_rank), (3, 4, 1));
        assert_eq!((found.host.as_str(), found.port), ("node0", 29500));
        assert!(!found.store_is_there);
        let of_torchrun = [
            ("TORCHELASTIC_USE_AGENT_STORE", "True"),
            ("TORCHELASTIC_RESTART_COUNT", "2"),
        ];
        let found = read(&[&plain[..], &of_torchrun].concat()).unwrap().unwrap();
        assert!(found.store_is_there && found.prefix.ends_with("attempt_2"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let two = ("WORLD_SIZE", "2");
        for (variables, words) in [
            (
                &[("WORLD_SIZE", "two")][..],
                "WORLD_SIZE is `two`, but must be a whole number",
            ),
            (&[two], "RANK is not set"),
            (
                &[two, ("RANK", "2")],
                "RANK is `2`, but must be below WORLD_SIZE",
            ),
            (&[two, ("RANK", "0")], "MASTER_ADDR is not set"),
            (
                &[
                    two,
                    ("RANK", "0"),
                    ("MASTER_ADDR", "a"),
                    ("MASTER_PORT", "99999"),
                ],
                "MASTER_PORT is `99999`",
            ),
        ] {
            let error = read(variables).unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
    }
}
