//! Downloads from a server that answers as servers of the field do: well, wrongly, by halves, or not at all.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use super::agent::Limits;
use super::download::{Downloader, addresses};
use super::server::{Server, Tls, whole};
use super::{ArtifactError, Input, Store};
use crate::cluster::{Artifacts, sha256};

/// A folder for a cache, and what fetches into it.
struct Bench {
    folder: tempfile::TempDir,
    artifacts: Artifacts,
}

impl Bench {
    fn new(artifacts: Artifacts) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), artifacts }
    }

    fn store(&self) -> Store {
        Store::new(self.folder.path().join("cache"))
    }

    fn fetch(&self, input: &Input) -> Result<Vec<u8>, ArtifactError> {
        let limits = Limits {
            connect: Duration::from_secs(5),
            silence: Duration::from_millis(300),
            attempt: Duration::from_secs(20),
            largest: 1 << 20,
        };
        Downloader::new(self.artifacts.clone(), None, self.store()).limited(limits).bytes(input, None)
    }

    fn part(&self, input: &Input) -> PathBuf {
        self.store().part(&input.sha256)
    }

    /// Every file that the cache has.
    fn kept(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path().join("cache/downloads")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn input(bytes: &[u8], urls: &[&str]) -> Input {
    Input {
        file: "x-1.0.tar.gz".to_owned(),
        urls: urls.iter().map(|&url| url.to_owned()).collect(),
        sha256: sha256(bytes),
        source_of_sum: "this test".to_owned(),
    }
}

/// Bytes as of an archive: compressed, and not alike.
fn archive() -> Vec<u8> {
    let mut state = 1_u32;
    let noise: Vec<u8> = (0..200_000)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .collect();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&noise).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn only_the_pinned_bytes_come_out_of_a_folder_or_the_cache() {
    let mut bench = Bench::new(Artifacts::default());
    bench.artifacts.folder = Some(bench.folder.path().to_owned());
    let input = input(b"good", &[]);
    let file = bench.folder.path().join(&input.file);
    for bad in [&b"goo"[..], b"", b"<html>not found</html>"] {
        std::fs::write(&file, bad).unwrap();
        assert!(matches!(bench.fetch(&input), Err(ArtifactError::Checksum { .. })));
        assert!(file.exists(), "a file of the user's was deleted");
    }
    std::fs::write(&file, b"good").unwrap();
    assert_eq!(bench.fetch(&input).unwrap(), b"good");
}

#[test]
fn the_inventory_decides_who_is_asked_first() {
    let artifacts = Artifacts {
        mirror: Some("https://mirror.invalid/".to_owned()),
        debian_archive: Some("http://archive.invalid/debian".to_owned()),
        ..Artifacts::default()
    };
    let input = input(b"", &["https://upstream.invalid/x-1.0.tar.gz", "debian:pool/x_1.0.orig.tar.gz"]);
    assert_eq!(
        addresses(&input, &artifacts, Some("http://hosts.invalid/debian")),
        [
            "https://mirror.invalid/x-1.0.tar.gz",
            "http://archive.invalid/debian/pool/x_1.0.orig.tar.gz",
            "https://upstream.invalid/x-1.0.tar.gz"
        ]
    );
    assert_eq!(
        addresses(&input, &Artifacts::default(), Some("http://hosts.invalid/debian/")),
        ["https://upstream.invalid/x-1.0.tar.gz", "http://hosts.invalid/debian/pool/x_1.0.orig.tar.gz"]
    );
}

#[test]
fn a_download_is_kept_by_its_sum_and_asked_for_once() {
    let bytes = archive();
    let server = Server::of(bytes.clone(), true);
    let bench = Bench::new(Artifacts::default());
    let input = input(&bytes, &[&format!("{}/x", server.address)]);
    assert_eq!(bench.fetch(&input).unwrap(), bytes);
    assert_eq!(bench.fetch(&input).unwrap(), bytes);
    assert_eq!(server.asked(), ["/x -"]);
    assert_eq!(bench.kept(), [format!("{}-x-1.0.tar.gz", input.sha256)]);
    // A cache that rotted is fetched again.
    std::fs::write(bench.store().download(&input.sha256, &input.file), b"rot").unwrap();
    assert_eq!(bench.fetch(&input).unwrap(), bytes);
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn redirects_are_followed_and_a_mirror_that_lacks_the_file_is_passed_over() {
    let bytes = archive();
    let content = bytes.clone();
    let server = Server::new(move |path, from, stream| match path {
        "/old" => drop(write!(
            stream,
            "HTTP/1.1 302 Found\r\nLocation: /new\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )),
        "/new" => whole(stream, &content, from, "application/gzip"),
        _ => drop(write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")),
    });
    let bench = Bench::new(Artifacts { mirror: Some(format!("{}/mirror", server.address)), ..Artifacts::default() });
    let pinned = input(&bytes, &[&format!("{}/old", server.address)]);
    assert_eq!(bench.fetch(&pinned).unwrap(), bytes);
    assert_eq!(server.asked(), ["/mirror/x-1.0.tar.gz -", "/old -", "/new -"]);
    let nowhere = input(b"other", &[&format!("{}/none", server.address)]);
    let error = bench.fetch(&nowhere).unwrap_err().to_string();
    assert!(error.contains("404") && error.contains("/mirror/x-1.0.tar.gz") && error.contains("/none"), "{error}");
}

#[test]
fn wrong_bytes_end_the_search_are_named_for_what_they_are_and_not_kept() {
    let good = archive();
    let truncated = good[..good.len() / 2].to_vec();
    let mut corrupted = good.clone();
    corrupted[1000] ^= 1;
    let swapped = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"another file").unwrap();
        encoder.finish().unwrap()
    };
    let cases = [
        (truncated, "but truncated"),
        (corrupted, "but a damaged archive"),
        (swapped, "but another archive"),
        (Vec::new(), "but empty"),
        (b"no such file\n".to_vec(), "but a text"),
    ];
    for (bytes, looks) in cases {
        let server = Server::of(bytes, true);
        let second = Server::of(good.clone(), true);
        let bench = Bench::new(Artifacts::default());
        let input = input(&good, &[&format!("{}/x", server.address), &format!("{}/x", second.address)]);
        let error = bench.fetch(&input).unwrap_err();
        assert!(matches!(error, ArtifactError::Checksum { .. }), "{error}");
        assert!(error.to_string().contains(looks), "{error}");
        assert_eq!(bench.kept(), Vec::<String>::new());
        assert_eq!(second.asked(), Vec::<String>::new(), "another address was asked after {looks}");
    }
}

#[test]
fn a_web_page_is_named_as_one_and_the_next_address_is_asked() {
    let good = archive();
    for kind in ["text/html; charset=utf-8", "application/gzip"] {
        let page =
            Server::new(move |_, _, stream| whole(stream, b"\n<!DOCTYPE HTML><title>Log in</title>", None, kind));
        let bench = Bench::new(Artifacts::default());
        let pinned = input(&good, &[&format!("{}/x", page.address)]);
        let error = bench.fetch(&pinned).unwrap_err();
        assert!(error.to_string().contains("a web page (HTML)"), "{error}");
        let second = Server::of(good.clone(), true);
        let pinned = input(&good, &[&format!("{}/x", page.address), &format!("{}/x", second.address)]);
        assert_eq!(bench.fetch(&pinned).unwrap(), good);
    }
}

#[test]
fn a_break_in_the_middle_is_gone_on_from_there() {
    let bytes = archive();
    let content = bytes.clone();
    // Every answer breaks off after 50000 bytes.
    let server = Server::new(move |_, from, stream| {
        let from = from.unwrap_or(0);
        let end = (from + 50_000).min(content.len());
        let status = if from == 0 {
            "200 OK".to_owned()
        } else {
            format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{}", content.len() - 1, content.len())
        };
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            content.len() - from
        );
        let _ = stream.write_all(&content[from..end]);
    });
    let bench = Bench::new(Artifacts::default());
    let input = input(&bytes, &[&format!("{}/x", server.address)]);
    assert_eq!(bench.fetch(&input).unwrap(), bytes);
    assert_eq!(server.asked()[..3], ["/x -", "/x 50000", "/x 100000"]);
}

#[test]
fn what_an_earlier_run_began_is_gone_on_with_if_the_server_knows_ranges() {
    let bytes = archive();
    for (ranges, first) in [(true, "/x 1000"), (false, "/x 1000")] {
        let server = Server::of(bytes.clone(), ranges);
        let bench = Bench::new(Artifacts::default());
        let input = input(&bytes, &[&format!("{}/x", server.address)]);
        std::fs::create_dir_all(bench.part(&input).parent().unwrap()).unwrap();
        std::fs::write(bench.part(&input), &bytes[..1000]).unwrap();
        assert_eq!(bench.fetch(&input).unwrap(), bytes);
        assert_eq!(server.asked(), [first]);
        assert!(!bench.part(&input).exists());
    }
}

#[test]
fn a_beginning_of_another_file_is_thrown_away_once() {
    let bytes = archive();
    for begun in [vec![b'x'; 1000], vec![b'x'; bytes.len() + 10]] {
        let server = Server::of(bytes.clone(), true);
        let bench = Bench::new(Artifacts::default());
        let input = input(&bytes, &[&format!("{}/x", server.address)]);
        std::fs::create_dir_all(bench.part(&input).parent().unwrap()).unwrap();
        std::fs::write(bench.part(&input), &begun).unwrap();
        assert_eq!(bench.fetch(&input).unwrap(), bytes);
        assert_eq!(server.asked(), [format!("/x {}", begun.len()), "/x -".to_owned()]);
    }
}

#[test]
fn a_server_that_falls_silent_or_breaks_off_is_named_with_what_came() {
    let bytes = archive();
    let content = bytes.clone();
    let server = Server::new(move |path, from, stream| {
        let from = from.unwrap_or(0);
        let status = if from == 0 {
            "200 OK".to_owned()
        } else {
            format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{}", content.len() - 1, content.len())
        };
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            content.len() - from
        );
        if from == 0 {
            let _ = stream.write_all(&content[..5000]);
        }
        if path == "/silent" {
            std::thread::sleep(Duration::from_secs(1));
        }
    });
    for path in ["silent", "broken"] {
        let bench = Bench::new(Artifacts::default());
        let input = input(&bytes, &[&format!("{}/{path}", server.address)]);
        let error = bench.fetch(&input).unwrap_err();
        let wanted = format!("truncated: 5000 of {} bytes came", bytes.len());
        assert!(error.to_string().contains(&wanted), "{error}");
        assert!(matches!(error, ArtifactError::Unreachable { .. }));
        // It is gone on with in the next run.
        assert_eq!(bench.kept(), [format!("{}.part", input.sha256)]);
    }
}

#[test]
fn a_server_that_sends_for_ever_is_left() {
    let server = Server::new(|_, _, stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        while stream.write_all(&[7; 4096]).is_ok() {}
    });
    let bench = Bench::new(Artifacts::default());
    let input = input(b"small", &[&format!("{}/x", server.address)]);
    let error = bench.fetch(&input).unwrap_err();
    assert!(error.to_string().contains("more than 1048576 bytes"), "{error}");
    assert_eq!(bench.kept(), Vec::<String>::new());
}

