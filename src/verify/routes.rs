//! The way of a client: HAProxy's routes, the VIP's holder, and SQL through both ports.

use std::collections::BTreeMap;

use super::{Finding, Probe, Stat, Told};
use crate::cluster::{Cluster, NodeName};

type Answers<'a> = BTreeMap<&'a NodeName, &'a Probe>;

/// Names of the two `listen` sections in haproxy.cfg.
const PRIMARY: &str = "primary";
const REPLICAS: &str = "replicas";

/// The servers of a section that HAProxy would route to.
fn up<'a>(stats: &'a [Stat], section: &str) -> Vec<&'a str> {
    stats
        .iter()
        .filter(|row| row.pxname == section && !matches!(row.svname.as_str(), "FRONTEND" | "BACKEND"))
        .filter(|row| row.status.starts_with("UP") || row.status == "no check")
        .map(|row| row.svname.as_str())
        .collect()
}

pub(super) fn haproxy(cluster: &Cluster, answers: &Answers<'_>, leader: Option<&NodeName>) -> Vec<Finding> {
    let offered = |node: &&crate::cluster::Node| Some(&node.name) != leader && !node.tags.noloadbalance;
    let mut wanted_replicas: Vec<&str> = cluster.nodes.iter().filter(offered).map(|node| node.name.as_str()).collect();
    wanted_replicas.sort_unstable();
    let mut findings = Vec::new();
    for (name, probe) in answers {
        let stats = match &probe.haproxy {
            Told::Ok(stats) => stats,
            Told::Error(error) => {
                findings.push(
                    Finding::degraded("haproxy.routes", name, format!("{name} does not tell its routes: {error}"))
                        .remedy("on the node: `systemctl status haproxy`"),
                );
                continue;
            }
        };
        let (primary, mut replicas) = (up(stats, PRIMARY), up(stats, REPLICAS));
        replicas.sort_unstable();
        let right = match leader {
            Some(leader) => primary == [leader.as_str()],
            None => primary.is_empty(),
        };
        let shown = |names: &[&str]| if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let text = format!("on {name}, {PRIMARY} leads to {}, {REPLICAS} to {}", shown(&primary), shown(&replicas));
        findings.push(if right && replicas == wanted_replicas {
            Finding::ok("haproxy.routes", name, text)
        } else {
            let leader = leader.map_or("nobody", NodeName::as_str);
            let text = format!("{text}; as it shall be: {leader}, and {}", shown(&wanted_replicas));
            Finding::degraded("haproxy.routes", name, text)
                .remedy("HAProxy asks Patroni's REST API every few seconds: `echo 'show stat' | socat - /run/haproxy/admin.sock` shows each check")
        });
    }
    findings
}

pub(super) fn vip(cluster: &Cluster, answers: &Answers<'_>) -> Vec<Finding> {
    let address = cluster.vip.address;
    let holders: Vec<&str> =
        answers.iter().filter(|(_, probe)| probe.vip.ok() == Some(&true)).map(|(name, _)| name.as_str()).collect();
    // Who can't say may hold it too, or alone.
    let says = |name: &NodeName| answers.get(name).is_some_and(|probe| probe.vip.ok().is_some());
    let unknown: Vec<&str> =
        cluster.nodes.iter().map(|node| &node.name).filter(|name| !says(name)).map(NodeName::as_str).collect();
    let ask = "on the nodes: `systemctl status keepalived`; it holds the VIP only where HAProxy runs";
    vec![match holders.as_slice() {
        [holder] if unknown.is_empty() => Finding::ok("vip.holder", holder, format!("{address} is on {holder} alone")),
        [holder] => {
            let text =
                format!("{address} is on {holder}; {} could not be asked and may hold it too", unknown.join(", "));
            Finding::degraded("vip.holder", holder, text).remedy("bring that host back, or see to it that it is off")
        }
        [] if unknown.is_empty() => {
            Finding::down("vip.holder", "cluster", format!("no node holds {address}")).remedy(ask)
        }
        [] => {
            let text = format!("nobody says it holds {address}; {} could not be asked", unknown.join(", "));
            Finding::degraded("vip.holder", "cluster", text).remedy(ask)
        }
        many => Finding::down("vip.holder", "cluster", format!("{address} is on {} at once", many.join(" and ")))
            .remedy(
                "the nodes do not hear each other's VRRP adverts (IP protocol 112): look at the firewall between them",
            ),
    }]
}

