//! Exit 4: the host is down, or does not let us in. And logins that are odd, but work.

use std::fs;
use std::process::Command;
use std::time::Duration;

use super::bench::{Bench, Variant};
use crate::harness::{Run, until};

pub(super) fn all(bench: &Bench) {
    refused_key(bench);
    host_keys(bench);
    no_root(bench);
    odd_logins_work(bench);
    no_ssh_here(bench);
}

/// Both verbs end the same way.
#[track_caller]
fn kept_out(bench: &Bench, variant: &Variant, said: &[&str]) {
    for verb in ["check", "apply"] {
        bench.refuses(&variant.inventory(), &[verb], 4, said);
    }
}

/// A new key that no host knows; its public half.
fn stranger(bench: &Bench, name: &str) -> String {
    let path = bench.work().join(name);
    if !path.exists() {
        Run::of(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path)).exits(0);
    }
    let public = fs::read_to_string(path.with_extension("pub")).expect("a public key");
    public.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn refused_key(bench: &Bench) {
    stranger(bench, "stranger");
    let variant = bench.variant("key");
    let (own, wrong) = (bench.folder().join("key"), bench.work().join("stranger"));
    for file in ["inventory.yml", "ssh_config"] {
        let quoted = |path: &std::path::Path, quote: &str| format!("{quote}{}{quote}\n", path.display());
        let quote = if file == "ssh_config" { "\"" } else { "" };
        variant.edit(file, &quoted(&own, quote), &quoted(&wrong, quote));
    }
    kept_out(bench, &variant, &["db01: the login was refused", "db03: the login", "Permission denied", "ssh-add -l"]);
}

fn host_keys(bench: &Bench) {
    // Nobody has pinned a key: it is not accepted, and not written down.
    let unknown = bench.variant("unknown");
    fs::write(unknown.path("known_hosts"), "").expect("a file of ours");
    kept_out(bench, &unknown, &["db02: its host key is not known", "compare the fingerprint", "host_key:"]);
    assert_eq!(fs::read_to_string(unknown.path("known_hosts")).expect("a file of ours"), "", "a key was accepted");

    // Another key is pinned, in known_hosts or in the inventory.
    let other = stranger(bench, "stranger");
    let shown = fingerprint(bench);
    let changed = bench.variant("changed");
    let known = fs::read_to_string(changed.path("known_hosts")).expect("a file of ours");
    let known: String = known
        .lines()
        .map(
            |line| {
                if line.starts_with("db02") { format!("db02,192.168.13.46 {other}\n") } else { format!("{line}\n") }
            },
        )
        .collect();
    fs::write(changed.path("known_hosts"), &known).expect("a file of ours");
    let place = format!("{}:2", changed.path("known_hosts").display());
    kept_out(bench, &changed, &["db02: its host key has CHANGED", &shown, &place, "only if that is the key"]);
    assert_eq!(fs::read_to_string(changed.path("known_hosts")).expect("a file of ours"), known, "a key was replaced");

    let pinned = bench.variant("pinned");
    let address = "    address: 192.168.13.46\n";
    pinned.edit("inventory.yml", address, &format!("{address}    ssh:\n      host_key: {other}\n"));
    kept_out(bench, &pinned, &["db02: its host key has CHANGED", &shown, "the inventory (ssh: host_key)"]);
}

