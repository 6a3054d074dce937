//! Cgroups of the lab's own: one per host and one for the supervisors, in every hierarchy that matters.
//!
//! They set no limits: a guest would not see them and size itself by this machine's memory all the same.
//! A host's systemd needs a cgroup that no other host shares. The groups also say, whatever else was lost, which processes
//! are the lab's: `down` ends those and no others.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::file;
use super::process::Process;
use super::spec::LabName;
use super::{Error, wait};

/// The group above all labs.
const TOP: &str = "quorate-lab";
/// The group of a lab's supervisors; no node is called that.
const SUPERVISORS: &str = "supervisors";
/// How long killed processes may take to go.
const KILL_LIMIT: Duration = Duration::from_secs(30);
/// How often they are looked for.
const KILL_INTERVAL: Duration = Duration::from_millis(20);

/// The hierarchies of this machine in which the lab keeps groups: the unified one, systemd's, memory's.
fn hierarchies() -> Vec<PathBuf> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().filter_map(hierarchy).collect()
}

/// The mount point of a line of mountinfo, if it is such a hierarchy.
fn hierarchy(line: &str) -> Option<PathBuf> {
    let (mount, filesystem) = line.split_once(" - ")?;
    let mut filesystem = filesystem.split(' ');
    let (kind, options) = (filesystem.next()?, filesystem.nth(1)?);
    let wanted = kind == "cgroup2"
        || kind == "cgroup" && options.split(',').any(|option| option == "name=systemd" || option == "memory");
    let mut fields = mount.split(' ');
    let (root, point) = (fields.nth(3)?, fields.next()?);
    // Only a mount of the hierarchy's root: containers bind parts of it elsewhere.
    (wanted && root == "/").then(|| PathBuf::from(point))
}

/// A lab's group in a hierarchy, or that of one of its hosts.
fn group(hierarchy: &Path, name: &LabName, node: Option<&str>) -> PathBuf {
    let lab = hierarchy.join(TOP).join(name.to_string());
    node.map_or_else(|| lab.clone(), |node| lab.join(node))
}

/// Makes the groups of a host that does not run; their folders.
///
/// They are new each time: in a group that was killed as a whole once, the kernel kills what a later systemd starts there.
pub(super) fn of_host(name: &LabName, node: &str) -> Result<Vec<PathBuf>, Error> {
    remove(name, Some(node))?;
    let mut groups = Vec::new();
    for hierarchy in hierarchies() {
        let group = group(&hierarchy, name, Some(node));
        fs::create_dir_all(&group).map_err(file("cannot make the cgroup", &group))?;
        groups.push(group);
    }
    Ok(groups)
}

/// Moves the calling process into the group of the lab's supervisors.
pub(super) fn join_supervisors(name: &LabName) -> Result<(), Error> {
    for hierarchy in hierarchies() {
        let group = group(&hierarchy, name, Some(SUPERVISORS));
        fs::create_dir_all(&group).map_err(file("cannot make the cgroup", &group))?;
        let members = group.join("cgroup.procs");
        fs::write(&members, "0").map_err(file("cannot join the cgroup", &members))?;
    }
    Ok(())
}

/// All living processes in a lab's groups, or in those of one of its hosts.
fn members(name: &LabName, node: Option<&str>) -> Vec<Process> {
    let mut pids = Vec::new();
    for hierarchy in hierarchies() {
        visit(&group(&hierarchy, name, node), &mut |group| {
            let text = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
            pids.extend(text.lines().filter_map(|line| line.parse::<i32>().ok()).filter(|pid| *pid > 0));
        });
    }
    pids.sort_unstable();
    pids.dedup();
    pids.into_iter().filter_map(Process::of).collect()
}

/// Ends all processes in a lab's groups (or in those of one of its hosts) and those in `others`; whether there were any.
pub(super) fn end(name: &LabName, node: Option<&str>, others: &dyn Fn() -> Vec<Process>) -> Result<bool, Error> {
    let left = || [members(name, node), others()].concat();
    let mut any = false;
    let ended = wait::until(KILL_LIMIT, KILL_INTERVAL, || {
        let processes = left();
        if processes.is_empty() {
            return Some(());
        }
        any = true;
        // Again each time: a supervisor may have been between two boots. The unified hierarchy ends all at once.
        for hierarchy in hierarchies() {
            let _ = fs::write(group(&hierarchy, name, node).join("cgroup.kill"), "1");
        }
        processes.into_iter().for_each(Process::kill);
        None
    });
    if ended.is_some() {
        return Ok(any);
    }
    let pids = left().iter().map(|process| process.pid.to_string()).collect::<Vec<_>>();
    Err(Error::Undead { name: name.to_string(), count: pids.len(), pids: pids.join(", ") })
}

/// Removes a lab's groups (or those of one of its hosts), which must be empty; whether there were any.
pub(super) fn remove(name: &LabName, node: Option<&str>) -> Result<bool, Error> {
    let mut removed = false;
    for hierarchy in hierarchies() {
        let mut failure = None;
        let mut attempt = || {
            failure = None;
            visit(&group(&hierarchy, name, node), &mut |group| {
                removed = true;
                if let Err(error) = fs::remove_dir(group) {
                    failure = Some(file("cannot remove the cgroup", group)(error));
                }
            });
            failure.is_none().then_some(())
        };
        // A process that was just killed may hold its group for a moment.
        wait::until(KILL_LIMIT, KILL_INTERVAL, &mut attempt);
        if let Some(error) = failure {
            return Err(error);
        }
        if node.is_none() {
            // Fails, rightly, while another lab is there.
            let _ = fs::remove_dir(hierarchy.join(TOP));
        }
    }
    Ok(removed)
}

/// Calls back for a group and all below it, the deepest first.
fn visit(group: &Path, each: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(group) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        visit(&entry.path(), each);
    }
    each(group);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_hierarchies_of_interest_are_taken() {
        let found = |line: &str| hierarchy(line).map(|path| path.display().to_string());
        let unified = "30 20 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate";
        assert_eq!(found(unified).as_deref(), Some("/sys/fs/cgroup"));
        let systemd = "31 20 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd";
        assert_eq!(found(systemd).as_deref(), Some("/sys/fs/cgroup/systemd"));
        assert_eq!(found("32 20 0:28 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"), None);
        assert_eq!(found("33 20 0:26 /a /x/cgroup rw - cgroup2 cgroup2 rw"), None);
        assert_eq!(found("34 20 0:29 / / rw - ext4 /dev/vda rw"), None);
    }
}
