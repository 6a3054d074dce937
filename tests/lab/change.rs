//! A running cluster is changed while clients work: what the plan said is what apply did, nothing else restarted, no
//! acknowledged row was lost, and what can't work goes live nowhere.
//!
//! One lab per test. Those whose names begin with `long_` are for `make test-full`.

mod actions;
mod cuts;
mod kills;
mod processes;
mod races;
mod reloads;
mod rows;
mod settings;
mod stage;
mod table;
mod values;
mod writer;

use std::time::{Duration, Instant};

use serde_json::json;

use processes::Processes;
use stage::Stage;
use writer::{Client, Figures, two_writable};

use crate::harness::until;

/// The oldest versions that can be built on the lab's system.
fn older(stage: &mut Stage) {
    for (key, version) in [("haproxy", "2.6.12"), ("keepalived", "2.2.7"), ("patroni", "4.1.4")] {
        stage.set(&format!("{key}.version"), json!(version));
    }
}

/// One line for each class of change.
#[test]
fn the_table() {
    let mut bench = table::Bench::on(Stage::fresh("c1", older));
    bench.run(rows::all());
    bench.stage.down();
}

/// What can't work, and what is not allowed, changes nothing, or nothing that lasts.
#[test]
fn what_can_not_work() {
    let mut stage = Stage::fresh("c2", |_| ());
    for (name, part) in [
        ("refused files", values::refused_files as fn(&mut Stage)),
        ("no redeploy", values::no_redeploy),
        ("ceiling", values::above_the_ceiling),
        ("cannot start", values::cannot_start),
        ("reloads", reloads::run),
    ] {
        timed(name, || part(&mut stage));
    }
    stage.down();
}

/// Runs that end where they should not, and runs that meet.
#[test]
fn interrupted_and_disturbed() {
    let mut stage = Stage::fresh("c3", |_| ());
    timed("2 kills", || kills::run(&mut stage, 2));
    timed("3 races", || races::run(&mut stage, 3));
    timed("cuts", || cuts::run(&mut stage));
    stage.down();
}

/// The same, as often as it takes to believe it.
#[test]
fn long_interrupted_and_disturbed() {
    let mut stage = Stage::fresh("c4", |_| ());
    timed("12 kills", || kills::run(&mut stage, 12));
    timed("50 races", || races::run(&mut stage, 50));
    stage.down();
}

/// A run that dies behind a change, and no other comes: the hosts put it back.
#[test]
fn long_nobody_comes_back() {
    let mut stage = Stage::fresh("c5", |_| ());
    timed("nobody comes back", || kills::nobody_comes_back(&mut stage));
    stage.down();
}

/// Says how long a part took.
fn timed(name: &str, part: impl FnOnce()) {
    let began = Instant::now();
    part();
    eprintln!("change: {name} took {:.1} s", began.elapsed().as_secs_f64());
}

/// What all else here rests on: the clients and the look at processes see a restart of the leader, and nothing else.
#[test]
fn a_restart_of_the_leader_is_seen() {
    let stage = Stage::fresh("c0", |_| ());
    let (writer, probe) = (Client::start(&stage, "write", 5000, 1), Client::start(&stage, "probe", 5000, 1));
    let (before, leader, mark) = (Processes::of(&stage), stage.leader(), writer.good());
    let (status, answer) = stage.patroni(leader, "POST", "/restart", Some(&json!({})));
    assert_eq!(status, 200, "{answer}");
    let figures = Figures::of(&writer.since(mark));
    assert!(figures.outages == 1 && figures.gap_ms < 10_000, "{figures:?}");
    assert!(figures.failed + figures.unknown > 0, "{figures:?}");
    assert_eq!(figures.lost(&stage), Vec::<u64>::new());
    let restarted = Processes::of(&stage).restarted(&before);
    assert_eq!(restarted.into_iter().collect::<Vec<_>>(), [format!("postgres {leader}")]);
    // The probe is no ornament either: it sees that one node did not answer for a while, and never two that write.
    let rounds = probe.lines(writer::Mark::default());
    assert!(rounds.iter().any(|line| line.ends_with(leader)), "the probe never missed {leader}");
    assert_eq!(two_writable(&rounds), 0);

    let before = Processes::of(&stage);
    stage.root(stage.holder(), "systemctl reload haproxy");
    let reloaded = || Some(Processes::of(&stage).reloaded(&before)).filter(|nodes| !nodes.is_empty());
    let nodes = until("other workers", Duration::from_secs(10), reloaded);
    assert_eq!(nodes.into_iter().collect::<Vec<_>>(), [stage.holder()]);
    assert!(Processes::of(&stage).restarted(&before).is_empty());
    stage.down();
}
