//! Removes a lab, whole or half-built: processes, mounts, network, cgroups, folder. What isn't there is passed over.

use std::time::Duration;

use super::lock::Lock;
use super::process::{self, Process};
use super::spec::{LabName, all_labs, labs_folder};
use super::{Error, Event, cgroup, files, image, machine, network, wait};

/// How long killed processes may take to go.
const KILL_LIMIT: Duration = Duration::from_secs(30);

/// Takes a lab down; with `purge` also the images that no other lab stands on.
pub fn down(name: &LabName, purge: bool, event: &dyn Fn(Event)) -> Result<(), Error> {
    machine::need_root()?;
    let mut removed = false;
    let mut told = |there: bool, what: &str| {
        if there {
            removed = true;
            event(Event::Removed { what: what.to_owned() });
        }
    };
    if labs_folder().is_dir() {
        let _lock = Lock::take(&name.lock_file())?;
        told(end_processes(name)?, "processes");
        let folder = name.folder();
        let mounted = !files::mounts_below(&folder)?.is_empty();
        files::unmount_below(&folder)?;
        told(mounted, "mounts");
        told(network::remove(name)?, "network");
        told(cgroup::remove(name)?, "cgroups");
        let there = folder.exists();
        files::remove_folder(&folder)?;
        told(there, &folder.display().to_string());
        network::restore_forwarding()?;
    }
    if purge {
        told(image::purge()?, "image cache");
    }
    if all_labs().is_empty() {
        // Not if somebody is about to make a lab: then a lock stands in it.
        let _ = std::fs::remove_dir(labs_folder());
    }
    if !removed {
        event(Event::NothingThere { name: name.to_string() });
    }
    Ok(())
}

/// Ends every process of the lab; whether there were any.
fn end_processes(name: &LabName) -> Result<bool, Error> {
    let mut any = false;
    let ended = wait::until(KILL_LIMIT, Duration::from_millis(50), || {
        let mut processes: Vec<Process> = cgroup::members(name).into_iter().filter_map(Process::of).collect();
        processes.extend(process::relays_in(&name.namespace_file()));
        any |= !processes.is_empty();
        if processes.is_empty() {
            return Some(());
        }
        // Again each time: a supervisor may have been between two boots.
        cgroup::kill(name);
        processes.into_iter().for_each(Process::kill);
        None
    });
    if ended.is_some() {
        return Ok(any);
    }
    let pids = cgroup::members(name);
    let list = pids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(Error::Undead { name: name.to_string(), count: pids.len(), pids: list })
}
