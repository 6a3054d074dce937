//! What one node lacks: what is brought before anything that serves is touched, and what each component needs after that.

use std::collections::{BTreeMap, BTreeSet};

use super::details::Details;
use super::state::{ObservedNode, UnitState};
use super::{Action, Impact, LiveFile, Part, Refusal, Verb};
use crate::cluster::NodeName;
use crate::component::rules::{self, Cost, Rule};
use crate::component::{
    Account, Activation, ComponentName, DesiredNode, Directory, File, Program, Repository, Service, changed, daemon,
};

/// What one node lacks, in the order in which it is brought.
#[derive(Debug, Clone, Default)]
pub struct NodePlan {
    /// Archives to set up before packages are installed; none if no package is.
    pub repositories: Vec<Repository>,
    /// Those of them that were not there.
    pub new_repositories: Vec<&'static str>,
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
    /// Links to programs that no service runs from: (link, target).
    pub links: Vec<(String, String)>,
    /// Booleans of `SELinux` to switch on.
    pub booleans: Vec<String>,
    /// Paths that get the label of their place: what has another one, and what is brought where `SELinux` judges.
    pub labels: Vec<String>,
    /// Files to stage; each goes live with its component's action.
    pub files: Vec<File>,
}

impl NodePlan {
    /// The action that brings what must be there before: none if all of it is.
    pub(super) fn prepare(&self, node: &NodeName) -> Option<Action> {
        let mut action = Action::new(Some(node), ComponentName::Postgresql, Verb::Prepare, Impact::None);
        action.id = format!("{node}/host/prepare");
        let count = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            more => Some(format!("{more} {many}")),
        };
        action.why = [
            (!self.new_repositories.is_empty()).then(|| self.new_repositories.join(", ")),
            count(self.packages.len(), "package", "packages"),
            count(self.mask.len(), "unit to mask", "units to mask"),
            count(self.accounts.len(), "account", "accounts"),
            count(self.directories.len(), "folder", "folders"),
            (!self.programs.is_empty()).then(|| {
                let names = self.programs.iter().map(|program| format!("{} {}", program.component, program.version));
                names.collect::<Vec<_>>().join(", ")
            }),
            count(self.links.len(), "link", "links"),
            (!self.booleans.is_empty()).then(|| format!("SELinux: {} on", self.booleans.join(", "))),
            count(self.labels.len(), "label of SELinux", "labels of SELinux"),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!action.why.is_empty()).then_some(action)
    }
}

/// What one component on one node needs after that.
#[derive(Debug, Clone, Default)]
pub(super) struct Need {
    /// Its service does not run.
    pub(super) stopped: bool,
    /// Its service is not enabled for the boot.
    pub(super) disabled: bool,
    /// What makes the running service take everything over; `None`: nothing.
    pub(super) cost: Option<Cost>,
    /// The rows that say so.
    pub(super) rules: Vec<&'static Rule>,
    /// Why.
    pub(super) why: Vec<String>,
    /// What goes live.
    pub(super) part: Part,
    /// PostgreSQL's parameters in Patroni's file that only a start takes over.
    pub(super) restart_database: Vec<String>,
}

/// By component.
pub(super) type Parts = BTreeMap<ComponentName, Need>;

