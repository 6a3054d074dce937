//! The table of changes: one case for each row, and what must hold for any change at all.
//!
//! A case is a cluster that is as its inventory says, a change of the inventory or of what lives, and what the plan must be.

#![allow(clippy::unwrap_used, reason = "a case that can't be set up has failed")]

mod common;

use std::collections::BTreeSet;

use common::look::{LEADER, Look, OTHER, ids, name};
use proptest::prelude::*;
use quorate::cluster::{HbaRule, Identifier, Namespace, ParameterValue, Secret, SecretName};
use quorate::component::rules::{self, Cost, RULES};
use quorate::component::{ComponentName, changed, firewalld};
use quorate::plan::{Impact, Plan, Verb};

const ETCD_ENV: &str = "/etc/etcd/etcd.env";
const PATRONI_YML: &str = "/etc/patroni/patroni.yml";
const KEEPALIVED_CONF: &str = "/etc/keepalived/keepalived.conf";

/// The look of a cluster that is as desired; rendered once.
fn settled() -> Look {
    static SETTLED: std::sync::LazyLock<Look> = std::sync::LazyLock::new(Look::settled);
    SETTLED.clone()
}

/// Text that stands in a live file in place of another, on every host.
fn live(path: &str, wanted: &str, there: &str) -> Look {
    differing(settled(), path, wanted, there)
}

fn differing(mut look: Look, path: &str, wanted: &str, there: &str) -> Look {
    for node in ["db01", "db02", "db03"] {
        let text = look.details.get_mut(&name(node)).unwrap().files.get_mut(path).unwrap();
        assert!(text.contains(wanted), "{path} has no {wanted:?}");
        *text = text.replacen(wanted, there, 1);
        let sum = quorate::cluster::sha256(text.as_bytes());
        look = look.has(node, |_, host| drop(host.sums.insert(path.to_owned(), sum)));
    }
    look
}

fn unit(component: &str) -> Look {
    live(&format!("/etc/systemd/system/{component}.service"), "[Service]\n", "[Service]\nNice=1\n")
}

fn wants(change: impl FnOnce(&mut Look)) -> Look {
    settled().wants(change)
}

fn set(look: &mut Look, parameter: &str, value: i64) {
    look.cluster.postgresql.parameters.insert(Identifier::new(parameter).unwrap(), ParameterValue::Integer(value));
}

fn local(look: &mut Look, node: usize, parameter: &str, value: i64) {
    look.cluster.nodes[node].parameters.insert(Identifier::new(parameter).unwrap(), ParameterValue::Integer(value));
}

const EACH: [&str; 3] = ["db02", "db03", "db01"];

/// The ids of one verb on all nodes, the leader or holder of the default look last.
fn each(component: &str, verb: &str) -> Vec<String> {
    EACH.iter().map(|node| format!("{node}/{component}/{verb}")).collect()
}

/// The same for etcd, which db02 leads.
fn etcd() -> Vec<String> {
    ["db01", "db03", "db02"].iter().map(|node| format!("{node}/etcd/restart")).collect()
}

fn prepare() -> Vec<String> {
    ["db01", "db02", "db03"].iter().map(|node| format!("{node}/host/prepare")).collect()
}

fn one(id: &str) -> Vec<String> {
    vec![id.to_owned()]
}

fn restarts() -> Vec<String> {
    [
        "cluster/patroni/patch",
        "db02/postgresql/restart-database",
        "db03/postgresql/restart-database",
        "db01/postgresql/switchover",
    ]
    .map(str::to_owned)
    .to_vec()
}

/// What a row promises: the actions by id, and the worst that clients notice.
enum Promise {
    Does(Vec<String>, Impact),
    Nothing,
    Refuses,
}

