//! Changes that a node does not bear: they go back there, nothing after them is touched, and the exit code says so.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod common;
mod fake;

use std::collections::BTreeMap;

use fake::bench::{Bench, changed as bench, set};
use fake::{Fault, Machine, Shared, Sick};
use quorate::apply::ApplyError;
use quorate::cluster::{NodeName, Version};
use quorate::host::journal::{ActionState, Record};
use serde_json::json;

fn name(node: &str) -> NodeName {
    NodeName::new(node).unwrap()
}

/// Files and links, without their dates.
fn files(machine: &Machine) -> BTreeMap<String, String> {
    let files = machine.live.iter().map(|(path, file)| (path.clone(), format!("{:?}", file.content())));
    files.chain(machine.links.clone()).collect()
}

/// A change that one node does not bear.
struct Bad {
    bench: Bench,
    unit: &'static str,
    needle: &'static str,
    action: &'static str,
    /// Where it fails, which nodes have it by then, and which it never reaches.
    nodes: (&'static [&'static str], &'static [&'static str], &'static [&'static str]),
}

fn bad_changes() -> Vec<Bad> {
    let heartbeat = bench(|cluster| cluster.etcd.heartbeat_ms = 150);
    let clone = bench(|cluster| cluster.nodes.iter_mut().for_each(|node| node.tags.clonefrom = true));
    let seconds = |seconds| bench(|cluster| cluster.haproxy.timeout_client = seconds);
    let etcd = bench(|cluster| cluster.etcd.version = Some(Version::new(3, 5, 33)));
    let patroni = bench(|cluster| cluster.patroni.version = Some(Version::new(4, 1, 4)));
    let open_files = || bench(|cluster| cluster.haproxy.max_connections = Some(40_000));
    let bad = |bench, unit, needle, action, nodes| Bad { bench, unit, needle, action, nodes };
    vec![
        bad(heartbeat, "etcd.service", "INTERVAL=150", "db03/etcd/restart", (&["db03"], &["db02"], &["db01"])),
        bad(etcd, "etcd.service", "etcd-3.5.33", "db02/etcd/restart", (&["db02"], &[], &["db01", "db03"])),
        bad(clone, "patroni.service", "clonefrom: true", "db03/patroni/reload", (&["db03"], &["db02"], &["db01"])),
        bad(
            patroni,
            "patroni.service",
            "patroni-4.1.4",
            "cluster/patroni/pause-restart",
            (&["db02"], &[], &["db01", "db03"]),
        ),
        bad(seconds(4321), "haproxy.service", "4321", "db02/haproxy/reload", (&["db02"], &[], &["db01", "db03"])),
        bad(seconds(4321), "haproxy.service", "4321", "db01/haproxy/reload", (&["db01"], &["db02", "db03"], &[])),
        bad(open_files(), "haproxy.service", "81000", "db03/haproxy/restart", (&["db03"], &["db02"], &["db01"])),
        bad(open_files(), "haproxy.service", "81000", "db01/haproxy/restart", (&["db01"], &["db02", "db03"], &[])),
        bad(
            bench(|cluster| cluster.timings.advert_interval = 2),
            "keepalived.service",
            "advert_int 2",
            "cluster/keepalived/reload",
            (&["db01", "db02", "db03"], &[], &[]),
        ),
    ]
}

fn sick(world: &Shared, bad: &Bad, stubborn: bool) {
    let of = |node: &&str| Sick { node: name(node), unit: bad.unit, needle: bad.needle.to_owned(), stubborn };
    world.with(|world| world.sick = bad.nodes.0.iter().map(of).collect());
}

