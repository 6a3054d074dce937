//! The tool is killed somewhere in an apply that touches everything; the same apply again ends where the uninterrupted one does.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::actions::Plan;
use super::stage::{NODES, Stage};
use super::table::APPLY;
use super::values::live;
use super::writer::{Client, Figures, two_writable};
use crate::harness::{Run, until};

/// One of two states that differ in something of every component.
fn state(stage: &mut Stage, odd: bool) {
    let pick = |even: Value, other: Value| if odd { other } else { even };
    stage.set("etcd.heartbeat_ms", pick(json!(100), json!(120)));
    stage.set("nodes.2.tags", pick(json!({"clonefrom": false}), json!({"clonefrom": true})));
    stage.set("postgresql.parameters.work_mem", pick(json!("6MB"), json!("7MB")));
    stage.set("postgresql.parameters.shared_buffers", pick(json!("150MB"), json!("160MB")));
    stage.set("haproxy.timeout_client", pick(json!("20min"), json!("21min")));
    stage.set("timings.advert_interval", pick(json!("1s"), json!("2s")));
    stage.secret("role_app", if odd { "an-app's:odd" } else { "an-app's:even" });
}

/// Kills at so many points, spread evenly over the events of an uninterrupted run.
pub(super) fn run(stage: &mut Stage, points: usize) {
    let mut ends: BTreeMap<bool, BTreeMap<String, String>> = BTreeMap::new();
    let mut events = 0;
    for odd in [true, false] {
        state(stage, odd);
        let run = stage.run(&[APPLY, &["--json"]].concat()).exits(0);
        events = run.out.lines().filter(|line| is_step(line)).count();
        ends.insert(odd, live(stage));
    }
    assert!(events >= points, "{events} events are too few for {points} points");
    let (writer, probe) = (Client::start(stage, "write", 5000, 1), Client::start(stage, "probe", 5000, 1));
    let rounds = probe.now();
    let mut odd = false;
    for point in 0..points {
        odd = !odd;
        state(stage, odd);
        let at = 1 + point * (events - 1) / (points - 1).max(1);
        let begin = writer.good();
        let after = killed_at(stage, at);
        let killed = Instant::now();
        let run = until("the lock of the dead run is free", Duration::from_secs(45), || {
            let run = stage.run(APPLY);
            (run.code != 6).then_some(run)
        });
        let free = killed.elapsed().saturating_sub(run.took);
        let run = run.exits(0);
        stage.run(&["verify", "--wait", "60"]).exits(0);
        let plan = Plan::of(stage);
        assert!(plan.ids.is_empty(), "after a kill at event {at} of {events}: {plan:?}");
        assert_eq!(&live(stage), &ends[&odd], "after a kill at event {at} of {events} ({after})");
        let figures = Figures::of(&writer.since(begin));
        let lost = figures.lost(stage);
        eprintln!(
            "killed at event {at} of {events} ({after}): lock free after {:.1} s, again {:.1} s; {} failed+unknown, {} outages, {} ms",
            free.as_secs_f64(),
            run.took.as_secs_f64(),
            figures.failed + figures.unknown,
            figures.outages,
            figures.gap_ms
        );
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        // The two switchovers that may be there, before and after the kill; serving all along but for these.
        assert!(figures.outages <= 2 && figures.gap_ms <= 8000, "{figures:?}");
    }
    assert_eq!(two_writable(&probe.lines(rounds)), 0);
    nothing_left(stage);
}

fn is_step(line: &str) -> bool {
    line.contains(r#""type":"action_"#)
}

/// Runs apply and kills it when it has told its Nth event; that event.
fn killed_at(stage: &Stage, at: usize) -> String {
    let mut command = stage.command(&[APPLY, &["--json"]].concat());
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.expect("the program starts");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut last = "no event".to_owned();
    let mut seen = 0;
    for line in lines {
        let line = line.expect("a line");
        if is_step(&line) {
            seen += 1;
            last = line;
        }
        if seen == at {
            break;
        }
    }
    child.kill().expect("it can be killed");
    let status = child.wait().expect("it ends");
    assert!(!status.success() || seen < at, "it was not killed");
    let record: Value = serde_json::from_str(&last).unwrap_or_default();
    format!("{} {}", record["type"].as_str().unwrap_or("end"), record["id"].as_str().unwrap_or_default())
}

/// No staged file, no undo, no timer, no lock, no connection of ours stays.
pub(super) fn nothing_left(stage: &Stage) {
    let look = "find / -xdev -name '.quorate-new-*' 2>/dev/null; ls /var/lib/quorate/undo /run/quorate/holder 2>/dev/null; \
                systemctl list-units --all --no-legend --plain 'quorate-undo-*'; true";
    until("nothing of a run is left", Duration::from_secs(90), || {
        NODES
            .into_iter()
            .all(|node| !stage.root(node, look).lines().any(|line| !line.ends_with(':') && !line.is_empty()))
            .then_some(())
    });
    until("no connection is left", Duration::from_secs(90), || {
        let ps = Run::of(Command::new("ps").args(["-eo", "args"])).exits(0).out;
        let relay = format!("lab relay --name {} ", stage.name());
        (!ps.lines().any(|line| line.contains(&relay))).then_some(())
    });
}

/// The tool dies right behind an activation, and nobody comes back: the host restores itself.
pub(super) fn nobody_comes_back(stage: &mut Stage) {
    let was = live(stage);
    let remembered = stage.remembered();
    for (what, path, key, value) in [
        ("haproxy", "/etc/haproxy/haproxy.cfg", "haproxy.timeout_client", json!("13min")),
        ("keepalived", "/etc/keepalived/keepalived.conf", "timings.advert_interval", json!("3s")),
        ("etcd", "/etc/etcd/etcd.env", "etcd.heartbeat_ms", json!(110)),
    ] {
        stage.set(key, value);
        let sums = || NODES.map(|node| stage.root(node, &format!("sha256sum <{path}")));
        let old = sums();
        let mut command = stage.command(APPLY);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut child = child.expect("the program starts");
        until("a file goes live", Duration::from_secs(60), || (sums() != old).then_some(()));
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        let began = Instant::now();
        assert_ne!(sums(), old, "{what}: nothing was live at the kill");
        until("the host restores itself", Duration::from_secs(90), || (sums() == old).then_some(()));
        eprintln!("{what}: restored by the host {:.0} s after the kill", began.elapsed().as_secs_f64());
        stage.restore(remembered.clone());
        stage.run(&["verify", "--wait", "60"]).exits(0);
        assert_eq!(live(stage), was, "{what}: not as before");
        assert!(Plan::of(stage).ids.is_empty(), "{what}: the process has not read the former file again");
    }
    nothing_left(stage);
}
