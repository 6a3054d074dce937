//! Holds the code's imports against the table of rooms: who may import whom, and what a pure room must not touch.
//!
//! [`MAY_IMPORT`] is the one place of that table; `ARCHITECTURE.md` explains it, and a test here holds the two together.

#![allow(clippy::unwrap_used, reason = "sources that can't be read are a failure")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Each room and the rooms it may import; itself it may always.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("cluster", &[]),
    ("inventory", &["cluster"]),
    ("platform", &["cluster"]),
    ("component", &["cluster", "platform"]),
    ("verify", &["cluster"]),
    ("plan", &["cluster", "component", "platform", "verify"]),
    ("host", &["cluster"]),
    ("artifact", &["cluster", "component"]),
    ("apply", &["artifact", "cluster", "component", "host", "plan", "platform", "verify"]),
    ("report", &["apply", "host", "plan", "verify"]),
    ("lab", &["cluster"]),
    (
        "cli",
        &[
            "apply",
            "artifact",
            "cluster",
            "component",
            "host",
            "inventory",
            "lab",
            "plan",
            "platform",
            "report",
            "verify",
        ],
    ),
];

/// Rooms that compute and nothing else.
const PURE: &[&str] = &["cluster", "inventory", "platform", "component", "verify", "plan"];

/// What a pure room must not name: clocks, files, processes, sockets, the environment, other tasks.
const IMPURE: &[&str] = &[
    "tokio",
    "openssh",
    "ureq",
    "rustix",
    "tempfile",
    "getrandom",
    "std::fs",
    "std::io",
    "std::process",
    "std::env",
    "std::thread",
    "std::time::SystemTime",
    "std::time::Instant",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
];

/// The exceptions, each with its reason.
const EXCEPTIONS: &[(&str, &[&str], &str)] = &[
    (
        "inventory/loader.rs",
        &["std::fs", "std::io", "std::process", "std::env", "getrandom"],
        "the one file that reads the inventory and its secrets",
    ),
    ("inventory/secrets_file.rs", &["getrandom"], "new secrets come from the operating system"),
    ("component/format.rs", &["std::io"], "tera's escape function writes to a std::io::Write; here it is a buffer"),
];

/// A source file without comments and without its unit tests.
struct Source {
    path: String,
    room: String,
    code: String,
    whole: String,
}

fn sources() -> Vec<Source> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&folder, &mut paths);
    paths.sort();
    assert!(paths.len() > 80, "only {} sources were found", paths.len());
    paths
        .into_iter()
        .map(|path| {
            let whole = std::fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
            let room = path.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
            let code = code(&whole);
            Source { path, room, code, whole }
        })
        .collect()
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Unit tests stand at the end of a file; comments may name any room.
fn code(whole: &str) -> String {
    let before_tests = whole.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let plain = |line: &&str| !line.trim_start().starts_with("//");
    before_tests.lines().filter(plain).map(|line| line.split(" // ").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// The names that follow `root::`, grouped ones too: `crate::{a, b::c}` names a and b.
fn named(code: &str, root: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(&format!("{root}::")) {
        let part_of_a_name = code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$');
        let rest = &code[at + root.len() + 2..];
        if part_of_a_name {
        } else if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut fresh = true;
            for (at, c) in group.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => fresh = true,
                    c if fresh && c.is_alphanumeric() => {
                        names.insert(word(&group[at..]));
                        fresh = false;
                    }
                    _ => {}
                }
            }
        } else {
            names.insert(word(rest));
        }
    }
    names.remove("");
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn the_reader_of_imports_sees_every_form() {
    let text = "use crate::{cluster::{A, B}, plan, verify::C};\nlet x = crate::host::y(); mycrate::lab::z();";
    assert_eq!(named(text, "crate").into_iter().collect::<Vec<_>>(), ["cluster", "host", "plan", "verify"]);
    assert_eq!(code("use a; // crate::lab::x\n//! crate::cli\nb\n#[cfg(test)]\nmod tests {\nc"), "use a;\nb");
}

