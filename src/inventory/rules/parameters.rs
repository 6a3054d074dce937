//! PostgreSQL parameters: those that are set elsewhere, that the version lacks, or whose value would not count.

use std::collections::BTreeSet;

use super::Context;
use super::parameter_names::known;
use super::parameter_table::{CLUSTER_WIDE, DROPPED, MINIMUM, NEW, OWNED, UNITS};
use crate::cluster::{Durability, ParameterValue};
use crate::inventory::access::{get, list};
use crate::inventory::diagnostic::{Code, Diagnostic};
use crate::inventory::schema::{Data, Value};
use crate::inventory::tree::{Span, show};

/// One parameter as it is written.
pub(super) struct Written {
    pub(super) name: String,
    name_span: Span,
    pub(super) value: ParameterValue,
    pub(super) span: Span,
    /// Whether it stands at a node.
    of_node: bool,
}

pub(super) fn check(context: &mut Context<'_>) {
    let root = Some(context.root);
    let mut written = read(get(root, "postgresql"), false);
    for node in list(root, "nodes") {
        written.extend(read(Some(node), true));
    }
    let version = context.cluster.postgresql.version.filter(|_| context.known(&["postgresql.version"]));
    let names: BTreeSet<&str> = known().collect();
    let mut guesses = 0;
    for parameter in &written {
        let found = owned(parameter)
            .or_else(|| by_version(context, parameter, version))
            .or_else(|| for_one_node(parameter))
            .or_else(|| minimum(context, parameter))
            .or_else(|| unit(parameter))
            .or_else(|| promise(context, parameter))
            .or_else(|| misspelt(parameter, &names, &mut guesses));
        if let Some(problem) = found {
            context.report(problem);
        }
    }
}

/// The cluster's parameters.
pub(super) fn of_cluster(context: &Context<'_>) -> Vec<Written> {
    read(get(Some(context.root), "postgresql"), false)
}

/// A whole number among the cluster's parameters, with its place.
pub(super) fn number(context: &Context<'_>, name: &str) -> Option<(i64, Span)> {
    let parameters = of_cluster(context);
    let parameter = parameters.iter().find(|parameter| parameter.name == name)?;
    Some((integer(&parameter.value)?, parameter.span))
}

