//! The moments at which a change must wait or stop: somebody else at work, a lock that was taken away, a pause, no voter to
//! spare; and what was left over by whoever was there before.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]
#![allow(clippy::result_large_err, reason = "the error of a run says much, and is made once")]

mod common;
mod fake;

use fake::Shared;
use fake::bench::{Bench, Ran, changed as bench, operator, set};
use quorate::apply::ApplyError;
use quorate::cluster::Version;
use quorate::host::HostError;
use quorate::verify::{Level, Verdict};
use serde_json::json;

#[test]
fn of_two_operators_at_once_one_wins_and_the_other_learns_who() {
    let (mut aki, mut bo) =
        (bench(|cluster| cluster.haproxy.timeout_client += 60), bench(|cluster| cluster.haproxy.timeout_client += 60));
    (aki.operator, bo.operator) = (operator("aki"), operator("bo"));
    for late in 0..50 {
        let world = Bench::installed();
        let runs = aki.race(&bo, &world, std::time::Duration::from_millis(late));
        let changed = |ran: &Ran| ran.outcome.as_ref().is_ok_and(|outcome| outcome.changed);
        let winners: Vec<usize> = (0..2).filter(|one| changed(&runs[*one])).collect();
        assert_eq!(winners.len(), 1, "round {late}: {:?}", runs.each_ref().map(Ran::code));
        let loser = &runs[1 - winners[0]];
        let Err(ApplyError::Locked(HostError::Locked { who, from, since, command, .. })) = &loser.outcome else {
            panic!("round {late}: {:?}", loser.outcome)
        };
        assert_eq!((who.as_str(), from.as_str(), command.as_str()), (["aki", "bo"][winners[0]], "ws1", "apply"));
        assert!(loser.code() == 6 && since.ends_with('Z'));
        assert!(
            world.with(|world| world.violations.is_empty() && world.machines.values().all(|one| one.lock.is_none()))
        );
        assert!(aki.plan(&world).unwrap().is_empty());
    }
}

/// A run that comes while another works, even when that is far already.
#[test]
fn a_run_that_comes_while_another_works_is_refused() {
    let (aki, bo) =
        (bench(|cluster| cluster.etcd.heartbeat_ms += 50), bench(|cluster| cluster.haproxy.timeout_client += 60));
    for late in [500, 900, 1500] {
        let world = Bench::installed();
        let [first, second] = aki.race(&bo, &world, std::time::Duration::from_millis(late));
        assert_eq!((first.code(), second.code()), (0, 6), "{late} ms: {:?} {:?}", first.outcome, second.outcome);
        assert!(second.done().is_empty());
    }
}

/// Somebody takes the lock away in the middle: nothing more of that run is done, and the hosts take back what was open.
#[test]
fn a_run_whose_lock_is_taken_stops() {
    let bench = bench(|cluster| {
        cluster.etcd.heartbeat_ms += 50;
        cluster.haproxy.timeout_client += 60;
    });
    let whole = Bench::installed();
    bench.run(&whole).outcome.unwrap();
    let steps = whole.steps(0);
    let from = steps.iter().rposition(|step| step == "taking the lock").unwrap() + 1;
    for (at, step) in steps.iter().enumerate().skip(from) {
        let world = Bench::installed();
        world.with(|world| world.unlock_at = Some(at));
        let ran = bench.run(&world);
        assert_ne!(ran.code(), 0, "command {at}, {step:?}");
        world.with(|world| {
            let looks = |step: &str| step.starts_with("surveying") || step == "taking the lock";
            let bare = world.seen[from..].iter().find(|(_, command)| command.fence.is_none() && !looks(&command.step));
            assert!(bare.is_none(), "a command that does not look for its lock: {:?}", bare.map(|(_, c)| &c.step));
            world.unlock_at = None;
            world.pass(600.0);
            assert!(
                world.machines.values().all(|machine| machine.undo.is_empty()),
                "command {at}: something was left open"
            );
        });
        let again = bench.run(&world);
        assert_eq!(again.code(), 0, "after command {at}: {:?}", again.outcome);
        assert!(world.with(|world| world.violations.is_empty()), "{:?}", world.with(|world| world.violations.clone()));
    }
}

