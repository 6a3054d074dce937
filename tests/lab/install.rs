//! Bare hosts to a verified cluster, a second run that changes nothing, and the article's own last two checks.

use std::time::Duration;

use crate::harness::{Lab, until};

/// What must not move when nothing changes: process ids, restart counters, and the times of our files.
fn fingerprint(lab: &Lab) -> String {
    let script = "systemctl show -p Id,MainPID,NRestarts,ActiveEnterTimestampMonotonic etcd patroni haproxy keepalived; \
                  find /etc/etcd /etc/patroni /etc/haproxy /etc/keepalived /etc/systemd/system /opt/quorate /usr/local /var/lib/quorate \
                  -printf '%p %i %T@ %C@\\n' | sort | sha256sum; \
                  echo 'show proc' | timeout 2 bash -c 'cat' >/dev/null";
    lab.nodes().iter().map(|node| lab.root(node, script).exits(0).out).collect()
}

/// The member that leads, by the tool's own word.
fn leader(lab: &Lab) -> Option<String> {
    let run = lab.verb(&["verify", "--json"]);
    run.out
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find(|record| record["id"] == "patroni.leader" && record["level"] == "ok")
        .and_then(|record| record["subject"].as_str().map(str::to_owned))
}

/// The node that holds the VIP, by asking the nodes themselves.
fn holder(lab: &Lab) -> Option<String> {
    lab.nodes().into_iter().find(|node| lab.root(node, "ip -o -4 addr show | grep -q ' 192.168.13.48/'").code == 0)
}

#[test]
fn bare_hosts_become_a_verified_cluster_that_survives() {
    let lab = Lab::fresh("suite", &[]);

    let applied = lab.verb(&["apply"]).exits(0);
    assert!(applied.out.contains("0 warn, 0 fail"), "{}", applied.out);
    assert!(!applied.err.contains('\u{1b}'), "an escape byte in a pipe");
    lab.verb(&["verify"]).exits(0);

    let before = fingerprint(&lab);
    let again = lab.verb(&["apply"]).exits(0);
    assert!(again.err.contains("nothing to do"), "{}", again.err);
    assert_eq!(fingerprint(&lab), before, "a second apply changed something");

    // The article: stop Patroni on purpose and see that another node leads.
    let old = leader(&lab).expect("a leader");
    lab.root(&old, "systemctl stop patroni").exits(0);
    let new = until("another leader", Duration::from_secs(60), || leader(&lab).filter(|name| *name != old));
    assert_ne!(new, old);
    let degraded = lab.verb(&["verify"]);
    assert!(
        matches!(degraded.code, 11 | 12),
        "one member is stopped, yet verify says {}:\n{}",
        degraded.code,
        degraded.out
    );
    lab.root(&old, "systemctl start patroni").exits(0);
    lab.verb(&["verify", "--wait", "120"]).exits(0);

    // The article: stop HAProxy where the VIP is and see that 5000 still answers.
    let holding = holder(&lab).expect("a holder of the VIP");
    lab.root(&holding, "systemctl stop haproxy").exits(0);
    let moved =
        until("the VIP on another node", Duration::from_secs(30), || holder(&lab).filter(|name| *name != holding));
    let answer = lab.verb(&["verify", "--json"]);
    assert!(
        answer.out.contains(r#""id":"sql.write","subject":"cluster","level":"ok""#)
            || answer.out.contains(r#""id":"sql.write","level":"ok""#),
        "{moved}:\n{}",
        answer.out
    );
    lab.root(&holding, "systemctl start haproxy").exits(0);
    lab.verb(&["verify", "--wait", "60"]).exits(0);
    lab.down();
}
