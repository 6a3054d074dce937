//! One row for each class of change: what is changed, what must be done for it, and what may be felt of it.

use serde_json::{Value, json};

use super::settings;
use super::stage::{NODES, Stage};

/// One change. Notations are those of [`super::actions::Roles`].
pub(super) struct Row {
    /// What is changed.
    pub(super) name: &'static str,
    /// How.
    pub(super) change: fn(&mut Stage),
    /// The actions of the plan, without those that only carry files; empty if there is nothing to do.
    pub(super) plan: &'static str,
    /// What must be done before what.
    pub(super) order: &'static [(&'static str, &'static str)],
    /// The processes that are others afterwards; all the rest must be the same.
    pub(super) restarted: &'static str,
    /// The nodes whose HAProxy reads its file anew.
    pub(super) reloaded: &'static str,
    /// Whether the VIP has another holder afterwards.
    pub(super) moves_vip: bool,
    /// How many times the writer may be without an answer for more than half a second; with none, no write may fail either.
    pub(super) outages: usize,
    /// For how long, in milliseconds.
    pub(super) gap_ms: u64,
    /// That it is live.
    pub(super) proof: fn(&Stage),
}

/// What most rows are: nobody notices anything.
pub(super) const QUIET: Row = Row {
    name: "",
    change: |_| (),
    plan: "",
    order: &[],
    restarted: "",
    reloaded: "",
    moves_vip: false,
    outages: 0,
    gap_ms: 500,
    proof: |_| (),
};

/// Upgrades, from what [`super::older`] installed.
const UPGRADES: &[Row] = &[
    Row {
        name: "haproxy 2.6 → 3.0",
        change: |stage| stage.set("haproxy.version", Value::Null),
        plan: "haproxy/restart@all",
        order: &[("haproxy/restart@others", "haproxy/restart@holder")],
        // The VIP is made to move before its holder's HAProxy restarts.
        restarted: "haproxy@all keepalived@holder",
        moves_vip: true,
        outages: 1,
        gap_ms: 4000,
        proof: |stage| version(stage, "haproxy -v", "version 3.0."),
        ..QUIET
    },
    Row {
        name: "keepalived 2.2 → 2.3",
        change: |stage| stage.set("keepalived.version", Value::Null),
        plan: "keepalived/restart@all",
        order: &[("keepalived/restart@others", "keepalived/restart@holder")],
        restarted: "keepalived@all",
        moves_vip: true,
        outages: 1,
        gap_ms: 4000,
        proof: |stage| version(stage, "keepalived --version 2>&1", "Keepalived v2.3."),
        ..QUIET
    },
    Row {
        name: "patroni 4.1.4 → 4.1.5",
        change: |stage| stage.set("patroni.version", Value::Null),
        plan: "patroni/pause-restart@cluster",
        restarted: "patroni@all",
        proof: |stage| {
            let (_, cluster) = stage.patroni("db01", "GET", "/cluster", None);
            assert_eq!(cluster["pause"], Value::Null, "{cluster}");
            for node in NODES {
                assert_eq!(stage.patroni(node, "GET", "/patroni", None).1["patroni"]["version"], "4.1.5");
            }
        },
        ..QUIET
    },
];

fn version(stage: &Stage, command: &str, wanted: &str) {
    for node in NODES {
        let told = stage.root(node, command);
        assert!(told.contains(wanted), "{node}: {told}");
    }
}

