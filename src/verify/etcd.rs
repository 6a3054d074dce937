//! etcd: health, members, one leader agreed by all, and how many members may still be lost.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Http, Probe, Told};
use crate::cluster::{Cluster, NodeName};

type Answers<'a> = BTreeMap<&'a NodeName, &'a Probe>;

/// The answer of an HTTP question if it was a good one.
fn good(told: &Told<Http>) -> Option<&Http> {
    told.ok().filter(|http| http.status == 200)
}

/// Whether this node's etcd completes a linearizable read.
pub(super) fn healthy(probe: &Probe) -> bool {
    good(&probe.etcd_health).is_some_and(|http| http.text("/health") == "true")
}

/// The member that leads, if exactly one says that it is it.
pub(super) fn leads(answers: &Answers<'_>) -> Option<NodeName> {
    let says = |probe: &Probe| {
        good(&probe.etcd_status).is_some_and(|http| {
            let leader = http.text("/leader");
            leader != "0" && leader == http.text("/header/member_id")
        })
    };
    let mut leading = answers.iter().filter(|(_, probe)| says(probe)).map(|(name, _)| (*name).clone());
    leading.next().filter(|_| leading.next().is_none())
}

pub(super) fn judge(cluster: &Cluster, answers: &Answers<'_>) -> Vec<Finding> {
    vec![health(cluster, answers), members(cluster, answers), leader(cluster, answers), alarms(answers)]
}

fn health(cluster: &Cluster, answers: &Answers<'_>) -> Finding {
    let serving = answers.values().filter(|probe| healthy(probe)).count();
    let all = cluster.nodes.len();
    let text = format!("{serving} of {all} members complete a linearizable read");
    if serving == all {
        return Finding::ok("etcd.health", "cluster", text);
    }
    let sick: Vec<String> = answers
        .iter()
        .filter(|(_, probe)| !healthy(probe))
        .map(|(name, probe)| {
            let reason = match &probe.etcd_health {
                Told::Ok(http) => format!("HTTP {}, {}", http.status, http.text("/reason")),
                Told::Error(error) => error.clone(),
            };
            format!("{name} ({reason})")
        })
        .collect();
    let text = if sick.is_empty() { text } else { format!("{text}; not {}", sick.join(", ")) };
    let remedy = "on the node: `systemctl status etcd`, `journalctl -u etcd -n 50`";
    if serving == 0 {
        Finding::down("etcd.health", "cluster", text).remedy(remedy)
    } else {
        Finding::degraded("etcd.health", "cluster", text).remedy(remedy)
    }
}

fn members(cluster: &Cluster, answers: &Answers<'_>) -> Finding {
    let mut wanted: Vec<(String, String)> = cluster
        .nodes
        .iter()
        .map(|node| (node.name.to_string(), format!("http://{}:{}", node.address, cluster.etcd.peer_port)))
        .collect();
    wanted.sort();
    let mut differing = Vec::new();
    let mut seen = false;
    for (name, probe) in answers {
        let Some(http) = good(&probe.etcd_members) else { continue };
        seen = true;
        let listed = http.body.pointer("/members").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
        // A list, not a map: a member that was added twice under one name must show.
        let mut has: Vec<(String, String)> = listed
            .iter()
            .map(|member| {
                let text =
                    |field: &str| member.pointer(field).and_then(serde_json::Value::as_str).unwrap_or("").to_owned();
                (text("/name"), text("/peerURLs/0"))
            })
            .collect();
        has.sort();
        if listed.iter().any(|member| member.pointer("/isLearner").and_then(serde_json::Value::as_bool) == Some(true)) {
            differing.push(format!("{name} lists a learner, which has no vote"));
        } else if has != wanted {
            let shown = |name: &str| if name.is_empty() { "(not started)".to_owned() } else { name.to_owned() };
            let names: Vec<String> = has.iter().map(|(name, _)| shown(name)).collect();
            differing.push(format!("{name} lists {}", names.join(", ")));
        }
    }
    if !seen {
        return Finding::down("etcd.members", "cluster", "no member answers the member list")
            .remedy("start etcd on a majority of the nodes: `systemctl start etcd`");
    }
    if differing.is_empty() {
        Finding::ok("etcd.members", "cluster", format!("{} voters, as in the inventory", wanted.len()))
    } else {
        Finding::degraded(
            "etcd.members",
            "cluster",
            format!("not the members of the inventory: {}", differing.join("; ")),
        )
        .remedy("`etcdctl member list -w table` on a node; names and peer addresses must be those of the inventory")
    }
}

