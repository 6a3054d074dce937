//! Patroni's REST API and PostgreSQL behind it: settings that members learn when they look, restarts, the switchover.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate::cluster::NodeName;
use quorate::component::rules::ORDERED;
use quorate::host::Command;
use serde_json::{Value, json};

use super::World;
use super::daemons::CHECKS;
use crate::common::postgres::{gucs, setting};

/// How long PostgreSQL is away when it restarts.
const RESTART: f64 = 1.0;
/// etcd's ids of its members, as in the recorded answers.
pub(super) const IDS: [(&str, &str); 3] =
    [("db01", "17620702705754907108"), ("db02", "772954328177792199"), ("db03", "2981375022979032514")];

/// One member: what it has seen of the settings, and what its PostgreSQL runs with.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Member {
    /// Parameters that PostgreSQL runs with, in `pg_settings`' units; the others are the recorded ones.
    pub(crate) running: BTreeMap<String, String>,
    /// Parameters of its own file, as last read.
    local: BTreeMap<String, Value>,
    known: Value,
    looks_at: f64,
    /// When it saw the DCS last.
    pub(super) seen_at: f64,
    /// Its file was read since it looked last.
    stale: bool,
    pub(super) away_until: f64,
    /// PostgreSQL does not start with what it was given.
    pub(super) failed: bool,
    pub(crate) restarts: u32,
}

impl Member {
    pub(super) fn joined(&self) -> bool {
        !self.running.is_empty()
    }

    pub(super) fn is_away(&self, clock: f64) -> bool {
        self.failed || self.away_until > clock
    }

    pub(super) fn value(&self, parameter: &str) -> String {
        self.running.get(parameter).cloned().unwrap_or_else(|| gucs()[parameter].setting.clone())
    }

    pub(super) fn paused(&self) -> bool {
        self.known["pause"] == true
    }

    /// What the settings ask for, in PostgreSQL's own units.
    fn wanted(&self) -> BTreeMap<String, String> {
        let shared = self.known["postgresql"]["parameters"].as_object().into_iter().flatten();
        let mut wanted = BTreeMap::new();
        for (name, value) in shared.chain(&self.local) {
            if let Some(guc) = gucs().get(name) {
                wanted.insert(name.clone(), setting(guc, value));
            }
        }
        wanted
    }

    /// Whether PostgreSQL runs with other values of what only a start takes over.
    pub(super) fn pending(&self) -> bool {
        let wanted = self.wanted();
        let names = wanted.keys().chain(self.running.keys());
        names.filter(|name| gucs()[*name].postmaster).any(|name| {
            let target = wanted.get(name).cloned().unwrap_or_else(|| gucs()[name].setting.clone());
            target != self.value(name)
        })
    }
}

/// Merges as `PATCH /config` does: objects are merged, null takes out, everything else is replaced.
pub(super) fn merge(into: &mut Value, patch: &Value) {
    let (Value::Object(into), Value::Object(patch)) = (into, patch) else { return };
    for (key, value) in patch {
        if value.is_null() {
            into.remove(key);
        } else if value.is_object() && into.get(key).is_some_and(Value::is_object) {
            merge(&mut into[key], value);
        } else {
            into.insert(key.clone(), value.clone());
        }
    }
}

impl World {
    /// Whether Patroni answers on a node.
    pub(super) fn patroni_answers(&self, name: &NodeName) -> bool {
        let unit = self.machines[name].units.get("patroni.service");
        unit.is_some_and(|unit| unit.active && !unit.sick && self.clock >= unit.busy_until)
            && self.members[name].joined()
    }

    pub(super) fn streams(&self, name: &NodeName) -> bool {
        let member = &self.members[name];
        let upset = self
            .upset
            .as_ref()
            .is_some_and(|(path, value, node)| node == name && member.known.pointer(path) == Some(value));
        self.leader.as_ref() != Some(name) && member.joined() && !member.is_away(self.clock) && !upset
    }

