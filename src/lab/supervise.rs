//! One supervisor per host: boots it, puts it on the bridge, and boots it again when it asks for a reboot.
//!
//! It runs in the background, by itself, for as long as its host does; `up` starts it and `down` ends it.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::error::file;
use super::process::Process;
use super::spec::{Lab, LabName, LabNode};
use super::{Error, cgroup, guest, machine, network, program, ssh};

/// How nspawn says that its guest wants to boot again.
const REBOOT: i32 = 133;
/// A host that reboots more often than this within a minute has lost its way and stays down.
const REBOOTS: usize = 5;
/// How often the new interface is looked for.
const LINK_INTERVAL: Duration = Duration::from_millis(50);
/// Puts the calling shell into the cgroups named before `--`, then becomes the program after it.
const ENTER_GROUPS: &str =
    r#"while [ "$1" != -- ]; do echo 0 >"$1/cgroup.procs" || exit 125; shift; done; shift; exec "$@""#;

/// The files a supervisor keeps about its host.
pub(super) struct Traces {
    /// The supervisor's process.
    pub(super) supervisor: PathBuf,
    /// The container's process.
    pub(super) container: PathBuf,
    /// The host's console, and the supervisor's own words.
    pub(super) log: PathBuf,
}

impl Traces {
    /// Those of a node.
    pub(super) fn of(lab: &Lab, node: &LabNode) -> Self {
        let folder = lab.node_folder(node);
        Self {
            supervisor: folder.join("supervisor.pid"),
            container: folder.join("container.pid"),
            log: folder.join("console.log"),
        }
    }
}

/// Starts a host's supervisor in the background.
pub(super) fn start(lab: &Lab, node: &LabNode) -> Result<(), Error> {
    let log = Traces::of(lab, node).log;
    let mut options = OpenOptions::new();
    let log_file = options.append(true).create(true).mode(0o600).open(&log).map_err(file("cannot open", &log))?;
    let copy = log_file.try_clone().map_err(file("cannot open", &log))?;
    let program = ssh::own_program()?;
    let mut command = program::command("setsid", &[program.as_os_str()]);
    command.args(["lab", "supervise", "--name", &lab.name.to_string(), &node.name]);
    let child = command.current_dir("/").stdout(log_file).stderr(copy).spawn();
    let Err(error) = child.map(drop) else { return Ok(()) };
    program::finish("starting a supervisor", &command, Err(error)).map(|_| ())
}

/// Supervises a host until it stops for good.
pub fn supervise(name: &LabName, node: &str) -> Result<(), Error> {
    machine::need_root()?;
    let lab = Lab::load(name)?;
    let node = lab.node(node)?;
    let traces = Traces::of(&lab, node);
    cgroup::join_supervisors(name)?;
    if let Some(own) = i32::try_from(std::process::id()).ok().and_then(Process::of) {
        own.record(&traces.supervisor)?;
    }
    let mut boots: Vec<Instant> = Vec::new();
    loop {
        boots.retain(|boot| boot.elapsed() < Duration::from_secs(60));
        if boots.len() > REBOOTS {
            return Ok(());
        }
        boots.push(Instant::now());
        if boot(&lab, node, &traces)? != Some(REBOOT) {
            return Ok(());
        }
    }
}

/// Boots the host and waits for its end; the container's exit code, if it had one.
fn boot(lab: &Lab, node: &LabNode, traces: &Traces) -> Result<Option<i32>, Error> {
    // A container that was killed may leave its interface to the kernel for a moment.
    let _ = program::run("clearing the link", "ip", &["-n", &lab.name.namespace(), "link", "del", &node.name]);
    let mut command = container(lab, node)?;
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return program::finish("booting", &command, Err(error)).map(|_| None),
    };
    if let Some(container) = i32::try_from(child.id()).ok().and_then(Process::of) {
        container.record(&traces.container)?;
    }
    connect(lab, node, &mut child)?;
    let status = child.wait().map_err(file("cannot wait for", &traces.container))?;
    // A container that is killed leaves its guest running; here that means that the power went off.
    cgroup::end(&lab.name, Some(&node.name), &Vec::new)?;
    Ok(status.code())
}

/// Hangs the host's interface on the bridge as soon as the container has made it.
fn connect(lab: &Lab, node: &LabNode, child: &mut Child) -> Result<(), Error> {
    let space = lab.name.namespace();
    let link = ["-n", space.as_str(), "link", "set", &node.name, "master", network::BRIDGE, "up"];
    while !program::succeeds("ip", &link) {
        if child.try_wait().map_err(file("cannot wait for", "the container"))?.is_some() {
            return Ok(());
        }
        std::thread::sleep(LINK_INTERVAL);
    }
    Ok(())
}

/// The command that boots the host: into its cgroups, into the lab's network namespace, then nspawn.
fn container(lab: &Lab, node: &LabNode) -> Result<Command, Error> {
    let mut command = program::command("sh", &["-c", ENTER_GROUPS, "sh"]);
    command.args(cgroup::of_host(&lab.name, &node.name)?).arg("--");
    command.arg("nsenter").arg(format!("--net={}", lab.name.namespace_file().display())).arg("--");
    command.args(["systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--settings=no"]);
    command.args(["--resolv-conf=off", "--timezone=off", "--link-journal=no"]);
    command.arg(format!("--directory={}", guest::root(lab, node).display()));
    command.arg(format!("--machine={}-{}", lab.name.namespace(), node.name)).arg(format!("--hostname={}", node.name));
    // A named pair, so that a fault can be put on the host's own end of the bridge.
    command.arg(format!("--network-veth-extra={}:eth0", node.name));
    // What root has on a real host and keepalived, ping and locked memory need.
    command.arg("--capability=CAP_NET_ADMIN,CAP_NET_RAW,CAP_IPC_LOCK");
    // On a machine with both cgroup hierarchies the guest's systemd wants the unified one; and its /tmp is its own choice.
    command.env("SYSTEMD_NSPAWN_UNIFIED_HIERARCHY", "1").env("SYSTEMD_NSPAWN_TMPFS_TMP", "0");
    command.stdin(Stdio::null());
    Ok(command)
}