/// The case of a row.
fn case(id: &str) -> Option<(Look, Promise)> {
    use Impact::{None as Unnoticed, Outage, Reload, RestartReplica, Switchover};
    use Promise::{Does, Nothing, Refuses};
    Some(match id {
        "firewalld.policy" => (
            differing(Look::behind_firewalld(), firewalld::POLICY, "<port port=\"5001\"", "<port port=\"22\""),
            Does(["db01", "db02", "db03"].map(|node| format!("{node}/firewalld/reload")).to_vec(), Reload),
        ),
        "etcd.initial" => (live(ETCD_ENV, "CLUSTER_STATE=new", "CLUSTER_STATE=existing"), Nothing),
        "etcd.identity" => (wants(|look| look.cluster.etcd.data_dir = "/srv/etcd".into()), Refuses),
        "etcd.urls" => (wants(|look| look.cluster.etcd.peer_port = 12380), Refuses),
        "etcd.runtime" => (wants(|look| look.cluster.etcd.heartbeat_ms += 50), Does(etcd(), RestartReplica)),
        "etcd.unit" => (unit("etcd"), Does(etcd(), RestartReplica)),
        "etcd.program" => (
            wants(|look| look.cluster.etcd.version = Some(quorate::cluster::Version::new(3, 5, 99))),
            Does([prepare(), etcd()].concat(), RestartReplica),
        ),
        "roles" => (
            wants(|look| look.secrets.insert(SecretName::Probe, Secret::new("another-0123456789".to_owned()))),
            Does(one("cluster/postgresql/sql"), Unnoticed),
        ),
        "patroni.identity" => {
            (wants(|look| look.cluster.patroni.namespace = Namespace::new("other").unwrap()), Refuses)
        }
        "patroni.addresses" => (wants(|look| look.cluster.postgresql.port = Some(5433)), Refuses),
        "patroni.bootstrap" => {
            let patroni = live(PATRONI_YML, "\nwatchdog:", "\nbootstrap:\n  dcs:\n    ttl: 30\n\nwatchdog:");
            (patroni, Does(each("patroni", "write"), Unnoticed))
        }
        "patroni.store" => (
            live(PATRONI_YML, "\n  protocol: 'http'\n", "\n  protocol: 'https'\n"),
            Does(one("cluster/patroni/pause-restart"), RestartReplica),
        ),
        "patroni.parameters" => {
            (wants(|look| local(look, 2, "work_mem", 9999)), Does(one("db03/patroni/reload"), Reload))
        }
        "patroni.reload" => (
            wants(|look| look.cluster.nodes.iter_mut().for_each(|node| node.tags.nosync = true)),
            Does(each("patroni", "reload"), Reload),
        ),
        "patroni.unit" => (unit("patroni"), Does(one("cluster/patroni/pause-restart"), RestartReplica)),
        "patroni.program" => (
            wants(|look| look.cluster.patroni.version = Some(OTHER)),
            Does([prepare(), one("cluster/patroni/pause-restart")].concat(), RestartReplica),
        ),
        "settings.ordered" => (wants(|look| set(look, "max_wal_senders", 20)), Does(restarts(), Switchover)),
        "settings.restart" => (wants(|look| set(look, "max_replication_slots", 20)), Does(restarts(), Switchover)),
        "settings.parameter" => {
            (wants(|look| set(look, "tcp_keepalives_idle", 50)), Does(one("cluster/patroni/patch"), Unnoticed))
        }
        "settings.hba" => {
            let rule = HbaRule {
                kind: "host".to_owned(),
                database: "all".to_owned(),
                user: "all".to_owned(),
                address: Some("10.0.0.0/8".to_owned()),
                method: "scram-sha-256".to_owned(),
            };
            (wants(|look| look.cluster.postgresql.hba.push(rule)), Does(one("cluster/patroni/patch"), Unnoticed))
        }
        "settings.dynamic" => {
            (wants(|look| look.cluster.timings.loop_wait = 7), Does(one("cluster/patroni/patch"), Unnoticed))
        }
        "haproxy.ports" => {
            (wants(|look| look.cluster.haproxy.primary_port = 6000), Does(one("cluster/haproxy/reload"), Outage))
        }
        "haproxy.configuration" => {
            (wants(|look| look.cluster.haproxy.timeout_client += 60), Does(each("haproxy", "reload"), Reload))
        }
        "haproxy.unit" => (unit("haproxy"), Does(each("haproxy", "restart"), Switchover)),
        "haproxy.program" => (
            wants(|look| look.cluster.haproxy.version = Some(quorate::cluster::Version::new(3, 0, 99))),
            Does([prepare(), each("haproxy", "restart")].concat(), Switchover),
        ),
        "keepalived.script" => (
            live("/usr/libexec/keepalived/quorate-check", "#!", "# live\n#!"),
            Does(each("keepalived", "write"), Unnoticed),
        ),
        "keepalived.address" => (
            wants(|look| look.cluster.vip.address = "192.168.13.49".parse().unwrap()),
            Does(one("cluster/keepalived/reload"), Outage),
        ),
        "keepalived.together" => {
            (wants(|look| look.cluster.keepalived.router_id = 77), Does(one("cluster/keepalived/reload"), Switchover))
        }
        "keepalived.configuration" => (
            live(KEEPALIVED_CONF, "vrrp_garp_master_refresh 60", "vrrp_garp_master_refresh 61"),
            Does(each("keepalived", "reload"), Reload),
        ),
        "keepalived.unit" => (unit("keepalived"), Does(each("keepalived", "restart"), Switchover)),
        "keepalived.program" => (
            wants(|look| look.cluster.keepalived.version = Some(quorate::cluster::Version::new(2, 3, 99))),
            Does([prepare(), each("keepalived", "restart")].concat(), Switchover),
        ),
        _ => return None,
    })
}

