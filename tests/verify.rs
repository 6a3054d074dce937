//! Judgement: what three healthy hosts really said is all well, and each fault put into it is found, at its level.
//!
//! `fixtures/probe` holds what the probe printed on the three hosts of a lab right after its install, bodies of HTTP answers decoded.

#![allow(clippy::unwrap_used, reason = "a fixture that does not fit has failed")]

mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use quorate::cluster::{Cluster, Durability, NodeName};
use quorate::verify::{Finding, Level, Probe, Probes, Scope, Verdict, judge};
use serde_json::{Value, json};

const ALL: [&str; 3] = ["db01", "db02", "db03"];
/// In the fixtures: who leads the database and holds the VIP, and who follows synchronously.
const LEADER: &str = "db01";
const SYNC: &str = "db02";
const ASYNC: &str = "db03";

/// Answers as the probe prints them: the bodies of HTTP answers are texts there, and decoded in the fixtures, for a test to change.
fn printed(answers: &Value) -> String {
    let mut answers = answers.clone();
    for answer in answers.as_object_mut().unwrap().values_mut() {
        let http = answer.pointer_mut("/ok").and_then(Value::as_object_mut);
        if let Some((http, body)) = http.and_then(|http| http.remove("body").map(|body| (http, body))) {
            http.insert("text".to_owned(), Value::String(body.to_string()));
        }
    }
    answers.to_string()
}

/// The three hosts' answers as JSON, for a test to spoil.
struct Lab {
    cluster: Cluster,
    dcs: Value,
    raw: BTreeMap<&'static str, Value>,
}

impl Lab {
    fn healthy() -> Self {
        let raw = [
            include_str!("fixtures/probe/probe-db01.json"),
            include_str!("fixtures/probe/probe-db02.json"),
            include_str!("fixtures/probe/probe-db03.json"),
        ];
        let raw = ALL.into_iter().zip(raw.map(|text| serde_json::from_str(text).unwrap())).collect();
        let dcs = serde_json::from_str(include_str!("fixtures/probe/dcs.json")).unwrap();
        Self { cluster: common::cluster(3), dcs, raw }
    }

    /// Sets a value in one host's answers.
    fn set(mut self, node: &str, pointer: &str, value: Value) -> Self {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = self.raw.get_mut(node).unwrap().pointer_mut(parent).unwrap_or_else(|| panic!("no {pointer}"));
        match parent {
            Value::Array(list) => list[key.parse::<usize>().unwrap()] = value,
            Value::Object(map) => drop(map.insert(key.to_owned(), value)),
            other => panic!("{pointer} is below {other}"),
        }
        self
    }

    fn set_on_all(self, pointer: &str, value: &Value) -> Self {
        ALL.into_iter().fold(self, |lab, node| lab.set(node, pointer, value.clone()))
    }

    /// Sets a field of a member, as every Patroni lists it.
    fn member(self, name: &str, field: &str, value: &Value) -> Self {
        let members = self.raw[LEADER].pointer("/patroni_cluster/ok/body/members").unwrap().as_array().unwrap();
        let at = members.iter().position(|member| member["name"] == name).unwrap();
        self.set_on_all(&format!("/patroni_cluster/ok/body/members/{at}/{field}"), value)
    }

    /// Sets the status of a server as one host's HAProxy sees it.
    fn routed(self, node: &str, section: &str, server: &str, status: &str) -> Self {
        let rows = self.raw[node].pointer("/haproxy/ok").unwrap().as_array().unwrap();
        let at = rows.iter().position(|row| row["pxname"] == section && row["svname"] == server).unwrap();
        self.set(node, &format!("/haproxy/ok/{at}/status"), json!(status))
    }

    /// A service that does not run: every question to it fails.
    fn stopped(self, node: &str, questions: &[&str]) -> Self {
        let refused = json!({"error": "URLError: <urlopen error [Errno 111] Connection refused>"});
        questions.iter().fold(self, |lab, question| lab.set(node, &format!("/{question}"), refused.clone()))
    }

    fn probes(&self) -> Probes {
        let name = |node: &str| NodeName::new(node).unwrap();
        self.raw.iter().map(|(node, raw)| (name(node), Ok(Probe::parse(printed(raw).as_bytes()).unwrap()))).collect()
    }

