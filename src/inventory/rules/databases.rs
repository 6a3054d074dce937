//! Roles and databases.

use super::Context;
use crate::inventory::access::{get, list, text};
use crate::inventory::diagnostic::{Code, Diagnostic};
use crate::inventory::schema::closest;
use crate::inventory::tree::Span;

/// Roles that quorate makes, and words that PostgreSQL keeps for itself.
const ROLES: [&str; 6] = ["postgres", "replicator", "rewind_user", "quorate_probe", "public", "none"];
const DATABASES: [&str; 3] = ["postgres", "template0", "template1"];

pub(super) fn check(context: &mut Context<'_>) {
    let postgresql = get(Some(context.root), "postgresql");
    let column = |list_key: &str, key: &str| -> Vec<(String, Span)> {
        list(postgresql, list_key)
            .iter()
            .filter_map(|item| Some((text(Some(item), key)?.to_owned(), get(Some(item), key)?.span)))
            .collect()
    };
    let roles = column("roles", "name");
    let databases = column("databases", "name");
    let owners = column("databases", "owner");
    for (name, span) in &roles {
        if ROLES.contains(&name.as_str()) || name.starts_with("pg_") {
            context.report(
                Diagnostic::new(Code::BUILT_IN_ROLE, *span, format!("the role `{name}` can't be created here"))
                    .why("it belongs to PostgreSQL, or quorate makes it with its own password and rights")
                    .help("choose another name; passwords of built-in roles are set under `secrets:`"),
            );
        }
    }
    for (name, span) in databases.iter().filter(|(name, _)| DATABASES.contains(&name.as_str())) {
        context.report(
            Diagnostic::new(Code::BUILT_IN_DATABASE, *span, format!("the database `{name}` exists from the start"))
                .help("choose another name, or delete the entry"),
        );
    }
    for (items, what) in [(&roles, "role"), (&databases, "database")] {
        context.twice(
            items,
            Code::DUPLICATE_ENTRY,
            |name| format!("the {what} `{name}` is listed twice"),
            "only one can be created",
            "merge the two entries",
        );
    }
    if !context.known(&["postgresql.roles"]) {
        return;
    }
    let known: Vec<&str> = roles.iter().map(|(name, _)| name.as_str()).chain(["postgres"]).collect();
    for (owner, span) in owners.iter().filter(|(owner, _)| !known.contains(&owner.as_str())) {
        let close = closest(owner, &known).map(|close| format!("did you mean `{close}`? ")).unwrap_or_default();
        context.report(
            Diagnostic::new(Code::UNKNOWN_OWNER, *span, format!("the owner `{owner}` is not among the roles"))
                .why("the owner must exist before the database is created")
                .help(format!("{close}add `- name: {owner}` to `postgresql.roles`, or delete the owner")),
        );
    }
}
