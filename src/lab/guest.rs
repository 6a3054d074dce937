//! A host's root: its own layer over the shared image, and the few files that make it this host.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, mount};

use super::error::file;
use super::spec::{Lab, LabNode};
use super::{Error, files, repository, ssh};

/// User and group of `ops` in the image.
const OPS: u32 = 1000;

/// Where a host's root is mounted.
pub(super) fn root(lab: &Lab, node: &LabNode) -> PathBuf {
    lab.node_folder(node).join("root")
}

/// Mounts the host's root, and makes it this host if it is new.
pub(super) fn ensure(lab: &Lab, node: &LabNode) -> Result<(), Error> {
    let folder = lab.node_folder(node);
    let root = root(lab, node);
    if files::mounts_below(&root)?.is_empty() {
        let [upper, work] = ["upper", "work"].map(|name| folder.join(name));
        for path in [&root, &upper, &work] {
            files::make_folder(path, 0o755)?;
        }
        let mut options = format!("lowerdir={},upperdir={},workdir={}", lowers(lab), upper.display(), work.display());
        if lab.repository.is_some() {
            // SELinux's tools rename the policy store, a folder of the image.
            options.push_str(",redirect_dir=on");
        }
        let options = std::ffi::CString::new(options).unwrap_or_default();
        mount("overlay", &root, "overlay", MountFlags::empty(), options.as_c_str())
            .map_err(|error| file("cannot mount an overlay at", &root)(error.into()))?;
    }
    let made = folder.join("made");
    if !made.exists() {
        personalize(lab, node, &root)?;
        files::write(&made, 0o600, "")?;
    }
    // This machine's name servers may have changed since.
    files::write(&root.join("etc/resolv.conf"), 0o644, &resolv_conf())
}

/// What lies under a host's own layer, the uppermost first.
fn lowers(lab: &Lab) -> String {
    let layer = lab.repository.as_deref().map(|repository| format!("{}:", repository::layer(repository).display()));
    format!("{}{}", layer.unwrap_or_default(), lab.image.display())
}

/// Writes the host's own files.
fn personalize(lab: &Lab, node: &LabNode, root: &Path) -> Result<(), Error> {
    let etc = root.join("etc");
    let name = &node.name;
    let address = node.address;
    files::write(&etc.join("hostname"), 0o644, &format!("{name}\n"))?;
    let mut hosts = format!("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n{address} {name}\n");
    if let Some(repository) = &lab.repository {
        let names = repository::names(repository)?;
        let _ = writeln!(hosts, "# The package archives, served by the lab.\n{} {names}", lab.gateway);
    }
    files::write(&etc.join("hosts"), 0o644, &hosts)?;
    let random = Path::new("/proc/sys/kernel/random/uuid");
    let id = fs::read_to_string(random).map_err(file("cannot read", random))?.replace('-', "");
    files::write(&etc.join("machine-id"), 0o444, &id)?;
    let network =
        format!("[Match]\nName=eth0\n\n[Network]\nAddress={address}/24\nGateway={}\nIPv6AcceptRA=no\n", lab.gateway);
    files::write(&etc.join("systemd/network/10-eth0.network"), 0o644, &network)?;

    let key = ssh::host_key(lab, node);
    let public = key.with_extension("pub");
    for (from, name, mode) in [(&key, "ssh_host_ed25519_key", 0o600), (&public, "ssh_host_ed25519_key.pub", 0o644)] {
        files::write(&etc.join("ssh").join(name), mode, &fs::read_to_string(from).map_err(file("cannot read", from))?)?;
    }
    let operator = ssh::key(&lab.name).with_extension("pub");
    let authorized = root.join("home").join(ssh::USER).join(".ssh/authorized_keys");
    let operator_key = fs::read_to_string(&operator).map_err(file("cannot read", &operator))?;
    files::write(&authorized, 0o600, &operator_key)?;
    chown(&authorized, Some(OPS), Some(OPS)).map_err(file("cannot give away", &authorized))
}

/// The name servers for the hosts: this machine's own, but not one that only this machine can ask.
fn resolv_conf() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let own = read("/etc/resolv.conf");
    let local =
        |text: &str| text.lines().any(|line| line.starts_with("nameserver 127.") || line.trim() == "nameserver ::1");
    // systemd-resolved keeps the real ones here.
    if local(&own) { read("/run/systemd/resolve/resolv.conf") } else { own }
}