#[test]
fn every_row_does_what_it_says() {
    let mut seen = BTreeSet::new();
    for rule in RULES {
        assert!(seen.insert(rule.id), "two rows are called {}", rule.id);
        let (look, promise) = case(rule.id).unwrap_or_else(|| panic!("the row {} has no case", rule.id));
        let plan = look.plan();
        let worst = plan.actions.iter().map(|action| action.impact).max().unwrap_or_default();
        let told = plan.actions.iter().any(|action| action.rules.contains(&rule.id));
        match promise {
            Promise::Does(expected, impact) => {
                assert_eq!(ids(&plan), expected, "{}", rule.id);
                assert_eq!(worst, impact, "{}", rule.id);
                assert!(told, "{} is not told as the reason: {:?}", rule.id, plan.actions);
                assert!(plan.refused.is_empty(), "{}: {:?}", rule.id, plan.refused);
                let effects: Vec<&str> = plan.actions.iter().map(|action| action.effect.as_str()).collect();
                assert!(
                    effects.contains(&rule.effect) || rule.cost > Cost::Patch && rule.cost < Cost::Sql,
                    "{}: {effects:?}",
                    rule.id
                );
            }
            Promise::Nothing => assert!(plan.is_empty() && plan.refused.is_empty(), "{}: {:?}", rule.id, ids(&plan)),
            Promise::Refuses => {
                let refused: Vec<_> = plan.refused.iter().filter(|refusal| refusal.rule == rule.id).collect();
                let nodes: BTreeSet<&str> = refused.iter().map(|refusal| refusal.node.as_str()).collect();
                assert_eq!(nodes.len(), 3, "{}: {:?}", rule.id, plan.refused);
                assert!(refused.iter().all(|refusal| !refusal.key.is_empty() && refusal.instead == rule.effect));
                assert!(!told, "{} is refused and done", rule.id);
            }
        }
    }
}

/// Every cost that the code knows is some row's.
#[test]
fn no_cost_is_without_a_row() {
    let costs: BTreeSet<Cost> = RULES.iter().map(|rule| rule.cost).collect();
    assert_eq!(costs.len(), 11, "{costs:?}");
}

/// Impact and order of PostgreSQL's restarts where limits grow, shrink or do both.
#[test]
fn limits_grow_on_replicas_first_and_shrink_on_the_leader_first() {
    use Impact::{RestartLeader, RestartReplica, Switchover};
    let database = |look: &Look| -> Vec<(String, Impact)> {
        let plan = look.plan();
        let those = plan.actions.iter().filter(|action| action.component == ComponentName::Postgresql);
        those.map(|action| (action.id.replace("postgresql/", ""), action.impact)).collect()
    };
    let own = |list: &[(&str, Impact)]| list.iter().map(|(id, impact)| ((*id).to_owned(), *impact)).collect::<Vec<_>>();
    for parameter in rules::ORDERED {
        let now: i64 = common::postgres::running(&settled().desired.dcs)[*parameter].setting.parse().unwrap();
        let raised = wants(|look| set(look, parameter, now + 10));
        let grow = [
            ("db02/restart-database", RestartReplica),
            ("db03/restart-database", RestartReplica),
            ("db01/switchover", Switchover),
        ];
        assert_eq!(database(&raised), own(&grow), "{parameter} raised");
        if now > 0 {
            let lowered = wants(|look| set(look, parameter, now - 1));
            let shrink = [
                ("db01/restart-database", RestartLeader),
                ("db02/restart-database", RestartReplica),
                ("db03/restart-database", RestartReplica),
            ];
            assert_eq!(database(&lowered), own(&shrink), "{parameter} lowered");
        }
    }
    let mixed = wants(|look| {
        set(look, "max_connections", 200);
        set(look, "max_wal_senders", 8);
    });
    assert_eq!(
        database(&mixed),
        own(&[
            ("db02/restart-database", RestartReplica),
            ("db03/restart-database", RestartReplica),
            ("db01/restart-database", RestartLeader),
            ("db02/restart-database-2", RestartReplica),
            ("db03/restart-database-2", RestartReplica),
        ])
    );
    // A standby follows what another one demands: lowered in one run, whoever leads.
    let mut lowered = wants(|look| set(look, "max_connections", 50));
    lowered.standing.leader = Some(name("db03"));
    lowered.standing.streaming = [name("db01"), name("db02")].into();
    let order: Vec<String> = database(&lowered).into_iter().map(|(id, _)| id).collect();
    assert_eq!(order, ["db03/restart-database", "db01/restart-database", "db02/restart-database"]);
    // A run that died after the leader's restart: the replicas are what is left.
    let leader = lowered.details.get_mut(&name("db03")).unwrap();
    "50".clone_into(&mut leader.parameters.get_mut("max_connections").unwrap().setting);
    let left: Vec<String> = database(&lowered).into_iter().map(|(id, _)| id).collect();
    assert_eq!(left, ["db01/restart-database", "db02/restart-database"]);
}