/// What a node lacks.
pub(super) fn of(
    name: &NodeName,
    wanted: &DesiredNode,
    node: &ObservedNode,
    details: Option<&Details>,
) -> (NodePlan, Parts, Vec<Refusal>) {
    let state = |unit: &str| node.units.get(unit).cloned().unwrap_or_default();
    let right = |owner: &str, group: &str, mode: u32, path: &str| {
        node.entries.get(path).is_some_and(|entry| entry.owner == owner && entry.group == group && entry.mode == mode)
    };
    let mut plan = NodePlan {
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
        programs: wanted
            .programs
            .iter()
            .filter(|program| !node.programs.contains_key(&program.root))
            .cloned()
            .collect(),
        booleans: node.booleans.iter().cloned().collect(),
        ..NodePlan::default()
    };
    if !plan.packages.is_empty() {
        plan.repositories.clone_from(&wanted.repositories);
        let missing = wanted.repositories.iter().filter(|one| !node.entries.contains_key(one.mark));
        plan.new_repositories = missing.map(|one| one.name).collect();
    }
    if wanted.labelled {
        // A tree is labelled whole, so its root stands for all that is wrong below it.
        let root =
            |path: &String| wanted.programs.iter().map(|one| &one.root).find(|root| path.starts_with(*root)).cloned();
        let mut labels: BTreeSet<String> =
            node.labels.iter().map(|path| root(path).unwrap_or_else(|| path.clone())).collect();
        labels.extend(plan.programs.iter().map(|program| program.root.clone()));
        labels.extend(plan.directories.iter().map(|folder| folder.path.clone()));
        plan.labels = labels.into_iter().collect();
    }
    let (mut parts, mut refused) = (Parts::new(), Vec::new());
    let ours = wanted.services.iter().map(|service| (service, true));
    for (service, ours) in ours.chain(wanted.told.iter().map(|service| (service, false))) {
        let unit = state(&service.unit);
        // What is not ours is told of its files, and neither started nor stopped.
        let mut need = Need {
            stopped: ours && unit.active != "active",
            disabled: ours && unit.enabled != "enabled",
            ..Need::default()
        };
        if need.stopped {
            need.why.push(format!(
                "{} is {}",
                service.unit,
                if unit.active.is_empty() { "not there" } else { &unit.active }
            ));
        } else if need.disabled {
            need.why.push(format!("{} is not enabled for the boot", service.unit));
        }
        if node.undo.contains(&service.unit) {
            need.takes(Cost::Write, None, "a run that died did not confirm its change");
        }
        for file in wanted.files.iter().filter(|file| file.component == service.component) {
            let live = node.sums.get(&file.path);
            if live != Some(&file.content.sha256()) {
                let edited = live.is_some() && newer(file, node, &unit);
                need.content(file, edited, details, &mut |key, rule| {
                    refused.push(Refusal { node: name.clone(), key, rule: rule.id, instead: rule.effect });
                });
            } else if !right(&file.owner, &file.group, file.mode, &file.path) {
                need.file(file, true);
                need.takes(Cost::Write, None, format!("{}: owner and mode", base(&file.path)));
            } else {
                need.unread(file, node, &unit);
            }
        }
        if ours {
            need.programs(service, wanted, node, &unit, &mut plan);
        }
        if ours && unit.restart_due > unit.started && !need.stopped {
            need.takes(restart(service.component), None, "a restart that was begun");
        }
        if ours && unit.stale && need.cost.is_none() {
            need.takes(Cost::Reload, None, "systemd has an older unit");
        }
        plan.files.extend(
            wanted.files.iter().filter(|file| need.part.files.iter().any(|live| live.path == file.path)).cloned(),
        );
        parts.insert(service.component, need);
    }
    (plan, parts, refused)
}

impl Need {
    fn takes(&mut self, cost: Cost, rule: Option<&'static Rule>, why: impl Into<String>) {
        self.cost = self.cost.max(Some(cost));
        self.rules.extend(rule.filter(|rule| !self.rules.contains(rule)));
        let why = why.into();
        if !self.why.contains(&why) {
            self.why.push(why);
        }
    }

    fn file(&mut self, file: &File, keep_date: bool) {
        self.part.files.push(LiveFile { path: file.path.clone(), keep_date });
    }

