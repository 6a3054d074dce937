//! Facts to render with where no host is asked.

use std::collections::BTreeMap;

use crate::cluster::{Arch, Cluster, Facts, Interface, NodeName, Os, OsFamily, Version};

/// What `render` takes for granted of hosts that it does not ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssumedFacts {
    /// The facts, by node.
    pub facts: BTreeMap<NodeName, Facts>,
    /// One sentence for each assumption that shows in the files.
    pub assumptions: Vec<String>,
}

/// The facts of a plain Debian 13 host with 4 GiB of memory, without firewalld and `SELinux`. What the inventory says is not assumed.
pub fn assumed_facts(cluster: &Cluster) -> AssumedFacts {
    let mut assumptions = vec![
        "operating system: Debian 13 on x86-64 (paths, versions, packages)".to_owned(),
        "memory: 4 GiB on every node (PostgreSQL's memory parameters)".to_owned(),
    ];
    let eth0 = Interface::new("eth0").unwrap_or_else(|_| unreachable!("the literal is a valid name"));
    let unnamed: Vec<_> = cluster.nodes.iter().filter(|node| node.interface.is_none()).collect();
    if cluster.vip.interface.is_none() && !unnamed.is_empty() {
        let names: Vec<_> = unnamed.iter().map(|node| node.name.as_str()).collect();
        assumptions.push(format!("interface of the VIP: eth0 on {} (key vip.interface)", names.join(", ")));
    }
    if cluster.vip.prefix.is_none() {
        assumptions.push("prefix of the VIP: /24 (key vip.prefix)".to_owned());
    }
    let facts = Facts {
        os: Os {
            family: OsFamily::Debian,
            id: "debian".to_owned(),
            version: Version::parse("13").unwrap_or(Version::new(13, 0, 0)),
        },
        arch: Arch::Amd64,
        memory_bytes: 4 << 30,
        cpus: 2,
        interface: eth0,
        prefix: cluster.vip.prefix.unwrap_or(24),
        firewalld: None,
        selinux: false,
    };
    AssumedFacts { facts: cluster.nodes.iter().map(|node| (node.name.clone(), facts.clone())).collect(), assumptions }
}
