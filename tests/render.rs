//! What is rendered for every node: recorded whole per operating system, and held against the article's faults.

mod common;

use std::fmt::Write as _;

use quorate::cluster::{Cluster, Os, OsFamily};
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