#[test]
fn restarts_that_were_left_over_are_made() {
    let bench = bench(|cluster| set(cluster, "max_replication_slots", 20));
    let world = Bench::installed();
    // As a run left it that died after its patch; or as somebody made it by hand.
    world.with(|world| {
        world.dcs["postgresql"]["parameters"]["max_replication_slots"] = json!(20);
        world.pass(20.0);
    });
    let ran = bench.run(&world);
    let expected =
        ["db02/postgresql/restart-database", "db03/postgresql/restart-database", "db01/postgresql/switchover"];
    assert_eq!((ran.code(), ran.planned.as_slice()), (0, expected.map(str::to_owned).as_slice()), "{:?}", ran.outcome);
    world.with(|world| assert!(world.members.values().all(|member| member.running["max_replication_slots"] == "20")));
    assert!(bench.plan(&world).unwrap().is_empty());
}

/// The order that a standby demands is kept in one run, up, down and both.
#[test]
fn max_connections_goes_up_and_down_in_one_run() {
    for (connections, senders) in [(200, 10), (50, 10), (200, 8), (50, 20)] {
        let bench = bench(|cluster| {
            set(cluster, "max_connections", connections);
            set(cluster, "max_wal_senders", senders);
        });
        let world = Bench::installed();
        let ran = bench.run(&world);
        assert_eq!(
            (ran.code(), ran.done().len()),
            (0, ran.planned.len()),
            "{connections}/{senders}: {:?}",
            ran.outcome
        );
        world.with(|world| {
            for (node, member) in &world.members {
                let has = (member.running["max_connections"].as_str(), member.running["max_wal_senders"].as_str());
                assert_eq!(has, (connections.to_string().as_str(), senders.to_string().as_str()), "{node}");
            }
            let down = connections < 100 || senders < 10;
            assert_eq!((world.leader_restarts, world.switchovers), (u32::from(down), u32::from(!down)));
            assert!(world.violations.is_empty(), "{:?}", world.violations);
        });
        assert!(bench.plan(&world).unwrap().is_empty(), "{connections}/{senders}");
        let outcome = ran.outcome.unwrap();
        assert_eq!(Verdict::of(&outcome.findings).level(), Level::Ok);
    }
}

#[track_caller]
fn refused(bench: &Bench, world: &Shared, id: &str) {
    let before = world.machines();
    let ran = bench.run(world);
    let Err(ApplyError::Refused(findings)) = &ran.outcome else { panic!("{:?}", ran.outcome) };
    assert!(findings.iter().any(|finding| finding.id == id && !finding.remedy.is_empty()), "{findings:?}");
    assert_eq!(ran.code(), 5);
    assert_eq!(world.machines(), before);
}

#[test]
fn a_cluster_that_its_operator_paused_is_not_restarted() {
    for bench in [
        bench(|cluster| cluster.etcd.heartbeat_ms += 50),
        bench(|cluster| set(cluster, "max_replication_slots", 20)),
        bench(|cluster| cluster.patroni.version = Some(Version::new(4, 1, 4))),
    ] {
        let world = Bench::installed();
        world.with(|world| {
            world.dcs["pause"] = json!(true);
            world.pass(20.0);
        });
        refused(&bench, &world, "change.paused");
        assert_eq!(world.with(|world| world.dcs["pause"].clone()), true, "the operator's pause was ended");
    }
}

#[test]
fn nothing_is_restarted_when_no_voter_can_be_spared() {
    let bench = bench(|cluster| cluster.etcd.heartbeat_ms += 50);
    let world = Bench::installed();
    // It runs, and does not serve.
    world.with(|world| world.make_sick("db03", "etcd.service"));
    refused(&bench, &world, "change.quorum");
}

#[test]
fn what_is_not_approved_is_not_done() {
    let bench = bench(|cluster| cluster.etcd.heartbeat_ms += 50);
    let world = Bench::installed();
    let before = world.machines();
    let ran = bench.run_if(&world, |_| Err(ApplyError::NotApproved("no".to_owned())));
    assert_eq!((ran.code(), ran.planned.len()), (5, 3));
    assert_eq!(world.machines(), before);
}
