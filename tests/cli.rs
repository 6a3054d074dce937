//! The real binary, without any host: help, usage errors, the files it writes, and what it prints where.

#![allow(clippy::unwrap_used, reason = "a program that can't be started has failed")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The binary in a folder of its own, with nothing of the user's environment that could change it.
fn quorate(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder).stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    quorate(folder).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn exits(output: &Output, code: i32) -> (String, String) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "\n--- stdout\n{out}\n--- stderr\n{err}");
    (out, err)
}

const INIT: &[&str] = &[
    "init",
    "--name",
    "ha",
    "--vip",
    "192.168.13.48",
    "db01=192.168.13.45",
    "db02=192.168.13.46",
    "db03=192.168.13.47",
];

/// A folder with a fresh inventory.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    exits(&run(folder.path(), INIT), 0);
    folder
}

fn files(root: &Path) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(files(&path));
        } else {
            let mode = path.metadata().unwrap().permissions().mode() & 0o777;
            all.insert(path.clone(), (mode, std::fs::read(&path).unwrap()));
        }
    }
    all
}

#[test]
fn help_is_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let (out, err) = exits(&run(folder.path(), &["--help"]), 0);
    assert!(err.is_empty());
    insta::assert_snapshot!("help", out);
    // What changes a running cluster is read in a hurry: the whole text is recorded.
    for verb in ["diff", "plan", "apply", "history", "rollback", "destroy", "unlock"] {
        let (help, _) = exits(&run(folder.path(), &[verb, "-h"]), 0);
        insta::assert_snapshot!(format!("help-{verb}"), help);
    }
    let (help, _) = exits(&run(folder.path(), &["lab", "up", "-h"]), 0);
    insta::assert_snapshot!("help-lab-up", help);
    for verb in ["create", "verify"] {
        let (help, _) = exits(&run(folder.path(), &["bundle", verb, "-h"]), 0);
        insta::assert_snapshot!(format!("help-bundle-{verb}"), help);
    }
    let verbs = [
        "init",
        "schema",
        "render",
        "check",
        "diff",
        "plan",
        "apply",
        "verify",
        "bundle",
        "history",
        "rollback",
        "destroy",
        "unlock",
        "explain",
        "completions",
        "man",
        "lab",
    ];
    for verb in verbs {
        assert!(out.contains(&format!("\n  {verb} ")), "{verb} is not in the help");
        let (help, _) = exits(&run(folder.path(), &[verb, "--help"]), 0);
        assert!(help.contains("Usage: quorate "), "{help}");
    }
    let (version, _) = exits(&run(folder.path(), &["--version"]), 0);
    assert_eq!(version, format!("quorate {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn wrong_use_ends_with_2_and_says_so_on_standard_error() {
    let folder = tempfile::tempdir().unwrap();
    let wrong: &[&[&str]] = &[
        &[],
        &["aply"],
        &["apply", "--no-such-option"],
        &["render"],
        &["init"],
        &["init", "--vip", "nowhere", "a=1.2.3.4"],
        &["explain", "no-such-code"],
        &["completions", "no-such-shell"],
        &["check"],
        &["apply"],
        &["verify"],
        &["apply", "-i", "/nowhere/at/all.yml"],
        &["render", "-o", "x", "-i", "missing.yml"],
        &["diff"],
        &["diff", "extra"],
        &["plan"],
        &["plan", "--max-impact", "huge"],
        &["plan", "-o", "no/such/folder/x.plan"],
        &["apply", "--max-impact", "restart"],
        &["apply", "--ignore", "net.vip"],
        &["apply", "missing.plan"],
        &["history"],
        &["history", "extra"],
        &["rollback"],
        &["rollback", "0"],
        &["rollback", "latest"],
        &["rollback", "1", "2"],
        &["destroy"],
        &["destroy", "--confirm", "pg"],
        &["destroy", "--yes"],
        &["unlock"],
        &["unlock", "db01"],
    ];
    for args in wrong {
        let (out, err) = exits(&run(folder.path(), args), 2);
        assert!(out.is_empty() && !err.is_empty(), "{args:?}: {out:?}");
        assert!(!err.contains('\u{1b}') && !err.contains("panicked"), "{args:?}: {err}");
    }
    let (_, err) = exits(&run(folder.path(), &["apply"]), 2);
    assert!(err.contains("quorate.yml") && err.contains("quorate init"), "{err}");
}

#[test]
fn a_file_that_is_no_plan_is_named_and_never_written_over() {
    let folder = folder();
    let (_, err) = exits(&run(folder.path(), &["apply", "quorate.yml"]), 2);
    assert!(err.contains("an inventory") && err.contains("-i FILE"), "{err}");
    let before = files(folder.path());
    let (_, err) = exits(&run(folder.path(), &["plan", "-o", "quorate.yml"]), 2);
    assert!(err.contains("exists and is no plan"), "{err}");
    assert_eq!(files(folder.path()), before);
    for (text, says) in [("", "empty"), ("{\"format\":\"quorate-plan/9\"}", "quorate-plan/9"), ("[1]", "JSON")] {
        std::fs::write(folder.path().join("x.plan"), text).unwrap();
        let (_, err) = exits(&run(folder.path(), &["apply", "x.plan"]), 2);
        assert!(err.contains(says), "{text}: {err}");
    }
}

#[test]
fn a_plan_of_another_inventory_is_stale_before_any_host_is_asked() {
    let folder = folder();
    let plan = |cluster: &str, quorate: &str, inventory: &str| {
        let plan = serde_json::json!({
            "format": "quorate-plan/1", "quorate": quorate, "cluster": cluster, "inventory": inventory, "salt": "",
            "desired": "", "observed": {}, "actions": [],
        });
        std::fs::write(folder.path().join("x.plan"), plan.to_string()).unwrap();
        exits(&run(folder.path(), &["apply", "x.plan"]), 6).1
    };
    let version = env!("CARGO_PKG_VERSION");
    assert!(plan("other", version, "").contains("the cluster other"));
    let err = plan("ha", version, "0123");
    assert!(err.contains("the inventory was changed") && err.contains("`quorate plan`"), "{err}");
}

#[test]
fn init_writes_an_inventory_and_guarded_secrets_once() {
    let folder = folder();
    let mode = |name: &str| folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("quorate.secrets.yml"), 0o600);
    assert!(std::fs::read_to_string(folder.path().join(".gitignore")).unwrap().contains("quorate.secrets.yml"));
    let before = files(folder.path());
    let (_, err) = exits(&run(folder.path(), INIT), 2);
    assert!(err.contains("exists already"), "{err}");
    assert_eq!(files(folder.path()), before);
    // Secrets without their inventory are not written over either.
    std::fs::remove_file(folder.path().join("quorate.yml")).unwrap();
    exits(&run(folder.path(), INIT), 2);
    assert!(!folder.path().join("quorate.yml").exists());
}

