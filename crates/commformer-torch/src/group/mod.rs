//! Torch's own distributed engine (c10d): the processes of a run meet at a store, and exchange tensors by Gloo.
//!
//! They are started as any PyTorch program is: `torchrun`, Slurm or Kubernetes say in the environment who takes part and where they meet
//! ([`Rendezvous::from_env`]).

mod rendezvous;
mod store;

pub use rendezvous::{GroupError, Rendezvous, Waits};
pub use store::Watch;

use crate::TorchError;
use crate::ffi;
use std::thread;
use std::time::Duration;
use store::{GaveUp, Handle, apart};
use tch::Tensor;

/// How long a process that has lost the others waits for them to say that they are there.
const ROLL_CALL: Duration = Duration::from_secs(2);

/// How long whoever holds the store stays for those who want to read what happened.
const LINGER: Duration = Duration::from_millis(500);

/// The processes of a run, of which this is one.
///
/// All of them must make the same calls in the same order.
#[derive(Debug)]
pub struct Group {
    at: Rendezvous,
    handle: Handle,
    /// A call that hangs still has the handle.
    abandoned: bool,
    /// The connections are closed.
    parted: bool,
}

impl Group {
    /// Meets the others. What `watch` says meanwhile ends it; the others hear of it.
    ///
    /// # Errors
    ///
    /// [`GroupError::Variable`] for numbers of processes that cannot be, or why the processes did not meet; never
    /// [`GroupError::Lost`].
    pub fn meet(at: &Rendezvous, waits: Waits, watch: Watch<'_>) -> Result<Self, GroupError> {
        at.check()?;
        // The engine ends its own waits; this is for those that it does not.
        let late = waits.meeting.saturating_add(Duration::from_secs(5));
        let gave_up = |why| match why {
            GaveUp::Told(said) => GroupError::Ended(said),
            GaveUp::Late => at.not_met(TorchError::Libtorch {
                operation: "meet the other processes",
                message: format!("no answer within {} s", waits.meeting.as_secs()),
            }),
        };
        let to_open = at.clone();
        let opened = apart(late, watch, move |_| Handle::open(&to_open, waits.meeting));
        let handle = opened
            .map_err(|(why, _)| gave_up(why))?
            .map_err(|source| at.not_met(source))?;
        let mut group = Self {
            at: at.clone(),
            handle,
            abandoned: false,
            parted: false,
        };
        let to_call = at.clone();
        let all = apart(late, watch, move |over| {
            handle.roll_call("here", &to_call, waits.meeting, over)
        });
        let missing = group.in_time(all).map_err(gave_up)??;
        if !missing.is_empty() {
            let error = GroupError::Absent {
                size: at.size,
                missing,
                host: at.host.clone(),
                port: at.port,
                seconds: waits.meeting.as_secs(),
            };
            group.say(&error.to_string(), false);
            return Err(error);
        }
        let to_join = at.clone();
        let joined = apart(late, watch, move |_| {
            handle.join(&to_join, waits.meeting, waits.answer)
        });
        let joined = group.in_time(joined).map_err(gave_up)?;
        joined.map_err(|source| at.not_met(source))?;
        Ok(group)
    }

    /// What a call apart has found. Where it was not waited for, the others are told why, and the handle is left to it if it has
    /// not ended.
    fn in_time<T>(&mut self, found: Result<T, (GaveUp, bool)>) -> Result<T, GaveUp> {
        found.map_err(|(why, ended)| {
            self.abandoned = !ended;
            if let GaveUp::Told(said) = &why {
                self.say(said, false);
            }
            why
        })
    }

