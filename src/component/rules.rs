//! What each change costs: one row for each class of change, the same for preview and apply.
//!
//! A change is a place and a key in it ([`super::changed`] finds them). The first row that fits counts, so the narrow ones
//! stand before the wide ones. Sources: the daemons' own documents, and what the lab showed.

use super::ComponentName;

/// What makes a running daemon take a change over, and in which order it may be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// Read only when a cluster is made: a difference is no drift, and nothing is done about it alone.
    Inert,
    /// The file is written; it is read when it is needed.
    Write,
    /// A reload of the component, node by node.
    Reload,
    /// A reload on all nodes at once: until all have it, the nodes do not understand each other.
    ReloadTogether,
    /// A restart of the component, node by node, the one that matters most last.
    Restart,
    /// A restart of Patroni while the cluster is paused: PostgreSQL runs on.
    RestartPaused,
    /// A change of Patroni's settings in the DCS, which PostgreSQL and Patroni take over as they run.
    Patch,
    /// That, and a restart of PostgreSQL: replicas, then the leader after a switchover.
    PatchRestart,
    /// That, in the order that a standby demands: a larger value on the standbys first, a smaller one on the leader first.
    PatchRestartOrdered,
    /// SQL on the leader.
    Sql,
    /// No re-deploy at all.
    Refused,
}

/// Where a change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A file, by its path.
    File(&'static str),
    /// Patroni's settings in the DCS.
    Settings,
    /// A parameter of PostgreSQL in those settings, by what PostgreSQL says of it (`pg_settings.context`).
    Parameter {
        /// Whether only a start of the server takes it over.
        postmaster: bool,
    },
    /// The program itself: another version.
    Program,
    /// Roles and databases.
    Roles,
}

/// One row: the first whose place and keys fit tells what a change costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable name.
    pub id: &'static str,
    /// The component concerned.
    pub component: ComponentName,
    /// Where.
    pub place: Place,
    /// Which keys there: each one that begins so. None: all that no row above took.
    pub keys: &'static [&'static str],
    /// What it takes.
    pub cost: Cost,
    /// What clients notice, or for a refusal what to do instead.
    pub effect: &'static str,
}

const ETCD_ENV: Place = Place::File("/etc/etcd/etcd.env");
const PATRONI_YML: Place = Place::File(super::patroni::CONFIGURATION);
const HAPROXY_CFG: Place = Place::File("/etc/haproxy/haproxy.cfg");
const KEEPALIVED_CONF: Place = Place::File("/etc/keepalived/keepalived.conf");
const NOTHING: &str = "no client notices";

const fn rule(
    id: &'static str,
    component: ComponentName,
    place: Place,
    keys: &'static [&'static str],
    cost: Cost,
    effect: &'static str,
) -> Rule {
    Rule { id, component, place, keys, cost, effect }
}

/// The parameters that a standby must not have smaller than its leader had: their order is mandatory.
pub const ORDERED: &[&str] = &[
    "max_connections",
    "max_prepared_transactions",
    "max_locks_per_transaction",
    "max_wal_senders",
    "max_worker_processes",
];