#[test]
fn an_unfit_cluster_is_refused_by_init_with_nothing_written() {
    let folder = tempfile::tempdir().unwrap();
    for nodes in [&["db01=192.168.13.45"][..], &["db01=192.168.13.45", "db02=192.168.13.45", "db03=192.168.13.47"]] {
        let args = [&["init", "--vip", "192.168.13.48"], nodes].concat();
        exits(&run(folder.path(), &args), 2);
        assert!(files(folder.path()).is_empty());
    }
}

#[test]
fn what_is_made_from_the_program_is_well_formed() {
    let folder = tempfile::tempdir().unwrap();
    let (schema, _) = exits(&run(folder.path(), &["schema"]), 0);
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert!(schema["properties"]["nodes"].is_object());
    let (script, _) = exits(&run(folder.path(), &["completions", "bash"]), 0);
    let path = folder.path().join("quorate.bash");
    std::fs::write(&path, script).unwrap();
    assert!(Command::new("bash").arg("-n").arg(&path).status().unwrap().success());
    exits(&run(folder.path(), &["man", "-o", "man"]), 0);
    let pages = files(&folder.path().join("man"));
    assert!(pages.len() > 10 && pages.values().all(|(_, page)| text(page).contains(".TH ")));
    let (codes, _) = exits(&run(folder.path(), &["explain", "exit-codes"]), 0);
    for code in ["2", "4", "5", "7", "8", "9", "11", "12", "130"] {
        assert!(codes.contains(code), "{code} is not explained");
    }
}

