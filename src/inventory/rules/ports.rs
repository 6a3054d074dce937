//! Ports: every service runs on every node.

use std::collections::BTreeMap;

use super::Context;
use crate::inventory::diagnostic::Code;

pub(super) fn check(context: &mut Context<'_>) {
    let cluster = context.cluster;
    let services: [(&str, &str, u16); 7] = [
        ("etcd.client_port", "etcd's clients", cluster.etcd.client_port),
        ("etcd.peer_port", "etcd's members", cluster.etcd.peer_port),
        ("postgresql.port", "PostgreSQL", cluster.postgresql.port()),
        ("patroni.port", "Patroni's REST API", cluster.patroni.port),
        ("haproxy.primary_port", "HAProxy to the leader", cluster.haproxy.primary_port),
        ("haproxy.replica_port", "HAProxy to the replicas", cluster.haproxy.replica_port),
        ("haproxy.stats_port", "HAProxy's statistics", cluster.haproxy.stats_port),
    ];
    let mut seen: BTreeMap<u16, (&str, &str)> = BTreeMap::new();
    for (path, name, port) in services {
        let Some((first_path, first_name)) = seen.get(&port).copied() else {
            seen.insert(port, (path, name));
            continue;
        };
        if !context.known(&[path, first_path]) {
            continue;
        }
        let default = |path: &str| if context.value(path).is_none() { " (by default)" } else { "" };
        let title = format!("{first_name} and {name} are both on port {port}");
        let problem = context
            .about(Code::PORTS, &[path, first_path], title)
            .why("all services run on every node; the second one could not start")
            .help(format!("give `{first_path}`{} or `{path}`{} another port", default(first_path), default(path)));
        context.report(problem);
    }
}
