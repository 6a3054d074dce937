//! Values that can't work: refused by a daemon's own check, by the preflight, or by a start that fails on one replica alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::actions::Plan;
use super::processes::Processes;
use super::stage::{NODES, Stage};
use super::table::APPLY;
use super::writer::{Client, Figures, connects, two_writable};

/// Every file that is rendered, on every host: its sum.
const SUMS: &str = "cd / && sha256sum etc/etcd/* etc/patroni/* etc/haproxy/* etc/keepalived/* usr/libexec/keepalived/* \
    etc/systemd/system/{etcd,patroni,haproxy,keepalived}.service etc/default/patroni 2>/dev/null; find / -xdev -name '.quorate-new-*' 2>/dev/null; true";

/// What is live: the files of all hosts, and the settings in the DCS.
pub(super) fn live(stage: &Stage) -> BTreeMap<String, String> {
    let mut live: BTreeMap<String, String> =
        NODES.into_iter().map(|node| (node.to_owned(), stage.root(node, SUMS))).collect();
    let (_, settings) = stage.patroni(stage.leader(), "GET", "/config", None);
    live.insert("dcs".to_owned(), settings.to_string());
    live
}

/// The templates that make a file its daemon refuses: name, what is put in place of what, and what is said.
const BROKEN: &[(&str, &str, &str, &[&str])] = &[
    ("haproxy/haproxy.cfg", "mode tcp\n", "mode tpc\n", &["/etc/haproxy/haproxy.cfg", "unknown proxy mode 'tpc'"]),
    ("haproxy/haproxy.cfg", "timeout queue {{ timeout_queue }}s", "timeout queue 30x", &["/etc/haproxy/haproxy.cfg"]),
    (
        "keepalived/keepalived.conf",
        "state BACKUP\n",
        "state BACKUP\n    virtual_ruoter_id 7\n",
        &["/etc/keepalived/keepalived.conf", "virtual_ruoter_id"],
    ),
    ("patroni/patroni.yml", "level: 'INFO'", "level: 'LOUD'", &["/etc/patroni/patroni.yml", "log.level"]),
    (
        "haproxy/haproxy.service",
        "[Service]\n",
        "[Service]\nExecStart=haproxy-of-nowhere -Ws\n",
        &["/etc/systemd/system/haproxy.service"],
    ),
];

/// A file that its daemon refuses goes live nowhere; the good part of the same change doesn't either.
pub(super) fn refused_files(stage: &mut Stage) {
    let (writer, connector) = (Client::start(stage, "write", 5000, 1), Client::start(stage, "connect", 5000, 1));
    let (before, was) = (Processes::of(stage), live(stage));
    let (begin, first) = (writer.good(), connector.now());
    let remembered = stage.remembered();
    stage.set("haproxy.timeout_connect", json!("7s"));
    for (name, from, to, said) in BROKEN {
        stage.template(name, from, to);
        let run = stage.run(APPLY).exits(8);
        for text in [*said, &["nothing was activated", "quorate apply"]].concat() {
            assert!(run.err.contains(text) || run.out.contains(text), "{name}: {text:?} is not said:\n{}", run.err);
        }
        stage.built_in(name);
        assert_eq!(live(stage), was, "{name}: something went live");
        assert_eq!(Processes::of(stage), before, "{name}: a process is another");
    }
    stage.restore(remembered);
    let figures = Figures::of(&writer.since(begin));
    assert_eq!((figures.failed, figures.unknown, figures.outages), (0, 0, 0), "{figures:?}");
    let (good, bad) = connects(&connector.lines(first));
    assert!(good > 1000 && bad.is_empty(), "{good} connects, and not these: {bad:?}");
    eprintln!("refused files: {} writes and {good} connects, none failed", figures.tries);
}

/// A parameter with which PostgreSQL does not start is tried on one replica, and taken back.
pub(super) fn cannot_start(stage: &mut Stage) {
    let (writer, probe) = (Client::start(stage, "write", 5000, 1), Client::start(stage, "probe", 5000, 1));
    let remembered = stage.remembered();
    // PostgreSQL takes a parameter that goes from its file for one that waits for a restart, even if it runs with the default.
    for (name, parameters, after) in [
        ("more memory than there is", json!({"shared_buffers": "900GB"}), 0),
        ("huge pages that there are not", json!({"huge_pages": "on"}), 11),
    ] {
        let (before, was, leader) = (Processes::of(stage), live(stage), stage.leader());
        let (begin, rounds) = (writer.good(), probe.now());
        for (key, value) in parameters.as_object().expect("a mapping") {
            stage.set(&format!("postgresql.parameters.{key}"), value.clone());
        }
        let run = stage.run(&[APPLY, &["--ignore", "memory.shared_buffers"]].concat()).exits(10);
        let replica = restarted_alone(stage, &before, leader);
        assert!(run.err.contains(&replica), "{name}: the replica {replica} is not named:\n{}", run.err);
        stage.restore(remembered.clone());
        let verified = stage.run(&["verify", "--wait", if after == 0 { "60" } else { "10" }]).exits(after);
        assert!(after == 0 || verified.out.contains("WARN  patroni.pending_restart"), "{name}: {}", verified.out);
        assert!(after == 0 || verified.out.contains("20 ok, 1 warn, 0 fail"), "{name}: {}", verified.out);
        assert_eq!(live(stage), was, "{name}: not as before");
        let figures = Figures::of(&writer.since(begin));
        assert_eq!((figures.failed, figures.unknown, figures.outages), (0, 0, 0), "{name}: {figures:?}");
        assert!(figures.lost(stage).is_empty());
        assert_eq!(two_writable(&probe.lines(rounds)), 0);
        // Mended, with a change of the same kind that can work.
        stage.set("postgresql.parameters.shared_buffers", json!("190MB"));
        stage.run(APPLY).exits(0);
        assert!(Plan::of(stage).ids.is_empty());
        assert_eq!(stage.everywhere("SHOW shared_buffers"), NODES.map(|_| "190MB".to_owned()));
        stage.restore(remembered.clone());
        stage.run(APPLY).exits(0);
    }
}