    /// The process began: it reads its file, and may create the database, or join it.
    pub(super) fn patroni_started(&mut self, name: &NodeName) {
        let creates = self.machines[name].live["/etc/patroni/patroni.yml"].holds("\nbootstrap:");
        if creates && self.leader.is_none() {
            (self.leader, self.dcs) = (Some(name.clone()), self.first_settings.clone());
        }
        self.patroni_reads(name);
        if self.leader.is_some() && !self.members[name].joined() {
            let running = self.effective(name);
            self.members.get_mut(name).unwrap().running = running;
        }
    }

    /// Patroni reads its file, and looks at the DCS.
    pub(super) fn patroni_reads(&mut self, name: &NodeName) {
        let text = self.machines[name].live["/etc/patroni/patroni.yml"].text();
        let file: Value = serde_yaml::from_str(&text).unwrap();
        let local = file["postgresql"]["parameters"].as_object().cloned().unwrap_or_default();
        let member = self.members.get_mut(name).unwrap();
        (member.local, member.stale) = (local.into_iter().collect(), true);
        self.look_at(name);
    }

    /// What a start of PostgreSQL would give it; a standby never takes less than its leader had.
    fn effective(&self, name: &NodeName) -> BTreeMap<String, String> {
        let mut wanted = self.members[name].wanted();
        let leader = self.leader.as_ref().filter(|leader| *leader != name).map(|leader| &self.members[leader]);
        for parameter in ORDERED {
            let number = |text: String| text.parse::<i64>().unwrap_or(0);
            let least = leader.filter(|leader| leader.joined()).map_or(0, |leader| number(leader.value(parameter)));
            let own = wanted.get(*parameter).cloned().unwrap_or_else(|| gucs()[*parameter].setting.clone());
            if number(own) < least {
                wanted.insert((*parameter).to_owned(), least.to_string());
            }
        }
        wanted
    }

    /// Every member looks at the DCS when its time has come.
    pub(super) fn look(&mut self) {
        let due: Vec<NodeName> =
            self.members.iter().filter(|(_, one)| one.looks_at <= self.clock).map(|(name, _)| name.clone()).collect();
        for name in due {
            if self.patroni_answers(&name) {
                self.look_at(&name);
            }
        }
        if !self.sync.as_ref().is_some_and(|name| self.streams(name)) {
            self.sync = self.members.keys().find(|name| self.streams(name)).cloned();
        }
    }

    fn look_at(&mut self, name: &NodeName) {
        let clock = self.clock;
        let member = self.members.get_mut(name).unwrap();
        (member.seen_at, member.looks_at) = (clock, clock + self.dcs["loop_wait"].as_f64().unwrap_or(10.0));
        let news = member.known != self.dcs || member.stale || member.failed;
        if !news || !member.joined() {
            if news {
                member.known = self.dcs.clone();
            }
            return;
        }
        (member.known, member.stale) = (self.dcs.clone(), false);
        // A reload of PostgreSQL takes over what needs no start.
        let start_only = |name: &String| gucs().get(name).is_some_and(|guc| guc.postmaster);
        let mut running = member.wanted();
        running.retain(|name, _| !start_only(name));
        running.extend(member.running.iter().filter(|(name, _)| start_only(name)).map(|(a, b)| (a.clone(), b.clone())));
        member.running = running;
        if self.members[name].failed && !self.fails(name) {
            let running = self.effective(name);
            let member = self.members.get_mut(name).unwrap();
            (member.failed, member.away_until, member.running) = (false, clock + RESTART, running);
        }
    }

    fn fails(&self, name: &NodeName) -> bool {
        let with = self.effective(name);
        self.unstartable.as_ref().is_some_and(|(parameter, value, node)| {
            node == name && with.get(parameter) == Some(&setting(&gucs()[parameter], &json!(value)))
        })
    }