    /// A file whose content is not as wanted.
    fn content(
        &mut self,
        file: &File,
        edited: bool,
        details: Option<&Details>,
        refuse: &mut dyn FnMut(String, &'static Rule),
    ) {
        let name = base(&file.path);
        let live = details.and_then(|details| details.files.get(&file.path));
        let Some(live) = live else {
            // Not there yet; or it could not be read, and then the file's own way is the safe one.
            self.file(file, false);
            self.takes(usual(file), None, format!("{name}: is not there, or could not be compared"));
            return;
        };
        let keys = changed(&file.path, live, file.content.expose());
        let rows: Vec<(&String, Option<&'static Rule>)> =
            keys.iter().map(|key| (key, rules::of_file(&file.path, key))).collect();
        let counts = |rule: Option<&'static Rule>| rule.is_none_or(|rule| rule.cost != Cost::Inert);
        if !keys.is_empty() && !rows.iter().any(|(_, rule)| counts(*rule)) {
            return;
        }
        let mut keep_date = true;
        for (key, rule) in rows {
            let cost = rule.map_or_else(|| usual(file), |rule| rule.cost);
            match (cost, rule) {
                (Cost::Inert, _) => {}
                (Cost::Refused, Some(rule)) => refuse(format!("{name}: {key}"), rule),
                _ => {
                    keep_date &= cost == Cost::Write;
                    self.takes(cost, rule, format!("{name}: {key}"));
                    self.parameter(key, details);
                }
            }
        }
        if keys.is_empty() {
            self.takes(Cost::Write, None, format!("{name}: comments only"));
        }
        if keep_date && edited && !self.stopped {
            // Somebody has had it open since the process read it: only the process itself could tell what it has.
            self.takes(usual(file), None, format!("{name}: edited since it was read"));
            keep_date = false;
        }
        self.file(file, keep_date);
    }

    /// A parameter in Patroni's file that PostgreSQL takes over only when it starts.
    fn parameter(&mut self, key: &str, details: Option<&Details>) {
        let name = key.strip_prefix("postgresql.parameters.");
        let guc = name.and_then(|name| details.and_then(|details| details.parameters.get(name)));
        if let (Some(name), Some(true)) = (name, guc.map(|guc| guc.postmaster)) {
            self.restart_database.push(name.to_owned());
        }
    }

    /// A file that is as wanted, but newer than what the process can have read.
    fn unread(&mut self, file: &File, node: &ObservedNode, unit: &UnitState) {
        if newer(file, node, unit) && !self.stopped {
            self.takes(usual(file), None, format!("{} is newer than what runs", base(&file.path)));
        }
    }

    /// Another version of the program, or links that lead elsewhere.
    fn programs(
        &mut self,
        service: &Service,
        wanted: &DesiredNode,
        node: &ObservedNode,
        unit: &UnitState,
        plan: &mut NodePlan,
    ) {
        let program = wanted.programs.iter().find(|program| program.component == service.component);
        let links: Vec<(String, String)> = program
            .into_iter()
            .flat_map(|program| program.links.iter().map(|(link, to)| (link.clone(), format!("{}/{to}", program.root))))
            .filter(|(link, target)| node.links.get(link) != Some(target))
            .collect();
        let other = match program {
            Some(program) => !unit.program.is_empty() && !unit.program.starts_with(&format!("{}/", program.root)),
            // A package that was replaced under the running process.
            None => unit.program.ends_with(" (deleted)"),
        };
        if other && !self.stopped && daemon(service.component).is_some() {
            let why =
                program.map_or_else(|| "its package was replaced".to_owned(), |one| format!("version {}", one.version));
            let rule = rules::of_program(service.component);
            self.takes(restart(service.component), rule, why);
            self.part.links = links;
        } else {
            plan.links.extend(links);
        }
    }
}

/// Whether a file is newer than what its process can have read of it.
fn newer(file: &File, node: &ObservedNode, unit: &UnitState) -> bool {
    // A reload reads only what a reload can; a new unit file or environment waits for a new process.
    let loaded = if file.activation > Activation::Reload { unit.started } else { unit.started.max(unit.reloaded) };
    file.activation != Activation::None && node.entries.get(&file.path).is_some_and(|entry| entry.modified > loaded)
}

/// How a file's change is taken over where no row says more.
fn usual(file: &File) -> Cost {
    match file.activation {
        Activation::None => Cost::Write,
        Activation::Reload => Cost::Reload,
        Activation::Restart | Activation::Unit => restart(file.component),
    }
}

/// The restart of a component.
fn restart(component: ComponentName) -> Cost {
    if component == ComponentName::Patroni { Cost::RestartPaused } else { Cost::Restart }
}

/// A path's last part.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
