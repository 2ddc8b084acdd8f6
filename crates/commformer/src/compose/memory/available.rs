//! How much memory this process can have.

use sysinfo::{CGroupLimits, ProcessRefreshKind, ProcessesToUpdate, System};

/// Room for this process, bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Room {
    /// What it can have, what it has included, without swap: what the system can give, or what is left of the limit of
    /// the process's control group (a container's) if that is less.
    pub all: u64,
    /// What it has.
    pub own: u64,
}

impl Room {
    /// What there is now; `None` where the system does not say.
    pub fn now() -> Option<Self> {
        let mut system = System::new().ok()?;
        system.refresh_memory();
        let id = sysinfo::get_current_pid().ok()?;
        let own = ProcessesToUpdate::Some(&[id]);
        system.refresh_processes_specifics(own, false, ProcessRefreshKind::nothing().with_memory());
        let process = system.process(id)?;
        let group = process.cgroup_limits().or_else(|| system.cgroup_limits());
        let own = process.memory();
        let all = within(system.available_memory(), group.as_ref(), own)?;
        Some(Self { all, own })
    }
}

/// `free` is what the system can give, 0 if it does not say; `own` what the process has.
fn within(free: u64, group: Option<&CGroupLimits>, own: u64) -> Option<u64> {
    // A group's files in memory can be dropped for what is asked; what its processes hold cannot.
    let left = group.map(|group| group.total_memory.saturating_sub(group.rss));
    let free = (free > 0).then_some(free);
    let more = free.into_iter().chain(left).min()?;
    Some(more.saturating_add(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_system_and_container_counts() {
        let group = |total_memory, rss| CGroupLimits {
            total_memory,
            rss,
            free_memory: 1, // the rest are files
            free_swap: 1000,
        };
        assert_eq!(within(500, None, 7), Some(507));
        assert_eq!(within(500, Some(&group(200, 50)), 7), Some(157));
        assert_eq!(within(100, Some(&group(200, 50)), 7), Some(107));
        // No limit is one that no machine has.
        assert_eq!(within(500, Some(&group(u64::MAX, 50)), 7), Some(507));
        assert_eq!(within(0, Some(&group(200, 300)), 7), Some(7));
        assert_eq!(within(0, None, 7), None);
    }

    #[test]
    fn this_machine_says_how_much_there_is() {
        let room = Room::now().unwrap();
        // A test takes more than 1 MB, and no machine has 1 PB.
        assert!(
            room.own > 1_000_000 && (room.own..1 << 50).contains(&room.all),
            "{room:?}"
        );
    }
}