/// Files.
const FILES: &[Row] = &[
    Row {
        name: "etcd: a runtime key",
        change: |stage| stage.set("etcd.heartbeat_ms", json!(150)),
        plan: "etcd/restart@all",
        order: &[("etcd/restart@etcd-followers", "etcd/restart@etcd-leader")],
        restarted: "etcd@all",
        proof: |stage| {
            for node in NODES {
                let environment = "tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value etcd)/environ";
                assert!(stage.root(node, environment).contains("ETCD_HEARTBEAT_INTERVAL=150"), "{node}");
            }
        },
        ..QUIET
    },
    Row {
        name: "etcd: INITIAL_* by hand",
        change: |stage| {
            stage.root(
                "db02",
                "sed -i 's/^ETCD_INITIAL_CLUSTER_STATE=.*/ETCD_INITIAL_CLUSTER_STATE=existing/' /etc/etcd/etcd.env",
            );
        },
        ..QUIET
    },
    Row {
        name: "patroni.yml: a tag",
        change: |stage| stage.set("nodes.2.tags", json!({"clonefrom": true})),
        plan: "patroni/reload@db03",
        proof: |stage| {
            let (_, cluster) = stage.patroni("db01", "GET", "/cluster", None);
            let member =
                cluster["members"].as_array().and_then(|all| all.iter().find(|one| one["name"] == "db03")).cloned();
            assert_eq!(member.expect("a member")["tags"]["clonefrom"], true);
        },
        ..QUIET
    },
    Row {
        name: "patroni.service: a comment",
        change: |stage| stage.template("patroni/patroni.service", "[Install]\n", "# Nothing new.\n[Install]\n"),
        plan: "patroni/write@all",
        ..QUIET
    },
    Row {
        name: "patroni.service: a variable",
        change: |stage| {
            stage.template("patroni/patroni.service", "[Install]\n", "[Service]\nEnvironment=LAB=1\n[Install]\n");
        },
        plan: "patroni/pause-restart@cluster",
        restarted: "patroni@all",
        proof: |stage| assert_eq!(stage.patroni("db01", "GET", "/cluster", None).1["pause"], Value::Null),
        ..QUIET
    },
    Row {
        name: "haproxy.cfg: timeout_client",
        change: |stage| stage.set("haproxy.timeout_client", json!("25min")),
        plan: "haproxy/reload@all",
        reloaded: "all",
        ..QUIET
    },
    Row {
        name: "haproxy.service: LimitNOFILE",
        change: |stage| stage.template("haproxy/haproxy.service", "LimitNOFILE={{ open_files }}", "LimitNOFILE=12000"),
        plan: "haproxy/restart@all",
        order: &[("haproxy/restart@others", "haproxy/restart@holder")],
        // The VIP is made to move before its holder's HAProxy restarts.
        restarted: "haproxy@all keepalived@holder",
        moves_vip: true,
        outages: 1,
        gap_ms: 4000,
        proof: |stage| {
            for node in NODES {
                let limits = stage.root(node, "cat /proc/$(systemctl show -p MainPID --value haproxy)/limits");
                assert!(
                    limits.lines().any(|line| line.starts_with("Max open files") && line.contains("12000")),
                    "{limits}"
                );
            }
        },
        ..QUIET
    },
    Row {
        name: "keepalived.conf: garp refresh",
        change: |stage| {
            stage.template("keepalived/keepalived.conf", "vrrp_garp_master_refresh 60", "vrrp_garp_master_refresh 61");
        },
        plan: "keepalived/reload@all",
        ..QUIET
    },
    Row {
        name: "keepalived.conf: adverts",
        change: |stage| stage.set("timings.advert_interval", json!("2s")),
        plan: "keepalived/reload@cluster",
        ..QUIET
    },
    Row {
        name: "keepalived.service: a limit",
        change: |stage| {
            stage.template("keepalived/keepalived.service", "[Install]\n", "[Service]\nLimitNOFILE=4096\n[Install]\n");
        },
        plan: "keepalived/restart@all",
        order: &[("keepalived/restart@others", "keepalived/restart@holder")],
        restarted: "keepalived@all",
        moves_vip: true,
        outages: 1,
        // Two seconds between adverts by now.
        gap_ms: 8000,
        ..QUIET
    },
    Row {
        name: "haproxy.cfg: edited by hand",
        change: |stage| {
            stage.root("db02", "echo '# by hand' >>/etc/haproxy/haproxy.cfg");
            let shown = stage.run(&["diff"]).exits(0).out;
            assert!(shown.contains("by hand") && shown.contains("db02") && !shown.contains("db01"), "{shown}");
        },
        plan: "haproxy/reload@db02",
        reloaded: "db02",
        proof: |stage| assert!(!stage.root("db02", "cat /etc/haproxy/haproxy.cfg").contains("by hand")),
        ..QUIET
    },
];

/// All of them, in the order in which they are run: each begins where the one before it ended.
pub(super) fn all() -> impl Iterator<Item = &'static Row> {
    UPGRADES.iter().chain(FILES).chain(settings::ROWS)
}
