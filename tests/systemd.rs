//! Every directive of every unit, and every option of systemd's own programs that a script uses, is known to the systemd of every
//! platform: RHEL 8's is 239, and no lab has one that old.

#![allow(clippy::unwrap_used, reason = "a test that can't render has failed")]

mod common;

use std::collections::BTreeSet;

use quorate::cluster::{InstallMethod, OsFamily};
use quorate::component::{Inputs, Templates, desired};
use quorate::platform;

/// Directives by section, with the version that brought them, by systemd's own NEWS; 0 is "before 183".
const DIRECTIVES: &[(&str, &str, u16)] = &[
    ("Unit", "Description", 0),
    ("Unit", "Documentation", 0),
    ("Unit", "After", 0),
    ("Unit", "Wants", 0),
    ("Unit", "StartLimitIntervalSec", 230),
    ("Service", "Type", 0),
    ("Service", "NotifyAccess", 0),
    ("Service", "User", 0),
    ("Service", "Group", 0),
    ("Service", "Environment", 0),
    ("Service", "EnvironmentFile", 0),
    ("Service", "ExecStartPre", 0),
    ("Service", "ExecStart", 0),
    ("Service", "ExecReload", 0),
    ("Service", "KillMode", 0),
    ("Service", "Restart", 0),
    ("Service", "RestartSec", 0),
    ("Service", "TimeoutStartSec", 188),
    ("Service", "TimeoutStopSec", 188),
    ("Service", "SuccessExitStatus", 189),
    ("Service", "RuntimeDirectory", 211),
    ("Service", "LimitNOFILE", 0),
    ("Service", "OOMScoreAdjust", 0),
    ("Install", "WantedBy", 0),
];

/// Values that came later than their directive.
const VALUES: &[(&str, u16)] = &[
    ("KillMode=mixed", 209),
    // Run as root though `User=` says otherwise.
    ("ExecStartPre=-+", 231),
];

/// Options that scripts for hosts use, with the version that brought them.
const OPTIONS: &[(&str, u16)] =
    &[("--collect", 236), ("--timer-property", 218), ("--value", 230), ("--on-active", 218), ("--no-block", 0)];

#[test]
fn every_directive_is_known_to_every_platforms_systemd() {
    let systems = [
        common::debian("11"),
        common::debian("12"),
        common::debian("13"),
        common::os(OsFamily::Debian, "ubuntu", "22.04"),
        common::os(OsFamily::Debian, "ubuntu", "24.04"),
        common::os(OsFamily::Debian, "ubuntu", "26.04"),
        common::os(OsFamily::Rhel, "almalinux", "8.10"),
        common::os(OsFamily::Rhel, "ol", "9.6"),
        common::os(OsFamily::Rhel, "centos", "10"),
    ];
    let mut units = 0;
    for os in systems {
        let version = platform::of(&os).unwrap().systemd_version();
        // A package's program may need more of its unit than ours does, and the other way round.
        for package in [false, true] {
            let mut cluster = common::cluster(3);
            if package {
                cluster.keepalived.install = Some(InstallMethod::Package);
            }
            let (facts, secrets) = (common::facts(&cluster, &os), common::secrets(&cluster));
            let inputs = Inputs { cluster: &cluster, facts: &facts, secrets: &secrets };
            let desired = desired(&inputs, &Templates::embedded().unwrap()).unwrap();
            for file in desired.nodes.values().flat_map(|node| &node.files).filter(|f| f.path.ends_with(".service")) {
                units += 1;
                judge(file.content.expose(), version, &format!("{os} {}", file.path));
            }
        }
    }
    assert!(units > 100, "only {units} units were read");
}

fn judge(text: &str, systemd: u16, place: &str) {
    let mut section = "";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
            continue;
        }
        let key = line.split_once('=').unwrap_or_else(|| panic!("{place}: {line}")).0;
        let known = DIRECTIVES.iter().find(|(of, name, _)| (*of, *name) == (section, key));
        let (_, _, since) =
            known.unwrap_or_else(|| panic!("{place}: [{section}] {key} is not in the list; which version brought it?"));
        let value = VALUES.iter().filter(|(start, _)| line.starts_with(start)).map(|(_, since)| *since);
        let since = value.max().unwrap_or(0).max(*since);
        assert!(since <= systemd, "{place}: {line} needs systemd {since}, here is {systemd}");
    }
}

#[test]
fn every_option_is_known_to_the_oldest_systemd() {
    let script = include_str!("../src/host/change.sh");
    let run = script.split("systemd-run").nth(1).unwrap().split("/bin/sh").next().unwrap();
    let used: BTreeSet<&str> = run
        .split_whitespace()
        .filter(|word| word.starts_with("--"))
        .map(|word| word.split('=').next().unwrap())
        .filter(|word| !matches!(*word, "--quiet" | "--unit" | "--description"))
        .collect();
    for option in &used {
        let known = OPTIONS.iter().find(|(name, _)| name == option);
        let (_, since) = known.unwrap_or_else(|| panic!("systemd-run {option} is not in the list"));
        assert!(*since <= 239, "{option} needs systemd {since}");
    }
    assert!(used.contains("--collect"), "{used:?}");
}
