//! Who leads and who stands by at this moment: what the order of a rolling change is worked out from.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Probe, Probes, etcd, patroni};
use crate::cluster::{Cluster, NodeName};

/// How the cluster stands. What nobody could tell is absent, never guessed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Standing {
    /// The leader on which all that answered agree.
    pub leader: Option<NodeName>,
    /// Members that stream from it.
    pub streaming: BTreeSet<NodeName>,
    /// Of those, the synchronous standbys (of a quorum too): only they may take over without losing a commit.
    pub synchronous: BTreeSet<NodeName>,
    /// Members that wait for a restart of PostgreSQL to take settings over.
    pub pending: BTreeSet<NodeName>,
    /// Patroni answers there.
    pub members: BTreeSet<NodeName>,
    /// The member of etcd that leads.
    pub etcd_leader: Option<NodeName>,
    /// Members of etcd that complete a linearizable read.
    pub etcd_healthy: BTreeSet<NodeName>,
    /// Who holds the VIP, if exactly one says so.
    pub vip_holder: Option<NodeName>,
    /// The cluster is paused.
    pub paused: bool,
    /// The DCS is lost and Patroni runs in failsafe mode.
    pub failsafe: bool,
    /// Patroni's settings in the DCS.
    pub settings: Option<Value>,
    /// The leader's timeline.
    pub timeline: Option<i64>,
}

impl Standing {
    /// Works it out from all answers.
    pub fn of(cluster: &Cluster, probes: &Probes) -> Self {
        let answers: BTreeMap<&NodeName, &Probe> =
            probes.iter().filter_map(|(name, probe)| Some((name, probe.as_ref().ok()?))).collect();
        let leader = patroni::leader(cluster, &answers);
        let best = leader.as_ref().and_then(|name| answers.get(name)).or_else(|| answers.values().next());
        let mut standing = Self {
            members: answers
                .iter()
                .filter(|(_, probe)| patroni::view(probe).is_some())
                .map(|(name, _)| (*name).clone())
                .collect(),
            etcd_healthy: answers
                .iter()
                .filter(|(_, probe)| etcd::healthy(probe))
                .map(|(name, _)| (*name).clone())
                .collect(),
            etcd_leader: etcd::leads(&answers),
            settings: answers
                .values()
                .filter_map(|probe| probe.patroni_config.ok())
                .find(|http| http.status == 200)
                .map(|http| http.body.clone()),
            ..Self::default()
        };
        for member in best.and_then(|probe| patroni::view(probe)).unwrap_or_default() {
            let Some(node) = cluster.nodes.iter().find(|node| node.name.as_str() == member.name) else { continue };
            if Some(&node.name) == leader.as_ref() {
                standing.timeline = member.timeline;
            } else if member.state == "streaming" {
                standing.streaming.insert(node.name.clone());
                if matches!(member.role.as_str(), "sync_standby" | "quorum_standby") {
                    standing.synchronous.insert(node.name.clone());
                }
            }
            if member.pending_restart {
                standing.pending.insert(node.name.clone());
            }
        }
        let raised = |field: &str| {
            answers.values().any(|probe| {
                probe.patroni.ok().and_then(|http| http.body.get(field)).and_then(Value::as_bool) == Some(true)
            })
        };
        standing.paused = raised("pause")
            || standing.settings.as_ref().and_then(|body| body.get("pause")).and_then(Value::as_bool) == Some(true);
        standing.failsafe = raised("failsafe_mode_is_active");
        let mut holders = answers.iter().filter(|(_, probe)| probe.vip.ok() == Some(&true));
        standing.vip_holder = match (holders.next(), holders.next()) {
            (Some((name, _)), None) => Some((*name).clone()),
            _ => None,
        };
        standing.leader = leader;
        standing
    }
}
