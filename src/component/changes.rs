//! The table of changes as it stands in docs/redeploy.md: made from the rows themselves, so that it can't say anything else.

use std::fmt::Write as _;

use super::ComponentName;
use super::rules::{Cost, Place, RULES, Rule};

/// The table in Markdown.
pub fn changes_table() -> String {
    let mut text = "| row | what changed | what `apply` does | what clients notice |\n|---|---|---|---|\n".to_owned();
    for rule in RULES {
        let effect = match rule.cost {
            Cost::Refused => format!("nothing changes; {}", rule.effect),
            _ => rule.effect.to_owned(),
        };
        let _ = writeln!(text, "| `{}` | {} | {} | {effect} |", rule.id, what(rule), does(rule.cost));
    }
    text
}

fn what(rule: &Rule) -> String {
    let all = |keys: &[&str]| {
        let mut keys: Vec<String> = keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect();
        for key in &mut keys {
            // A prefix of names.
            if key.ends_with("_`") {
                *key = key.replace("_`", "_…`");
            }
        }
        keys.join(", ")
    };
    let (place, rest) = match rule.place {
        Place::File(path) => (format!("`{}`", path.rsplit('/').next().unwrap_or(path)), "anything else"),
        Place::Settings => ("settings in the DCS".to_owned(), "anything else"),
        Place::Parameter { postmaster: true } => {
            ("parameters of PostgreSQL that only a start takes over".to_owned(), "all others")
        }
        Place::Parameter { postmaster: false } => ("parameters of PostgreSQL".to_owned(), "all others"),
        Place::Program => (format!("the version of {}", title(rule.component)), ""),
        Place::Roles => ("roles and databases, their passwords too".to_owned(), ""),
    };
    match (rule.keys, rest) {
        ([], "") => place,
        ([], rest) => {
            // Only what shares its place with a narrower row is "anything else".
            let shared = RULES.iter().any(|other| other.place == rule.place && other.id != rule.id);
            if shared { format!("{place}: {rest}") } else { place }
        }
        (keys, _) => format!("{place}: {}", all(keys)),
    }
}

/// The name as its own project writes it.
fn title(component: ComponentName) -> &'static str {
    match component {
        ComponentName::Firewalld => "firewalld",
        ComponentName::Etcd => "etcd",
        ComponentName::Postgresql => "PostgreSQL",
        ComponentName::Patroni => "Patroni",
        ComponentName::Haproxy => "HAProxy",
        ComponentName::Keepalived => "keepalived",
    }
}

fn does(cost: Cost) -> &'static str {
    match cost {
        Cost::Inert => "nothing: it is read only while a cluster is made",
        Cost::Write => "writes the file",
        Cost::Reload => "reloads, node by node",
        Cost::ReloadTogether => "reloads all nodes at once",
        Cost::Restart => "restarts, node by node, the one that leads or holds the VIP last",
        Cost::RestartPaused => "restarts Patroni, node by node, while the cluster is paused",
        Cost::Patch => "changes the settings",
        Cost::PatchRestart => "changes the settings; restarts PostgreSQL on the replicas, then moves the leader",
        Cost::PatchRestartOrdered => {
            "changes the settings; restarts PostgreSQL in the order that a standby demands: for a larger value the replicas first, for a smaller one the leader first"
        }
        Cost::Sql => "SQL on the leader",
        Cost::Refused => "refuses (exit code 5)",
    }
}
