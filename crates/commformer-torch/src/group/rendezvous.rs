//! Who takes part in a run, as the environment says, and why processes do not come together.

use crate::TorchError;
use std::env::{self, VarError};
use std::time::Duration;

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
    /// The environment, or a [`Rendezvous`], does not say who takes part.
    #[error("{name} is {found}, but must be {expected}")]
    Variable {
        /// The variable or field.
        name: &'static str,
        /// Its value.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// They did not meet.
    #[error(
        "process {rank} of {size} did not meet the others at {host}:{port}: {cause}; are all of them started, can they reach \
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
        cause: TorchError,
    },
    /// Some never came.
    #[error(
        "{} of {size} did not come to {host}:{port} within {seconds} s ({WAIT_MEETING} sets how long that is): are they started, \
         and can they reach this address?",
        who_of(missing)
    )]
    Absent {
        /// How many there should be.
        size: usize,
        /// Who did not come.
        missing: Vec<usize>,
        /// Where the others are.
        host: String,
        /// At which port.
        port: u16,
        /// How long they were waited for.
        seconds: u64,
    },
    /// One has ended before they had met.
    #[error("not all processes met: {0}")]
    Ended(String),
    /// Two have the same number.
    #[error(
        "another process is number {rank} at {host}:{port} already: start each number once, and give every run a port of its own"
    )]
    Twice {
        /// The number.
        rank: usize,
        /// Where they meet.
        host: String,
        /// At which port.
        port: u16,
    },
    /// They lost each other.
    #[error("process {rank} of {size} lost the others{}: {cause}", who(missing))]
    Lost {
        /// This process.
        rank: usize,
        /// Of how many.
        size: usize,
        /// Who failed first, and why, as far as is known.
        missing: Option<String>,
        /// What the engine says.
        cause: TorchError,
    },
}

fn who(missing: &Option<String>) -> String {
    missing
        .as_ref()
        .map_or(String::new(), |missing| format!(" ({missing})"))
}

/// "process 2" or "processes 2, 3".
pub(super) fn who_of(ranks: &[usize]) -> String {
    let numbers: Vec<String> = ranks.iter().map(usize::to_string).collect();
    let process = match ranks {
        [_] => "process",
        _ => "processes",
    };
    format!("{process} {}", numbers.join(", "))
}

/// The variables that say how long others are waited for, in seconds.
const WAIT_MEETING: &str = "COMMFORMER_MEETING_SECONDS";
const WAIT_ANSWER: &str = "COMMFORMER_ANSWER_SECONDS";

/// How long processes wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// Until all of them have met.
    pub meeting: Duration,
    /// For what another has to give, once they have met.
    pub answer: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            meeting: Duration::from_secs(180),
            answer: Duration::from_secs(600),
        }
    }
}

impl Waits {
    /// What the variables `COMMFORMER_MEETING_SECONDS` and `COMMFORMER_ANSWER_SECONDS` say.
    ///
    /// # Errors
    ///
    /// [`GroupError::Variable`] if one of them is no number of seconds.
    pub fn from_env() -> Result<Self, GroupError> {
        Self::from_variables(variable)
    }

    fn from_variables(value: impl Fn(&str) -> Option<String>) -> Result<Self, GroupError> {
        let seconds = |name: &'static str, default: Duration| match value(name) {
            None => Ok(default),
            Some(found) => match found.trim().parse::<u32>() {
                Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
                _ => Err(GroupError::Variable {
                    name,
                    found: format!("`{found}`"),
                    expected: "a whole number of seconds above 0",
                }),
            },
        };
        let default = Self::default();
        Ok(Self {
            meeting: seconds(WAIT_MEETING, default.meeting)?,
            answer: seconds(WAIT_ANSWER, default.answer)?,
        })
    }
}

fn variable(name: &str) -> Option<String> {
    match env::var(name) {
        Ok(value) => Some(value),
        Err(VarError::NotPresent) => None,
        Err(VarError::NotUnicode(value)) => Some(value.to_string_lossy().into_owned()),
    }
}

/// How many processes there can be.
const PROCESSES: &str = "from 1 to 2147483647";

