//! Two operators at once: exactly one wins; the other is told who works, from where, since when.

use std::process::{Child, Output, Stdio};

use serde_json::json;

use super::stage::{NODES, Stage};
use super::table::APPLY;

/// Runs races of two applies that want different things, begun at the same moment.
pub(super) fn run(stage: &mut Stage, races: usize) {
    let mut won = [0, 0];
    for race in 0..races {
        // Two values that no race had before.
        let inventories = [0, 1].map(|who| {
            stage.set("haproxy.timeout_client", json!(format!("{}s", 2000 + 2 * race + who)));
            stage.written(&format!("operator-{who}"))
        });
        let start = |inventory| {
            let mut command = stage.command_on(inventory, APPLY);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program starts")
        };
        let children: [Child; 2] = inventories.each_ref().map(|inventory| start(inventory));
        let ended: [Output; 2] = children.map(|child| child.wait_with_output().expect("the program ends"));
        let codes = ended.each_ref().map(|output| output.status.code().unwrap_or(-1));
        let said = ended.each_ref().map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        let all = || format!("race {race}: {codes:?}\n--- 0\n{}\n--- 1\n{}", said[0], said[1]);
        let winner = match codes {
            [0, 6] => 0,
            [6, 0] => 1,
            _ => panic!("not exactly one won: {}", all()),
        };
        won[winner] += 1;
        let loser = &said[1 - winner];
        let who = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER")).unwrap_or_else(|_| "root".to_owned());
        let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
        for text in [who.as_str(), machine.trim(), "since"] {
            assert!(loser.contains(text), "{text:?} is not said: {}", all());
        }
        let wanted = format!("timeout client {}s", 2000 + 2 * race + winner);
        for node in NODES {
            let live = stage.root(node, "grep -m 1 '^    timeout client' /etc/haproxy/haproxy.cfg");
            assert_eq!(live, wanted, "{node}, {}", all());
        }
    }
    eprintln!("{races} races: the first process won {}, the second {}", won[0], won[1]);
    stage.set("haproxy.timeout_client", json!("25min"));
    stage.run(APPLY).exits(0);
}