#[test]
fn two_renders_are_the_same_bytes_and_hold_no_secret() {
    let folder = folder();
    exits(&run(folder.path(), &["render", "-o", "a"]), 0);
    exits(&run(folder.path(), &["render", "-o", "b"]), 0);
    let relative = |name: &str| -> Vec<(PathBuf, (u32, Vec<u8>))> {
        let root = folder.path().join(name);
        files(&root).into_iter().map(|(path, file)| (path.strip_prefix(&root).unwrap().to_owned(), file)).collect()
    };
    let (a, b) = (relative("a"), relative("b"));
    assert!(a.len() > 20 && a == b);
    let secrets = std::fs::read_to_string(folder.path().join("quorate.secrets.yml")).unwrap();
    let values: Vec<&str> = secrets
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| Some(line.split_once(": ")?.1.trim_matches(['"', '\''])))
        .collect();
    assert!(values.len() >= 6, "{values:?}");
    let holds = |files: &[(PathBuf, (u32, Vec<u8>))]| {
        values.iter().filter(|value| files.iter().any(|(_, (_, bytes))| text(bytes).contains(**value))).count()
    };
    assert_eq!(holds(&a), 0, "a secret was rendered");
    // The search would find them where they are: and such files are the owner's alone.
    exits(&run(folder.path(), &["render", "-o", "c", "--with-secrets"]), 0);
    let c = relative("c");
    assert!(holds(&c) >= 4);
    assert!(c.iter().all(|(path, (mode, _))| *mode == 0o600 || path.ends_with("dcs.json")));
}

#[test]
fn colour_only_where_it_was_asked_for() {
    let folder = folder();
    std::fs::write(folder.path().join("bad.yml"), "cluster: [\n").unwrap();
    for (args, coloured) in [(&["--color", "always"][..], true), (&["--color", "never"], false), (&[], false)] {
        let render = run(folder.path(), &[&["render", "-o", "x"], args].concat());
        assert_eq!(text(&render.stderr).contains('\u{1b}'), coloured, "render {args:?}");
    }
    let piped = run(folder.path(), &["apply", "-i", "bad.yml"]);
    assert!(!text(&piped.stderr).contains('\u{1b}'));
}

#[test]
fn json_errors_are_json_lines() {
    let folder = tempfile::tempdir().unwrap();
    let (out, err) = exits(&run(folder.path(), &["verify", "--json"]), 2);
    let records: Vec<serde_json::Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records[0]["format_version"].is_string());
    assert_eq!(records.last().unwrap()["exit"], 2);
    assert!(!err.is_empty());
}

#[test]
fn a_reader_that_went_away_is_no_panic() {
    let folder = folder();
    for args in [
        &["schema"][..],
        &["completions", "zsh"],
        &["explain", "exit-codes"],
        &["--help"],
        &["verify", "--json", "-i", "no"],
    ] {
        let mut child =
            quorate(folder.path()).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let err = text(&output.stderr);
        assert!(!err.contains("panicked"), "{args:?}: {err}");
        assert!(output.status.code().is_some_and(|code| code == 0 || code == 2), "{args:?}: {:?} {err}", output.status);
    }
}

/// The verb that deletes data is never taken at a default: nobody is contacted before the name stands there.
#[test]
fn destroy_wants_the_clusters_name() {
    let folder = folder();
    let (out, err) = exits(&run(folder.path(), &["destroy"]), 2);
    assert!(out.is_empty() && err.contains("quorate destroy --confirm ha"), "{err}");
    let (_, err) = exits(&run(folder.path(), &["destroy", "--keep-data", "--json"]), 2);
    assert!(err.contains("quorate destroy --keep-data --confirm ha"), "{err}");
    for name in ["", "HA", "ha ", "pg"] {
        let (_, err) = exits(&run(folder.path(), &["destroy", "--confirm", name]), 2);
        assert!(err.contains("is not the name of this inventory's cluster, \"ha\""), "{name:?}: {err}");
    }
}

#[test]
fn a_bundle_that_is_none_contacts_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::write(place("html"), "<html>".repeat(400)).unwrap();
    for (file, entry) in [("html", "is no bundle"), ("missing", "No such file")] {
        let (_, err) = exits(&run(folder.path(), &["bundle", "verify", file]), 7);
        assert!(err.contains(file) && err.contains(entry) && err.contains("hint:"), "{err}");
    }
    let (out, _) = exits(&run(folder.path(), &["bundle", "verify", "html", "--json"]), 7);
    assert!(out.contains("\"exit\":7"), "{out}");
    let (_, err) = exits(&run(folder.path(), &["bundle", "create", "-o", "html"]), 2);
    assert!(err.contains("is no bundle"), "{err}");
    exits(&run(folder.path(), &["bundle", "create", "-o", "no/such/folder"]), 2);
    exits(&run(folder.path(), &["apply", "--allowed-signers", "x", "--signer", "y"]), 2);
    exits(&run(folder.path(), &["bundle", "verify", "html", "--signer", "y"]), 2);
}
