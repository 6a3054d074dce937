//! The rows of Patroni's settings in the DCS, of PostgreSQL's parameters among them, of roles and passwords.

use std::time::Duration;

use serde_json::{Value, json};

use super::rows::{QUIET, Row};
use super::stage::{NODES, Stage};
use super::table::APPLY;
use crate::harness::{fed, until};

/// A restart of PostgreSQL on all nodes: replicas, then the leader, which another has become by then.
const ROLLING: Row = Row {
    order: &[("postgresql/restart-database@replicas", "postgresql/switchover@leader")],
    restarted: "postgres@all",
    outages: 1,
    gap_ms: 6000,
    ..QUIET
};

/// Demands that every PostgreSQL says the same to a statement.
#[track_caller]
fn shows(stage: &Stage, name: &str, value: &str) {
    assert_eq!(stage.everywhere(&format!("SHOW {name}")), NODES.map(|_| value.to_owned()), "{name}");
}

/// What is in the DCS under a path, by the leader's answer.
fn dcs(stage: &Stage, path: &str) -> Value {
    let (status, settings) = stage.patroni(stage.leader(), "GET", "/config", None);
    assert_eq!(status, 200);
    settings.pointer(path).cloned().unwrap_or_default()
}

/// Sets something in the DCS as an operator would, behind the tool's back.
#[track_caller]
fn patch(stage: &Stage, settings: &Value) {
    let (status, answer) = stage.patroni(stage.leader(), "PATCH", "/config", Some(settings));
    assert_eq!(status, 200, "{answer}");
}