    fn judged(&self) -> Vec<Finding> {
        judge(&self.cluster, &self.dcs, &self.probes(), Scope::Everything)
    }

    /// Holds that exactly these checks are not well, at these levels, with these words in their texts.
    fn finds(&self, expected: &[(&str, Level, &str)]) {
        holds(&self.judged(), expected);
    }
}

fn holds(findings: &[Finding], expected: &[(&str, Level, &str)]) {
    let mut shown = String::new();
    for finding in findings.iter().filter(|finding| finding.level != Level::Ok) {
        writeln!(shown, "{:?} {} {}: {}", finding.level, finding.id, finding.subject, finding.text).unwrap();
    }
    for (id, level, words) in expected {
        let hit = findings.iter().any(|f| f.id == *id && f.level == *level && f.text.contains(words));
        assert!(hit, "no {level:?} {id} with {words:?} in:\n{shown}");
    }
    let told: std::collections::BTreeSet<&str> =
        findings.iter().filter(|finding| finding.level != Level::Ok).map(|finding| finding.id).collect();
    let wanted: std::collections::BTreeSet<&str> = expected.iter().map(|(id, ..)| *id).collect();
    assert_eq!(told, wanted, "in:\n{shown}");
    for finding in findings.iter().filter(|finding| finding.level == Level::Down) {
        assert!(!finding.remedy.is_empty(), "{} says nothing to do: {}", finding.id, finding.text);
    }
}

const ETCD: &[&str] = &["etcd_health", "etcd_status", "etcd_members", "etcd_alarms"];
const PATRONI: &[&str] = &["patroni", "patroni_cluster", "patroni_config"];
use Level::{Degraded, Down};

#[test]
fn what_healthy_hosts_said_is_all_well() {
    let findings = Lab::healthy().judged();
    holds(&findings, &[]);
    let ids: Vec<&str> = findings.iter().map(|finding| finding.id).collect();
    assert_eq!(
        ids,
        [
            "etcd.health",
            "etcd.members",
            "etcd.leader",
            "etcd.alarms",
            "patroni.leader",
            "patroni.api",
            "patroni.replicas",
            "patroni.timeline",
            "patroni.sync",
            "patroni.pending_restart",
            "patroni.system",
            "patroni.flags",
            "patroni.settings",
            "haproxy.routes",
            "haproxy.routes",
            "haproxy.routes",
            "vip.holder",
            "sql.write",
            "sql.read",
            "units",
            "quorum.margin"
        ]
    );
    assert_eq!(Verdict::of(&findings), Verdict { ok: 21, degraded: 0, down: 0 });
}

#[test]
fn each_scope_judges_only_what_runs_by_then() {
    let lab = Lab::healthy();
    let ids = |scope| -> Vec<&str> {
        judge(&lab.cluster, &lab.dcs, &lab.probes(), scope).iter().map(|finding| finding.id).collect()
    };
    assert!(ids(Scope::Etcd).iter().all(|id| id.starts_with("etcd.")));
    assert_eq!(&ids(Scope::Leader)[4..], ["patroni.leader", "patroni.settings"]);
    assert!(!ids(Scope::Members).iter().any(|id| id.starts_with("haproxy") || id.starts_with("vip")));
    assert!(!ids(Scope::Routes).iter().any(|id| id.starts_with("vip") || id.starts_with("sql")));
}

/// The article shows this table as success: the leader on timeline 5, a replica on 4, "running", lag 0.
#[test]
fn the_articles_own_success_is_a_failure() {
    Lab::healthy()
        .member(LEADER, "timeline", &json!(5))
        .member(SYNC, "timeline", &json!(4))
        .member(SYNC, "state", &json!("running"))
        .member(SYNC, "lag", &json!(0))
        .member(ASYNC, "timeline", &json!(5))
        .finds(&[
            ("patroni.timeline", Degraded, "db02 on 4"),
            ("patroni.replicas", Degraded, "db02 is \"running\""),
            ("patroni.sync", Degraded, "0 synchronous standbys stream, 1 wanted"),
        ]);
    // A timeline that nobody tells is not an equal one.
    Lab::healthy().member(ASYNC, "timeline", &Value::Null).finds(&[(
        "patroni.timeline",
        Degraded,
        "timeline 1; no word from db03",
    )]);
}

