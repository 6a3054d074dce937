//! The nodes among each other: how many, their names, and which of them may take over.

use super::Context;
use crate::cluster::Durability;
use crate::inventory::access::{get, list, text};
use crate::inventory::diagnostic::{Code, Diagnostic};
use crate::inventory::schema::Data;
use crate::inventory::tree::Span;

// Names can't collide as replication slots (where Patroni writes `_` for `-`): a node's name has no `_` of its own.
pub(super) fn check(context: &mut Context<'_>) {
    let nodes = list(Some(context.root), "nodes");
    let field = |key: &str| -> Vec<(String, Span)> {
        nodes.iter().filter_map(|node| Some((text(Some(node), key)?.to_owned(), get(Some(node), key)?.span))).collect()
    };
    let (names, addresses) = (field("name"), field("address"));
    voters(context, nodes.len());
    context.twice(
        &names,
        Code::DUPLICATE_NAME,
        |name| format!("two nodes are named `{name}`"),
        "the name is the member's name in etcd, Patroni and HAProxy",
        "give one of them another name",
    );
    context.twice(
        &addresses,
        Code::DUPLICATE_ADDRESS,
        |address| format!("two nodes have the address {address}"),
        "each node is a host of its own",
        "write the address of the other host",
    );
    hosts(context);
    order(context, &names);
    candidates(context);
}

fn voters(context: &mut Context<'_>, count: usize) {
    if matches!(count, 3 | 5) || !context.known(&["nodes"]) && count < 3 {
        return;
    }
    let why = match count {
        0..=2 => "a majority must be able to agree after one node is lost: that takes three",
        4 => "four nodes survive the loss of one, just as three do, and agree more slowly",
        _ => "every commit of the DCS waits for a majority: more than five voters only make it slower",
    };
    let help = if count < 3 {
        "add nodes up to three"
    } else if count == 4 {
        "remove one, or add one more"
    } else {
        "keep five"
    };
    let title = format!("the cluster has {count} {}; it takes 3 or 5", if count == 1 { "node" } else { "nodes" });
    context.report(context.about(Code::VOTERS, &["nodes"], title).why(why).help(help));
}

/// Two nodes that ssh would reach on the same host.
fn hosts(context: &mut Context<'_>) {
    let hosts: Vec<(String, Span)> = list(Some(context.root), "nodes")
        .iter()
        .filter_map(|node| {
            let ssh = get(Some(node), "ssh");
            let host = text(ssh, "host")?;
            // The same name on different ports is a host behind a forwarder.
            let port = match get(ssh, "port").map(|port| &port.data) {
                Some(Data::Integer(port)) => port.to_string(),
                _ => String::new(),
            };
            Some((format!("{host} {port}"), get(ssh, "host")?.span))
        })
        .collect();
    context.twice(
        &hosts,
        Code::SAME_HOST,
        |host| format!("two nodes are reached at the ssh host {}", host.trim()),
        "both would be installed on one host",
        "write the ssh host of the other node, or its port if it is reached through a forwarder",
    );
}

fn order(context: &mut Context<'_>, names: &[(String, Span)]) {
    let Some(list_span) = context.value("keepalived.order").map(|value| value.span) else { return };
    if !context.known(&["keepalived.order", "nodes"]) {
        return;
    }
    let keepalived = get(Some(context.root), "keepalived");
    let order: Vec<(String, Span)> = list(keepalived, "order")
        .iter()
        .filter_map(|value| match &value.data {
            Data::Text(text) => Some((text.clone(), value.span)),
            _ => None,
        })
        .collect();
    let known: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
    let all = known.join(", ");
    for (name, span) in order.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
        context.report(
            Diagnostic::new(Code::ORDER, *span, format!("`keepalived.order` names `{name}`, which is no node"))
                .help(format!("the nodes are {all}")),
        );
    }
    context.twice(
        &order,
        Code::ORDER,
        |name| format!("`keepalived.order` names `{name}` twice"),
        "each node has one priority",
        "name every node once",
    );
    let missing: Vec<&str> =
        known.iter().copied().filter(|name| !order.iter().any(|(listed, _)| listed == name)).collect();
    if !missing.is_empty() {
        context.report(
            Diagnostic::new(Code::ORDER, list_span, format!("`keepalived.order` does not name {}", missing.join(", ")))
                .why("a node without a place in the order could never hold the VIP when it is the last one left")
                .help("name every node once, the most preferred first"),
        );
    }
}

fn candidates(context: &mut Context<'_>) {
    let nodes = &context.cluster.nodes;
    if nodes.len() < 3 || !context.known(&["nodes"]) {
        return;
    }
    let wanted = context.cluster.patroni.synchronous_node_count as usize;
    let can_lead = nodes.iter().filter(|node| !node.tags.nofailover).count();
    let can_sync = nodes.iter().filter(|node| !node.tags.nosync).count();
    let total = nodes.len();
    let durable = context.cluster.durability != Durability::Async && context.known(&["durability", "patroni"]);
    if can_lead < 2 {
        let title = format!("`nofailover` leaves {can_lead} of {total} nodes that may be leader");
        let problem = context
            .about(Code::NO_CANDIDATE, &["nodes"], title)
            .why("when the leader is lost, no node may take over")
            .help("remove `nofailover` from at least two nodes");
        context.report(problem);
    }
    if durable && wanted >= total {
        let title = format!(
            "{wanted} synchronous standbys are wanted, and {total} nodes leave {} besides the leader",
            total - 1
        );
        let problem = context
            .about(Code::SYNC_COUNT, &["patroni.synchronous_node_count", "nodes"], title)
            .why("one node is the leader, and it can't be its own standby")
            .help(format!("write 1 to {}", total - 1));
        context.report(problem);
    } else if durable && can_sync <= wanted {
        let title = format!(
            "`nosync` leaves {can_sync} of {total} nodes, too few for {wanted} synchronous standbys besides a leader"
        );
        let problem = context
            .about(Code::NO_CANDIDATE, &["nodes", "patroni.synchronous_node_count"], title)
            .why("commits would not be safe on a second node")
            .help("remove `nosync` from some nodes, or write `durability: async`");
        context.report(problem);
    }
}
