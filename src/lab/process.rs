//! Processes by id and start time: a number that was given to somebody else meanwhile is never taken for ours.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{Error, files};

/// A process that was alive when this was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Process {
    /// Its id.
    pub(super) pid: i32,
    /// When it started, in clock ticks since this machine's boot.
    started: u64,
}

impl Process {
    /// The process of that id; `None` if there is none, or only its exit status is left.
    pub(super) fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?;
        let started = fields.nth(18)?.parse().ok()?;
        (!matches!(state, "Z" | "X")).then_some(Self { pid, started })
    }

    /// The process recorded in a file, if it still is alive.
    pub(super) fn recorded(path: &Path) -> Option<Self> {
        let text = files::read(path).ok()??;
        let (pid, started) = text.trim().split_once(' ')?;
        let recorded = Self { pid: pid.parse().ok()?, started: started.parse().ok()? };
        (Self::of(recorded.pid) == Some(recorded)).then_some(recorded)
    }

    /// Records the process in a file.
    pub(super) fn record(self, path: &Path) -> Result<(), Error> {
        files::write(path, 0o600, &format!("{} {}\n", self.pid, self.started))
    }

    /// How long it has been running.
    pub(super) fn age(self) -> Option<Duration> {
        let up = fs::read_to_string("/proc/uptime").ok()?;
        let up: f64 = up.split(' ').next()?.parse().ok()?;
        let started = Duration::from_millis(self.started.checked_mul(1000)? / rustix::param::clock_ticks_per_second());
        Duration::try_from_secs_f64(up).ok()?.checked_sub(started)
    }

    /// Kills it, if it still is the same process.
    pub(super) fn kill(self) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        // The handle holds on to whoever has the id now; compared after that, it can't change hands any more.
        if Self::of(self.pid) == Some(self) {
            let _ = pidfd_send_signal(handle, Signal::KILL);
        }
    }

    /// The first process of the guest that this one (its nspawn) holds: the guest's own systemd.
    pub(super) fn guest_init(self) -> Option<Self> {
        all().find(|process| {
            let status = fs::read_to_string(format!("/proc/{}/status", process.pid)).unwrap_or_default();
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            let parent = field("PPid:").and_then(|value| value.parse::<i32>().ok());
            let inner = field("NSpid:").and_then(|value| value.split_whitespace().last());
            parent == Some(self.pid) && inner == Some("1")
        })
    }
}

/// All processes of this machine.
fn all() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(Process::of)
}

/// The relays (`lab relay …`) inside a network namespace: they outlive the hosts they lead to.
pub(super) fn relays_in(namespace: &Path) -> Vec<Process> {
    let Ok(wanted) = fs::metadata(namespace) else { return Vec::new() };
    let inside = |process: &Process| {
        let there = fs::metadata(format!("/proc/{}/ns/net", process.pid));
        there.is_ok_and(|there| there.ino() == wanted.ino() && there.dev() == wanted.dev())
    };
    let relaying = |process: &Process| {
        let line = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0).skip(1);
        words.next() == Some(b"lab") && words.next() == Some(b"relay")
    };
    all().filter(|process| inside(process) && relaying(process)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_itself_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid");
        let own = Process::of(std::process::id().try_into().unwrap()).unwrap();
        own.record(&path).unwrap();
        assert_eq!(Process::recorded(&path), Some(own));
        assert!(own.age().unwrap() < Duration::from_secs(3600));
        let other = Process { started: own.started + 1, ..own };
        // Were it not compared, this test would end here.
        other.kill();
        other.record(&path).unwrap();
        assert_eq!(Process::recorded(&path), None);
    }

    #[test]
    fn a_killed_child_is_gone() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let process = Process::of(child.id().try_into().unwrap()).unwrap();
        process.kill();
        assert!(!child.wait().unwrap().success());
        assert_eq!(Process::of(process.pid), None);
    }
}