pub(super) fn sql(cluster: &Cluster, answers: &Answers<'_>, leader: Option<&NodeName>) -> Vec<Finding> {
    let Some(told) = answers.values().find_map(|probe| probe.sql.as_ref()) else {
        let text = "not tried: the host that was to write through the VIP gave no answer";
        return vec![Finding::degraded("sql.write", "cluster", text).remedy("mend what is named above and ask again")];
    };
    let address_of = |name: &NodeName| cluster.node(name).map(|node| node.address.to_string());
    let name_of = |address: &str| {
        let node = cluster.nodes.iter().find(|node| node.address.to_string() == address);
        node.map_or_else(|| address.to_owned(), |node| node.name.to_string())
    };
    let (vip, ports) = (cluster.vip.address, &cluster.haproxy);
    let remedy = "try it by hand: `psql -h VIP -p 5000 -U postgres -c 'select pg_is_in_recovery()'`; `verify` names the part that is broken above";
    let sql = match told {
        Told::Ok(sql) => sql,
        Told::Error(error) => {
            return vec![
                Finding::down(
                    "sql.write",
                    "cluster",
                    format!("no write through {vip}:{}: {error}", ports.primary_port),
                )
                .remedy(remedy),
            ];
        }
    };
    let primary = name_of(&sql.primary.address);
    let write = if sql.primary.in_recovery
        || leader.and_then(address_of).is_some_and(|leader| leader != sql.primary.address)
    {
        Finding::down(
            "sql.write",
            "cluster",
            format!("{vip}:{} leads to {primary}, which is not the leader", ports.primary_port),
        )
        .remedy(remedy)
    } else {
        let took = sql.write_ms.unwrap_or_default();
        Finding::ok(
            "sql.write",
            "cluster",
            format!("{vip}:{} leads to {primary} (in recovery: f), a row was written in {took} ms", ports.primary_port),
        )
    };
    let read = match &sql.replica {
        Some(server) if server.in_recovery && sql.seen => {
            let took = sql.read_ms.unwrap_or_default();
            let text = format!(
                "{vip}:{} leads to {} (in recovery: t), the row was read after {took} ms",
                ports.replica_port,
                name_of(&server.address)
            );
            Finding::ok("sql.read", "cluster", text)
        }
        Some(server) if server.in_recovery => {
            let text = format!("{} does not show the row that was written", name_of(&server.address));
            Finding::degraded("sql.read", "cluster", text).remedy("the replica does not replay: look at its lag above")
        }
        Some(server) => {
            let text =
                format!("{vip}:{} leads to {}, which is no replica", ports.replica_port, name_of(&server.address));
            Finding::degraded("sql.read", "cluster", text).remedy(remedy)
        }
        None => Finding::degraded("sql.read", "cluster", "not tried, since the write failed").remedy(remedy),
    };
    vec![write, read]
}

pub(super) fn units(answers: &Answers<'_>) -> Vec<Finding> {
    let mut wrong = Vec::new();
    let mut told = Vec::new();
    for (name, probe) in answers {
        match &probe.units {
            Told::Error(error) => wrong.push(format!("{name}: {error}")),
            Told::Ok(units) => {
                told.push(name.as_str());
                for (unit, state) in units {
                    if state.active != "active" {
                        wrong.push(format!("{unit} on {name} is {}", state.active));
                    } else if state.enabled != "enabled" {
                        wrong.push(format!("{unit} on {name} does not start at boot"));
                    }
                }
            }
        }
    }
    vec![if told.is_empty() && wrong.is_empty() {
        Finding::degraded("units", "cluster", "no host says which services run")
    } else if wrong.is_empty() {
        let text = format!("all services run and start at boot on {}", told.join(", "));
        Finding::ok("units", "cluster", text)
    } else {
        Finding::degraded("units", "cluster", wrong.join("; "))
            .remedy("`systemctl status UNIT` on the node says why; `systemctl enable UNIT` for the boot")
    }]
}
