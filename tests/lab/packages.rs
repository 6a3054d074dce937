//! PostgreSQL from its project's archive by way of a mirror, and daemons from packages on hosts like RHEL.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use quorate::cluster::sha256;

use crate::harness::{Lab, Run, until};

/// The nodes of a lab.
const NODES: [&str; 3] = ["db01", "db02", "db03"];

/// What a shell command as root on a host prints.
fn told(lab: &Lab, node: &str, script: &str) -> String {
    lab.root(node, script).exits(0).out.trim().to_owned()
}

/// Writes the lab's inventory anew.
fn rewrite(lab: &Lab, edit: impl FnOnce(String) -> String) {
    let path = lab.inventory();
    let text = fs::read_to_string(&path).expect("the lab's inventory");
    fs::write(&path, edit(text)).expect("the lab's folder can be written");
}

/// Nothing serves on any host, and no file of ours that a daemon reads is live.
fn nothing_is_activated(lab: &Lab) {
    for node in NODES {
        let script = "ls -d /etc/etcd/etcd.env /etc/patroni/patroni.yml /etc/systemd/system/patroni.service 2>/dev/null; \
                      ss -Hltn | grep -E ':(2379|5000|5432|8008) '; true";
        assert_eq!(told(lab, node, script), "", "{node}");
    }
}

/// Installs to a verified cluster; a second run finds nothing to do.
fn prove(lab: &Lab) {
    let applied = lab.verb(&["apply"]).exits(0);
    assert!(applied.out.contains("0 warn, 0 fail"), "{}", applied.out);
    let again = lab.verb(&["apply"]).exits(0);
    assert!(again.err.contains("nothing to do"), "{}", again.err);
    eprintln!("{}: installed in {:.0} s\n{}", lab.name(), applied.took.as_secs_f64(), applied.err);
}

/// The file that names the archive on hosts like RHEL.
const YUM: &str = "/etc/yum.repos.d/pgdg-redhat-all.repo";

#[test]
fn a_mirror_and_packages_on_hosts_like_rhel() {
    let lab = Lab::fresh("pk9", &["--like", "rhel9"]);
    // The lab's server answers by its address too, as a company's mirror would.
    let mirror = "http://192.168.13.1/pub/repos/yum";
    let with = |text: &str, mirror: &str| {
        // What follows is etcd's release and its pin.
        let (text, _) = text.split_once("\netcd:\n").expect("the lab names etcd");
        let text = text.replace("  version: 15", &format!("  version: 15\n  repository: {mirror}"));
        text + "\netcd: {install: package}\nhaproxy: {install: package}\nkeepalived: {install: package}\n"
    };
    let plain = fs::read_to_string(lab.inventory()).expect("the lab's inventory");

    rewrite(&lab, |text| with(&text, "http://192.168.13.1/no/such/mirror"));
    let refused = lab.verb(&["apply"]);
    eprintln!("{}{}", refused.out, refused.err);
    let refused = refused.exits(9);
    assert!(refused.err.contains("/no/such/mirror"), "{}", refused.err);
    nothing_is_activated(&lab);
    for node in NODES {
        assert_ne!(lab.root(node, &format!("ls {YUM}")).code, 0, "{node}");
    }

    rewrite(&lab, |_| with(&plain, mirror));
    prove(&lab);
    for node in NODES {
        let addresses = told(&lab, node, &format!("sed -n 's/^baseurl *= *//p' {YUM}"));
        assert!(addresses.lines().all(|line| line.starts_with(&format!("{mirror}/"))), "{addresses}");
        assert_eq!(told(&lab, node, &format!("grep -c download.postgresql.org {YUM} || true")), "0");
        let from = told(
            &lab,
            node,
            "for one in etcd postgresql15-server haproxy keepalived; do dnf -q --cacheonly info --installed $one | sed -n 's/^From repo *: //p'; done",
        );
        assert_eq!(
            from.lines().collect::<Vec<_>>(),
            ["pgdg-rhel9-extras", "pgdg15", "rhel-9-for-x86_64-appstream-rpms", "rhel-9-for-x86_64-appstream-rpms"]
        );
        let on = told(&lab, node, "dnf -q --cacheonly repolist --enabled");
        assert!(on.contains("pgdg15") && !on.contains("extras"), "{on}");
        for (unit, program) in
            [("etcd", "/usr/bin/etcd"), ("haproxy", "/usr/sbin/haproxy"), ("keepalived", "/usr/sbin/keepalived")]
        {
            let script = format!(
                "readlink /proc/$(systemctl show -P MainPID {unit})/exe; systemctl show -P FragmentPath {unit}; rpm -qf {program} >/dev/null && echo owned"
            );
            assert_eq!(
                told(&lab, node, &script).lines().collect::<Vec<_>>(),
                [program, &format!("/etc/systemd/system/{unit}.service"), "owned"],
                "{node}"
            );
        }
        assert_eq!(
            told(
                &lab,
                node,
                "ls /opt/quorate | grep -v patroni; ls /usr/local/sbin; rpm -q gcc >/dev/null && echo built; true"
            ),
            "",
            "{node}"
        );
    }
    lab.down();
}

/// Ends a program with the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program on this machine that must succeed; what it prints.
fn done(command: &mut Command) -> String {
    Run::of(command).exits(0).out
}

