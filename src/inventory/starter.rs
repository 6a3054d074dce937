//! The inventory that `quorate init` writes.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use crate::cluster::{ClusterName, NodeName};

/// A commented starter; what it leaves out has defaults. It is a valid inventory as long as the nodes and the VIP are.
pub fn starter(cluster: &ClusterName, nodes: &[(NodeName, Ipv4Addr)], vip: Ipv4Addr) -> String {
    let mut text = format!(
        "# yaml-language-server: $schema=quorate.schema.json
# The inventory of one cluster. `quorate schema > quorate.schema.json` gives your editor completion and checks.
# Every key with its default: docs/inventory.md. Passwords never stand here, see `secrets:`.

# Patroni's scope and etcd's token. It can't be changed once the cluster runs.
cluster: {cluster}

# Three or five hosts; their order is the order in which they are preferred as holder of the VIP.
nodes:
"
    );
    for (name, address) in nodes {
        // Writing to a String can't fail.
        let _ = writeln!(text, "  - name: {name}\n    address: {address}");
    }
    let _ = write!(
        text,
        "
# What clients connect to: port 5000 leads to the leader, 5001 to the replicas.
vip: {vip}

# How the nodes are reached. Anyone but root needs sudo without a password.
# ssh:
#   user: deploy
#   key: ~/.ssh/id_ed25519

# What a commit waits for: async, sync (the default), sync-strict or quorum.
# durability: sync

# postgresql:
#   version: 17
#   parameters:
#     work_mem: 16MB
#   hba:
#     - host app app 10.0.0.0/8 scram-sha-256
#   roles:
#     - name: app          # its password: role_app in the secrets file
#   databases:
#     - name: app
#       owner: app

# keepalived:
#   router_id: 51          # unique on the network; the VIP's last byte if left out
"
    );
    text
}
