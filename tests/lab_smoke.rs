//! The lab itself, booted: two labs side by side, a reboot, a power cut, and no trace afterwards.
//!
//! It needs root, apt's archive and some minutes, so it runs only when asked for: `cargo test --test lab_smoke -- --ignored`.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Runs `quorate lab …`.
fn lab(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate")).arg("lab").args(arguments).output().unwrap()
}

/// Runs it and expects success; its standard output.
fn done(arguments: &[&str]) -> String {
    let output = lab(arguments);
    assert!(output.status.success(), "lab {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Asks until the answer is yes.
fn eventually(what: &str, mut ask: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !ask() {
        assert!(Instant::now() < deadline, "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What of a lab is left on this machine.
fn traces(name: &str) -> Vec<String> {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let mut found: Vec<String> =
        text("/proc/self/mountinfo").lines().filter(|line| line.contains(name)).map(str::to_owned).collect();
    let folders = [
        "/run/netns/ql-",
        "/var/lib/quorate-lab/",
        "/sys/fs/cgroup/unified/quorate-lab/",
        "/sys/fs/cgroup/quorate-lab/",
    ];
    found.extend(folders.iter().map(|folder| format!("{folder}{name}")).filter(|path| Path::new(path).exists()));
    let processes = Command::new("ps").args(["-eo", "stat=,args="]).output().unwrap();
    let processes = String::from_utf8_lossy(&processes.stdout).into_owned();
    let ours = processes
        .lines()
        .filter(|line| line.contains(&format!("--name {name} ")) || line.contains(&format!("ql-{name}-")));
    found.extend(ours.filter(|line| !line.starts_with('Z')).map(str::to_owned));
    found
}

#[test]
#[ignore = "boots hosts: needs root and a Debian archive"]
fn two_labs_live_side_by_side_survive_reboots_and_leave_nothing() {
    let (first, second) = ("smoke-a", "smoke-b");
    for name in [first, second] {
        done(&["down", "--name", name]);
        done(&["up", "--name", name, "--nodes", "3"]);
    }
    // Both have the same addresses, and are not the same.
    done(&["ssh", "--name", first, "db01", "--", "sudo -n touch /etc/first"]);
    assert!(!lab(&["ssh", "--name", second, "db01", "--", "test -e /etc/first"]).status.success());
    assert!(!lab(&["ssh", "--name", first, "db01", "--", "command -v python3"]).status.success(), "hosts are bare");
    done(&["ssh", "--name", first, "db01", "--", "sudo ping -c1 -W2 192.168.13.47"]);
    done(&["ssh", "--name", first, "db02", "--", "sudo ip address add 192.168.13.48/24 dev eth0"]);
    done(&["ssh", "--name", first, "db03", "--", "sudo ping -c1 -W2 192.168.13.48"]);

    // A second `up` changes nothing.
    let before = done(&["ps", "--name", first]);
    let pids = |text: &str| {
        text.lines().filter_map(|line| line.split_whitespace().nth(3).map(str::to_owned)).collect::<Vec<_>>()
    };
    done(&["up", "--name", first]);
    assert_eq!(pids(&before), pids(&done(&["ps", "--name", first])));
    assert!(!lab(&["up", "--name", first, "--nodes", "5"]).status.success(), "another shape is refused");

    // A reboot comes back by itself, with its disk and without addresses that nobody configured.
    let boot = || lab(&["ssh", "--name", first, "db02", "--", "sudo cat /proc/1/stat | cut -d' ' -f22"]);
    let started = String::from_utf8_lossy(&boot().stdout).into_owned();
    done(&["ssh", "--name", first, "db02", "--", "touch keep"]);
    lab(&["ssh", "--name", first, "db02", "--", "sudo systemctl reboot"]);
    eventually("the reboot", || boot().status.success() && boot().stdout != started.as_bytes());
    done(&["ssh", "--name", first, "db02", "--", "test -e keep && ! ip address | grep -q 192.168.13.48/"]);

    // A power cut is repaired by `up`.
    let container = std::fs::read_to_string(format!("/var/lib/quorate-lab/{first}/hosts/db03/container.pid")).unwrap();
    let container = container.split(' ').next().unwrap();
    assert!(Command::new("kill").args(["-KILL", container]).status().unwrap().success());
    eventually("the power cut", || {
        done(&["ps", "--name", first]).lines().any(|line| line.contains("db03") && line.contains("down"))
    });
    done(&["up", "--name", first]);
    assert_eq!(done(&["ssh", "--name", first, "db03", "--", "systemctl is-system-running"]).trim(), "running");

    for name in [first, second] {
        done(&["down", "--name", name]);
        assert_eq!(traces(name), Vec::<String>::new());
        // Once more, with nothing there.
        done(&["down", "--name", name]);
    }
}
