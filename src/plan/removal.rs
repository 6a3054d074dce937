//! (Desired, Remains) → Removal: what `destroy` takes away from which host, in order, and what forbids it. Pure.
//!
//! A host's own mark says whose it is; without it nothing there is ours. What is named in no desired state, no generation, no record
//! of what was made, and does not say that quorate manages it, is somebody else's and stays.

use std::collections::{BTreeMap, BTreeSet};

use super::guard;
use super::leaving::{Data, DataThing, RemovalStage, RemovalStep, Thing, ThingKind};
use super::remains::{DataMark, FoundData, FoundUnit, Remains};
use super::{DataFolders, Impact};
use crate::cluster::{Cluster, NodeName};
use crate::component::{Activation, ComponentName, Desired, DesiredNode};
use crate::verify::Finding;

/// All that a removal is made from.
#[derive(Clone, Copy)]
pub struct Leaving<'a> {
    /// The inventory.
    pub cluster: &'a Cluster,
    /// What all nodes should hold.
    pub desired: &'a Desired,
    /// Each node's data folders by the inventory.
    pub folders: &'a BTreeMap<NodeName, DataFolders>,
    /// What each node that was asked has.
    pub nodes: &'a BTreeMap<NodeName, Remains>,
    /// What becomes of the data.
    pub data: Data,
}

/// What `destroy` does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// All steps, in order.
    pub steps: Vec<RemovalStep>,
    /// What forbids it all.
    pub refused: Vec<Finding>,
    /// What stays on a host though one might look for it here, and why.
    pub stays: Vec<(NodeName, String)>,
}

impl Removal {
    /// Plans it.
    pub fn make(leaving: Leaving<'_>) -> Self {
        let mut removal = Self::default();
        for node in &leaving.cluster.nodes {
            let Some(remains) = leaving.nodes.get(&node.name) else { continue };
            let one = One { leaving, name: &node.name, remains };
            if one.is_ours(&mut removal) {
                one.plan(&mut removal);
            }
        }
        // Stable: nodes of one rank stay in the inventory's order.
        removal.steps.sort_by_key(|step| (step.stage, step.rank));
        removal
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The worst that it does.
    pub fn impact(&self) -> Impact {
        self.steps.iter().map(|step| step.impact).max().unwrap_or_default()
    }

    /// What is removed, without what changes while a cluster runs: sizes, dates, who leads, where the VIP is.
    pub fn shape(&self) -> BTreeSet<(String, Vec<(ThingKind, String)>)> {
        let moves = |thing: &&Thing| matches!(thing.kind, ThingKind::Address | ThingKind::Process);
        let things = |step: &RemovalStep| {
            step.things.iter().filter(|thing| !moves(thing)).map(|thing| (thing.kind, thing.name.clone())).collect()
        };
        let all = self.steps.iter().map(|step| (step.id.clone(), things(step)));
        all.filter(|(_, things): &(_, Vec<_>)| !things.is_empty()).collect()
    }
}

/// One host.
struct One<'a> {
    leaving: Leaving<'a>,
    name: &'a NodeName,
    remains: &'a Remains,
}