/// All rows.
pub const RULES: &[Rule] = {
    use ComponentName::{Etcd, Firewalld, Haproxy, Keepalived, Patroni, Postgresql};
    use Cost::{
        Inert, Patch, PatchRestart, PatchRestartOrdered, Refused, Reload, ReloadTogether, Restart, RestartPaused, Sql,
        Write,
    };
    use Place::{File, Parameter, Program, Roles, Settings};
    &[
        rule(
            "firewalld.policy",
            Firewalld,
            File(super::firewalld::POLICY),
            &[],
            Reload,
            "open connections go on; firewalld forgets rules that it has only as it runs, as at every reload",
        ),
        rule("etcd.initial", Etcd, ETCD_ENV, &["ETCD_INITIAL_"], Inert, NOTHING),
        rule(
            "etcd.identity",
            Etcd,
            ETCD_ENV,
            &["ETCD_NAME", "ETCD_DATA_DIR"],
            Refused,
            "a member keeps its name and its data; another one is a new member: remove the node and add it again",
        ),
        rule(
            "etcd.urls",
            Etcd,
            ETCD_ENV,
            &["ETCD_LISTEN_", "ETCD_ADVERTISE_"],
            Refused,
            "members and Patroni know each other by these addresses; a running cluster keeps them",
        ),
        rule("etcd.runtime", Etcd, ETCD_ENV, &[], Restart, "no client notices: a majority of etcd serves all along"),
        rule(
            "etcd.unit",
            Etcd,
            File("/etc/systemd/system/etcd.service"),
            &[],
            Restart,
            "no client notices: a majority of etcd serves all along",
        ),
        rule("etcd.program", Etcd, Program, &[], Restart, "no client notices: a majority of etcd serves all along"),
        rule("roles", Postgresql, Roles, &[], Sql, "open connections go on; a new password counts for new ones"),
        rule(
            "patroni.identity",
            Patroni,
            PATRONI_YML,
            &["scope", "namespace", "name", "postgresql.data_dir", "postgresql.bin_dir"],
            Refused,
            "a database keeps its cluster, its member's name, its release and its folder",
        ),
        rule(
            "patroni.addresses",
            Patroni,
            PATRONI_YML,
            &["restapi.listen", "restapi.connect_address", "postgresql.listen", "postgresql.connect_address"],
            Refused,
            "members, HAProxy and clients find each other by these; a running cluster keeps its addresses and ports",
        ),
        // Never wanted: an installation that died, or somebody, left what could create a second database. Nothing reads it now.
        rule("patroni.bootstrap", Patroni, PATRONI_YML, &["bootstrap"], Write, NOTHING),
        rule(
            "patroni.store",
            Patroni,
            PATRONI_YML,
            &["etcd3", "etcd"],
            RestartPaused,
            "no client notices: PostgreSQL runs on; no failover while the cluster is paused",
        ),
        rule("patroni.parameters", Patroni, PATRONI_YML, &["postgresql.parameters"], Reload, NOTHING),
        rule("patroni.reload", Patroni, PATRONI_YML, &[], Reload, NOTHING),
        rule(
            "patroni.unit",
            Patroni,
            File("/etc/systemd/system/patroni.service"),
            &[],
            RestartPaused,
            "no client notices: PostgreSQL runs on; no failover while the cluster is paused",
        ),
        rule(
            "patroni.program",
            Patroni,
            Program,
            &[],
            RestartPaused,
            "no client notices: PostgreSQL runs on; no failover while the cluster is paused",
        ),
        rule(
            "settings.ordered",
            Postgresql,
            Parameter { postmaster: true },
            ORDERED,
            PatchRestartOrdered,
            "one write pause of seconds; sessions are cut when their server restarts",
        ),
        rule(
            "settings.restart",
            Postgresql,
            Parameter { postmaster: true },
            &[],
            PatchRestart,
            "one write pause of seconds; sessions are cut when their server restarts",
        ),
        rule("settings.parameter", Postgresql, Parameter { postmaster: false }, &[], Patch, NOTHING),
        rule(
            "settings.hba",
            Postgresql,
            Settings,
            &["postgresql.pg_hba"],
            Patch,
            "open sessions go on; new ones are judged anew",
        ),
        rule("settings.dynamic", Patroni, Settings, &[], Patch, NOTHING),
        rule(
            "haproxy.ports",
            Haproxy,
            HAPROXY_CFG,
            &["listen primary bind", "listen replicas bind", "listen stats bind"],
            ReloadTogether,
            "clients must come by the new port",
        ),
        rule(
            "haproxy.configuration",
            Haproxy,
            HAPROXY_CFG,
            &[],
            Reload,
            "no client notices: open sessions stay, for at most 5 minutes, with the process that began them",
        ),
        rule(
            "haproxy.unit",
            Haproxy,
            File("/etc/systemd/system/haproxy.service"),
            &[],
            Restart,
            "the VIP moves away first; sessions through this node end",
        ),
        rule(
            "haproxy.program",
            Haproxy,
            Program,
            &[],
            Restart,
            "the VIP moves away first; sessions through this node end",
        ),
        rule("keepalived.script", Keepalived, File("/usr/libexec/keepalived/quorate-check"), &[], Write, NOTHING),
        rule(
            "keepalived.address",
            Keepalived,
            KEEPALIVED_CONF,
            &["vrrp_instance virtual_ipaddress"],
            ReloadTogether,
            "clients must come to the new address",
        ),
        rule(
            "keepalived.together",
            Keepalived,
            KEEPALIVED_CONF,
            &["vrrp_instance virtual_router_id", "vrrp_instance advert_int", "vrrp_instance authentication"],
            ReloadTogether,
            "the VIP may move once; sessions through it end",
        ),
        rule("keepalived.configuration", Keepalived, KEEPALIVED_CONF, &[], Reload, "no client notices: the VIP stays"),
        rule(
            "keepalived.unit",
            Keepalived,
            File("/etc/systemd/system/keepalived.service"),
            &[],
            Restart,
            "the VIP moves once, from its holder; sessions through it end",
        ),
        rule(
            "keepalived.program",
            Keepalived,
            Program,
            &[],
            Restart,
            "the VIP moves once, from its holder; sessions through it end",
        ),
    ]
};

/// The row for a key of a file.
pub fn of_file(path: &str, key: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| matches!(rule.place, Place::File(file) if file == path) && fits(rule, key))
}

/// The row for another version of a component's program.
pub fn of_program(component: ComponentName) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.place == Place::Program && rule.component == component)
}

/// The row for a path of the DCS settings; `postmaster` says what PostgreSQL says of the parameter, if it is one.
pub fn of_setting(path: &str, postmaster: bool) -> Option<&'static Rule> {
    match path.strip_prefix("postgresql.parameters.") {
        Some(parameter) => RULES.iter().find(|rule| {
            // Names of parameters are whole: no prefix of another one's.
            rule.place == Place::Parameter { postmaster } && (rule.keys.is_empty() || rule.keys.contains(&parameter))
        }),
        None => RULES.iter().find(|rule| rule.place == Place::Settings && fits(rule, path)),
    }
}

/// The row for roles and databases.
pub fn of_roles() -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.place == Place::Roles)
}

/// Whether a key is one of the rule's: the same, or one below it (`etcd3.hosts` below `etcd3`), or of its kind (`ETCD_INITIAL_…`).
fn fits(rule: &Rule, key: &str) -> bool {
    rule.keys.is_empty()
        || rule.keys.iter().any(|start| {
            key.strip_prefix(start)
                .is_some_and(|rest| rest.is_empty() || start.ends_with('_') || rest.starts_with(['.', ' ']))
        })
}
