//! What hosts say of their firewalls and of `SELinux`, and what the preflight makes of it.

#![allow(clippy::unwrap_used, reason = "a fixture that does not fit has failed")]

mod common;

use std::collections::BTreeMap;

use quorate::cluster::{Cluster, Firewall, Version};
use quorate::plan::{Firewalls, Preflight, Survey, survey_args};
use quorate::verify::{Finding, Level};

/// A lab host's answer, with what it would say of its firewall and of `SELinux`.
fn answer(firewall: &str, selinux: &str) -> Survey {
    let text = include_str!("fixtures/host/survey-fresh.txt");
    let sections =
        format!("=firewall 0 {}\n{firewall}\n=selinux 0 {}\n{selinux}\n=systemd 0 3\n", firewall.len(), selinux.len());
    Survey::parse(text.replace("=systemd 0 3\n", &sections).as_bytes()).unwrap()
}

fn finding(cluster: &Cluster, survey: &Survey) -> Finding {
    let surveys: BTreeMap<_, _> = cluster.nodes.iter().map(|node| (node.name.clone(), (survey.clone(), 1e9))).collect();
    let nothing = (BTreeMap::new(), BTreeMap::new());
    let preflight = Preflight {
        cluster,
        surveys: &surveys,
        nodes: &nothing.0,
        data: &nothing.1,
        desired: None,
        plan: None,
        standing: None,
    };
    preflight.judge().into_iter().find(|finding| finding.id == "net.firewall").unwrap()
}

#[test]
fn versions_are_read_and_what_can_not_be_read_is_too_old() {
    let vip = common::cluster(3).vip.address;
    for (said, version) in [
        ("firewalld 1.3.4", Some(Version::new(1, 3, 4))),
        ("firewalld 2.0.0-rc1\nruntime", Some(Version::new(2, 0, 0))),
        ("firewalld ", Some(Version::new(0, 0, 0))),
        ("firewalld unknown", Some(Version::new(0, 0, 0))),
        ("ufw", None),
        ("", None),
    ] {
        assert_eq!(answer(said, "").facts(vip, None, None).unwrap().firewalld, version, "{said:?}");
    }
    let seen = answer("firewalld 1.3.4\nruntime\nufw", "").firewall;
    assert_eq!(seen, Firewalls { firewalld: Some("1.3.4".to_owned()), runtime_rules: true, ufw: true });
    for (said, judges) in [("Enforcing", true), ("Permissive", true), ("Disabled", false), ("", false)] {
        assert_eq!(answer("", said).facts(vip, None, None).unwrap().selinux, judges, "{said}");
    }
}

#[test]
fn the_preflight_says_what_is_open_what_to_open_and_what_would_be_lost() {
    let mut cluster = common::cluster(3);
    let level = |cluster: &Cluster, said: &str| {
        let finding = finding(cluster, &answer(said, ""));
        (finding.level, format!("{} {}", finding.text, finding.remedy))
    };
    let (good, text) = level(&cluster, "firewalld 1.3.4");
    assert_eq!(good, Level::Ok);
    for needed in ["2379", "2380", "8008", "5432", "5000", "5001", "112"] {
        assert!(text.contains(needed), "{needed}: {text}");
    }
    let (refused, text) = level(&cluster, "firewalld 0.8.2");
    assert_eq!(refused, Level::Down);
    assert!(text.contains("0.8.2") && text.contains("firewall: leave") && text.contains("5000"), "{text}");
    assert_eq!(level(&cluster, "firewalld ").0, Level::Down);
    let (lost, text) = level(&cluster, "firewalld 1.3.4\nruntime");
    assert_eq!(lost, Level::Degraded);
    assert!(text.contains("--runtime-to-permanent"), "{text}");
    let (ufw, text) = level(&cluster, "ufw");
    assert_eq!(ufw, Level::Degraded);
    assert!(text.contains("ufw allow") && text.contains("VRRP"), "{text}");
    assert_eq!(level(&cluster, "").0, Level::Ok);

    cluster.firewall = Firewall::Leave;
    assert_eq!(survey_args(&cluster, None)[2], "leave");
    for said in ["firewalld 0.8.2", "firewalld 1.3.4\nruntime"] {
        let (left, text) = level(&cluster, said);
        assert_eq!(left, Level::Ok, "{said}");
        assert!(text.contains("5000"), "{text}");
    }
}

/// The real answers of a host like RHEL 9, before its install: as it came, and after `firewall-cmd --add-port 9999/tcp`.
#[test]
fn a_real_host_with_firewalld_says_so() {
    let vip = common::cluster(3).vip.address;
    let fresh = Survey::parse(include_bytes!("fixtures/host/survey-rhel9-fresh.txt")).unwrap();
    let facts = fresh.facts(vip, None, None).unwrap();
    assert_eq!((facts.os.to_string().as_str(), facts.firewalld), ("rhel-9", Some(Version::new(1, 3, 3))));
    assert!(!facts.selinux && !fresh.firewall.runtime_rules && fresh.archive.is_none());
    let opened = Survey::parse(include_bytes!("fixtures/host/survey-rhel9-runtime.txt")).unwrap();
    assert!(opened.firewall.runtime_rules && opened.firewall.firewalld == fresh.firewall.firewalld);
}
