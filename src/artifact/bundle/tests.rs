//! Bundles that are not as they were written: each is refused, and the entry is named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use super::{Bundle, BundleWriter, Manifest, Sum, Written};
use crate::artifact::ArtifactError;
use crate::cluster::sha256;

const FILES: [(&str, &[u8]); 3] = [
    ("packages/Packages", b"Package: a\n"),
    ("packages/a_1_amd64.deb", &[7; 1000]),
    ("programs/debian-13-amd64_x.tar.gz", b"x"),
];

fn manifest() -> Manifest {
    Manifest {
        format_version: Manifest::format_version(),
        quorate: "0.1.0".to_owned(),
        created: "2026-01-01T00:00:00Z".to_owned(),
        cluster: "pg".to_owned(),
        inventory_sha256: "0".repeat(64),
        os: "debian-13".to_owned(),
        arch: "amd64".to_owned(),
        made_on: "Debian".to_owned(),
        programs: Vec::new(),
        packages: vec!["a".to_owned()],
    }
}

fn sums() -> BTreeMap<String, Sum> {
    let of =
        |(name, bytes): &(&str, &[u8])| ((*name).to_owned(), Sum { sha256: sha256(bytes), size: bytes.len() as u64 });
    FILES.iter().map(of).collect()
}

fn write(place: &Path) -> Written {
    let mut writer = BundleWriter::begin(place, &manifest(), sums(), None).unwrap();
    for (name, bytes) in FILES {
        writer.add(name, bytes).unwrap();
    }
    writer.finish().unwrap()
}

struct Fixture {
    folder: tempfile::TempDir,
    bytes: Vec<u8>,
    written: Written,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let written = write(&folder.path().join("good"));
        let bytes = std::fs::read(folder.path().join("good")).unwrap();
        Self { folder, bytes, written }
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Why other bytes are refused; `None` if they are not.
    fn refused(&self, bytes: &[u8]) -> Option<String> {
        let place = self.place("other");
        std::fs::write(&place, bytes).unwrap();
        match Bundle::open(&place) {
            Ok(_) => None,
            Err(ArtifactError::Bundle { entry, reason, .. }) => Some(format!("{entry}: {reason}")),
            Err(other) => panic!("{other}"),
        }
    }

    /// The good bundle with entries put behind its own.
    fn with(&self, append: impl FnOnce(&mut Builder<Vec<u8>>)) -> Vec<u8> {
        let mut archive = Builder::new(self.bytes[..self.bytes.len() - 1024].to_vec());
        append(&mut archive);
        archive.into_inner().unwrap()
    }
}

fn entry(name: &[u8], kind: EntryType) -> Header {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(0);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_cksum();
    header
}

#[test]
fn what_was_written_is_read() {
    let fixture = Fixture::new();
    let bundle = Bundle::open(&fixture.place("good")).unwrap();
    assert_eq!(
        (bundle.manifest.clone(), bundle.id.clone(), bundle.bytes),
        (manifest(), fixture.written.id.clone(), fixture.written.bytes)
    );
    for (name, bytes) in FILES {
        assert_eq!(bundle.read(name).unwrap(), bytes);
    }
    assert_eq!(bundle.program("debian-13-amd64/x").unwrap().as_deref(), Some(&b"x"[..]));
    assert_eq!(bundle.program("debian-13-amd64/y").unwrap(), None);
    assert_eq!(bundle.packages().map(|(name, _)| name).collect::<Vec<_>>(), ["Packages", "a_1_amd64.deb"]);
    assert!(!bundle.is_signed() && super::looks_like_one(&fixture.place("good")).unwrap());
    assert_eq!(write(&fixture.place("twice")), fixture.written);
    assert_eq!(std::fs::read(fixture.place("twice")).unwrap(), fixture.bytes, "the same entries are the same bytes");
    // What changes after it was opened is noticed when it is used.
    let mut bytes = fixture.bytes.clone();
    let at = bytes.iter().rposition(|byte| *byte == 7).unwrap();
    bytes[at] = 8;
    std::fs::write(fixture.place("good"), bytes).unwrap();
    assert!(matches!(bundle.read("packages/a_1_amd64.deb"), Err(ArtifactError::Bundle { .. })));
}

#[test]
fn no_byte_is_free() {
    let fixture = Fixture::new();
    for at in 0..fixture.bytes.len() {
        let mut bytes = fixture.bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        assert!(fixture.refused(&bytes).is_some(), "byte {at}");
    }
}

#[test]
fn every_shorter_or_longer_file_is_refused() {
    let fixture = Fixture::new();
    for length in 0..fixture.bytes.len() {
        assert!(fixture.refused(&fixture.bytes[..length]).is_some(), "cut at {length}");
    }
    for more in [&b"\0"[..], b"x", &[0; 512], &[0; 10240]] {
        assert!(fixture.refused(&[&fixture.bytes, more].concat()).is_some());
    }
}

