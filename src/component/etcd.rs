//! etcd: the environment that names its cluster, its unit, its program.

use serde::Serialize;

use super::desired::{Account, Activation, ComponentName, DesiredNode, File, Service};
use super::inputs::{NodeInputs, RenderError};
use super::parts::{self, directory};
use super::templates::Templates;
use crate::cluster::{Arch, NodeName};
use crate::platform::Daemon;

#[derive(Serialize)]
struct Environment<'a> {
    cluster: &'a str,
    node: &'a NodeName,
    version: String,
    data_dir: String,
    peer_url: String,
    client_url: String,
    local_client_url: String,
    initial_cluster: String,
    heartbeat_ms: u32,
    election_ms: u32,
    quota_bytes: u64,
    feature_gates: bool,
    unsupported_arch: bool,
}

#[derive(Serialize)]
struct Unit<'a> {
    cluster: &'a str,
    node: &'a NodeName,
    program: &'a str,
}

/// What a node shall hold for etcd.
pub(super) fn desired(node: &NodeInputs, templates: &Templates) -> Result<DesiredNode, RenderError> {
    let cluster = node.inputs.cluster;
    let etcd = &cluster.etcd;
    let version = node.versions.etcd;
    let peer_url = |address| format!("http://{address}:{}", etcd.peer_port);
    let data_dir = etcd.data_dir.to_string_lossy().into_owned();
    let environment = Environment {
        cluster: cluster.name.as_str(),
        node: &node.node.name,
        version: version.to_string(),
        data_dir: data_dir.clone(),
        peer_url: peer_url(node.node.address),
        client_url: format!("http://{}:{}", node.node.address, etcd.client_port),
        local_client_url: format!("http://127.0.0.1:{}", etcd.client_port),
        initial_cluster: cluster
            .nodes
            .iter()
            .map(|member| format!("{}={}", member.name, peer_url(member.address)))
            .collect::<Vec<_>>()
            .join(","),
        heartbeat_ms: etcd.heartbeat_ms,
        election_ms: etcd.election_ms,
        quota_bytes: etcd.quota_bytes,
        // 3.7 refuses the experimental flags, 3.5 does not know the gates.
        feature_gates: version.at_least(3, 6),
        unsupported_arch: node.facts.arch == Arch::Arm64 && !version.at_least(3, 5),
    };
    let unit = Unit { cluster: cluster.name.as_str(), node: &node.node.name, program: node.program(Daemon::Etcd) };
    let mut links = vec!["etcd", "etcdctl"];
    if version.at_least(3, 5) {
        links.push("etcdutl");
    }
    let mut directories = vec![
        directory("/etc/etcd", "root", "root", 0o755),
        // etcd warns, and some versions refuse, if others could read its data.
        directory("/var/lib/etcd", "etcd", "etcd", 0o700),
        directory(&data_dir, "etcd", "etcd", 0o700),
    ];
    // A data folder right at /var/lib/etcd is listed once.
    directories.dedup();
    Ok(DesiredNode {
        packages: parts::packages(node, Daemon::Etcd, node.methods.etcd),
        accounts: vec![Account { name: "etcd".to_owned(), home: "/var/lib/etcd".to_owned() }],
        directories,
        files: vec![
            File {
                group: "etcd".to_owned(),
                mode: 0o640,
                ..parts::file(
                    ComponentName::Etcd,
                    "/etc/etcd/etcd.env",
                    templates.render("etcd/etcd.env", &environment)?,
                    None,
                    Activation::Restart,
                )
            },
            parts::unit(node, ComponentName::Etcd, templates.render("etcd/etcd.service", &unit)?),
        ],
        programs: parts::program(ComponentName::Etcd, node.methods.etcd, version, "bin", &links),
        services: vec![Service { component: ComponentName::Etcd, unit: "etcd.service".to_owned() }],
        ..DesiredNode::default()
    })
}
