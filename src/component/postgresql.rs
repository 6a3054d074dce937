//! PostgreSQL: its parameters and host rules (both reach it through Patroni), its packages and masked units, its roles.

use std::collections::{BTreeMap, BTreeSet};

use super::desired::{Content, DesiredNode, Repository};
use super::inputs::{Inputs, NodeInputs, RenderError};
use super::parts::directory;
use crate::cluster::{Cluster, HbaRule, Identifier, ParameterValue, SecretName};

/// The superuser that Patroni works as.
pub const SUPERUSER: &str = "postgres";
/// The role that replicas stream as.
pub const REPLICATION_ROLE: &str = "replicator";
/// The role that `pg_rewind` connects as.
pub const REWIND_ROLE: &str = "rewind_user";
/// The role that the verifier writes and reads its probe row as.
pub const PROBE_ROLE: &str = "quorate_probe";
/// The verifier's table, in the database `postgres`.
pub const PROBE_TABLE: &str = "quorate.probe";

/// `max_connections` unless the inventory says otherwise.
const MAX_CONNECTIONS: i64 = 100;
/// Connections that Patroni itself and a monitor hold at a node.
const MANAGEMENT_CONNECTIONS: i64 = 5;
/// PostgreSQL's own default of `superuser_reserved_connections`.
const SUPERUSER_RESERVED: i64 = 3;

/// A parameter of the whole cluster, with the reason for its value.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its value, as Patroni keeps it: numbers as numbers, switches as `on` and `off`.
    pub value: serde_json::Value,
    /// Why this value.
    pub why: &'static str,
}

/// The parameters for the whole cluster, by name: derived ones, replaced by the inventory's. Memory follows the smallest
/// node, because any node can become the leader.
///
/// # Errors
/// [`RenderError`] as for [`Inputs::nodes`].
pub fn parameters(inputs: Inputs) -> Result<Vec<Parameter>, RenderError> {
    let nodes = inputs.nodes()?;
    let memory = nodes.iter().map(|node| node.facts.memory_bytes).min().unwrap_or_default();
    let mut parameters: BTreeMap<String, Parameter> =
        derived(memory, max_connections(inputs.cluster)).into_iter().map(|one| (one.name.clone(), one)).collect();
    for (name, value) in &inputs.cluster.postgresql.parameters {
        let name = name.as_str().to_owned();
        let value = serde_json::Value::from(value.clone());
        parameters.insert(name.clone(), Parameter { name, value, why: "set in the inventory" });
    }
    Ok(parameters.into_values().collect())
}

fn derived(memory: u64, max_connections: i64) -> Vec<Parameter> {
    const MB: u64 = 1 << 20;
    let megabytes = |bytes: u64, least: u64, most: u64| format!("{}MB", (bytes / MB).clamp(least, most));
    // Sorts and hashes of all connections together stay within a quarter of the memory, two of them per connection.
    let work = memory / 4 / 2 / u64::try_from(max_connections.max(1)).unwrap_or(1);
    let one = |name: &str, value: serde_json::Value, why| Parameter { name: name.to_owned(), value, why };
    vec![
        one("max_connections", max_connections.into(), "HAProxy's limits per server are derived from it"),
        one("shared_buffers", megabytes(memory / 4, 128, u64::MAX).into(), "a quarter of the smallest node's memory"),
        one(
            "effective_cache_size",
            megabytes(memory / 10 * 6, 256, u64::MAX).into(),
            "what the planner may expect of the cache: 60 % of the memory, since etcd, HAProxy and Patroni live here too",
        ),
        one("maintenance_work_mem", megabytes(memory / 32, 64, 1024).into(), "a few vacuums at once fit into memory"),
        one(
            "work_mem",
            megabytes(work, 4, 64).into(),
            "two sorts of every connection fit into a quarter of the memory",
        ),
        one("wal_level", "replica".into(), "what streaming replication needs"),
        one("hot_standby", "on".into(), "replicas answer reads"),
        one("wal_log_hints", "on".into(), "pg_rewind brings a former leader back without a new copy"),
        one("max_wal_senders", 10.into(), "replicas, base backups and a spare"),
        one("max_replication_slots", 10.into(), "one per member and room for logical ones"),
        one("wal_keep_size", "512MB".into(), "a replica that was away shortly goes on, and pg_rewind finds its WAL"),
        one(
            "max_slot_wal_keep_size",
            "10GB".into(),
            "a replica that stays away must not fill the leader's disk; beyond this it is copied anew",
        ),
        one("max_wal_size", "2GB".into(), "checkpoints come by time, not by volume"),
        one("checkpoint_timeout", "15min".into(), "seldom enough not to write every page in full again and again"),
        one("checkpoint_completion_target", serde_json::json!(0.9), "a checkpoint's writes are spread"),
        one(
            "wal_retrieve_retry_interval",
            "1s".into(),
            "after a failover a replica finds its new leader within a second; commits that wait for it go on",
        ),
        one("password_encryption", "scram-sha-256".into(), "md5 can be replayed and is going away"),
        one("tcp_keepalives_idle", 60.into(), "a peer that vanished is noticed within two minutes"),
        one("tcp_keepalives_interval", 10.into(), "a peer that vanished is noticed within two minutes"),
        one("tcp_keepalives_count", 6.into(), "a peer that vanished is noticed within two minutes"),
        one("log_checkpoints", "on".into(), "the log says how long checkpoints take"),
        one("log_lock_waits", "on".into(), "the log says who waited for whom"),
        one("log_line_prefix", "%m [%p] %q%u@%d ".into(), "time, process, role and database of each line"),
    ]
}

