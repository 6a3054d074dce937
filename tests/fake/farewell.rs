//! A cluster that is taken away: what each host has of ours, what goes with each command, and what must never be seen meanwhile.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quorate::cluster::NodeName;
use quorate::host::Command;
use serde_json::Value;

use super::machine::{Live, Machine};
use super::patroni::Member;
use super::{World, daemons};

impl World {
    /// What `remains.sh` would print.
    pub(super) fn remains(&self, name: &NodeName, args: &[String]) -> String {
        let machine = &self.machines[name];
        let mut sections: BTreeMap<&str, String> = BTreeMap::new();
        let mut add = |section, line: String| sections.entry(section).or_default().push_str(&line);
        let mut paths: Vec<String> = machine.generations.values().flat_map(|kept| kept.sums.keys().cloned()).collect();
        for pair in args.chunks(2) {
            let word = pair[1].clone();
            match pair[0].as_str() {
                "file" => paths.push(word),
                "unit" => add("units", unit(machine, &word)),
                "script" | "trace" | "alone" => {}
                kind if machine.holds_data(&word) => {
                    add("data", format!("{kind}\tyes\t{kind}\t4096\t1795386908\tyes\t{word}\t{word}\n"));
                    if kind == "postgresql" {
                        add("role", if self.leader.as_ref() == Some(name) { "leader" } else { "replica" }.to_owned());
                    }
                }
                _ => {}
            }
        }
        paths.sort();
        paths.dedup();
        for (path, file) in paths.iter().filter_map(|path| Some((path, machine.live.get(path)?))) {
            let managed = if file.holds("Managed by quorate") { "yes" } else { "no" };
            add("found", format!("{} {managed} {path}\n", file.sum));
        }
        for (path, sum) in machine.generations.values().flat_map(|kept| &kept.sums) {
            add("applied", format!("{sum}  {path}\n"));
        }
        machine.links.iter().for_each(|(link, target)| add("links", format!("{link} -> {target}\n")));
        machine.programs.keys().for_each(|root| add("programs", format!("{root}\n")));
        if !machine.programs.is_empty() {
            add("opt", "/opt/quorate".to_owned());
        }
        machine
            .made
            .iter()
            .filter(|(kind, name)| machine.has(kind, name))
            .for_each(|(kind, name)| add("made", format!("{kind} {name}\n")));
        machine.staged.keys().for_each(|path| add("leftovers", format!("{}\n", beside(path))));
        if let Some(file) = machine.live.get("/etc/etcd/etcd.env").map(Live::text) {
            for (key, name) in [("ETCD_INITIAL_CLUSTER=", "members"), ("ETCD_DATA_DIR=", "etcd")] {
                let value = file.lines().find_map(|line| line.strip_prefix(key)).unwrap();
                add("identity", format!("{name} {value}\n"));
            }
        }
        let memory = [
            ("cluster", !machine.owner.is_empty()),
            ("made", !machine.made.is_empty()),
            ("journal", !machine.journal.is_empty()),
            ("generations", !machine.generations.is_empty()),
            ("question", machine.remembered.is_some()),
            ("undo", !machine.undo.is_empty()),
        ];
        memory.iter().filter(|(_, there)| *there).for_each(|(name, _)| add("memory", format!("{name}\n")));
        add("owner", machine.owner.clone());
        add("mounts", "/\n/run\n".to_owned());
        let vip = if self.vip.as_ref() == Some(name) { " 192.168.13.48/24" } else { "" };
        add("addresses", format!("2: eth0 inet {}/24{vip}", self.addresses[name]));
        sections.entry("found").or_default();
        let mut text = String::new();
        for (name, body) in sections {
            let body = body.trim_end();
            writeln!(text, "={name} 0 {}\n{body}", body.len()).unwrap();
        }
        text
    }

    /// What a command of a removal does; its exit code and what it prints.
    pub(super) fn remove(&mut self, name: &NodeName, command: &Command) -> (i32, String) {
        self.serving = false;
        let args = &command.args;
        match command.step.as_str() {
            "removing data" => self.remove_data(name, args),
            "removing programs, accounts and folders" => {
                return (0, self.machines.get_mut(name).unwrap().remove_rest(args));
            }
            "forgetting the cluster" => self.forget(name, args),
            _ => self.retire(name, args),
        }
        (0, String::new())
    }

    fn anybody(&self, unit: &str) -> bool {
        self.machines.keys().any(|name| self.runs(name, unit))
    }

