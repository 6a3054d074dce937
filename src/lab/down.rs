//! Removes a lab, whole or half-built: processes, mounts, network, cgroups, folder. What isn't there is passed over.

use super::error::file;
use super::lock::Lock;
use super::process;
use super::spec::{LabName, all_labs, labs_folder};
use super::{Error, Event, cache, cgroup, files, machine, network};

/// Takes a lab down; with `purge` also the images that no other lab stands on.
pub fn down(name: &LabName, purge: bool, event: &dyn Fn(&Event)) -> Result<(), Error> {
    machine::need_root()?;
    let mut removed = false;
    let mut told = |there: bool, what: &str| {
        if there {
            removed = true;
            event(&Event::Removed { what: what.to_owned() });
        }
    };
    if labs_folder().is_dir() {
        let _lock = Lock::take(&name.lock_file())?;
        let relays = || process::relays_in(&name.namespace_file());
        told(cgroup::end(name, None, &relays)?, "processes");
        let folder = name.folder();
        let mounted = !files::mounts_below(&folder)?.is_empty();
        files::unmount_below(&folder)?;
        told(mounted, "mounts");
        told(network::remove(name)?, "network");
        told(cgroup::remove(name, None)?, "cgroups");
        told(remove_folder(name)?, &folder.display().to_string());
        network::restore_forwarding()?;
    }
    if purge {
        told(cache::purge()?, "image cache");
    }
    if all_labs().is_empty() {
        // Not if somebody is about to make a lab: then a lock stands in it.
        let _ = std::fs::remove_dir(labs_folder());
    }
    if !removed {
        event(&Event::NothingThere { name: name.to_string() });
    }
    Ok(())
}

/// Removes the lab's folder, on which nothing may be mounted any more; whether it was there.
fn remove_folder(name: &LabName) -> Result<bool, Error> {
    let (folder, removed) = (name.folder(), name.removed_folder());
    // What an interrupted removal left.
    files::unmount_below(&removed)?;
    files::remove_folder(&removed)?;
    match std::fs::rename(&folder, &removed) {
        Ok(()) => files::remove_folder(&removed).map(|()| true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(file("cannot rename", &folder)(error)),
    }
}
