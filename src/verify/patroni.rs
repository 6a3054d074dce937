//! Patroni: one leader, sync standby, streaming replicas, equal timelines, one system, the wanted settings.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Finding, Probe, Scope};
use crate::cluster::{Cluster, Durability, NodeName};

type Answers<'a> = BTreeMap<&'a NodeName, &'a Probe>;

/// A member, as `/cluster` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) role: String,
    pub(super) state: String,
    pub(super) timeline: Option<i64>,
    lag: Option<i64>,
    pub(super) pending_restart: bool,
}

/// What one node thinks the cluster is.
pub(super) fn view(probe: &Probe) -> Option<Vec<Member>> {
    let http = probe.patroni_cluster.ok().filter(|http| http.status == 200)?;
    let text = |member: &Value, key: &str| member.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
    let mut members: Vec<Member> = http
        .body
        .get("members")?
        .as_array()?
        .iter()
        .map(|member| Member {
            name: text(member, "name"),
            role: text(member, "role"),
            state: text(member, "state"),
            timeline: member.get("timeline").and_then(Value::as_i64),
            lag: member.get("lag").and_then(Value::as_i64),
            pending_restart: member.get("pending_restart").and_then(Value::as_bool).unwrap_or(false),
        })
        .collect();
    members.sort_by(|a, b| a.name.cmp(&b.name));
    Some(members)
}

fn leads(member: &Member) -> bool {
    matches!(member.role.as_str(), "leader" | "master" | "primary")
}

/// The leaders in one view, joined: two of them are never one.
fn leaders(members: &[Member]) -> String {
    members.iter().filter(|member| leads(member)).map(|member| member.name.as_str()).collect::<Vec<_>>().join("+")
}

/// The leader on which every node that answers agrees.
pub(super) fn leader(cluster: &Cluster, answers: &Answers<'_>) -> Option<NodeName> {
    let named: BTreeSet<String> = answers.values().filter_map(|probe| view(probe)).map(|view| leaders(&view)).collect();
    match named.len() {
        1 => cluster.nodes.iter().map(|node| node.name.clone()).find(|name| named.contains(name.as_str())),
        _ => None,
    }
}

pub(super) fn judge(cluster: &Cluster, dcs: &Value, answers: &Answers<'_>, scope: Scope) -> Vec<Finding> {
    let views: BTreeMap<&NodeName, Vec<Member>> =
        answers.iter().filter_map(|(name, probe)| Some((*name, view(probe)?))).collect();
    let mut findings = vec![one_leader(cluster, answers, &views)];
    if scope >= Scope::Members {
        findings.push(reachable(cluster, answers, &views));
        // The leader's own view is the freshest: it learns of its replicas first.
        let best = leader(cluster, answers).and_then(|name| views.get(&name)).or_else(|| views.values().next());
        if let Some(members) = best {
            findings.push(replicas(cluster, members));
            findings.push(timelines(members));
            findings.push(sync(cluster, members));
            findings.push(pending(members));
        }
        findings.push(system(answers));
        findings.push(flags(answers));
    }
    findings.push(settings(dcs, answers));
    findings
}

fn one_leader(cluster: &Cluster, answers: &Answers<'_>, views: &BTreeMap<&NodeName, Vec<Member>>) -> Finding {
    let named: BTreeMap<String, Vec<&NodeName>> = views.iter().fold(BTreeMap::new(), |mut named, (by, members)| {
        named.entry(leaders(members)).or_insert_with(Vec::new).push(*by);
        named
    });
    let remedy =
        "`patronictl -c /etc/patroni/patroni.yml list` on a node; `journalctl -u patroni -n 50` says why nobody leads";
    match leader(cluster, answers) {
        Some(leader) => {
            let running = views.values().flatten().any(|member| {
                member.name == leader.as_str() && matches!(member.state.as_str(), "running" | "streaming")
            });
            if running {
                Finding::ok(
                    "patroni.leader",
                    &leader,
                    format!("{leader} leads, agreed by {} of {}", views.len(), cluster.nodes.len()),
                )
            } else {
                Finding::down("patroni.leader", &leader, format!("{leader} holds the leader's lock, but does not run"))
                    .remedy(remedy)
            }
        }
        None if views.is_empty() => Finding::down("patroni.leader", "cluster", "no Patroni answers")
            .remedy("on the nodes: `systemctl status patroni`"),
        None => {
            let told: Vec<String> = named
                .iter()
                .map(|(leader, by)| {
                    let by: Vec<&str> = by.iter().map(|name| name.as_str()).collect();
                    format!("{} says {}", by.join(", "), if leader.is_empty() { "nobody" } else { leader })
                })
                .collect();
            Finding::down("patroni.leader", "cluster", format!("no agreed leader: {}", told.join("; "))).remedy(remedy)
        }
    }
}

