//! (Desired, Observed) → Plan. Pure: the same two always give the same plan, and a plan is only data.
//!
//! "Needs a reload or restart" is judged from what the running process can have read: a file newer than the process (and than
//! its last reload) is not live yet, and a restart once begun stays due until the process is newer. A run that dies between
//! writing and restarting therefore loses nothing.

mod action;
mod changes;
mod database;
mod details;
mod difference;
mod firewall;
mod guard;
mod guc;
mod lacking;
mod leaving;
mod masking;
mod memory;
mod preflight;
mod remains;
mod removal;
mod saved;
mod sections;
mod services;
mod settings;
mod state;
mod survey;

use std::collections::{BTreeMap, BTreeSet};

pub use action::{Action, Impact, LiveFile, Part, Summary, Verb};
pub use database::candidate;
pub use details::{Details, script as details_script};
pub use difference::{Cause, Difference, FileDifference, SettingDifference};
pub use guc::Guc;
pub use lacking::NodePlan;
pub use leaving::{Data, DataThing, RemovalStage, RemovalStep, Thing, ThingKind};
pub use preflight::Preflight;
pub use remains::{
    DataKind, DataMark, FoundData, FoundFile, FoundUnit, Remains, args as remains_args, script as remains_script,
};
pub use removal::{KEPT, Leaving, Removal};
pub use saved::{SavedPlan, SavedPlanError};
pub use settings::{SettingChange, SettingsChange};
pub use state::{
    Applied, DataFolders, Entry, ObservedNode, UnitState, args as state_args, memory as state_memory, role_mark,
    script as state_script,
};
pub use survey::{
    Firewalls, Listener, PROBING, REMEMBERED, Survey, args as survey_args, probed, remembered, script as survey_script,
};

use crate::cluster::{Cluster, NodeName};
use crate::component::rules::{self, Rule};
use crate::component::{ComponentName, Desired};
use crate::verify::Standing;

/// All that a plan is made from.
#[derive(Clone, Copy)]
pub struct Situation<'a> {
    /// The inventory.
    pub cluster: &'a Cluster,
    /// What all nodes shall hold.
    pub desired: &'a Desired,
    /// What each node has; a node that is missing here was not asked, and nothing is planned for it.
    pub nodes: &'a BTreeMap<NodeName, ObservedNode>,
    /// What the third question told, where it was asked.
    pub details: &'a BTreeMap<NodeName, Details>,
    /// How the cluster stands.
    pub standing: &'a Standing,
    /// Each node's data folders.
    pub data: &'a BTreeMap<NodeName, DataFolders>,
}

