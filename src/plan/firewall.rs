//! What the preflight says of a host's firewall. Pure.

use super::{Survey, survey};
use crate::cluster::{Cluster, Firewall, Node};
use crate::component::firewalld;
use crate::verify::Finding;

/// What the hosts' firewall lets through is tried by nothing here: it is opened, or said what to open.
pub(super) fn finding(cluster: &Cluster, node: &Node, survey: &Survey) -> Finding {
    const ID: &str = "net.firewall";
    let needed = format!(
        "tcp {}, {}, {} and {} and VRRP (protocol 112) from the other nodes, tcp {} and {} from clients",
        cluster.etcd.client_port,
        cluster.etcd.peer_port,
        cluster.patroni.port,
        cluster.postgresql.port(),
        cluster.haproxy.primary_port,
        cluster.haproxy.replica_port
    );
    let by_hand = format!("let in {needed}");
    match &survey.firewall.firewalld {
        Some(_) if cluster.firewall == Firewall::Leave => {
            Finding::ok(ID, &node.name, format!("firewalld is left to you; it has to let in {needed}"))
        }
        Some(said) if survey::firewalld(said) < firewalld::OLDEST => {
            let version = if said.is_empty() { "of an unknown version" } else { said };
            Finding::down(ID, &node.name, format!("firewalld {version} runs, and knows no policies: they came with {}", firewalld::OLDEST))
                .remedy(format!("update firewalld (`dnf upgrade firewalld`); or {by_hand} yourself, and write `firewall: leave`"))
        }
        Some(_) if survey.firewall.runtime_rules => Finding::degraded(
            ID,
            &node.name,
            "firewalld has rules that it would forget at a reload, and `apply` makes it reload",
        )
        .remedy("`firewall-cmd --runtime-to-permanent` keeps them"),
        Some(said) => Finding::ok(ID, &node.name, format!("firewalld {said}: a policy of quorate's lets in {needed}")),
        None if survey.firewall.ufw => Finding::degraded(ID, &node.name, "ufw is on, and quorate does not tell it anything")
            .remedy(format!("{by_hand}: `ufw allow proto tcp from NODE to any port PORT`, `ufw allow PORT/tcp`; VRRP goes into /etc/ufw/before.rules")),
        None => Finding::ok(ID, &node.name, "no firewall that quorate knows of runs"),
    }
}
