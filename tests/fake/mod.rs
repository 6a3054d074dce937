//! Three made-up hosts behind `host::Transport`: they keep what a run did to them, answer from it, and fail where they are told.
//!
//! Scripts are told apart by [`Command::step`]; the scripts themselves are proven on real hosts (the lab) and real shells.
#![allow(dead_code, reason = "every test file uses another part of it")]
#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use quorate::cluster::{Cluster, NodeName, sha256};
use quorate::host::{Answer, Command, Fleet, Held, Hold, Host, HostError, Output, Transport};
use serde_json::{Value, json};

/// How a command fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends with an exit code and does nothing.
    Code(i32),
    /// The line breaks before it began.
    LostBefore,
    /// It is done, but its answer never arrives.
    LostAfter,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Live {
    owner: String,
    group: String,
    mode: u32,
    bytes: Option<Vec<u8>>,
    modified: f64,
}

impl Live {
    pub(crate) fn is_folder(&self) -> bool {
        self.bytes.is_none()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes.clone().unwrap()).unwrap()
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Unit {
    active: bool,
    pub(crate) enabled: bool,
    masked: bool,
    started: f64,
    reloaded: f64,
}

impl Unit {
    pub(crate) fn runs(&self) -> bool {
        self.active
    }

    pub(crate) fn reloaded_since(&self, before: &Self) -> bool {
        self.reloaded > before.reloaded
    }

    pub(crate) fn restarted_since(&self, before: &Self) -> bool {
        self.started > before.started
    }
}

/// One host's memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Machine {
    pub(crate) live: BTreeMap<String, Live>,
    pub(crate) staged: BTreeMap<String, Live>,
    accounts: BTreeSet<String>,
    packages: BTreeSet<String>,
    programs: BTreeMap<String, String>,
    links: BTreeMap<String, String>,
    pub(crate) units: BTreeMap<String, Unit>,
    owner: String,
}

/// All hosts, and what is done to them.
pub(crate) struct World {
    pub(crate) machines: BTreeMap<NodeName, Machine>,
    addresses: BTreeMap<NodeName, String>,
    dcs: Value,
    clock: f64,
    /// The node that created the database.
    pub(crate) leader: Option<NodeName>,
    /// Every command that arrived, in order.
    pub(crate) seen: Vec<(NodeName, Command)>,
    /// The number of the command that fails, from 0, and how.
    pub(crate) fault: Option<(usize, Fault)>,
}

#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Mutex<World>>);

struct Line(NodeName, Shared);

impl Transport for Line {
    fn run<'a>(&'a self, command: &'a Command) -> Answer<'a> {
        Box::pin(async move { self.1.0.lock().unwrap().arrive(&self.0, command) })
    }

    /// Whoever asks for a lock has it.
    fn hold<'a>(&'a self, _: &'a Command) -> Hold<'a> {
        let answer = Output { code: 0, stdout: Vec::new(), stderr: Vec::new() };
        Box::pin(async { Ok((answer, Some(Box::new(Nothing) as Box<dyn Held>))) })
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }
}

/// A guard of nothing.
struct Nothing;

impl Held for Nothing {
    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }
}

impl Shared {
    /// Bare hosts for a cluster; `dcs` is what its bootstrap will write there.
    pub(crate) fn bare(cluster: &Cluster, dcs: Value) -> Self {
        let of = |node: &quorate::cluster::Node| (node.name.clone(), node.address.to_string());
        let addresses: BTreeMap<NodeName, String> = cluster.nodes.iter().map(of).collect();
        let machines = addresses.keys().map(|name| (name.clone(), Machine::default())).collect();
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let (clock, leader, seen, fault) = (since.as_secs_f64(), None, Vec::new(), None);
        Self(Arc::new(Mutex::new(World { machines, addresses, dcs, clock, leader, seen, fault })))
    }

    pub(crate) fn fleet(&self) -> Fleet {
        let names: Vec<NodeName> = self.0.lock().unwrap().machines.keys().cloned().collect();
        Fleet::new(names.into_iter().map(|name| Host::new(name.clone(), Box::new(Line(name, self.clone())))))
    }
}

/// The survey of a bare lab host, as the host of that address would give it now.
pub(crate) fn survey(address: &str, clock: f64) -> String {
    include_str!("../fixtures/host/survey-fresh.txt")
        .replace("1795386908.478594415", &format!("{clock:.9}"))
        .replace("192.168.13.45", address)
}

