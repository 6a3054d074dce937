//! Values that a format could misread: they arrive byte for byte, or are refused before anything is written.

#![allow(clippy::unwrap_used, reason = "a test that can't render has failed")]

mod common;

use std::collections::BTreeMap;

use proptest::prelude::*;
use quorate::cluster::{
    Cluster, Database, Durability, HbaRule, Identifier, InstallMethod, ParameterValue, Role, Secret, SecretName,
    SecretSource, Secrets, Version,
};
use quorate::component::{Desired, Inputs, RenderError, TemplateError, Templates, assumed_facts, desired, postgresql};
use saphyr_parser::{Event, Parser, ScalarStyle};

/// Passwords that break a file which pastes them.
const HOSTILE: [&str; 14] = [
    r#"'"\:#{}%$ "#,
    "a\tb",
    "yes",
    "1_000",
    "12:34",
    "~",
    "{{ get_env(name=\"HOME\") }}",
    "{% include \"/etc/shadow\" %}",
    "$(id)`id`;&&|",
    "- a: [b",
    " leading and trailing ",
    "パスワード\u{3000}",
    "''",
    "!!python/object:x",
];

fn with_secret(cluster: &Cluster, name: SecretName, value: &str) -> Result<Desired, RenderError> {
    let mut secrets = common::secrets(cluster);
    secrets.insert(name, Secret::new(value.to_owned()));
    render(cluster, &secrets)
}

fn render(cluster: &Cluster, secrets: &Secrets) -> Result<Desired, RenderError> {
    let facts = common::facts(cluster, &common::debian("13"));
    desired(&Inputs { cluster, facts: &facts, secrets }, &Templates::embedded().unwrap())
}

fn file<'a>(desired: &'a Desired, end: &str) -> &'a str {
    let node = desired.nodes.values().next().unwrap();
    node.files.iter().find(|file| file.path.ends_with(end)).unwrap().content.expose()
}

