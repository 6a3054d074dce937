//! The scripts that download and judge archives on a host, run by the real shell, tar and awk.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use crate::artifact::hostile::{archive, entry, file, mark};
use crate::artifact::server::Tls;
use crate::cluster::sha256;

const JUDGE: &str = include_str!("archive.sh");
const FETCH: &str = include_str!("fetch.sh");

fn judge(bytes: &[u8], strictness: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    std::fs::write(&path, bytes).unwrap();
    let script = format!("{JUDGE}\njudge_archive \"$1\" \"$2\"");
    let output = Command::new("/bin/sh").args(["-c", &script, "sh"]).arg(&path).arg(strictness).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_host_lets_through_what_recipes_and_upstream_make() {
    let built = archive(&[
        mark("debian-13-amd64"),
        entry("./", b'5', "0000755", "", b""),
        entry("./bin/", b'5', "0000755", "", b""),
        file("./bin/etcd"),
        entry("./bin/python", b'2', "0000777", "python3", b""),
        entry("./bin/python3", b'2', "0000777", "/usr/bin/python3", b""),
        entry("./lib64", b'2', "0000777", "lib", b""),
    ]);
    assert_eq!(judge(&built, "built"), (true, String::new()));
    let upstream = archive(&[
        entry("haproxy-3.0/", b'5', "0002775", "", b""),
        file("haproxy-3.0/reg-tests/ssl/common.pem"),
        entry("haproxy-3.0/reg-tests/peers/common.pem", b'2', "0000777", "../ssl/common.pem", b""),
        entry("haproxy-3.0/doc/a -> b", b'0', "0000664", "", b"x"),
        entry("haproxy-3.0/hard", b'1', "0000664", "haproxy-3.0/reg-tests/ssl/common.pem", b""),
    ]);
    assert_eq!(judge(&upstream, "source"), (true, String::new()));
}

#[test]
fn a_host_refuses_what_leaves_its_folder_and_names_it() {
    let long = "x/".repeat(300) + "../../etc/passwd";
    let pax = format!("{} path=../evil\n", " path=../evil\n".len() + 2);
    let top = || entry("top/", b'5', "0000755", "", b"");
    let cases: Vec<(Vec<Vec<u8>>, &str)> = vec![
        (vec![file("../evil")], "../evil leaves its folder"),
        (vec![file("top/../../evil")], "top/../../evil leaves its folder"),
        (vec![file("/etc/cron.d/evil")], "/etc/cron.d/evil leaves its folder"),
        (vec![entry("././@LongLink", b'L', "0000644", "", long.as_bytes()), file("short")], "leaves its folder"),
        (vec![entry("pax", b'x', "0000644", "", pax.as_bytes()), file("short")], "../evil leaves its folder"),
        (vec![entry("top/out", b'2', "0000777", "/etc", b"")], "top/out is a link out of its folder: /etc"),
        (vec![entry("top/out", b'2', "0000777", "../etc", b"")], "top/out is a link out of its folder: ../etc"),
        (vec![entry("top/a/b", b'2', "0000777", "../../../etc", b"")], "top/a/b is a link out of its folder"),
        (vec![entry("top/l", b'2', "0000777", "sub", b""), file("top/l/evil")], "top/l/evil lies below a link"),
        (vec![entry("top/passwd", b'1', "0000644", "/etc/passwd", b"")], "top/passwd is a link out of its folder"),
        (vec![entry("top/su", b'0', "0004755", "", b"x")], "top/su is setuid"),
        (vec![entry("top/sda", b'4', "0000644", "", b"")], "top/sda is of a kind that no program needs"),
        (vec![entry("top/null", b'3', "0000644", "", b"")], "top/null is of a kind that no program needs"),
        (vec![entry("top/pipe", b'6', "0000644", "", b"")], "top/pipe is of a kind that no program needs"),
    ];
    for (entries, problem) in cases {
        let mut all = vec![top()];
        all.extend(entries);
        let (passed, said) = judge(&archive(&all), "source");
        assert!(!passed && said.contains(problem), "{said:?} instead of {problem:?}");
        let (passed, said) = judge(&archive(&all), "built");
        assert!(!passed && said.contains("unsafe archive: its entry"), "built: {said:?} instead of {problem:?}");
    }
    for (entry, problem) in [
        (entry("inner", b'1', "0000644", "bin/etcd", b""), "is of a kind"),
        (entry("etc", b'2', "0000777", "/usr/bin/python3", b""), "is a link out"),
        (entry("bin/python3", b'2', "0000777", "/usr/bin/python3/../../etc", b""), "is a link out"),
        (entry("tmp/", b'5', "0001777", "", b""), "is setuid, setgid or sticky"),
    ] {
        let (passed, said) = judge(&archive(&[entry]), "built");
        assert!(!passed && said.contains(problem), "{said:?} instead of {problem:?}");
    }
}

#[test]
fn a_host_refuses_what_is_no_archive_and_a_cut_one() {
    let good = archive(&[file("bin/etcd"), entry("bin/big", b'0', "0000755", "", &vec![7; 1 << 20])]);
    for (bytes, what) in [(&b"<html>"[..], "a page"), (b"", "nothing"), (&good[..100], "a beginning")] {
        assert!(!judge(bytes, "built").0, "{what} was let through");
        assert!(!judge(bytes, "source").0, "{what} was let through");
    }
}

/// Runs the script with a folder of programs as its only PATH beside the tools that it needs.
fn fetch(order: &str, without: &[&str]) -> (Output, Option<Vec<u8>>) {
    fetch_with(order, without, &[])
}

fn fetch_with(order: &str, without: &[&str], environment: &[(&str, &Path)]) -> (Output, Option<Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let tools = folder.path().join("tools");
    std::fs::create_dir(&tools).unwrap();
    for name in ["curl", "wget", "python3", "sh", "sha256sum", "cut", "head", "tail", "grep", "od", "tr", "gzip", "rm"]
    {
        let found = ["/usr/bin", "/bin"].iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
        if let Some(found) = found.filter(|_| !without.contains(&name)) {
            std::os::unix::fs::symlink(found, tools.join(name)).unwrap();
        }
    }
    let (order_file, out) = (folder.path().join("order"), folder.path().join("out"));
    std::fs::write(&order_file, order).unwrap();
    let output = Command::new("/bin/sh")
        .args(["-c", FETCH, "sh"])
        .args([&order_file, &out])
        .env_clear()
        .env("PATH", &tools)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    (output, std::fs::read(&out).ok())
}

/// A server on a loopback port that gives each path its bytes; it ends with the test's process.
fn serve(files: Vec<(&'static str, Vec<u8>)>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        use std::io::{BufRead as _, BufReader};
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines.map(Result::unwrap_or_default).take_while(|line| !line.is_empty()).collect();
            let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned();
            let _ = match files.iter().find(|(known, _)| *known == path) {
                Some((_, bytes)) => write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len())
                    .and_then(|()| stream.write_all(bytes)),
                None => write!(stream, "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            };
        }
    });
    address
}