#[test]
fn etcd_members_that_disagree() {
    Lab::healthy().set(ASYNC, "/etcd_status/ok/body/raftTerm", json!("3")).finds(&[(
        "etcd.leader",
        Degraded,
        "do not agree: 2 views",
    )]);
    Lab::healthy().set(SYNC, "/etcd_status/ok/body/header/cluster_id", json!("1")).finds(&[(
        "etcd.leader",
        Down,
        "2 different clusters",
    )]);
    let own = |lab: &Lab| lab.raw[ASYNC].pointer("/etcd_status/ok/body/header/member_id").unwrap().clone();
    let lab = Lab::healthy();
    let id = own(&lab);
    lab.set(ASYNC, "/etcd_status/ok/body/leader", id).finds(&[("etcd.leader", Degraded, "leading: db02, db03")]);
}

#[test]
fn etcd_without_a_leader() {
    // etcd leaves a zero field out of its answer.
    let mut lab = Lab::healthy();
    for node in ALL {
        let status = lab.raw.get_mut(node).unwrap().pointer_mut("/etcd_status/ok/body").unwrap();
        status.as_object_mut().unwrap().remove("leader");
    }
    lab.set_on_all("/etcd_health/ok", &json!({"status": 503, "body": {"health": "false", "reason": "RAFT NO LEADER"}}))
        .finds(&[
            ("etcd.health", Down, "0 of 3"),
            ("etcd.health", Down, "RAFT NO LEADER"),
            ("etcd.leader", Down, "no leader"),
            ("quorum.margin", Down, "0 voters serve, 2 are needed"),
        ]);
}

#[test]
fn etcd_members_that_are_not_the_inventorys() {
    let member = "/etcd_members/ok/body/members/0";
    Lab::healthy().set_on_all(&format!("{member}/name"), &json!("old02")).finds(&[(
        "etcd.members",
        Degraded,
        "lists db01, db03, old02",
    )]);
    Lab::healthy().set(SYNC, &format!("{member}/peerURLs/0"), json!("http://10.0.0.9:2380")).finds(&[(
        "etcd.members",
        Degraded,
        "db02 lists",
    )]);
    Lab::healthy().set_on_all(&format!("{member}/isLearner"), &json!(true)).finds(&[(
        "etcd.members",
        Degraded,
        "a learner, which has no vote",
    )]);
    // A member that was added and never started has no name yet.
    Lab::healthy().set_on_all(&format!("{member}/name"), &json!("")).finds(&[(
        "etcd.members",
        Degraded,
        "(not started)",
    )]);
}

#[test]
fn a_fourth_member_of_the_same_name_is_seen() {
    let mut lab = Lab::healthy();
    for node in ALL {
        let members = lab.raw.get_mut(node).unwrap().pointer_mut("/etcd_members/ok/body/members").unwrap();
        let again = members[0].clone();
        members.as_array_mut().unwrap().push(again);
    }
    lab.finds(&[("etcd.members", Degraded, "db01 lists db01, db02, db02, db03")]);
}

#[test]
fn etcd_alarms_are_down() {
    let alarms = json!([{"memberID": "1", "alarm": "NOSPACE"}]);
    Lab::healthy().set_on_all("/etcd_alarms/ok/body/alarms", &alarms).finds(&[(
        "etcd.alarms",
        Down,
        "raised: NOSPACE",
    )]);
}

#[test]
fn one_voter_lost_leaves_no_margin() {
    Lab::healthy().stopped(ASYNC, ETCD).finds(&[
        ("etcd.health", Degraded, "2 of 3"),
        ("etcd.health", Degraded, "db03 (URLError"),
        ("quorum.margin", Degraded, "can lose none"),
    ]);
}

#[test]
fn two_leaders_and_none() {
    // Two lock holders in one view: never one of them picked by chance.
    Lab::healthy()
        .member(ASYNC, "role", &json!("leader"))
        .finds(&[("patroni.leader", Down, "db01+db03"), ("haproxy.routes", Degraded, "primary leads to db01")]);
    // Each side of a split sees its own.
    let at = |field: &str| format!("/patroni_cluster/ok/body/members/{field}");
    Lab::healthy()
        .set(ASYNC, &at("2/role"), json!("leader"))
        .set(ASYNC, &at("0/role"), json!("replica"))
        .finds(&[("patroni.leader", Down, "db03 says db03"), ("haproxy.routes", Degraded, "primary leads to db01")]);
    Lab::healthy()
        .member(LEADER, "role", &json!("replica"))
        .member(LEADER, "state", &json!("streaming"))
        .finds(&[("patroni.leader", Down, "nobody"), ("haproxy.routes", Degraded, "primary leads to db01")]);
}