/// Demands that PostgreSQL is another on one replica at most, and nothing else is; the replica's name.
fn restarted_alone(stage: &Stage, before: &Processes, leader: &str) -> String {
    let restarted: Vec<String> = Processes::of(stage).restarted(before).into_iter().collect();
    let [one] = &restarted[..] else { panic!("not one process restarted: {restarted:?}") };
    let replica = one.strip_prefix("postgres ").unwrap_or_else(|| panic!("{one} restarted"));
    assert_ne!(replica, leader, "the leader was restarted");
    replica.to_owned()
}

/// What is changed, by which keys, and what the refusal says.
type Refused = (&'static str, Vec<(&'static str, Value)>, &'static str);

/// What is no re-deploy is refused with the verb, or the way, that does it.
pub(super) fn no_redeploy(stage: &mut Stage) {
    let (before, was) = (Processes::of(stage), live(stage));
    let remembered = stage.remembered();
    let data = "/var/lib/postgresql/17/elsewhere";
    let changes: [Refused; 5] = [
        ("the cluster's name", vec![("cluster", json!("other"))], "cluster"),
        ("Patroni's namespace", vec![("patroni.namespace", json!("elsewhere"))], "namespace"),
        ("PostgreSQL's data folder", vec![("postgresql.data_dir", json!(data))], "data"),
        ("etcd's data folder", vec![("etcd.data_dir", json!("/var/lib/etcd/elsewhere"))], "data"),
        ("a node's name", vec![("nodes.2.name", json!("db04")), ("nodes.2.ssh", json!({"host": "db03"}))], "db0"),
    ];
    for (what, keys, said) in changes {
        for (key, value) in keys {
            stage.set(key, value.clone());
        }
        let run = stage.run(APPLY).exits(5);
        let all = format!("{}{}", run.out, run.err);
        assert!(all.contains(said), "{what}: {said:?} is not said:\n{all}");
        assert_eq!(live(stage), was, "{what}: something went live");
        assert_eq!(Processes::of(stage), before, "{what}: a process is another");
        stage.restore(remembered.clone());
    }
}

/// Without a terminal and without a word of consent nothing above a reload is done.
pub(super) fn above_the_ceiling(stage: &mut Stage) {
    let (before, was) = (Processes::of(stage), live(stage));
    let remembered = stage.remembered();
    stage.set("postgresql.parameters.shared_buffers", json!("170MB"));
    for flags in [&["apply"][..], &["apply", "--yes", "--max-impact", "restart-replica"]] {
        let run = stage.run(flags).exits(5);
        assert!(run.err.contains("switchover"), "{}", run.err);
        assert_eq!(live(stage), was, "something went live");
        assert_eq!(Processes::of(stage), before, "a process is another");
    }
    stage.run(&["plan", "--max-impact", "reload"]).exits(5);
    // A plan that was saved is done as long as nothing moved, and refused when something did.
    let file = stage.work().join("saved.plan");
    let file = file.to_str().expect("a path of ours");
    stage.run(&["plan", "-o", file]).exits(0);
    let moved = stage.remembered();
    stage.set("postgresql.parameters.shared_buffers", json!("171MB"));
    stage.run(&[&["apply", file], &APPLY[1..]].concat()).exits(6);
    stage.restore(moved);
    stage.root("db03", "echo '# by hand' >>/etc/haproxy/haproxy.cfg");
    stage.run(&[&["apply", file], &APPLY[1..]].concat()).exits(6);
    stage.root("db03", "sed -i '$d' /etc/haproxy/haproxy.cfg");
    assert_eq!(live(stage), was, "something went live");
    stage.run(&["plan", "-o", file]).exits(0);
    stage.run(&[&["apply", file], &APPLY[1..]].concat()).exits(0);
    assert_eq!(stage.everywhere("SHOW shared_buffers"), NODES.map(|_| "170MB".to_owned()));
    stage.restore(remembered);
    stage.run(APPLY).exits(0);
}
