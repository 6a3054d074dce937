//! What comes from outside and is wrong: pages instead of files, cut files, archives that were made to break out, programs
//! that do not run. Exit 7 or 8, and nothing is activated anywhere.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;

use quorate::artifact::{Catalogue, MARK, Recipe};
use quorate::cluster::{Arch, InstallMethod, Os, OsFamily, Version, sha256};
use quorate::component::{ComponentName, Program};

use super::bench::{Bench, NODES, Variant, differences};
use super::build::{belongs_to_a_build, borrowed, cold, files};

/// A server on a loopback port that answers everything alike; it ends with the test's process.
fn serve(kind: &'static str, bytes: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                bytes.len()
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes));
        }
    });
    address
}

/// A variant whose only way to HAProxy's source is that mirror.
fn mirrored(bench: &Bench, name: &str, mirror: &str) -> (Variant, Vec<(&'static str, String)>) {
    let (variant, environment) = cold(bench, name);
    let text = fs::read_to_string(variant.inventory()).expect("a file of ours");
    let text: String =
        text.lines().filter(|line| !line.contains("debian_archive")).map(|line| format!("{line}\n")).collect();
    fs::write(variant.inventory(), text.replace("artifacts:\n", &format!("artifacts:\n  mirror: {mirror}\n")))
        .expect("a file of ours");
    (variant, environment)
}

/// What stands in a made-up archive.
enum Entry<'a> {
    File(&'a str, &'a str, u32),
    Link(&'a str, &'a str),
    Pipe(&'a str),
}

/// An archive of entries whose names no tool would write.
fn archive(entries: &[Entry]) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        let (name, content, target) = match entry {
            Entry::File(name, content, mode) => {
                header.set_entry_type(tar::EntryType::Regular);
                header.set_mode(*mode);
                (name, *content, "")
            }
            Entry::Link(name, target) => {
                header.set_entry_type(tar::EntryType::Symlink);
                header.set_mode(0o777);
                (name, "", *target)
            }
            Entry::Pipe(name) => {
                header.set_entry_type(tar::EntryType::Fifo);
                header.set_mode(0o644);
                (name, "", "")
            }
        };
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name.as_bytes());
        old.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, content.as_bytes()).expect("memory");
    }
    archive.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory")
}

/// The key under which the lab's build of HAProxy is kept.
fn key() -> String {
    let version = Version::new(3, 0, 11);
    let program = Program {
        component: ComponentName::Haproxy,
        method: InstallMethod::Source,
        version,
        interpreter: None,
        root: "/opt/quorate/haproxy-3.0.11".to_owned(),
        links: Vec::new(),
    };
    let os =
        Os { family: OsFamily::Debian, id: "debian".to_owned(), version: Version::parse("13").expect("a version") };
    let catalogue = Catalogue::embedded().expect("the catalogue");
    Recipe::of(&program, &os, Arch::Amd64, &catalogue).expect("a recipe").key
}

/// Puts an archive where the build of HAProxy would be kept.
fn poison(variant: &Variant, bytes: &[u8]) -> PathBuf {
    let path = variant.path("cache/quorate/built").join(format!("{}.tar.gz", key()));
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(&path, bytes).expect("a file of ours");
    path
}