/// `max_connections` as it will be.
fn max_connections(cluster: &Cluster) -> i64 {
    number(cluster, "max_connections").unwrap_or(MAX_CONNECTIONS)
}

/// A whole number among the inventory's parameters.
fn number(cluster: &Cluster, name: &str) -> Option<i64> {
    let name = Identifier::new(name).ok()?;
    match cluster.postgresql.parameters.get(&name)? {
        ParameterValue::Integer(value) => Some(*value),
        ParameterValue::Text(text) => text.parse().ok(),
        ParameterValue::Bool(_) | ParameterValue::Float(_) => None,
    }
}

/// The connections of one PostgreSQL that are left to clients: without those reserved for superusers, for roles with
/// `pg_use_reserved_connections`, and for Patroni itself. Replication does not count (PostgreSQL 12 and later).
pub fn client_connections(cluster: &Cluster) -> u32 {
    let reserved = number(cluster, "superuser_reserved_connections").unwrap_or(SUPERUSER_RESERVED)
        + number(cluster, "reserved_connections").unwrap_or(0);
    let left = max_connections(cluster) - reserved - MANAGEMENT_CONNECTIONS;
    u32::try_from(left.max(1)).unwrap_or(u32::MAX)
}

/// The lines of `pg_hba.conf`, first match first. What Patroni, replication and the verifier need comes before the
/// inventory's lines, so that none of those can cut the cluster off; the defaults come after them, so that each can be
/// overruled.
pub fn hba(cluster: &Cluster) -> Vec<String> {
    let nodes = || cluster.nodes.iter().map(|node| format!("{}/32", node.address));
    let line = |kind: &str, database: &str, user: &str, address: &str, method: &str| {
        format!("{kind:<7} {database:<11} {user:<13} {address:<18} {method}")
    };
    let mut lines = vec![
        line("local", "all", SUPERUSER, "", "peer"),
        line("local", "replication", REPLICATION_ROLE, "", "scram-sha-256"),
    ];
    for address in nodes() {
        lines.push(line("host", "replication", REPLICATION_ROLE, &address, "scram-sha-256"));
        lines.push(line("host", "postgres", REWIND_ROLE, &address, "scram-sha-256"));
        lines.push(line("host", "postgres", PROBE_ROLE, &address, "scram-sha-256"));
    }
    lines.extend(cluster.postgresql.hba.iter().map(|rule| inventory_line(rule, line)));
    // The superuser comes by the socket; a rule of the inventory can open the network to it.
    lines.push(line("host", "all", SUPERUSER, "0.0.0.0/0", "reject"));
    lines.push(line("local", "all", "all", "", "scram-sha-256"));
    lines.push(line("host", "all", "all", "127.0.0.1/32", "scram-sha-256"));
    // Clients come through HAProxy, so with a node's address.
    lines.extend(nodes().map(|address| line("host", "all", "all", &address, "scram-sha-256")));
    lines
}

fn inventory_line(rule: &HbaRule, line: impl Fn(&str, &str, &str, &str, &str) -> String) -> String {
    line(&rule.kind, &rule.database, &rule.user, rule.address.as_deref().unwrap_or_default(), &rule.method)
}

/// What a node shall hold for PostgreSQL itself.
pub(super) fn desired(node: &NodeInputs) -> DesiredNode {
    let major = node.versions.postgresql;
    let data_dir = node.postgresql_data_dir();
    let mut directories = Vec::new();
    // The family's package makes the account's home; above a data folder elsewhere the operator has made the way.
    let parent = data_dir.rsplit_once('/').map(|(parent, _)| parent);
    if let Some(parent) = parent.filter(|parent| parent.starts_with(&format!("{}/", node.platform.postgres_home()))) {
        directories.push(directory(parent, "postgres", "postgres", 0o700));
    }
    directories.push(directory(&data_dir, "postgres", "postgres", 0o700));
    DesiredNode {
        packages: node.platform.postgresql_packages(major),
        directories,
        masked: node.platform.postgresql_units(major),
        repositories: repository(node, major),
        ..DesiredNode::default()
    }
}

/// The PostgreSQL project's archive, where the packages come from there.
fn repository(node: &NodeInputs, major: u16) -> Vec<Repository> {
    let wanted = &node.inputs.cluster.postgresql;
    let Some(archive) = node.platform.postgresql_archive(wanted.packages) else { return Vec::new() };
    let base = wanted.repository.clone().unwrap_or_else(|| archive.base.to_owned());
    let server = node.platform.postgresql_packages(major).pop().unwrap_or_default();
    let sign = if archive.namesakes.contains(&major) { archive.sign } else { "" };
    let args = vec![base, server, sign.to_owned()];
    vec![Repository { name: archive.name, mark: archive.mark, script: archive.script, args }]
}

