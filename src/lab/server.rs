//! The server of a lab's package archives, inside the lab's network namespace, for hosts that don't look like Debian.
//!
//! A supervisor in the background starts it and starts it again; both are among the lab's processes, which `down` ends.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::error::file;
use super::process::Process;
use super::spec::{Lab, LabName};
use super::{Error, cgroup, el, machine, program, ssh, wait};

/// How long it may take to listen.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_millis(50);
/// A server that ends more often than this within a minute is left alone.
const STARTS: usize = 5;

/// The supervisor's process.
fn supervisor(lab: &Lab) -> PathBuf {
    lab.name.folder().join("server.pid")
}

/// The file that says that it listens.
fn ready(lab: &Lab) -> PathBuf {
    lab.name.folder().join("server.ready")
}

/// Whether it is supervised and listens.
fn listens(lab: &Lab) -> bool {
    Process::recorded(&supervisor(lab)).is_some() && ready(lab).exists()
}

/// Starts the server if the lab has one and it doesn't run; whether it was started. Waits until it listens.
pub(super) fn ensure(lab: &Lab) -> Result<bool, Error> {
    if lab.repository.is_none() || listens(lab) {
        return Ok(false);
    }
    let log = lab.name.folder().join("server.log");
    if Process::recorded(&supervisor(lab)).is_none() {
        start(lab, &log)?;
    }
    if wait::until(START_LIMIT, INTERVAL, || listens(lab).then_some(())).is_some() {
        return Ok(true);
    }
    let output = std::fs::read(&log).unwrap_or_default();
    Err(Error::NoServer { log, output: program::last_lines(&String::from_utf8_lossy(&output)) })
}

/// Starts the supervisor in the background.
fn start(lab: &Lab, log: &Path) -> Result<(), Error> {
    let mut options = OpenOptions::new();
    let log_file = options.append(true).create(true).mode(0o600).open(log).map_err(file("cannot open", log))?;
    let copy = log_file.try_clone().map_err(file("cannot open", log))?;
    // What a machine that was switched off left must not speak for the new one.
    let _ = std::fs::remove_file(ready(lab));
    let own = ssh::own_program()?;
    let mut command = program::command("setsid", &[own.as_os_str()]);
    command.args(["lab", "serve", "--name", &lab.name.to_string()]);
    let child = command.current_dir("/").stdout(log_file).stderr(copy).spawn();
    let Err(error) = child.map(drop) else { return Ok(()) };
    program::finish("starting the server of the package archives", &command, Err(error)).map(|_| ())
}

/// Serves a lab's package archives until the lab goes down.
pub fn serve(name: &LabName) -> Result<(), Error> {
    machine::need_root()?;
    let lab = Lab::load(name)?;
    let Some(repository) = &lab.repository else { return Ok(()) };
    cgroup::join_supervisors(name)?;
    if let Some(own) = i32::try_from(std::process::id()).ok().and_then(Process::of) {
        own.record(&supervisor(&lab))?;
    }
    let ready = ready(&lab);
    let mut starts: Vec<Instant> = Vec::new();
    loop {
        starts.retain(|start| start.elapsed() < Duration::from_secs(60));
        let _ = std::fs::remove_file(&ready);
        if starts.len() > STARTS {
            return Ok(());
        }
        starts.push(Instant::now());
        let mut command = program::command("nsenter", &[format!("--net={}", name.namespace_file().display())]);
        // Isolated: nothing of the caller's environment or of the folder it stands in is part of the server.
        command.args(["--", "python3", "-I", "-B"]).arg(repository.join(el::SERVER.0));
        command.arg(lab.gateway.to_string()).arg(repository).arg(&ready).stdin(Stdio::null());
        match command.spawn() {
            Ok(mut child) => child.wait().map(drop).map_err(file("cannot wait for", &ready))?,
            Err(error) => return program::finish("serving packages", &command, Err(error)).map(|_| ()),
        }
    }
}
