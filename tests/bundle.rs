//! A bundle that does not fit its hosts: refused with exit code 7, what is missing is named, and no host is changed.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod common;
mod fake;

use std::collections::BTreeMap;

use fake::bench::{Bench, archive};
use quorate::artifact::bundle::{BundleWriter, BundledProgram, Manifest, Sum, program_entry};
use quorate::artifact::{Bundle, Recipe, Store};
use quorate::cluster::sha256;

/// A bundle with every program and package that the bench's hosts need, changed by `edit`.
fn bundle(bench: &Bench, edit: impl FnOnce(&mut Manifest)) -> Bundle {
    let (wanted, facts) = (bench.desired(), bench.facts());
    let (name, node) = wanted.nodes.first_key_value().unwrap();
    let mut entries = BTreeMap::new();
    let (mut programs, mut bytes_of) = (Vec::new(), BTreeMap::new());
    for program in &node.programs {
        let recipe = Recipe::of(program, &facts[name].os, facts[name].arch, &bench.catalogue).unwrap();
        let (key, bytes) = (recipe.key, archive(&recipe.system));
        entries.insert(program_entry(&key), Sum { sha256: sha256(&bytes), size: bytes.len() as u64 });
        bytes_of.insert(program_entry(&key), bytes);
        let (component, version) = (program.component.to_string(), program.version.to_string());
        programs.push(BundledProgram { component, version, key });
    }
    let mut manifest = Manifest {
        format_version: Manifest::format_version(),
        quorate: "0.1.0".to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        cluster: "pg".to_owned(),
        inventory_sha256: "0".repeat(64),
        os: facts[name].os.to_string(),
        arch: facts[name].arch.to_string(),
        made_on: "a test".to_owned(),
        programs,
        packages: node.packages.clone(),
    };
    edit(&mut manifest);
    let place = tempfile::NamedTempFile::new().unwrap();
    let mut writer = BundleWriter::begin(place.path(), &manifest, entries, None).unwrap();
    while let Some((entry, _)) = writer.next() {
        let entry = entry.clone();
        writer.add(&entry, &bytes_of[&entry]).unwrap();
    }
    writer.finish().unwrap();
    Bundle::open(place.path()).unwrap()
}

fn other_keys(manifest: &mut Manifest, version: &str) {
    for program in &mut manifest.programs {
        program.key.push('x');
        version.clone_into(&mut program.version);
    }
}

#[test]
fn one_that_fits_is_installed_from_without_a_cache() {
    let mut bench = Bench::new();
    let (plain, world) = (bench.world(), bench.world());
    bench.run(&plain).outcome.unwrap();
    bench.bundle = Some(bundle(&bench, |_| {}));
    bench.store = Store::new("/nowhere");
    assert!(bench.run(&world).outcome.unwrap().changed);
    assert!(!bench.run(&world).outcome.unwrap().changed);
    for (name, machine) in world.machines() {
        let other = &plain.machines()[&name];
        assert_eq!((&machine.packages, &machine.programs), (&other.packages, &other.programs), "{name}");
    }
}

#[test]
fn one_that_does_not_fit_changes_nothing() {
    type Edit = fn(&mut Manifest);
    let cases: [(Edit, &str); 6] = [
        (|manifest| "debian-12".clone_into(&mut manifest.os), "it is for debian-12 on amd64, and db01 is debian-13"),
        (|manifest| "arm64".clone_into(&mut manifest.arch), "it is for debian-13 on arm64"),
        (|manifest| manifest.programs.retain(|program| program.component != "etcd"), "it has no etcd"),
        (|manifest| other_keys(manifest, "1.0"), "it has etcd 1.0, not 3.5.16"),
        (|manifest| other_keys(manifest, "3.5.16"), "its etcd 3.5.16 was made by another recipe"),
        (|manifest| manifest.packages.clear(), "it has no package python3"),
    ];
    for (edit, reason) in cases {
        let mut bench = Bench::new();
        bench.bundle = Some(bundle(&bench, edit));
        let world = bench.world();
        let before = world.machines();
        let ran = bench.run(&world);
        assert_eq!(ran.code(), 7, "{reason}");
        let said = ran.outcome.unwrap_err().to_string();
        assert!(said.contains(reason) && said.contains("nothing was changed"), "{reason}: {said}");
        assert_eq!(world.machines(), before, "{reason}");
    }
}