/// The fingerprint of db02's real key.
fn fingerprint(bench: &Bench) -> String {
    let told = bench.root("db02", "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
    told.split_whitespace().find(|word| word.starts_with("SHA256:")).expect("a fingerprint").to_owned()
}

/// Three hosts, three reasons, one run: every host's verdict is told, not only the first.
fn no_root(bench: &Bench) {
    let variant = bench.variant("root");
    bench.root("db01", "mv /etc/sudoers.d/ops /root/sudoers.ops");
    bench.root("db02", "mv /usr/bin/sudo /root/sudo");
    bench.root("db03", "usermod -s /usr/sbin/nologin ops");
    let said = [
        "db01: the login can't become root: sudo: a password is required",
        "db02: the login can't become root: sudo is not installed",
        "NOPASSWD",
        "db03: the login works, but runs no commands: it said \"This account is currently not available.\"",
        "getent passwd",
    ];
    kept_out(bench, &variant, &said);
    let forced = r#"sed -i 's/^/command="echo backups only" /' /home/ops/.ssh/authorized_keys"#;
    bench.root("db03", &format!("usermod -s /bin/bash ops; {forced}"));
    let said = ["db03: the login works, but runs no commands: it said \"backups only\"", "forced command"];
    kept_out(bench, &variant, &said);
    bench.root("db01", "mv /root/sudoers.ops /etc/sudoers.d/ops");
    bench.root("db02", "mv /root/sudo /usr/bin/sudo");
    bench.root("db03", r#"sed -i 's/^command="echo backups only" //' /home/ops/.ssh/authorized_keys"#);
}

/// Other shells than POSIX's, and shells that talk: none of it may be taken for an answer.
fn odd_logins_work(bench: &Bench) {
    let variant = bench.variant("odd");
    // Three hosts, three oddities at once.
    std::thread::scope(|scope| {
        for (node, package, shell) in [("db01", "fish", "/usr/bin/fish"), ("db02", "tcsh", "/usr/bin/tcsh")] {
            let install = format!("apt-get -qq update && apt-get -qq install -y --no-install-recommends {package}");
            // The first login of a shell may make its own folders.
            scope.spawn(move || bench.root(node, &format!("{install} && usermod -s {shell} ops && su - ops -c true")));
        }
    });
    bench.root(
        "db03",
        r#"cp -p /home/ops/.bashrc /root/bashrc
           { printf 'echo "Welcome to db03"; echo "printed to stderr by sudo" >&2; printf "\\033[2J=os 0 3\\n"\n'; cat /root/bashrc; } >/home/ops/.bashrc
           echo 'UNAUTHORIZED ACCESS IS PROHIBITED' >/etc/banner; echo 'Banner /etc/banner' >/etc/ssh/sshd_config.d/banner.conf; systemctl reload ssh"#,
    );
    let before = bench.before();
    let run = bench.run(&variant.inventory(), &["check"], &[]).exits(0);
    assert!(run.out.contains("0 warn, 0 fail") && !run.out.contains("Welcome"), "{}", run.out);
    bench.unchanged(&before, "check");
    bench.root("db01", "usermod -s /bin/bash ops");
    bench.root("db02", "usermod -s /bin/bash ops");
    bench
        .root("db03", "mv /root/bashrc /home/ops/.bashrc; rm /etc/ssh/sshd_config.d/banner.conf; systemctl reload ssh");
}

fn no_ssh_here(bench: &Bench) {
    let variant = bench.variant("no-ssh");
    let said = ["ssh could not be run on this machine", "install the OpenSSH client"];
    let run = bench.refuses_with(&variant.inventory(), &["check"], &[("PATH", "/nonexistent")], 4, &said);
    assert_eq!(run.err.matches("ssh could not be run").count(), 1, "said once, not for each host:\n{}", run.err);
}

/// The power goes off; last, because a boot changes the host by itself.
pub(super) fn host_down(bench: &mut Bench) {
    let variant = bench.variant("down");
    let file = bench.folder().join("hosts/db02/container.pid");
    let recorded = fs::read_to_string(file).expect("a process id");
    let pid = recorded.split_whitespace().next().expect("a process id");
    Run::of(Command::new("kill").args(["-KILL", pid])).exits(0);
    until("the host is down", Duration::from_secs(20), || {
        let ps = bench.lab.quorate(&["lab", "ps", "--name", bench.lab.name()]).out;
        ps.lines().any(|line| line.starts_with("db02") && line.contains("down")).then_some(())
    });
    for verb in ["check", "apply"] {
        let run =
            bench.refuses(&variant.inventory(), &[verb], 4, &["db02: unreachable", "192.168.13.46", "is the host up"]);
        assert!(!run.err.contains("db01") && !run.err.contains("db03"), "the others are well:\n{}", run.err);
        assert!(run.took < Duration::from_secs(15), "{:?}", run.took);
    }
}