fn read(owner: Option<&Value>, of_node: bool) -> Vec<Written> {
    match get(owner, "parameters").map(|value| &value.data) {
        Some(Data::Parameters(entries)) => entries
            .iter()
            .map(|(name, name_span, value, place)| Written {
                name: name.clone(),
                name_span: *name_span,
                value: value.clone(),
                span: place.span,
                of_node,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The number that a value is, quoted or not.
fn integer(value: &ParameterValue) -> Option<i64> {
    match value {
        ParameterValue::Integer(number) => Some(*number),
        ParameterValue::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn text(value: &ParameterValue) -> String {
    match value {
        ParameterValue::Bool(true) => "on".to_owned(),
        ParameterValue::Bool(false) => "off".to_owned(),
        ParameterValue::Integer(number) => number.to_string(),
        ParameterValue::Float(number) => number.to_string(),
        ParameterValue::Text(text) => text.to_ascii_lowercase(),
    }
}

pub(super) fn is_off(value: &ParameterValue) -> bool {
    matches!(text(value).as_str(), "off" | "no" | "false" | "0")
}

fn owned(parameter: &Written) -> Option<Diagnostic> {
    let name = parameter.name.as_str();
    if let Some((_, why, help)) = OWNED.iter().find(|(owned, ..)| *owned == name) {
        let title = format!("`{name}` is not set among the parameters");
        return Some(Diagnostic::new(Code::OWNED_PARAMETER, parameter.name_span, title).why(*why).help(*help));
    }
    let value = text(&parameter.value);
    let (why, help) = match name {
        "hot_standby" | "wal_log_hints" if is_off(&parameter.value) => {
            ("Patroni keeps it on: replicas must answer, and pg_rewind must be able to repair", "delete it")
        }
        "wal_level" if !matches!(value.as_str(), "replica" | "logical" | "hot_standby") => {
            ("replicas need at least `replica`", "write replica or logical, or delete it")
        }
        "password_encryption" if value != "scram-sha-256" => {
            ("md5 hashes are as good as the password itself, and pg_hba asks for scram-sha-256", "delete it")
        }
        _ => return None,
    };
    let title = format!("`{name}` can't be `{}` here", show(&value));
    Some(Diagnostic::new(Code::OWNED_PARAMETER, parameter.span, title).why(why).help(help))
}

fn by_version(context: &Context<'_>, parameter: &Written, version: Option<u16>) -> Option<Diagnostic> {
    let at = |code, title: String| {
        let problem = Diagnostic::new(code, parameter.name_span, title);
        match context.value("postgresql.version") {
            Some(version) => problem.also(version.span, "the version"),
            None => problem,
        }
    };
    let name = &parameter.name;
    if let Some((_, gone, help)) = DROPPED.iter().find(|(dropped, ..)| dropped == name) {
        // Without a version only what no supported one has is certain.
        if version.map_or(*gone <= 13, |version| version >= *gone) {
            let title = match version {
                Some(version) => format!("PostgreSQL {version} has no `{name}` any more"),
                None => format!("no supported PostgreSQL has `{name}` any more"),
            };
            return Some(
                at(Code::DROPPED_PARAMETER, title)
                    .why("PostgreSQL does not start with a parameter that it doesn't know")
                    .help(*help),
            );
        }
    }
    let (_, since) = NEW.iter().find(|(new, _)| new == name)?;
    let version = version.filter(|version| version < since)?;
    Some(
        at(Code::FUTURE_PARAMETER, format!("PostgreSQL {version} does not have `{name}` yet; it came with {since}"))
            .why("PostgreSQL does not start with a parameter that it doesn't know")
            .help(format!("delete it, or write `version: {since}`")),
    )
}

fn for_one_node(parameter: &Written) -> Option<Diagnostic> {
    let name = &parameter.name;
    (parameter.of_node && CLUSTER_WIDE.contains(&name.as_str())).then(|| {
        Diagnostic::new(Code::CLUSTER_WIDE, parameter.name_span, format!("`{name}` can't differ between nodes"))
            .why("a replica with less than the leader stops; Patroni takes it from the cluster's settings alone and ignores it here")
            .help("write it under `postgresql.parameters`")
    })
}

fn minimum(context: &Context<'_>, parameter: &Written) -> Option<Diagnostic> {
    let name = &parameter.name;
    let (_, least, default) = MINIMUM.iter().find(|(known, ..)| known == name)?;
    let Some(number) = integer(&parameter.value) else {
        let title = format!("`{name}` takes a whole number, not `{}`", show(&text(&parameter.value)));
        return Some(Diagnostic::new(Code::PARAMETER_VALUE, parameter.span, title).help("write digits alone"));
    };
    if number < *least {
        let title = format!("`{name}` is {number}, and Patroni takes nothing below {least}");
        return Some(
            Diagnostic::new(Code::PARAMETER_MINIMUM, parameter.span, title)
                .why(format!("Patroni would log a warning and use its default {default} instead"))
                .help(format!("write {least} or more, or delete it")),
        );
    }
    let nodes = i64::try_from(context.cluster.nodes.len()).ok()?;
    // Every other node streams, and a new one is copied over one more connection.
    let needed = match name.as_str() {
        "max_wal_senders" => nodes + 1,
        "max_replication_slots" => nodes,
        _ => return None,
    };
    (number < needed).then(|| {
        Diagnostic::new(
            Code::PARAMETER_MINIMUM,
            parameter.span,
            format!("`{name}` is {number}, too few for {nodes} nodes"),
        )
        .why("each replica takes one, and copying a new replica takes more")
        .help(format!("write {needed} or more; 10 is a good value"))
    })
}

fn unit(parameter: &Written) -> Option<Diagnostic> {
    let name = &parameter.name;
    let (_, unit, believed, meant) = UNITS.iter().find(|(known, ..)| known == name)?;
    let number = integer(&parameter.value).filter(|number| *number > 0 && number < believed)?;
    let what = if *unit == "8kB" { "pages of 8 kB".to_owned() } else { (*unit).to_owned() };
    let literal = if *unit == "8kB" { format!("{}kB", number.checked_mul(8)?) } else { format!("{number}{unit}") };
    Some(
        Diagnostic::new(Code::UNIT, parameter.span, format!("`{name}: {number}` means {number} {what}"))
            .why("a number without a unit is read in the parameter's own unit, and this one is suspiciously small")
            .help(format!("write {literal} if you mean it, {number}{meant} otherwise")),
    )
}

/// A name that PostgreSQL doesn't know, close to one that it does. Others pass: this list may be older than PostgreSQL.
fn misspelt(parameter: &Written, known: &BTreeSet<&str>, guesses: &mut usize) -> Option<Diagnostic> {
    // Comparing names takes time; nobody writes so many that this list doesn't know.
    const MOST: usize = 20;
    let name = parameter.name.as_str();
    if name.contains('.') || *guesses >= MOST || known.contains(name) {
        return None;
    }
    *guesses += 1;
    let names: Vec<&str> = known.iter().copied().collect();
    let close = similar::get_close_matches(name, &names, 1, 0.85).first().copied()?;
    Some(
        Diagnostic::new(Code::UNKNOWN_PARAMETER, parameter.name_span, format!("PostgreSQL has no parameter `{name}`"))
            .why("Patroni would drop it with no more than a warning in its log")
            .help(format!("did you mean `{close}`?")),
    )
}

/// Settings that would silently take back what `durability` promises.
fn promise(context: &Context<'_>, parameter: &Written) -> Option<Diagnostic> {
    let (name, value) = (parameter.name.as_str(), text(&parameter.value));
    let why = match name {
        "fsync" | "full_page_writes" if is_off(&parameter.value) => {
            "after a crash the data may be damaged beyond repair, and replicas copy the damage"
        }
        "synchronous_commit"
            if (is_off(&parameter.value) || value == "local") && context.cluster.durability != Durability::Async =>
        {
            "commits would not wait for a standby, whatever `durability` says"
        }
        "autovacuum" if is_off(&parameter.value) => {
            "without autovacuum the database stops when transaction ids run out"
        }
        _ => return None,
    };
    let mut problem =
        Diagnostic::new(Code::DURABILITY, parameter.span, format!("`{name}: {value}` gives up what was promised"))
            .why(why);
    if let Some(durability) = context.value("durability").filter(|_| name == "synchronous_commit") {
        problem = problem.also(durability.span, "the promise");
    }
    Some(problem.help(if name == "synchronous_commit" {
        "delete it, or write `durability: async`; single sessions may still `SET synchronous_commit`"
    } else {
        "delete it"
    }))
}