    /// The number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.at.rank
    }

    /// How many processes there are.
    pub fn size(&self) -> usize {
        self.at.size
    }

    /// The tensors of all processes, on the CPU and of the same shape and kind, in the order of their ranks.
    ///
    /// # Errors
    ///
    /// [`GroupError::Lost`].
    pub fn gather(&mut self, mine: &Tensor) -> Result<Vec<Tensor>, GroupError> {
        self.connected("gather tensors")?;
        let mine = mine.contiguous();
        let mut gathered: Vec<Tensor> = (0..self.at.size).map(|_| mine.empty_like()).collect();
        let handles: Vec<_> = gathered
            .iter_mut()
            .map(|tensor| tensor.as_mut_ptr().cast())
            .collect();
        // SAFETY: the handles are of tensors that live until the call has returned, when the engine is done with them.
        let done = unsafe {
            let message = ffi::commformer_group_gather(
                self.handle.0,
                mine.as_ptr().cast_mut().cast(),
                handles.as_ptr(),
                handles.len(),
            );
            ffi::check("gather tensors", message)
        };
        self.or_lost(done)?;
        Ok(gathered)
    }

    /// The bytes of all processes, of which each may have another number, in the order of their ranks.
    ///
    /// `room` is for how many there was room the last time that the same thing was gathered, 0 at first; it is the same
    /// everywhere. What fits into it is gathered at once. For the rest, once all know how much it is, there is a second exchange.
    ///
    /// # Errors
    ///
    /// [`GroupError::Lost`].
    pub fn gather_bytes(
        &mut self,
        mine: &[u8],
        room: &mut usize,
    ) -> Result<Vec<Vec<u8>>, GroupError> {
        const LENGTH: usize = size_of::<u64>();
        let (first, rest) = mine.split_at(mine.len().min(*room));
        let begin = [&(mine.len() as u64).to_le_bytes(), first].concat();
        let mut all = self.gather_padded(begin, LENGTH + *room)?;
        let mut lengths = Vec::with_capacity(all.len());
        for bytes in &mut all {
            let length: [u8; LENGTH] = std::array::from_fn(|at| bytes[at]);
            lengths.push(u64::from_le_bytes(length) as usize);
            bytes.drain(..LENGTH);
        }
        let longest = lengths.iter().copied().max().unwrap_or(0);
        if longest > *room {
            let rest = self.gather_padded(rest.to_vec(), longest - *room)?;
            for (bytes, rest) in all.iter_mut().zip(rest) {
                bytes.extend(rest);
            }
        }
        for (bytes, length) in all.iter_mut().zip(lengths) {
            bytes.truncate(length);
        }
        // What varies a little finds room without a second exchange, what has become small wastes none.
        if longest > *room || longest < *room / 2 {
            *room = longest;
        }
        Ok(all)
    }

    fn gather_padded(
        &mut self,
        mut mine: Vec<u8>,
        length: usize,
    ) -> Result<Vec<Vec<u8>>, GroupError> {
        mine.resize(length, 0);
        let gathered = self.gather(&Tensor::from_slice(&mine))?;
        let bytes = |tensor: Tensor| {
            let mut bytes = vec![0; length];
            tensor.copy_data_u8(&mut bytes, length);
            bytes
        };
        Ok(gathered.into_iter().map(bytes).collect())
    }

    /// Overwrites a tensor with the sum over all processes. It is contiguous, on the CPU, and has the same shape and kind
    /// everywhere. In which order it is added up depends on the number of processes.
    ///
    /// # Errors
    ///
    /// [`GroupError::Lost`].
    pub fn sum(&mut self, tensor: &mut Tensor) -> Result<(), GroupError> {
        self.connected("add tensors up")?;
        // SAFETY: as for `gather`.
        let done = unsafe {
            let message = ffi::commformer_group_sum(self.handle.0, tensor.as_mut_ptr().cast());
            ffi::check("add tensors up", message)
        };
        self.or_lost(done)
    }

    /// Lets the others know why this process ends; the first to say so is the one that they name. Its connections are closed
    /// then, so that who waits for it hears of it while the meeting place is still there. One that has lost the others says
    /// nothing: it ends because another one does.
    pub fn leave(&mut self, why: &str) {
        if !std::mem::replace(&mut self.parted, true) {
            self.say(&format!("process {} ended: {why}", self.at.rank), true);
        }
    }

    fn say(&mut self, what: &str, parts: bool) {
        if self.abandoned {
            return;
        }
        let (handle, what) = (self.handle, what.to_owned());
        // Where the store is gone, nobody is left to be told.
        let said = apart(ROLL_CALL, &mut || None, move |_| {
            drop(handle.fail(&what));
            if parts {
                drop(handle.part());
            }
        });
        self.abandoned = said.is_err_and(|(_, ended)| !ended);
        self.linger();
    }

    fn linger(&self) {
        if self.at.serves() && !self.abandoned {
            thread::sleep(LINGER);
        }
    }

    /// Refuses where the connections are closed, or a call that hangs still has the handle.
    fn connected(&self, operation: &'static str) -> Result<(), GroupError> {
        match self.abandoned || self.parted {
            false => Ok(()),
            true => Err(GroupError::Lost {
                rank: self.at.rank,
                size: self.at.size,
                missing: None,
                cause: TorchError::Libtorch {
                    operation,
                    message: "they were lost in an earlier call".into(),
                },
            }),
        }
    }

    /// What the engine said, with who is missing if it refused.
    fn or_lost(&mut self, done: Result<(), TorchError>) -> Result<(), GroupError> {
        done.map_err(|cause| GroupError::Lost {
            rank: self.at.rank,
            size: self.at.size,
            missing: self.missing(),
            cause,
        })
    }

    /// Who failed first, and why, as far as those who are left can say.
    fn missing(&mut self) -> Option<String> {
        if self.abandoned || std::mem::replace(&mut self.parted, true) {
            return None;
        }
        let (handle, at) = (self.handle, self.at.clone());
        let called = apart(3 * ROLL_CALL, &mut || None, move |over| {
            // Who still waits for this process waits no longer.
            drop(handle.part());
            match handle.failure() {
                Ok(Some(said)) => Err(GroupError::Ended(said)),
                _ => handle.roll_call("left", &at, ROLL_CALL, over),
            }
        });
        let store = match self.at.store_is_there {
            true => "whoever has started the processes",
            false => "process 0",
        };
        let who = match called {
            Ok(Ok(missing)) if missing.is_empty() => None,
            Ok(Ok(missing)) => Some(format!("{} did not answer", rendezvous::who_of(&missing))),
            Ok(Err(GroupError::Ended(said))) => Some(said),
            Ok(Err(_)) => Some(format!("{store} has ended")),
            Err((_, ended)) => {
                self.abandoned = !ended;
                Some(format!("{store} did not answer"))
            }
        };
        self.linger();
        who
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.abandoned {
            // SAFETY: it is this value's own, and not used after this.
            unsafe { ffi::commformer_group_close(self.handle.0) };
        }
    }
}
