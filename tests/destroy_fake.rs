//! A removal that is cut at any one command, in any one way: the same command again finishes it, and nothing of ours is left.
//!
//! The hosts are fakes that keep state (`fake/`): here the order and the outcome are proven, not the scripts.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]
#![allow(clippy::result_large_err, reason = "the error of a run says much, and is made once")]

mod common;
mod fake;

use fake::bench::Bench;
use fake::{Fault, Machine, Shared};
use quorate::apply::ApplyError;
use quorate::cluster::ClusterName;
use quorate::plan::{Data, RemovalStage};
use quorate::verify::{Level, Verdict};

/// Nothing but packages.
fn bare(machine: &Machine) -> Machine {
    let mut bare = Machine::default();
    bare.packages.clone_from(&machine.packages);
    bare
}

#[track_caller]
fn gone(world: &Shared, after: &str) {
    for (name, machine) in world.machines() {
        assert_eq!(machine, bare(&machine), "left on {name} after {after}");
    }
    let violations = world.with(|world| world.violations.clone());
    assert!(violations.is_empty(), "after {after}: {violations:?}");
}

#[test]
fn all_of_it_goes_in_the_safe_order_and_comes_again() {
    let bench = Bench::new();
    let world = Bench::installed();
    let done = bench.destroy(&world, Data::Goes).unwrap();
    assert!(done.changed && done.folders.is_empty() && done.farewell.removal.stays.is_empty());
    assert!(done.journal.unwrap().contains(r#""event":"end""#));
    gone(&world, "a whole run");
    let steps = &done.farewell.removal.steps;
    assert!(steps.is_sorted_by_key(|step| (step.stage, step.rank)));
    let patroni: Vec<&str> =
        steps.iter().filter(|step| step.stage == RemovalStage::Patroni).map(|step| step.node.as_str()).collect();
    assert_eq!(patroni, ["db02", "db03", "db01"], "the leader goes last");

    let again = bench.destroy(&world, Data::Goes).unwrap();
    assert!(!again.changed && again.farewell.removal.is_empty());
    gone(&world, "a second run");

    let outcome = bench.run(&world).outcome.unwrap();
    assert_eq!(Verdict::of(&outcome.findings).level(), Level::Ok, "{:?}", outcome.findings);
}

#[test]
fn bare_hosts_are_nothing_to_do() {
    let bench = Bench::new();
    let world = bench.world();
    assert!(!bench.destroy(&world, Data::Goes).unwrap().changed);
    assert!(world.machines().values().all(|machine| *machine == Machine::default()));
}

fn cut_everywhere(fault: Fault) {
    let bench = Bench::new();
    let whole = Bench::installed();
    bench.destroy(&whole, Data::Goes).unwrap();
    let steps = whole.steps(0);
    assert!(steps.len() > 30, "only {} commands", steps.len());
    let untouched = Bench::installed().machines();
    for (at, step) in steps.iter().enumerate() {
        let world = Bench::installed();
        world.with(|world| world.fault = Some((at, fault)));
        let after = format!("{fault:?} at command {at}, {step:?}");
        let code = bench.destroy(&world, Data::Goes).map_or_else(|error| error.exit_code(), |_| 0);
        let looks = step.starts_with("surveying") || step.starts_with("reading") || step == "taking the lock";
        let expected: &[u8] = if looks { &[1, 4] } else { &[9] };
        assert!(expected.contains(&code), "{after}: exit code {code}, expected {expected:?}");
        if looks && fault != Fault::Dead {
            assert_eq!(world.machines(), untouched, "{after}: something was touched");
        }
        world.with(|world| {
            world.fault = None;
            // The lock of a run that died is free by then.
            world.pass(30.0);
        });
        bench.destroy(&world, Data::Goes).unwrap_or_else(|error| panic!("after {after}: {error}"));
        gone(&world, &after);
    }
}

#[test]
fn a_command_that_fails_anywhere() {
    cut_everywhere(Fault::Code(1));
}

#[test]
fn a_line_that_breaks_before_a_command() {
    cut_everywhere(Fault::LostBefore);
}

#[test]
fn a_line_that_breaks_after_a_command() {
    cut_everywhere(Fault::LostAfter);
}

#[test]
fn a_run_that_is_killed_anywhere() {
    cut_everywhere(Fault::Dead);
}

#[test]
fn an_install_that_was_killed_anywhere_is_taken_away_whole() {
    let bench = Bench::new();
    let whole = bench.world();
    bench.run(&whole).outcome.unwrap();
    let commands = whole.steps(0).len();
    for at in 0..commands {
        let world = bench.world();
        world.with(|world| world.fault = Some((at, Fault::Dead)));
        bench.run(&world).outcome.unwrap_err();
        world.with(|world| {
            world.fault = None;
            world.pass(600.0);
        });
        bench.destroy(&world, Data::Goes).unwrap_or_else(|error| panic!("after command {at}: {error}"));
        gone(&world, &format!("an install killed at command {at}"));
    }
}

#[test]
fn kept_data_stays_with_its_mark_and_is_taken_up_again() {
    let bench = Bench::new();
    let world = Bench::installed();
    let done = bench.destroy(&world, Data::Stays).unwrap();
    assert!(done.changed);
    let kept: Vec<&str> = done.farewell.removal.stays.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(kept.len(), 6, "{kept:?}");
    for (name, machine) in world.machines() {
        assert!(machine.links.is_empty() && machine.programs.is_empty(), "{name}");
        assert!(machine.live.values().all(fake::Live::is_folder), "{name} keeps files");
        assert!(machine.units.values().all(|unit| !unit.runs()), "{name} runs something");
        assert_eq!(machine.accounts, ["etcd".to_owned()].into(), "{name}: the data's owner");
        assert_eq!(machine.owner, "ha", "{name}: whose data it is");
    }
    assert!(!bench.destroy(&world, Data::Stays).unwrap().changed);
    let outcome = bench.run(&world).outcome.unwrap();
    assert_eq!(Verdict::of(&outcome.findings).level(), Level::Ok, "{:?}", outcome.findings);
    assert_eq!(world.with(|world| world.violations.clone()), Vec::<String>::new());

    // Kept once, and not wanted any more.
    bench.destroy(&world, Data::Stays).unwrap();
    bench.destroy(&world, Data::Goes).unwrap();
    gone(&world, "data that was kept before");
}

#[track_caller]
fn refused(bench: &Bench, world: &Shared, id: &str) {
    let before = world.machines();
    let error = bench.destroy(world, Data::Goes).err().unwrap();
    let ApplyError::Refused(findings) = &error else { panic!("{error:?}") };
    assert!(findings.iter().any(|finding| finding.id == id && !finding.remedy.is_empty()), "{findings:?}");
    assert_eq!(error.exit_code(), 5);
    assert_eq!(world.machines(), before);
}

#[test]
fn another_clusters_host_refuses_it_all() {
    let mut bench = Bench::new();
    let world = Bench::installed();
    world.with(|world| world.machines.values_mut().last().unwrap().owner = "other".to_owned());
    refused(&bench, &world, "destroy.owner");
    let world = Bench::installed();
    bench.cluster.name = ClusterName::new("other").unwrap();
    refused(&bench, &world, "destroy.owner");
}

#[test]
fn an_inventory_that_does_not_fit_refuses_it_all() {
    let mut bench = Bench::new();
    bench.cluster.nodes.pop();
    bench.cluster.nodes.push(common::node("db09", "192.168.13.47"));
    let world = Bench::installed();
    world.with(|world| {
        let machine = world.machines.pop_last().unwrap().1;
        world.machines.insert(bench.cluster.nodes[2].name.clone(), machine);
        world.rename("db03", "db09");
    });
    refused(&bench, &world, "destroy.inventory");
    let mut bench = Bench::new();
    bench.cluster.etcd.data_dir = "/srv/etcd".into();
    refused(&bench, &Bench::installed(), "destroy.inventory");
}

#[test]
fn files_of_others_stay_and_hand_changed_ones_are_named() {
    let bench = Bench::new();
    let world = Bench::installed();
    world.with(|world| {
        let machine = world.machines.values_mut().next().unwrap();
        let mut mine = machine.live["/etc/haproxy/haproxy.cfg"].clone();
        mine.edit("mine\n");
        machine.live.insert("/etc/haproxy/errors.http".to_owned(), mine);
        machine.live.get_mut("/etc/etcd/etcd.env").unwrap().append("# by hand\n");
    });
    let done = bench.destroy(&world, Data::Goes).unwrap();
    let names: Vec<(&str, &str)> = done.folders.iter().map(|(node, folder)| (node.as_str(), folder.as_str())).collect();
    assert_eq!(names, [("db01", "/etc/haproxy")]);
    let things = done.farewell.removal.steps.iter().flat_map(|step| &step.things);
    let noted: Vec<&str> =
        things.filter(|thing| thing.note.contains("by hand")).map(|thing| thing.name.as_str()).collect();
    assert_eq!(noted, ["/etc/etcd/etcd.env"]);
    let live = world.with(|world| world.machines.values().next().unwrap().live.clone());
    assert_eq!(live.keys().map(String::as_str).collect::<Vec<_>>(), ["/etc/haproxy", "/etc/haproxy/errors.http"]);
}

/// A file at a place of ours that was there before us, and that no run has replaced yet.
#[test]
fn a_file_that_was_there_first_stays() {
    let bench = Bench::new();
    let world = Bench::installed();
    world.with(|world| {
        let machine = world.machines.values_mut().next().unwrap();
        machine.live.get_mut("/etc/haproxy/haproxy.cfg").unwrap().edit("somebody's\n");
        machine.generations.clear();
    });
    let done = bench.destroy(&world, Data::Goes).unwrap();
    let stays: Vec<&str> = done.farewell.removal.stays.iter().map(|(_, what)| what.as_str()).collect();
    assert_eq!(stays, ["/etc/haproxy/haproxy.cfg is not quorate's"]);
    assert!(world.with(|world| world.machines.values().next().unwrap().live.contains_key("/etc/haproxy/haproxy.cfg")));
}

#[test]
fn what_is_not_approved_is_not_done() {
    let bench = Bench::new();
    let world = Bench::installed();
    let before = world.machines();
    let error = bench.destroy_if(&world, Err(ApplyError::NotApproved("no".to_owned()))).err().unwrap();
    assert_eq!(error.exit_code(), 5);
    assert_eq!(world.machines(), before);
}