#[test]
fn a_leader_that_does_not_run() {
    Lab::healthy().member(LEADER, "state", &json!("start failed")).finds(&[(
        "patroni.leader",
        Down,
        "holds the leader's lock, but does not run",
    )]);
}

#[test]
fn replicas_that_do_not_follow() {
    for state in ["stopped", "in archive recovery", "starting", "creating replica"] {
        Lab::healthy().member(ASYNC, "state", &json!(state)).finds(&[("patroni.replicas", Degraded, state)]);
    }
    Lab::healthy().member(ASYNC, "name", &json!("db09")).finds(&[
        ("patroni.replicas", Degraded, "db03 is no member"),
        ("patroni.replicas", Degraded, "db09 is a member, but not in the inventory"),
    ]);
}

#[test]
fn durability_is_held_against_the_inventory() {
    Lab::healthy().member(SYNC, "role", &json!("replica")).finds(&[(
        "patroni.sync",
        Degraded,
        "0 synchronous standbys stream, 1 wanted",
    )]);
    let mut lab = Lab::healthy();
    lab.cluster.durability = Durability::Async;
    lab.finds(&[("patroni.sync", Degraded, "db02 is synchronous, the inventory says async")]);
    let mut lab = Lab::healthy();
    lab.cluster.durability = Durability::Quorum;
    lab.finds(&[("patroni.sync", Degraded, "0 quorum standbys stream, at least 1 wanted")]);
    let mut lab = Lab::healthy().member(SYNC, "role", &json!("quorum_standby"));
    lab.cluster.durability = Durability::Async;
    lab.finds(&[("patroni.sync", Degraded, "db02 is synchronous, the inventory says async")]);
}

#[test]
fn members_of_different_databases() {
    Lab::healthy().set(ASYNC, "/patroni/ok/body/database_system_identifier", json!("7700000000000000000")).finds(&[(
        "patroni.system",
        Degraded,
        "not one database",
    )]);
}

#[test]
fn flags_and_pending_restarts() {
    Lab::healthy().set_on_all("/patroni/ok/body/pause", &json!(true)).finds(&[(
        "patroni.flags",
        Degraded,
        "db01 is paused",
    )]);
    Lab::healthy().set(SYNC, "/patroni/ok/body/failsafe_mode_is_active", json!(true)).finds(&[(
        "patroni.flags",
        Degraded,
        "db02 runs in failsafe mode",
    )]);
    Lab::healthy().member(SYNC, "pending_restart", &json!(true)).finds(&[(
        "patroni.pending_restart",
        Degraded,
        "db02",
    )]);
}

#[test]
fn settings_in_the_dcs_that_are_not_the_inventorys() {
    let live = "/patroni_config/ok/body";
    Lab::healthy().set_on_all(&format!("{live}/ttl"), &json!(60)).finds(&[(
        "patroni.settings",
        Degraded,
        "not as in the inventory: ttl",
    )]);
    Lab::healthy().set_on_all(&format!("{live}/postgresql/parameters/max_connections"), &json!(300)).finds(&[(
        "patroni.settings",
        Degraded,
        "postgresql.parameters.max_connections",
    )]);
    Lab::healthy().set_on_all(&format!("{live}/postgresql/pg_hba/0"), &json!("local all all trust")).finds(&[(
        "patroni.settings",
        Degraded,
        "postgresql.pg_hba",
    )]);
    // What the operator added, and a number that came back as text, are no differences.
    Lab::healthy()
        .set_on_all(&format!("{live}/postgresql/parameters/max_connections"), &json!("100"))
        .set_on_all(&format!("{live}/postgresql/parameters/track_io_timing"), &json!("on"))
        .finds(&[]);
    let mut lab = Lab::healthy();
    lab.dcs = json!({"ttl": 30, "standby_cluster": null});
    lab.finds(&[]);
}

