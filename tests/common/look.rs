//! What a run would see of a cluster that is as its inventory says, for a test to change either side and ask for the plan.

use std::collections::BTreeMap;

use quorate::cluster::{Cluster, NodeName, Secrets, Version};
use quorate::component::{Desired, DesiredNode, Inputs, Templates, desired};
use quorate::plan::{
    Action, Applied, DataFolders, Details, Entry, ObservedNode, Plan, Situation, UnitState, role_mark,
};
use quorate::verify::Standing;

use super::{cluster, debian, facts, postgres, secrets};

/// When everything was written, and when every process started.
pub(crate) const WRITTEN: f64 = 1000.0;
pub(crate) const STARTED: f64 = 2000.0;
/// Between the two hosts' looks: who leads, who holds what.
pub(crate) const LEADER: &str = "db01";
pub(crate) const ETCD_LEADER: &str = "db02";
const SALT: &str = "salt";

/// A cluster as it is seen.
#[derive(Clone)]
pub(crate) struct Look {
    pub(crate) cluster: Cluster,
    pub(crate) secrets: Secrets,
    pub(crate) memory: u64,
    /// firewalld's version, where it runs.
    pub(crate) firewalld: Option<Version>,
    pub(crate) desired: Desired,
    pub(crate) nodes: BTreeMap<NodeName, ObservedNode>,
    pub(crate) details: BTreeMap<NodeName, Details>,
    pub(crate) standing: Standing,
    pub(crate) data: BTreeMap<NodeName, DataFolders>,
}

pub(crate) fn name(node: &str) -> NodeName {
    NodeName::new(node).unwrap()
}

fn render(cluster: &Cluster, secrets: &Secrets, memory: u64, firewalld: Option<Version>) -> Desired {
    static TEMPLATES: std::sync::LazyLock<Templates> = std::sync::LazyLock::new(|| Templates::embedded().unwrap());
    let mut facts = facts(cluster, &debian("13"));
    for facts in facts.values_mut() {
        facts.memory_bytes = memory;
        facts.firewalld = firewalld;
    }
    desired(&Inputs { cluster, facts: &facts, secrets }, &TEMPLATES).unwrap()
}

fn folders(cluster: &Cluster) -> DataFolders {
    let postgresql = match &cluster.postgresql.data_dir {
        Some(folder) => folder.display().to_string(),
        None => format!("/var/lib/postgresql/17/{}", cluster.name.as_str()),
    };
    DataFolders { etcd: cluster.etcd.data_dir.display().to_string(), postgresql }
}

impl Look {
    /// The article's three nodes, all as desired.
    pub(crate) fn settled() -> Self {
        Self::of(cluster(3))
    }

    /// The same on hosts where firewalld runs.
    pub(crate) fn behind_firewalld() -> Self {
        Self::on(cluster(3), Some(Version::new(1, 3, 3)))
    }

    /// A cluster that is as its inventory says.
    pub(crate) fn of(cluster: Cluster) -> Self {
        Self::on(cluster, None)
    }

    fn on(cluster: Cluster, firewalld: Option<Version>) -> Self {
        let (secrets, memory) = (secrets(&cluster), 4 << 30);
        let desired = render(&cluster, &secrets, memory, firewalld);
        let data: BTreeMap<_, _> = cluster.nodes.iter().map(|node| (node.name.clone(), folders(&cluster))).collect();
        let roles = desired.roles.iter().map(|(name, sql)| (name.clone(), role_mark(SALT, sql.expose()))).collect();
        let applied = Applied {
            generation: 1,
            settings: desired.dcs.clone(),
            roles,
            salt: SALT.to_owned(),
            sums: BTreeMap::new(),
        };
        let nodes = desired
            .nodes
            .iter()
            .map(|(name, wanted)| {
                let mut node = observed(wanted);
                node.data.extend([data[name].etcd.clone(), data[name].postgresql.clone()]);
                node.applied = Some(applied.clone());
                (name.clone(), node)
            })
            .collect();
        let details = desired
            .nodes
            .iter()
            .map(|(name, node)| {
                let text = |file: &quorate::component::File| (file.path.clone(), file.content.expose().to_owned());
                let files = node.files.iter().map(text).collect();
                (name.clone(), Details { files, parameters: postgres::running(&desired.dcs) })
            })
            .collect();
        let all: std::collections::BTreeSet<NodeName> = cluster.nodes.iter().map(|node| node.name.clone()).collect();
        let standing = Standing {
            leader: Some(name(LEADER)),
            streaming: all.iter().filter(|node| node.as_str() != LEADER).cloned().collect(),
            synchronous: [name("db02")].into(),
            members: all.clone(),
            etcd_leader: Some(name(ETCD_LEADER)),
            etcd_healthy: all,
            vip_holder: Some(name(LEADER)),
            settings: Some(desired.dcs.clone()),
            timeline: Some(1),
            ..Standing::default()
        };
        Self { cluster, secrets, memory, firewalld, desired, nodes, details, standing, data }
    }