impl One<'_> {
    /// Whether the host is this cluster's; another's refuses everything, one that is nobody's is passed over.
    fn is_ours(&self, removal: &mut Removal) -> bool {
        let cluster = self.leaving.cluster.name.as_str();
        match self.remains.owner.as_deref() {
            Some(owner) if owner != cluster => {
                let text = format!("the host belongs to the cluster {owner:?}, not to {cluster:?}");
                let remedy = "use the inventory of that cluster, or take the host out of this one";
                removal.refused.push(Finding::down("destroy.owner", self.name, text).remedy(remedy));
                false
            }
            Some(_) => {
                self.identity(removal);
                true
            }
            // A run that failed before it claimed the host may have left a journal, and an account for builds.
            None => !self.remains.memory.is_empty(),
        }
    }

    /// What the host's files say of the cluster must be what the inventory says: a folder of another name is not ours to guess at.
    fn identity(&self, removal: &mut Removal) {
        let mut differs = |what: String| {
            let remedy = "use the inventory that was applied last: every generation on a host keeps its own, /var/lib/quorate/generations/current/inventory.yml";
            removal.refused.push(Finding::down("destroy.inventory", self.name, what).remedy(remedy));
        };
        let said = |key: &str| self.remains.identity.get(key);
        if let Some(name) = said("name").filter(|name| *name != self.name.as_str()) {
            differs(format!("the host is the member {name:?} of its cluster"));
        }
        if let Some(folders) = self.leaving.folders.get(self.name) {
            for (key, what, wanted) in
                [("etcd", "etcd", &folders.etcd), ("postgresql", "PostgreSQL", &folders.postgresql)]
            {
                if let Some(folder) = said(key).filter(|folder| *folder != wanted) {
                    differs(format!("{what}'s data is in {folder}, the inventory says {wanted}"));
                }
            }
        }
        let Some(members) = said("members") else { return };
        let live: BTreeSet<(&str, &str)> = members
            .split(',')
            .filter_map(|member| member.split_once('='))
            .map(|(name, url)| (name, url.split("://").nth(1).and_then(|rest| rest.split(':').next()).unwrap_or(url)))
            .collect();
        let addresses: BTreeMap<String, &str> =
            self.leaving.cluster.nodes.iter().map(|node| (node.address.to_string(), node.name.as_str())).collect();
        let wanted: BTreeSet<(&str, &str)> =
            addresses.iter().map(|(address, name)| (*name, address.as_str())).collect();
        if live != wanted {
            let words = |set: &BTreeSet<(&str, &str)>| {
                set.iter().map(|(name, address)| format!("{name}={address}")).collect::<Vec<_>>().join(", ")
            };
            differs(format!("its cluster has the nodes {}; the inventory has {}", words(&live), words(&wanted)));
        }
    }

    fn plan(&self, removal: &mut Removal) {
        let empty = DesiredNode::default();
        let wanted = self.leaving.desired.nodes.get(self.name).unwrap_or(&empty);
        let mut stages: BTreeMap<RemovalStage, Vec<Thing>> = BTreeMap::new();
        for service in &wanted.services {
            if self.remains.units.get(&service.unit).is_some_and(|unit| ours(&service.unit, unit)) {
                let runs = self.remains.units.get(&service.unit).is_some_and(FoundUnit::runs);
                let note = if runs { "stops" } else { "does not run" };
                let things = stages.entry(RemovalStage::of(service.component)).or_default();
                things.push(thing(ThingKind::Service, &service.unit, note));
            }
        }
        let vip = self.leaving.cluster.vip.address.to_string();
        if self.remains.addresses.contains(&format!(" {vip}/")) {
            stages.entry(RemovalStage::Keepalived).or_default().push(thing(ThingKind::Address, &vip, "leaves"));
        }
        if let Some(folders) = self.leaving.folders.get(self.name).filter(|_| self.remains.serving) {
            let process = thing(ThingKind::Process, &format!("PostgreSQL in {}", folders.postgresql), "stops");
            stages.entry(RemovalStage::Patroni).or_default().push(process);
        }
        self.files(wanted, &mut stages, removal);
        self.data(&mut stages, removal);
        self.rest(&mut stages);
        for (stage, things) in stages.into_iter().filter(|(_, things)| !things.is_empty()) {
            removal.steps.push(RemovalStep {
                id: format!("{}/{}/remove", self.name, stage.as_str()),
                node: self.name.clone(),
                stage,
                rank: self.rank(stage),
                impact: impact(stage, &things),
                things,
            });
        }
    }

    /// The holder of the VIP gives it up when nobody is left to take it; the leader stops when its replicas have.
    fn rank(&self, stage: RemovalStage) -> u8 {
        let vip = format!(" {}/", self.leaving.cluster.vip.address);
        u8::from(match stage {
            RemovalStage::Keepalived => self.remains.addresses.contains(&vip),
            RemovalStage::Patroni => self.remains.leads == Some(true),
            _ => false,
        })
    }

    fn files(&self, wanted: &DesiredNode, stages: &mut BTreeMap<RemovalStage, Vec<Thing>>, removal: &mut Removal) {
        let mut reloads = BTreeSet::new();
        for (path, found) in &self.remains.files {
            let file = wanted.files.iter().find(|file| file.path == *path);
            let applied = self.remains.applied.get(path);
            let known =
                found.managed || applied.is_some() || file.is_some_and(|file| file.content.sha256() == found.sum);
            if !known {
                removal.stays.push((self.name.clone(), format!("{path} is not quorate's")));
                continue;
            }
            let changed = applied.is_some_and(|sums| !sums.contains(&found.sum));
            let note = if changed { "changed by hand since it was applied" } else { "" };
            // A file of earlier settings goes with the service that its name tells of.
            let unit = path.strip_prefix("/etc/systemd/system/");
            let component = file.map(|file| file.component).or_else(|| {
                wanted.services.iter().find(|service| Some(service.unit.as_str()) == unit).map(|one| one.component)
            });
            let served = |component: &ComponentName| wanted.services.iter().any(|one| one.component == *component);
            let stage = component.filter(served).map_or(RemovalStage::Files, RemovalStage::of);
            if let Some(file) = file.filter(|file| stage == RemovalStage::Files && file.activation != Activation::None)
            {
                reloads.insert(format!("{}.service", file.component));
            }
            stages.entry(stage).or_default().push(thing(ThingKind::File, path, note));
        }
        let after = reloads.iter().map(|unit| thing(ThingKind::Reload, unit, "reads its files anew"));
        if !reloads.is_empty() {
            stages.entry(RemovalStage::Files).or_default().extend(after);
        }
    }

    fn data(&self, stages: &mut BTreeMap<RemovalStage, Vec<Thing>>, removal: &mut Removal) {
        for found in &self.remains.data {
            let named = named(found);
            if self.leaving.data == Data::Stays {
                removal.stays.push((self.name.clone(), format!("{named}: data, kept")));
            } else if found.mark == DataMark::Strange {
                let text = format!("{named} holds something else than data of {}", found.kind.as_str());
                removal.stays.push((self.name.clone(), text));
            } else if let Some(why) = guard::forbids(&found.real, &self.remains.mounts) {
                let text = format!("{named} must not be removed: {why}");
                let remedy = "move the data by hand, or unmount what is mounted there; or leave it: --keep-data";
                removal.refused.push(Finding::down("destroy.folder", self.name, text).remedy(remedy));
            } else {
                let real = if found.real == found.path { String::new() } else { found.real.clone() };
                let (kind, bytes, whole, written) = (found.kind, found.bytes, found.whole, found.written);
                let data = DataThing { kind, real, bytes, whole, written };
                let note = if found.mark == DataMark::Empty { "empty" } else { "" };
                let thing = Thing { data: Some(data), ..thing(ThingKind::Data, &found.path, note) };
                stages.entry(RemovalStage::Data).or_default().push(thing);
            }
        }
    }

    fn rest(&self, stages: &mut BTreeMap<RemovalStage, Vec<Thing>>) {
        let mut rest = Vec::new();
        let (remains, keeps) = (self.remains, self.leaving.data == Data::Stays);
        rest.extend(remains.links.iter().map(|(link, to)| thing(ThingKind::Link, link, &format!("to {to}"))));
        if remains.programs_folder {
            let names: Vec<&str> = remains.programs.iter().filter_map(|path| path.rsplit('/').next()).collect();
            rest.push(thing(ThingKind::Program, "/opt/quorate", &names.join(", ")));
        }
        let made =
            |kind: &'static str| remains.made.iter().filter(move |(known, _)| known == kind).map(|(_, name)| name);
        let masked = |unit: &&String| remains.units.get(*unit).is_some_and(|unit| unit.load == "masked");
        rest.extend(made("mask").filter(masked).map(|unit| thing(ThingKind::Mask, unit, "")));
        rest.extend(remains.scripts.iter().map(|path| thing(ThingKind::File, path, "")));
        rest.extend(remains.leftovers.iter().map(|path| thing(ThingKind::Leftover, path, "")));
        let kept = |name: &&String| keeps && remains.data.iter().any(|data| data.owner == **name);
        rest.extend(made("account").filter(|name| !kept(name)).map(|name| thing(ThingKind::Account, name, "")));
        // What lies deepest goes first.
        let mut folders: Vec<&String> = made("folder")
            .chain(&remains.alone)
            .filter(|folder| !remains.data.iter().any(|data| data.path == **folder || data.real == **folder))
            .filter(|folder| !keeps || !remains.data.iter().any(|data| data.path.starts_with(&format!("{folder}/"))))
            .collect();
        folders.sort_by(|a, b| b.cmp(a));
        rest.extend(folders.into_iter().map(|folder| thing(ThingKind::Folder, folder, "if nothing else is in it")));
        stages.insert(RemovalStage::Rest, rest);
        let stays: &[&str] = if keeps { &KEPT } else { &[] };
        let goes = remains.memory.iter().any(|name| !stays.contains(&name.as_str()));
        if goes {
            let note = if keeps { "but whose data this is, and the journal" } else { "the journal, the generations" };
            stages.insert(RemovalStage::Memory, vec![thing(ThingKind::Memory, "/var/lib/quorate", note)]);
        }
    }
}

