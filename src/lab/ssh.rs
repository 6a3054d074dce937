//! Keys, known hosts and the ssh configuration of a lab: `ssh -F <folder>/ssh_config db01` from an ordinary shell.

use std::fmt::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use super::spec::{Lab, LabName, LabNode};
use super::{Error, files, machine, program};

/// The user on every host, with sudo and without a password.
pub(super) const USER: &str = "ops";

/// The operator's private key.
pub(super) fn key(name: &LabName) -> PathBuf {
    name.folder().join("key")
}

/// The ssh configuration.
pub(super) fn config(name: &LabName) -> PathBuf {
    name.folder().join("ssh_config")
}

/// A host's own private key.
pub(super) fn host_key(lab: &Lab, node: &LabNode) -> PathBuf {
    lab.node_folder(node).join("ssh_host_ed25519_key")
}

/// Makes the keys that are missing, and writes known hosts and configuration anew.
pub(super) fn ensure(lab: &Lab) -> Result<(), Error> {
    let folder = lab.name.folder();
    make_key(&key(&lab.name), &format!("quorate-lab-{}", lab.name))?;
    let mut known = String::new();
    for node in &lab.nodes {
        let path = host_key(lab, node);
        make_key(&path, &format!("root@{}", node.name))?;
        let public = files::read(&path.with_extension("pub"))?.unwrap_or_default();
        let mut words = public.split(' ');
        let (kind, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let _ = writeln!(known, "{},{} {kind} {value}", node.name, node.address);
    }
    files::write(&folder.join("known_hosts"), 0o600, &known)?;
    files::write(&config(&lab.name), 0o600, &render(lab, &own_program()?))
}

/// Replaces this process by an ssh session on a node. Returns only if that fails.
pub fn ssh(name: &LabName, node: &str, command: &[String]) -> Result<std::convert::Infallible, Error> {
    machine::need_root()?;
    let lab = Lab::load(name)?;
    let node = lab.node(node)?;
    let mut ssh = std::process::Command::new("ssh");
    ssh.arg("-F").arg(config(name)).arg(&node.name).args((!command.is_empty()).then_some("--")).args(command);
    let error = ssh.exec();
    program::finish("starting ssh", &ssh, Err(error)).map(|_| unreachable!("an error stays one"))
}

/// The path of this very program, for those who start it later.
pub(super) fn own_program() -> Result<PathBuf, Error> {
    std::env::current_exe().map_err(super::error::file("cannot find", "/proc/self/exe"))
}

/// Makes an ed25519 key, if it isn't there.
fn make_key(path: &Path, comment: &str) -> Result<(), Error> {
    if path.exists() && path.with_extension("pub").exists() {
        return Ok(());
    }
    // ssh-keygen would ask whether to overwrite the half of a pair that an interrupted run left.
    let _ = std::fs::remove_file(path);
    let path = path.to_string_lossy();
    program::run("making a key", "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", &path])
        .map(|_| ())
}

/// The ssh configuration.
fn render(lab: &Lab, quorate: &Path) -> String {
    let folder = lab.name.folder();
    let mut text = format!("# The hosts of lab {}: ssh -F {} db01\n", lab.name, config(&lab.name).display());
    for node in &lab.nodes {
        let _ = writeln!(text, "Host {0} {1}\n    HostName {1}\n    HostKeyAlias {0}", node.name, node.address);
    }
    // ssh hands the line to a shell, after replacing what begins with a percent sign.
    let quorate = quorate.to_string_lossy().replace('\'', r"'\''").replace('%', "%%");
    let _ = write!(
        text,
        "Host *\n    User {USER}\n    IdentityFile \"{key}\"\n    IdentitiesOnly yes\n    IdentityAgent none\n    \
         PreferredAuthentications publickey\n    UserKnownHostsFile \"{known}\"\n    GlobalKnownHostsFile /dev/null\n    \
         StrictHostKeyChecking yes\n    ProxyCommand '{quorate}' lab relay --name {name} %h %p\n",
        key = key(&lab.name).display(),
        known = folder.join("known_hosts").display(),
        name = lab.name,
    );
    text
}
