//! Makes a lab, or repairs what is missing of it; does nothing to what is well.

use std::path::Path;
use std::time::{Duration, Instant};

use super::archive::Archive;
use super::lock::Lock;
use super::process::Process;
use super::ps::{self, HostState};
use super::spec::{Lab, LabName, LabNode, Like, Suite, labs_folder};
use super::supervise::{self, Traces};
use super::{
    Error, Event, cgroup, files, guest, image, inventory, machine, network, program, repository, server, ssh, wait,
};

/// How long a host may take from its start to a finished boot.
const BOOT_LIMIT: Duration = Duration::from_secs(120);
/// How often a host is looked at while it boots.
const INTERVAL: Duration = Duration::from_millis(100);

/// What kind of lab is asked for. What is left open is as it was, or three nodes of the newest release.
pub struct UpRequest<'a> {
    /// The lab's name.
    pub name: LabName,
    /// The Debian release.
    pub suite: Option<Suite>,
    /// What the hosts look like in place of a Debian release; excludes `suite`.
    pub like: Option<Like>,
    /// How many nodes.
    pub nodes: Option<usize>,
    /// The Debian archive, in place of the one in this machine's apt sources.
    pub archive: Option<String>,
    /// The secrets that go with the inventory.
    pub secrets: NewSecrets<'a>,
}

/// How the lab gets the secrets of its cluster: made by another room, written here.
pub struct NewSecrets<'a> {
    /// The file's name beside the inventory.
    pub file_name: &'a str,
    /// Makes the file's text.
    pub make: &'a dyn Fn() -> Result<String, Box<dyn std::error::Error + Send + Sync>>,
}

/// Brings a lab up and waits until every host answers.
pub fn up(request: &UpRequest<'_>, event: &(dyn Fn(&Event) + Sync)) -> Result<Lab, Error> {
    let start = Instant::now();
    machine::need_root()?;
    files::make_folder(&labs_folder(), 0o700)?;
    let _lock = Lock::take(&request.name.lock_file())?;
    files::remove_folder(&request.name.removed_folder())?;
    let known = Lab::find(&request.name)?;
    let like = request.like.or(known.as_ref().and_then(|lab| lab.like));
    machine::need_programs(like.is_some(), event)?;
    let lab = record(request, known, event)?;
    ssh::ensure(&lab)?;
    write_inventory(&lab, &request.secrets)?;
    network::ensure(&lab)?;
    let served = server::ensure(&lab)?;
    let changed = boot_all(&lab, event)? || served;
    event(&Event::Ready { folder: lab.name.folder(), changed, took: start.elapsed() });
    Ok(lab)
}

/// The lab as it is recorded, or a new one; with its image and repository.
fn record(request: &UpRequest<'_>, known: Option<Lab>, event: &(dyn Fn(&Event) + Sync)) -> Result<Lab, Error> {
    let known = known.map(|lab| same_shape(request, lab)).transpose()?;
    if let Some(lab) = &known
        && lab.image.is_dir()
        && lab.repository.as_deref().is_none_or(Path::is_dir)
    {
        return Ok(lab.clone());
    }
    let like = request.like.or(known.as_ref().and_then(|lab| lab.like));
    let suite = request.suite.or(known.as_ref().map(|lab| lab.suite)).unwrap_or(Suite::Trixie);
    let nodes = request.nodes.or(known.as_ref().map(|lab| lab.nodes.len())).unwrap_or(3);
    let archive = Archive::find(request.archive.as_deref())?;
    let mut lab = Lab {
        name: request.name.clone(),
        suite: like.map_or(suite, Like::suite),
        like,
        nodes: Lab::default_nodes(nodes)?,
        vip: Lab::default_vip(),
        gateway: Lab::default_gateway(),
        uplink: network::choose_uplink(&request.name)?,
        archive: archive.root.clone(),
        image: Path::new("/").to_owned(),
        repository: None,
    };
    match like {
        None => lab.image = image::of_release(suite, &archive, event)?,
        Some(like) => {
            lab.image = image::of_look(like, &archive, event)?;
            lab.repository = Some(repository::ensure(like, &lab.image, &archive, event)?);
        }
    }
    files::make_folder(&lab.name.folder(), 0o700)?;
    lab.save()?;
    for node in &lab.nodes {
        files::make_folder(&lab.node_folder(node), 0o700)?;
    }
    Ok(lab)
}

/// The recorded lab, if it is what is asked for.
fn same_shape(request: &UpRequest<'_>, lab: Lab) -> Result<Lab, Error> {
    let other = |has: String, asked: String| Error::OtherShape { name: lab.name.to_string(), has, asked };
    let asked = request.like.map(Like::as_str).or(request.suite.map(Suite::as_str));
    if let Some(asked) = asked.filter(|asked| *asked != lab.kind()) {
        return Err(other(lab.kind().to_owned(), asked.to_owned()));
    }
    if let Some(count) = request.nodes.filter(|count| *count != lab.nodes.len()) {
        return Err(other(format!("{} nodes", lab.nodes.len()), format!("{count} nodes")));
    }
    Ok(lab)
}

