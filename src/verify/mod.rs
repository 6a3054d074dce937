//! Proof: quorum, roles, timelines, routes, VIP, judged from what every host says. Pure; also the gates inside apply.
//!
//! [`probe`] is what hosts are asked; [`judge`] turns all answers into [`Finding`]s. A host that did not answer is a finding
//! of its own and never counts as "absent".

mod etcd;
mod finding;
mod patroni;
mod probe;
mod routes;
mod standing;

use std::collections::BTreeMap;

pub use finding::{Finding, Level, Verdict};
pub use patroni::same;
pub use probe::{Http, PROBE, Probe, Server, Sql, Stat, Told, Unit, question, units};
pub use standing::Standing;

use crate::cluster::{Cluster, NodeName};

/// What every node of a cluster said; `Err` says why one could not be asked.
pub type Probes = BTreeMap<NodeName, Result<Probe, String>>;

/// What is judged, for the gates that must not wait for what is not started yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Members, leader, health of etcd.
    Etcd,
    /// One leader, and it bootstrapped with the wanted settings.
    Leader,
    /// All members of Patroni: roles, states, timelines.
    Members,
    /// HAProxy's routes too.
    Routes,
    /// Everything, with VIP, SQL and margin.
    Everything,
}

/// Judges all answers. `dcs` are the settings that the DCS shall hold.
pub fn judge(cluster: &Cluster, dcs: &serde_json::Value, probes: &Probes, scope: Scope) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for (name, probe) in probes {
        if let Err(reason) = probe {
            findings.push(Finding::degraded("host.answers", name, format!("{name} could not be asked: {reason}")));
        }
    }
    let answers: BTreeMap<&NodeName, &Probe> =
        probes.iter().filter_map(|(name, probe)| Some((name, probe.as_ref().ok()?))).collect();
    findings.extend(etcd::judge(cluster, &answers));
    let leader = patroni::leader(cluster, &answers);
    if scope >= Scope::Leader {
        findings.extend(patroni::judge(cluster, dcs, &answers, scope));
    }
    if scope >= Scope::Routes {
        findings.extend(routes::haproxy(cluster, &answers, leader.as_ref()));
    }
    if scope >= Scope::Everything {
        findings.extend(routes::vip(cluster, &answers));
        findings.extend(routes::sql(cluster, &answers, leader.as_ref()));
        findings.extend(routes::units(&answers));
        findings.push(etcd::margin(cluster, &answers));
    }
    findings
}
