//! A change of everything at once over made-up hosts: what is planned is what is done, and however a run breaks, the same run
//! again ends where the unbroken one did, with the cluster serving at every moment.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod common;
mod fake;

use std::collections::BTreeMap;

use fake::bench::Bench;
use fake::{Fault, Shared, World};
use quorate::cluster::{Identifier, InstallMethod, ParameterValue, Secret, SecretName, Version};
use quorate::host::journal::Record;
use quorate::verify::{Level, Verdict};
use serde_json::Value;

/// An inventory that differs from the installed one in every component.
fn changed() -> Bench {
    let mut bench = Bench::new();
    let cluster = &mut bench.cluster;
    cluster.etcd.heartbeat_ms += 50;
    cluster.nodes[1].tags.clonefrom = true;
    set(cluster, "max_replication_slots", ParameterValue::Integer(20));
    set(cluster, "work_mem", ParameterValue::Text("8MB".to_owned()));
    cluster.haproxy.timeout_client += 60;
    cluster.timings.advert_interval = 2;
    bench.secrets.insert(SecretName::Replication, Secret::new("another-canary-0123456789".to_owned()));
    bench
}

/// That, and programs and units.
fn upgraded() -> Bench {
    let mut bench = changed();
    let cluster = &mut bench.cluster;
    cluster.etcd.install = Some(InstallMethod::Release);
    cluster.etcd.version = Some(Version::new(3, 5, 33));
    cluster.patroni.version = Some(Version::new(4, 1, 4));
    cluster.haproxy.max_connections = Some(40_000);
    bench.fill();
    bench
}

fn set(cluster: &mut quorate::cluster::Cluster, name: &str, value: ParameterValue) {
    cluster.postgresql.parameters.insert(Identifier::new(name).unwrap(), value);
}

/// What must be the same however a run went; by what it is called.
fn end_state(world: &World) -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    let mut add = |what: String, value: String| drop(state.insert(what, value));
    for (name, machine) in &world.machines {
        for (path, file) in &machine.live {
            add(format!("{name}:{path}"), format!("{:?}", file.content()));
        }
        add(format!("{name} links"), format!("{:?}", machine.links));
        add(format!("{name} staged"), format!("{:?}", machine.staged.keys()));
        add(format!("{name} undo"), format!("{:?} {:?}", machine.undo.keys(), machine.pause));
        add(format!("{name} restarts due"), format!("{:?}", machine.due));
        add(format!("{name} lock"), format!("{:?}", machine.lock));
        let units = machine.units.iter().map(|(unit, state)| (unit, state.runs(), state.enabled));
        add(format!("{name} units"), format!("{:?}", units.collect::<Vec<_>>()));
        add(format!("{name} PostgreSQL"), format!("{:?}", world.members[name].running));
        let (number, kept) = machine.generations.last_key_value().unwrap();
        add(format!("{name} generation"), format!("{number} {:?}", kept.sums));
    }
    add("settings".to_owned(), world.dcs.to_string());
    add("roles".to_owned(), format!("{:?}", world.roles));
    state
}

