//! HAProxy: the routes to the leader and to the replicas, its unit, its program.

use std::net::Ipv4Addr;

use serde::Serialize;

use super::desired::{Account, Activation, ComponentName, DesiredNode, File, Service};
use super::inputs::{NodeInputs, RenderError};
use super::parts::{self, directory};
use super::postgresql;
use super::templates::Templates;
use crate::cluster::{InstallMethod, NodeName, SecretName, Version};
use crate::platform::Daemon;

/// The path that HAProxy answers by itself on its statistics port: it serves.
pub const MONITOR_URI: &str = "/quorate-alive";

/// The user of the statistics page.
pub const STATS_USER: &str = "quorate";

/// Connections set aside for the statistics page and keepalived's question.
const STATS_CONNECTIONS: u32 = 10;

#[derive(Serialize)]
struct Configuration<'a> {
    cluster: &'a str,
    node: &'a NodeName,
    address: Ipv4Addr,
    global_max_connections: u32,
    listen_max_connections: u32,
    server_max_connections: u32,
    timeout_connect: u32,
    timeout_queue: u32,
    timeout_client: u32,
    timeout_server: u32,
    check_interval: u32,
    check_fall: u32,
    check_rise: u32,
    init_state: bool,
    primary_port: u16,
    replica_port: u16,
    stats_port: u16,
    postgresql_port: u16,
    patroni_port: u16,
    replica_uri: String,
    monitor_uri: &'static str,
    servers: Vec<Server<'a>>,
    stats_credentials: String,
}

#[derive(Serialize)]
struct Server<'a> {
    name: &'a NodeName,
    address: Ipv4Addr,
}

#[derive(Serialize)]
struct Unit<'a> {
    cluster: &'a str,
    node: &'a NodeName,
    program: &'a str,
    check_before_start: bool,
    master_check: bool,
    open_files: u32,
}

/// How many connections each level takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// HAProxy in all.
    pub global: u32,
    /// Each of the two ports.
    pub listen: u32,
    /// Each server; what is above waits in HAProxy's queue.
    pub server: u32,
}

/// The connections of each level: a server's never exceed what PostgreSQL leaves to clients, and the ports' together never
/// exceed the whole, so that one port full of clients can't lock the other out.
pub fn connections(node: &NodeInputs) -> Connections {
    let haproxy = &node.inputs.cluster.haproxy;
    let server = haproxy.server_max_connections.unwrap_or_else(|| postgresql::client_connections(node.inputs.cluster));
    // Twice as many as a server takes: those above wait in the queue for haproxy.timeout_queue instead of in the kernel's backlog.
    let global = haproxy.max_connections.unwrap_or(server.saturating_mul(4).saturating_add(STATS_CONNECTIONS));
    Connections { global, listen: (global.saturating_sub(STATS_CONNECTIONS) / 2).max(1), server }
}

/// What a node shall hold for HAProxy.
pub(super) fn desired(node: &NodeInputs, templates: &Templates) -> Result<DesiredNode, RenderError> {
    let cluster = node.inputs.cluster;
    let haproxy = &cluster.haproxy;
    let version = node.versions.haproxy;
    let program = node.program(Daemon::Haproxy);
    let connections = connections(node);
    // The state `streaming` is known to Patroni from 3.0.4 on.
    let streaming = if node.versions.patroni >= Version::new(3, 0, 4) { "&replication_state=streaming" } else { "" };
    let stats_password = node.inputs.secret(&SecretName::HaproxyStats)?;
    let configuration = Configuration {
        cluster: cluster.name.as_str(),
        node: &node.node.name,
        address: node.node.address,
        global_max_connections: connections.global,
        listen_max_connections: connections.listen,
        server_max_connections: connections.server,
        timeout_connect: haproxy.timeout_connect,
        timeout_queue: haproxy.timeout_queue,
        timeout_client: haproxy.timeout_client,
        timeout_server: haproxy.timeout_server,
        check_interval: cluster.timings.check_interval,
        check_fall: cluster.timings.check_fall,
        check_rise: cluster.timings.check_rise,
        init_state: version.at_least(3, 1),
        primary_port: haproxy.primary_port,
        replica_port: haproxy.replica_port,
        stats_port: haproxy.stats_port,
        postgresql_port: cluster.postgresql.port(),
        patroni_port: cluster.patroni.port,
        replica_uri: format!("/replica?lag={}{streaming}", haproxy.replica_max_lag),
        monitor_uri: MONITOR_URI,
        servers: cluster.nodes.iter().map(|node| Server { name: &node.name, address: node.address }).collect(),
        stats_credentials: format!("{STATS_USER}:{stats_password}"),
    };
    let unit = Unit {
        cluster: cluster.name.as_str(),
        node: &node.node.name,
        program,
        // Later masters refuse a bad file by themselves at the start.
        check_before_start: !version.at_least(2, 6),
        // They also know the options that only a master has when they check.
        master_check: version.at_least(2, 6),
        open_files: connections.global.saturating_mul(2).saturating_add(1000).max(65536),
    };
    Ok(DesiredNode {
        packages: parts::packages(node, Daemon::Haproxy, node.methods.haproxy),
        accounts: vec![Account { name: "haproxy".to_owned(), home: "/var/lib/haproxy".to_owned() }],
        directories: vec![
            directory("/etc/haproxy", "root", "root", 0o755),
            // The chroot: empty, and not the process's to write.
            directory("/var/lib/haproxy", "root", "root", 0o755),
        ],
        files: vec![
            File {
                group: "haproxy".to_owned(),
                mode: 0o640,
                ..parts::file(
                    ComponentName::Haproxy,
                    "/etc/haproxy/haproxy.cfg",
                    templates.render("haproxy/haproxy.cfg", &configuration)?,
                    Some(parts::check(&[&node.judge(Daemon::Haproxy), "-c", "-f", "{}"])),
                    Activation::Reload,
                )
            },
            parts::unit(node, ComponentName::Haproxy, templates.render("haproxy/haproxy.service", &unit)?),
        ],
        programs: parts::program(ComponentName::Haproxy, node.methods.haproxy, version, "sbin", &["haproxy"]),
        services: vec![Service { component: ComponentName::Haproxy, unit: "haproxy.service".to_owned() }],
        booleans: if node.methods.haproxy == InstallMethod::Package && node.facts.selinux {
            // Only the package's own program is confined (haproxy_t): it may bind 5000 and not much else, and connects nowhere.
            vec!["haproxy_connect_any".to_owned()]
        } else {
            Vec::new()
        },
        ..DesiredNode::default()
    })
}