fn reachable(cluster: &Cluster, answers: &Answers<'_>, views: &BTreeMap<&NodeName, Vec<Member>>) -> Finding {
    let silent: Vec<&str> =
        answers.keys().filter(|name| !views.contains_key(*name)).map(|name| name.as_str()).collect();
    if silent.is_empty() && views.len() == cluster.nodes.len() {
        Finding::ok("patroni.api", "cluster", format!("all {} members answer", views.len()))
    } else {
        let silent = if silent.is_empty() { "the hosts that could not be asked".to_owned() } else { silent.join(", ") };
        Finding::degraded("patroni.api", "cluster", format!("no answer from {silent}"))
            .remedy("on the node: `systemctl status patroni`")
    }
}

fn replicas(cluster: &Cluster, members: &[Member]) -> Finding {
    let mut wrong = Vec::new();
    for node in &cluster.nodes {
        match members.iter().find(|member| member.name == node.name.as_str()) {
            None => wrong.push(format!("{} is no member", node.name)),
            Some(member) if leads(member) => {}
            Some(member) if member.state != "streaming" => wrong.push(format!("{} is \"{}\"", node.name, member.state)),
            Some(_) => {}
        }
    }
    for member in members {
        if !cluster.nodes.iter().any(|node| node.name.as_str() == member.name) {
            wrong.push(format!("{} is a member, but not in the inventory", member.name));
        }
    }
    if wrong.is_empty() {
        let lag = members.iter().filter_map(|member| member.lag).max().unwrap_or(0);
        Finding::ok(
            "patroni.replicas",
            "cluster",
            format!("{} replicas streaming, lag at most {lag} bytes", members.len().saturating_sub(1)),
        )
    } else {
        Finding::degraded("patroni.replicas", "cluster", wrong.join("; "))
            .remedy("a replica that does not stream may lose data at a failover: `journalctl -u patroni -n 50` on it; `patronictl reinit` builds it anew")
    }
}

/// A member that is stopped has no timeline to tell; that it is stopped is another finding.
fn timelines(members: &[Member]) -> Finding {
    let told: Vec<(&Member, i64)> = members.iter().filter_map(|member| Some((member, member.timeline?))).collect();
    let different: BTreeSet<i64> = told.iter().map(|(_, timeline)| *timeline).collect();
    let silent: Vec<&str> =
        members.iter().filter(|member| member.timeline.is_none()).map(|member| member.name.as_str()).collect();
    match different.first() {
        Some(timeline) if different.len() == 1 && silent.is_empty() => {
            Finding::ok("patroni.timeline", "cluster", format!("all members on timeline {timeline}"))
        }
        Some(timeline) if different.len() == 1 => {
            let text = format!("timeline {timeline}; no word from {}", silent.join(", "));
            Finding::degraded("patroni.timeline", "cluster", text)
        }
        _ => {
            let told: Vec<String> = told
                .iter()
                .map(|(member, timeline)| format!("{} on {timeline} ({})", member.name, member.role))
                .collect();
            Finding::degraded("patroni.timeline", "cluster", format!("timelines differ: {}", told.join(", "))).remedy(
                "the member on the older timeline does not follow the leader, even if it says running with lag 0: \
                 `patronictl -c /etc/patroni/patroni.yml reinit CLUSTER MEMBER`",
            )
        }
    }
}

fn sync(cluster: &Cluster, members: &[Member]) -> Finding {
    let count = |role: &str| members.iter().filter(|member| member.role == role && member.state == "streaming").count();
    let names = |role: &str| -> Vec<&str> {
        members.iter().filter(|member| member.role == role).map(|member| member.name.as_str()).collect()
    };
    let wanted = usize::try_from(cluster.patroni.synchronous_node_count).unwrap_or(usize::MAX);
    match cluster.durability {
        Durability::Async => {
            let synchronous = [names("sync_standby"), names("quorum_standby")].concat();
            if synchronous.is_empty() {
                Finding::ok("patroni.sync", "cluster", "asynchronous, as the inventory wants")
            } else {
                Finding::degraded(
                    "patroni.sync",
                    "cluster",
                    format!("{} is synchronous, the inventory says async", synchronous.join(", ")),
                )
            }
        }
        Durability::Sync | Durability::SyncStrict => {
            let found = count("sync_standby");
            if found == wanted {
                Finding::ok(
                    "patroni.sync",
                    "cluster",
                    format!("synchronous standby: {}", names("sync_standby").join(", ")),
                )
            } else {
                Finding::degraded("patroni.sync", "cluster", format!("{found} synchronous standbys stream, {wanted} wanted"))
                    .remedy("Patroni names one as soon as a replica streams; without one, commits are on the leader alone (sync) or wait (sync-strict)")
            }
        }
        Durability::Quorum => {
            let found = count("quorum_standby");
            if found >= wanted {
                Finding::ok(
                    "patroni.sync",
                    "cluster",
                    format!("quorum standbys: {}", names("quorum_standby").join(", ")),
                )
            } else {
                Finding::degraded(
                    "patroni.sync",
                    "cluster",
                    format!("{found} quorum standbys stream, at least {wanted} wanted"),
                )
            }
        }
    }
}

