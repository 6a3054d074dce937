//! The scripts that build and that put a program in its place, run by the real shell: what they take, what they leave, and
//! what they end with.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::build::{BUILD, FETCH, NOT_FETCHED};
use super::install::{PROGRAM, UNFIT};
use crate::artifact::hostile::{archive, entry, file, mark};
use crate::cluster::sha256;

/// Runs a script with arguments and an input; `tools` is the first folder of its PATH.
fn run(script: &str, args: &[&str], input: &[u8], tools: &Path) -> Output {
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
    let mut child = Command::new("/bin/sh")
        .args(["-c", script, "sh"])
        .args(args)
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // It stays open until the script ends, as a watched command's does.
    let feed = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
        stdin
    });
    let output = read(child);
    drop(feed.join());
    output
}

fn read(child: std::process::Child) -> Output {
    child.wait_with_output().unwrap()
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A program of one line, in an archive for that system.
fn program(line: &str, system: &str) -> Vec<u8> {
    let script = format!("#!/bin/sh\n{line}\n");
    archive(&[mark(system), entry("bin/tool", b'0', "0000755", "", script.as_bytes())])
}

#[test]
fn a_program_is_put_in_its_place_only_if_it_is_whole_and_for_this_host_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("opt/tool-1.0");
    let place = |bytes: &[u8], sum: &str| {
        let args = [root.to_str().unwrap(), sum, "debian-13-amd64", "bin/tool", "--version"];
        let input = bytes.to_vec();
        let mut child = Command::new("/bin/sh")
            .args(["-c", PROGRAM, "sh"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _ = child.stdin.take().unwrap().write_all(&input);
        read(child)
    };
    let good = program("[ \"$1\" = --version ]", "debian-13-amd64");
    let setuid = archive(&[mark("debian-13-amd64"), entry("bin/tool", b'0', "0004755", "", b"x")]);
    let cases = [
        (
            program("echo 'libssl.so.9: cannot open' >&2; exit 127", "debian-13-amd64"),
            UNFIT,
            "libssl.so.9: cannot open",
        ),
        (
            program("exit 0", "debian-12-amd64"),
            UNFIT,
            "it was built for debian-12-amd64, and this host is debian-13-amd64",
        ),
        (archive(&[file("bin/tool")]), UNFIT, ""),
        (archive(&[mark("debian-13-amd64"), file("../evil")]), UNFIT, "its entry ../evil leaves its folder"),
        (setuid, UNFIT, "its entry bin/tool is setuid"),
        (b"<html>".to_vec(), UNFIT, "it is no archive"),
    ];
    for (bytes, code, said) in &cases {
        let output = place(bytes, &sha256(bytes));
        assert_eq!(output.status.code(), Some(*code), "{}", words(&output));
        assert!(words(&output).contains(said), "{} instead of {said}", words(&output));
    }
    let output = place(&good, &sha256(b"other"));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(std::fs::read_dir(folder.path().join("opt")).unwrap().count(), 0, "something was left");
    let output = place(&good, &sha256(&good));
    assert!(output.status.success(), "{}", words(&output));
    assert_eq!(std::fs::read_to_string(root.join(".quorate-sum")).unwrap().trim(), sha256(&good));
    let mut names: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".quorate-build", ".quorate-sum", "bin"]);
    // A worse one does not take the place of a good one.
    place(&cases[0].0, &sha256(&cases[0].0));
    assert_eq!(std::fs::read_to_string(root.join(".quorate-sum")).unwrap().trim(), sha256(&good));
}

/// Stand-ins for what needs root: nothing is given away, and the account that builds is whoever runs this.
fn stand_ins(folder: &Path) -> PathBuf {
    let tools = folder.join("tools");
    std::fs::create_dir(&tools).unwrap();
    for (name, text) in
        [("chown", "exit 0"), ("setpriv", "while :; do case $1 in --*) shift ;; *) exec \"$@\" ;; esac; done")]
    {
        let path = tools.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    tools
}

/// Runs a build whose recipe says what it was given and makes an archive of that.
fn build(recipe: &str, inputs: &[(&str, &[u8])]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let tools = stand_ins(folder.path());
    let mut args: Vec<String> =
        ["tool", "1.0", "/opt/quorate/tool-1.0", "debian-13-amd64", "/usr/bin/python3", "", "0"]
            .map(str::to_owned)
            .into();
    args.push(FETCH.len().to_string());
    args.push(recipe.len().to_string());
    args.extend(inputs.iter().map(|(word, bytes)| format!("{word}:{}", bytes.len())));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut input = [FETCH.as_bytes(), recipe.as_bytes()].concat();
    for (_, bytes) in inputs {
        input.extend_from_slice(bytes);
    }
    run(BUILD, &args, &input, &tools)
}

const RECIPE: &str = r#"echo "root $QUORATE_ROOT for $QUORATE_BUILD version $2" >&2; shift 2; work=$1 out=$2; shift 2; cat "$@" >"$out""#;

#[test]
fn a_recipe_gets_its_inputs_in_their_order_and_only_archives_that_stay_in_their_folder() {
    let source = archive(&[entry("tool-1.0/", b'5', "0000755", "", b""), file("tool-1.0/Makefile")]);
    let output = build(RECIPE, &[("own", b"first"), ("own", b"second"), ("file", &source)]);
    assert!(output.status.success(), "{}", words(&output));
    assert_eq!(output.stdout, [b"second".as_slice(), &source].concat());
    assert!(
        words(&output).contains("root /opt/quorate/tool-1.0 for debian-13-amd64 version 1.0"),
        "{}",
        words(&output)
    );
    let evil = archive(&[entry("tool-1.0/x", b'2', "0000777", "/etc", b"")]);
    for bytes in [evil.as_slice(), b"<html>", b""] {
        let output = build(RECIPE, &[("file", &source), ("file", bytes)]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{}", words(&output));
        assert!(!words(&output).contains("root /opt"), "the recipe ran");
    }
    let output = build("echo 'cc: broken on purpose' >&2; exit 2", &[("file", &source)]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(words(&output).contains("broken on purpose"));
}

#[test]
fn a_host_that_can_not_have_its_download_says_so_by_its_own_exit_code() {
    let order = format!("{}\ntool-1.0.tar.gz\nhttp://127.0.0.1:9/tool-1.0.tar.gz\n", "0".repeat(64));
    let output = build(RECIPE, &[("order", order.as_bytes())]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(NOT_FETCHED), 0), "{}", words(&output));
    assert!(words(&output).contains("http://127.0.0.1:9/tool-1.0.tar.gz: "), "{}", words(&output));
    assert!(!words(&output).contains("root /opt"), "the recipe ran");
}
