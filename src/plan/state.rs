//! The second question to a host: what of the desired state is there already? Reads only.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::sections;
use crate::cluster::sha256;
use crate::component::DesiredNode;
use crate::component::patroni::CONFIGURATION;

/// The link to the generation that is current.
const CURRENT: &str = "/var/lib/quorate/generations/current";

/// Where reloads and restarts leave their marks, below it by what was done.
const MARKS: &str = "/run/quorate/";

/// What changes under way have replaced, by their unit.
const UNDO: &str = "/var/lib/quorate/undo/";

/// The host's journal.
const JOURNAL: &str = "/var/lib/quorate/journal";

/// What a path is.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// User.
    pub owner: String,
    /// Group.
    pub group: String,
    /// Permission bits.
    pub mode: u32,
    /// Whether it is a folder.
    pub folder: bool,
    /// Last modification, in seconds since 1970.
    pub modified: f64,
}

/// What systemd says of a unit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UnitState {
    /// `LoadState`: `loaded`, `not-found`, `masked`.
    pub load: String,
    /// `ActiveState`: `active`, `inactive`, `failed`, `activating` …
    pub active: String,
    /// `UnitFileState`: `enabled`, `disabled`, `masked` …
    pub enabled: String,
    /// The main process, 0 if none.
    pub pid: u32,
    /// Automatic restarts so far.
    pub restarts: u32,
    /// The unit file on disk is newer than the one systemd read.
    pub stale: bool,
    /// When the main process started, in seconds since 1970.
    pub started: f64,
    /// When quorate last made it reload, in seconds since 1970.
    pub reloaded: f64,
    /// Since when a restart is due that a run of quorate began with, in seconds since 1970; counts until the process is newer.
    pub restart_due: f64,
    /// What its process was started from; empty if that is not known.
    pub program: String,
}

/// What one node has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ObservedNode {
    /// Files and folders among those desired.
    pub entries: BTreeMap<String, Entry>,
    /// Sums of the files among those desired.
    pub sums: BTreeMap<String, String>,
    /// Accounts among those desired.
    pub accounts: BTreeSet<String>,
    /// Packages among those desired.
    pub packages: BTreeSet<String>,
    /// Programs by their root: the sum of the archive they came from.
    pub programs: BTreeMap<String, String>,
    /// Links and where they lead.
    pub links: BTreeMap<String, String>,
    /// Units, services and masked ones.
    pub units: BTreeMap<String, UnitState>,
    /// Paths that `SELinux`'s policy would label otherwise.
    pub labels: BTreeSet<String>,
    /// Booleans of `SELinux` among those desired that are off.
    pub booleans: BTreeSet<String>,
    /// The data folders that hold something: PostgreSQL's, etcd's.
    pub data: BTreeSet<String>,
    /// What the database on this host was made as: see [`identity`].
    pub identity: BTreeMap<String, String>,
    /// The cluster that quorate put on this host, if it did.
    pub owner: Option<String>,
    /// Units of which a change was begun and not confirmed.
    pub undo: BTreeSet<String>,
    /// What was applied last.
    pub applied: Option<Applied>,
    /// The size of its journal: another run that changed something has made it grow. Empty if there is none.
    pub journal: String,
}

/// What a generation keeps of itself: the state that was proven last.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Applied {
    /// Its number.
    pub generation: u32,
    /// Sums of the files, by path.
    pub sums: BTreeMap<String, String>,
    /// Patroni's settings in the DCS, as we wanted them.
    pub settings: Value,
    /// Marks of roles and databases: see [`role_mark`].
    pub roles: BTreeMap<String, String>,
    /// What the marks were made with.
    pub salt: String,
}

/// The mark of a role or database as it was applied: equal for equal statements, and of no use to guess a password from
/// without this host's own record.
pub fn role_mark(salt: &str, statements: &str) -> String {
    sha256(format!("{salt}\n{statements}").as_bytes())
}

/// Folders whose content is data that must never be overwritten: `(etcd's, PostgreSQL's)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolders {
    /// etcd's data folder.
    pub etcd: String,
    /// PostgreSQL's data folder.
    pub postgresql: String,
}

/// The script; everything variable comes in its arguments. `packages` is the family's query: see
/// `Platform::package_query`.
pub fn script(packages: &str) -> String {
    let mut script = String::from(sections::PRELUDE);
    let _ = write!(script, "packages() {{ {packages}\n}}\n{}", include_str!("state.sh"));
    script
}