/// The SQL that makes each role and database as it shall be, by `role NAME` and `database NAME`: its own statements, which
/// change nothing when run again but passwords that differ. They hold passwords.
///
/// # Errors
/// [`RenderError::SecretMissing`].
pub fn roles(inputs: Inputs) -> Result<BTreeMap<String, Content>, RenderError> {
    let mut roles = BTreeMap::new();
    // Patroni makes these three when it creates the database; a new password is ours to set, before its file has it.
    for (name, secret) in [
        (SUPERUSER, SecretName::Superuser),
        (REPLICATION_ROLE, SecretName::Replication),
        (REWIND_ROLE, SecretName::Rewind),
    ] {
        let password = inputs.secret(&secret)?;
        roles.insert(format!("role {name}"), Content::new(password_of(name, password)));
    }
    let probe = role(PROBE_ROLE, "NOCREATEDB NOCREATEROLE", inputs.secret(&SecretName::Probe)?);
    roles.insert(format!("role {PROBE_ROLE}"), Content::new(probe + &probe_table()));
    for wanted in &inputs.cluster.postgresql.roles {
        let password = inputs.secret(&SecretName::Role(wanted.name.as_str().to_owned()))?;
        let options = format!(
            "{} {}",
            if wanted.createdb { "CREATEDB" } else { "NOCREATEDB" },
            if wanted.createrole { "CREATEROLE" } else { "NOCREATEROLE" }
        );
        roles.insert(format!("role {}", wanted.name), Content::new(role(wanted.name.as_str(), &options, password)));
    }
    for database in &inputs.cluster.postgresql.databases {
        let name = database.name.as_str();
        let owner = database.owner.as_ref().map_or(SUPERUSER, Identifier::as_str);
        // CREATE DATABASE can't stand in a block of code: psql runs the statement that the query returns.
        let (create, literal) = (format!("CREATE DATABASE \"{name}\" OWNER \"{owner}\""), quoted(name));
        let sql = format!(
            "SELECT {} WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {literal})\n\\gexec\n\
             ALTER DATABASE \"{name}\" OWNER TO \"{owner}\";\n",
            quoted(&create)
        );
        roles.insert(format!("database {name}"), Content::new(sql));
    }
    Ok(roles)
}

/// The SQL of the roles and databases named, in the order in which they need each other: roles before what they own. Feed it
/// to `psql -X -v ON_ERROR_STOP=1 -d postgres` on the leader by standard input.
pub fn roles_sql(roles: &BTreeMap<String, Content>, named: &BTreeSet<String>) -> Content {
    let mut sql = String::from(
        "-- Made by quorate. Passwords: neither the server's log nor a psql history may keep these statements.\n\
         SET log_statement = 'none';\nSET log_min_duration_statement = -1;\nSET log_min_error_statement = 'panic';\n\
         SET password_encryption = 'scram-sha-256';\nSET standard_conforming_strings = on;\n",
    );
    for kind in ["role ", "database "] {
        for (_, content) in roles.iter().filter(|(name, _)| name.starts_with(kind) && named.contains(*name)) {
            sql.push_str(content.expose());
        }
    }
    Content::new(sql)
}

/// The table that the verifier writes to.
fn probe_table() -> String {
    format!(
        "BEGIN;\nSET LOCAL client_min_messages = warning;\n\
         CREATE SCHEMA IF NOT EXISTS quorate;\n\
         CREATE TABLE IF NOT EXISTS {PROBE_TABLE} (id bigint PRIMARY KEY, token text NOT NULL, at timestamptz NOT NULL DEFAULT now());\n\
         GRANT CONNECT ON DATABASE postgres TO {PROBE_ROLE};\nGRANT USAGE ON SCHEMA quorate TO {PROBE_ROLE};\n\
         GRANT SELECT, INSERT, UPDATE, DELETE ON {PROBE_TABLE} TO {PROBE_ROLE};\nCOMMIT;\n"
    )
}

/// Sets the password of a role that somebody else makes, if it is there.
fn password_of(name: &str, password: &str) -> String {
    let alter = quoted(&format!("ALTER ROLE \"{name}\" PASSWORD {}", quoted(password)));
    format!("SELECT {alter} WHERE EXISTS (SELECT FROM pg_roles WHERE rolname = {})\n\\gexec\n", quoted(name))
}

/// Creates the role if it is not there, then sets what it may do and its password.
fn role(name: &str, options: &str, password: &str) -> String {
    let create = quoted(&format!("CREATE ROLE \"{name}\" LOGIN"));
    format!(
        "SELECT {create} WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {})\n\\gexec\n\
         ALTER ROLE \"{name}\" WITH LOGIN NOSUPERUSER NOREPLICATION NOBYPASSRLS {options} PASSWORD {};\n",
        quoted(name),
        quoted(password)
    )
}

/// A string constant of SQL. A backslash is itself, because `standard_conforming_strings` is on; a NUL or a line break is
/// refused when a secret is read. psql would take `:name` for a variable, but not inside a constant.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