/// A change that no re-deploy makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where.
    pub node: NodeName,
    /// The keys that changed: `patroni.yml: scope`.
    pub key: String,
    /// The row of the table of changes.
    pub rule: &'static str,
    /// What to do instead.
    pub instead: &'static str,
}

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What each node lacks, by node: brought before anything that serves is touched.
    pub nodes: BTreeMap<NodeName, NodePlan>,
    /// The node on which the database is created: only when no node holds data yet.
    pub bootstrap: Option<NodeName>,
    /// What changes in the DCS.
    pub settings: SettingsChange,
    /// Roles and databases that were not applied as they are wanted now.
    pub roles: BTreeSet<String>,
    /// All that is done, in order.
    pub actions: Vec<Action>,
    /// Changes that are no re-deploy; a plan with any is not carried out.
    pub refused: Vec<Refusal>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Makes the plan.
    pub fn make(situation: Situation<'_>) -> Self {
        let mut plan = Self {
            bootstrap: situation.bootstrap(),
            settings: situation.settings(),
            roles: situation.roles(),
            ..Self::default()
        };
        let mut parts = BTreeMap::new();
        for (name, wanted) in &situation.desired.nodes {
            let Some(node) = situation.nodes.get(name) else { continue };
            let (lacking, of_components, refused) = lacking::of(name, wanted, node, situation.details.get(name));
            plan.actions.extend(lacking.prepare(name));
            plan.nodes.insert(name.clone(), lacking);
            plan.refused.extend(refused);
            parts.insert(name.clone(), of_components);
        }
        let mut firewall = services::actions(situation, ComponentName::Firewalld, &parts, None);
        // Before a cluster serves, its parts need the firewall open; later a port is closed only once nothing listens there any more.
        if situation.standing.leader.is_none() {
            plan.actions.append(&mut firewall);
        }
        for component in ComponentName::ALL.into_iter().filter(|one| *one != ComponentName::Firewalld) {
            plan.actions.extend(services::actions(situation, component, &parts, plan.bootstrap.as_ref()));
            if component == ComponentName::Patroni {
                plan.patroni(situation, &parts);
            }
        }
        plan.actions.append(&mut firewall);
        plan
    }

    /// What follows once every Patroni runs: roles, its files, the settings, PostgreSQL's restarts.
    fn patroni(&mut self, situation: Situation<'_>, parts: &BTreeMap<NodeName, lacking::Parts>) {
        if !self.roles.is_empty() {
            let rule = rules::of_roles();
            let mut action = Action::new(None, ComponentName::Postgresql, Verb::Sql, Impact::None)
                .effect(rule.map_or("", |rule| rule.effect));
            action.rules.extend(rule.map(|rule| rule.id));
            action.why = self.roles.iter().cloned().collect();
            self.actions.push(action);
        }
        self.actions.extend(services::patroni_files(situation, parts));
        if !self.settings.changes.is_empty() {
            let rules: Vec<&'static Rule> =
                self.settings.changes.iter().filter_map(|one| situation.rule(one)).collect();
            let mut action = Action::new(None, ComponentName::Patroni, Verb::Patch, Impact::None);
            action.effect = rules.first().map_or_else(String::new, |rule| rule.effect.to_owned());
            if rules.iter().any(|rule| rule.cost > rules::Cost::Patch) {
                "no client notices; PostgreSQL takes some of it over at its restart below"
                    .clone_into(&mut action.effect);
            }
            for rule in rules {
                if !action.rules.contains(&rule.id) {
                    action.rules.push(rule.id);
                }
            }
            action.why = self.settings.changes.iter().map(|one| one.path.clone()).collect();
            self.actions.push(action);
        }
        self.actions.extend(database::restarts(situation, &self.settings, parts));
    }
}

impl<'a> Situation<'a> {
    /// The node that creates the database: the first that may lead, if no node holds data and every node was asked.
    fn bootstrap(self) -> Option<NodeName> {
        let holds_data = |name: &NodeName| {
            let folder = self.data.get(name).map(|folders| &folders.postgresql);
            self.nodes.get(name).is_none_or(|node| folder.is_some_and(|folder| node.data.contains(folder)))
        };
        let nodes = || self.cluster.nodes.iter().filter(|node| self.desired.nodes.contains_key(&node.name));
        if nodes().any(|node| holds_data(&node.name)) {
            return None;
        }
        // Patroni never lets a node that may not lead create the database.
        nodes().min_by_key(|node| node.tags.nofailover).map(|node| node.name.clone())
    }

    /// What was applied last, by the host that knows of the newest.
    fn applied(self) -> Option<&'a Applied> {
        self.nodes.values().filter_map(|node| node.applied.as_ref()).max_by_key(|applied| applied.generation)
    }

    /// What changes in the DCS; nothing while there is none to compare with.
    fn settings(self) -> SettingsChange {
        let Some(live) = &self.standing.settings else { return SettingsChange::default() };
        SettingsChange::between(&self.desired.dcs, live, self.applied().map(|applied| &applied.settings))
    }

    /// The roles and databases whose statements are not those that were applied last.
    fn roles(self) -> BTreeSet<String> {
        let applied = self.applied();
        let same = |name: &String, statements: &str| {
            applied.is_some_and(|applied| applied.roles.get(name) == Some(&role_mark(&applied.salt, statements)))
        };
        let wanted = self.desired.roles.iter();
        wanted.filter(|(name, content)| !same(name, content.expose())).map(|(name, _)| name.clone()).collect()
    }

    /// The row of the table for a setting that changes.
    fn rule(self, change: &SettingChange) -> Option<&'static Rule> {
        let parameter = change.path.strip_prefix("postgresql.parameters.");
        // Any node's PostgreSQL knows; where none answers, only a start of the server is sure to take it over.
        let known = self.details.values().filter(|details| !details.parameters.is_empty());
        let mut told = known.map(|details| parameter.and_then(|name| details.parameters.get(name)));
        let postmaster = parameter.is_some() && told.next().is_none_or(|guc| guc.is_some_and(|guc| guc.postmaster));
        rules::of_setting(&change.path, postmaster)
    }
}
