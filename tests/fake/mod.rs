//! Made-up hosts behind `host::Transport`: they keep what runs did to them, answer from it, and fail where they are told.
//!
//! Scripts are told apart by [`Command::step`]; the scripts themselves are proven on real hosts (the lab) and real shells. The
//! world's clock follows tokio's, so that under a paused runtime a wait of minutes costs nothing, and timers of hosts fire.
#![allow(dead_code, reason = "every test file uses another part of it")]
#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]
#![allow(clippy::result_large_err, reason = "the error of a run says much, and is made once")]

pub(crate) mod bench;
mod daemons;
mod farewell;
mod lock;
mod machine;
mod patroni;
mod probe;
mod state;
mod undo;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) use machine::{Live, Machine, Unit};
use patroni::Member;
use quorate::cluster::{Cluster, NodeName};
use quorate::host::{Answer, Command, Fleet, Hold, Host, HostError, Output, Transport};
use serde_json::Value;

/// How a command fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends with an exit code and does nothing.
    Code(i32),
    /// The line breaks before it began.
    LostBefore,
    /// It is done, but its answer never arrives.
    LostAfter,
    /// The run was killed: neither this command nor any after it arrives.
    Dead,
}

/// What makes a daemon sick: a file of its own with this text in it, once it was read.
#[derive(Debug, Clone)]
pub(crate) struct Sick {
    pub(crate) node: NodeName,
    pub(crate) unit: &'static str,
    pub(crate) needle: String,
    /// Whether it stays so when the file goes back.
    pub(crate) stubborn: bool,
}

/// All hosts, what is done to them, and what must never be seen.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) machines: BTreeMap<NodeName, Machine>,
    pub(crate) members: BTreeMap<NodeName, Member>,
    addresses: BTreeMap<NodeName, String>,
    /// What the cluster's creation writes into the DCS.
    first_settings: Value,
    /// Patroni's settings in the DCS.
    pub(crate) dcs: Value,
    /// What each role was last made as.
    pub(crate) roles: BTreeMap<String, String>,
    pub(crate) clock: f64,
    /// The moment of tokio's clock and of ours at which this run began.
    epoch: Option<(tokio::time::Instant, f64)>,
    pub(crate) leader: Option<NodeName>,
    pub(crate) etcd_leader: Option<NodeName>,
    pub(crate) vip: Option<NodeName>,
    vip_free_since: f64,
    timeline: u32,
    sync: Option<NodeName>,
    /// Every command that arrived, in order.
    pub(crate) seen: Vec<(NodeName, Command)>,
    /// The number of the command that fails, from 0, and how.
    pub(crate) fault: Option<(usize, Fault)>,
    dead: bool,
    pub(crate) sick: Vec<Sick>,
    /// Parameters as `name=value` that PostgreSQL refuses when it is asked before.
    pub(crate) refused: BTreeSet<String>,
    /// A parameter with the value with which PostgreSQL does not start on a node.
    pub(crate) unstartable: Option<(String, String, NodeName)>,
    /// A setting with the value with which a member does not stream.
    pub(crate) upset: Option<(&'static str, Value, NodeName)>,
    /// The number of the command before which somebody takes the locks away.
    pub(crate) unlock_at: Option<usize>,
    /// Where the new process of a reloaded HAProxy does not come up.
    pub(crate) stuck: BTreeSet<NodeName>,
    /// What was seen and must not be.
    pub(crate) violations: Vec<String>,
    /// All three voters were once well together: from then on two are never away.
    serving: bool,
    /// How often a leader's PostgreSQL was restarted in place.
    pub(crate) leader_restarts: u32,
    pub(crate) switchovers: u32,
    /// What a host's first answer says instead of something else.
    pub(crate) altered: BTreeMap<NodeName, (String, String)>,
}

#[derive(Clone)]
pub(crate) struct Shared(pub(crate) Arc<Mutex<World>>);

struct Line(NodeName, Shared);

impl Transport for Line {
    fn run<'a>(&'a self, command: &'a Command) -> Answer<'a> {
        Box::pin(async move {
            let (answer, after) = self.1.with(|world| world.arrive(&self.0, command));
            tokio::time::sleep(after).await;
            answer
        })
    }

    fn hold<'a>(&'a self, command: &'a Command) -> Hold<'a> {
        Box::pin(lock::hold(&self.1, &self.0, command))
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {})
    }
}