impl World {
    fn arrive(&mut self, name: &NodeName, command: &Command) -> Result<Output, HostError> {
        let number = self.seen.len();
        self.seen.push((name.clone(), command.clone()));
        self.clock += 0.01;
        let output =
            |code, text: String| Output { code, stdout: text.into_bytes(), stderr: b"the fake said so".to_vec() };
        let lost = || HostError::Lost { host: name.to_string(), step: command.step.clone() };
        match self.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault) {
            Some(Fault::Code(code)) => Ok(output(code, String::new())),
            Some(Fault::LostBefore) => Err(lost()),
            Some(Fault::LostAfter) => {
                self.act(name, command);
                Err(lost())
            }
            None => {
                let (code, text) = self.act(name, command);
                Ok(output(code, text))
            }
        }
    }

    /// Does what the command's script would do; its exit code and standard output.
    fn act(&mut self, name: &NodeName, command: &Command) -> (i32, String) {
        let (clock, args) = (self.clock, &command.args);
        let verb = command.step.split(' ').next().unwrap();
        if verb == "asking" {
            return self.probe(name, command);
        }
        let machine = self.machines.get_mut(name).unwrap();
        match verb {
            "surveying" => return (0, survey(&self.addresses[name], clock)),
            "reading" if command.step.ends_with("state") => return (0, state(machine, args, clock)),
            "making" if command.step.contains("roles") => {
                assert!(self.leader.is_some(), "roles are made without a database");
            }
            "reading" | "waking" => {}
            "claiming" => machine.owner.clone_from(&args[0]),
            "masking" => {
                for unit in args {
                    machine.units.entry(unit.clone()).or_default().masked = true;
                }
            }
            "installing" => machine.packages.extend(args.iter().cloned()),
            "shipping" => drop(machine.programs.insert(args[0].clone(), args[1].clone())),
            "linking" => machine.links.extend(args.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()))),
            "making" if command.step == "making accounts" => {
                machine.accounts.extend(args.chunks(2).map(|pair| pair[0].clone()));
            }
            "making" if command.step == "making folders" => {
                for four in args.chunks(4) {
                    let (owner, group) = (four[1].clone(), four[2].clone());
                    let mode = u32::from_str_radix(&four[3], 8).unwrap();
                    machine.live.insert(four[0].clone(), Live { owner, group, mode, bytes: None, modified: clock });
                }
            }
            "staging" => {
                let mut rest = command.stdin.as_slice();
                for nine in args.chunks(9) {
                    let (bytes, after) = rest.split_at(nine[4].parse().unwrap());
                    assert_eq!(sha256(bytes), nine[5], "{} did not arrive whole", nine[0]);
                    rest = after;
                    let mode = u32::from_str_radix(&nine[3], 8).unwrap();
                    let (owner, group, bytes) = (nine[1].clone(), nine[2].clone(), Some(bytes.to_vec()));
                    machine.staged.insert(nine[0].clone(), Live { owner, group, mode, bytes, modified: clock });
                }
                assert!(rest.is_empty(), "more bytes than files");
            }
            "making" => {
                for path in args {
                    let Some(staged) = machine.staged.remove(path) else { return (1, String::new()) };
                    machine.live.insert(path.clone(), staged);
                }
            }
            "discarding" => machine.staged.retain(|path, _| !args.contains(path)),
            "starting" => return (self.start(name, &args[0]), String::new()),
            "reloading" => {
                let unit = machine.units.entry(args[0].clone()).or_default();
                assert!(unit.active, "{} is reloaded, but does not run", args[0]);
                unit.reloaded = clock;
            }
            _ => panic!("the fake does not know the step {:?}", command.step),
        }
        (0, String::new())
    }

    fn start(&mut self, name: &NodeName, unit: &str) -> i32 {
        let machine = &self.machines[name];
        if !machine.live.contains_key(&format!("/etc/systemd/system/{unit}")) {
            return 5;
        }
        if unit == "patroni.service" {
            let config = machine.live.get("/etc/patroni/patroni.yml").and_then(|file| file.bytes.clone()).unwrap();
            if String::from_utf8(config).unwrap().contains("\nbootstrap:") && self.leader.is_none() {
                self.leader = Some(name.clone());
            }
        }
        let clock = self.clock;
        let state = self.machines.get_mut(name).unwrap().units.entry(unit.to_owned()).or_default();
        state.enabled = true;
        if !state.active {
            (state.active, state.started) = (true, clock);
        }
        0
    }

    fn runs(&self, name: &NodeName, unit: &str) -> bool {
        self.machines[name].units.get(unit).is_some_and(|unit| unit.active)
    }

    /// The healthy lab's answers, without those of what does not run here.
    fn probe(&self, name: &NodeName, command: &Command) -> (i32, String) {
        let asked: Value = serde_json::from_slice(&command.stdin).unwrap();
        let machine = &self.machines[name];
        let installed = machine.programs.keys().any(|root| command.args[0].starts_with(root.as_str()));
        if !installed {
            return (3, String::new());
        }
        let text = match name.as_str() {
            "db01" => include_str!("../fixtures/probe/probe-db01.json"),
            "db02" => include_str!("../fixtures/probe/probe-db02.json"),
            _ => include_str!("../fixtures/probe/probe-db03.json"),
        };
        let mut answers: Value = serde_json::from_str(text).unwrap();
        let refused = json!({"error": "connection refused"});
        let member = |node: &NodeName| self.runs(node, "patroni.service") && self.leader.is_some();
        let mut silence = |prefix: &str| {
            for (question, answer) in answers.as_object_mut().unwrap() {
                if question.starts_with(prefix) {
                    *answer = refused.clone();
                }
            }
        };
        for (unit, prefix) in [("etcd.service", "etcd"), ("haproxy.service", "haproxy"), ("patroni.service", "patroni")]
        {
            if !self.runs(name, unit) || (prefix == "patroni" && !member(name)) {
                silence(prefix);
            }
        }
        if let Some(members) = answers.pointer_mut("/patroni_cluster/ok/body/members") {
            let joined =
                |value: &Value| self.machines.keys().any(|node| value["name"] == node.as_str() && member(node));
            members.as_array_mut().unwrap().retain(joined);
        }
        if let Some(config) = answers.pointer_mut("/patroni_config/ok/body") {
            *config = self.dcs.clone();
        }
        let holder = self.machines.keys().find(|node| self.runs(node, "keepalived.service"));
        answers["vip"] = json!({"ok": holder == Some(name)});
        let healthy = json!({"ok": {
            "primary": {"in_recovery": false, "address": "192.168.13.45", "version": "17"}, "write_ms": 5,
            "replica": {"in_recovery": true, "address": "192.168.13.46", "version": "17"}, "seen": true, "read_ms": 5,
        }});
        let reachable = holder.is_some() && self.machines.keys().all(member);
        answers["sql"] = match (asked["sql"].is_null(), reachable) {
            (true, _) => Value::Null,
            (false, true) => healthy,
            (false, false) => refused,
        };
        for (unit, state) in answers.pointer_mut("/units/ok").unwrap().as_object_mut().unwrap() {
            let (active, enabled) = machine.units.get(unit).map_or((false, false), |unit| (unit.active, unit.enabled));
            state["active"] = json!(if active { "active" } else { "inactive" });
            state["enabled"] = json!(if enabled { "enabled" } else { "disabled" });
        }
        (0, answers.to_string())
    }
}

