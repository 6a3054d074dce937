//! What the judge of built archives lets through, and what it names.

use super::archive::judge;
use super::hostile::{archive, entry, file, mark};

const SYSTEM: &str = "debian-13-amd64";

#[test]
fn what_recipes_make_is_let_through() {
    let good = archive(&[
        mark(SYSTEM),
        entry("./", b'5', "0000755", "", b""),
        entry("bin/", b'5', "0000755", "", b""),
        file("bin/etcd"),
        entry("bin/python", b'2', "0000777", "python3", b""),
        entry("bin/python3", b'2', "0000777", "/usr/bin/python3", b""),
        entry("bin/python3.11", b'2', "0000777", "/usr/bin/python3.11", b""),
        entry("lib64", b'2', "0000777", "lib", b""),
        entry("lib/", b'5', "0000755", "", b""),
    ]);
    assert_eq!(judge(&good, SYSTEM), Ok(()));
}

#[test]
fn every_way_out_of_the_folder_is_refused_by_name() {
    let long = "x/".repeat(300) + "../../etc/passwd";
    let pax = format!("{} path=../evil\n", " path=../evil\n".len() + 2);
    let cases: Vec<(Vec<Vec<u8>>, &str)> = vec![
        (vec![file("../evil")], "../evil leaves its folder"),
        (vec![file("bin/../../evil")], "bin/../../evil leaves its folder"),
        (vec![file("/etc/cron.d/evil")], "/etc/cron.d/evil leaves its folder"),
        (vec![entry("././@LongLink", b'L', "0000644", "", long.as_bytes()), file("short")], "leaves its folder"),
        (vec![entry("pax", b'x', "0000644", "", pax.as_bytes()), file("short")], "../evil leaves its folder"),
        (vec![entry("out", b'2', "0000777", "/etc", b"")], "out is a link out of its folder: /etc"),
        (vec![entry("out", b'2', "0000777", "../../etc", b"")], "out is a link out of its folder"),
        (vec![entry("bin/python3", b'2', "0000777", "/usr/bin/python3/../../../etc", b"")], "is a link out"),
        (vec![entry("etc", b'2', "0000777", "/usr/bin/python3", b"")], "is a link out"),
        (vec![entry("lib64", b'2', "0000777", "lib", b""), file("lib64/evil")], "lib64/evil lies below a link"),
        (vec![entry("a", b'2', "0000777", "b", b""), file("a")], "a is there twice"),
        (vec![entry("passwd", b'1', "0000644", "/etc/passwd", b"")], "passwd is a hard link"),
        (vec![entry("inner", b'1', "0000644", "bin/etcd", b"")], "inner is a hard link"),
        (vec![entry("bin/su", b'0', "0004755", "", b"x")], "bin/su is setuid"),
        (vec![entry("bin/sg", b'0', "0002755", "", b"x")], "bin/sg is setuid, setgid"),
        (vec![entry("tmp/", b'5', "0001777", "", b"")], "tmp/ is setuid, setgid or sticky"),
        (vec![entry("bin/open", b'0', "0000777", "", b"x")], "bin/open may be written by others"),
        (vec![entry("sda", b'4', "0000644", "", b"")], "sda is a device"),
        (vec![entry("null", b'3', "0000644", "", b"")], "null is a device"),
        (vec![entry("pipe", b'6', "0000644", "", b"")], "pipe is a pipe"),
        (vec![entry("sparse", b'S', "0000644", "", b"")], ""),
        (vec![file("bin/new\nline")], "control character"),
    ];
    for (entries, problem) in cases {
        let mut all = vec![mark(SYSTEM)];
        all.extend(entries);
        let said = judge(&archive(&all), SYSTEM).expect_err(problem);
        assert!(said.contains(problem), "{said:?} instead of {problem:?}");
        assert!(!said.contains('\n'), "{said:?}");
    }
}

#[test]
fn an_archive_for_another_system_or_for_none_is_refused() {
    let other = archive(&[mark("debian-12-amd64"), file("bin/etcd")]);
    assert_eq!(
        judge(&other, SYSTEM),
        Err("it was built for debian-12-amd64, and the host is debian-13-amd64".to_owned())
    );
    assert!(judge(&archive(&[file("bin/etcd")]), SYSTEM).unwrap_err().contains("does not say which system"));
}

#[test]
fn no_archive_a_cut_one_and_a_damaged_one_are_refused() {
    let good = archive(&[mark(SYSTEM), file("bin/etcd")]);
    assert!(judge(&good[..good.len() - 10], SYSTEM).unwrap_err().contains("truncated"));
    assert!(judge(b"<html>", SYSTEM).unwrap_err().contains("no archive"));
    assert!(judge(b"", SYSTEM).is_err());
    let mut damaged = good.clone();
    let last = damaged.len() - 6;
    damaged[last] ^= 0xff;
    assert!(judge(&damaged, SYSTEM).is_err());
}