impl Shared {
    /// Bare hosts for a cluster; `dcs` is what its bootstrap will write there.
    pub(crate) fn bare(cluster: &Cluster, dcs: Value) -> Self {
        let of = |node: &quorate::cluster::Node| (node.name.clone(), node.address.to_string());
        let addresses: BTreeMap<NodeName, String> = cluster.nodes.iter().map(of).collect();
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Self::of(World {
            machines: addresses.keys().map(|name| (name.clone(), Machine::default())).collect(),
            members: addresses.keys().map(|name| (name.clone(), Member::default())).collect(),
            addresses,
            first_settings: dcs,
            dcs: Value::Null,
            roles: BTreeMap::new(),
            clock: since.as_secs_f64(),
            epoch: None,
            leader: None,
            etcd_leader: None,
            vip: None,
            vip_free_since: 0.0,
            timeline: 1,
            sync: None,
            seen: Vec::new(),
            fault: None,
            dead: false,
            sick: Vec::new(),
            refused: BTreeSet::new(),
            unstartable: None,
            upset: None,
            unlock_at: None,
            stuck: BTreeSet::new(),
            altered: BTreeMap::new(),
            violations: Vec::new(),
            serving: false,
            leader_restarts: 0,
            switchovers: 0,
        })
    }

    pub(crate) fn of(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn fleet(&self) -> Fleet {
        let names: Vec<NodeName> = self.with(|world| world.machines.keys().cloned().collect());
        Fleet::new(names.into_iter().map(|name| Host::new(name.clone(), Box::new(Line(name, self.clone())))))
    }

    /// A look at it, or a change by hand.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(crate) fn machines(&self) -> BTreeMap<NodeName, Machine> {
        self.with(|world| world.machines.clone())
    }

    /// The steps of all commands from a number on.
    pub(crate) fn steps(&self, from: usize) -> Vec<String> {
        self.with(|world| world.seen[from..].iter().map(|(_, command)| command.step.clone()).collect())
    }
}

/// The survey of a bare lab host, as the host of that address would give it now.
pub(crate) fn survey(address: &str, clock: f64) -> String {
    include_str!("../fixtures/host/survey-fresh.txt")
        .replace("1795386908.478594415", &format!("{clock:.9}"))
        .replace("192.168.13.45", address)
}

/// How long a command and its answer are under way.
const LATENCY: Duration = Duration::from_millis(5);
/// The exit code of a command that finds the lock another's.
const FENCED: i32 = 91;

impl World {
    /// A run begins: nothing of a former one's death is left, and time goes on from where it is.
    pub(crate) fn begin(&mut self) {
        (self.dead, self.epoch) = (false, None);
    }

