//! Files that are generated from the table of keys, and the table itself against the model.

use std::path::Path;

use quorate::inventory;
use serde_json::Value;

use super::corpus::recorded;

const MINIMAL: &str = include_str!("../inventories/valid/minimal.yml");

/// The model of an inventory's text, as text.
fn model(text: &str) -> String {
    let cluster = inventory::parse(text, Path::new("/inventories/prod.yml")).unwrap_or_else(|error| panic!("{error}"));
    format!("{cluster:#?}")
}

#[test]
fn the_committed_schema_is_the_generated_one() {
    let schema = inventory::json_schema();
    let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
    recorded(Path::new("schema/quorate.schema.json"), &text).unwrap_or_else(|difference| panic!("{difference}"));
}

#[test]
fn the_committed_reference_is_the_generated_one() {
    recorded(Path::new("docs/inventory.md"), &inventory::reference())
        .unwrap_or_else(|difference| panic!("{difference}"));
}

/// One key of the schema: its path, default and example, read from docs/inventory.md.
struct Row {
    path: String,
    default: String,
    example: String,
}

/// The rows of the reference's tables.
fn rows() -> Vec<Row> {
    let mut group = String::new();
    let mut rows = Vec::new();
    for line in inventory::reference().lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            group = heading.trim_matches('`').replace("The top level", "");
        } else if let Some(cells) = line.strip_prefix("| `") {
            let cells: Vec<&str> = cells.split(" | ").collect();
            let [key, _, default, example, _] = cells.as_slice() else { panic!("five cells: {line}") };
            let key = key.trim_end_matches('`');
            let path = if group.is_empty() { key.to_owned() } else { format!("{group}.{key}") };
            rows.push(Row {
                path,
                default: default.trim_matches('`').to_owned(),
                example: example.trim_matches('`').to_owned(),
            });
        }
    }
    rows
}

/// The smallest inventory with one more key.
fn with(path: &str, value: &str) -> String {
    let nodes = |first: &str| {
        format!(
            "nodes:\n  - {{name: db01, address: 192.168.13.45{first}}}\n  - {{name: db02, address: 192.168.13.46}}\n  \
             - {{name: db03, address: 192.168.13.47}}\n"
        )
    };
    let head = "cluster: pg-prod\n";
    let vip = "vip: 192.168.13.48\n";
    let parts: Vec<&str> = path.split('.').collect();
    match parts.as_slice() {
        ["nodes[]", key] => format!("{head}{}{vip}", nodes(&format!(", {key}: {value}"))),
        ["nodes[]", group, key] => format!("{head}{}{vip}", nodes(&format!(", {group}: {{{key}: {value}}}"))),
        ["vip", key] => format!("{head}{}vip: {{address: 192.168.13.48, {key}: {value}}}\n", nodes("")),
        ["postgresql", "roles[]", key] => {
            format!("{head}{}{vip}postgresql: {{roles: [{{name: app, {key}: {value}}}]}}\n", nodes(""))
        }
        ["postgresql", "roles[]", group, key] => {
            format!("{head}{}{vip}postgresql: {{roles: [{{name: app, {group}: {{{key}: {value}}}}}]}}\n", nodes(""))
        }
        ["postgresql", "databases[]", key] => {
            let roles = "roles: [{name: app}]";
            format!("{head}{}{vip}postgresql: {{{roles}, databases: [{{name: app, {key}: {value}}}]}}\n", nodes(""))
        }
        ["artifacts", "pins[]", key] => {
            format!("{head}{}{vip}artifacts: {{pins: [{{{}}}]}}\n", nodes(""), pin(Some((key, value))))
        }
        ["artifacts", "proxy_login"] => {
            format!("{head}{}{vip}artifacts: {{proxy: 'http://proxy.example:8080', proxy_login: {value}}}\n", nodes(""))
        }
        ["artifacts", "proxy_login", key] => with("artifacts.proxy_login", &format!("{{{key}: {value}}}")),
        [group, key] => format!("{head}{}{vip}{group}: {{{key}: {value}}}\n", nodes("")),
        [group, middle, key] => format!("{head}{}{vip}{group}: {{{middle}: {{{key}: {value}}}}}\n", nodes("")),
        [key] => format!("{head}{}{vip}{key}: {value}\n", nodes("")),
        _ => panic!("no place for {path}"),
    }
}

/// A pin with one key of another value.
fn pin(other: Option<(&str, &str)>) -> String {
    let sum = "a".repeat(64);
    let mut keys = vec![
        ("component", "haproxy"),
        ("version", "3.0.0"),
        ("kind", "source"),
        ("file", "haproxy-3.0.0.tar.gz"),
        ("sha256", &sum),
    ];
    match other {
        // etcd alone has releases, and they alone have an architecture.
        Some(("arch", value)) => keys.extend([("component", "etcd"), ("kind", "release"), ("arch", value)]),
        Some(other) => keys.push(other),
        None => {}
    }
    let last: std::collections::BTreeMap<&str, &str> = keys.into_iter().collect();
    last.iter().map(|(key, value)| format!("{key}: '{value}'")).collect::<Vec<_>>().join(", ")
}