#[test]
fn a_host_downloads_by_whatever_it_has_and_keeps_only_the_pinned_bytes() {
    let good = archive(&[file("bin/etcd")]);
    let sum = sha256(&good);
    let server = serve(vec![
        ("/good", good.clone()),
        ("/page", b"<!DOCTYPE html><title>Log in</title>".to_vec()),
        ("/cut", good[..good.len() / 2].to_vec()),
    ]);
    let mut tried = 0;
    for without in [&["wget", "python3"][..], &["curl", "python3"], &["curl", "wget"]] {
        let has = ["curl", "wget", "python3"].iter().find(|name| !without.contains(name)).unwrap();
        if !Path::new("/usr/bin").join(has).exists() {
            continue;
        }
        tried += 1;
        let (output, kept) = fetch(&format!("{sum}\nx.tar.gz\n{server}/none\n{server}/good\n"), without);
        assert!(output.status.success(), "{has}: {}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(kept.as_ref(), Some(&good), "{has}");
        for (path, problem) in [
            ("page", "x.tar.gz from http"),
            ("page", "is not the pinned file, but a web page (HTML): its sha256 is"),
            ("cut", "but truncated or damaged"),
            ("none", "/none: "),
        ] {
            let (output, kept) = fetch(&format!("{sum}\nx.tar.gz\n{server}/{path}\n"), without);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!((output.status.code(), kept), (Some(97), None), "{has}: {said}");
            assert!(said.contains(problem), "{has}: {said:?} instead of {problem:?}");
        }
        // Wrong bytes end the search.
        let (output, _) = fetch(&format!("{sum}\nx.tar.gz\n{server}/cut\n{server}/good\n"), without);
        assert_eq!(output.status.code(), Some(97), "{has}");
    }
    assert!(tried > 0, "this machine has nothing to download with");
}

#[test]
fn a_host_trusts_the_certificates_that_it_was_given_and_no_others() {
    let good = archive(&[file("bin/etcd")]);
    let server = Tls::of(&good);
    let order = format!("{}\nx.tar.gz\n{}\n", sha256(&good), server.url);
    for without in [&["wget", "python3"][..], &["curl", "python3"], &["curl", "wget"]] {
        let has = ["curl", "wget", "python3"].iter().find(|name| !without.contains(name)).unwrap();
        if !Path::new("/usr/bin").join(has).exists() {
            continue;
        }
        let (output, kept) = fetch(&order, without);
        assert_eq!((output.status.code(), kept), (Some(97), None), "{has}");
        let environment = [("SSL_CERT_FILE", server.ca.as_path()), ("CURL_CA_BUNDLE", &server.ca)];
        let (output, kept) = fetch_with(&order, without, &environment);
        assert_eq!(kept.as_ref(), Some(&good), "{has}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
