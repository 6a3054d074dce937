//! Exit 130 and 143: a signal ends the run soon, and nothing of it stays: no connection, no process, no file, here or there.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::bench::{Bench, NODES, differences};
use crate::harness::{Run, until};

pub(super) fn all(bench: &Bench) {
    let inventory = bench.variant("stop").inventory();
    stopped(bench, &inventory, "check", "INT", 130);
    stopped(bench, &inventory, "apply", "TERM", 143);
}

/// The connections of this lab that live on this machine.
fn connections(bench: &Bench) -> usize {
    let ps = Run::of(Command::new("ps").args(["-eo", "args"])).exits(0).out;
    let relay = format!("lab relay --name {} ", bench.lab.name());
    ps.lines().filter(|line| line.contains(&relay)).count()
}

fn stopped(bench: &Bench, inventory: &Path, verb: &str, signal: &str, code: i32) {
    let before = bench.before();
    until("no connection of an earlier run", Duration::from_secs(10), || (connections(bench) == 0).then_some(()));
    let mut command = bench.command(inventory, &[verb]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child: Child = child.expect("the program starts");
    // The survey listens for some seconds, with a folder of its own on each host.
    until("every host is being surveyed", Duration::from_secs(20), || {
        NODES.iter().all(|node| bench.try_root(node, "ls -d /tmp/tmp.*").code == 0).then_some(())
    });
    Run::of(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()])).exits(0);
    let asked = Instant::now();
    let output = child.wait_with_output().expect("the program ends");
    assert!(asked.elapsed() < Duration::from_secs(3), "it took {:?} to stop", asked.elapsed());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains("stopped by a signal") && said.contains("run the same command again"), "{said}");
    until("the connections end", Duration::from_secs(5), || (connections(bench) == 0).then_some(()));
    // What was being asked on a host ends by itself, and cleans up.
    let mut left = Vec::new();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(15) {
        left = differences(&before, &bench.fingerprint());
        if left.is_empty() {
            return;
        }
    }
    panic!("{verb} stopped by {signal} left:\n{}", left.join("\n"));
}
