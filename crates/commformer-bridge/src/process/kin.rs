//! A worker's processes: its guard, the worker, and whatever that has started. All end together.

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};
use std::process::{Child, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long processes may take to end once they are killed. One that waits for a disk can take longer; nobody waits
/// for it.
const PATIENCE: Duration = Duration::from_secs(2);
const SHORT: Duration = Duration::from_millis(2);

/// A process that was started here: the guard of `python/guard.py`, which takes in the descendants whose parents have
/// ended, so that all are found below it.
#[derive(Debug)]
pub struct Guard {
    child: Child,
    /// How it has ended. From then on its number can be somebody else's.
    status: Option<ExitStatus>,
}

impl Guard {
    pub fn new(child: Child) -> Self {
        Self {
            child,
            status: None,
        }
    }

    /// How it has ended, if it has; what is left of its group has then, too.
    pub fn status(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            let id = Pid::from_child(&self.child);
            // Its number, which is its group's, stays its own until it is taken note of.
            let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            if let Ok(Some(_)) = waitid(WaitId::Pid(id), look) {
                let _ = kill_process_group(id, Signal::KILL);
                self.status = self.child.try_wait().ok().flatten();
            }
        }
        self.status
    }

    /// Lets the worker print where it is, unless it has ended.
    pub fn ask_where(&mut self) -> bool {
        let runs = self.status().is_none();
        let asked = runs.then(|| who_says_where(Pid::from_child(&self.child)));
        asked
            .flatten()
            .is_some_and(|id| kill_process(id, Signal::USR1).is_ok())
    }

    /// Kills it and its descendants, in whatever groups and sessions these are; it goes last.
    pub fn end(&mut self) {
        let root = Pid::from_child(&self.child);
        let until = Instant::now() + PATIENCE;
        // What is killed may have started another just before.
        while self.status().is_none() && kill_descendants(root) && Instant::now() < until {
            sleep(SHORT);
        }
        if self.status().is_none() {
            let _ = kill_process(root, Signal::KILL);
        }
        let until = Instant::now() + PATIENCE;
        while self.status().is_none() && Instant::now() < until {
            sleep(SHORT);
        }
    }
}

/// Kills those that are there; whether any was.
#[cfg(target_os = "linux")]
fn kill_descendants(root: Pid) -> bool {
    let found = linux::descendants(root.as_raw_nonzero().get());
    found.iter().for_each(linux::Process::kill);
    !found.is_empty()
}

/// Without `/proc` those in its group are known, which is killed with it.
#[cfg(not(target_os = "linux"))]
fn kill_descendants(_: Pid) -> bool {
    false
}

/// Who passes the question on: the guard, or, if the interpreter is a script that starts one, a process below. Whoever
/// has not said what to do with the signal would end by it.
#[cfg(target_os = "linux")]
fn who_says_where(root: Pid) -> Option<Pid> {
    let below = linux::descendants(root.as_raw_nonzero().get());
    let below = below.iter().filter_map(|process| Pid::from_raw(process.id));
    std::iter::once(root)
        .chain(below)
        .find(|id| linux::catches(*id, Signal::USR1))
}

