//! What a removal takes and what it leaves, planned from what a host has: cases that the fake hosts don't have.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use quorate::cluster::{Cluster, NodeName};
use quorate::component::{Activation, ComponentName, Content, Desired, DesiredNode, File, Service};
use quorate::plan::{
    Data, DataFolders, DataKind, DataMark, FoundData, FoundFile, FoundUnit, Impact, Leaving, Remains, Removal,
    RemovalStage, Thing, ThingKind,
};

struct Case {
    cluster: Cluster,
    node: DesiredNode,
    remains: Remains,
}

impl Case {
    /// A host of the cluster, with nothing but its mark.
    fn new() -> Self {
        let remains = Remains {
            owner: Some("ha".to_owned()),
            memory: ["cluster".to_owned()].into(),
            mounts: ["/".to_owned()].into(),
            ..Remains::default()
        };
        Self { cluster: common::cluster(3), node: DesiredNode::default(), remains }
    }

    fn make(&self, data: Data) -> Removal {
        let name = NodeName::new("db01").unwrap();
        let nodes = BTreeMap::from([(name.clone(), self.remains.clone())]);
        let folders = DataFolders { etcd: "/srv/etcd".to_owned(), postgresql: "/srv/pg".to_owned() };
        let desired = Desired {
            nodes: BTreeMap::from([(name.clone(), self.node.clone())]),
            dcs: serde_json::Value::Null,
            roles: BTreeMap::new(),
        };
        Removal::make(Leaving {
            cluster: &self.cluster,
            desired: &desired,
            folders: &BTreeMap::from([(name, folders)]),
            nodes: &nodes,
            data,
        })
    }

    fn holds(&mut self, real: &str, mark: DataMark) {
        self.remains.data.push(FoundData {
            kind: DataKind::Postgresql,
            mark,
            owner: "postgres".to_owned(),
            bytes: 1 << 20,
            written: 1_795_386_908,
            whole: true,
            real: real.to_owned(),
            path: "/srv/pg".to_owned(),
        });
    }
}

fn things(removal: &Removal, stage: RemovalStage) -> Vec<&Thing> {
    removal.steps.iter().filter(|step| step.stage == stage).flat_map(|step| &step.things).collect()
}

#[track_caller]
fn refused(removal: &Removal, id: &str, why: &str) {
    let found: Vec<_> = removal.refused.iter().filter(|finding| finding.id == id).collect();
    assert!(found.iter().any(|finding| finding.text.contains(why)), "{:?}", removal.refused);
}

#[test]
fn what_a_link_leads_to_is_data_and_named() {
    let mut case = Case::new();
    case.holds("/mnt/fast/pg", DataMark::Known);
    let removal = case.make(Data::Goes);
    let data = things(&removal, RemovalStage::Data)[0].data.clone().unwrap();
    assert_eq!((data.real.as_str(), data.bytes), ("/mnt/fast/pg", 1 << 20));
    assert_eq!(removal.impact(), Impact::DestroysData);
    let shown = quorate::report::removal(&removal, quorate::report::Style { color: false });
    assert!(shown.lines().all(|line| !line.ends_with(' ')), "{shown}");
    assert!(
        shown.contains("/srv/pg  postgresql data, really /mnt/fast/pg, 1024 KiB, last written 2026-11-22T"),
        "{shown}"
    );
}

#[test]
fn a_mount_below_and_a_folder_of_the_system_refuse_it_all() {
    let mut case = Case::new();
    case.holds("/srv/pg", DataMark::Known);
    case.remains.mounts.insert("/srv/pg/backups".to_owned());
    refused(&case.make(Data::Goes), "destroy.folder", "at /srv/pg/backups");
    assert!(case.make(Data::Stays).refused.is_empty(), "nothing of it is removed then");
    let mut case = Case::new();
    case.holds("/var/lib", DataMark::Known);
    refused(&case.make(Data::Goes), "destroy.folder", "a folder of the system");
    // A file system of its own is emptied.
    let mut case = Case::new();
    case.holds("/srv/pg", DataMark::Known);
    case.remains.mounts.insert("/srv/pg".to_owned());
    assert!(case.make(Data::Goes).refused.is_empty());
}