/// What a host remembers where its data is kept: whose it is, what was made for it, and who did what.
pub const KEPT: [&str; 3] = ["cluster", "journal", "made"];

impl FoundUnit {
    /// Whether it runs, or tries to.
    pub fn runs(&self) -> bool {
        !matches!(self.active.as_str(), "inactive" | "failed" | "")
    }
}

/// Whether a unit is one that we wrote: a package may have another one of that name, which stays.
fn ours(unit: &str, found: &FoundUnit) -> bool {
    found.file == format!("/etc/systemd/system/{unit}") || (found.load == "not-found" && found.runs())
}

fn impact(stage: RemovalStage, things: &[Thing]) -> Impact {
    match stage {
        RemovalStage::Data => Impact::DestroysData,
        RemovalStage::Files | RemovalStage::Rest | RemovalStage::Memory => Impact::None,
        _ if things.iter().any(|thing| matches!(thing.note.as_str(), "stops" | "leaves")) => Impact::Outage,
        _ => Impact::None,
    }
}

fn named(found: &FoundData) -> String {
    if found.real == found.path { found.path.clone() } else { format!("{} (really {})", found.path, found.real) }
}

fn thing(kind: ThingKind, name: &str, note: &str) -> Thing {
    Thing { kind, name: name.to_owned(), note: note.to_owned(), data: None }
}
