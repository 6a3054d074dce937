//! What a removal is made of: the stages, the steps of each host, and the things that go with them.

use serde::Serialize;

use super::Impact;
use super::remains::DataKind;
use crate::cluster::NodeName;
use crate::component::ComponentName;

/// What becomes of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// It goes.
    Goes,
    /// It stays, with the accounts that own it and the host's mark.
    Stays,
}

/// The stages, in order: clients are sent away first, the store of the lease goes last, data only when nothing runs any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemovalStage {
    /// The VIP leaves.
    Keepalived,
    /// The routes.
    Haproxy,
    /// PostgreSQL: replicas, then the leader.
    Patroni,
    /// The store.
    Etcd,
    /// Files of whatever else was configured.
    Files,
    /// Data folders.
    Data,
    /// Programs, accounts, folders.
    Rest,
    /// The host's memory of it all; as long as that is there, the same command can go on.
    Memory,
}

impl RemovalStage {
    /// The word for it, as in ids.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keepalived => "keepalived",
            Self::Haproxy => "haproxy",
            Self::Patroni => "patroni",
            Self::Etcd => "etcd",
            Self::Files => "files",
            Self::Data => "data",
            Self::Rest => "rest",
            Self::Memory => "memory",
        }
    }

    /// The stage of a component's service; whatever has none of its own only has files.
    pub(super) fn of(component: ComponentName) -> Self {
        let stages = [Self::Keepalived, Self::Haproxy, Self::Patroni, Self::Etcd];
        stages.into_iter().find(|stage| stage.as_str() == component.as_str()).unwrap_or(Self::Files)
    }
}

/// What kind of thing goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThingKind {
    /// A service: stopped and disabled.
    Service,
    /// A server that runs whoever started it: it is stopped in order.
    Process,
    /// The VIP: taken off its interface.
    Address,
    /// A file.
    File,
    /// A service of others that has to read its files anew then.
    Reload,
    /// A data folder with all that is in it.
    Data,
    /// A link to a program.
    Link,
    /// A folder of programs with all that is in it.
    Program,
    /// The mask of a unit.
    Mask,
    /// An account with its group.
    Account,
    /// A folder, if nothing of others is in it.
    Folder,
    /// What a run that died left behind.
    Leftover,
    /// The host's memory: whose it is, its journal, its generations.
    Memory,
}

impl ThingKind {
    /// The word for it, as scripts take it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Process => "process",
            Self::Address => "address",
            Self::File => "file",
            Self::Reload => "reload",
            Self::Data => "data",
            Self::Link => "link",
            Self::Program => "program",
            Self::Mask => "mask",
            Self::Account => "account",
            Self::Folder => "folder",
            Self::Leftover => "leftover",
            Self::Memory => "memory",
        }
    }
}

/// One thing that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Thing {
    /// Its kind.
    pub kind: ThingKind,
    /// Its path or name.
    pub name: String,
    /// What there is to know about it before it goes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Of data: what it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<DataThing>,
}

/// What there is to know about a data folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DataThing {
    /// What it is for.
    pub kind: DataKind,
    /// Where it really is, if its name leads through a link.
    pub real: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether all of it could be counted in time; it is larger otherwise.
    pub whole: bool,
    /// When something in it was last written, in seconds since 1970.
    pub written: u64,
}

/// What goes from one host in one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovalStep {
    /// Stable name: `db01/patroni/remove`.
    pub id: String,
    /// Where.
    pub node: NodeName,
    /// When.
    pub stage: RemovalStage,
    /// Within the stage: those of a lower rank are done before the others begin.
    pub rank: u8,
    /// What it does to clients and data.
    pub impact: Impact,
    /// What goes.
    pub things: Vec<Thing>,
}