#[test]
fn routes_that_lead_astray() {
    Lab::healthy().routed(ASYNC, "primary", "db01", "DOWN").finds(&[(
        "haproxy.routes",
        Degraded,
        "on db03, primary leads to nobody",
    )]);
    Lab::healthy().routed(SYNC, "primary", "db03", "UP").finds(&[(
        "haproxy.routes",
        Degraded,
        "on db02, primary leads to db01, db03",
    )]);
    Lab::healthy().routed(LEADER, "replicas", "db02", "DOWN 1/2").finds(&[(
        "haproxy.routes",
        Degraded,
        "on db01, primary leads to db01, replicas to db03",
    )]);
    Lab::healthy().routed(LEADER, "replicas", "db01", "UP").finds(&[(
        "haproxy.routes",
        Degraded,
        "replicas to db01, db02, db03",
    )]);
    Lab::healthy().stopped(SYNC, &["haproxy"]).finds(&[("haproxy.routes", Degraded, "db02 does not tell its routes")]);
    let mut lab = Lab::healthy().routed(LEADER, "replicas", "db03", "DOWN").routed(SYNC, "replicas", "db03", "DOWN");
    lab = lab.routed(ASYNC, "replicas", "db03", "DOWN");
    lab.cluster.nodes[2].tags.noloadbalance = true;
    lab.finds(&[]);
}

#[test]
fn the_vip_is_on_one_host_alone() {
    Lab::healthy().set(SYNC, "/vip/ok", json!(true)).finds(&[("vip.holder", Down, "on db01 and db02 at once")]);
    Lab::healthy().set(LEADER, "/vip/ok", json!(false)).finds(&[("vip.holder", Down, "no node holds 192.168.13.48")]);
}

#[test]
fn an_unknown_holder_is_not_an_absent_one() {
    // The holder can't say that it holds it, while SQL through it works: that is not "nobody".
    Lab::healthy().stopped(LEADER, &["vip"]).finds(&[("vip.holder", Degraded, "db01 could not be asked")]);
    // Somebody holds it, but another might too.
    Lab::healthy().stopped(SYNC, &["vip"]).finds(&[("vip.holder", Degraded, "db02 could not be asked")]);
}

#[test]
fn sql_that_ends_at_the_wrong_server() {
    let sql = |field: &str| format!("/sql/ok/{field}");
    Lab::healthy().set(LEADER, &sql("primary/address"), json!("192.168.13.47")).finds(&[(
        "sql.write",
        Down,
        "192.168.13.48:5000 leads to db03, which is not the leader",
    )]);
    Lab::healthy()
        .set(LEADER, "/sql/ok", json!({"primary": {"in_recovery": true, "address": "192.168.13.46", "version": "17"}}))
        .finds(&[("sql.write", Down, "leads to db02, which is not the leader"), ("sql.read", Degraded, "not tried")]);
    let leader = json!({"in_recovery": false, "address": "192.168.13.45", "version": "17"});
    Lab::healthy().set(LEADER, &sql("replica"), leader).finds(&[(
        "sql.read",
        Degraded,
        "192.168.13.48:5001 leads to db01, which is no replica",
    )]);
    Lab::healthy().set(LEADER, &sql("seen"), json!(false)).finds(&[("sql.read", Degraded, "does not show the row")]);
    Lab::healthy().set(LEADER, "/sql", json!({"error": "OperationalError: timeout"})).finds(&[(
        "sql.write",
        Down,
        "no write through 192.168.13.48:5000: OperationalError: timeout",
    )]);
}

#[test]
fn a_write_that_nobody_tried_is_not_passed_over() {
    let mut lab = Lab::healthy();
    lab.raw.get_mut(LEADER).unwrap().as_object_mut().unwrap().remove("sql");
    lab.finds(&[("sql.write", Degraded, "not tried")]);
}

#[test]
fn units_that_do_not_run_or_not_at_boot() {
    let unit = |name: &str, field: &str| format!("/units/ok/{name}.service/{field}");
    Lab::healthy().set(SYNC, &unit("keepalived", "active"), json!("failed")).finds(&[(
        "units",
        Degraded,
        "keepalived.service on db02 is failed",
    )]);
    Lab::healthy().set(ASYNC, &unit("patroni", "enabled"), json!("disabled")).finds(&[(
        "units",
        Degraded,
        "patroni.service on db03 does not start at boot",
    )]);
}

