//! What the lab needs of this machine: root, and programs that apt installs when they are missing.

use std::path::Path;

use super::{Error, Event, program};

/// The programs the lab runs, and the Debian packages that hold them.
const PROGRAMS: [(&str, &str); 9] = [
    ("mmdebstrap", "mmdebstrap"),
    ("systemd-nspawn", "systemd-container"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("nsenter", "util-linux"),
    ("setsid", "util-linux"),
    ("chroot", "coreutils"),
];

/// What a lab with package archives of its own needs besides.
const SERVER_PROGRAMS: [(&str, &str); 2] = [("python3", "python3"), ("unshare", "util-linux")];

/// Refuses anyone but root.
pub(super) fn need_root() -> Result<(), Error> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(Error::NotRoot) }
}

/// Installs what is missing, saying what.
pub(super) fn need_programs(server: bool, event: &(dyn Fn(&Event) + Sync)) -> Result<(), Error> {
    let more: &[_] = if server { &SERVER_PROGRAMS } else { &[] };
    let missing: Vec<_> = PROGRAMS.iter().chain(more).filter(|(name, _)| !on_path(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<String> = missing.iter().map(|(_, package)| (*package).to_owned()).collect();
    packages.sort();
    packages.dedup();
    // Its signatures are checked with these keys, which a machine of another distribution does not have.
    if !Path::new("/usr/share/keyrings/debian-archive-keyring.gpg").exists() {
        packages.push("debian-archive-keyring".to_owned());
    }
    if !on_path("apt-get") {
        let programs = missing.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        return Err(Error::NoApt { programs, packages: packages.join(" ") });
    }
    event(&Event::Installing { packages: packages.clone() });
    let mut install = vec!["install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"];
    install.extend(packages.iter().map(String::as_str));
    if !program::succeeds("apt-get", &install) {
        // The lists are old or were never fetched.
        program::run("refreshing apt's lists", "apt-get", &["update"])?;
        program::run("installing what the lab needs", "apt-get", &install)?;
    }
    Ok(())
}

/// Whether a program is on the search path.
fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}
