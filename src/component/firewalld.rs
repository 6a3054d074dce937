//! firewalld, where it runs: one policy of ours that lets in what the cluster needs. Everything else of it is the host's own.

use std::net::Ipv4Addr;

use serde::Serialize;

use super::desired::{Activation, Check, CheckStage, ComponentName, DesiredNode, File, Service};
use super::inputs::{NodeInputs, RenderError};
use super::parts;
use super::templates::Templates;
use crate::cluster::{Firewall, Version};

/// Where the policy lies.
pub const POLICY: &str = "/etc/firewalld/policies/quorate.xml";

/// The unit that reads it.
pub const UNIT: &str = "firewalld.service";

/// firewalld knows policies from this version on.
pub const OLDEST: Version = Version::new(0, 9, 0);

/// Judges the candidate (`$1`) within a copy of the host's own configuration; the running firewall is not asked. A protocol that
/// /etc/protocols lacks is only warned of, and its rule left out: the VIP would then be on two nodes.
/// One line: a host reads checks line by line.
const CHECK: &str = concat!(
    r#"copy=$(mktemp -d) && cp -R /etc/firewalld/. "$copy" && mkdir -p "$copy/policies" && cp "$1" "$copy/policies/quorate.xml" || exit 1; "#,
    r#"said=$(firewall-offline-cmd --system-config "$copy" --check-config 2>&1); code=$?; rm -rf "$copy"; "#,
    r#"case $said in *"INVALID_PROTOCOL: vrrp"*) code=1 ;; esac; "#,
    r#"[ "$code" = 0 ] || printf "%s\\n" "$said"; exit "$code""#
);

#[derive(Serialize)]
struct Policy<'a> {
    cluster: &'a str,
    nodes: Vec<Ipv4Addr>,
    ports: [u16; 4],
    primary_port: u16,
    replica_port: u16,
}

/// Whether the node's firewalld is ours to tell, and can hold a policy.
fn ours(node: &NodeInputs) -> bool {
    node.inputs.cluster.firewall == Firewall::Manage && node.facts.firewalld.is_some_and(|version| version >= OLDEST)
}

/// What a node shall hold for firewalld: nothing where it does not run.
pub(super) fn desired(node: &NodeInputs, templates: &Templates) -> Result<DesiredNode, RenderError> {
    if !ours(node) {
        return Ok(DesiredNode::default());
    }
    let cluster = node.inputs.cluster;
    let policy = Policy {
        cluster: cluster.name.as_str(),
        nodes: cluster.nodes.iter().map(|node| node.address).collect(),
        ports: [cluster.etcd.client_port, cluster.etcd.peer_port, cluster.patroni.port, cluster.postgresql.port()],
        primary_port: cluster.haproxy.primary_port,
        replica_port: cluster.haproxy.replica_port,
    };
    let check = Check {
        argv: ["/bin/sh", "-c", CHECK, "quorate", "{}"].map(str::to_owned).to_vec(),
        user: None,
        keep_name: false,
        stage: CheckStage::Installed,
    };
    Ok(DesiredNode {
        files: vec![File {
            mode: 0o644,
            ..parts::file(
                ComponentName::Firewalld,
                POLICY,
                templates.render("firewalld/quorate.xml", &policy)?,
                Some(check),
                Activation::Reload,
            )
        }],
        told: vec![Service { component: ComponentName::Firewalld, unit: UNIT.to_owned() }],
        ..DesiredNode::default()
    })
}
