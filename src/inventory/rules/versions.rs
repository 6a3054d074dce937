//! Versions: those that quorate can render for, and those that fit each other.

use super::Context;
use crate::cluster::{Durability, Version};
use crate::inventory::diagnostic::Code;

pub(super) fn check(context: &mut Context<'_>) {
    let cluster = context.cluster;
    let rows = [
        ("etcd.version", "etcd", cluster.etcd.version, (3, 4)),
        ("patroni.version", "Patroni", cluster.patroni.version, (3, 3)),
        ("haproxy.version", "HAProxy", cluster.haproxy.version, (2, 2)),
        ("keepalived.version", "keepalived", cluster.keepalived.version, (2, 2)),
    ];
    for (path, name, version, (major, minor)) in rows {
        let Some(version) = version.filter(|version| !version.at_least(major, minor)) else { continue };
        let problem = context
            .about(
                Code::TOO_OLD,
                &[path],
                format!("{name} {version} is too old; {major}.{minor} is the oldest that is rendered for"),
            )
            .why(match name {
                "etcd" => "before 3.4 the v3 API that Patroni uses lies under another address",
                "Patroni" => "older releases name settings differently and lack fixes for failover",
                _ => "older releases lack directives that the rendered configuration uses",
            })
            .help("write a newer version, or delete the key to get the one that is proven");
        context.report(problem);
    }
    patroni(context);
}

fn patroni(context: &mut Context<'_>) {
    let Some(version) = context.cluster.patroni.version else { return };
    if context.cluster.durability == Durability::Quorum && !version.at_least(4, 0) {
        let problem = context
            .about(
                Code::QUORUM_PATRONI,
                &["durability", "patroni.version"],
                format!("`durability: quorum` needs Patroni 4.0, and {version} is asked for"),
            )
            .why("`synchronous_mode: quorum` came with Patroni 4.0; older releases would run asynchronously")
            .help("write a Patroni of 4.0 or later, or `durability: sync`");
        context.report(problem);
    }
    let least = match context.cluster.postgresql.version {
        Some(17) => Version::new(4, 0, 0),
        Some(18..) => Version::new(4, 0, 7),
        _ => return,
    };
    if version < least {
        let major = context.cluster.postgresql.version.unwrap_or_default();
        let problem = context
            .about(
                Code::PATRONI_POSTGRESQL,
                &["patroni.version", "postgresql.version"],
                format!("Patroni {version} does not know PostgreSQL {major}"),
            )
            .why(format!("PostgreSQL {major} needs Patroni {least}: an older one drops its new parameters"))
            .help(format!("write `version: {least}` or later, or delete the key"));
        context.report(problem);
    }
}
