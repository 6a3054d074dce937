//! One thing to be done to a cluster, as data: what preview shows is what apply does.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::cluster::NodeName;
use crate::component::ComponentName;

/// What an action does to clients, from nothing to the worst. The order is the order of a ceiling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// Nobody notices.
    #[default]
    None,
    /// A daemon reads its files anew; no connection is lost.
    Reload,
    /// A member that does not lead restarts: reads on it are cut, or one voter is away for a moment.
    RestartReplica,
    /// The leader or the VIP moves: one pause of seconds, and sessions there end.
    Switchover,
    /// The leader restarts in place: one pause of seconds, and all its sessions end.
    RestartLeader,
    /// Clients lose the service for longer, or must change themselves.
    Outage,
    /// Data is deleted.
    DestroysData,
}

impl Impact {
    /// All, mildest first.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::Reload,
        Self::RestartReplica,
        Self::Switchover,
        Self::RestartLeader,
        Self::Outage,
        Self::DestroysData,
    ];

    /// The word for it, as the command line takes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Reload => "reload",
            Self::RestartReplica => "restart-replica",
            Self::Switchover => "switchover",
            Self::RestartLeader => "restart-leader",
            Self::Outage => "outage",
            Self::DestroysData => "destroys-data",
        }
    }
}

impl fmt::Display for Impact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What kind of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// Packages, accounts, folders and programs are brought; nothing that serves is touched.
    Prepare,
    /// Files go live that no running process has to read.
    Write,
    /// A service is started, or enabled for the boot.
    Start,
    /// The database is created.
    Bootstrap,
    /// Roles and databases are made or changed, on the leader.
    Sql,
    /// A service reads its files anew.
    Reload,
    /// A service is restarted.
    Restart,
    /// Patroni's settings in the DCS are changed.
    Patch,
    /// Patroni is restarted on these nodes while the cluster is paused.
    PauseRestart,
    /// The cluster is paused still, by a run of ours that died: the pause is ended.
    Resume,
    /// PostgreSQL is restarted.
    RestartDatabase,
    /// The leader hands over to another member, and starts again as a replica.
    Switchover,
}

impl Verb {
    /// The word for it, as in ids.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Write => "write",
            Self::Start => "start",
            Self::Bootstrap => "bootstrap",
            Self::Sql => "sql",
            Self::Reload => "reload",
            Self::Restart => "restart",
            Self::Patch => "patch",
            Self::PauseRestart => "pause-restart",
            Self::Resume => "resume",
            Self::RestartDatabase => "restart-database",
            Self::Switchover => "switchover",
        }
    }
}

/// A file that goes live with an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveFile {
    /// Its path.
    pub path: String,
    /// Whether it keeps the date of the file that it replaces: nothing that a process reads differs, so none has to read it.
    pub keep_date: bool,
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    /// Stable name: `db01/haproxy/reload`.
    pub id: String,
    /// Where; none for what concerns the cluster as a whole.
    pub node: Option<NodeName>,
    /// Of which component.
    pub component: ComponentName,
    /// What.
    pub verb: Verb,
    /// Why: the keys that changed, or what is missing.
    pub why: Vec<String>,
    /// What it does to clients.
    pub impact: Impact,
    /// That in words.
    pub effect: String,
    /// The rows of the table of changes that demand it.
    pub rules: Vec<&'static str>,
    /// What goes live with it, by node.
    #[serde(skip)]
    pub parts: BTreeMap<NodeName, Part>,
}

/// What goes live on one node with an action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Files.
    pub files: Vec<LiveFile>,
    /// Links to programs that change with it: (link, target).
    pub links: Vec<(String, String)>,
}

impl Action {
    /// An action without reasons yet.
    pub fn new(node: Option<&NodeName>, component: ComponentName, verb: Verb, impact: Impact) -> Self {
        let place = node.map_or("cluster", NodeName::as_str);
        Self {
            id: format!("{place}/{component}/{}", verb.as_str()),
            node: node.cloned(),
            component,
            verb,
            why: Vec::new(),
            impact,
            effect: "no client notices".to_owned(),
            rules: Vec::new(),
            parts: BTreeMap::new(),
        }
    }

    /// Adds a reason.
    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why.push(why.into());
        self
    }

    /// Says what clients notice.
    #[must_use]
    pub fn effect(mut self, effect: impl Into<String>) -> Self {
        self.effect = effect.into();
        self
    }
}

/// The sum of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many actions.
    pub actions: usize,
    /// How many files.
    pub files: usize,
    /// How many reloads.
    pub reloads: usize,
    /// How many restarts, of services and of PostgreSQL.
    pub restarts: usize,
    /// How many switchovers.
    pub switchovers: usize,
    /// The worst of their impacts.
    pub impact: Impact,
    /// How long writes are expected to pause, in seconds, from and to: as measured in the lab on small databases.
    pub write_pause_s: Option<(u32, u32)>,
}

impl Summary {
    /// Sums actions up.
    pub fn of(actions: &[Action]) -> Self {
        let count = |verbs: &[Verb]| actions.iter().filter(|action| verbs.contains(&action.verb)).count();
        let impact = actions.iter().map(|action| action.impact).max().unwrap_or_default();
        let pauses =
            actions.iter().filter(|action| matches!(action.impact, Impact::Switchover | Impact::RestartLeader)).count();
        let pauses = u32::try_from(pauses).unwrap_or(u32::MAX);
        Self {
            actions: actions.len(),
            files: actions.iter().flat_map(|action| action.parts.values()).map(|part| part.files.len()).sum(),
            reloads: count(&[Verb::Reload]),
            restarts: count(&[Verb::Restart, Verb::RestartDatabase, Verb::PauseRestart]),
            switchovers: count(&[Verb::Switchover]),
            impact,
            write_pause_s: (pauses > 0).then(|| (pauses, pauses.saturating_mul(6))),
        }
    }
}