#[test]
fn what_a_node_does_not_bear_goes_back_there_and_nothing_after_it_is_touched() {
    for bad in bad_changes() {
        let world = Bench::installed();
        let before = world.machines();
        sick(&world, &bad, false);
        let ran = bad.bench.run(&world);
        let Err(ApplyError::RolledBack { action, cause, .. }) = &ran.outcome else {
            panic!("{}: {:?}", bad.action, ran.outcome)
        };
        assert_eq!((action.as_str(), ran.code()), (bad.action, 10), "{cause}");
        let after = world.machines();
        for (nodes, changed) in [(bad.nodes.0, false), (bad.nodes.1, true), (bad.nodes.2, false)] {
            for node in nodes {
                let (was, is) = (files(&before[&name(node)]), files(&after[&name(node)]));
                assert_eq!(was != is, changed, "{}: {node}", bad.action);
            }
        }
        for node in bad.nodes.2 {
            let (was, is) = (&before[&name(node)].units[bad.unit], &after[&name(node)].units[bad.unit]);
            // Members behind the one that failed under a pause were not restarted either.
            assert_eq!((was.started, was.reloaded), (is.started, is.reloaded), "{}: {node}", bad.action);
        }
        for (node, machine) in &after {
            assert!(machine.undo.is_empty() && machine.pause.is_none(), "{}: {node} has something to undo", bad.action);
            assert!(
                machine.lock.is_none() && machine.due.is_empty() && machine.staged.is_empty(),
                "{}: {node}",
                bad.action
            );
            let still: Vec<&String> =
                machine.units.iter().filter(|(_, unit)| unit.enabled && !unit.runs()).map(|(name, _)| name).collect();
            assert!(still.is_empty(), "{}: {still:?} on {node}", bad.action);
            told_rolled_back(machine, bad.action);
        }
        world.with(|world| {
            assert!(world.dcs.get("pause").is_none() && world.vip.is_some(), "{}", bad.action);
            assert_eq!((&world.violations, world.leader_restarts), (&vec![], 0), "{}", bad.action);
            world.sick.clear();
        });
        // Mended, the same run ends well.
        let again = bad.bench.run(&world);
        assert_eq!(again.code(), 0, "{}: {:?}", bad.action, again.outcome);
        assert!(bad.bench.plan(&world).unwrap().is_empty());
        assert!(world.with(|world| world.violations.is_empty()), "{}", bad.action);
    }
}

fn told_rolled_back(machine: &Machine, action: &str) {
    let rolled =
        |record: &Record| matches!(record, Record::Action { id, state: ActionState::RolledBack, .. } if id == action);
    assert!(machine.journal.iter().any(rolled), "{action}: {:?}", machine.journal);
    let Some(Record::End { exit: 10, .. }) = machine.journal.last() else { panic!("{:?}", machine.journal.last()) };
}

#[test]
fn what_does_not_go_back_either_is_told_apart() {
    for bad in bad_changes() {
        let world = Bench::installed();
        sick(&world, &bad, true);
        let ran = bad.bench.run(&world);
        let Err(ApplyError::RollbackFailed { action, .. }) = &ran.outcome else {
            panic!("{}: {:?}", bad.action, ran.outcome)
        };
        assert_eq!((action.as_str(), ran.code()), (bad.action, 12));
        assert!(
            world.with(|world| world.violations.is_empty()),
            "{}: {:?}",
            bad.action,
            world.with(|w| w.violations.clone())
        );
    }
}

/// The new process does not come up: HAProxy goes on with the former one, and so do its files.
#[test]
fn a_haproxy_that_keeps_its_former_process_is_noticed() {
    let bench = bench(|cluster| cluster.haproxy.timeout_client += 60);
    let world = Bench::installed();
    let before = world.machines();
    world.with(|world| world.stuck.insert(name("db03")));
    let ran = bench.run(&world);
    assert!(
        matches!(&ran.outcome, Err(ApplyError::RolledBack { action, .. }) if action == "db03/haproxy/reload"),
        "{:?}",
        ran.outcome
    );
    for node in ["db01", "db03"] {
        assert_eq!(files(&before[&name(node)]), files(&world.machines()[&name(node)]), "{node}");
    }
}

/// A member that does not stream with the new settings: they go back.
#[test]
fn settings_that_a_member_does_not_bear_go_back() {
    let bench = bench(|cluster| cluster.timings.ttl = 45);
    let world = Bench::installed();
    let before = world.with(|world| world.dcs.clone());
    world.with(|world| world.upset = Some(("/ttl", json!(45), name("db03"))));
    let ran = bench.run(&world);
    assert!(
        matches!(&ran.outcome, Err(ApplyError::RolledBack { action, .. }) if action == "cluster/patroni/patch"),
        "{:?}",
        ran.outcome
    );
    assert_eq!((ran.code(), world.with(|world| world.dcs.clone())), (10, before));
}

