//! What is rendered for every node: recorded whole per operating system, and held against the article's faults.

#![allow(clippy::unwrap_used, reason = "a test that can't render has failed")]

mod common;

use std::fmt::Write as _;

use quorate::cluster::{Cluster, Firewall, Os, OsFamily, Version};
use quorate::component::{Desired, Inputs, Templates, desired, patroni};

fn render(cluster: &Cluster, os: &Os) -> Desired {
    let facts = common::facts(cluster, os);
    let secrets = common::secrets(cluster);
    desired(&Inputs { cluster, facts: &facts, secrets: &secrets }, &Templates::embedded().unwrap()).unwrap()
}

/// Everything of one node as one text.
fn whole(desired: &Desired, node: &str) -> String {
    let mut text = String::new();
    let node = desired.nodes.iter().find(|(name, _)| name.as_str() == node).unwrap().1;
    for (title, list) in [("packages", &node.packages), ("masked", &node.masked)] {
        writeln!(text, "{title}: {}", list.join(" ")).unwrap();
    }
    for repository in &node.repositories {
        writeln!(text, "repository {} {:?}", repository.mark, repository.args).unwrap();
    }
    for told in &node.told {
        writeln!(text, "told {}", told.unit).unwrap();
    }
    if node.labelled {
        writeln!(text, "labelled by SELinux, booleans: {:?}", node.booleans).unwrap();
    }
    for account in &node.accounts {
        writeln!(text, "account {} {}", account.name, account.home).unwrap();
    }
    for one in &node.directories {
        writeln!(text, "directory {} {}:{} {:o}", one.path, one.owner, one.group, one.mode).unwrap();
    }
    for program in &node.programs {
        writeln!(text, "program {} {:?}", program.root, program.links).unwrap();
    }
    for service in &node.services {
        writeln!(text, "service {}", service.unit).unwrap();
    }
    for file in &node.files {
        writeln!(text, "\n==== {} {}:{} {:o} {:?}", file.path, file.owner, file.group, file.mode, file.activation)
            .unwrap();
        if let Some(check) = &file.check {
            writeln!(text, "==== {:?} {} as {:?}", check.stage, check.argv.join(" "), check.user).unwrap();
        }
        text.push_str(file.content.expose());
    }
    text
}

#[test]
fn three_nodes_on_trixie() {
    let desired = render(&common::cluster(3), &common::debian("13"));
    insta::assert_snapshot!("trixie-db01", whole(&desired, "db01"));
    insta::assert_snapshot!("trixie-dcs", serde_json::to_string_pretty(&desired.dcs).unwrap());
}

#[test]
fn three_nodes_on_bookworm() {
    insta::assert_snapshot!("bookworm-db02", whole(&render(&common::cluster(3), &common::debian("12")), "db02"));
}

#[test]
fn three_nodes_on_bullseye() {
    insta::assert_snapshot!("bullseye-db03", whole(&render(&common::cluster(3), &common::debian("11")), "db03"));
}

#[test]
fn three_nodes_on_rhel() {
    let os = common::os(OsFamily::Rhel, "rhel", "9.4");
    insta::assert_snapshot!("rhel9-db01", whole(&render(&common::cluster(3), &os), "db01"));
}

#[test]
fn five_nodes_on_trixie() {
    insta::assert_snapshot!("five-db05", whole(&render(&common::cluster(5), &common::debian("13")), "db05"));
}

#[test]
fn the_bootstrapping_node_alone_has_the_section() {
    let cluster = common::cluster(3);
    let (facts, secrets) = (common::facts(&cluster, &common::debian("13")), common::secrets(&cluster));
    let inputs = Inputs { cluster: &cluster, facts: &facts, secrets: &secrets };
    let file = patroni::bootstrap_file(inputs, &Templates::embedded().unwrap(), &cluster.nodes[0].name).unwrap();
    insta::assert_snapshot!("bootstrap-db01", file.content.expose());
    for node in render(&cluster, &common::debian("13")).nodes.values() {
        assert!(node.files.iter().all(|file| !file.content.expose().contains("\nbootstrap:")));
    }
}

/// The facts of a host of the RHEL family as it comes: firewalld runs, `SELinux` judges.
fn on_rhel(version: &str, firewalld: Version) -> Desired {
    let cluster = common::cluster(3);
    let mut facts = common::facts(&cluster, &common::os(OsFamily::Rhel, "rhel", version));
    for facts in facts.values_mut() {
        facts.firewalld = Some(firewalld);
        facts.selinux = true;
    }
    let secrets = common::secrets(&cluster);
    desired(&Inputs { cluster: &cluster, facts: &facts, secrets: &secrets }, &Templates::embedded().unwrap()).unwrap()
}

#[test]
fn three_nodes_on_rhel_8_with_firewalld_and_selinux() {
    insta::assert_snapshot!("rhel8-db01", whole(&on_rhel("8.10", Version::new(0, 9, 11)), "db01"));
}

#[test]
fn three_nodes_on_rhel_10_with_firewalld_and_selinux() {
    insta::assert_snapshot!("rhel10-db03", whole(&on_rhel("10.1", Version::new(2, 3, 1)), "db03"));
}

#[test]
fn three_nodes_on_ubuntu() {
    for (version, node) in [("22.04", "db01"), ("24.04", "db02"), ("26.04", "db03")] {
        let os = common::os(OsFamily::Debian, "ubuntu", version);
        assert_eq!(os.to_string(), format!("ubuntu-{version}"));
        let text = whole(&render(&common::cluster(3), &os), node);
        // The files are those of Debian; only what differs is recorded.
        let head = text.split("\n====").next().unwrap().to_owned();
        insta::assert_snapshot!(format!("ubuntu-{version}-{node}"), head);
    }
}

#[test]
fn firewalld_is_told_only_where_it_runs_knows_policies_and_is_ours() {
    let has = |firewalld, firewall| {
        let mut cluster = common::cluster(3);
        cluster.firewall = firewall;
        let mut facts = common::facts(&cluster, &common::debian("12"));
        for facts in facts.values_mut() {
            facts.firewalld = firewalld;
        }
        let secrets = common::secrets(&cluster);
        let inputs = Inputs { cluster: &cluster, facts: &facts, secrets: &secrets };
        let desired = desired(&inputs, &Templates::embedded().unwrap()).unwrap();
        let holds = |node: &quorate::component::DesiredNode| {
            assert!(node.services.iter().all(|service| service.unit != "firewalld.service"), "it is not ours to start");
            node.files.iter().any(|file| file.path.contains("firewalld"))
        };
        desired.nodes.values().all(holds)
    };
    assert!(has(Some(Version::new(1, 3, 3)), Firewall::Manage));
    assert!(!has(Some(Version::new(1, 3, 3)), Firewall::Leave));
    assert!(!has(Some(Version::new(0, 8, 2)), Firewall::Manage));
    assert!(!has(None, Firewall::Manage));
}

/// A host reads the checks of staged files line by line.
#[test]
fn every_check_is_one_line() {
    for node in on_rhel("9.4", Version::new(1, 3, 4)).nodes.values() {
        let checks = node.files.iter().filter_map(|file| file.check.as_ref());
        assert!(checks.flat_map(|check| &check.argv).all(|word| !word.contains('\n')));
    }
}