/// The same inventory without the key.
fn without(path: &str) -> String {
    if path.starts_with("postgresql.roles[]") {
        return with("postgresql.roles", "[{name: app}]");
    }
    if path.starts_with("postgresql.databases[]") {
        return with("postgresql", "{roles: [{name: app}], databases: [{name: app}]}");
    }
    if path.starts_with("artifacts.pins[]") {
        return with("artifacts", &format!("{{pins: [{{{}}}]}}", pin(None)));
    }
    MINIMAL.to_owned()
}

#[test]
fn every_default_of_the_table_is_the_models_own() {
    let mut checked = 0;
    for row in rows() {
        let written = !row.default.is_empty() && !row.default.contains(' ') && row.default != "**required**";
        // A default in parentheses is a sentence; its backticks are gone, so a blank or a known word tells it.
        if !written || matches!(row.default.as_str(), "none" | "known_hosts") {
            continue;
        }
        // The model keeps the port's default in `port()`.
        let written = model(&with(&row.path, &row.default)).replace("Some(\n            5432,\n        )", "None");
        assert!(written == model(&without(&row.path)), "`{}: {}` is not what counts without it", row.path, row.default);
        checked += 1;
    }
    assert!(checked > 40, "only {checked} defaults were checked");
}

#[test]
fn every_key_of_the_table_reaches_the_model() {
    let required = ["cluster", "nodes[].name", "nodes[].address", "vip", "vip.address", "artifacts.pins[].kind"];
    let mut checked = 0;
    for row in rows() {
        let named = row.path.ends_with("[].name") || required.contains(&row.path.as_str());
        if row.example.is_empty() || row.path == "format" || named {
            continue;
        }
        // These need another key beside them to be valid.
        let text = match row.path.as_str() {
            "patroni.version" => with(&row.path, "4.1.0"),
            "timings.ttl" => with(&row.path, "61s"),
            "timings.loop_wait" => with(&row.path, "9s"),
            "etcd.heartbeat_ms" => with(&row.path, "150"),
            path => with(path, &row.example),
        };
        assert!(model(&text) != model(&without(&row.path)), "`{}: {}` changes nothing", row.path, row.example);
        checked += 1;
    }
    assert!(checked > 75, "only {checked} keys were checked");
}

#[test]
fn the_schema_describes_and_closes_every_object() {
    fn walk(schema: &Value, path: &str) {
        if schema["type"] == "object" && schema.get("properties").is_some() {
            assert_eq!(schema["additionalProperties"], Value::Bool(false), "{path} is open");
            for (key, property) in schema["properties"].as_object().expect("an object") {
                let text = property["description"].as_str().unwrap_or_default();
                assert!(text.len() > 10, "{path}.{key} has no description");
                walk(property, &format!("{path}.{key}"));
            }
        }
        walk_list(&schema["oneOf"], path);
        if let Some(items) = schema.get("items") {
            walk(items, path);
        }
    }
    fn walk_list(list: &Value, path: &str) {
        for schema in list.as_array().into_iter().flatten() {
            walk(schema, path);
        }
    }
    let schema = inventory::json_schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    walk(&schema, "");
}

#[test]
fn the_starter_is_a_valid_inventory_that_points_to_the_schema() {
    use quorate::cluster::{ClusterName, NodeName};
    let nodes: Vec<_> = [("db01", "10.0.0.1"), ("db02", "10.0.0.2"), ("db03", "10.0.0.3")]
        .map(|(name, address)| (NodeName::new(name).expect("a name"), address.parse().expect("an address")))
        .to_vec();
    let name = ClusterName::new("pg-prod").expect("a name");
    let text = inventory::starter(&name, &nodes, "10.0.0.100".parse().expect("an address"));
    assert!(text.starts_with("# yaml-language-server: $schema="));
    let cluster = inventory::parse(&text, Path::new("prod.yml")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(cluster.nodes.len(), 3);
    // What stands in comments must be right too, once its mark is taken away.
    let lines: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest.starts_with(' ')
                    || rest
                        .split(':')
                        .next()
                        .is_some_and(|key| matches!(key, "ssh" | "durability" | "postgresql" | "keepalived")) =>
            {
                rest
            }
            _ => line,
        })
        .collect();
    let cluster = inventory::parse(&lines.join("\n"), Path::new("prod.yml")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(cluster.postgresql.version, Some(17));
    assert_eq!(cluster.keepalived.router_id, 51);
}

#[test]
fn the_examples_are_valid() {
    for entry in std::fs::read_dir("inventories").expect("examples are there") {
        let path = entry.expect("a readable entry").path();
        inventory::load(&path).unwrap_or_else(|error| panic!("{error}"));
    }
}