fn leader(cluster: &Cluster, answers: &Answers<'_>) -> Finding {
    let mut views = BTreeSet::new();
    let mut clusters = BTreeSet::new();
    let mut leads = Vec::new();
    let mut told = 0;
    for (name, probe) in answers {
        let Some(http) = good(&probe.etcd_status) else { continue };
        told += 1;
        clusters.insert(http.text("/header/cluster_id"));
        let leader = http.text("/leader");
        if leader != "0" && leader == http.text("/header/member_id") {
            leads.push(name.to_string());
        }
        views.insert((leader, http.text("/raftTerm")));
    }
    let remedy = "on the nodes: `etcdctl endpoint status --cluster -w table`; term and leader must be equal on all";
    if clusters.len() > 1 {
        return Finding::down(
            "etcd.leader",
            "cluster",
            format!("the members belong to {} different clusters", clusters.len()),
        )
        .remedy("one of them was started with an empty data folder; never merge them by hand");
    }
    match (views.len(), leads.as_slice()) {
        (1, [leader]) => {
            let term = views.first().map(|(_, term)| term.clone()).unwrap_or_default();
            let all = cluster.nodes.len();
            Finding::ok("etcd.leader", "cluster", format!("{leader} leads, term {term}, agreed by {told} of {all}"))
        }
        (_, []) if answers.values().filter(|probe| healthy(probe)).count() < cluster.quorum() => {
            Finding::down("etcd.leader", "cluster", "no leader: fewer members than the quorum serve").remedy(remedy)
        }
        (_, []) => {
            Finding::degraded("etcd.leader", "cluster", "the member that leads could not be asked").remedy(remedy)
        }
        (count, leads) => {
            let text = format!("the members do not agree: {count} views, leading: {}", leads.join(", "));
            Finding::degraded("etcd.leader", "cluster", text).remedy(remedy)
        }
    }
}

fn alarms(answers: &Answers<'_>) -> Finding {
    let mut raised = BTreeSet::new();
    let mut seen = false;
    for probe in answers.values() {
        let Some(http) = good(&probe.etcd_alarms) else { continue };
        seen = true;
        for alarm in http.body.pointer("/alarms").and_then(serde_json::Value::as_array).into_iter().flatten() {
            raised.insert(alarm.pointer("/alarm").and_then(serde_json::Value::as_str).unwrap_or("?").to_owned());
        }
    }
    match (seen, raised.is_empty()) {
        (false, _) => Finding::degraded("etcd.alarms", "cluster", "no member says whether an alarm is raised")
            .remedy("on the nodes: `systemctl status etcd`"),
        (true, true) => Finding::ok("etcd.alarms", "cluster", "none raised"),
        (true, false) => {
            let names: Vec<String> = raised.into_iter().collect();
            Finding::down("etcd.alarms", "cluster", format!("raised: {}", names.join(", ")))
                .remedy("NOSPACE: `etcdctl compact` and `etcdctl defrag`, then `etcdctl alarm disarm`; CORRUPT: replace the member")
        }
    }
}

/// How many members may still be lost.
pub(super) fn margin(cluster: &Cluster, answers: &Answers<'_>) -> Finding {
    let serving = answers.values().filter(|probe| healthy(probe)).count();
    let quorum = cluster.quorum();
    match serving.checked_sub(quorum) {
        None => Finding::down("quorum.margin", "cluster", format!("{serving} voters serve, {quorum} are needed"))
            .remedy("start etcd on more nodes"),
        Some(0) => Finding::degraded(
            "quorum.margin",
            "cluster",
            format!("{serving} voters serve and all are needed: can lose none"),
        )
        .remedy("bring the missing voters back before anything else"),
        Some(more) if serving == cluster.nodes.len() => Finding::ok(
            "quorum.margin",
            "cluster",
            format!("{serving} voters serve, {quorum} are needed: can lose {more} more"),
        ),
        Some(more) => Finding::degraded(
            "quorum.margin",
            "cluster",
            format!("{serving} of {} voters serve: can lose {more} more", cluster.nodes.len()),
        ),
    }
}
