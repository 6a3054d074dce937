//! A cluster is taken away until nothing of it is left, and installed again on the same hosts.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Lab, Run, until};

/// What a host is, as far as an install can change it: one line a thing.
fn snapshot(lab: &Lab, node: &str) -> BTreeSet<String> {
    let script = r#"
find /etc /usr/local /usr/libexec /usr/sbin/policy-rc.d /opt /var/lib /var/tmp /run -xdev \
    -not -path '/run/systemd/*' -not -path '/run/udev/*' -not -path '/run/user*' -not -path '/run/log/*' -not -path "/run/sudo/*" -not -path /run/agetty.reload \
    -not -path '/var/lib/dpkg/*' -not -path '/var/lib/apt/*' -not -path '/var/lib/systemd/*' -not -path '/var/tmp/systemd-private-*' -printf 'path %p\n' 2>/dev/null
getent passwd | sed 's/^\([^:]*\):.*/account \1/'
getent group | sed 's/^\([^:]*\):.*/group \1/'
ss -Hltn | awk '{print "port " $4}'
ip -o -4 addr show | awk '{print "address " $4}'
systemctl list-units --all --plain --no-legend --type=service,timer | sed -n 's/^\([^ ]*\(etcd\|patroni\|haproxy\|keepalived\|quorate\)[^ ]*\) .*/unit \1/p'
systemctl list-unit-files --no-legend | awk '$2 == "masked" {print "masked " $1}'
systemctl list-units --failed --plain --no-legend | sed 's/^\([^ ]*\).*/failed \1/'"#;
    lab.root(node, script).exits(0).out.lines().map(str::to_owned).collect()
}

/// What packages that stay have brought since: their own files, and what their scripts made.
fn of_packages(lab: &Lab, node: &str) -> BTreeSet<String> {
    let listed = lab.root(node, "cat /var/lib/dpkg/info/*.list | sort -u").exits(0).out;
    listed.lines().map(|path| format!("path {path}")).collect()
}

/// Names under which scripts of packages file what they made: links of `update-alternatives` and of enabled units, caches.
const BY_PACKAGES: [&str; 24] = [
    "path /etc/alternatives",
    "path /etc/ld.so",
    "path /etc/ssl",
    "path /etc/passwd",
    "path /etc/shadow",
    "path /etc/group",
    "path /etc/gshadow",
    "path /etc/subuid",
    "path /etc/subgid",
    "path /etc/.pwd.lock",
    "path /etc/postgresql",
    "path /etc/systemd/system/multi-user.target.wants/postgresql.service",
    "path /var/lib/postgresql",
    "path /run/postgresql",
    "path /var/lib/ucf",
    "path /var/lib/sgml-base",
    "path /etc/apt/apt.conf.d/02autoremove-postgresql",
    "path /etc/inputrc",
    "path /etc/locale.gen",
    "path /etc/python3",
    "path /etc/rc",
    "path /run/adduser",
    "path /usr/local/lib/python3",
    "path /var/lib/python",
];

fn left(lab: &Lab, node: &str, before: &BTreeSet<String>) -> Vec<String> {
    let packages = of_packages(lab, node);
    let of_package = |line: &String| {
        let merged = line.replace("path /usr/lib/", "path /lib/");
        packages.contains(line) || packages.contains(&merged)
    };
    let allowed = |line: &String| {
        BY_PACKAGES.iter().any(|name| line.starts_with(name)) && !line.contains("quorate") && !line.contains("pgpass")
    };
    let postgres = |line: &String| ["account postgres", "group postgres", "group ssl-cert"].contains(&line.as_str());
    let after = snapshot(lab, node);
    after.difference(before).filter(|line| !of_package(line) && !allowed(line) && !postgres(line)).cloned().collect()
}

