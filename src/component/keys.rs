//! Which keys of a file changed: its text as keys and values, whatever the daemon's own language is.
//!
//! Comments and blank lines are no keys. Values may be secrets; they are compared, never shown.

use std::collections::BTreeMap;

use serde_json::Value;

/// The keys that differ between two texts of the file at `path`, in order. Only comments differ: none.
pub fn changed(path: &str, live: &str, wanted: &str) -> Vec<String> {
    let (live, wanted) = (keys(path, live), keys(path, wanted));
    let mut differing: Vec<String> = wanted
        .iter()
        .filter(|(key, values)| live.get(*key) != Some(values))
        .map(|(key, _)| key.clone())
        .chain(live.keys().filter(|key| !wanted.contains_key(*key)).cloned())
        .collect();
    differing.sort();
    differing
}

/// A file's keys; a key may stand several times.
fn keys(path: &str, text: &str) -> BTreeMap<String, Vec<String>> {
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let pairs = match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("env") => environment(text),
        Some("yml") => yaml(text),
        Some("service") => unit(text),
        Some("cfg") => sections(text),
        Some("conf") => blocks(text),
        _ => vec![("text".to_owned(), text.to_owned())],
    };
    for (key, value) in pairs {
        keys.entry(key).or_default().push(value);
    }
    keys
}

/// The lines that say something.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with(['#', '!', ';'])
    })
}

/// `KEY=value`.
fn environment(text: &str) -> Vec<(String, String)> {
    lines(text).map(|line| line.split_once('=').unwrap_or((line, ""))).map(owned).collect()
}

/// systemd's `[Section]` and `Key=value`.
fn unit(text: &str) -> Vec<(String, String)> {
    let mut section = "";
    let mut pairs = Vec::new();
    for line in lines(text).map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            pairs.push((format!("{section} {key}"), value.to_owned()));
        }
    }
    pairs
}

/// HAProxy's sections begin at the margin; a key is the section and the line's first words.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut section = "";
    let mut pairs = Vec::new();
    for line in lines(text) {
        if line.starts_with(char::is_whitespace) {
            let line = line.trim();
            let words = if line.starts_with("option ") || line.starts_with("timeout ") || line.starts_with("server ") {
                2
            } else {
                1
            };
            let key: Vec<&str> = line.split_whitespace().take(words).collect();
            pairs.push((format!("{section} {}", key.join(" ")), line.to_owned()));
        } else {
            section = line.trim();
        }
    }
    pairs
}

/// keepalived's blocks in braces; a key is the kinds of the blocks and the line's first word.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut open: Vec<&str> = Vec::new();
    let mut pairs = Vec::new();
    for line in lines(text).map(str::trim) {
        if let Some(head) = line.strip_suffix('{') {
            // The kind alone: the name of an instance is the cluster's.
            open.push(head.split_whitespace().next().unwrap_or(""));
        } else if line == "}" {
            open.pop();
        } else {
            let first = line.split_whitespace().next().unwrap_or("");
            // Entries of a list are values of the block, not keys.
            let entry = first.starts_with(|c: char| c.is_ascii_digit());
            let key = open.iter().copied().chain((!entry).then_some(first)).collect::<Vec<_>>().join(" ");
            pairs.push((key, line.to_owned()));
        }
    }
    pairs
}

/// Dotted paths. A text that is no YAML is one key of its own: it differs from any that is.
fn yaml(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    match serde_yaml::from_str::<Value>(text) {
        Ok(value) => flatten("", &value, &mut pairs),
        Err(_) => pairs.push(("text".to_owned(), text.to_owned())),
    }
    pairs
}

fn flatten(path: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, pairs);
            }
        }
        other => pairs.push((path.to_owned(), other.to_string())),
    }
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.trim().to_owned(), value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_named_by_its_key_in_each_language() {
        for (path, live, wanted, keys) in [
            ("a.env", "# x\nA=1\nB=2\n", "# y\nA=1\nB=3\nC=4\n", vec!["B", "C"]),
            ("a.yml", "a: {b: 1, c: [1]}\nd: x", "a: {b: 2, c: [1, 2]}\nd: x", vec!["a.b", "a.c"]),
            ("a.service", "[Unit]\nA=1\n[Service]\nA=1\n", "[Unit]\nA=1\n[Service]\nA=2\n", vec!["[Service] A"]),
            (
                "a.cfg",
                "defaults\n  timeout client 1s\n  timeout server 1s\nlisten x\n  bind *:1\n",
                "defaults\n  timeout client 2s\n  timeout server 1s\nlisten x\n  bind *:2\n",
                vec!["defaults timeout client", "listen x bind"],
            ),
            (
                "a.conf",
                "vrrp_instance a {\n  priority 1\n  virtual_ipaddress {\n    10.0.0.1/24\n  }\n}\n",
                "vrrp_instance b {\n  priority 2\n  virtual_ipaddress {\n    10.0.0.2/24\n  }\n}\n",
                vec!["vrrp_instance priority", "vrrp_instance virtual_ipaddress"],
            ),
            ("script", "a", "b", vec!["text"]),
        ] {
            assert_eq!(changed(path, live, wanted), keys, "{path}");
        }
    }

    #[test]
    fn comments_and_order_of_keys_are_no_change() {
        assert!(changed("a.env", "# x\nA=1\nB=2", "B=2\n\n# y\nA=1").is_empty());
        assert!(changed("a.yml", "a: 1 # x\nb: 2", "b: 2\na: 1").is_empty());
        assert!(changed("a.cfg", "global\n  # x\n  a 1", "global\n  a 1\n  # y").is_empty());
    }

    #[test]
    fn what_can_not_be_read_differs_as_a_whole() {
        assert_eq!(changed("a.yml", "{", "a: 1"), ["a", "text"]);
    }
}
