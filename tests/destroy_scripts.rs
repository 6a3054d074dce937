//! The scripts that look for data and remove it, in a real shell: what they find, what they refuse, and how they go on.

#![allow(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use quorate::plan::{DataKind, DataMark, FoundData, Remains, remains_script};

const DATA: &str = include_str!("../src/apply/data.sh");
const REST: &str = include_str!("../src/apply/rest.sh");

fn shell(script: &str, args: &[&str]) -> Output {
    Command::new("/bin/sh").args(["-c", script, "sh"]).args(args).env("LC_ALL", "C").output().unwrap()
}

#[track_caller]
fn refused(output: &Output, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains(why), "{said}");
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder with what PostgreSQL's holds, its tablespace and its log elsewhere.
fn database(root: &Path) -> PathBuf {
    let data = root.join("real/data");
    for folder in ["real/data/base/1", "real/data/pg_tblspc", "space/PG_15_202209061/5", "space/PG_14_202107181", "wal"]
    {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::write(data.join("PG_VERSION"), "15\n").unwrap();
    fs::write(data.join("base/1/1259"), vec![0_u8; 100_000]).unwrap();
    fs::write(root.join("wal/000000010000000000000001"), "w").unwrap();
    fs::write(root.join("space/mine.txt"), "mine").unwrap();
    symlink(root.join("space"), data.join("pg_tblspc/16400")).unwrap();
    symlink(root.join("wal"), data.join("pg_wal")).unwrap();
    symlink(root.join("real/data"), root.join("data")).unwrap();
    root.join("data")
}

fn look(postgresql: &Path, etcd: &Path) -> Vec<FoundData> {
    let output = shell(&remains_script(), &["postgresql", path(postgresql), "etcd", path(etcd)]);
    Remains::parse(&output.stdout).unwrap().data
}

#[test]
fn data_is_found_wherever_it_lies_and_goes_to_its_last_byte() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let (data, etcd) = (database(&root), root.join("etcd data"));
    fs::create_dir_all(etcd.join("member/wal")).unwrap();
    fs::write(etcd.join("member/wal/0.wal"), "e").unwrap();
    fs::create_dir(root.join("data.failed")).unwrap();
    let found = look(&data, &etcd);
    let kinds: Vec<DataKind> = found.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [DataKind::Etcd, DataKind::Failed, DataKind::Tablespace, DataKind::Wal, DataKind::Postgresql]);
    let database = found.last().unwrap();
    assert_eq!((database.mark, database.whole), (DataMark::Known, true));
    assert_eq!((database.path.as_str(), database.real.as_str()), (path(&data), path(&root.join("real/data"))));
    assert!(database.bytes >= 100_000 && database.written > 1_700_000_000, "{database:?}");
    assert_eq!(found[2].real, path(&root.join("space/PG_15_202209061")));

    let args: Vec<&str> =
        found.iter().flat_map(|one| [one.kind.as_str(), one.real.as_str(), one.path.as_str()]).collect();
    let output = shell(DATA, &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut left: Vec<String> =
        fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    // The tablespace's place is the operator's own, and so is another release's part of it.
    assert_eq!(left, ["real", "space"]);
    assert!(root.join("space/mine.txt").exists() && root.join("space/PG_14_202107181").exists());
    assert!(!root.join("space/PG_15_202209061").exists() && fs::read_dir(root.join("real")).unwrap().next().is_none());
    assert!(look(&data, &etcd).is_empty());
    assert!(shell(DATA, &args).status.success(), "a second time");
}

#[test]
fn the_sign_of_data_goes_last() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let data = database(&root);
    // What can't be removed stops it: the folder is still known as what it is.
    let script = DATA.replace("-exec rm -rf", "-exec false");
    let real = root.join("real/data");
    refused(&shell(&script, &["postgresql", path(&real), path(&data)]), "can't be emptied");
    assert!(real.join("PG_VERSION").exists());
    assert_eq!(look(&data, Path::new("/nowhere/at/all")).last().unwrap().mark, DataMark::Known);
}

#[test]
fn folders_of_the_system_and_links_that_moved_are_refused() {
    // None of them exists: a guard that fails must not cost this machine anything.
    for folder in ["/etc/quorate-no-such", "/usr/quorate-no-such", "/proc/quorate-no-such", "", "quorate-no-such", "/"]
    {
        let output = shell(DATA, &["wal", folder, folder]);
        assert!(!output.status.success(), "{folder:?} may be removed");
    }
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let data = database(&root);
    fs::remove_file(&data).unwrap();
    fs::create_dir(root.join("other")).unwrap();
    symlink(root.join("other"), &data).unwrap();
    let real = root.join("real/data");
    refused(&shell(DATA, &["postgresql", path(&real), path(&data)]), "does not lead to");
    assert!(real.join("base/1/1259").exists());
}

#[test]
fn a_database_that_runs_keeps_its_folder() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let data = database(&root);
    let real = root.join("real/data");
    let mut server = Command::new("sleep").arg("60").current_dir(&real).spawn().unwrap();
    fs::write(real.join("postmaster.pid"), format!("{}\n{}\n", server.id(), path(&real))).unwrap();
    let serving = || {
        let output = shell(&remains_script(), &["postgresql", path(&data), "etcd", "/nowhere/at/all"]);
        Remains::parse(&output.stdout).unwrap().serving
    };
    assert!(serving());
    refused(&shell(DATA, &["postgresql", path(&real), path(&data)]), "PostgreSQL runs still");
    assert!(real.join("base/1/1259").exists());
    server.kill().unwrap();
    server.wait().unwrap();
    assert!(!serving());
    assert!(shell(DATA, &["postgresql", path(&real), path(&data)]).status.success());
    assert!(!real.exists());
}

#[test]
fn strange_and_empty_folders_are_told_apart() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let (data, etcd) = (root.join("data"), root.join("etcd"));
    fs::create_dir(&data).unwrap();
    fs::create_dir(&etcd).unwrap();
    fs::write(data.join("letters.txt"), "mine").unwrap();
    let found = look(&data, &etcd);
    assert_eq!(found.iter().map(|one| one.mark).collect::<Vec<_>>(), [DataMark::Empty, DataMark::Strange]);
}

#[test]
fn only_links_into_our_own_folder_and_what_runs_leave_behind_goes() {
    let root = tempfile::tempdir().unwrap();
    let root = root.path().canonicalize().unwrap();
    let (ours, theirs) = (root.join("etcd"), root.join("vi"));
    symlink("/opt/quorate/etcd-3.5.16/bin/etcd", &ours).unwrap();
    symlink("/usr/bin/vim", &theirs).unwrap();
    let staged = root.join(".quorate-new-x");
    fs::write(&staged, "x").unwrap();
    let full = root.join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("mine"), "x").unwrap();
    let args = ["link", path(&ours), "link", path(&theirs), "leftover", path(&staged), "folder", path(&full)];
    let output = shell(REST, &args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), path(&full));
    assert!(ours.symlink_metadata().is_err() && theirs.symlink_metadata().is_ok() && !staged.exists());
    refused(&shell(REST, &["leftover", path(&full)]), "is not what a run leaves behind");
    refused(&shell(REST, &["program", path(&full)]), "can't be removed");
    assert!(full.join("mine").exists());
}