    /// A host gets another name.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        let [from, to] = [from, to].map(|name| NodeName::new(name).unwrap());
        let member = self.members.remove(&from).unwrap();
        self.members.insert(to.clone(), member);
        let address = self.addresses.remove(&from).unwrap();
        self.addresses.insert(to, address);
    }

    /// Time goes by without any run.
    pub(crate) fn pass(&mut self, seconds: f64) {
        self.epoch = None;
        // In steps, so that what depends on each other happens in its order.
        let until = self.clock + seconds;
        while self.clock < until {
            self.clock = (self.clock + 1.0).min(until);
            self.tick();
        }
    }

    /// The clock follows tokio's; hosts do what they do by themselves.
    fn now(&mut self) {
        let (began, clock) = *self.epoch.get_or_insert((tokio::time::Instant::now(), self.clock));
        self.clock = (self.clock + 0.001).max(clock + began.elapsed().as_secs_f64());
        self.tick();
    }

    fn tick(&mut self) {
        self.fire();
        self.expire();
        self.look();
        self.elect();
        self.watch();
    }

    fn violation(&mut self, text: String) {
        if !self.violations.contains(&text) {
            self.violations.push(text);
        }
    }

    /// Notes a command, and says whether it arrives: `None`, or how it fails.
    fn strikes(&mut self, name: &NodeName, command: &Command) -> Option<Fault> {
        if self.dead {
            return Some(Fault::Dead);
        }
        self.now();
        let number = self.seen.len();
        if self.unlock_at == Some(number) {
            self.break_locks();
        }
        self.seen.push((name.clone(), command.clone()));
        let fault = self.fault.filter(|(at, _)| *at == number).map(|(_, fault)| fault);
        self.dead = fault == Some(Fault::Dead);
        fault
    }

    fn arrive(&mut self, name: &NodeName, command: &Command) -> (Result<Output, HostError>, Duration) {
        let output =
            |code, text: String| Output { code, stdout: text.into_bytes(), stderr: b"the fake said so".to_vec() };
        let lost = || HostError::Lost { host: name.to_string(), step: command.step.clone() };
        match self.strikes(name, command) {
            Some(Fault::Code(code)) => (Ok(output(code, String::new())), LATENCY),
            Some(Fault::LostBefore | Fault::Dead) => (Err(lost()), LATENCY),
            Some(Fault::LostAfter) => {
                let (_, _, after) = self.fenced(name, command);
                (Err(lost()), LATENCY + after)
            }
            None => {
                let (code, text, after) = self.fenced(name, command);
                (Ok(output(code, text)), LATENCY + after)
            }
        }
    }

    /// A command of a run whose lock is gone does nothing.
    fn fenced(&mut self, name: &NodeName, command: &Command) -> (i32, String, Duration) {
        let held = self.machines[name].lock.as_ref().map(|lock| lock.token.as_str());
        if command.fence.is_some() && command.fence.as_deref() != held {
            return (FENCED, String::new(), Duration::ZERO);
        }
        let done = self.act(name, command);
        self.watch();
        done
    }

    /// Does what the command's script would do; its exit code, its standard output, and how long it takes.
    fn act(&mut self, name: &NodeName, command: &Command) -> (i32, String, Duration) {
        let at_once = |code, text| (code, text, Duration::ZERO);
        let (clock, args) = (self.clock, &command.args);
        let step = command.step.as_str();
        let verb = step.split(' ').next().unwrap();
        match verb {
            "asking" if step == "asking the cluster" => {
                let (code, text) = self.probe(name, command);
                at_once(code, text)
            }
            "surveying" => {
                let mut text = survey(&self.addresses[name], clock);
                if let Some((from, to)) = self.altered.get(name) {
                    text = text.replace(from, to);
                }
                text += &state::remembered(&self.machines[name], clock);
                // With the probe among its arguments, the cluster is asked too.
                let told = if args[0].is_empty() { String::new() } else { self.probe(name, command).1 };
                at_once(0, format!("{text}=probe 0 {}\n{told}\n", told.len()))
            }
            "reading" if step == "reading what there is of ours" => at_once(0, self.remains(name, args)),
            "removing" | "forgetting" => {
                let (code, text) = self.remove(name, command);
                at_once(code, text)
            }
            "tidying" => {
                self.machines.get_mut(name).unwrap().lock = None;
                at_once(0, String::new())
            }
            "reading" if step.ends_with("state") => at_once(0, state::state(&self.machines[name], args, clock)),
            "reading" if step == "reading what differs" => at_once(0, self.details(name, args)),
            "looking" => {
                at_once(0, self.machines[name].lock.as_ref().map(|lock| lock.line.clone()).unwrap_or_default())
            }
            "reading" if step == "reading the journal's end" => {
                let machine = &self.machines[name];
                let lines: String = machine.journal.iter().map(quorate::host::journal::Record::line).collect();
                at_once(0, format!("{}\n{lines}", state::journal_size(machine)))
            }
            "reading" => at_once(0, String::new()),
            "judging" => at_once(i32::from(args[2..].iter().any(|one| self.refused.contains(one))), String::new()),
            "making" if step.contains("roles") => at_once(self.sql(name, command), String::new()),
            "starting" | "stopping" => {
                let unit = args.first().map_or("keepalived.service", String::as_str);
                at_once(if verb == "starting" { self.start(name, unit) } else { self.stop(name, unit) }, String::new())
            }
            "reloading" => at_once(self.reload_by_hand(name, &args[0]), String::new()),
            "activating" => {
                let (code, seconds) = self.activate(name, command);
                (code, String::new(), Duration::from_secs_f64(seconds))
            }
            "undoing" | "confirming" => at_once(self.settle(name, verb, &args[0]), String::new()),
            "taking" if step == "taking unconfirmed changes over" => {
                self.machines.get_mut(name).unwrap().disarm(args);
                at_once(0, String::new())
            }
            "marking" => {
                self.machines.get_mut(name).unwrap().mark_pause(clock, args[0].parse().unwrap());
                at_once(0, String::new())
            }
            "taking" if step.contains("the pause") => {
                self.machines.get_mut(name).unwrap().pause = None;
                at_once(0, String::new())
            }
            "keeping" | "waiting" | "following"
                if step.contains("server") || step.contains("HAProxy") || step.contains("the leader") =>
            {
                let (code, seconds) = self.haproxy_socket(name, &args[2], &command.stdin);
                (code, String::new(), Duration::from_secs_f64(seconds))
            }
            _ if command.stdin.starts_with(b"{") && command.stdin.windows(8).any(|part| part == b"\"method\"") => {
                self.http(name, command)
            }
            _ => at_once(self.machines.get_mut(name).unwrap().act(command, clock), String::new()),
        }
    }

    fn runs(&self, name: &NodeName, unit: &str) -> bool {
        self.machines[name].units.get(unit).is_some_and(Unit::runs)
    }

    fn node_at(&self, address: &str) -> Option<NodeName> {
        self.addresses.iter().find(|(_, known)| *known == address).map(|(name, _)| name.clone())
    }
}