/// One node's own parameter restarts that node alone.
#[test]
fn a_parameter_of_one_node_concerns_that_node_alone() {
    let plan = wants(|look| local(look, 1, "shared_buffers", 4000)).plan();
    assert_eq!(ids(&plan), ["db02/patroni/reload", "db02/postgresql/restart-database"]);
    assert_eq!(plan.actions[1].why, ["shared_buffers"]);
    let plan = wants(|look| local(look, 0, "shared_buffers", 4000)).plan();
    assert_eq!(ids(&plan), ["db01/patroni/reload", "db01/postgresql/switchover"]);
}

type Change = fn(&mut Look, u16);

/// Changes of an inventory, each with a number to vary it by.
const CHANGES: &[Change] = &[
    |look, n| look.cluster.etcd.heartbeat_ms = 100 + u32::from(n % 9),
    |look, n| look.cluster.etcd.election_ms = 1000 + u32::from(n),
    |look, n| look.cluster.etcd.quota_bytes += u64::from(n),
    |look, n| look.cluster.etcd.client_port = 2379 + n % 3,
    |look, n| look.cluster.etcd.version = (n % 2 == 0).then_some(OTHER),
    |look, n| look.cluster.timings.ttl = 30 + u32::from(n % 5),
    |look, n| look.cluster.timings.check_interval = 1000 + u32::from(n),
    |look, n| look.cluster.timings.advert_interval = 1 + u32::from(n % 3),
    |look, n| look.cluster.patroni.maximum_lag_on_failover += u64::from(n),
    |look, n| look.cluster.patroni.failsafe_mode = n % 2 == 0,
    |look, n| look.cluster.patroni.port = 8008 + n % 2,
    |look, n| look.cluster.patroni.version = (n % 2 == 0).then_some(OTHER),
    |look, n| look.cluster.haproxy.timeout_server += u32::from(n),
    |look, n| look.cluster.haproxy.max_connections = Some(1000 + 7 * u32::from(n)),
    |look, n| look.cluster.haproxy.replica_port = 5001 + n % 2,
    |look, n| look.cluster.haproxy.stats_port = 7000 + n % 2,
    |look, n| look.cluster.haproxy.version = (n % 2 == 0).then_some(OTHER),
    |look, n| look.cluster.keepalived.router_id = 48 + u8::try_from(n % 3).unwrap(),
    |look, n| look.cluster.keepalived.version = (n % 2 == 0).then_some(OTHER),
    |look, n| look.cluster.vip.address = std::net::Ipv4Addr::new(192, 168, 13, 48 + u8::try_from(n % 2).unwrap()),
    |look, n| look.cluster.vip.prefix = Some(20 + u8::try_from(n % 5).unwrap()),
    |look, n| look.cluster.nodes[usize::from(n % 3)].tags.noloadbalance = true,
    |look, n| look.cluster.nodes[usize::from(n % 3)].tags.nofailover = true,
    |look, n| look.cluster.postgresql.port = Some(5432 + n % 2),
    |look, n| set(look, "max_connections", 60 + i64::from(n % 90)),
    |look, n| set(look, "max_worker_processes", 4 + i64::from(n % 9)),
    |look, n| set(look, "max_replication_slots", 10 + i64::from(n % 9)),
    |look, n| set(look, "work_mem", 4096 + i64::from(n)),
    |look, n| local(look, usize::from(n % 3), "shared_buffers", 4000 + i64::from(n)),
    |look, n| local(look, usize::from(n % 3), "maintenance_work_mem", 4000 + i64::from(n)),
    |look, n| look.memory = (4 << 30) + (u64::from(n % 5) << 28),
    |look, n| look.secrets.insert(SecretName::Superuser, Secret::new(format!("superuser-0123456789-{n}"))),
    |look, n| look.secrets.insert(SecretName::RestApi, Secret::new(format!("restapi-0123456789-{n}"))),
    |look, n| look.secrets.insert(SecretName::HaproxyStats, Secret::new(format!("stats-0123456789-{n}"))),
];