impl Rendezvous {
    /// Whether this process holds the store.
    pub fn serves(&self) -> bool {
        self.rank == 0 && !self.store_is_there
    }

    /// Refuses a number of processes, or of this one, that cannot be.
    pub(super) fn check(&self) -> Result<(), GroupError> {
        let refused = |name, found: usize, expected| {
            let found = found.to_string();
            Err(GroupError::Variable {
                name,
                found,
                expected,
            })
        };
        if self.size == 0 || i32::try_from(self.size).is_err() {
            return refused("`Rendezvous::size`", self.size, PROCESSES);
        }
        match self.rank < self.size {
            true => Ok(()),
            false => refused("`Rendezvous::rank`", self.rank, "below `Rendezvous::size`"),
        }
    }

    pub(super) fn not_met(&self, cause: TorchError) -> GroupError {
        GroupError::Meeting {
            rank: self.rank,
            size: self.size,
            host: self.host.clone(),
            port: self.port,
            cause,
        }
    }

    /// What the variables `MASTER_ADDR`, `MASTER_PORT`, `RANK`, `WORLD_SIZE` and `LOCAL_RANK` say; `None` for a process that is alone.
    ///
    /// # Errors
    ///
    /// [`GroupError::Variable`] if one of them is missing or cannot be.
    pub fn from_env() -> Result<Option<Self>, GroupError> {
        Self::from_variables(variable)
    }

    fn from_variables(value: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, GroupError> {
        const WHOLE: &str = "a whole number: torchrun, srun and Kubernetes set it for each process";
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
        if size == 0 || i32::try_from(size).is_err() {
            return Err(refused("WORLD_SIZE", Some(size.to_string()), PROCESSES));
        }
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
        let port = read
            .filter(|port| *port > 0)
            .ok_or_else(|| refused("MASTER_PORT", port, "a port, 1 to 65535"))?;
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
            interface: value("COMMFORMER_INTERFACE").filter(|named| !named.is_empty()),
        }))
    }
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
        for (interface, expected) in [("", None), ("eth1", Some("eth1"))] {
            let interface = [("COMMFORMER_INTERFACE", interface)];
            let found = read(&[&plain[..], &interface].concat()).unwrap().unwrap();
            assert_eq!(found.interface.as_deref(), expected);
        }
        let of_torchrun = [
            ("TORCHELASTIC_USE_AGENT_STORE", "True"),
            ("TORCHELASTIC_RESTART_COUNT", "2"),
        ];
        let found = read(&[&plain[..], &of_torchrun].concat()).unwrap().unwrap();
        assert!(found.store_is_there && found.prefix.ends_with("attempt_2"));
    }

    #[test]
    fn the_environment_says_how_long_others_are_waited_for() {
        let read = |found: Option<&'static str>| {
            Waits::from_variables(|name| {
                found
                    .filter(|_| name == "COMMFORMER_ANSWER_SECONDS")
                    .map(ToOwned::to_owned)
            })
        };
        assert_eq!(read(None).unwrap(), Waits::default());
        let waits = read(Some("7")).unwrap();
        assert_eq!(waits.answer, Duration::from_secs(7));
        assert_eq!(waits.meeting, Waits::default().meeting);
        for wrong in ["0", "-1", "2 min"] {
            let error = read(Some(wrong)).unwrap_err().to_string();
            let words = format!(
                "COMMFORMER_ANSWER_SECONDS is `{wrong}`, but must be a whole number of seconds above 0"
            );
            assert_eq!(error, words);
        }
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let two = ("WORLD_SIZE", "2");
        for (variables, words) in [
            (
                &[("WORLD_SIZE", "two")][..],
                "WORLD_SIZE is `two`, but must be a whole number",
            ),
            (
                &[("WORLD_SIZE", "0")],
                "WORLD_SIZE is `0`, but must be from 1",
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
            (
                &[
                    two,
                    ("RANK", "0"),
                    ("MASTER_ADDR", "a"),
                    ("MASTER_PORT", "0"),
                ],
                "MASTER_PORT is `0`",
            ),
        ] {
            let error = read(variables).unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
    }
}