#[test]
fn two_runs_at_once_do_not_write_into_one_file() {
    let bytes = archive();
    let server = Server::of(bytes.clone(), true);
    let bench = Bench::new(Artifacts::default());
    let input = input(&bytes, &[&format!("{}/x", server.address)]);
    std::fs::create_dir_all(bench.part(&input).parent().unwrap()).unwrap();
    let other = std::fs::File::create(bench.part(&input)).unwrap();
    rustix::fs::flock(&other, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert_eq!(bench.fetch(&input).unwrap(), bytes);
    assert_eq!(std::fs::metadata(bench.part(&input)).unwrap().len(), 0);
}

#[test]
fn a_proxy_of_the_inventory_is_asked_with_its_login_and_its_refusal_shows_none() {
    let (sender, received) = std::sync::mpsc::channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = format!("http://{address}");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines.map(Result::unwrap_or_default).take_while(|line| !line.is_empty()).collect();
            let _ = sender.send(head.join("\n"));
            let _ = write!(stream, "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let bench = Bench::new(Artifacts { proxy: Some(proxy), ..Artifacts::default() });
    let login = crate::cluster::Secret::new("me:canary-secret".to_owned());
    let input = input(b"x", &["https://upstream.invalid/x-1.0.tar.gz"]);
    let error = Downloader::new(bench.artifacts.clone(), Some(login), bench.store()).bytes(&input, None).unwrap_err();
    let head = received.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(head.starts_with("CONNECT upstream.invalid:443 HTTP/1.1"), "{head}");
    // base64 of me:canary-secret
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic bwu6y2fuyxj5lxnly3jlda=="), "{head}");
    assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    let error = error.to_string();
    assert!(error.contains("upstream.invalid") && error.contains(&format!("(by the proxy {address})")), "{error}");
}

#[test]
fn a_company_s_certificates_are_trusted_and_no_others() {
    let bytes = archive();
    let server = Tls::of(&bytes);
    let input = input(&bytes, &[&server.url]);
    let bench = Bench::new(Artifacts::default());
    let error = bench.fetch(&input).unwrap_err().to_string();
    assert!(error.contains("certificate"), "{error}");
    let bench = Bench::new(Artifacts { ca: Some(server.ca.clone()), ..Artifacts::default() });
    assert_eq!(bench.fetch(&input).unwrap(), bytes);
}