/// What must hold for whatever changes.
fn holds(look: &Look, plan: &Plan) -> Result<(), TestCaseError> {
    // Every key that differs has a row.
    let before = settled();
    for (node, wanted) in &look.desired.nodes {
        for file in &wanted.files {
            let live = &before.details[node].files[&file.path];
            for key in changed(&file.path, live, file.content.expose()) {
                prop_assert!(rules::of_file(&file.path, &key).is_some(), "{}: {key} has no row", file.path);
            }
        }
    }
    for change in &plan.settings.changes {
        for postmaster in [true, false] {
            prop_assert!(rules::of_setting(&change.path, postmaster).is_some(), "{} has no row", change.path);
        }
    }
    let together = |id: &str| {
        RULES.iter().any(|rule| rule.id == id && matches!(rule.cost, Cost::ReloadTogether | Cost::RestartPaused))
    };
    for action in &plan.actions {
        // More than one node in one action: by a rule alone, and never a voter of etcd.
        if action.parts.len() > 1 {
            prop_assert!(action.component != ComponentName::Etcd, "{} takes several voters", action.id);
            prop_assert!(action.rules.iter().any(|id| together(id)), "{}: {:?}", action.id, action.rules);
        }
        prop_assert!(!action.why.is_empty() && !action.effect.is_empty(), "{} has no reason", action.id);
        let same = plan.actions.iter().filter(|other| other.id == action.id).count();
        prop_assert_eq!(same, 1, "{} stands {} times", &action.id, same);
    }
    let place = |id: &str| plan.actions.iter().position(|action| action.id == id);
    // The leader's pause comes once, after the canaries; what shrinks is the leader's first.
    let pauses = plan
        .actions
        .iter()
        .filter(|action| matches!(action.impact, Impact::Switchover | Impact::RestartLeader))
        .filter(|action| action.component == ComponentName::Postgresql);
    prop_assert!(pauses.count() <= 1, "{:?}", ids(plan));
    let leads = plan.actions.iter().position(|action| {
        action.node == Some(name(LEADER)) && matches!(action.verb, Verb::Switchover | Verb::RestartDatabase)
    });
    for replica in ["db02", "db03"] {
        let first = place(&format!("{replica}/postgresql/restart-database"));
        let again = place(&format!("{replica}/postgresql/restart-database-2"));
        if let (Some(leads), Some(first)) = (leads, first) {
            let why = &plan.actions[first].why;
            let shrinks = why.iter().all(|parameter| rules::ORDERED.contains(&parameter.as_str()));
            prop_assert!(first < leads || shrinks, "{:?}", ids(plan));
        }
        prop_assert!(again.is_none_or(|again| Some(again) > leads && first < leads), "{:?}", ids(plan));
    }
    for (component, last) in [("etcd", "db02"), ("patroni", LEADER), ("haproxy", LEADER)] {
        let of = |node: &str| {
            let start = format!("{node}/{component}/");
            plan.actions
                .iter()
                .position(|action| action.id.starts_with(&start) && action.impact >= Impact::RestartReplica)
        };
        if let Some(last_place) = of(last) {
            for node in ["db01", "db02", "db03"].iter().filter(|node| **node != last) {
                prop_assert!(of(node).is_none_or(|at| at < last_place), "{:?}", ids(plan));
            }
        }
    }
    // Settings are there before anything restarts for them.
    let patch = place("cluster/patroni/patch");
    let restart = plan.actions.iter().position(|action| action.verb == Verb::RestartDatabase);
    prop_assert!(patch.is_none() || restart.is_none() || patch < restart);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_change_is_covered_and_ordered(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u16>()), 0..6)
    ) {
        let look = wants(|look| {
            for (index, n) in &changes {
                CHANGES[index.index(CHANGES.len())](look, *n);
            }
        });
        let plan = look.plan();
        holds(&look, &plan)?;
        if changes.is_empty() {
            prop_assert!(plan.is_empty());
        }
    }

    /// Whatever an inventory says: a cluster that is so needs nothing.
    #[test]
    fn what_is_as_desired_needs_nothing(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u16>()), 0..6)
    ) {
        let changed = wants(|look| {
            for (index, n) in &changes {
                CHANGES[index.index(CHANGES.len())](look, *n);
            }
        });
        let plan = Look::of(changed.cluster).plan();
        prop_assert!(plan.is_empty() && plan.refused.is_empty(), "{:?} {:?}", ids(&plan), plan.refused);
    }
}