/// The peer's worst case: a value with which PostgreSQL does not start hurts one replica for a moment, and nobody else.
#[test]
fn a_parameter_that_can_not_start_is_taken_back() {
    for (node, healthy) in [("db02", "db03"), ("db03", "db02")] {
        let mut bench = bench(|cluster| set(cluster, "max_replication_slots", 20));
        let world = Bench::installed();
        let before = world.with(|world| world.dcs.clone());
        world.with(|world| world.unstartable = Some(("max_replication_slots".to_owned(), "20".to_owned(), name(node))));
        let ran = bench.run(&world);
        let Err(ApplyError::RolledBack { action, .. }) = &ran.outcome else { panic!("{:?}", ran.outcome) };
        assert_eq!((ran.code(), action.clone()), (10, format!("{node}/postgresql/restart-database")));
        world.with(|world| {
            assert_eq!(world.dcs, before);
            assert_eq!(world.members[&name("db01")].restarts, 0, "the leader was touched");
            // The one that had taken it over already was restarted once more, the one behind was never.
            let restarts = if node == "db03" { 2 } else { 0 };
            assert_eq!(world.members[&name(healthy)].restarts, restarts);
            assert!(world.members.values().all(|member| member.running["max_replication_slots"] == "10"));
            assert!(world.violations.is_empty(), "{:?}", world.violations);
        });
        // The inventory is mended: another value, on all three.
        set(&mut bench.cluster, "max_replication_slots", 15);
        assert_eq!(bench.run(&world).code(), 0);
        world.with(|world| {
            assert!(world.members.values().all(|member| member.running["max_replication_slots"] == "15"));
        });
        assert!(bench.plan(&world).unwrap().is_empty());
    }
}

/// The former leader does not start again with the value that its replicas took: it goes back, too.
#[test]
fn a_parameter_that_the_former_leader_can_not_start_with_is_taken_back() {
    let bench = bench(|cluster| set(cluster, "max_replication_slots", 20));
    let world = Bench::installed();
    let before = world.with(|world| world.dcs.clone());
    world.with(|world| world.unstartable = Some(("max_replication_slots".to_owned(), "20".to_owned(), name("db01"))));
    let ran = bench.run(&world);
    assert_eq!(ran.code(), 10, "{:?}", ran.outcome);
    world.with(|world| {
        assert_eq!(world.dcs, before);
        assert_eq!(world.members[&name("db01")].running["max_replication_slots"], "10");
        assert!(world.violations.is_empty(), "{:?}", world.violations);
    });
}

/// What its own check refuses never goes live: exit code 8, and every host is as before.
#[test]
fn a_value_that_is_refused_changes_nothing() {
    let untouched = |world: &Shared, before: &BTreeMap<NodeName, Machine>, what: &str| {
        for (node, machine) in world.machines() {
            let was = &before[&node];
            assert_eq!(
                (&machine.live, &machine.links, &machine.units),
                (&was.live, &was.links, &was.units),
                "{what}: {node}"
            );
            assert!(machine.staged.is_empty() && machine.undo.is_empty() && machine.lock.is_none(), "{what}: {node}");
        }
    };
    let every = bench(|cluster| {
        cluster.haproxy.timeout_client += 60;
        cluster.timings.advert_interval = 2;
        cluster.nodes.iter_mut().for_each(|node| node.tags.clonefrom = true);
        set(cluster, "max_replication_slots", 20);
    });
    let whole = Bench::installed();
    every.run(&whole).outcome.unwrap();
    let steps = whole.steps(0);
    let staging: Vec<usize> = (0..steps.len()).filter(|at| steps[*at].starts_with("staging")).collect();
    assert_eq!(staging.len(), 6, "each host's files, and Patroni's own after them: {steps:?}");
    for at in staging {
        let world = Bench::installed();
        let (before, settings) = (world.machines(), world.with(|world| world.dcs.clone()));
        world.with(|world| world.fault = Some((at, Fault::Code(80))));
        let ran = every.run(&world);
        assert!(matches!(ran.outcome, Err(ApplyError::Check(_))) && ran.code() == 8, "{:?}", ran.outcome);
        untouched(&world, &before, &format!("staging at {at}"));
        assert_eq!(world.with(|world| world.dcs.clone()), settings);
    }
    let world = Bench::installed();
    let (before, settings) = (world.machines(), world.with(|world| world.dcs.clone()));
    world.with(|world| world.refused.insert("max_replication_slots=20".to_owned()));
    let ran = every.run(&world);
    assert!(matches!(ran.outcome, Err(ApplyError::Check(_))) && ran.code() == 8, "{:?}", ran.outcome);
    untouched(&world, &before, "a parameter");
    assert_eq!(world.with(|world| world.dcs.clone()), settings);
}