/// The distribution's own packages under versions of the archive's kind, and their index; made on a host, which has the right release.
const REPACK: &str = r"
set -e
rm -rf /srv/apt && mkdir -p /srv/apt/pool && cd /srv
apt-get -q update >&2
apt-get -q download postgresql-15 postgresql-client-15 >&2
for deb in *.deb; do
    dpkg-deb -R $deb unpacked
    sed -i /^Version:/s/$/.pgdg12+1/ unpacked/DEBIAN/control
    file=pool/${deb%%_*}.deb
    dpkg-deb -Zgzip -z1 -b unpacked apt/$file >&2
    rm -rf unpacked $deb
    dpkg-deb -f apt/$file
    echo Filename: $file
    echo Size: $(stat -c %s apt/$file)
    echo SHA256: $(sha256sum <apt/$file | cut -c 1-64)
    echo
done";

/// Makes an archive of the project's shape below a folder, signed by a key of its own; the key.
fn archive(lab: &Lab, folder: &Path) -> String {
    let index = lab.root("db01", REPACK).exits(0).out;
    let pid = lab.pids().remove("db01").expect("db01 runs");
    done(Command::new("cp").args(["-r", &format!("/proc/{pid}/root/srv/apt/pool")]).arg(folder));
    let suite = folder.join("dists/bookworm-pgdg");
    fs::create_dir_all(suite.join("main/binary-amd64")).expect("a folder");
    fs::write(suite.join("main/binary-amd64/Packages"), &index).expect("a file of ours");
    let date = done(Command::new("date").args(["-Ru"]));
    let release = format!(
        "Origin: apt.postgresql.org\nSuite: bookworm-pgdg\nCodename: bookworm-pgdg\nArchitectures: amd64\nComponents: main\n\
         Date: {}\nSHA256:\n {} {} main/binary-amd64/Packages\n",
        date.trim(),
        sha256(index.as_bytes()),
        index.len()
    );
    fs::write(suite.join("Release"), release).expect("a file of ours");
    let home = tempfile::tempdir().expect("a folder");
    let gpg = || {
        let mut gpg = Command::new("gpg");
        gpg.args(["--quiet", "--batch", "--passphrase", ""]).env("GNUPGHOME", home.path());
        gpg
    };
    done(gpg().args(["--quick-generate-key", "the archive", "default", "default", "never"]));
    done(gpg().arg("--output").arg(suite.join("InRelease")).arg("--clearsign").arg(suite.join("Release")));
    let key = done(gpg().args(["--armor", "--export"]));
    done(Command::new("gpgconf").args(["--kill", "all"]).env("GNUPGHOME", home.path()));
    key
}

/// Serves a folder at the lab's gateway.
fn serve(lab: &Lab, folder: &Path) -> Served {
    let space = format!("ql-{}", lab.name());
    let mut command = Command::new("ip");
    command.args(["netns", "exec", &space, "python3", "-m", "http.server", "8080", "--bind", "192.168.13.1"]);
    command.arg("--directory").arg(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let served = Served(command.spawn().expect("a server"));
    until("the archive is served", Duration::from_secs(20), || {
        let ports = Run::of(Command::new("ip").args(["netns", "exec", &space, "ss", "-Hltn"])).out;
        ports.contains(":8080").then_some(())
    });
    served
}

/// The archive has PostgreSQL 15 under the distribution's own names: which of both is taken is told by the version.
#[test]
fn the_project_s_archive_on_debian() {
    let lab = Lab::fresh("pk", &["--suite", "bookworm"]);
    let folder = tempfile::tempdir().expect("a folder");
    let key = archive(&lab, folder.path());
    let _served = serve(&lab, folder.path());
    let wanted = "\npostgresql:\n  packages: pgdg\n  version: 15\n  repository: http://192.168.13.1:8080\n";
    rewrite(&lab, |text| text + wanted);

    // The hosts know the project's own key, and this archive is signed by another.
    let refused = lab.verb(&["apply"]).exits(9);
    for word in
        ["setting up the PostgreSQL project's archive", "http://192.168.13.1:8080", "its signature", "taken out"]
    {
        assert!(refused.err.contains(word), "{word} is not in\n{}", refused.err);
    }
    nothing_is_activated(&lab);
    for node in NODES {
        assert_eq!(
            told(&lab, node, "ls /etc/apt/sources.list.d/pgdg* 2>/dev/null; apt-get -q update >/dev/null; true"),
            ""
        );
    }

    for node in NODES {
        let place = "for key in /usr/share/postgresql-common/pgdg/apt.postgresql.org.*; do rm $key; done";
        told(&lab, node, &format!("{place}; echo \"{key}\" >/usr/share/postgresql-common/pgdg/apt.postgresql.org.asc"));
    }
    prove(&lab);
    for node in NODES {
        let versions = told(&lab, node, "dpkg-query -Wf \"\\${Version}\\n\" postgresql-15 postgresql-client-15");
        assert!(
            versions.lines().count() == 2 && versions.lines().all(|line| line.ends_with(".pgdg12+1")),
            "{versions}"
        );
        // No stray cluster beside ours.
        assert_eq!(told(&lab, node, "ls /var/lib/postgresql/15"), "lab");
        let sources = told(&lab, node, "cat /etc/apt/sources.list.d/pgdg.sources");
        assert!(sources.contains("Made by quorate") && sources.contains("URIs: http://192.168.13.1:8080"), "{sources}");
    }
    lab.down();
}
