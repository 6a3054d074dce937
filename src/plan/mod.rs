//! (Desired, Observed) → Plan. Pure: the same two always give the same plan, and a plan is only data.
//!
//! "Needs a reload or restart" is judged from what the running process can have read: a file newer than the process (and than
//! its last reload) is not live yet. A run that dies between writing and restarting therefore loses nothing.

mod changes;
mod memory;
mod preflight;
mod sections;
mod state;
mod survey;

use std::collections::BTreeMap;

pub use preflight::Preflight;
pub use state::{DataFolders, Entry, ObservedNode, UnitState, args as state_args, script as state_script};
pub use survey::{Listener, Survey, args as survey_args, script as survey_script};

use crate::cluster::NodeName;
use crate::component::{Account, Activation, ComponentName, Desired, DesiredNode, Directory, File, Program, Service};

/// What one node lacks, in the order in which it is brought.
#[derive(Debug, Clone, Default)]
pub struct NodePlan {
    /// Packages to install.
    pub packages: Vec<String>,
    /// Units to mask.
    pub mask: Vec<String>,
    /// Accounts to make.
    pub accounts: Vec<Account>,
    /// Folders to make, or to give the right owner and mode.
    pub directories: Vec<Directory>,
    /// Programs to ship.
    pub programs: Vec<Program>,
    /// Links to set: (link, target).
    pub links: Vec<(String, String)>,
    /// Files to write.
    pub files: Vec<File>,
    /// Whether systemd must read its units again.
    pub daemon_reload: bool,
    /// Units to enable for the boot.
    pub enable: Vec<String>,
    /// Services to start.
    pub start: Vec<Service>,
    /// Running services that have not loaded what is, or will be, on disk.
    pub activate: Vec<(Service, Activation)>,
}

impl NodePlan {
    /// Whether the node lacks nothing.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
            && self.mask.is_empty()
            && self.accounts.is_empty()
            && self.directories.is_empty()
            && self.programs.is_empty()
            && self.links.is_empty()
            && self.files.is_empty()
            && !self.daemon_reload
            && self.enable.is_empty()
            && self.start.is_empty()
            && self.activate.is_empty()
    }
}

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// By node.
    pub nodes: BTreeMap<NodeName, NodePlan>,
    /// The node on which the database is created: only when no node holds data yet.
    pub bootstrap: Option<NodeName>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.bootstrap.is_none() && self.nodes.values().all(NodePlan::is_empty)
    }

    /// Makes the plan. `postgresql_data` tells each node's PostgreSQL data folder.
    pub fn make(
        desired: &Desired,
        observed: &BTreeMap<NodeName, ObservedNode>,
        order: &[NodeName],
        postgresql_data: &BTreeMap<NodeName, String>,
    ) -> Self {
        let nodes = desired
            .nodes
            .iter()
            .filter_map(|(name, wanted)| Some((name.clone(), lacking(wanted, observed.get(name)?))))
            .collect();
        let holds_data = |name: &NodeName| {
            let folder = postgresql_data.get(name);
            observed.get(name).is_none_or(|node| folder.is_some_and(|folder| node.data.contains(folder)))
        };
        let fresh = !order.iter().any(holds_data);
        Self { nodes, bootstrap: order.first().filter(|_| fresh).cloned() }
    }
}

/// What `node` lacks of `wanted`.
fn lacking(wanted: &DesiredNode, node: &ObservedNode) -> NodePlan {
    let state = |unit: &str| node.units.get(unit).cloned().unwrap_or_default();
    let right = |owner: &str, group: &str, mode: u32, path: &str| {
        node.entries.get(path).is_some_and(|entry| entry.owner == owner && entry.group == group && entry.mode == mode)
    };
    let files: Vec<File> = wanted
        .files
        .iter()
        .filter(|file| {
            node.sums.get(&file.path) != Some(&file.content.sha256())
                || !right(&file.owner, &file.group, file.mode, &file.path)
        })
        .cloned()
        .collect();
    let programs: Vec<Program> =
        wanted.programs.iter().filter(|program| !node.programs.contains_key(&program.root)).cloned().collect();
    let links = wanted
        .programs
        .iter()
        .flat_map(|program| {
            program.links.iter().map(|(link, target)| (link.clone(), format!("{}/{target}", program.root)))
        })
        .filter(|(link, target)| node.links.get(link) != Some(target))
        .collect();
    let written = |component: ComponentName| {
        files.iter().filter(move |file| file.component == component).map(|file| file.activation)
    };
    let unread = |service: &Service| {
        let unit = state(&service.unit);
        // A reload reads only what a reload can; a new unit file or environment waits for a new process.
        let loaded = |file: &File| {
            if file.activation > Activation::Reload { unit.started } else { unit.started.max(unit.reloaded) }
        };
        wanted
            .files
            .iter()
            .filter(|file| file.component == service.component)
            .filter(|file| node.entries.get(&file.path).is_some_and(|entry| entry.modified > loaded(file)))
            .map(|file| file.activation)
            .chain(written(service.component))
            .max()
            .unwrap_or(Activation::None)
    };
    NodePlan {
        packages: wanted.packages.iter().filter(|package| !node.packages.contains(*package)).cloned().collect(),
        mask: wanted.masked.iter().filter(|unit| state(unit).load != "masked").cloned().collect(),
        accounts: wanted.accounts.iter().filter(|account| !node.accounts.contains(&account.name)).cloned().collect(),
        directories: wanted
            .directories
            .iter()
            .filter(|folder| {
                !right(&folder.owner, &folder.group, folder.mode, &folder.path)
                    || node.entries.get(&folder.path).is_some_and(|entry| !entry.folder)
            })
            .cloned()
            .collect(),
        daemon_reload: files.iter().any(|file| file.activation == Activation::Unit)
            || wanted.services.iter().any(|service| state(&service.unit).stale),
        enable: wanted
            .services
            .iter()
            .filter(|service| state(&service.unit).enabled != "enabled")
            .map(|service| service.unit.clone())
            .collect(),
        start: wanted.services.iter().filter(|service| state(&service.unit).active != "active").cloned().collect(),
        activate: wanted
            .services
            .iter()
            .filter(|service| state(&service.unit).active == "active")
            .map(|service| (service.clone(), unread(service)))
            .filter(|(_, activation)| *activation != Activation::None)
            .collect(),
        programs,
        links,
        files,
    }
}
