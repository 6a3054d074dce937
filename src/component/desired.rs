//! What a node shall hold: the vocabulary in which components state it and in which plan and apply read it.

use std::collections::BTreeMap;
use std::fmt;

use crate::cluster::{InstallMethod, NodeName, Secrets, Version, sha256};

/// One of the five systems, or the firewall that lets them reach each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ComponentName {
    /// The host's own firewall, where it runs.
    Firewalld,
    /// The store that holds the leader's lease.
    Etcd,
    /// The database; started by Patroni alone.
    Postgresql,
    /// The manager of the database's roles.
    Patroni,
    /// The router to leader and replicas.
    Haproxy,
    /// The holder of the VIP.
    Keepalived,
}

impl ComponentName {
    /// All, in the order in which a cluster is built.
    pub const ALL: [Self; 6] =
        [Self::Firewalld, Self::Etcd, Self::Postgresql, Self::Patroni, Self::Haproxy, Self::Keepalived];

    /// The name in lower case, as used for folders and units.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Firewalld => "firewalld",
            Self::Etcd => "etcd",
            Self::Postgresql => "postgresql",
            Self::Patroni => "patroni",
            Self::Haproxy => "haproxy",
            Self::Keepalived => "keepalived",
        }
    }
}

impl fmt::Display for ComponentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What all nodes shall hold, and the settings that live in the DCS.
#[derive(Debug, Clone)]
pub struct Desired {
    /// By node.
    pub nodes: BTreeMap<NodeName, DesiredNode>,
    /// Patroni's settings in the DCS (`GET /config` shall equal it).
    pub dcs: serde_json::Value,
    /// SQL that makes each role and database as it shall be, by `role NAME` and `database NAME`. It holds passwords.
    pub roles: BTreeMap<String, Content>,
}

/// What one node shall hold.
#[derive(Debug, Clone, Default)]
pub struct DesiredNode {
    /// Operating system packages that must be present to run (not those needed only to build).
    pub packages: Vec<String>,
    /// System accounts, in the order in which they can be made.
    pub accounts: Vec<Account>,
    /// Folders, parents first.
    pub directories: Vec<Directory>,
    /// Files.
    pub files: Vec<File>,
    /// Programs that do not come from a package of the operating system.
    pub programs: Vec<Program>,
    /// Services, in the order in which they are started.
    pub services: Vec<Service>,
    /// Units that must never start by themselves: another starter of PostgreSQL can split the brain.
    pub masked: Vec<String>,
    /// Services of the host's own that read a file of ours: told of a change, never started or stopped.
    pub told: Vec<Service>,
    /// Archives that packages come from, set up before the first package is installed.
    pub repositories: Vec<Repository>,
    /// Whether `SELinux` judges here: what is brought gets the label of its place.
    pub labelled: bool,
    /// Booleans of `SELinux` that must be on.
    pub booleans: Vec<String>,
}

/// A system account without a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// User and group name.
    pub name: String,
    /// Home folder.
    pub home: String,
}

/// A folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Absolute path.
    pub path: String,
    /// User.
    pub owner: String,
    /// Group.
    pub group: String,
    /// Permission bits.
    pub mode: u32,
}

/// A file that quorate owns.
#[derive(Debug, Clone)]
pub struct File {
    /// The system that reads it.
    pub component: ComponentName,
    /// Absolute path.
    pub path: String,
    /// User.
    pub owner: String,
    /// Group.
    pub group: String,
    /// Permission bits.
    pub mode: u32,
    /// The bytes.
    pub content: Content,
    /// How the real daemon judges it before it goes live.
    pub check: Option<Check>,
    /// What makes the running daemon take it over.
    pub activation: Activation,
}

/// A file's bytes; they may hold secrets and are therefore shown only through [`Content::masked`].
#[derive(Clone, PartialEq, Eq)]
pub struct Content(String);

impl Content {
    /// Takes rendered text over.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The bytes as they go to the host.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The text for people: every secret replaced.
    pub fn masked(&self, secrets: &Secrets) -> String {
        secrets.redact(&self.0)
    }

    /// The sum that `sha256sum` prints on the host, in lower-case hexadecimal digits.
    pub fn sha256(&self) -> String {
        sha256(self.0.as_bytes())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Content({} bytes)", self.0.len())
    }
}

/// A command that judges a file on its host: 0 means good. `{}` stands for the candidate's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Program and arguments, run without a shell.
    pub argv: Vec<String>,
    /// The user to run it as, if not root.
    pub user: Option<String>,
    /// The candidate must bear the file's own name (systemd judges a unit by it).
    pub keep_name: bool,
    /// When it can be run.
    pub stage: CheckStage,
}

/// When a check can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStage {
    /// As soon as programs and accounts are there.
    Installed,
    /// Only once etcd serves: Patroni's validator connects to it.
    StoreServing,
}

/// What makes the running daemon take a changed file over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activation {
    /// Nothing: it is read when needed.
    None,
    /// A reload of the component's service.
    Reload,
    /// A restart of the component's service.
    Restart,
    /// `systemctl daemon-reload`, then a restart of the service.
    Unit,
}

/// A program that quorate brings itself, under `/opt/quorate/<component>-<version>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The system.
    pub component: ComponentName,
    /// Source or release.
    pub method: InstallMethod,
    /// The version.
    pub version: Version,
    /// The host's own program that it runs under, such as `/usr/bin/python3.11`, if it is none by itself.
    pub interpreter: Option<String>,
    /// The folder it is unpacked to.
    pub root: String,
    /// Links to its executables: (absolute link, target below `root`).
    pub links: Vec<(String, String)>,
}

/// A service that systemd runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The system.
    pub component: ComponentName,
    /// The unit, `.service` included.
    pub unit: String,
}

/// An archive of packages, and how it is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// What it is called.
    pub name: &'static str,
    /// The file that shows that it was set up already.
    pub mark: &'static str,
    /// The script; it changes nothing where the host offers the packages anyway.
    pub script: &'static str,
    /// Its arguments: the address of the archive, the package that must be offered, and what its version must contain (or nothing).
    pub args: Vec<String>,
}
