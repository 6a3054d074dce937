//! What `state.sh` would print on a host.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::machine::Machine;

/// How long every host runs already.
const UPTIME: f64 = 1000.0;

/// The answer to the question that a host remembers, behind that to the first one.
pub(super) fn remembered(machine: &Machine, clock: f64) -> String {
    let Some((question, _)) = &machine.remembered else { return String::new() };
    let words = question.split("\nset -- '").nth(1).unwrap().trim_end_matches('\'');
    let args: Vec<String> = words.split("' '").map(str::to_owned).collect();
    format!("=remembered 0 {}\n{question}\n{}", question.len(), state(machine, &args, clock))
}

pub(super) fn state(machine: &Machine, args: &[String], clock: f64) -> String {
    let mut sections: BTreeMap<&str, String> = BTreeMap::new();
    let mut words = String::new();
    for pair in args.chunks(2) {
        let name = pair[1].as_str();
        let mut add = |section, line: String| sections.entry(section).or_default().push_str(&line);
        match pair[0].as_str() {
            "path" => {
                if let Some(file) = machine.live.get(name) {
                    let kind = if file.is_folder() { "directory" } else { "regular file" };
                    let (owner, group, mode, _) = file.content();
                    add("entries", format!("{owner} {group} {mode:o} 1 {kind}|{:.9}|{name}\n", file.modified));
                }
            }
            "file" => {
                if let Some(file) = machine.live.get(name) {
                    add("sums", format!("{}  {name}\n", file.sum));
                }
            }
            "account" if machine.accounts.contains(name) => add("accounts", format!("{name}:x:1:1::/:/bin/sh\n")),
            "package" if machine.packages.contains(name) => add("packages", format!("{name} installed\n")),
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
                // Data stays when its service is stopped.
                if machine.units.get(unit).is_some_and(|unit| unit.started > 0.0) {
                    add("data", format!("{name}\n"));
                }
            }
            "identity" if machine.units.get("patroni.service").is_some_and(|unit| unit.started > 0.0) => {
                let text = machine.live.get(name).map(super::Live::text).unwrap_or_default();
                text.lines().for_each(|line| add("identity", format!("{line}\n")));
            }
            "unit" => add("units", unit(machine, name, clock)),
            "service" => {
                add("units", unit(machine, name, clock));
                if let Some(unit) = machine.units.get(name).filter(|unit| unit.runs()) {
                    let process = format!("/proc/{}", pid(name));
                    if unit.program.contains("/python") {
                        add("links", format!("{process}/exe -> /usr/bin/python3.13\n"));
                        words.push_str(&section(&format!("words:{process}"), &format!("{}^@patroni^@", unit.program)));
                    } else {
                        add("links", format!("{process}/exe -> {}\n", unit.program));
                    }
                }
            }
            _ => {}
        }
    }
    sections.insert("clock", format!("{clock:.9}"));
    sections.insert("uptime", format!("{UPTIME} 1"));
    sections.insert("owner", machine.owner.clone());
    sections.entry("data").or_default();
    sections.entry("entries").or_default().push_str(&beside(machine));
    if let Some((number, kept)) = machine.generations.last_key_value() {
        let sums = kept.sums.iter().map(|(path, sum)| format!("{sum}  {path}")).collect::<Vec<_>>();
        let current = format!("/var/lib/quorate/generations/current -> {number}\n");
        sections.entry("links").or_default().push_str(&current);
        sections.insert("applied", sums.join("\n"));
        sections.insert("settings", kept.settings.clone());
        sections.insert("record", kept.record.clone());
    }
    words + &sections.into_iter().map(|(name, body)| section(name, body.trim_end())).collect::<String>()
}

fn section(name: &str, body: &str) -> String {
    format!("={name} 0 {}\n{body}\n", body.len())
}

/// How long the journal is; empty if there is none.
pub(super) fn journal_size(machine: &Machine) -> String {
    let size: usize = machine.journal.iter().map(|record| record.line().len()).sum();
    if size == 0 { String::new() } else { size.to_string() }
}

/// What is told of paths that nobody asked for: marks, what changes have replaced, the journal.
fn beside(machine: &Machine) -> String {
    let mut text = String::new();
    let mut entry = |path: String, size: &str, time: f64| {
        writeln!(text, "root root 600 {size} regular file|{time:.9}|{path}").unwrap();
    };
    for (unit, state) in machine.units.iter().filter(|(_, state)| state.reloaded > 0.0) {
        entry(format!("/run/quorate/reloaded/{unit}"), "0", state.reloaded);
    }
    for (unit, since) in &machine.due {
        entry(format!("/run/quorate/restart/{unit}"), "0", *since);
    }
    let pause = machine.pause.iter().map(|_| "pause");
    for unit in machine.undo.keys().map(String::as_str).chain(pause) {
        entry(format!("/var/lib/quorate/undo/{unit}"), "4096", 0.0);
    }
    let journal = journal_size(machine);
    if !journal.is_empty() {
        entry("/var/lib/quorate/journal".to_owned(), &journal, 0.0);
    }
    text
}

/// A number for the process of each unit.
fn pid(unit: &str) -> usize {
    unit.bytes().map(usize::from).sum()
}

fn unit(machine: &Machine, name: &str, clock: f64) -> String {
    let state = machine.units.get(name).cloned().unwrap_or_default();
    let file = machine.live.get(&format!("/etc/systemd/system/{name}"));
    let load = match (state.masked, file) {
        (true, _) => "masked",
        (_, Some(_)) => "loaded",
        _ => "not-found",
    };
    let reread = file.is_some_and(|file| file.modified > machine.daemon_reloaded);
    let micros = if state.active { (state.started - clock + UPTIME) * 1e6 } else { 0.0 };
    format!(
        "Id={name}\nLoadState={load}\nActiveState={}\nUnitFileState={}\nNeedDaemonReload={}\n\
         MainPID={}\nExecMainStartTimestampMonotonic={micros:.0}\n\n",
        if state.active { "active" } else { "inactive" },
        if state.enabled { "enabled" } else { "" },
        if reread { "yes" } else { "no" },
        if state.runs() { pid(name) } else { 0 },
    )
}