#[test]
fn rooms_import_only_whom_they_may() {
    let table: BTreeMap<&str, &[&str]> = MAY_IMPORT.iter().copied().collect();
    let mut wrong = Vec::new();
    for source in sources() {
        if matches!(source.path.as_str(), "lib.rs" | "main.rs") {
            continue;
        }
        let may = table.get(source.room.as_str()).unwrap_or_else(|| panic!("{} has no row in the table", source.room));
        // The command line is the binary: it reaches the library by its name, and itself by `crate`.
        let root = if source.room == "cli" { "quorate" } else { "crate" };
        for name in named(&source.code, root) {
            if name != source.room && !may.contains(&name.as_str()) {
                wrong.push(format!("{} imports {name}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nobody_climbs_out_of_a_room() {
    for source in sources() {
        let inner = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
        let depth = inner.split('/').count();
        let climb = format!("{}::", vec!["super"; depth].join("::"));
        let out = source.code.contains(&climb) && !matches!(source.path.as_str(), "lib.rs" | "main.rs");
        assert!(!out, "{} reaches above its room by {climb}", source.path);
    }
}

#[test]
fn pure_rooms_touch_nothing() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|source| PURE.contains(&source.room.as_str())) {
        let allowed =
            EXCEPTIONS.iter().filter(|(path, ..)| *path == source.path).flat_map(|(_, what, _)| *what).copied();
        let allowed: BTreeSet<&str> = allowed.collect();
        for impure in IMPURE.iter().filter(|impure| !allowed.contains(**impure)) {
            let crate_name = format!("{impure}::");
            let found =
                if impure.contains("::") { source.code.contains(impure) } else { source.code.contains(&crate_name) };
            if found {
                wrong.push(format!("{} names {impure}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_exception_is_still_needed() {
    let sources = sources();
    for (path, what, reason) in EXCEPTIONS {
        let source = sources.iter().find(|source| source.path == *path).unwrap_or_else(|| panic!("{path} is gone"));
        for name in *what {
            assert!(source.code.contains(name), "{path} no longer names {name} ({reason})");
        }
    }
}

#[test]
fn hosts_know_no_component() {
    for source in sources().iter().filter(|source| source.room == "host") {
        let text = source.code.to_lowercase();
        for name in ["etcd", "patroni", "postgres", "haproxy", "keepalived"] {
            assert!(!text.contains(name), "{} speaks of {name}", source.path);
        }
    }
}

#[test]
fn only_the_command_line_prints_and_ends_the_process() {
    for source in sources().iter().filter(|source| source.room != "cli") {
        for word in ["println!", "eprintln!", "print!", "eprint!", "process::exit", "dbg!"] {
            assert!(!source.code.contains(word), "{} uses {word}", source.path);
        }
    }
}

#[test]
fn every_file_says_its_purpose_and_stays_readable() {
    for source in sources() {
        assert!(source.whole.starts_with("//! "), "{} does not say what it is for", source.path);
        let lines = source.whole.lines().count();
        assert!(lines <= 500, "{} has {lines} lines", source.path);
        // Longer than 400 lines only where a list of plain fields can't be split.
        assert!(lines <= 400 || source.path == "cluster/settings.rs", "{} has {lines} lines", source.path);
    }
}

#[test]
fn the_architecture_shows_this_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = std::fs::read_to_string(&path).unwrap();
    // Rows: | `room` | whom it may import | what it does |
    let mut shown: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let all: BTreeSet<String> = MAY_IMPORT.iter().map(|(room, _)| (*room).to_owned()).collect();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let room = cells[0].trim_matches('`').to_owned();
        if cells.len() == 3 && all.contains(&room) {
            let may = match cells[1] {
                "nothing" => BTreeSet::new(),
                "all" => all.iter().filter(|other| **other != room).cloned().collect(),
                list => list.split(',').map(|name| word(name.trim())).collect(),
            };
            shown.insert(room, may);
        }
    }
    for (room, may) in MAY_IMPORT {
        let may: BTreeSet<String> = may.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(shown.get(*room), Some(&may), "the row of {room} in ARCHITECTURE.md");
    }
}