#[test]
fn a_hostile_password_arrives_as_it_is() {
    let cluster = common::cluster(3);
    for password in HOSTILE {
        let desired = with_secret(&cluster, SecretName::Superuser, password).unwrap();
        let yaml: serde_json::Value = serde_yaml::from_str(file(&desired, "patroni.yml")).unwrap();
        assert_eq!(yaml["postgresql"]["authentication"]["superuser"]["password"], password);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_password_arrives_as_it_is_or_is_refused(password in any::<String>()) {
        let cluster = common::cluster(3);
        match with_secret(&cluster, SecretName::RestApi, &password) {
            Ok(desired) => {
                let yaml: serde_json::Value = serde_yaml::from_str(file(&desired, "patroni.yml")).unwrap();
                prop_assert_eq!(&yaml["restapi"]["authentication"]["password"], &password);
            }
            Err(error) => prop_assert!(
                password.chars().any(|c| !matches!(c, ' '..='~' | '\t' | '\u{a0}'..)
                    || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')),
                "{password:?}: {error}"
            ),
        }
    }
}

#[test]
fn what_a_format_cannot_hold_is_refused() {
    let cluster = common::cluster(3);
    for password in ["a\nb-and-more", "a\rb", "a\0b", "it's", "\u{3000}"] {
        let error = with_secret(&cluster, SecretName::HaproxyStats, password).unwrap_err().to_string();
        assert!(error.contains("haproxy/haproxy.cfg") && error.contains("can't be written"), "{error}");
        assert!(!error.contains(password) || password.len() == 3, "the error shows the password: {error}");
    }
    let error = with_secret(&cluster, SecretName::Superuser, "two\nlines").unwrap_err().to_string();
    assert!(error.contains("patroni/patroni.yml"), "{error}");
    for bad in ["/srv/my data", "/srv/a\nb", "/srv/$HOME", "/srv/\u{3000}"] {
        let mut cluster = common::cluster(3);
        cluster.etcd.data_dir = bad.into();
        let error = render(&cluster, &common::secrets(&cluster)).unwrap_err().to_string();
        assert!(error.contains("etcd/etcd.env"), "{bad:?}: {error}");
    }
}

/// What YAML 1.1 takes for a switch if it is not quoted.
const SWITCHES: [&str; 18] =
    ["y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "~", "null"];

#[test]
fn yaml_has_no_string_without_quotes() {
    let mut cluster = common::cluster(3);
    cluster.nodes[0].parameters.insert(Identifier::new("autovacuum").unwrap(), ParameterValue::Bool(true));
    let (facts, secrets) = (common::facts(&cluster, &common::debian("13")), common::secrets(&cluster));
    let inputs = Inputs { cluster: &cluster, facts: &facts, secrets: &secrets };
    let name = &cluster.nodes[0].name;
    let file = quorate::component::patroni::bootstrap_file(inputs, &Templates::embedded().unwrap(), name).unwrap();
    let text = file.content.expose();
    assert!(text.contains("'autovacuum': 'on'"), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let mut seen = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.unwrap();
        let Event::Scalar(value, ScalarStyle::Plain, ..) = event else { continue };
        seen += 1;
        let after: String = lines[span.start.line() - 1].chars().skip(span.end.col()).collect();
        let key = after.starts_with(':');
        let number = value.parse::<f64>().is_ok();
        assert!(!SWITCHES.contains(&value.as_ref()), "YAML 1.1 misreads {value:?}");
        assert!(key || number || value == "true" || value == "false", "{value:?} is a string without quotes");
    }
    assert!(seen > 30);
}

/// The inventory's own roles, databases and rules.
fn rich() -> Cluster {
    let mut cluster = common::cluster(3);
    cluster.postgresql.roles = vec![Role {
        name: Identifier::new("admin").unwrap(),
        createdb: true,
        createrole: true,
        password: SecretSource::SecretsFile,
    }];
    cluster.postgresql.databases = vec![
        Database { name: Identifier::new("app").unwrap(), owner: Some(Identifier::new("admin").unwrap()) },
        Database { name: Identifier::new("spare").unwrap(), owner: None },
    ];
    cluster.postgresql.hba = vec![HbaRule {
        kind: "host".to_owned(),
        database: "app".to_owned(),
        user: "admin".to_owned(),
        address: Some("10.0.0.0/8".to_owned()),
        method: "scram-sha-256".to_owned(),
    }];
    cluster
}

#[test]
fn roles_and_databases_are_made_by_sql() {
    let cluster = rich();
    let facts = common::facts(&cluster, &common::debian("13"));
    let mut secrets = common::secrets(&cluster);
    secrets.insert(SecretName::Role("admin".to_owned()), Secret::new(r#"it's \ "x" $1 :a"#.to_owned()));
    let inputs = Inputs { cluster: &cluster, facts: &facts, secrets: &secrets };
    let roles = postgresql::roles(inputs).unwrap();
    let all = roles.keys().cloned().collect();
    let sql = postgresql::roles_sql(&roles, &all);
    insta::assert_snapshot!("roles", sql.expose());
    assert!(!sql.masked(&secrets).contains("it''s") && !format!("{sql:?}").contains("it"));
}

/// Only what changed is run again, roles before the databases that they own.
#[test]
fn the_statements_of_some_roles_alone() {
    let cluster = rich();
    let (facts, secrets) = (common::facts(&cluster, &common::debian("13")), common::secrets(&cluster));
    let roles = postgresql::roles(Inputs { cluster: &cluster, facts: &facts, secrets: &secrets }).unwrap();
    let expected = [
        "database app",
        "database spare",
        "role admin",
        "role postgres",
        "role quorate_probe",
        "role replicator",
        "role rewind_user",
    ];
    assert_eq!(roles.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    let named = ["role admin", "database app"].map(str::to_owned).into();
    let sql = postgresql::roles_sql(&roles, &named);
    let place = |part: &str| sql.expose().find(part).unwrap();
    assert!(place("CREATE ROLE \"admin\"") < place("CREATE DATABASE \"app\""));
    assert!(!sql.expose().contains("replicator") && !sql.expose().contains("spare"));
    // What must not reach a log stands before any password.
    assert!(place("log_statement = 'none'") < place("PASSWORD"));
}

#[test]
fn the_inventorys_rules_stand_between_the_clusters_and_the_defaults() {
    let lines = postgresql::hba(&rich());
    let place = |part: &str| lines.iter().position(|line| line.contains(part)).unwrap();
    assert!(place("quorate_probe") < place("10.0.0.0/8") && place("10.0.0.0/8") < place("reject"));
    assert!(lines.iter().all(|line| !line.contains("trust") && !line.contains("md5")));
}

#[test]
fn connection_limits_follow_max_connections() {
    let mut cluster = common::cluster(3);
    assert_eq!(postgresql::client_connections(&cluster), 92);
    let name = Identifier::new("max_connections").unwrap();
    cluster.postgresql.parameters.insert(name, ParameterValue::Integer(500));
    let reserved = Identifier::new("superuser_reserved_connections").unwrap();
    cluster.postgresql.parameters.insert(reserved, ParameterValue::Integer(10));
    assert_eq!(postgresql::client_connections(&cluster), 485);
    let desired = render(&cluster, &common::secrets(&cluster)).unwrap();
    assert!(file(&desired, "haproxy.cfg").contains(" maxconn 485 check"));
    assert_eq!(desired.dcs["postgresql"]["parameters"]["max_connections"], 500);
}

#[test]
fn durability_becomes_patronis_switches() {
    let expected = [
        (Durability::Async, serde_json::json!(false), false),
        (Durability::Sync, serde_json::json!(true), false),
        (Durability::SyncStrict, serde_json::json!(true), true),
        (Durability::Quorum, serde_json::json!("quorum"), false),
    ];
    let mut cluster = common::cluster(3);
    for (durability, mode, strict) in expected {
        cluster.durability = durability;
        let dcs = render(&cluster, &common::secrets(&cluster)).unwrap().dcs;
        assert_eq!((&dcs["synchronous_mode"], &dcs["synchronous_mode_strict"]), (&mode, &strict.into()));
    }
    cluster.patroni.version = Some(Version::new(3, 3, 8));
    let error = render(&cluster, &common::secrets(&cluster)).unwrap_err();
    assert!(matches!(error, RenderError::TooOld { .. }), "{error}");
}

#[test]
fn names_of_etcds_options_follow_its_version() {
    let mut cluster = common::cluster(3);
    for (version, word) in [
        (Version::new(3, 4, 23), "\nETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK=true\n"),
        (Version::new(3, 5, 16), "\nETCD_EXPERIMENTAL_INITIAL_CORRUPT_CHECK=true\n"),
        (Version::new(3, 6, 14), "\nETCD_FEATURE_GATES=InitialCorruptCheck=true\n"),
        (Version::new(3, 7, 1), "\nETCD_FEATURE_GATES=InitialCorruptCheck=true\n"),
    ] {
        cluster.etcd.version = Some(version);
        let desired = render(&cluster, &common::secrets(&cluster)).unwrap();
        let text = file(&desired, "etcd.env");
        assert!(text.contains(word), "{version}: {text}");
        assert_eq!(text.matches("INITIAL_CORRUPT_CHECK").count() + text.matches("FEATURE_GATES").count(), 1);
    }
}

#[test]
fn packages_bring_their_own_programs() {
    let mut cluster = common::cluster(3);
    cluster.etcd.install = Some(InstallMethod::Package);
    cluster.patroni.install = Some(InstallMethod::Package);
    cluster.haproxy.install = Some(InstallMethod::Package);
    cluster.keepalived.install = Some(InstallMethod::Package);
    let desired = render(&cluster, &common::secrets(&cluster)).unwrap();
    let node = desired.nodes.values().next().unwrap();
    assert!(node.programs.is_empty());
    for package in ["etcd-server", "etcd-client", "patroni", "haproxy", "keepalived"] {
        assert!(node.packages.iter().any(|name| name == package), "{package}");
    }
    assert!(file(&desired, "keepalived.service").contains("ExecStart=/usr/sbin/keepalived --dont-fork --vrrp -f "));
    assert!(file(&desired, "etcd.service").contains("ExecStart=/usr/bin/etcd\n"));
    let facts = common::facts(&cluster, &common::debian("11"));
    let secrets = common::secrets(&cluster);
    let error = desired_error(&cluster, &facts, &secrets);
    assert!(error.contains("etcd") && error.contains("etcd.install: source"), "{error}");
}

fn desired_error(
    cluster: &Cluster,
    facts: &BTreeMap<quorate::cluster::NodeName, quorate::cluster::Facts>,
    secrets: &Secrets,
) -> String {
    desired(&Inputs { cluster, facts, secrets }, &Templates::embedded().unwrap()).unwrap_err().to_string()
}

#[test]
fn what_is_missing_is_named() {
    let mut cluster = common::cluster(3);
    let facts = common::facts(&cluster, &common::debian("13"));
    let secrets = common::secrets(&cluster);
    assert!(desired_error(&cluster, &BTreeMap::new(), &secrets).contains("db01"));
    assert!(desired_error(&cluster, &facts, &Secrets::default()).contains("secrets file"));
    let old = common::facts(&cluster, &common::debian("9"));
    assert!(desired_error(&cluster, &old, &secrets).contains("debian-9 is not supported"));
    cluster.postgresql.version = Some(16);
    let error = desired_error(&cluster, &facts, &secrets);
    assert!(error.contains("PostgreSQL 16") && error.contains("has 17") && error.contains("pgdg"), "{error}");
}

#[test]
fn the_leader_can_be_any_node_so_all_have_one_postgresql() {
    let cluster = common::cluster(3);
    let mut facts = common::facts(&cluster, &common::debian("13"));
    facts.get_mut(&cluster.nodes[2].name).unwrap().os = common::debian("12");
    let error = desired_error(&cluster, &facts, &common::secrets(&cluster));
    assert!(error.contains("db03") && error.contains("PostgreSQL 17"), "{error}");
}

#[test]
fn memory_follows_the_smallest_node() {
    let cluster = common::cluster(3);
    let mut facts = common::facts(&cluster, &common::debian("13"));
    facts.get_mut(&cluster.nodes[1].name).unwrap().memory_bytes = 2 << 30;
    let secrets = common::secrets(&cluster);
    let dcs = desired(&Inputs { cluster: &cluster, facts: &facts, secrets: &secrets }, &Templates::embedded().unwrap());
    assert_eq!(dcs.unwrap().dcs["postgresql"]["parameters"]["shared_buffers"], "512MB");
}

#[test]
fn an_own_template_is_used_and_its_mistakes_are_shown() {
    let cluster = common::cluster(3);
    let (facts, secrets) = (common::facts(&cluster, &common::debian("13")), common::secrets(&cluster));
    let inputs = Inputs { cluster: &cluster, facts: &facts, secrets: &secrets };
    let with =
        |name: &str, text: &str| Templates::with_overrides(&BTreeMap::from([(name.to_owned(), text.to_owned())]));
    let own = with("etcd/etcd.env", "ETCD_NAME={{ node }}\n").unwrap();
    assert_eq!(file(&desired(&inputs, &own).unwrap(), "etcd.env"), "ETCD_NAME=db01\n");
    assert!(matches!(with("etcd/etcd.conf", ""), Err(TemplateError::Unknown { .. })));
    assert!(matches!(with("etcd/etcd.env", "{% if"), Err(TemplateError::Engine { action: "read", .. })));
    let fails = |text: &str| desired(&inputs, &with("etcd/etcd.env", text).unwrap()).unwrap_err().to_string();
    assert!(fails("{{ nodee }}\n").contains("nodee"));
    let error = fails("{% if feature_gate %}x{% endif %}\n");
    assert!(error.contains("`feature_gate`") && error.contains("feature_gates"), "{error}");
    let error = fails("# a\nETCD_NAME=db01\u{3000}\n");
    assert!(error.contains("line 2") && error.contains("u{3000}"), "{error}");
}

#[test]
fn assumptions_are_said() {
    let cluster = common::cluster(3);
    let assumed = assumed_facts(&cluster);
    assert_eq!(assumed.facts.len(), 3);
    assert!(assumed.assumptions.iter().any(|text| text.contains("eth0 on db01, db02, db03")));
    assert!(assumed.assumptions.iter().any(|text| text.contains("/24")));
    let secrets = common::secrets(&cluster);
    desired(&Inputs { cluster: &cluster, facts: &assumed.facts, secrets: &secrets }, &Templates::embedded().unwrap())
        .unwrap();
    let mut said = common::cluster(3);
    said.vip.prefix = Some(28);
    said.vip.interface = Some(quorate::cluster::Interface::new("bond0").unwrap());
    assert_eq!(assumed_facts(&said).assumptions.len(), 2);
}