    fn retire(&mut self, name: &NodeName, args: &[String]) {
        let number = |at: usize| args[at].parse::<usize>().unwrap();
        let (units, files) = args[6..].split_at(number(0));
        for unit in units {
            // Whoever serves clients is away before those behind it.
            let before: &[&str] = match unit.as_str() {
                "etcd.service" => &["patroni.service", "haproxy.service", "keepalived.service"],
                "patroni.service" => &["haproxy.service", "keepalived.service"],
                "haproxy.service" => &["keepalived.service"],
                _ => &[],
            };
            if let Some(running) = before.iter().find(|unit| self.anybody(unit)) {
                self.violation(format!("{unit} goes while {running} runs"));
            }
            let others = self.machines.keys().filter(|other| *other != name).any(|other| self.runs(other, unit));
            let last = match unit.as_str() {
                "patroni.service" => self.leader.as_ref() == Some(name),
                "keepalived.service" => self.vip.as_ref() == Some(name),
                _ => false,
            };
            if last && others {
                self.violation(format!("{unit} on {name} goes before the others"));
            }
            if unit == "patroni.service" {
                self.members.insert(name.clone(), Member::default());
            }
            let machine = self.machines.get_mut(name).unwrap();
            machine.undo.remove(unit);
            if let Some(state) = machine.units.get_mut(unit) {
                (state.active, state.enabled) = (false, false);
            }
        }
        let machine = self.machines.get_mut(name).unwrap();
        for path in &files[..number(1)] {
            machine.live.remove(path);
            machine.staged.remove(path);
        }
        self.elect();
    }

    fn remove_data(&mut self, name: &NodeName, args: &[String]) {
        for unit in daemons::UNITS {
            if self.anybody(unit) {
                self.violation(format!("data goes from {name} while {unit} runs"));
            }
        }
        for three in args.chunks(3) {
            let unit = if three[0] == "etcd" { "etcd.service" } else { "patroni.service" };
            let machine = self.machines.get_mut(name).unwrap();
            machine.live.remove(&three[1]);
            if let Some(state) = machine.units.get_mut(unit) {
                state.started = 0.0;
            }
            if three[0] == "postgresql" && self.leader.as_ref() == Some(name) {
                self.leader = None;
            }
        }
        let store = |machine: &Machine| machine.units.get("etcd.service").is_some_and(|unit| unit.started > 0.0);
        if !self.machines.values().any(store) {
            (self.dcs, self.timeline, self.sync) = (Value::Null, 1, None);
            self.roles.clear();
        }
    }

    fn forget(&mut self, name: &NodeName, stays: &[String]) {
        let machine = self.machines.get_mut(name).unwrap();
        let data = machine.units.values().any(|unit| unit.started > 0.0 && unit.program.contains("etcd"));
        let left = !machine.links.is_empty() || !machine.programs.is_empty() || (data && stays.is_empty());
        let keeps = |what: &str| stays.iter().any(|one| one == what);
        if !keeps("cluster") {
            machine.owner.clear();
        }
        if !keeps("made") {
            machine.made.clear();
        }
        if !keeps("journal") {
            machine.journal.clear();
        }
        machine.generations.clear();
        machine.remembered = None;
        machine.undo.clear();
        machine.undone.clear();
        machine.due.clear();
        machine.haproxy = super::machine::Haproxy::default();
        machine.daemon_reloaded = 0.0;
        machine
            .units
            .retain(|name, unit| unit.masked || (unit.started > 0.0 && daemons::UNITS[..2].contains(&name.as_str())));
        machine.lock = None;
        if left {
            self.violation(format!("{name} forgets its cluster before all of it is gone"));
        }
    }
}

impl Machine {
    fn holds_data(&self, path: &str) -> bool {
        let unit = if path.contains("etcd") { "etcd.service" } else { "patroni.service" };
        self.units.get(unit).is_some_and(|unit| unit.started > 0.0)
    }

    fn has(&self, kind: &str, name: &str) -> bool {
        match kind {
            "account" => self.accounts.contains(name),
            "folder" => self.live.contains_key(name),
            _ => true,
        }
    }

    fn remove_rest(&mut self, args: &[String]) -> String {
        let mut stays = String::new();
        for pair in args.chunks(2) {
            let name = pair[1].as_str();
            match pair[0].as_str() {
                "link" => drop(self.links.remove(name)),
                "program" => self.programs.clear(),
                "mask" => drop(self.units.remove(name)),
                "leftover" => self.staged.retain(|path, _| beside(path) != name),
                "account" => drop(self.accounts.remove(name)),
                "folder" if self.live.keys().any(|path| path.starts_with(&format!("{name}/"))) => {
                    writeln!(stays, "{name}").unwrap();
                }
                "folder" => drop(self.live.remove(name)),
                other => panic!("the fake does not know what a {other} is"),
            }
        }
        stays
    }
}

fn beside(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap();
    format!("{folder}/.quorate-new-{name}")
}

fn unit(machine: &Machine, name: &str) -> String {
    let state = machine.units.get(name).cloned().unwrap_or_default();
    let path = format!("/etc/systemd/system/{name}");
    let there = machine.live.contains_key(&path);
    let load = if state.masked {
        "masked"
    } else if there {
        "loaded"
    } else {
        "not-found"
    };
    let active = if state.active { "active" } else { "inactive" };
    let file = if there { path } else { String::new() };
    format!("Id={name}\nLoadState={load}\nActiveState={active}\nUnitFileState=\nFragmentPath={file}\n\n")
}
