//! What the probe prints on a host.

use std::fmt::Write as _;

use quorate::cluster::NodeName;
use quorate::host::Command;
use serde_json::{Value, json};

use super::World;
use super::patroni::IDS;

fn http(body: &Value) -> Value {
    json!({"ok": {"status": 200, "text": body.to_string()}})
}

fn id(name: &NodeName) -> &'static str {
    IDS.iter().find(|(node, _)| *node == name.as_str()).unwrap().1
}

impl World {
    pub(super) fn probe(&self, name: &NodeName, command: &Command) -> (i32, String) {
        let words = std::str::from_utf8(&command.stdin).unwrap().split('\0').collect::<Vec<_>>();
        let asked = |what: &str| words.chunks(2).find(|pair| pair[0] == what).map(|pair| pair[1]);
        let machine = &self.machines[name];
        // Together with the first question, its interpreter is the one that the host remembers.
        let alone = command.step == "asking the cluster";
        let remembered = machine.remembered.as_ref().map(|(_, interpreter)| interpreter);
        let interpreter = if alone { Some(&command.args[0]) } else { remembered };
        // Before an upgrade the wanted one is not there yet, but the one that runs is.
        let there = |one: &String| machine.programs.keys().any(|root| one.starts_with(root.as_str()));
        let runs = alone && machine.links.get("/usr/local/bin/patroni").is_some_and(there);
        if !runs && !interpreter.is_some_and(there) {
            return (3, String::new());
        }
        let refused = json!({"error": "connection refused"});
        let mut told = json!({"vip": {"ok": self.vip.as_ref() == Some(name)}, "sql": Value::Null});
        let etcd = self.etcd_answers(name);
        let patroni = self.patroni_says(name);
        for (question, answer) in ["etcd_health", "etcd_status", "etcd_members", "etcd_alarms"].into_iter().zip(etcd) {
            told[question] = answer.map_or_else(|| refused.clone(), |body| http(&body));
        }
        for (question, answer) in ["patroni", "patroni_cluster", "patroni_config"].into_iter().zip(patroni) {
            told[question] = answer.map_or_else(|| refused.clone(), |body| http(&body));
        }
        told["haproxy"] =
            if self.runs(name, "haproxy.service") { json!({"ok": self.routes(name)}) } else { refused.clone() };
        if let Some(asked) = asked("units") {
            let mut units = json!({});
            for unit in asked.split(' ') {
                let state = machine.units.get(unit).cloned().unwrap_or_default();
                units[unit] = json!({
                    "active": if state.active { "active" } else { "inactive" },
                    "enabled": if state.enabled { "enabled" } else { "disabled" },
                    "restarts": 0,
                });
            }
            told["units"] = json!({"ok": units});
        }
        if asked("token").is_some() {
            told["sql"] = self.through_vip().unwrap_or(refused);
        }
        (0, told.to_string())
    }

    fn etcd_answers(&self, name: &NodeName) -> [Option<Value>; 4] {
        if !self.etcd_healthy(name) {
            return [None, None, None, None];
        }
        let header = json!({"cluster_id": "1", "member_id": id(name)});
        let leader = self.etcd_leader.as_ref().map_or("0", id);
        let member = |(node, id): &(&str, &str)| {
            let address = &self.addresses[&NodeName::new(node).unwrap()];
            json!({"ID": id, "name": node, "peerURLs": [format!("http://{address}:2380")]})
        };
        let members: Vec<Value> = IDS.iter().map(member).collect();
        [
            Some(json!({"health": "true", "reason": ""})),
            Some(json!({"header": header, "leader": leader, "raftTerm": "2"})),
            Some(json!({"header": header, "members": members})),
            Some(json!({"header": header})),
        ]
    }

    fn patroni_says(&self, name: &NodeName) -> [Option<Value>; 3] {
        if !self.patroni_answers(name) {
            return [None, None, None];
        }
        let leads = self.leader.as_ref() == Some(name);
        let mut own = json!({
            "state": "running",
            "role": if leads { "primary" } else { "replica" },
            "database_system_identifier": "7711128231223579477",
            // In whole seconds.
            "dcs_last_seen": format!("{:.0}", self.members[name].seen_at.floor()).parse::<i64>().unwrap(),
        });
        if self.members[name].paused() {
            own["pause"] = json!(true);
        }
        let members: Vec<Value> = self
            .members
            .iter()
            .filter(|(_, member)| member.joined())
            .map(|(node, member)| {
                let leads = self.leader.as_ref() == Some(node);
                let state = match (member.failed, member.is_away(self.clock), leads) {
                    (true, ..) => "start failed",
                    (_, true, _) => "starting",
                    (_, _, true) => "running",
                    _ if self.streams(node) => "streaming",
                    _ => "stopped",
                };
                let role = match (leads, self.sync.as_ref() == Some(node)) {
                    (true, _) => "leader",
                    (_, true) => "sync_standby",
                    _ => "replica",
                };
                let mut told = json!({"name": node, "role": role, "state": state, "timeline": self.timeline, "lag": 0});
                if member.pending() {
                    told["pending_restart"] = json!(true);
                }
                told
            })
            .collect();
        [Some(own), Some(json!({"members": members})), Some(self.dcs.clone())]
    }

    /// HAProxy's servers, as one host's checks see them.
    fn routes(&self, name: &NodeName) -> Vec<Value> {
        let machine = &self.machines[name];
        let blind = machine.haproxy.blind_until > self.clock || machine.units["haproxy.service"].sick;
        let mut rows = Vec::new();
        for (section, primary) in [("primary", true), ("replicas", false)] {
            for node in self.machines.keys() {
                let leads = self.leader.as_ref() == Some(node) && !self.members[node].is_away(self.clock);
                let up = !blind && if primary { leads } else { self.streams(node) };
                rows.push(json!({
                    "pxname": section, "svname": node, "status": if up { "UP" } else { "DOWN" },
                    "check_status": "L7OK", "check_code": "200", "addr": "",
                }));
            }
        }
        rows
    }

    fn through_vip(&self) -> Option<Value> {
        self.vip.as_ref()?;
        let leader = self.leader.as_ref().filter(|name| !self.members[*name].is_away(self.clock))?;
        let replica = self.members.keys().find(|name| self.streams(name))?;
        let server = |name: &NodeName, recovery| json!({"in_recovery": recovery, "address": self.addresses[name], "version": "17"});
        Some(json!({"ok": {
            "primary": server(leader, false), "write_ms": 5, "replica": server(replica, true), "seen": true, "read_ms": 5,
        }}))
    }

    /// What `details.sh` would print.
    pub(super) fn details(&self, name: &NodeName, args: &[String]) -> String {
        let mut text = String::new();
        let mut section = |name: &str, code: i32, body: &str| {
            let body = body.trim_end_matches('\n');
            writeln!(text, "={name} {code} {}\n{body}", body.len()).unwrap();
        };
        let member = &self.members[name];
        if member.joined() && !member.is_away(self.clock) {
            let mut rows = String::new();
            for (name, guc) in crate::common::postgres::gucs() {
                let context = if guc.postmaster { "postmaster" } else { "sighup" };
                let fields = [name, &member.value(name), &guc.unit, &guc.kind, context];
                writeln!(rows, "{}", fields.join("\u{1f}")).unwrap();
            }
            section("settings", 0, &rows);
        } else {
            section("settings", 1, "");
        }
        for path in &args[2..] {
            match self.machines[name].live.get(path) {
                Some(file) => section(&format!("file:{path}"), 0, &file.text()),
                None => section(&format!("file:{path}"), 1, ""),
            }
        }
        text
    }
}
