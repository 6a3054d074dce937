//! keepalived: who holds the VIP, its check of HAProxy, its unit, its program.

use std::net::Ipv4Addr;

use serde::Serialize;

use super::desired::{Account, Activation, Check, ComponentName, DesiredNode, File, Service};
use super::haproxy::MONITOR_URI;
use super::inputs::{NodeInputs, RenderError};
use super::parts::{self, directory};
use super::templates::Templates;
use crate::cluster::{InstallMethod, Interface, NodeName, Version};
use crate::platform::Daemon;

/// The account that the check runs as.
pub const SCRIPT_USER: &str = "keepalived_script";

/// The file in which keepalived tells `ip` the number that it marks its addresses with; it makes the folders above it too.
pub const PROTOCOLS: &str = "/etc/iproute2/rt_addrprotos.d/keepalived.conf";

#[derive(Serialize)]
struct Configuration<'a> {
    cluster: &'a str,
    node: &'a NodeName,
    reload_check: bool,
    interface: &'a Interface,
    router_id: u8,
    priority: u8,
    advert_interval: u32,
    address: Ipv4Addr,
    peers: Vec<Ipv4Addr>,
    vip: Ipv4Addr,
    prefix: u8,
}

#[derive(Serialize)]
struct Script {
    stats_port: u16,
    monitor_uri: &'static str,
}

#[derive(Serialize)]
struct Unit<'a> {
    cluster: &'a str,
    node: &'a NodeName,
    program: &'a str,
    notify_all: bool,
    vrrp_only: bool,
}

/// A node's VRRP priority: the first of the inventory has the highest, 150, 100, 50 for three nodes. VRRP has room for 1 to
/// 254; the steps are as wide as that allows.
pub fn priority(index: usize, nodes: usize) -> u8 {
    let step = 254_usize.checked_div(nodes).unwrap_or(50).clamp(1, 50);
    u8::try_from(step * nodes.saturating_sub(index).max(1)).unwrap_or(254)
}

/// Whether `keepalived -t` kills itself when a script runs as another account than root (keepalived issue 2617; 2.1 and 2.2.8
/// do not).
fn dies_testing(version: Version) -> bool {
    version.at_least(2, 2) && version < Version::new(2, 2, 8)
}

/// keepalived's own test of its file; where it would kill itself, of a copy that differs in the scripts' account alone.
fn test(program: &str, version: Version) -> Check {
    if !dies_testing(version) {
        return parts::check(&[program, "-t", "-f", "{}"]);
    }
    let script = format!(
        "copy=$(mktemp) && sed 's/^\\( *script_user\\) .*/\\1 root/' \"$1\" >\"$copy\" && {program} -t -f \"$copy\"; \
         result=$?; rm -f \"$copy\"; exit $result"
    );
    parts::check(&["/bin/sh", "-c", &script, "quorate", "{}"])
}

/// What a node shall hold for keepalived.
pub(super) fn desired(node: &NodeInputs, templates: &Templates) -> Result<DesiredNode, RenderError> {
    let cluster = node.inputs.cluster;
    let keepalived = &cluster.keepalived;
    let version = node.versions.keepalived;
    let program = node.program(Daemon::Keepalived);
    let configuration = Configuration {
        cluster: cluster.name.as_str(),
        node: &node.node.name,
        // Introduced with 2.2.0, but it starts keepalived's own test, which does not survive our script before 2.2.8.
        reload_check: version.at_least(2, 2) && !dies_testing(version),
        interface: node.interface,
        router_id: keepalived.router_id,
        priority: priority(node.index, cluster.nodes.len()),
        advert_interval: cluster.timings.advert_interval,
        address: node.node.address,
        peers: cluster.nodes.iter().map(|peer| peer.address).filter(|peer| *peer != node.node.address).collect(),
        vip: cluster.vip.address,
        prefix: node.prefix,
    };
    let script = Script { stats_port: cluster.haproxy.stats_port, monitor_uri: MONITOR_URI };
    let unit = Unit {
        cluster: cluster.name.as_str(),
        node: &node.node.name,
        program,
        notify_all: version < Version::new(2, 2, 8),
        // Our own build knows nothing but VRRP, and not this option either.
        vrrp_only: node.methods.keepalived == InstallMethod::Package,
    };
    let file = |path, text, check, activation| parts::file(ComponentName::Keepalived, path, text, check, activation);
    Ok(DesiredNode {
        packages: parts::packages(node, Daemon::Keepalived, node.methods.keepalived),
        accounts: vec![Account { name: SCRIPT_USER.to_owned(), home: "/nonexistent".to_owned() }],
        directories: vec![
            directory("/etc/keepalived", "root", "root", 0o755),
            directory("/usr/libexec", "root", "root", 0o755),
            directory("/usr/libexec/keepalived", "root", "root", 0o755),
        ],
        files: vec![
            // Before the configuration: keepalived's own check of that looks at the script.
            File {
                mode: 0o755,
                ..file(
                    "/usr/libexec/keepalived/quorate-check",
                    templates.render("keepalived/quorate-check", &script)?,
                    Some(parts::check(&["/bin/bash", "-n", "{}"])),
                    Activation::None,
                )
            },
            file(
                "/etc/keepalived/keepalived.conf",
                templates.render("keepalived/keepalived.conf", &configuration)?,
                Some(test(&node.judge(Daemon::Keepalived), version)),
                Activation::Reload,
            ),
            parts::unit(node, ComponentName::Keepalived, templates.render("keepalived/keepalived.service", &unit)?),
        ],
        programs: parts::program(ComponentName::Keepalived, node.methods.keepalived, version, "sbin", &["keepalived"]),
        services: vec![Service { component: ComponentName::Keepalived, unit: "keepalived.service".to_owned() }],
        ..DesiredNode::default()
    })
}