/// What differs between two end states.
fn differences(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<String> {
    let keys = one.keys().chain(other.keys()).collect::<std::collections::BTreeSet<_>>();
    keys.into_iter()
        .filter(|key| one.get(*key) != other.get(*key))
        .map(|key| format!("{key}: {:?} but {:?}", one.get(key), other.get(key)))
        .collect()
}

#[track_caller]
fn never_unsafe(world: &Shared, after: &str) {
    let violations = world.with(|world| world.violations.clone());
    assert!(violations.is_empty(), "after {after}: {violations:#?}");
    assert_eq!(world.with(|world| world.leader_restarts), 0, "after {after}: the leader was restarted in place");
}

const ORDER: &[&str] = &[
    "db02/etcd/restart",
    "db03/etcd/restart",
    "db01/etcd/restart",
    "cluster/postgresql/sql",
    "db02/patroni/reload",
    "db03/patroni/reload",
    "db01/patroni/reload",
    "cluster/patroni/patch",
    "db02/postgresql/restart-database",
    "db03/postgresql/restart-database",
    "db01/postgresql/switchover",
    "db02/haproxy/reload",
    "db03/haproxy/reload",
    "db01/haproxy/reload",
    "cluster/keepalived/reload",
];

/// The unbroken run of a change; the world after it.
fn unbroken(bench: &Bench) -> Shared {
    let world = Bench::installed();
    let ran = bench.run(&world);
    let outcome =
        ran.outcome.as_ref().unwrap_or_else(|error| panic!("{error}: {:?} {:?}", error.detail(), error.findings()));
    assert_eq!(Verdict::of(&outcome.findings).level(), Level::Ok, "{:?}", outcome.findings);
    let (mut done, mut planned) = (ran.done(), ran.planned.clone());
    done.sort();
    planned.sort();
    assert_eq!(done, planned, "what was done is not what was planned");
    never_unsafe(&world, "the unbroken run");
    let plan = bench.plan(&world).unwrap();
    assert!(plan.is_empty(), "left to do: {:?}", common::look::ids(&plan));
    world
}

#[test]
fn what_is_planned_is_done_in_the_order_promised() {
    let bench = changed();
    let world = Bench::installed();
    let before = world.machines();
    let ran = bench.run(&world);
    assert_eq!(ran.planned, ORDER);
    assert_eq!(ran.done(), ORDER);
    let world = unbroken(&bench);
    world.with(|world| {
        assert_eq!((world.switchovers, world.leader_restarts), (1, 0));
        assert_eq!(world.dcs["postgresql"]["parameters"]["max_replication_slots"], 20);
        assert!(world.roles["replicator"].contains("another-canary"));
        for (name, machine) in &world.machines {
            let restarted = |unit: &str| machine.units[unit].restarted_since(&before[name].units[unit]);
            assert!(restarted("etcd.service"), "etcd on {name}");
            for unit in ["patroni.service", "haproxy.service", "keepalived.service"] {
                assert!(!restarted(unit), "{unit} on {name} was restarted");
            }
            assert_eq!(world.members[name].running["max_replication_slots"], "20");
            assert_eq!(world.members[name].running["work_mem"], "8192");
            assert_eq!(world.members[name].restarts, 1);
            let Some(Record::End { exit: 0, .. }) = machine.journal.last() else { panic!("{:?}", machine.journal) };
            assert_eq!(machine.generations.len(), 2);
        }
    });
}

#[test]
fn programs_and_units_are_changed_in_the_same_way() {
    let bench = upgraded();
    let world = unbroken(&bench);
    let before = Bench::installed().machines();
    for (name, machine) in world.machines() {
        for unit in ["etcd.service", "patroni.service", "haproxy.service"] {
            assert!(machine.units[unit].restarted_since(&before[&name].units[unit]), "{unit} on {name}");
        }
        assert!(machine.links["/usr/local/bin/etcd"].contains("etcd-3.5.33"), "{:?}", machine.links);
        assert!(machine.links["/usr/local/bin/patroni"].contains("patroni-4.1.4"), "{:?}", machine.links);
    }
    assert_eq!(world.with(|world| world.dcs.get("pause").cloned()), None::<Value>);
}

/// What only asks: its failure is either a refusal before any change, or a gate that asks again.
fn asks(step: &str) -> bool {
    ["surveying", "reading", "asking", "waking"].contains(&step.split(' ').next().unwrap())
}

/// The commands of the unbroken run from the first that comes under the lock, by number and step.
fn commands(bench: &Bench) -> Vec<String> {
    let world = unbroken(bench);
    let steps = world.steps(0);
    let end = steps.iter().rposition(|step| step == "writing the journal").unwrap();
    steps[..=end].to_vec()
}

/// Breaks a run at a command; then, after a while, the same run again.
fn breaks(bench: &Bench, whole: &BTreeMap<String, String>, at: usize, fault: Fault, wait: f64) {
    let world = Bench::installed();
    let first = world.with(|world| {
        world.fault = Some((at, fault));
        world.machines.clone()
    });
    let ran = bench.run(&world);
    let struck = world.with(|world| world.seen.get(at).map(|(node, command)| format!("{node}: {}", command.step)));
    let Some(struck) = struck else { return };
    let after = format!("{fault:?} at command {at}, {struck:?}, exit code {}, and {wait} s", ran.code());
    if (2..=8).contains(&ran.code()) && fault != Fault::Dead {
        let touched = world.machines().iter().any(|(name, machine)| {
            machine.live != first[name].live || machine.links != first[name].links || machine.units != first[name].units
        });
        assert!(!touched, "{after}: the exit code says that nothing was changed: {:?}", ran.outcome);
    }
    world.with(|world| {
        world.fault = None;
        world.pass(wait);
    });
    never_unsafe(&world, &after);
    let again = bench.run(&world);
    let outcome = again.outcome.as_ref().unwrap_or_else(|error| {
        panic!("{after}: {error}: {:?} {:?}", error.detail(), error.findings());
    });
    assert_eq!(Verdict::of(&outcome.findings).level(), Level::Ok, "{after}: {:?}", outcome.findings);
    never_unsafe(&world, &after);
    let mut state = world.with(|world| end_state(world));
    let mut whole = whole.clone();
    // A run that broke after its generation was kept makes none; one that broke before it makes the same.
    for state in [&mut state, &mut whole] {
        state.retain(|key, _| !key.ends_with(" generation"));
    }
    assert_eq!(differences(&whole, &state), Vec::<String>::new(), "{after}");
    let plan = bench.plan(&world).unwrap();
    assert!(plan.is_empty(), "{after}: left to do: {:?}", common::look::ids(&plan));
}

fn breaks_everywhere(bench: &Bench, fault: Fault, wait: f64) {
    let whole = unbroken(bench).with(|world| end_state(world));
    let steps = commands(bench);
    assert!(steps.iter().filter(|step| !asks(step)).count() > 50, "{steps:?}");
    let lock = steps.iter().position(|step| step == "taking the lock").unwrap();
    for (at, step) in steps.iter().enumerate() {
        // Between two commands that act nothing changes: to die at a question is to die at the next command that acts. A
        // question leaves nothing behind, so its answer is lost like its asking; to a gate, one that fails is lost, too.
        let other = match fault {
            Fault::LostBefore => true,
            Fault::Code(_) => at < lock,
            Fault::LostAfter | Fault::Dead => false,
        };
        if other || !asks(step) {
            breaks(bench, &whole, at, fault, wait);
        }
    }
}

#[test]
fn a_command_that_fails_anywhere() {
    breaks_everywhere(&changed(), Fault::Code(1), 1.0);
}

#[test]
fn a_line_that_breaks_before_a_command() {
    breaks_everywhere(&changed(), Fault::LostBefore, 1.0);
}

#[test]
fn a_line_that_breaks_after_a_command() {
    breaks_everywhere(&changed(), Fault::LostAfter, 1.0);
}

/// The lock is free after half a minute; the timers of the hosts have not fired yet.
#[test]
fn a_run_that_is_killed_and_repeated_soon() {
    breaks_everywhere(&changed(), Fault::Dead, 30.0);
}

/// The hosts have taken back what nobody confirmed.
#[test]
fn a_run_that_is_killed_and_repeated_late() {
    breaks_everywhere(&changed(), Fault::Dead, 600.0);
}

#[test]
fn an_upgrade_that_is_killed_and_repeated_soon() {
    breaks_everywhere(&upgraded(), Fault::Dead, 30.0);
}

#[test]
fn an_upgrade_that_is_killed_and_repeated_late() {
    breaks_everywhere(&upgraded(), Fault::Dead, 600.0);
}