    /// Changes what is wanted; what is there stays.
    pub(crate) fn wants(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self.desired = render(&self.cluster, &self.secrets, self.memory, self.firewalld);
        self
    }

    /// Changes what is there on one host.
    pub(crate) fn has(mut self, node: &str, change: impl FnOnce(&DesiredNode, &mut ObservedNode)) -> Self {
        let node = name(node);
        change(&self.desired.nodes[&node], self.nodes.get_mut(&node).unwrap());
        self
    }

    pub(crate) fn plan(&self) -> Plan {
        Plan::make(self.situation())
    }

    pub(crate) fn situation(&self) -> Situation<'_> {
        let Self { cluster, desired, nodes, details, standing, data, .. } = self;
        Situation { cluster, desired, nodes, details, standing, data }
    }
}

/// A host on which everything is as desired.
pub(crate) fn observed(wanted: &DesiredNode) -> ObservedNode {
    let entry = |owner: &str, group: &str, mode, folder| Entry {
        owner: owner.to_owned(),
        group: group.to_owned(),
        mode,
        folder,
        modified: WRITTEN,
    };
    let mut node = ObservedNode { owner: Some("ha".to_owned()), ..ObservedNode::default() };
    for file in &wanted.files {
        node.entries.insert(file.path.clone(), entry(&file.owner, &file.group, file.mode, false));
        node.sums.insert(file.path.clone(), file.content.sha256());
    }
    for folder in &wanted.directories {
        node.entries.insert(folder.path.clone(), entry(&folder.owner, &folder.group, folder.mode, true));
    }
    node.accounts.extend(wanted.accounts.iter().map(|account| account.name.clone()));
    node.packages.extend(wanted.packages.iter().cloned());
    for program in &wanted.programs {
        node.programs.insert(program.root.clone(), "0".repeat(64));
        node.links.extend(program.links.iter().map(|(link, to)| (link.clone(), format!("{}/{to}", program.root))));
    }
    for service in &wanted.services {
        let program = wanted.programs.iter().find(|program| program.component == service.component);
        let unit = UnitState {
            program: program.map(|program| format!("{}/bin/x", program.root)).unwrap_or_default(),
            ..unit("loaded", "active", "enabled", STARTED)
        };
        node.units.insert(service.unit.clone(), unit);
    }
    for told in &wanted.told {
        node.units.insert(told.unit.clone(), unit("loaded", "active", "enabled", STARTED));
    }
    for masked in &wanted.masked {
        node.units.insert(masked.clone(), unit("masked", "inactive", "masked", 0.0));
    }
    node
}

fn unit(load: &str, active: &str, enabled: &str, started: f64) -> UnitState {
    UnitState {
        load: load.to_owned(),
        active: active.to_owned(),
        enabled: enabled.to_owned(),
        started,
        ..UnitState::default()
    }
}

/// The ids of a plan's actions, in order.
pub(crate) fn ids(plan: &Plan) -> Vec<&str> {
    plan.actions.iter().map(|action| action.id.as_str()).collect()
}

/// The only action of a plan.
#[track_caller]
pub(crate) fn only(plan: &Plan) -> &Action {
    assert_eq!(plan.actions.len(), 1, "{:?}", ids(plan));
    &plan.actions[0]
}

/// A version that is not the one that is rendered by default.
pub(crate) const OTHER: Version = Version::new(99, 1, 2);
