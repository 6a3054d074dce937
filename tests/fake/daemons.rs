//! Services: starts, reloads, restarts; who leads etcd, who has the VIP; and what must never be seen at any moment.

use std::collections::BTreeMap;

use quorate::cluster::NodeName;
use quorate::component::rules::ORDERED;
use serde_json::Value;

use super::World;

/// All services of a node.
pub(super) const UNITS: [&str; 4] = ["etcd.service", "patroni.service", "haproxy.service", "keepalived.service"];
/// How long a daemon is away when it restarts.
const RESTART: f64 = 0.5;
/// A process begins, and a mark is made, after the files that it reads.
const AFTER: f64 = 0.0005;
/// How long HAProxy's checks need to see a new leader by themselves.
pub(super) const CHECKS: f64 = 3.0;
/// How long the VIP is nowhere when its holder goes.
const ADVERTS: f64 = 1.0;

impl World {
    pub(super) fn start(&mut self, name: &NodeName, unit: &str) -> i32 {
        let machine = &self.machines[name];
        if !machine.live.contains_key(&format!("/etc/systemd/system/{unit}")) {
            return 5;
        }
        let (clock, program, running) = (self.clock, machine.program(unit), self.runs(name, unit));
        if !running {
            self.reads(name, unit);
        }
        let machine = self.machines.get_mut(name).unwrap();
        machine.daemon_reloaded = clock;
        let state = machine.units.entry(unit.to_owned()).or_default();
        state.enabled = true;
        if !running {
            (state.active, state.started, state.program, state.busy_until) =
                (true, clock + AFTER, program, clock + RESTART);
            self.started(name, unit);
        }
        0
    }

    pub(super) fn stop(&mut self, name: &NodeName, unit: &str) -> i32 {
        if let Some(unit) = self.machines.get_mut(name).unwrap().units.get_mut(unit) {
            unit.active = false;
        }
        0
    }

    /// What follows when a process began.
    fn started(&mut self, name: &NodeName, unit: &str) {
        let clock = self.clock;
        match unit {
            "patroni.service" => self.patroni_started(name),
            "haproxy.service" => {
                let haproxy = &mut self.machines.get_mut(name).unwrap().haproxy;
                haproxy.worker += 1;
                haproxy.blind_until = clock + RESTART;
            }
            "keepalived.service" if self.vip.as_ref() == Some(name) => (self.vip, self.vip_free_since) = (None, clock),
            _ => {}
        }
    }

    /// A process reads its files: does it bear them?
    fn reads(&mut self, name: &NodeName, unit: &str) {
        let machine = &self.machines[name];
        let was = machine.units.get(unit).is_some_and(|unit| unit.sick);
        let here = self.sick.iter().filter(|sick| sick.node == *name && sick.unit == unit);
        let sick = here.into_iter().any(|sick| machine.reads(unit, &sick.needle) || (was && sick.stubborn));
        self.machines.get_mut(name).unwrap().units.entry(unit.to_owned()).or_default().sick = sick;
    }

    /// A service runs on a node, and does not do its work.
    pub(crate) fn make_sick(&mut self, node: &str, unit: &str) {
        let machine = self.machines.get_mut(&NodeName::new(node).unwrap()).unwrap();
        machine.units.get_mut(unit).unwrap().sick = true;
    }

    /// `systemctl restart`; its exit code and how long it takes.
    pub(super) fn restart(&mut self, name: &NodeName, unit: &str) -> (i32, f64) {
        let others = self.machines.keys().filter(|node| *node != name && self.etcd_healthy(node)).count();
        match unit {
            "etcd.service" if self.etcd_leader.as_ref() == Some(name) && others > 0 => {
                self.violation(format!("etcd on {name} is restarted while it leads"));
            }
            "patroni.service" if self.dcs["pause"] != true => {
                self.violation(format!("Patroni on {name} is restarted without a pause: PostgreSQL goes down"));
            }
            "haproxy.service" if self.vip.as_ref() == Some(name) => {
                self.violation(format!("HAProxy on {name} is restarted under the VIP"));
            }
            _ => {}
        }
        let (clock, program) = (self.clock, self.machines[name].program(unit));
        self.reads(name, unit);
        let state = self.machines.get_mut(name).unwrap().units.entry(unit.to_owned()).or_default();
        (state.active, state.started, state.program, state.busy_until) =
            (true, clock + AFTER, program, clock + RESTART);
        self.started(name, unit);
        (0, RESTART)
    }

    /// `systemctl reload`; the mark is the caller's.
    pub(super) fn reload(&mut self, name: &NodeName, unit: &str) -> i32 {
        if !self.runs(name, unit) {
            return 1;
        }
        self.reads(name, unit);
        let (clock, stuck) = (self.clock, self.stuck.contains(name));
        let machine = self.machines.get_mut(name).unwrap();
        machine.units.get_mut(unit).unwrap().reloaded = clock + AFTER;
        match unit {
            "patroni.service" => self.patroni_reads(name),
            "haproxy.service" if !stuck => {
                machine.haproxy.worker += 1;
                if machine.haproxy.kept.is_none() {
                    machine.haproxy.blind_until = clock + RESTART;
                }
            }
            _ => {}
        }
        0
    }