/// The question as a host remembers it: shell text that sets the family's query and the arguments.
pub fn memory(packages: &str, args: &[String]) -> String {
    let words: Vec<String> = args.iter().map(|arg| format!("'{}'", arg.replace('\'', "'\\''"))).collect();
    format!("packages() {{ {packages}\n}}\nset -- {}", words.join(" "))
}

/// The script's arguments: kind, value, kind, value …
pub fn args(node: &DesiredNode, data: &DataFolders) -> Vec<String> {
    let mut args = Vec::new();
    let mut push = |kind: &str, value: &str| args.extend([kind.to_owned(), value.to_owned()]);
    for directory in &node.directories {
        push("path", &directory.path);
    }
    for file in &node.files {
        push("path", &file.path);
        push("file", &file.path);
    }
    for account in &node.accounts {
        push("account", &account.name);
    }
    for package in &node.packages {
        push("package", package);
    }
    for program in &node.programs {
        push("program", &program.root);
        for (link, _) in &program.links {
            push("link", link);
        }
    }
    for service in &node.services {
        push("service", &service.unit);
    }
    for unit in &node.masked {
        push("unit", unit);
    }
    for service in &node.told {
        push("unit", &service.unit);
    }
    for repository in &node.repositories {
        push("path", repository.mark);
    }
    if node.labelled {
        let folders = node.directories.iter().map(|folder| &folder.path);
        for path in folders.chain(node.files.iter().map(|file| &file.path)) {
            push("label", path);
        }
        for program in &node.programs {
            push("tree", &program.root);
        }
    }
    for boolean in &node.booleans {
        push("boolean", boolean);
    }
    push("data", &data.etcd);
    push("data", &data.postgresql);
    push("identity", CONFIGURATION);
    args
}

impl ObservedNode {
    /// Reads an answer.
    pub fn parse(answer: &[u8]) -> Option<Self> {
        let sections = sections::parse(answer)?;
        let text = |name: &str| sections.get(name).map_or("", |section| section.text.as_str());
        let clock: f64 = text("clock").parse().ok()?;
        let uptime: f64 = text("uptime").split(' ').next()?.parse().ok()?;
        let mut units: BTreeMap<String, UnitState> =
            text("units").split("\n\n").filter_map(|block| unit(block, clock - uptime)).collect();
        let mut links = links(text("links"));
        processes(&links, &text, &mut units);
        links.retain(|path, _| !path.starts_with("/proc/"));
        let generation = links.remove(CURRENT);
        let (mut entries, mut undo, mut journal) = (BTreeMap::new(), BTreeSet::new(), String::new());
        for (path, size, entry) in text("entries").lines().filter_map(entry) {
            if let Some(mark) = path.strip_prefix(MARKS) {
                marked(mark, entry.modified, &mut units);
            } else if let Some(name) = path.strip_prefix(UNDO) {
                undo.insert(name.to_owned());
            } else if path == JOURNAL {
                size.clone_into(&mut journal);
            } else {
                entries.insert(path.to_owned(), entry);
            }
        }
        let pair = |line: &str| line.split_once(' ').map(|(a, b)| (b.to_owned(), a.to_owned()));
        Some(Self {
            entries,
            sums: sums(text("sums")),
            accounts: text("accounts").lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect(),
            packages: text("packages").lines().filter_map(package).collect(),
            programs: text("programs").lines().filter_map(pair).collect(),
            links,
            units,
            labels: text("labels").lines().chain(text("trees").lines()).map(str::to_owned).collect(),
            booleans: text("booleans").lines().map(str::to_owned).collect(),
            // Without this section nobody knows whether there is data.
            data: sections.get("data")?.text.lines().map(str::to_owned).collect(),
            identity: identity(text("identity")),
            owner: Some(text("owner").trim().to_owned()).filter(|owner| !owner.is_empty()),
            undo,
            applied: applied(&text, generation.as_deref()),
            journal,
        })
    }
}

/// The lines of Patroni's file that say which database it is: Patroni reads them once, when it starts, so a file in which they
/// changed does harm only at the next boot.
pub(super) fn identity(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once(": "))
        .filter(|(key, _)| matches!(*key, "scope" | "namespace" | "name" | "  data_dir" | "  bin_dir"))
        .map(|(key, value)| (key.trim().to_owned(), value.to_owned()))
        .collect()
}