/// Patroni's settings in the DCS, PostgreSQL's parameters among them.
pub(super) const ROWS: &[Row] = &[
    Row {
        name: "dynamic: loop_wait, lag",
        change: |stage| {
            stage.set("timings.loop_wait", json!("9s"));
            stage.set("patroni.maximum_lag_on_failover", json!("2MB"));
        },
        plan: "patroni/patch@cluster",
        proof: |stage| {
            assert_eq!(dcs(stage, "/loop_wait"), 9);
            assert_eq!(dcs(stage, "/maximum_lag_on_failover"), 2 << 20);
        },
        ..QUIET
    },
    Row {
        name: "parameter: sighup (work_mem)",
        change: |stage| {
            stage.set("postgresql.parameters.work_mem", json!("9MB"));
            stage.set("postgresql.parameters.deadlock_timeout", json!("3s"));
        },
        plan: "patroni/patch@cluster",
        proof: |stage| {
            shows(stage, "work_mem", "9MB");
            shows(stage, "deadlock_timeout", "3s");
        },
        ..QUIET
    },
    Row {
        name: "an operator's own DCS key",
        change: |stage| {
            patch(stage, &json!({"postgresql": {"parameters": {"log_min_duration_statement": 12345}}}));
            stage.set("postgresql.parameters.work_mem", json!("10MB"));
        },
        plan: "patroni/patch@cluster",
        proof: |stage| {
            assert_eq!(dcs(stage, "/postgresql/parameters/log_min_duration_statement"), 12345);
            shows(stage, "work_mem", "10MB");
        },
        ..QUIET
    },
    Row {
        name: "a parameter is taken out",
        change: |stage| stage.set("postgresql.parameters.deadlock_timeout", Value::Null),
        plan: "patroni/patch@cluster",
        proof: |stage| {
            assert_eq!(dcs(stage, "/postgresql/parameters/deadlock_timeout"), Value::Null);
            shows(stage, "deadlock_timeout", "1s");
        },
        ..QUIET
    },
    Row {
        name: "pg_hba: a line",
        change: |stage| {
            let mut lines = stage.get("postgresql.hba");
            lines.as_array_mut().expect("a list").push(json!("host app app 10.1.2.0/24 scram-sha-256"));
            stage.set("postgresql.hba", lines);
        },
        plan: "patroni/patch@cluster",
        proof: |stage| {
            let there = "SELECT count(*) FROM pg_hba_file_rules WHERE address = '10.1.2.0' AND error IS NULL";
            assert_eq!(stage.everywhere(there), NODES.map(|_| "1".to_owned()));
        },
        ..QUIET
    },
    Row {
        name: "a new role and database",
        change: |stage| {
            let mut roles = stage.get("postgresql.roles");
            roles.as_array_mut().expect("a list").push(json!({"name": "shop"}));
            stage.set("postgresql.roles", roles);
            let mut databases = stage.get("postgresql.databases");
            databases.as_array_mut().expect("a list").push(json!({"name": "shop", "owner": "shop"}));
            stage.set("postgresql.databases", databases);
            stage.secret("role_shop", "shop-password-1");
        },
        plan: "postgresql/sql@cluster",
        proof: |stage| assert!(logs_in(stage, "shop", "shop", "shop-password-1")),
        ..QUIET
    },
    Row {
        name: "an application's password",
        change: |stage| {
            stage.secret("role_app", "an-app's:second");
            assert!(!logs_in(stage, "app", "app", "an-app's:second"));
        },
        plan: "postgresql/sql@cluster",
        proof: |stage| {
            assert!(logs_in(stage, "app", "app", "an-app's:second"));
            assert!(!logs_in(stage, "app", "app", r#"an-app's:"first"pass\word"#));
        },
        ..QUIET
    },
    Row {
        name: "Patroni's own passwords",
        change: |stage| {
            for name in ["superuser", "replication", "rewind"] {
                stage.secret(name, &format!("another:{name}'s"));
            }
        },
        plan: "postgresql/sql@cluster patroni/reload@all",
        order: &[("postgresql/sql@cluster", "patroni/reload@all")],
        proof: |stage| {
            assert!(logs_in(stage, "postgres", "rewind_user", "another:rewind's"));
            assert!(logs_in(stage, "replication", "replicator", "another:replication's"));
            // The superuser does not come by the network: what is stored is asked.
            assert!(stored(stage, "postgres", "another:superuser's"));
            // A replica that connects anew does so with the new password.
            let replica = NODES.into_iter().find(|node| *node != stage.leader()).expect("a replica");
            let receiver = "SELECT pid FROM pg_stat_wal_receiver WHERE status = 'streaming'";
            let old = stage.sql(replica, receiver).expect("a receiver");
            // A receiver is no backend: its sender is ended, on the leader.
            let end = format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = '{replica}'"
            );
            assert_eq!(stage.sql(stage.leader(), &end).as_deref(), Some("t"));
            until("the replica streams again", Duration::from_secs(20), || {
                stage.sql(replica, receiver).filter(|new| !new.is_empty() && *new != old)
            });
        },
        ..QUIET
    },
    Row {
        name: "parameter: postmaster (shared_buffers)",
        change: |stage| stage.set("postgresql.parameters.shared_buffers", json!("200MB")),
        plan: "patroni/patch@cluster postgresql/restart-database@replicas postgresql/switchover@leader",
        proof: |stage| shows(stage, "shared_buffers", "200MB"),
        ..ROLLING
    },
    Row {
        name: "max_connections raised",
        change: |stage| {
            stage.set("haproxy.server_max_connections", json!(80));
            stage.run(APPLY).exits(0);
            stage.set("postgresql.parameters.max_connections", json!(130));
        },
        plan: "patroni/patch@cluster postgresql/restart-database@replicas postgresql/switchover@leader",
        proof: |stage| shows(stage, "max_connections", "130"),
        ..ROLLING
    },
    Row {
        name: "max_connections lowered",
        change: |stage| stage.set("postgresql.parameters.max_connections", json!(110)),
        plan: "patroni/patch@cluster postgresql/restart-database@all",
        // A standby takes no lower value than the leader's: the leader first, where it is.
        order: &[("postgresql/restart-database@leader", "postgresql/restart-database@replicas")],
        proof: |stage| shows(stage, "max_connections", "110"),
        ..ROLLING
    },
    Row {
        name: "a restart that was left over",
        change: |stage| {
            // As a run leaves it that dies behind the PATCH.
            stage.set("postgresql.parameters.shared_buffers", json!("180MB"));
            patch(stage, &json!({"postgresql": {"parameters": {"shared_buffers": "180MB"}}}));
            let pending = || {
                let (_, cluster) = stage.patroni("db01", "GET", "/cluster", None);
                let members = cluster["members"].as_array().cloned().unwrap_or_default();
                members.iter().all(|one| one["pending_restart"] == true).then_some(())
            };
            until("all members wait for a restart", Duration::from_secs(30), pending);
        },
        plan: "postgresql/restart-database@replicas postgresql/switchover@leader",
        proof: |stage| shows(stage, "shared_buffers", "180MB"),
        ..ROLLING
    },
];

/// Whether a role gets in through the VIP with a password.
fn logs_in(stage: &Stage, database: &str, role: &str, password: &str) -> bool {
    let (database, options) = if database == "replication" { ("postgres", "replication=true") } else { (database, "") };
    let program = "import os, sys, psycopg\n\
                   psycopg.connect(host=\"192.168.13.48\", port=5000, dbname=sys.argv[1].split()[0], user=sys.argv[1].split()[1],\
                   password=sys.stdin.read(), connect_timeout=5, **({\"replication\": \"true\"} if len(sys.argv[1].split()) > 2 else {}))";
    let words = Stage::python(program, "");
    let argument = format!("{database} {role} {options}");
    let mut words = words.each_ref().map(String::as_str);
    words[5] = argument.trim_end();
    let run = fed(&mut stage.inside("db01", &words), password);
    assert!(run.code == 0 || run.err.contains("authentication failed"), "{}", run.err);
    run.code == 0
}

/// Whether the verifier that PostgreSQL has of a role belongs to a password.
fn stored(stage: &Stage, role: &str, password: &str) -> bool {
    let verifier = stage.sql(stage.leader(), &format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'"));
    let program = "import base64, hashlib, hmac, sys\n\
                   count, salt, stored, _ = sys.argv[1].removeprefix('SCRAM-SHA-256$').replace('$', ':').split(':')\n\
                   salted = hashlib.pbkdf2_hmac('sha256', sys.stdin.read().encode(), base64.b64decode(salt), int(count))\n\
                   key = hashlib.sha256(hmac.digest(salted, b'Client Key', 'sha256')).digest()\n\
                   sys.exit(key != base64.b64decode(stored))";
    let verifier = verifier.expect("a verifier");
    let words = Stage::python(program, &verifier);
    fed(&mut stage.inside("db01", &words.each_ref().map(String::as_str)), password).code == 0
}