/// What `state.sh` would print.
fn state(machine: &Machine, args: &[String], clock: f64) -> String {
    const UPTIME: f64 = 1000.0;
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    for pair in args.chunks(2) {
        let name = pair[1].as_str();
        let mut add = |section, line: String| sections.entry(section).or_default().push_str(&line);
        match pair[0].as_str() {
            "path" => {
                if let Some(Live { owner, group, mode, bytes, modified }) = machine.live.get(name) {
                    let kind = if bytes.is_some() { "regular file" } else { "directory" };
                    add("entries", format!("{owner} {group} {mode:o} {kind}|{modified:.9}|{name}\n"));
                }
            }
            "file" => {
                if let Some(bytes) = machine.live.get(name).and_then(|file| file.bytes.as_ref()) {
                    add("sums", format!("{}  {name}\n", sha256(bytes)));
                }
            }
            "account" if machine.accounts.contains(name) => add("accounts", format!("{name}\n")),
            "package" if machine.packages.contains(name) => add("packages", format!("{name}\n")),
            "program" => {
                if let Some(sum) = machine.programs.get(name) {
                    add("programs", format!("{sum} {name}\n"));
                }
            }
            "link" => {
                if let Some(target) = machine.links.get(name) {
                    add("links", format!("{name} -> {target}\n"));
                }
            }
            "data" => {
                let unit = if name.contains("etcd") { "etcd.service" } else { "patroni.service" };
                if machine.units.get(unit).is_some_and(|unit| unit.active) {
                    add("data", format!("{name}\n"));
                }
            }
            "identity" if machine.units.get("patroni.service").is_some_and(|unit| unit.active) => {
                let file = machine.live.get(name).and_then(|file| file.bytes.as_ref());
                for line in file.map(|bytes| String::from_utf8_lossy(bytes)).unwrap_or_default().lines() {
                    add("identity", format!("{line}\n"));
                }
            }
            "unit" => {
                let unit = machine.units.get(name).cloned().unwrap_or_default();
                let found = machine.live.contains_key(&format!("/etc/systemd/system/{name}"));
                let load = if unit.masked {
                    "masked"
                } else if found {
                    "loaded"
                } else {
                    "not-found"
                };
                let active = if unit.active { "active" } else { "inactive" };
                let enabled = if unit.enabled { "enabled" } else { "" };
                let micros = if unit.active { (unit.started - clock + UPTIME) * 1e6 } else { 0.0 };
                let mut block = format!(
                    "Unit={name}\nLoadState={load}\nActiveState={active}\nUnitFileState={enabled}\n\
                     NeedDaemonReload=no\nExecMainStartTimestampMonotonic={micros:.0}\n"
                );
                if unit.reloaded > 0.0 {
                    writeln!(block, "Reloaded={:.9}", unit.reloaded).unwrap();
                }
                add("units", format!("{block}\n"));
            }
            _ => {}
        }
    }
    let mut text = String::new();
    sections.insert("clock", format!("{clock:.9}"));
    sections.insert("uptime", format!("{UPTIME} 1"));
    sections.insert("owner", machine.owner.clone());
    sections.entry("data").or_default();
    for (name, body) in sections {
        let body = body.trim_end();
        writeln!(text, "={name} 0 {}\n{body}", body.len()).unwrap();
    }
    text
}