#[test]
fn hostile_and_foreign_entries_are_named() {
    let fixture = Fixture::new();
    for (name, kind, reason) in [
        ("packages/../../etc/x", EntryType::Regular, "leads out of the bundle"),
        ("/etc/cron.d/x", EntryType::Regular, "absolute"),
        ("packages/link", EntryType::Symlink, "symbolic link"),
        ("packages/link", EntryType::Link, "a link to another entry"),
        ("packages/disk", EntryType::Block, "a device"),
        ("packages/tty", EntryType::Char, "a device"),
        ("packages/pipe", EntryType::Fifo, "a pipe"),
        ("packages/folder", EntryType::Directory, "a folder"),
        ("packages/x", EntryType::XHeader, "no regular file"),
        ("packages/x", EntryType::GNULongName, "no regular file"),
        ("packages/unlisted", EntryType::Regular, "not in the list of sums"),
        ("packages/Packages", EntryType::Regular, "twice"),
        ("manifest.json", EntryType::Regular, "twice"),
    ] {
        let bytes = fixture.with(|archive| archive.append(&entry(name.as_bytes(), kind), &b""[..]).unwrap());
        let refused = fixture.refused(&bytes).unwrap();
        assert!(refused.contains(reason) && refused.contains(name), "{name} ({kind:?}): {refused}");
    }
    for (change, what) in [(0o4755, "setuid"), (0o600, "another mode")] {
        let mut header = entry(b"packages/x", EntryType::Regular);
        header.set_mode(change);
        header.set_cksum();
        let bytes = fixture.with(|archive| archive.append(&header, &b""[..]).unwrap());
        assert!(fixture.refused(&bytes).unwrap().contains("packages/x: its header"), "{what}");
    }
}

#[test]
fn entries_that_change_places_are_refused() {
    let fixture = Fixture::new();
    let bundle = |order: [usize; 3]| {
        let mut archive = Builder::new(Vec::new());
        let sums = sums();
        let text = manifest().text().unwrap();
        let own = sha256(text.as_bytes());
        let name = super::MANIFEST.to_owned();
        let mut all: BTreeMap<&String, &String> = sums.iter().map(|(name, sum)| (name, &sum.sha256)).collect();
        all.insert(&name, &own);
        let list = super::sums::text(all);
        let mut add = |name: &str, bytes: &[u8]| {
            archive.append(&super::entry::header(name, bytes.len() as u64).unwrap(), bytes).unwrap();
        };
        add("manifest.json", text.as_bytes());
        add("SHA256SUMS", list.as_bytes());
        for at in order {
            add(FILES[at].0, FILES[at].1);
        }
        archive.into_inner().unwrap()
    };
    assert_eq!(fixture.refused(&bundle([0, 1, 2])), None);
    assert!(fixture.refused(&bundle([1, 0, 2])).unwrap().contains("a_1_amd64.deb: it stands in another's place"));
    let html = b"<html>502 Bad Gateway</html>".repeat(50);
    assert!(fixture.refused(&html).is_some() && fixture.refused(b"").is_some());
}

#[test]
fn a_writer_keeps_its_promises_or_leaves_nothing() {
    let fixture = Fixture::new();
    let place = fixture.place("new");
    let begin = || BundleWriter::begin(&place, &manifest(), sums(), None).unwrap();
    assert!(begin().finish().is_err());
    let mut writer = begin();
    assert!(writer.add("packages/Packages", b"another").is_err());
    drop(writer);
    assert!(begin().add(FILES[1].0, FILES[1].1).is_err(), "out of order");
    let names: Vec<_> =
        std::fs::read_dir(fixture.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["good"]);
}

#[test]
fn a_signature_counts_for_its_signer_and_its_list_alone() {
    let fixture = Fixture::new();
    let key = fixture.place("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(&key)
        .status();
    assert!(made.unwrap().success());
    let public = std::fs::read_to_string(fixture.place("key.pub")).unwrap();
    let allowed = fixture.place("allowed");
    std::fs::write(&allowed, format!("ops@example.org namespaces=\"quorate-bundle\" {public}")).unwrap();
    let place = fixture.place("signed");
    let mut writer = BundleWriter::begin(&place, &manifest(), sums(), Some(&key)).unwrap();
    for (name, bytes) in FILES {
        writer.add(name, bytes).unwrap();
    }
    assert_eq!(writer.finish().unwrap().id, fixture.written.id, "a signature is no part of what is signed");
    let bundle = Bundle::open(&place).unwrap();
    assert!(bundle.is_signed());
    bundle.signed_by(&allowed, "ops@example.org").unwrap();
    assert!(matches!(bundle.signed_by(&allowed, "eve@example.org"), Err(ArtifactError::Signature { .. })));
    let unsigned = Bundle::open(&fixture.place("good")).unwrap();
    assert!(matches!(unsigned.signed_by(&allowed, "ops@example.org"), Err(ArtifactError::Signature { .. })));
    assert!(BundleWriter::begin(&fixture.place("x"), &manifest(), sums(), Some(&fixture.place("no-key"))).is_err());
}