/// Writes inventory and secrets, once: from then on they are the operator's.
fn write_inventory(lab: &Lab, secrets: &NewSecrets<'_>) -> Result<(), Error> {
    let path = inventory::path(&lab.name);
    if !path.exists() {
        files::write(&path, 0o600, &inventory::render(lab)?)?;
    }
    let path = lab.name.folder().join(secrets.file_name);
    if !path.exists() {
        files::write(&path, 0o600, &(secrets.make)().map_err(Error::Secrets)?)?;
    }
    Ok(())
}

/// Boots what doesn't run and waits for all, side by side; whether any had to be booted. The first failure is returned
/// after all hosts had their time.
fn boot_all(lab: &Lab, event: &(dyn Fn(&Event) + Sync)) -> Result<bool, Error> {
    let outcomes: Vec<Result<bool, Error>> = std::thread::scope(|scope| {
        let threads: Vec<_> = lab.nodes.iter().map(|node| scope.spawn(|| bring_up(lab, node, event))).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    outcomes.into_iter().try_fold(false, |changed, outcome| Ok(changed | outcome?))
}

/// Boots one host if it doesn't run, and waits until it answers; whether it was booted.
fn bring_up(lab: &Lab, node: &LabNode, event: &(dyn Fn(&Event) + Sync)) -> Result<bool, Error> {
    let start = Instant::now();
    let booted = ps::status(lab, node).state == HostState::Down;
    if booted {
        event(&Event::Booting { node: node.name.clone() });
        clear_remains(lab, node)?;
        guest::ensure(lab, node)?;
        supervise::start(lab, node)?;
    }
    let state = wait_ready(lab, node)?;
    if booted {
        event(&Event::HostReady { node: node.name.clone(), state, took: start.elapsed() });
    }
    Ok(booted)
}

/// Ends what is left of a host whose supervisor or container died: two containers must never share a root.
fn clear_remains(lab: &Lab, node: &LabNode) -> Result<(), Error> {
    let traces = Traces::of(lab, node);
    if let Some(supervisor) = Process::recorded(&traces.supervisor) {
        supervisor.kill();
    }
    cgroup::end(&lab.name, Some(&node.name), &Vec::new)?;
    for path in [&traces.supervisor, &traces.container] {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// Waits until the host's boot is finished and it answers over ssh; systemd's word for how it went.
fn wait_ready(lab: &Lab, node: &LabNode) -> Result<String, Error> {
    let start = Instant::now();
    let mut seen = "its systemd has not started".to_owned();
    let mut started = false;
    let state = wait::until(BOOT_LIMIT, INTERVAL, || {
        let status = ps::status(lab, node);
        started |= status.state != HostState::Down;
        if started && status.state == HostState::Down || start.elapsed() > Duration::from_secs(10) && !started {
            return Some(None);
        }
        // Looked at from outside first: sshd counts a refused login (as long as the boot lasts, all are) against the caller.
        let root = format!("/proc/{}/root/run", status.pid?);
        if !Path::new(&root).join("sshd.pid").exists() || Path::new(&root).join("nologin").exists() {
            seen.clear();
            seen.push_str("its sshd has not started");
            return None;
        }
        match ask(lab, node) {
            Ok(word) => Some(Some(word)),
            Err(text) => {
                seen = text;
                None
            }
        }
    });
    state.flatten().ok_or_else(|| {
        let log = Traces::of(lab, node).log;
        let output = std::fs::read(&log).unwrap_or_default();
        Error::NotUp {
            node: node.name.clone(),
            seconds: start.elapsed().as_secs(),
            state: seen,
            output: program::last_lines(&String::from_utf8_lossy(&output)),
            log,
        }
    })
}

/// Asks the host's systemd over ssh; what stands in the way, if it gives no final answer.
fn ask(lab: &Lab, node: &LabNode) -> Result<String, String> {
    let config = ssh::config(&lab.name);
    let config = config.to_string_lossy();
    let options = ["-F", &config, "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "ControlPath=none"];
    // Its exit status tells `degraded` apart, which is good enough here; the word on its output tells more.
    let question = [node.name.as_str(), "timeout 60 systemctl is-system-running --wait || true"];
    let answer = program::run("asking over ssh", "ssh", &[&options[..], &question[..]].concat());
    let word = answer.map_err(|error| error.to_string())?.trim().to_owned();
    if matches!(word.as_str(), "running" | "degraded") { Ok(word) } else { Err(format!("its systemd is {word:?}")) }
}