/// On bare hosts: what is wrong is found out before any host is touched.
pub(super) fn before_any_host(bench: &Bench) {
    let page = serve("text/html", b"<!DOCTYPE html><title>Please log in</title>".to_vec());
    let (variant, environment) = mirrored(bench, "page", &page);
    let said = ["haproxy-3.0.11.tar.gz could not be downloaded", &page, "a web page (HTML)", "artifacts: { folder:"];
    bench.refuses_with(&variant.inventory(), &["apply"], &borrowed(&environment), 7, &said);

    let whole = archive(&[Entry::File("haproxy-3.0.11/Makefile", &"all:\n".repeat(5000), 0o644)]);
    for (name, bytes, looks) in [
        ("cut", whole[..whole.len() / 2].to_vec(), "is not the pinned file, but truncated"),
        ("swapped", whole, "is not the pinned file, but another archive"),
    ] {
        let mirror = serve("application/gzip", bytes);
        let (variant, environment) = mirrored(bench, name, &mirror);
        let said = [&format!("haproxy-3.0.11.tar.gz from {mirror}"), looks, "nothing was unpacked"];
        bench.refuses_with(&variant.inventory(), &["apply"], &borrowed(&environment), 7, &said);
        assert_eq!(files(&variant.path("cache")), Vec::<PathBuf>::new(), "wrong bytes were kept");
    }

    let mark = Entry::File(MARK, "debian-13-amd64\n", 0o644);
    let other = Entry::File(MARK, "debian-12-amd64\n", 0o644);
    for (name, entries, problem) in [
        (
            "dots",
            [&mark, &Entry::File("../../../etc/cron.d/evil", "x", 0o644)],
            "its entry ../../../etc/cron.d/evil leaves its folder",
        ),
        (
            "absolute",
            [&mark, &Entry::File("/etc/cron.d/evil", "x", 0o644)],
            "its entry /etc/cron.d/evil leaves its folder",
        ),
        ("link", [&mark, &Entry::Link("sbin", "/usr/sbin")], "its entry sbin is a link out of its folder: /usr/sbin"),
        ("setuid", [&mark, &Entry::File("sbin/haproxy", "x", 0o4755)], "its entry sbin/haproxy is setuid"),
        ("pipe", [&mark, &Entry::Pipe("sbin/haproxy")], "its entry sbin/haproxy is a pipe"),
        (
            "system",
            [&other, &Entry::File("sbin/haproxy", "x", 0o755)],
            "it was built for debian-12-amd64, and the host is debian-13-amd64",
        ),
    ] {
        let (variant, environment) = cold(bench, name);
        let entries: Vec<Entry> = entries.into_iter().map(Entry::copy).collect();
        let path = poison(&variant, &archive(&entries));
        let said = ["must not be unpacked", problem, "nothing was shipped", &format!("rm {}", path.display())];
        bench.refuses_with(&variant.inventory(), &["apply"], &borrowed(&environment), 7, &said);
    }
    let (variant, environment) = cold(bench, "cut-build");
    let whole = archive(&[mark]);
    poison(&variant, &whole[..whole.len() - 8]);
    bench.refuses_with(
        &variant.inventory(),
        &["apply"],
        &borrowed(&environment),
        7,
        &["must not be unpacked", "truncated"],
    );
}

impl Entry<'_> {
    fn copy(&self) -> Entry<'_> {
        match self {
            Self::File(name, content, mode) => Entry::File(name, content, *mode),
            Self::Link(name, target) => Entry::Link(name, target),
            Self::Pipe(name) => Entry::Pipe(name),
        }
    }
}

/// Runs apply on an inventory, and demands that no host has more than what a build brings to the host that builds.
fn activates_nothing(bench: &Bench, variant: &Variant, environment: &[(&str, &str)], code: i32, said: &[&str]) {
    let before = bench.before();
    let run = bench.run(&variant.inventory(), &["apply"], environment).exits(code);
    bench.says(&run, said);
    let packaged = bench.root("db01", "dpkg-query -L $(dpkg-query -Wf '${binary:Package} ')");
    let packaged: BTreeSet<&str> = packaged.lines().collect();
    let after = bench.fingerprint();
    let left: Vec<String> =
        differences(&before, &after).into_iter().filter(|line| !belongs_to_a_build(line, &packaged)).collect();
    assert!(left.is_empty(), "{said:?} left:\n{}", left.join("\n"));
    assert!(bench.root("db01", "ls /var/tmp").lines().all(|name| name.starts_with("systemd-private-")));
}

