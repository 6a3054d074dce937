//! Connection limits: what HAProxy lets through must fit into PostgreSQL.

use super::Context;
use super::parameters::number;
use crate::inventory::diagnostic::Code;

pub(super) fn check(context: &mut Context<'_>) {
    let haproxy = &context.cluster.haproxy;
    let (all, server) = (haproxy.max_connections, haproxy.server_max_connections);
    let in_haproxy = ["haproxy.max_connections", "haproxy.server_max_connections"];
    if let (Some(all), Some(server)) = (all, server)
        && all < server
        && context.known(&in_haproxy)
    {
        let problem = context
            .about(
                Code::CONNECTIONS,
                &in_haproxy,
                format!("HAProxy takes {all} connections in all, fewer than the {server} for one server"),
            )
            .why("the limit of the server could never be reached, and both ports share the total")
            .help(format!("write `max_connections: {}` or more: both ports and the checks", 2 * server + 10));
        context.report(problem);
    }
    let parameters = "postgresql.parameters";
    let Some((slots, span)) = number(context, "max_connections") else { return };
    if !context.known(&[parameters]) {
        return;
    }
    let reserved = number(context, "superuser_reserved_connections").map_or(3, |(number, _)| number)
        + number(context, "reserved_connections").map_or(0, |(number, _)| number);
    if reserved >= slots {
        let problem = crate::inventory::diagnostic::Diagnostic::new(
            Code::CONNECTIONS,
            span,
            format!("PostgreSQL's {slots} connections are all reserved ({reserved})"),
        )
        .why("PostgreSQL refuses to start if nothing is left for clients")
        .help("raise `max_connections`, or lower what is reserved");
        context.report(problem);
        return;
    }
    let Some(server) = server.map(i64::from).filter(|_| context.known(&["haproxy.server_max_connections"])) else {
        return;
    };
    if server + reserved > slots {
        let title = format!(
            "HAProxy lets {server} clients through to a PostgreSQL that has {slots} connections, {reserved} of them reserved"
        );
        let problem = context
            .about(Code::CONNECTIONS, &["haproxy.server_max_connections"], title)
            .also(span, "PostgreSQL's limit")
            .why("the last clients would get \"too many connections\" instead of waiting in HAProxy's queue")
            .help(format!(
                "write `server_max_connections: {}` or less, or raise PostgreSQL's `max_connections`",
                slots - reserved
            ));
        context.report(problem);
    }
}
