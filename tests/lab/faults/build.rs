//! Exit 7: a download is missing or is not the pinned one. Exit 8: a compile fails. Neither activates anything.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::bench::{Bench, Variant, differences};

/// Only HAProxy is built from source, so that one download and one compile are all there is to fail.
const ONLY_HAPROXY: &str = "etcd:\n  install: package\npatroni:\n  install: package\nkeepalived:\n  install: package\n";

/// An inventory that builds only HAProxy, with an empty cache and no way to upstream.
pub(super) fn cold(bench: &Bench, name: &str) -> (Variant, Vec<(&'static str, String)>) {
    let variant = bench.variant(name);
    variant.add(ONLY_HAPROXY);
    let cache = variant.path("cache").display().to_string();
    // Port 9 of this machine refuses: nothing leaves it. What a test serves itself is asked directly.
    let nowhere = || "http://127.0.0.1:9".to_owned();
    let environment = [("https_proxy", nowhere()), ("http_proxy", nowhere()), ("no_proxy", "127.0.0.1".to_owned())];
    (variant, [("XDG_CACHE_HOME", cache)].into_iter().chain(environment).collect())
}

pub(super) fn borrowed<'a>(environment: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    environment.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// Every file below a folder.
pub(super) fn files(folder: &std::path::Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

pub(super) fn downloads(bench: &Bench) {
    // A folder of downloads with another file under the right name.
    let (variant, environment) = cold(bench, "corrupted");
    let downloads = variant.path("downloads");
    fs::create_dir(&downloads).expect("a folder");
    let wrong = downloads.join("haproxy-3.0.11.tar.gz");
    fs::write(&wrong, "<html>captive portal</html>").expect("a file of ours");
    variant.edit("inventory.yml", "artifacts:\n", &format!("artifacts:\n  folder: {}\n", downloads.display()));
    let said = ["haproxy-3.0.11.tar.gz", "is not the pinned file", "sha256", "nothing was unpacked"];
    bench.refuses_with(&variant.inventory(), &["apply"], &borrowed(&environment), 7, &said);
    assert_eq!(files(&variant.path("cache")), Vec::<PathBuf>::new(), "wrong bytes were kept");
    assert!(wrong.exists(), "a file in the operator's own folder is the operator's");

    // Nobody serves it.
    let (variant, environment) = cold(bench, "unreachable");
    let text = fs::read_to_string(variant.inventory()).expect("a file of ours");
    let text: String =
        text.lines().filter(|line| !line.contains("debian_archive")).map(|line| format!("{line}\n")).collect();
    let text = text.replace("artifacts:\n", "artifacts:\n  mirror: http://127.0.0.1:9/mirror\n");
    fs::write(variant.inventory(), text).expect("a file of ours");
    let said = ["haproxy-3.0.11.tar.gz could not be downloaded", "http://127.0.0.1:9/mirror", "artifacts: { folder:"];
    bench.refuses_with(&variant.inventory(), &["apply"], &borrowed(&environment), 7, &said);

    // Nobody has pinned it.
    let (variant, environment) = cold(bench, "unpinned");
    variant.add("haproxy:\n  version: 3.0.99\n");
    let said =
        ["haproxy 3.0.99 (source) is not in the catalogue of pinned downloads; known: ", "3.0.11", "install: package"];
    bench.refuses_with(&variant.inventory(), &["apply"], &borrowed(&environment), 7, &said);
}

/// The first compiler in the build host's PATH is broken. Build packages and the account quorate-build may appear on the
/// build host: they are what a build needs. All else, on all hosts, stays.
pub(super) fn failing_compile(bench: &Bench) {
    let (variant, environment) = cold(bench, "compile");
    // The source itself is real: from the developer's cache or the archive that the lab's inventory names.
    let environment: Vec<_> = environment.into_iter().filter(|(name, _)| *name == "XDG_CACHE_HOME").collect();
    bench.root(
        "db01",
        r#"for name in gcc cc; do printf '#!/bin/sh\necho "$0: broken on purpose" >&2\nexit 1\n' >/usr/local/bin/$name; chmod 755 /usr/local/bin/$name; done"#,
    );
    let before = bench.before();
    let run = bench.run(&variant.inventory(), &["apply"], &borrowed(&environment)).exits(8);
    let said =
        ["building haproxy 3.0.11 failed on db01", "broken on purpose", "nothing was activated", "quorate apply"];
    bench.says(&run, &said);
    let after = bench.fingerprint();
    let packaged = bench.root("db01", "dpkg-query -L $(dpkg-query -Wf '${binary:Package} ')");
    let packaged: BTreeSet<&str> = packaged.lines().collect();
    let belongs = |line: &String| belongs_to_a_build(line, &packaged);
    let left: Vec<String> = differences(&before, &after).into_iter().filter(|line| !belongs(line)).collect();
    assert!(left.is_empty(), "a failed build left:\n{}", left.join("\n"));
    assert!(bench.root("db01", "ls /var/tmp").lines().all(|name| name.starts_with("systemd-private-")));
    assert!(files(&variant.path("cache")).iter().all(|path| !path.to_string_lossy().contains("/built/")));
    bench.root("db01", "rm /usr/local/bin/gcc /usr/local/bin/cc");
}

/// Whether a difference is a file of a package on the build host, what packages keep about themselves, or the account that builds and
/// the line that says it is ours.
pub(super) fn belongs_to_a_build(line: &str, packaged: &BTreeSet<&str>) -> bool {
    let kept = ["var/lib/dpkg/", "var/lib/ucf/", "etc/alternatives/", "etc/ld.so.cache"];
    let accounts =
        ["etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/subuid", "etc/subgid", "quorate-build"];
    let made = ["var/lib/quorate", "var/lib/quorate/made"];
    line.starts_with("db01 ")
        && (line.split_whitespace().any(|word| made.contains(&word))
            || kept.iter().chain(&accounts).any(|part| line.contains(part))
            || line.split_whitespace().any(|word| packaged.contains(format!("/{word}").as_str())))
}
