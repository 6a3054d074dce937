//! Exit 2: wrong use, inventory or secrets; no host is contacted. And a standard output that nobody reads.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::bench::Bench;
use crate::harness::Run;

pub(super) fn all(bench: &Bench) {
    command_line(bench);
    inventory(bench);
    secrets(bench);
    nobody_reads(bench);
}

/// Nothing is contacted, so it must be over at once, whatever the hosts are like.
#[track_caller]
fn misused(bench: &Bench, args: &[&str], said: &[&str]) {
    let run = bench.lab.quorate(args).exits(2);
    bench.says(&run, said);
    assert!(run.took < Duration::from_secs(1), "{:?}", run.took);
    assert!(run.out.is_empty(), "diagnostics belong to standard error:\n{}", run.out);
}

fn command_line(bench: &Bench) {
    misused(bench, &[], &["requires a subcommand", "Usage:"]);
    misused(bench, &["chekc"], &["unrecognized subcommand 'chekc'", "check"]);
    misused(bench, &["check", "--inventroy", "x"], &["--inventroy", "--inventory"]);
    misused(bench, &["apply", "one", "two"], &["unexpected argument"]);
    misused(bench, &["check", "--color", "pink"], &["pink", "possible values"]);
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of ours")
}

fn inventory(bench: &Bench) {
    for verb in ["check", "apply", "verify"] {
        let said = ["/nonexistent/quorate.yml", "No such file", "quorate init"];
        misused(bench, &[verb, "-i", "/nonexistent/quorate.yml"], &said);
    }
    // All that is wrong with it at once.
    let variant = bench.variant("errors");
    variant.edit("inventory.yml", "vip: 192.168.13.48", "vip: 192.168.13.45");
    variant.add("haproxy:\n  primary_prt: 5000\n");
    let said = ["primary_prt", "primary_port", "192.168.13.45", "inventory.yml:", "quorate explain"];
    misused(bench, &["apply", "-i", path(&variant.inventory())], &said);
    // Templates that are no folder, and one that does not parse.
    let variant = bench.variant("templates");
    let inventory = variant.inventory();
    misused(bench, &["apply", "-i", path(&inventory), "--templates", "/nonexistent"], &["/nonexistent", "--templates"]);
    let templates = variant.path("templates/haproxy");
    fs::create_dir_all(&templates).expect("a folder");
    fs::write(templates.join("haproxy.cfg"), "bind {{ port").expect("a file of ours");
    let folder = variant.path("templates");
    misused(bench, &["apply", "-i", path(&inventory), "--templates", path(&folder)], &["haproxy/haproxy.cfg"]);
}

fn secrets(bench: &Bench) {
    let variant = bench.variant("secrets");
    let (inventory, file) = (variant.inventory(), variant.path("inventory.secrets.yml"));
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a file of ours");
    mode(0o644);
    let said = ["inventory.secrets.yml holds secrets and may be read by others (mode 0644)", "chmod 600"];
    misused(bench, &["apply", "-i", path(&inventory)], &said);
    mode(0o600);
    let text = fs::read_to_string(&file).expect("a file of ours");
    let without: String =
        text.lines().filter(|line| !line.starts_with("superuser")).map(|line| format!("{line}\n")).collect();
    assert_ne!(text, without);
    fs::write(&file, without).expect("a file of ours");
    misused(bench, &["apply", "-i", path(&inventory)], &["inventory.secrets.yml has no superuser"]);
    fs::remove_file(&file).expect("a file of ours");
    misused(bench, &["apply", "-i", path(&inventory)], &["inventory.secrets.yml", "quorate init"]);
}

/// `quorate … | head -1`: the work goes on, the exit code is that of the work, and nothing is said about pipes.
fn nobody_reads(bench: &Bench) {
    let inventory = bench.variant("unread").inventory();
    let before = bench.before();
    for verb in [&["check"][..], &["check", "--json"], &["schema"], &["lab", "ps", "--name", "f1", "--json"]] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
        command.args(verb).env("QUORATE_INVENTORY", &inventory).stdin(Stdio::null());
        let output = command.stdout(writer).stderr(Stdio::piped()).output().expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), said.as_str()), (Some(0), ""), "{verb:?}");
    }
    bench.unchanged(&before, "check into a closed pipe");
    // Help is an answer, also into a closed pipe.
    Run::of(Command::new("sh").args(["-c", "\"$0\" --help | true", env!("CARGO_BIN_EXE_quorate")])).exits(0);
}