    pub(super) fn reload_by_hand(&mut self, name: &NodeName, unit: &str) -> i32 {
        assert!(self.runs(name, unit), "{unit} is reloaded, but does not run");
        self.machines.get_mut(name).unwrap().daemon_reloaded = self.clock;
        self.reload(name, unit)
    }

    /// `haproxy.py`; its exit code and the seconds it takes.
    pub(super) fn haproxy_socket(&mut self, name: &NodeName, what: &str, input: &[u8]) -> (i32, f64) {
        if !self.runs(name, "haproxy.service") {
            return (1, 0.0);
        }
        let leads = |leader: &str| {
            self.leader.as_ref().is_some_and(|node| node.as_str() == leader && !self.members[node].is_away(self.clock))
        };
        let follows = what == "follow" && {
            let asked: Value = serde_json::from_slice(input).unwrap();
            leads(asked["leader"].as_str().unwrap())
        };
        let haproxy = &mut self.machines.get_mut(name).unwrap().haproxy;
        match what {
            "keep" => haproxy.kept = Some(haproxy.worker),
            "new" if haproxy.kept == Some(haproxy.worker) => return (1, 10.0),
            "new" => haproxy.kept = None,
            "hold" => return (0, 2.0),
            _ if !follows => return (1, 40.0),
            _ => haproxy.blind_until = 0.0,
        }
        (0, 0.0)
    }

    pub(super) fn etcd_healthy(&self, name: &NodeName) -> bool {
        let unit = self.machines[name].units.get("etcd.service");
        unit.is_some_and(|unit| unit.active && !unit.sick && self.clock >= unit.busy_until)
    }

    fn may_hold_vip(&self, name: &NodeName) -> bool {
        let well = |unit: &str| self.machines[name].units.get(unit).is_some_and(|unit| unit.active && !unit.sick);
        well("keepalived.service") && well("haproxy.service")
    }

    /// Who leads etcd, and who has the VIP: whoever had it, as long as he can.
    pub(super) fn elect(&mut self) {
        let healthy: Vec<NodeName> = self.machines.keys().filter(|node| self.etcd_healthy(node)).cloned().collect();
        let leads = self.etcd_leader.as_ref().is_some_and(|leader| healthy.contains(leader));
        if !leads {
            let quorum = healthy.len() * 2 > self.machines.len();
            self.etcd_leader = healthy.first().filter(|_| quorum).cloned();
        }
        if self.vip.as_ref().is_some_and(|holder| !self.may_hold_vip(holder)) {
            (self.vip, self.vip_free_since) = (None, self.clock);
        }
        if self.vip.is_none() && self.clock >= self.vip_free_since + ADVERTS {
            self.vip = self.machines.keys().find(|node| self.may_hold_vip(node)).cloned();
        }
    }

    /// Looks for what must not be, at this very moment.
    pub(super) fn watch(&mut self) {
        let voters = self.machines.keys().filter(|node| self.etcd_healthy(node)).count();
        self.serving |= voters == self.machines.len();
        if self.serving && self.machines.len() - voters > 1 {
            self.violation(format!("only {voters} voters of etcd serve"));
        }
        let away: Vec<&str> = self
            .members
            .iter()
            .filter(|(_, member)| member.is_away(self.clock))
            .map(|(name, _)| name.as_str())
            .collect();
        if away.len() > 1 {
            self.violation(format!("PostgreSQL is away on {} at once", away.join(" and ")));
        }
        let Some(primary) = self.leader.as_ref().map(|leader| &self.members[leader]) else { return };
        let number = |member: &super::Member, parameter| member.value(parameter).parse::<i64>().unwrap_or(0);
        let mut smaller = Vec::new();
        for parameter in ORDERED {
            let least = number(primary, parameter);
            for (name, member) in self.members.iter().filter(|(_, member)| member.joined()) {
                let value = number(member, parameter);
                if value < least {
                    smaller.push(format!("{parameter} is {value} on the standby {name}, {least} on its leader"));
                }
            }
        }
        for text in smaller {
            self.violation(text);
        }
    }

    /// A file with a password that the database does not know cuts its member off.
    pub(super) fn passwords_fit(&mut self, name: &NodeName) {
        let Some(file) = self.machines[name].live.get("/etc/patroni/patroni.yml") else { return };
        let roles: BTreeMap<_, _> = self.roles.clone();
        let strange: Vec<String> = ["postgres", "replicator", "rewind_user"]
            .into_iter()
            .filter_map(|role| {
                let password = roles.get(role)?.split("PASSWORD ''").nth(1)?.split("''").next()?;
                (!file.holds(&format!("'{password}'"))).then(|| format!("the file on {name} has not {role}'s password"))
            })
            .collect();
        for text in strange {
            self.violation(text);
        }
    }
}