#[cfg(not(target_os = "linux"))]
fn who_says_where(root: Pid) -> Option<Pid> {
    Some(root)
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
    use std::collections::HashSet;
    use std::fs;

    /// A process, and what tells it from a later one with the same number.
    #[derive(Debug)]
    pub struct Process {
        pub id: i32,
        parent: i32,
        /// In ticks since the machine started.
        began: u64,
    }

    impl Process {
        /// `None` if there is none with that number, or none that runs.
        pub fn read(id: i32) -> Option<Self> {
            let stat = fs::read(format!("/proc/{id}/stat")).ok()?;
            // A name can hold anything, even what looks like the fields after it.
            let after = stat.iter().rposition(|byte| *byte == b')')? + 1;
            let fields = str::from_utf8(&stat[after..]).ok()?;
            let mut fields = fields.split_ascii_whitespace();
            let state = fields.next()?;
            let parent = fields.next()?.parse().ok()?;
            let began = fields.nth(17)?.parse().ok()?;
            let runs = !matches!(state, "Z" | "X");
            runs.then_some(Self { id, parent, began })
        }

        /// One that had its number before.
        #[cfg(test)]
        pub fn another(&self) -> Self {
            let began = self.began - 1;
            Self { began, ..*self }
        }

        pub fn kill(&self) {
            let Some(id) = Pid::from_raw(self.id) else {
                return;
            };
            // The descriptor is of whoever has the number now: the one that was found, if it began then.
            let held = pidfd_open(id, PidfdFlags::empty());
            if Self::read(self.id).is_none_or(|now| now.began != self.began) {
                return;
            }
            let _ = match held {
                Ok(held) => pidfd_send_signal(held, Signal::KILL),
                // A kernel before 5.3.
                Err(_) => kill_process(id, Signal::KILL),
            };
        }
    }

    /// Whether a process has a handler of its own for a signal.
    pub fn catches(id: Pid, signal: Signal) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", id.as_raw_nonzero()));
        let caught = status.ok().and_then(|status| {
            let mask = status
                .lines()
                .find_map(|line| line.strip_prefix("SigCgt:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        });
        caught.is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
    }

    /// All that run below a process, children before theirs.
    pub fn descendants(root: i32) -> Vec<Process> {
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut others: Vec<Process> = all
            .filter_map(|entry| Process::read(entry.file_name().to_str()?.parse().ok()?))
            .collect();
        let (mut known, mut found) = (HashSet::from([root]), Vec::new());
        loop {
            let (below, rest): (Vec<_>, Vec<_>) =
                (others.into_iter()).partition(|process| known.contains(&process.parent));
            if below.is_empty() {
                return found;
            }
            known.extend(below.iter().map(|process| process.id));
            found.extend(below);
            others = rest;
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::linux::{Process, catches, descendants};
    use super::*;
    use std::fs;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    fn start(script: &str, argument: &str) -> Child {
        let mut command = Command::new("sh");
        command.args(["-c", script, argument]).process_group(0);
        command.spawn().unwrap()
    }

    #[track_caller]
    fn soon(what: &str, mut is_so: impl FnMut() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < Duration::from_secs(10), "never {what}");
            sleep(SHORT);
        }
    }

    fn below(child: &Child) -> Vec<Process> {
        descendants(child.id() as i32)
    }

    fn me() -> Vec<i32> {
        let mine = descendants(std::process::id() as i32);
        mine.iter().map(|process| process.id).collect()
    }

    #[test]
    fn all_below_are_found_whatever_they_are_called_until_they_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        // As the fields after a name look.
        let name = folder.path().join("a) Z 1 1");
        fs::copy("/bin/sleep", &name).unwrap();
        let script = "\"$0\" 100 & (sh -c 'sleep 100; exit'; exit) & wait";
        let mut child = start(script, name.to_str().unwrap());
        soon("started", || below(&child).len() >= 3);
        let found = below(&child);
        let (mine, mut known) = (me(), vec![child.id() as i32]);
        for process in &found {
            assert!(mine.contains(&process.id));
            assert!(!known.contains(&process.id));
            known.push(process.id);
        }
        found.iter().for_each(Process::kill);
        soon("killed", || below(&child).is_empty());
        // It has ended, and nobody has taken note of it.
        soon("ended", || !me().contains(&known[0]));
        child.wait().unwrap();
    }

    #[test]
    fn who_has_the_number_of_another_is_not_killed() {
        let mut child = start("sleep 100; exit", "");
        soon("started", || below(&child).len() == 1);
        let found = below(&child).remove(0);
        let id = found.id;
        Process::another(&found).kill();
        sleep(Duration::from_millis(100));
        assert_eq!(below(&child)[0].id, id);
        found.kill();
        child.wait().unwrap();
    }

    #[test]
    fn who_handles_a_signal_is_asked_and_nobody_else() {
        let caught = |child: &Child, signal| catches(Pid::from_child(child), signal);
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = "trap 'echo here > \"$0\"' USR1; for _ in $(seq 2000); do sleep 0.01; done";
        let handles = start(script, mark.to_str().unwrap());
        soon("ready", || caught(&handles, Signal::USR1));
        assert!(!caught(&handles, Signal::USR2) && !caught(&handles, Signal::SEGV));
        let mut handles = Guard::new(handles);
        assert!(handles.ask_where());
        soon("asked", || mark.exists());
        handles.end();
        assert!(!handles.ask_where());

        // A signal would end these.
        let mut deaf = Command::new("sleep").arg("100").spawn().unwrap();
        assert!(!caught(&deaf, Signal::USR1));
        let script = "(sh -c 'trap : USR1; for _ in $(seq 2000); do sleep 0.01; done'); exit";
        let below = start(script, "");
        soon("ready", || descends(&below, |id| catches(id, Signal::USR1)));
        let mut below = Guard::new(below);
        assert!(below.ask_where());
        below.end();
        assert_eq!(deaf.try_wait().unwrap(), None);
        let mut deaf = Guard::new(deaf);
        assert!(!deaf.ask_where());
        assert_eq!(deaf.status(), None);
        deaf.end();
    }

    fn descends(child: &Child, is_so: impl Fn(Pid) -> bool) -> bool {
        let mut ids = below(child).into_iter();
        ids.any(|process| Pid::from_raw(process.id).is_some_and(&is_so))
    }

    #[test]
    fn whoever_is_left_of_the_group_ends_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("mark");
        let script = "sleep 100 & echo $! > \"$0\"; exit 3";
        let mut guard = Guard::new(start(script, mark.to_str().unwrap()));
        soon("ended", || guard.status().is_some());
        assert_eq!(guard.status().and_then(|status| status.code()), Some(3));
        let left: i32 = fs::read_to_string(&mark).unwrap().trim().parse().unwrap();
        soon("gone", || Process::read(left).is_none());
    }

    #[test]
    fn an_end_is_quick_and_spares_nobody_below() {
        let began = Instant::now();
        let alone = Command::new("sleep").arg("100").spawn().unwrap();
        Guard::new(alone).end();
        assert!(began.elapsed() < Duration::from_millis(1500));

        let script = "setsid sleep 100 & sleep 100 & wait; wait";
        let child = start(script, "");
        soon("started", || below(&child).len() == 2);
        let known: Vec<i32> = below(&child).iter().map(|process| process.id).collect();
        let (mut guard, began) = (Guard::new(child), Instant::now());
        guard.end();
        assert!(guard.status().is_some());
        assert!(began.elapsed() < Duration::from_millis(1500));
        soon("gone", || {
            known.iter().all(|id| Process::read(*id).is_none())
        });
    }
}
