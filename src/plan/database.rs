//! In which order PostgreSQL is restarted: replicas first as canaries, one pause for the leader, and the order that a standby
//! demands where a limit grows or shrinks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::lacking::Parts;
use super::{Action, Details, Impact, SettingsChange, Situation, Verb};
use crate::cluster::{Cluster, NodeName};
use crate::component::ComponentName;
use crate::component::rules::ORDERED;
use crate::verify::Standing;

/// What one member waits for.
#[derive(Debug, Default)]
struct Waits {
    /// Parameters that it would take over by a restart now, whatever the others do.
    now: BTreeSet<String>,
    /// Limits that shrink: a standby takes them over only once its leader has.
    shrinking: BTreeSet<String>,
}

/// The restarts of PostgreSQL, in order.
pub(super) fn restarts(
    situation: Situation<'_>,
    change: &SettingsChange,
    parts: &BTreeMap<NodeName, Parts>,
) -> Vec<Action> {
    let standing = situation.standing;
    let Some(leader) = &standing.leader else { return Vec::new() };
    let wanted = merged(standing.settings.as_ref(), &change.patch);
    let mut waits: BTreeMap<&NodeName, Waits> = BTreeMap::new();
    for node in &situation.cluster.nodes {
        let mut one = situation.details.get(&node.name).map(|details| waiting(details, &wanted)).unwrap_or_default();
        let local = parts.get(&node.name).and_then(|parts| parts.get(&ComponentName::Patroni));
        one.now.extend(local.into_iter().flat_map(|need| need.restart_database.iter().cloned()));
        if standing.pending.contains(&node.name) && one.now.is_empty() && one.shrinking.is_empty() {
            one.now.insert("a restart that Patroni waits for".to_owned());
        }
        if !one.now.is_empty() || !one.shrinking.is_empty() {
            waits.insert(&node.name, one);
        }
    }
    let replicas = || situation.cluster.nodes.iter().map(|node| &node.name).filter(|name| *name != leader);
    let mut actions = Vec::new();
    let restart = |name: &NodeName, impact, why: Vec<String>| {
        let mut action = Action::new(Some(name), ComponentName::Postgresql, Verb::RestartDatabase, impact);
        action.why = why;
        action.effect = match impact {
            Impact::RestartReplica => "reads on this replica are cut; writes go on".to_owned(),
            _ => "one write pause of seconds; all sessions of the leader end".to_owned(),
        };
        action
    };
    let reasons = |waits: &Waits| waits.now.iter().chain(&waits.shrinking).cloned().collect::<Vec<_>>();
    for name in replicas() {
        if let Some(waits) = waits.get(name).filter(|waits| !waits.now.is_empty()) {
            actions.push(restart(name, Impact::RestartReplica, waits.now.iter().cloned().collect()));
        }
    }
    let Some(of_leader) = waits.get(leader) else {
        // The leader has all of it already: what shrinks, its standbys can take over now.
        let done: Vec<&NodeName> = actions.iter().filter_map(|action| action.node.as_ref()).collect();
        let rest: Vec<Action> = replicas()
            .filter(|name| !done.contains(name))
            .filter_map(|name| Some(restart(name, Impact::RestartReplica, reasons(waits.get(name)?))))
            .collect();
        actions.extend(rest);
        return actions;
    };
    let candidate = candidate(situation.cluster, standing, leader).filter(|_| of_leader.shrinking.is_empty());
    if candidate.is_some() {
        let mut action = Action::new(Some(leader), ComponentName::Postgresql, Verb::Switchover, Impact::Switchover)
            .effect("one write pause of seconds while a standby takes over; sessions of the leader end");
        action.why = reasons(of_leader);
        actions.push(action);
    } else {
        actions.push(restart(leader, Impact::RestartLeader, reasons(of_leader)));
    }
    let second: Vec<Action> = replicas()
        .filter_map(|name| {
            let waits = waits.get(name).filter(|waits| !waits.shrinking.is_empty())?;
            let mut action = restart(name, Impact::RestartReplica, waits.shrinking.iter().cloned().collect());
            if !waits.now.is_empty() {
                action.id.push_str("-2");
            }
            Some(action)
        })
        .collect();
    actions.extend(second);
    actions
}

/// Who may take over from the leader: a synchronous standby if there is one, else any that streams; never one that may not lead.
pub fn candidate<'a>(cluster: &'a Cluster, standing: &Standing, leader: &NodeName) -> Option<&'a NodeName> {
    let fit = |set: &BTreeSet<NodeName>| {
        let mut nodes = cluster.nodes.iter();
        nodes
            .find(|node| node.name != *leader && !node.tags.nofailover && set.contains(&node.name))
            .map(|node| &node.name)
    };
    if standing.synchronous.is_empty() { fit(&standing.streaming) } else { fit(&standing.synchronous) }
}

/// What a member's PostgreSQL runs without, of the parameters that only a start takes over.
fn waiting(details: &Details, wanted: &Value) -> Waits {
    let mut waits = Waits::default();
    let parameters = wanted.pointer("/postgresql/parameters").and_then(Value::as_object);
    for (name, value) in parameters.into_iter().flatten() {
        let Some(guc) = details.parameters.get(name).filter(|guc| guc.postmaster && !guc.runs_with(value)) else {
            continue;
        };
        if ORDERED.contains(&name.as_str()) && guc.shrinks_to(value) == Some(true) {
            waits.shrinking.insert(name.clone());
        } else {
            waits.now.insert(name.clone());
        }
    }
    waits
}

/// The settings as they will be: Patroni merges objects, replaces everything else, and takes out what is null.
fn merged(live: Option<&Value>, patch: &Value) -> Value {
    fn merge(into: &mut Value, patch: &Value) {
        match (into, patch) {
            (Value::Object(into), Value::Object(patch)) => {
                for (key, value) in patch {
                    if value.is_null() {
                        into.remove(key);
                    } else {
                        merge(into.entry(key.clone()).or_insert(Value::Null), value);
                    }
                }
            }
            (into, patch) => *into = patch.clone(),
        }
    }
    let mut whole = live.cloned().unwrap_or_default();
    if !patch.is_null() {
        merge(&mut whole, patch);
    }
    whole
}
