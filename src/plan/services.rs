//! The actions of one component on all nodes, in their order: what is broken first, what matters most last.

use std::collections::BTreeMap;

use super::lacking::{Need, Parts};
use super::{Action, Impact, Situation, Verb};
use crate::cluster::NodeName;
use crate::component::ComponentName;
use crate::component::rules::{Cost, Rule};

type Needs<'a> = Vec<(&'a NodeName, &'a Need)>;

/// Starts, writes, reloads and restarts of a component. Patroni's come in two parts: it is started here; what its running
/// members need follows once all of them run ([`patroni_files`]).
pub(super) fn actions(
    situation: Situation<'_>,
    component: ComponentName,
    parts: &BTreeMap<NodeName, Parts>,
    bootstrap: Option<&NodeName>,
) -> Vec<Action> {
    let last = last(situation, component, parts);
    let needs = ordered(situation, component, parts, last);
    let mut actions = Vec::new();
    // The mark alone too: left behind, it would pass a later pause of an operator off as ours.
    if component == ComponentName::Patroni && ours(situation) {
        let left = if situation.standing.paused { "the cluster paused" } else { "the mark of a pause" };
        let why = format!("a run that died left {left}");
        actions.push(Action::new(None, component, Verb::Resume, Impact::None).because(why));
    }
    for (name, need) in &needs {
        if need.stopped || need.disabled {
            let creates = component == ComponentName::Patroni && bootstrap == Some(*name);
            let verb = if creates { Verb::Bootstrap } else { Verb::Start };
            let mut action = Action::new(Some(*name), component, verb, Impact::None);
            action.why = need.why.iter().filter(|why| need.stopped || why.contains("enabled")).cloned().collect();
            if need.stopped {
                action.parts.insert((*name).clone(), need.part.clone());
            }
            actions.push(action);
        }
    }
    // The node that creates the database comes before those that copy it.
    actions.sort_by_key(|action| action.verb != Verb::Resume && action.verb != Verb::Bootstrap);
    if component != ComponentName::Patroni {
        actions.extend(running(component, &needs, last));
    }
    actions
}

/// What running members of Patroni need: reloads, replicas first; one restart of all under a pause.
pub(super) fn patroni_files(situation: Situation<'_>, parts: &BTreeMap<NodeName, Parts>) -> Vec<Action> {
    let last = last(situation, ComponentName::Patroni, parts);
    running(ComponentName::Patroni, &ordered(situation, ComponentName::Patroni, parts, last), last)
}

fn running(component: ComponentName, needs: &Needs<'_>, last: Option<&NodeName>) -> Vec<Action> {
    let running: Needs<'_> = needs.iter().filter(|(_, need)| !need.stopped).copied().collect();
    let mut actions = Vec::new();
    for cost in [Cost::Write, Cost::Reload, Cost::Restart] {
        for (name, need) in running.iter().filter(|(_, need)| need.cost == Some(cost)) {
            let (verb, impact) = match cost {
                Cost::Write => (Verb::Write, Impact::None),
                Cost::Reload => (Verb::Reload, Impact::Reload),
                _ => (Verb::Restart, restart_impact(component, last == Some(*name))),
            };
            let mut action = Action::new(Some(*name), component, verb, impact);
            fill(&mut action, name, need);
            if verb == Verb::Restart && impact == Impact::RestartReplica && component != ComponentName::Etcd {
                "no client notices: the VIP is on another node".clone_into(&mut action.effect);
            }
            actions.push(action);
        }
    }
    for cost in [Cost::ReloadTogether, Cost::RestartPaused] {
        let concerned: Needs<'_> = running.iter().filter(|(_, need)| need.cost == Some(cost)).copied().collect();
        if concerned.is_empty() {
            continue;
        }
        let (verb, impact) = match cost {
            Cost::ReloadTogether => (Verb::Reload, together_impact(&concerned)),
            _ => (Verb::PauseRestart, Impact::RestartReplica),
        };
        let mut action = Action::new(None, component, verb, impact);
        for (name, need) in concerned {
            fill(&mut action, name, need);
        }
        actions.push(action);
    }
    actions
}

fn fill(action: &mut Action, name: &NodeName, need: &Need) {
    action.parts.insert(name.clone(), need.part.clone());
    for why in &need.why {
        let why = if action.node.is_some() { why.clone() } else { format!("{name}: {why}") };
        action.why.push(why);
    }
    for rule in &need.rules {
        if !action.rules.contains(&rule.id) {
            action.rules.push(rule.id);
        }
    }
    // What clients have to do themselves is said before what they notice.
    if let Some(rule) = need.rules.iter().max_by_key(|rule| (rule.cost, asks_clients(rule))) {
        rule.effect.clone_into(&mut action.effect);
    }
}

fn restart_impact(component: ComponentName, last: bool) -> Impact {
    match component {
        ComponentName::Haproxy | ComponentName::Keepalived if last => Impact::Switchover,
        _ => Impact::RestartReplica,
    }
}

/// A new address or port is the clients' own work; anything else moves the VIP at the worst.
fn together_impact(concerned: &Needs<'_>) -> Impact {
    let outage = concerned.iter().flat_map(|(_, need)| &need.rules).any(|rule| asks_clients(rule));
    if outage { Impact::Outage } else { Impact::Switchover }
}

fn asks_clients(rule: &Rule) -> bool {
    matches!(rule.id, "haproxy.ports" | "keepalived.address")
}

/// Whether the pause is one of ours: a run that pauses leaves its mark on a host until it has resumed.
fn ours(situation: Situation<'_>) -> bool {
    situation.nodes.values().any(|node| node.undo.contains("pause"))
}

/// Who will hold the VIP when keepalived's turn comes: a restart of the holder's HAProxy has moved it, to the one with the
/// highest priority of the others.
fn holder<'a>(situation: Situation<'a>, parts: &BTreeMap<NodeName, Parts>) -> Option<&'a NodeName> {
    let now = situation.standing.vip_holder.as_ref()?;
    let haproxy = parts.get(now).and_then(|parts| parts.get(&ComponentName::Haproxy));
    if haproxy.is_some_and(|need| need.cost == Some(Cost::Restart)) {
        situation.cluster.nodes.iter().map(|node| &node.name).find(|name| *name != now)
    } else {
        Some(now)
    }
}

/// The node that matters most to a component: it is changed last.
fn last<'a>(
    situation: Situation<'a>,
    component: ComponentName,
    parts: &BTreeMap<NodeName, Parts>,
) -> Option<&'a NodeName> {
    let standing = situation.standing;
    match component {
        ComponentName::Firewalld => None,
        ComponentName::Etcd => standing.etcd_leader.as_ref(),
        ComponentName::Postgresql | ComponentName::Patroni => standing.leader.as_ref(),
        ComponentName::Haproxy => standing.vip_holder.as_ref(),
        ComponentName::Keepalived => holder(situation, parts),
    }
}

/// The nodes in the order in which a component is changed: the inventory's, but the one that matters most comes last.
fn ordered<'a>(
    situation: Situation<'a>,
    component: ComponentName,
    parts: &'a BTreeMap<NodeName, Parts>,
    last: Option<&NodeName>,
) -> Needs<'a> {
    let mut needs: Needs<'a> = situation
        .cluster
        .nodes
        .iter()
        .filter_map(|node| Some((&node.name, parts.get(&node.name)?.get(&component)?)))
        .collect();
    needs.sort_by_key(|(name, _)| last == Some(*name));
    needs
}
