//! Pieces that several systems' desired states are put together from.

use super::desired::{Activation, Check, CheckStage, ComponentName, Content, DesiredNode, Directory, File, Program};
use super::inputs::NodeInputs;
use crate::cluster::{InstallMethod, Version};
use crate::platform::Daemon;

/// A folder.
pub(super) fn directory(path: &str, owner: &str, group: &str, mode: u32) -> Directory {
    Directory { path: path.to_owned(), owner: owner.to_owned(), group: group.to_owned(), mode }
}

/// A file of root's that only root reads.
pub(super) fn file(
    component: ComponentName,
    path: &str,
    text: String,
    check: Option<Check>,
    activation: Activation,
) -> File {
    File {
        component,
        path: path.to_owned(),
        owner: "root".to_owned(),
        group: "root".to_owned(),
        mode: 0o600,
        content: Content::new(text),
        check,
        activation,
    }
}

/// A component's unit. It lies in `/etc/systemd/system`, where it wins over that of a package.
pub(super) fn unit(node: &NodeInputs, component: ComponentName, text: String) -> File {
    let mut argv = vec!["systemd-analyze".to_owned(), "verify".to_owned(), "--man=no".to_owned()];
    // Without it, later versions exit with 0 whatever they find; earlier ones don't know it.
    if node.platform.systemd_version() >= 250 {
        argv.push("--recursive-errors=no".to_owned());
    }
    argv.push("{}".to_owned());
    let check = Check { argv, user: None, keep_name: true, stage: CheckStage::Installed };
    let path = format!("/etc/systemd/system/{component}.service");
    File { mode: 0o644, ..file(component, &path, text, Some(check), Activation::Unit) }
}

/// A check run as root as soon as its program is there.
pub(super) fn check(argv: &[&str]) -> Check {
    Check {
        argv: argv.iter().map(|&word| word.to_owned()).collect(),
        user: None,
        keep_name: false,
        stage: CheckStage::Installed,
    }
}

/// The packages that a daemon needs to run, by the way it is installed.
pub(super) fn packages(node: &NodeInputs, daemon: Daemon, method: InstallMethod) -> Vec<String> {
    let names = match method {
        InstallMethod::Source | InstallMethod::Release => node.platform.runtime_packages(daemon),
        InstallMethod::Package => node.platform.daemon_packages(daemon),
    };
    names.iter().map(|&name| name.to_owned()).collect()
}

/// A program under `/opt/quorate` with links into `/usr/local/<folder>`; none if a package brings it.
pub(super) fn program(
    component: ComponentName,
    method: InstallMethod,
    version: Version,
    folder: &str,
    names: &[&str],
) -> Vec<Program> {
    if method == InstallMethod::Package {
        return Vec::new();
    }
    let link = |name: &&str| (format!("/usr/local/{folder}/{name}"), format!("{folder}/{name}"));
    let root = format!("/opt/quorate/{component}-{version}");
    vec![Program { component, method, version, interpreter: None, root, links: names.iter().map(link).collect() }]
}

/// Joins a component's part to what the node already has; what both name is kept once.
pub(super) fn merge(whole: &mut DesiredNode, part: DesiredNode) {
    fn join<T: PartialEq>(whole: &mut Vec<T>, part: Vec<T>) {
        for item in part {
            if !whole.contains(&item) {
                whole.push(item);
            }
        }
    }
    join(&mut whole.packages, part.packages);
    join(&mut whole.accounts, part.accounts);
    join(&mut whole.directories, part.directories);
    whole.files.extend(part.files);
    join(&mut whole.programs, part.programs);
    join(&mut whole.services, part.services);
    join(&mut whole.masked, part.masked);
    join(&mut whole.told, part.told);
    join(&mut whole.repositories, part.repositories);
    join(&mut whole.booleans, part.booleans);
    whole.labelled |= part.labelled;
}