#[test]
fn a_patroni_that_is_down() {
    Lab::healthy().stopped(ASYNC, PATRONI).member_gone().finds(&[
        ("patroni.api", Degraded, "no answer from db03"),
        ("patroni.replicas", Degraded, "db03 is \"stopped\""),
    ]);
}

impl Lab {
    /// What the others list of a member that was stopped in order.
    fn member_gone(mut self) -> Self {
        for node in [LEADER, SYNC] {
            self = self.set(node, "/patroni_cluster/ok/body/members/2/state", json!("stopped"));
        }
        self
    }
}

#[test]
fn a_silent_host_is_a_finding_and_never_an_absence() {
    let lab = Lab::healthy();
    let mut probes = lab.probes();
    probes.insert(NodeName::new(ASYNC).unwrap(), Err("no route to host".to_owned()));
    let findings = judge(&lab.cluster, &lab.dcs, &probes, Scope::Everything);
    holds(
        &findings,
        &[
            ("host.answers", Degraded, "db03 could not be asked: no route to host"),
            ("etcd.health", Degraded, "2 of 3"),
            ("patroni.api", Degraded, "the hosts that could not be asked"),
            ("vip.holder", Degraded, "db03 could not be asked"),
            ("quorum.margin", Degraded, "can lose none"),
        ],
    );
    // What is well is said of those who answered, and of nobody else.
    for (id, words) in [
        ("etcd.leader", "agreed by 2 of 3"),
        ("patroni.leader", "agreed by 2 of 3"),
        ("patroni.system", "on db01, db02"),
        ("patroni.flags", "say db01, db02"),
        ("units", "on db01, db02"),
    ] {
        assert!(findings.iter().any(|f| f.id == id && f.level == Level::Ok && f.text.ends_with(words)), "{id}");
    }
}

/// Silence must never read as health: without a single answer no line says ok.
#[test]
fn nothing_is_well_when_nobody_answers() {
    let lab = Lab::healthy();
    let silent: Probes = lab.probes().into_keys().map(|name| (name, Err("timed out".to_owned()))).collect();
    let deaf = ALL.into_iter().fold(Lab::healthy(), |lab, node| {
        let questions: Vec<String> = lab.raw[node].as_object().unwrap().keys().cloned().collect();
        lab.stopped(node, &questions.iter().map(String::as_str).collect::<Vec<_>>())
    });
    for (probes, dcs) in [(silent.clone(), &lab.dcs), (silent, &Value::Null), (deaf.probes(), &lab.dcs)] {
        let findings = judge(&lab.cluster, dcs, &probes, Scope::Everything);
        let well: Vec<&Finding> = findings.iter().filter(|finding| finding.level == Level::Ok).collect();
        assert!(well.is_empty(), "said without any answer: {well:?}");
        assert_eq!(Verdict::of(&findings).level(), Level::Down);
        for id in ["etcd.health", "patroni.leader", "quorum.margin", "vip.holder", "units", "patroni.flags"] {
            assert!(findings.iter().any(|finding| finding.id == id), "{id} is missing");
        }
    }
}

#[test]
fn answers_of_an_unexpected_shape_are_no_health() {
    for body in [Value::Null, json!([]), json!("x"), json!({}), json!({"members": {}}), json!({"members": [1, null]})] {
        let mut lab = Lab::healthy();
        for question in ETCD.iter().chain(PATRONI) {
            lab = lab.set_on_all(&format!("/{question}/ok/body"), &body);
        }
        let findings = lab.judged();
        for id in ["etcd.health", "etcd.members", "etcd.leader", "patroni.leader", "patroni.system", "patroni.settings"]
        {
            let level = findings.iter().find(|finding| finding.id == id).map(|finding| finding.level);
            assert_ne!(level, Some(Level::Ok), "{id} for {body}");
        }
    }
}

#[test]
fn a_probe_that_was_cut_is_no_probe() {
    let text = printed(&serde_json::from_str(include_str!("fixtures/probe/probe-db02.json")).unwrap());
    assert!(Probe::parse(text.as_bytes()).is_ok());
    for cut in (0..text.len()).step_by(97) {
        assert!(Probe::parse(&text.as_bytes()[..cut]).is_err(), "cut at {cut}");
    }
}