/// With a host that builds: archives of one's own that were made to break out, and downloads by the host itself.
pub(super) fn on_the_host_that_builds(bench: &Bench) {
    // The sum is right: whoever pinned it was deceived.
    for (name, entry, problem) in [
        (
            "own-dots",
            Entry::File("haproxy-3.0.98/../../../etc/evil", "x", 0o644),
            "its entry haproxy-3.0.98/../../../etc/evil leaves its folder",
        ),
        (
            "own-link",
            Entry::Link("haproxy-3.0.98/src", "/etc"),
            "its entry haproxy-3.0.98/src is a link out of its folder: /etc",
        ),
        ("own-setuid", Entry::File("haproxy-3.0.98/su", "x", 0o4755), "its entry haproxy-3.0.98/su is setuid"),
        (
            "own-pipe",
            Entry::Pipe("haproxy-3.0.98/pipe"),
            "its entry haproxy-3.0.98/pipe is of a kind that no program needs",
        ),
    ] {
        let (variant, environment) = cold(bench, name);
        let bytes = archive(&[Entry::File("haproxy-3.0.98/Makefile", "all:\n", 0o644), entry]);
        fs::create_dir(variant.path("downloads")).expect("a folder");
        fs::write(variant.path("downloads/haproxy-3.0.98.tar.gz"), &bytes).expect("a file of ours");
        variant.add("haproxy: {version: 3.0.98}");
        let pin = format!(
            "artifacts:\n  folder: downloads\n  pins:\n    - {{component: haproxy, version: 3.0.98, kind: source, file: haproxy-3.0.98.tar.gz, sha256: {}}}\n",
            sha256(&bytes)
        );
        variant.edit("inventory.yml", "artifacts:\n", &pin);
        let said = ["building haproxy 3.0.98 failed on db01", "unsafe archive", problem, "nothing was activated"];
        activates_nothing(bench, &variant, &borrowed(&environment), 8, &said);
    }

    // The host downloads another file than the one that is pinned.
    let sources = "grep -rhoE 'https?://[^] ]+' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | grep -v security | head -n 1";
    let archive = bench.root("db01", sources).trim().trim_end_matches('/').to_owned();
    let (variant, environment) = cold(bench, "host-wrong");
    variant.add("haproxy: {version: 3.0.98}");
    let pin = format!(
        "artifacts:\n  via: host\n  pins:\n    - {{component: haproxy, version: 3.0.98, kind: source, file: haproxy-3.0.98.tar.gz, sha256: {}, url: '{archive}/pool/main/h/haproxy/haproxy_3.0.11.orig.tar.gz'}}\n",
        "0".repeat(64)
    );
    variant.edit("inventory.yml", "artifacts:\n", &pin);
    let said = [
        "db01 could not download haproxy-3.0.98.tar.gz",
        "is not the pinned file",
        "nothing was unpacked",
        "via: operator",
    ];
    activates_nothing(bench, &variant, &borrowed(&environment), 7, &said);
}

/// A program that was built elsewhere and does not run here is found out before it is put in its place; then a cluster whose
/// host downloads by itself.
pub(super) fn on_every_host(bench: &Bench) {
    let (variant, environment) = cold(bench, "unfit");
    let mark = Entry::File(MARK, "debian-13-amd64\n", 0o644);
    let program = "#!/bin/sh\necho 'haproxy: error while loading shared libraries: libssl.so.9' >&2\nexit 127\n";
    poison(&variant, &archive(&[mark, Entry::File("sbin/haproxy", program, 0o755)]));
    let run = bench.run(&variant.inventory(), &["apply"], &borrowed(&environment)).exits(8);
    bench.says(&run, &["shipping haproxy 3.0.11 failed", "libssl.so.9", "nothing was activated", "quorate apply"]);
    for node in NODES {
        let left = "cd /etc/systemd/system; ls -d etcd.service patroni.service haproxy.service keepalived.service /opt/quorate/* /usr/local/sbin/haproxy /etc/haproxy/haproxy.cfg /etc/patroni/patroni.yml 2>/dev/null; systemctl is-active etcd patroni haproxy keepalived | grep -x active; echo";
        assert_eq!(bench.root(node, left).trim(), "", "{node}");
    }

    let (variant, environment) = cold(bench, "host");
    let text = fs::read_to_string(variant.inventory()).expect("a file of ours");
    let text: String =
        text.lines().filter(|line| !line.contains("debian_archive")).map(|line| format!("{line}\n")).collect();
    fs::write(variant.inventory(), text.replace("artifacts:\n", "artifacts:\n  via: host\n")).expect("a file of ours");
    let run = bench.run(&variant.inventory(), &["apply"], &borrowed(&environment)).exits(0);
    assert!(run.err.contains("building haproxy 3.0.11"), "{}", run.err);
    let here: Vec<PathBuf> = files(&variant.path("cache"));
    assert!(here.iter().all(|path| path.to_string_lossy().contains("/built/")), "this machine downloaded: {here:?}");
    for node in NODES {
        assert_eq!(bench.root(node, "cat /opt/quorate/haproxy-3.0.11/.quorate-build").trim(), "debian-13-amd64");
        assert_eq!(bench.root(node, "ls -d /run/quorate-ca 2>/dev/null; echo").trim(), "");
    }
}