#[test]
fn what_is_no_data_stays() {
    let mut case = Case::new();
    case.holds("/srv/pg", DataMark::Strange);
    let removal = case.make(Data::Goes);
    assert!(things(&removal, RemovalStage::Data).is_empty() && removal.refused.is_empty());
    assert!(removal.stays[0].1.contains("holds something else"), "{:?}", removal.stays);
}

#[test]
fn a_file_whose_component_has_no_service_of_ours_tells_its_reader() {
    let mut case = Case::new();
    let path = "/etc/somebody/policies/quorate.xml";
    case.node.files.push(File {
        component: ComponentName::Postgresql,
        path: path.to_owned(),
        owner: "root".to_owned(),
        group: "root".to_owned(),
        mode: 0o644,
        content: Content::new("x\n".to_owned()),
        check: None,
        activation: Activation::Reload,
    });
    case.remains.files.insert(path.to_owned(), FoundFile { sum: "0".repeat(64), managed: true });
    let removal = case.make(Data::Goes);
    let gone: Vec<_> =
        things(&removal, RemovalStage::Files).iter().map(|thing| (thing.kind, thing.name.as_str())).collect();
    assert_eq!(gone, [(ThingKind::File, path), (ThingKind::Reload, "postgresql.service")]);
}

#[test]
fn a_unit_of_a_package_stays_and_ours_goes_even_without_its_file() {
    let mut case = Case::new();
    for (component, unit) in [(ComponentName::Haproxy, "haproxy.service"), (ComponentName::Etcd, "etcd.service")] {
        case.node.services.push(Service { component, unit: unit.to_owned() });
    }
    let unit = |load: &str, file: &str| FoundUnit {
        load: load.to_owned(),
        active: "active".to_owned(),
        enabled: "enabled".to_owned(),
        file: file.to_owned(),
    };
    case.remains.units = BTreeMap::from([
        ("haproxy.service".to_owned(), unit("loaded", "/lib/systemd/system/haproxy.service")),
        ("etcd.service".to_owned(), unit("not-found", "")),
    ]);
    let removal = case.make(Data::Goes);
    assert!(things(&removal, RemovalStage::Haproxy).is_empty());
    assert_eq!(things(&removal, RemovalStage::Etcd)[0].note, "stops");
}

#[test]
fn files_of_earlier_settings_go_and_hand_changed_ones_are_named() {
    let mut case = Case::new();
    let (old, other) = ("/etc/haproxy/old.cfg".to_owned(), "/etc/haproxy/other.cfg".to_owned());
    case.remains.files.insert(old.clone(), FoundFile { sum: "b".to_owned(), managed: false });
    case.remains.files.insert(other.clone(), FoundFile { sum: "c".to_owned(), managed: false });
    case.remains.applied.insert(old.clone(), BTreeSet::from(["a".to_owned()]));
    let removal = case.make(Data::Goes);
    let files = things(&removal, RemovalStage::Files);
    assert_eq!((files.len(), files[0].name.as_str()), (1, old.as_str()));
    assert!(files[0].note.contains("by hand"));
    assert_eq!(removal.stays[0].1, format!("{other} is not quorate's"));
}

#[test]
fn only_what_was_made_here_goes_and_the_owner_of_kept_data_stays() {
    let mut case = Case::new();
    case.holds("/srv/pg", DataMark::Known);
    let made = [
        ("account", "postgres"),
        ("account", "haproxy"),
        ("folder", "/srv"),
        ("folder", "/srv/pg"),
        ("folder", "/etc/etcd"),
    ];
    case.remains.made = made.map(|(kind, name)| (kind.to_owned(), name.to_owned())).into();
    let names = |data| {
        let removal = case.make(data);
        things(&removal, RemovalStage::Rest).iter().map(|thing| thing.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(Data::Goes), ["haproxy", "postgres", "/srv", "/etc/etcd"]);
    assert_eq!(names(Data::Stays), ["haproxy", "/etc/etcd"]);
}

#[test]
fn unreadable_answers_are_none() {
    assert!(Remains::parse(b"").is_none() && Remains::parse(b"=found 0 0\n\n").is_none());
    let whole = b"=found 0 0\n\n=mounts 0 1\n/\n";
    assert!(Remains::parse(whole).is_some());
    assert!(
        Remains::parse(b"=found 0 0\n\n=mounts 0 1\n/\n=data 0 3\nx\ty\n").is_none(),
        "a line of data that can't be read"
    );
}
