//! Programs and archives that must not reach the hosts, and how the hosts reach out: over fake hosts, where every command and
//! its environment can be seen.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod common;
mod fake;

use fake::bench::{Bench, archive};
use fake::{Fault, Machine, Shared};
use quorate::artifact::Store;
use quorate::cluster::{InstallMethod, Secret, SecretName, SecretSource, Via};
use quorate::host::Command;

/// What every host has is what a bare one has.
fn untouched(world: &Shared) -> bool {
    world.machines().values().all(|machine| *machine == Machine::default())
}

/// The commands of a run whose step begins so, with the host.
fn commands(world: &Shared, step: &str) -> Vec<(String, Command)> {
    let of = |(name, command): &(_, Command)| (format!("{name}"), command.clone());
    world.with(|world| world.seen.iter().filter(|(_, command)| command.step.starts_with(step)).map(of).collect())
}

#[test]
fn an_archive_of_the_cache_that_must_not_be_unpacked_stops_the_run_before_any_host_is_touched() {
    for (bytes, problem) in [
        (archive("debian-12-amd64"), "it was built for debian-12-amd64, and the host is debian-13-amd64"),
        (b"<html>".to_vec(), "it is no archive"),
    ] {
        let mut bench = Bench::new();
        let folder = tempfile::tempdir().unwrap();
        bench.store = Store::new(folder.path());
        bench.fill();
        let built = folder.path().join("built/debian-13-amd64");
        let haproxy = std::fs::read_dir(&built).unwrap().map(|entry| entry.unwrap().path());
        let haproxy = haproxy.into_iter().find(|path| path.to_string_lossy().contains("/haproxy-")).unwrap();
        std::fs::write(&haproxy, &bytes).unwrap();
        let world = bench.world();
        let ran = bench.run(&world);
        let error = ran.outcome.as_ref().unwrap_err();
        assert_eq!(ran.code(), 7, "{error}");
        assert!(error.to_string().contains(problem), "{error}");
        assert!(
            error.hints().iter().any(|hint| hint.contains(&format!("rm {}", haproxy.display()))),
            "{:?}",
            error.hints()
        );
        assert!(untouched(&world));
    }
}

#[test]
fn a_program_that_does_not_run_on_a_host_ends_the_run_before_anything_is_live() {
    let bench = Bench::new();
    let whole = bench.world();
    bench.run(&whole).outcome.unwrap();
    let steps = whole.steps(0);
    let shipping: Vec<usize> =
        steps.iter().enumerate().filter(|(_, step)| step.starts_with("shipping")).map(|(at, _)| at).collect();
    assert_eq!(shipping.len(), 12, "four programs on three hosts");
    for at in shipping {
        let world = bench.world();
        world.with(|world| world.fault = Some((at, Fault::Code(93))));
        let ran = bench.run(&world);
        let error = ran.outcome.as_ref().unwrap_err();
        assert_eq!(ran.code(), 8, "{error}");
        assert!(
            error.to_string().contains("nothing was activated") && error.detail().unwrap().contains("the fake said so")
        );
        let started = commands(&world, "starting").len() + commands(&world, "making files live").len();
        assert_eq!(started, 0, "something went live");
    }
    // Each program is run by what its component knows.
    for (component, words) in [
        ("etcd", &["bin/etcd", "--version"][..]),
        ("patroni", &["bin/python3", "bin/patroni", "--version"]),
        ("haproxy", &["sbin/haproxy", "-v"]),
        ("keepalived", &["sbin/keepalived", "--version"]),
    ] {
        let shipped = commands(&whole, &format!("shipping {component} "));
        assert_eq!(shipped.len(), 3);
        for (_, command) in shipped {
            assert_eq!(command.args[2], "debian-13-amd64");
            assert_eq!(&command.args[3..], words);
        }
    }
}

#[test]
fn hosts_of_two_releases_or_architectures_are_refused_by_name() {
    for (from, to, said) in [
        ("VERSION_ID=\"13\"", "VERSION_ID=\"12\"", "db01, db03 debian-13 on x86_64"),
        ("=machine 0 6\nx86_64", "=machine 0 7\naarch64", "db02 debian-13 on aarch64"),
    ] {
        let bench = Bench::new();
        let world = bench.world();
        let second = bench.cluster.nodes[1].name.clone();
        world.with(|world| world.altered.insert(second, (from.to_owned(), to.to_owned())));
        let ran = bench.run(&world);
        let error = ran.outcome.as_ref().unwrap_err();
        assert_eq!(ran.code(), 5, "{error}");
        let mixed = error.findings().iter().find(|finding| finding.id == "os.mixed").unwrap();
        assert!(mixed.text.contains(said), "{}", mixed.text);
        assert!(untouched(&world));
    }
}

