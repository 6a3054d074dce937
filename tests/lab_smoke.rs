//! The lab itself, booted: two labs side by side, a reboot, a power cut, hosts like RHEL, and no trace afterwards.
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

/// A lab that is taken down whatever becomes of the test.
struct Up(&'static str);

impl Drop for Up {
    fn drop(&mut self) {
        lab(&["down", "--name", self.0]);
    }
}

/// Runs a script as root on a host that looks like EL; whether it succeeded, and all it printed.
fn root(name: &str, node: &str, script: &str) -> (bool, String) {
    let output = lab(&["ssh", "--name", name, node, "--", &format!("sudo bash -c '{{ {script}; }} </dev/null 2>&1'")]);
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Boots two hosts, and installs `PostgreSQL` by its project's own procedure.
fn looks_like(like: &str, name: &'static str, major: &str, postgresql: &str) {
    done(&["down", "--name", name]);
    let _down = Up(name);
    done(&["up", "--name", name, "--like", like, "--nodes", "2"]);
    let good = |node: &str, script: &str| {
        let (well, output) = root(name, node, script);
        assert!(well, "{like} {node}: {script}: {output}");
        output
    };
    let bad = |node: &str, script: &str| {
        let (well, output) = root(name, node, script);
        assert!(!well, "{like} {node}: {script} did not fail: {output}");
        output
    };
    for node in ["db01", "db02"] {
        assert_eq!(good(node, "systemctl is-system-running").trim(), "running");
        assert_eq!(good(node, "firewall-cmd --state").trim(), "running");
        assert_eq!(good(node, "getenforce").trim(), "Disabled");
        assert!(good(node, "cat /etc/redhat-release").contains(&format!(" {major}.")));
        bad(node, "command -v apt-get || command -v dpkg || command -v gcc || test -e /etc/debian_version");
    }

    // The archive's procedure, word for word.
    let address = "https://download.postgresql.org/pub/repos/yum/reporpms";
    good("db01", &format!("dnf install -y {address}/EL-{major}-x86_64/pgdg-redhat-repo-latest.noarch.rpm"));
    if major == "8" {
        let hidden = bad("db01", &format!("dnf install -y postgresql{postgresql}-server"));
        assert!(hidden.contains("filtered out by modular filtering"), "{hidden}");
    }
    good("db01", "dnf -qy module disable postgresql");
    // Nothing is taken that another key has signed.
    let key = "/etc/pki/rpm-gpg/PGDG-RPM-GPG-KEY-RHEL";
    good(
        "db01",
        &format!(
            "cp {key} /root/key && gpg --batch --passphrase \"\" --quick-gen-key other rsa2048 && gpg --export -a other >{key}"
        ),
    );
    let refused = bad("db01", &format!("dnf install -y postgresql{postgresql}-server"));
    assert!(refused.contains("GPG"), "{refused}");
    good(
        "db01",
        &format!("cp /root/key {key} && dnf install -y postgresql{postgresql}-server postgresql{postgresql}-contrib"),
    );
    good("db01", &format!("/usr/pgsql-{postgresql}/bin/postgresql-{postgresql}-setup initdb"));
    good("db01", &format!("systemctl enable --now postgresql-{postgresql}"));
    assert_eq!(good("db01", "id -u postgres").trim(), "26");
    good("db01", "runuser -u postgres -- psql -c \"create extension pg_stat_statements\"");

    // What builds and runs the daemons has its names.
    let python = if major == "8" { "python3.11 python3.11-pip" } else { "python3 python3-pip" };
    good(
        "db02",
        &format!(
            "dnf -y --setopt=install_weak_deps=False install -- gcc make openssl-devel pcre2-devel systemd-devel \
             libxcrypt-devel pkgconf-pkg-config glibc-devel createrepo_c openssl-libs pcre2 systemd-libs libxcrypt {python}"
        ),
    );
    let python = if major == "8" { "python3.11" } else { "python3" };
    good(
        "db02",
        &format!("cd /tmp && {python} -m venv v && v/bin/pip -q install six && v/bin/python -c \"import six\""),
    );
    good("db02", "echo \"int main(void){return 0;}\" >/tmp/a.c && gcc -o /tmp/a /tmp/a.c && /tmp/a");

    // A port is closed until firewalld is told otherwise.
    good(
        "db01",
        &format!(
            "systemd-run -q /usr/libexec/platform-python -m http.server 5000; systemctl is-active postgresql-{postgresql}"
        ),
    );
    let knock = "timeout 3 bash -c \"</dev/tcp/192.168.13.45/5000\"";
    eventually("the port listens", || root(name, "db01", knock).0);
    assert!(bad("db02", knock).contains("No route to host"));
    good("db01", "firewall-cmd --permanent --add-port=5000/tcp && firewall-cmd --reload");
    good("db02", knock);

    // SELinux's other answers, for those who ask how quorate takes them.
    good("db02", "echo Enforcing >/opt/lab/selinux && test $(getenforce) = Enforcing && selinuxenabled");
    good(
        "db02",
        "setsebool -P haproxy_connect_any 1 && getsebool haproxy_connect_any | grep -q on && rm /opt/lab/selinux",
    );
    bad("db02", "selinuxenabled");

    // A reboot comes back, with the firewall as it was.
    let boot = || root(name, "db01", "cat /proc/sys/kernel/random/boot_id /proc/1/stat | cut -d\" \" -f22");
    let before = boot().1;
    root(name, "db01", "systemctl reboot");
    eventually("the reboot", || boot().0 && boot().1 != before);
    eventually("the system", || root(name, "db01", "systemctl is-system-running").1.trim() == "running");
    eventually("the server", || root(name, "db01", "runuser -u postgres -- psql -c \"select 1\"").0);
    assert!(good("db01", "firewall-cmd --list-ports").contains("5000/tcp"));

    // The server of the archives is one of the lab's processes: killed, it comes back.
    let pid = Command::new("pgrep").args(["-f", &format!("/{name}/server.ready")]).output().unwrap();
    let pids = String::from_utf8_lossy(&pid.stdout).into_owned();
    for pid in pids.lines() {
        Command::new("kill").arg(pid).status().unwrap();
    }
    eventually("the server of the archives", || root(name, "db02", "dnf -y makecache --refresh").0);
    done(&["down", "--name", name]);
    assert_eq!(traces(name), Vec::<String>::new());
}

#[test]
#[ignore = "boots hosts: needs root and a Debian archive"]
fn hosts_look_like_rhel_9() {
    looks_like("rhel9", "smoke-el9", "9", "15");
}

#[test]
#[ignore = "boots hosts: needs root and a Debian archive"]
fn hosts_look_like_rhel_8() {
    looks_like("rhel8", "smoke-el8", "8", "13");
}