fn pending(members: &[Member]) -> Finding {
    let waiting: Vec<&str> =
        members.iter().filter(|member| member.pending_restart).map(|member| member.name.as_str()).collect();
    if waiting.is_empty() {
        Finding::ok("patroni.pending_restart", "cluster", "no member waits for a restart")
    } else {
        Finding::degraded(
            "patroni.pending_restart",
            "cluster",
            format!("waiting for a restart to take settings over: {}", waiting.join(", ")),
        )
        .remedy("`patronictl -c /etc/patroni/patroni.yml restart --pending CLUSTER MEMBER`, replicas first")
    }
}

/// What each node's Patroni says of itself; one that answers always tells a state.
fn own_words<'a>(answers: &Answers<'a>) -> BTreeMap<&'a str, &'a Value> {
    let own = |probe: &'a Probe| {
        probe.patroni.ok().map(|http| &http.body).filter(|body| body.get("state").is_some_and(Value::is_string))
    };
    answers.iter().filter_map(|(name, probe)| Some((name.as_str(), own(probe)?))).collect()
}

fn system(answers: &Answers<'_>) -> Finding {
    let mut ids: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut without = Vec::new();
    for (name, body) in own_words(answers) {
        match body.get("database_system_identifier").and_then(Value::as_str) {
            Some(id) => ids.entry(id).or_default().push(name),
            None => without.push(name),
        }
    }
    let told: Vec<String> = ids.iter().map(|(id, names)| format!("{id} on {}", names.join(", "))).collect();
    match ids.len() {
        0 => Finding::down("patroni.system", "cluster", "no member tells its system id")
            .remedy("on the nodes: `systemctl status patroni`"),
        1 if without.is_empty() => {
            Finding::ok("patroni.system", "cluster", format!("one system id, {}", told.join("")))
        }
        1 => Finding::degraded(
            "patroni.system",
            "cluster",
            format!("{}; {} tells none: it has no database yet", told.join(""), without.join(", ")),
        )
        .remedy("on that node: `journalctl -u patroni -n 50`"),
        _ => Finding::degraded(
            "patroni.system",
            "cluster",
            format!("the members are not one database: {}", told.join("; ")),
        )
        .remedy("a member holds another cluster's data; never copy over it before that data is known to be worthless"),
    }
}

fn flags(answers: &Answers<'_>) -> Finding {
    let told = own_words(answers);
    let mut raised = Vec::new();
    for (name, body) in &told {
        for (field, text) in [
            ("pause", "is paused: no failover happens"),
            ("cluster_unlocked", "sees no leader's lock"),
            ("failsafe_mode_is_active", "runs in failsafe mode: the DCS is lost"),
        ] {
            if body.get(field).and_then(Value::as_bool) == Some(true) {
                raised.push(format!("{name} {text}"));
            }
        }
    }
    if told.is_empty() {
        Finding::degraded("patroni.flags", "cluster", "no member says whether it is paused or in failsafe mode")
            .remedy("on the nodes: `systemctl status patroni`")
    } else if raised.is_empty() {
        let names: Vec<&str> = told.into_keys().collect();
        Finding::ok("patroni.flags", "cluster", format!("not paused, locked, no failsafe, say {}", names.join(", ")))
    } else {
        Finding::degraded("patroni.flags", "cluster", raised.join("; "))
            .remedy("`patronictl -c /etc/patroni/patroni.yml resume` ends a pause")
    }
}

fn settings(wanted: &Value, answers: &Answers<'_>) -> Finding {
    if wanted.is_null() {
        return Finding::degraded(
            "patroni.settings",
            "cluster",
            "not compared: they depend on a host that could not be asked",
        );
    }
    let Some(live) = answers.values().filter_map(|probe| probe.patroni_config.ok()).find(|http| http.status == 200)
    else {
        return Finding::degraded("patroni.settings", "cluster", "no member tells the settings in the DCS");
    };
    let mut differing = Vec::new();
    differences("", wanted, &live.body, &mut differing);
    if differing.is_empty() {
        Finding::ok("patroni.settings", "cluster", "the settings in the DCS are those of the inventory")
    } else {
        Finding::degraded("patroni.settings", "cluster", format!("not as in the inventory: {}", differing.join(", ")))
            .remedy("on a node: `patronictl -c /etc/patroni/patroni.yml show-config`; `quorate render` writes what the inventory wants to dcs.json")
    }
}

/// The paths at which what is wanted is not what lives; keys that only live there are the operator's own.
fn differences(path: &str, wanted: &Value, live: &Value, found: &mut Vec<String>) {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            for (key, value) in wanted {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match live.get(key) {
                    Some(other) => differences(&path, value, other, found),
                    None if value.is_null() => {}
                    None => found.push(path),
                }
            }
        }
        _ if !same(wanted, live) => found.push(path.to_owned()),
        _ => {}
    }
}

/// Whether two settings are the same: Patroni itself compares them by their text, but lists as they are.
pub fn same(wanted: &Value, live: &Value) -> bool {
    match (wanted, live) {
        (Value::Array(_) | Value::Object(_) | Value::Null, _)
        | (_, Value::Array(_) | Value::Object(_) | Value::Null) => wanted == live,
        _ => plain(wanted) == plain(live),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
