//! Clusters for tests: the article's three nodes, five nodes, and the facts of each operating system.
#![allow(dead_code, reason = "every test file uses another part of it")]
#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

pub(crate) mod look;
pub(crate) mod postgres;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use quorate::cluster::{
    Arch, Artifacts, Cluster, ClusterName, Durability, Etcd, Facts, Firewall, Haproxy, Interface, Keepalived, Node,
    NodeName, Os, OsFamily, Patroni, Postgresql, Secret, SecretName, Secrets, Ssh, Tags, Timings, Version, Vip,
};

/// A node with nothing but name and address.
pub(crate) fn node(name: &str, address: &str) -> Node {
    Node {
        name: NodeName::new(name).unwrap(),
        address: address.parse().unwrap(),
        ssh: Ssh { host: address.to_owned(), port: None, user: None, key: None, config: None, host_key: None },
        interface: None,
        tags: Tags::default(),
        parameters: BTreeMap::new(),
    }
}

/// The smallest cluster: the article's addresses, everything else by default.
pub(crate) fn cluster(nodes: u8) -> Cluster {
    Cluster {
        name: ClusterName::new("ha").unwrap(),
        nodes: (1..=nodes).map(|n| node(&format!("db0{n}"), &format!("192.168.13.{}", address(n)))).collect(),
        vip: Vip { address: Ipv4Addr::new(192, 168, 13, 48), prefix: None, interface: None },
        durability: Durability::default(),
        firewall: Firewall::default(),
        timings: Timings::default(),
        etcd: Etcd::default(),
        postgresql: Postgresql::default(),
        patroni: Patroni::default(),
        haproxy: Haproxy::default(),
        keepalived: Keepalived { install: None, version: None, router_id: 48 },
        artifacts: Artifacts::default(),
        secrets_file: PathBuf::from("/nowhere/ha.secrets.yml"),
        secret_sources: BTreeMap::new(),
    }
}

/// The article's addresses, its VIP left out.
fn address(n: u8) -> u8 {
    if n <= 3 { 44 + n } else { 45 + n }
}

/// An operating system by the key that builds are kept under.
pub(crate) fn os(family: OsFamily, id: &str, version: &str) -> Os {
    Os { family, id: id.to_owned(), version: Version::parse(version).unwrap() }
}

/// Debian of that release.
pub(crate) fn debian(version: &str) -> Os {
    os(OsFamily::Debian, "debian", version)
}

/// The same facts for every node: 4 GiB, the article's interface.
pub(crate) fn facts(cluster: &Cluster, os: &Os) -> BTreeMap<NodeName, Facts> {
    let facts = Facts {
        os: os.clone(),
        arch: Arch::Amd64,
        memory_bytes: 4 << 30,
        cpus: 2,
        interface: Interface::new("ens192").unwrap(),
        prefix: 24,
        firewalld: None,
        selinux: false,
    };
    cluster.nodes.iter().map(|node| (node.name.clone(), facts.clone())).collect()
}

/// Every secret that the cluster needs, each with its own value.
pub(crate) fn secrets(cluster: &Cluster) -> Secrets {
    let mut secrets = Secrets::default();
    let roles = cluster.postgresql.roles.iter().map(|role| SecretName::Role(role.name.as_str().to_owned()));
    for name in SecretName::BUILT_IN.into_iter().chain(roles) {
        let value = format!("{}-canary-0123456789", name.key());
        secrets.insert(name, Secret::new(value));
    }
    secrets
}
