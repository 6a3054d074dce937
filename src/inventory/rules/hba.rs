//! Lines of `pg_hba.conf`: who may come in, and how they prove who they are.

use super::Context;
use crate::inventory::access::{get, list};
use crate::inventory::diagnostic::{Code, Diagnostic};
use crate::inventory::hba;
use crate::inventory::schema::Data;
use crate::inventory::tree::Span;

/// Methods that may stand in a line.
const METHODS: [&str; 8] = ["scram-sha-256", "cert", "peer", "reject", "gss", "ldap", "radius", "pam"];

pub(super) fn check(context: &mut Context<'_>) {
    let lines: Vec<(String, Span)> = list(get(Some(context.root), "postgresql"), "hba")
        .iter()
        .filter_map(|value| match &value.data {
            Data::Text(text) => Some((text.split_ascii_whitespace().collect::<Vec<_>>().join(" "), value.span)),
            _ => None,
        })
        .collect();
    for (line, span) in &lines {
        if let Some(problem) = judge(line, *span) {
            context.report(problem);
        }
    }
    context.twice(
        &lines,
        Code::DUPLICATE_ENTRY,
        |_| "this line of `postgresql.hba` stands there twice".to_owned(),
        "the first line that fits decides; the second never does",
        "delete one of them",
    );
}

fn judge(line: &str, span: Span) -> Option<Diagnostic> {
    let rule = match hba::parse(line) {
        Ok(rule) => rule,
        Err(reason) => {
            return Some(
                Diagnostic::new(Code::HBA_LINE, span, format!("this is not a line of pg_hba.conf: {reason}"))
                    .help("write `host DATABASE USER ADDRESS METHOD`, such as `host app app 10.0.0.0/8 scram-sha-256`"),
            );
        }
    };
    let (method, options) = rule.method.split_once(' ').unwrap_or((&rule.method, ""));
    if options.to_ascii_lowercase().contains("passwd=") || options.contains("secret") {
        return Some(
            Diagnostic::new(Code::LITERAL_SECRET, span, "this line of `postgresql.hba` holds a secret in clear text")
                .hide()
                .why("inventories are shared and committed, and the DCS keeps pg_hba lines readable")
                .help("use a method that needs no secret on the server, such as scram-sha-256 or cert"),
        );
    }
    let databases: Vec<&str> = rule.database.split(',').collect();
    if databases.contains(&"replication") {
        return Some(
            Diagnostic::new(Code::HBA_REPLICATION, span, "a line for replication does not belong here")
                .why("quorate writes the lines that the nodes need for replication; another one opens a copy of all data to more hosts")
                .help("delete the line"),
        );
    }
    match method {
        "trust" => Some(
            Diagnostic::new(Code::HBA_TRUST, span, "`trust` lets anyone in who reaches the port")
                .why("nobody is asked for a password, the superuser's role included")
                .help("write scram-sha-256, or peer in a `local` line"),
        ),
        "md5" | "password" | "ident" => Some(
            Diagnostic::new(Code::HBA_METHOD, span, format!("the method `{method}` is not offered"))
                .why(match method {
                    "md5" => "md5 hashes are as good as the password itself, and PostgreSQL 18 warns of them",
                    "password" => "the password would cross the network in clear text",
                    _ => "ident believes whatever the client's host says",
                })
                .help("write scram-sha-256"),
        ),
        "peer" if rule.address.is_some() => Some(
            Diagnostic::new(Code::HBA_METHOD, span, "the method `peer` works in `local` lines only")
                .why("only over a socket does the kernel say who the client is")
                .help("write scram-sha-256 or cert"),
        ),
        "cert" if rule.kind != "hostssl" => Some(
            Diagnostic::new(Code::HBA_METHOD, span, "the method `cert` works in `hostssl` lines only")
                .why("a certificate is shown within TLS")
                .help("begin the line with hostssl"),
        ),
        method if METHODS.contains(&method) => None,
        method => Some(
            Diagnostic::new(Code::HBA_METHOD, span, format!("the method `{method}` is not known"))
                .help(format!("write one of {}", METHODS.join(", "))),
        ),
    }
}