#[track_caller]
fn nothing_is_left(lab: &Lab, before: &[(String, BTreeSet<String>)]) {
    for (node, before) in before {
        assert_eq!(left(lab, node, before), Vec::<String>::new(), "left on {node}");
        let lost: Vec<_> =
            before.difference(&snapshot(lab, node)).filter(|line| !line.contains("/run/")).cloned().collect();
        assert!(lost.is_empty(), "{node} has lost {lost:?}");
        let ours = "! grep -rlIs 'Managed by quorate' /etc /usr/local /usr/libexec /opt /var/lib --exclude-dir=dpkg --exclude-dir=apt";
        lab.root(node, ours).exits(0);
        lab.root(
            node,
            "test ! -e /var/lib/postgresql/.pgpass_patroni && test -z \"$(ls /var/lib/postgresql/[0-9]* 2>/dev/null)\"",
        )
        .exits(0);
    }
}

/// A statement on the leader; its answer.
fn sql(lab: &Lab, statement: &str) -> Run {
    let leads = |node: &String| lab.root(node, "test ! -e /var/lib/postgresql/[0-9]*/*/standby.signal").code == 0;
    let leader = until("a leader", Duration::from_secs(60), || lab.nodes().into_iter().find(leads));
    lab.root(&leader, &format!("echo \"{statement}\" | runuser -u postgres -- psql -XAtq -h /var/run/postgresql"))
}

fn records(run: &Run, kind: &str) -> Vec<Value> {
    run.out.lines().map(|line| serde_json::from_str(line).unwrap()).filter(|one: &Value| one["type"] == kind).collect()
}