/// A bench with an empty cache, and HAProxy alone to build if hosts download; with a proxy, its login and certificates.
fn reaching(via: Via) -> (Bench, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let mut bench = Bench::new();
    bench.store = Store::new(folder.path().join("cache"));
    if via == Via::Host {
        bench.cluster.etcd.install = Some(InstallMethod::Package);
        bench.cluster.patroni.install = Some(InstallMethod::Package);
        bench.cluster.keepalived.install = Some(InstallMethod::Package);
    }
    bench.cluster.artifacts.via = via;
    bench.cluster.artifacts.proxy = Some("http://proxy.example:3128".to_owned());
    bench.cluster.artifacts.proxy_login = Some(SecretSource::File("/nowhere".into()));
    bench.cluster.artifacts.ca = Some(ca);
    bench.secrets.insert(SecretName::ProxyLogin, Secret::new("me:canary/secret".to_owned()));
    (bench, folder)
}

#[test]
fn what_reaches_out_on_a_host_has_the_proxy_and_the_certificates_and_nothing_else_has() {
    let (bench, _folder) = reaching(Via::Operator);
    bench.fill();
    let world = bench.world();
    bench.run(&world).outcome.unwrap();
    let mut reached = 0;
    for (name, command) in world.with(|world| world.seen.clone()) {
        let value =
            |name: &str| command.environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let text = format!("{} {:?} {}", command.step, command.args, command.script);
        assert!(!text.contains("canary"), "{name}: {text}");
        if !command.step.starts_with("installing") {
            assert!(command.environment.is_empty(), "{}", command.step);
            continue;
        }
        reached += 1;
        for variable in ["http_proxy", "https_proxy"] {
            assert_eq!(value(variable), Some("http://me:canary%2Fsecret@proxy.example:3128"));
        }
        assert!(value("no_proxy").unwrap().starts_with("localhost,127.0.0.1"));
        for variable in ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "QUORATE_CA"] {
            assert_eq!(value(variable), Some("/run/quorate-ca/bundle.pem"), "{variable}");
        }
    }
    assert_eq!(reached, 3);
    assert_eq!(commands(&world, "bringing the CA's certificates").len(), 3);
    assert_eq!(commands(&world, "clearing away the CA's certificates").len(), 3);
}

#[test]
fn the_certificates_go_from_a_host_whose_packages_fail() {
    let (bench, _folder) = reaching(Via::Operator);
    bench.fill();
    let whole = bench.world();
    bench.run(&whole).outcome.unwrap();
    let installs = |command: &Command| command.step.starts_with("installing");
    let at = whole.with(|world| world.seen.iter().position(|(_, command)| installs(command)).unwrap());
    let world = bench.world();
    world.with(|world| world.fault = Some((at, Fault::Code(100))));
    bench.run(&world).outcome.unwrap_err();
    assert_eq!(commands(&world, "bringing the CA's certificates").len(), 3);
    assert_eq!(commands(&world, "clearing away the CA's certificates").len(), 3);
}

#[test]
fn a_host_that_downloads_gets_the_sum_and_the_addresses_and_what_it_makes_is_judged() {
    let (bench, _folder) = reaching(Via::Host);
    let world = bench.world();
    let ran = bench.run(&world);
    // The fake builds nothing at all.
    let error = ran.outcome.as_ref().unwrap_err();
    assert_eq!(ran.code(), 8, "{error}");
    assert!(error.to_string().contains("must not be unpacked: it is no archive"), "{error}");
    let [(host, build)] = commands(&world, "building haproxy").try_into().unwrap();
    assert_eq!(host, "db01");
    assert_eq!(build.args[3], "debian-13-amd64");
    let order = build.args.last().unwrap().strip_prefix("order:").unwrap().parse::<usize>().unwrap();
    let order = String::from_utf8(build.stdin[build.stdin.len() - order..].to_vec()).unwrap();
    let lines: Vec<&str> = order.lines().collect();
    assert_eq!(lines[0].len(), 64);
    assert_eq!(lines[1], "haproxy-3.0.11.tar.gz");
    assert!(lines[2..].iter().any(|address| address.starts_with("https://www.haproxy.org/")), "{lines:?}");
    assert!(build.environment.iter().any(|(name, value)| *name == "https_proxy" && value.contains("proxy.example")));
    // A host without curl, wget and python3 gets curl.
    assert!(commands(&world, "installing what the builds need")[0].1.args.contains(&"curl".to_owned()));
    assert!(commands(&world, "shipping").is_empty() && commands(&world, "starting").is_empty());
}

#[test]
fn a_host_that_can_not_download_ends_the_run_with_its_words() {
    let (bench, _folder) = reaching(Via::Host);
    let whole = bench.world();
    let _ = bench.run(&whole);
    let at = whole.steps(0).iter().position(|step| step.starts_with("building haproxy")).unwrap();
    let world = bench.world();
    world.with(|world| world.fault = Some((at, Fault::Code(97))));
    let ran = bench.run(&world);
    let error = ran.outcome.as_ref().unwrap_err();
    assert_eq!(ran.code(), 7, "{error}");
    assert_eq!(error.to_string(), "db01 could not download haproxy-3.0.11.tar.gz: the fake said so");
}
