//! A server for tests that answers as servers of the field do: well, wrongly, by halves, or not at all.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server on a loopback port; it ends with the test's process.
pub(super) struct Server {
    pub(super) address: String,
    /// `path range` of each request.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers each request by what the function writes, given its path and where its range begins.
    pub(super) fn new(answer: impl Fn(&str, Option<usize>, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&asked);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (mut path, mut from) = (String::new(), None);
                for line in BufReader::new(stream.try_clone().unwrap()).lines() {
                    let line = line.unwrap_or_default();
                    if let Some(rest) = line.strip_prefix("GET ") {
                        path = rest.split(' ').next().unwrap_or_default().to_owned();
                    }
                    if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
                        from = range.trim_end_matches('-').parse().ok();
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                noted
                    .lock()
                    .unwrap()
                    .push(format!("{path} {}", from.map_or("-".to_owned(), |from: usize| from.to_string())));
                let answer = Arc::clone(&answer);
                // One that falls silent must not keep the next from being answered.
                std::thread::spawn(move || answer(&path, from, &mut stream));
            }
        });
        Self { address, asked }
    }

    /// Serves the same bytes to all, and ranges of them if `ranges`.
    pub(super) fn of(bytes: Vec<u8>, ranges: bool) -> Self {
        Self::new(move |_, from, stream| {
            let from = from.filter(|_| ranges);
            whole(stream, &bytes, from, "application/gzip");
        })
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// A whole answer, or the rest from somewhere on.
pub(super) fn whole(stream: &mut TcpStream, bytes: &[u8], from: Option<usize>, kind: &str) {
    let head = match from {
        Some(from) if from >= bytes.len() => "416 Range Not Satisfiable\r\n".to_owned(),
        Some(from) => {
            format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{}\r\n", bytes.len() - 1, bytes.len())
        }
        None => "200 OK\r\n".to_owned(),
    };
    let body = bytes.get(from.unwrap_or(0)..).unwrap_or_default();
    let _ = write!(
        stream,
        "HTTP/1.1 {head}Content-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(body);
}

/// A server that speaks TLS with a certificate of a CA of its own, for one file.
pub(crate) struct Tls {
    /// The file's address.
    pub(crate) url: String,
    /// The CA's certificate.
    pub(crate) ca: std::path::PathBuf,
    _folder: tempfile::TempDir,
    child: std::process::Child,
}

impl Tls {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        use std::process::{Command, Stdio};
        let folder = tempfile::tempdir().unwrap();
        let openssl = |args: &str| {
            let mut command = Command::new("openssl");
            command.args(args.split(' ')).current_dir(folder.path()).stderr(Stdio::null());
            command
        };
        for args in [
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -keyout ca.key -out ca.pem -subj /CN=company",
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out request.pem -subj /CN=mirror",
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out cert.pem",
        ] {
            std::fs::write(folder.path().join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
            assert!(openssl(args).stdout(Stdio::null()).status().unwrap().success(), "openssl {args}");
        }
        std::fs::write(folder.path().join("file.gz"), bytes).unwrap();
        let serve = "s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -WWW";
        let mut child = openssl(serve).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let accepts =
            lines.map(Result::unwrap).find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned)).unwrap();
        Self { url: format!("https://{accepts}/file.gz"), ca: folder.path().join("ca.pem"), _folder: folder, child }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