#[test]
fn a_cluster_is_gone_and_comes_again() {
    let lab = Lab::fresh("destroy", &[]);
    let before: Vec<_> = lab.nodes().into_iter().map(|node| (node.clone(), snapshot(&lab, &node))).collect();
    let bare = lab.verb(&["destroy", "--confirm", "lab"]).exits(0);
    assert!(bare.out.contains("nothing to do"), "{}", bare.out);
    nothing_is_left(&lab, &before);

    lab.verb(&["apply"]).exits(0);
    sql(&lab, "CREATE TABLE kept AS SELECT 42 AS answer").exits(0);

    // Not without the name, and nothing is touched then.
    let nobody = lab.verb(&["destroy"]).exits(2);
    assert!(nobody.err.contains("--confirm lab"), "{}", nobody.err);
    lab.verb(&["destroy", "--confirm", "other"]).exits(2);
    let shown = lab.verb(&["destroy", "--dry-run"]).exits(0);
    assert!(shown.out.contains("postgresql data, ") && shown.out.contains("impact: destroys-data"), "{}", shown.out);
    lab.verb(&["verify"]).exits(0);

    // Another cluster's host refuses it all.
    lab.root("db02", "echo other >/var/lib/quorate/cluster").exits(0);
    let refused = lab.verb(&["destroy", "--confirm", "lab"]).exits(5);
    assert!(refused.err.contains("belongs to the cluster \"other\""), "{}", refused.err);
    lab.root("db02", "echo lab >/var/lib/quorate/cluster").exits(0);
    lab.verb(&["verify"]).exits(0);

    // The data stays, and is taken up again.
    let kept = lab.verb(&["destroy", "--keep-data", "--confirm", "lab"]).exits(0);
    assert!(kept.out.contains("/var/lib/etcd/data: data, kept"), "{}", kept.out);
    for node in lab.nodes() {
        let state = "/usr/lib/postgresql/*/bin/pg_controldata /var/lib/postgresql/*/* | grep \"cluster state\"";
        let state = lab.root(&node, state).exits(0).out;
        assert!(state.contains("shut down"), "{node}: {state}");
    }
    for (node, before) in &before {
        let rest = left(&lab, node, before);
        let data = |line: &&String| {
            !line.contains("/var/lib/etcd") && !line.contains("/var/lib/quorate") && !line.ends_with(" etcd")
        };
        assert!(rest.iter().all(|line| !data(&line)), "left on {node}: {rest:?}");
    }
    let again = lab.verb(&["destroy", "--keep-data", "--confirm", "lab"]).exits(0);
    assert!(again.out.contains("nothing to do"), "{}", again.out);
    lab.verb(&["apply"]).exits(0);
    assert_eq!(sql(&lab, "SELECT answer FROM kept").exits(0).out.trim(), "42");

    // What is mounted in a data folder is not ours.
    lab.root("db01", "mkdir /var/lib/etcd/data/other && mount -t tmpfs none /var/lib/etcd/data/other").exits(0);
    let refused = lab.verb(&["destroy", "--confirm", "lab"]).exits(5);
    assert!(refused.err.contains("mounted in it, at /var/lib/etcd/data/other"), "{}", refused.err);
    lab.root("db01", "umount /var/lib/etcd/data/other && rmdir /var/lib/etcd/data/other").exits(0);
    lab.verb(&["verify"]).exits(0);

    // While Patroni is paused, its stop leaves PostgreSQL running.
    lab.root("db01", "patronictl -c /etc/patroni/patroni.yml pause --wait").exits(0);
    // A file of somebody else's in a folder of ours stays, and so does the folder.
    lab.root("db03", "echo mine >/etc/haproxy/of-mine.txt").exits(0);
    // Killed in the middle, finished by the next.
    let mut cut = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["destroy", "--confirm", "lab", "-i"])
        .arg(lab.inventory())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("etcd gone from db01", Duration::from_secs(120), || {
        (lab.root("db01", "test ! -e /etc/systemd/system/etcd.service").code == 0).then_some(())
    });
    cut.kill().unwrap();
    cut.wait().unwrap();
    let gone = until("the lock is free", Duration::from_secs(60), || {
        let run = lab.verb(&["destroy", "--confirm", "lab", "--json"]);
        (run.code != 6).then_some(run)
    })
    .exits(0);
    let result = &records(&gone, "result")[0];
    assert_eq!(result["changed"], true, "{}", gone.out);
    assert!(result["left"].to_string().contains("/etc/haproxy"), "{result}");
    assert!(result["journal"].as_str().unwrap().contains("\"event\":\"end\""));
    lab.root("db03", "test -s /etc/haproxy/of-mine.txt && rm -r /etc/haproxy").exits(0);
    nothing_is_left(&lab, &before);
    let again = lab.verb(&["destroy", "--confirm", "lab"]).exits(0);
    assert!(again.out.contains("nothing to do"), "{}", again.out);
    nothing_is_left(&lab, &before);

    // The same hosts, a new cluster; taken away by somebody who types its name, while a host is down.
    lab.verb(&["apply"]).exits(0);
    lab.verb(&["verify"]).exits(0);
    assert_eq!(sql(&lab, "SELECT to_regclass('kept') IS NULL").exits(0).out.trim(), "t");
    lab.root("db03", "systemctl poweroff --no-block");
    until("db03 is down", Duration::from_secs(60), || (!lab.pids().contains_key("db03")).then_some(()));
    let down = lab.verb(&["destroy", "--confirm", "lab"]).exits(4);
    assert!(down.err.contains("--skip-unreachable"), "{}", down.err);
    assert_eq!(typing(&lab, "no").code, 5);
    let typed = typing(&lab, "lab").exits(0);
    assert!(typed.out.contains("left on db03: everything, data too"), "{}", typed.out);
    nothing_is_left(&lab, &before[..2]);
    // It comes up with an etcd that waits for the others, who are gone; the host is not done booting before that ends.
    let mut up = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["lab", "up", "--name", lab.name()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("db03 answers", Duration::from_secs(60), || (lab.root("db03", "true").code == 0).then_some(()));
    let ready = "systemctl is-active keepalived || systemctl is-failed keepalived";
    until("db03 starts its services", Duration::from_secs(60), || (lab.root("db03", ready).code == 0).then_some(()));
    lab.verb(&["destroy", "--confirm", "lab"]).exits(0);
    assert!(up.wait().unwrap().success());
    nothing_is_left(&lab, &before);
    lab.down();
}

/// Runs it at a terminal, where somebody types.
fn typing(lab: &Lab, name: &str) -> Run {
    let inventory = lab.inventory();
    let command = format!("{} destroy --skip-unreachable -i {}", env!("CARGO_BIN_EXE_quorate"), inventory.display());
    let mut child = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(format!("{name}\n").as_bytes()).unwrap();
    let began = std::time::Instant::now();
    let output = child.wait_with_output().unwrap();
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: began.elapsed(),
    }
}