    /// A request to a service of the cluster; exit code, answer and how long it takes.
    pub(super) fn http(&mut self, host: &NodeName, command: &Command) -> (i32, String, Duration) {
        let asked: Value = serde_json::from_slice(&command.stdin).unwrap();
        let url = asked["url"].as_str().unwrap().strip_prefix("http://").unwrap();
        let (place, path) = url.split_at(url.find('/').unwrap());
        let node = self.node_at(place.split(':').next().unwrap()).unwrap();
        assert!(self.machines[host].programs.keys().any(|root| command.args[0].starts_with(root.as_str())));
        let answers = if path.starts_with("/v3") { self.etcd_healthy(&node) } else { self.patroni_answers(&node) };
        if !answers {
            return (1, String::new(), Duration::ZERO);
        }
        let (status, body, seconds) = match path {
            "/config" => self.patch(&node, &asked["body"]),
            "/restart" => self.restart_postgresql(&node),
            "/switchover" => self.switch(&asked["body"]),
            "/v3/cluster/member/list" => {
                let members: Vec<Value> = IDS.iter().map(|(name, id)| json!({"name": name, "ID": id})).collect();
                (200, json!({"members": members}).to_string(), 0.0)
            }
            "/v3/maintenance/transfer-leadership" => {
                let target = IDS.iter().find(|(_, id)| asked["body"]["targetID"] == *id).unwrap().0;
                self.etcd_leader = Some(NodeName::new(target).unwrap());
                (200, "{}".to_owned(), 0.0)
            }
            other => panic!("the fake does not know {other}"),
        };
        (0, json!({"status": status, "body": body}).to_string(), Duration::from_secs_f64(seconds))
    }

    fn patch(&mut self, node: &NodeName, body: &Value) -> (u16, String, f64) {
        merge(&mut self.dcs, body);
        self.look_at(node);
        (200, String::new(), 0.0)
    }

    fn restart_postgresql(&mut self, name: &NodeName) -> (u16, String, f64) {
        let clock = self.clock;
        self.look_at(name);
        let (fails, running, leads) = (self.fails(name), self.effective(name), self.leader.as_ref() == Some(name));
        let member = self.members.get_mut(name).unwrap();
        member.restarts += 1;
        if fails {
            member.failed = true;
            return (503, "postgres is not running".to_owned(), RESTART);
        }
        (member.away_until, member.running, member.failed) = (clock + RESTART, running, false);
        if leads {
            self.leader_restarts += 1;
            self.blind();
        }
        (200, "restarted successfully".to_owned(), RESTART)
    }

    fn switch(&mut self, body: &Value) -> (u16, String, f64) {
        let node = |key: &str| NodeName::new(body[key].as_str().unwrap()).unwrap();
        let (leader, candidate) = (node("leader"), node("candidate"));
        if self.leader.as_ref() != Some(&leader) || !self.streams(&candidate) {
            return (412, "candidate does not fit".to_owned(), 0.0);
        }
        self.leader = Some(candidate);
        self.timeline += 1;
        self.switchovers += 1;
        let (clock, running, fails) = (self.clock, self.effective(&leader), self.fails(&leader));
        let member = self.members.get_mut(&leader).unwrap();
        member.restarts += 1;
        if fails {
            member.failed = true;
        } else {
            (member.away_until, member.running) = (clock + RESTART, running);
        }
        self.sync = None;
        self.blind();
        (200, "Successfully switched over".to_owned(), RESTART)
    }

    /// Every HAProxy has to find out who leads.
    fn blind(&mut self) {
        let until = self.clock + CHECKS;
        self.machines.values_mut().for_each(|machine| machine.haproxy.blind_until = until);
    }

    /// `roles.sh`: only the leader acts.
    pub(super) fn sql(&mut self, name: &NodeName, command: &Command) -> i32 {
        assert!(self.leader.is_some(), "roles are made without a database");
        if self.leader.as_ref() != Some(name) {
            return 0;
        }
        let text = String::from_utf8(command.stdin.to_vec()).unwrap();
        for line in text.lines() {
            for kind in ["ALTER ROLE \"", "ALTER DATABASE \""] {
                if let Some(rest) = line.split(kind).nth(1) {
                    self.roles.insert(rest.split('"').next().unwrap().to_owned(), line.to_owned());
                }
            }
        }
        0
    }
}