/// `root root 644 120 regular file|1732300000.123456789|/etc/x`: path, size and the rest.
fn entry(line: &str) -> Option<(&str, &str, Entry)> {
    let mut parts = line.splitn(3, '|');
    let (head, modified, path) = (parts.next()?, parts.next()?, parts.next()?);
    let mut words = head.splitn(5, ' ');
    let (owner, group, mode) = (words.next()?, words.next()?, words.next()?);
    let (size, kind) = (words.next()?, words.next()?);
    let entry = Entry {
        owner: owner.to_owned(),
        group: group.to_owned(),
        mode: u32::from_str_radix(mode, 8).ok()?,
        folder: kind == "directory",
        modified: modified.parse().ok()?,
    };
    Some((path, size, entry))
}

/// What `find` prints of links: `/usr/local/bin/etcd -> /opt/quorate/…`.
fn links(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once(" -> "));
    pairs.map(|(path, target)| (path.to_owned(), target.to_owned())).collect()
}

/// An installed package: its name alone, or with `installed` behind it. Whatever else a query says of one is not that.
fn package(line: &str) -> Option<String> {
    let (name, status) = line.split_once(' ').unwrap_or((line, "installed"));
    (status == "installed").then(|| name.to_owned())
}

/// From what each unit's process was started. Of a script that is its interpreter, by the name that it was called with: the first of its
/// words, in the form of `cat -v`.
fn processes<'a>(
    links: &BTreeMap<String, String>,
    text: &impl Fn(&str) -> &'a str,
    units: &mut BTreeMap<String, UnitState>,
) {
    for unit in units.values_mut() {
        let Some(program) = links.get(&format!("/proc/{}/exe", unit.pid)) else { continue };
        unit.program = if program.contains("/python") {
            let words = text(&format!("words:/proc/{}", unit.pid));
            words.split("^@").next().unwrap_or_default().to_owned()
        } else {
            program.clone()
        };
    }
}

/// What `sha256sum` prints, by path.
fn sums(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.split_once("  "));
    pairs.map(|(sum, path)| (path.to_owned(), sum.to_owned())).collect()
}

/// The generation that is current; `None` where there is none, or none that can be read.
fn applied<'a>(text: &impl Fn(&str) -> &'a str, generation: Option<&str>) -> Option<Applied> {
    let record: Value = serde_json::from_str(text("record")).ok()?;
    let roles = record.get("roles").and_then(Value::as_object);
    Some(Applied {
        generation: generation?.rsplit('/').next()?.parse().ok()?,
        sums: sums(text("applied")),
        settings: serde_json::from_str(text("settings")).ok()?,
        roles: roles
            .into_iter()
            .flatten()
            .filter_map(|(name, mark)| Some((name.clone(), mark.as_str()?.to_owned())))
            .collect(),
        salt: record.get("salt").and_then(Value::as_str).unwrap_or_default().to_owned(),
    })
}

/// `reloaded/x.service` or `restart/x.service`, and when it was made.
fn marked(mark: &str, made: f64, units: &mut BTreeMap<String, UnitState>) {
    let Some((unit, kind)) = mark.split_once('/').and_then(|(kind, name)| Some((units.get_mut(name)?, kind))) else {
        return;
    };
    match kind {
        "reloaded" => unit.reloaded = made,
        "restart" => unit.restart_due = made,
        _ => {}
    }
}

/// A block of `systemctl show`; `booted` is the moment at which the monotonic clock was zero.
fn unit(block: &str, booted: f64) -> Option<(String, UnitState)> {
    let values: BTreeMap<&str, &str> = block.lines().filter_map(|line| line.split_once('=')).collect();
    let value = |key: &str| values.get(key).copied().unwrap_or("");
    let started = value("ExecMainStartTimestampMonotonic").parse::<f64>().map_or(0.0, |micros| booted + micros / 1e6);
    let state = UnitState {
        load: value("LoadState").to_owned(),
        active: value("ActiveState").to_owned(),
        enabled: value("UnitFileState").to_owned(),
        pid: value("MainPID").parse().unwrap_or(0),
        restarts: value("NRestarts").parse().unwrap_or(0),
        stale: value("NeedDaemonReload") == "yes",
        started,
        reloaded: 0.0,
        restart_due: 0.0,
        program: String::new(),
    };
    Some(((*values.get("Id")?).to_owned(), state))
}
