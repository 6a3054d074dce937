//! The connection to one host is cut in the middle of a file: the old or the new file is there, whole.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;

use super::actions::Plan;
use super::kills::nothing_left;
use super::processes::Processes;
use super::stage::{NODES, Stage};
use super::table::APPLY;
use crate::harness::{Run, until};

/// The node whose connection is cut.
const CUT: &str = "db02";

/// Where to cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Not at all.
    Never,
    /// When so many bytes have gone to the host: the next does not arrive.
    Behind(u64),
    /// The same, but all that goes to the host still arrives; what it answers does not.
    Deaf(u64),
}

/// What is relayed: all pieces that went to the host, and where to cut.
#[derive(Debug)]
struct Line {
    cut: Cut,
    up: u64,
    pieces: Vec<(u64, usize)>,
}

/// A relay on a port of this machine to a host's sshd.
struct Relay {
    port: u16,
    line: Arc<Mutex<Line>>,
}

impl Relay {
    fn to(stage: &Stage, address: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let line = Arc::new(Mutex::new(Line { cut: Cut::Never, up: 0, pieces: Vec::new() }));
        let (shared, lab) = (Arc::clone(&line), stage.name().to_owned());
        // It ends with the test's process.
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (line, lab) = (Arc::clone(&shared), lab.clone());
                std::thread::spawn(move || carry(&connection, &line, &lab, address));
            }
        });
        Self { port, line }
    }

    /// Begins anew, to cut there.
    fn arm(&self, cut: Cut) {
        *self.line.lock().expect("no panic before") = Line { cut, up: 0, pieces: Vec::new() };
    }

    /// Where in the bytes to the host the large file begins, and where pieces end from its last large one on: one of the first
    /// is its end, the others are of what follows it.
    fn file(&self) -> (u64, Vec<u64>) {
        let line = self.line.lock().expect("no panic before");
        let large = |piece: &&(u64, usize)| piece.1 >= 8 << 10;
        let first = line.pieces.iter().find(large).expect("a large piece").0;
        let last = line.pieces.iter().rposition(|piece| large(&piece)).expect("a large piece");
        (first, line.pieces[last..].iter().take(3).map(|(from, length)| from + *length as u64).collect())
    }
}

/// One connection, through the lab's own relay into its network.
fn carry(connection: &TcpStream, line: &Mutex<Line>, lab: &str, address: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(["lab", "relay", "--name", lab, address, "22"]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.expect("the relay starts");
    let (mut up, mut down) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut piece = vec![0; 32 << 10];
            let mut source = connection;
            while let Ok(length @ 1..) = source.read(&mut piece) {
                let (end, hold) = {
                    let mut line = line.lock().expect("no panic before");
                    let from = line.up;
                    line.pieces.push((from, length));
                    line.up += length as u64;
                    match line.cut {
                        Cut::Behind(limit) if line.up > limit => {
                            (usize::try_from(limit.saturating_sub(from)).unwrap_or(0), true)
                        }
                        _ => (length, false),
                    }
                };
                if up.write_all(&piece[..end]).and_then(|()| up.flush()).is_err() || hold {
                    break;
                }
            }
            // Both ends see the line end at once.
            drop(up);
            let _ = connection.shutdown(Shutdown::Both);
        });
        let mut piece = vec![0; 32 << 10];
        let mut sink = connection;
        while let Ok(length @ 1..) = down.read(&mut piece) {
            let deaf = {
                let line = line.lock().expect("no panic before");
                matches!(line.cut, Cut::Deaf(limit) if line.up >= limit)
            };
            if deaf || sink.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        let _ = connection.shutdown(Shutdown::Both);
    });
    let _ = child.kill();
    let _ = child.wait();
}

/// A file large enough to be cut anywhere.
fn large(stage: &mut Stage, letter: char) {
    let line = format!("# {}\n", letter.to_string().repeat(120));
    let text = format!("{}\nglobal\n", line.repeat(3000));
    let own = stage.templates().join("haproxy/haproxy.cfg");
    if own.exists() {
        stage.built_in("haproxy/haproxy.cfg");
    }
    stage.template("haproxy/haproxy.cfg", "\nglobal\n", &format!("\n{text}"));
}

pub(super) fn run(stage: &mut Stage) {
    let relay = Relay::to(stage, "192.168.13.46");
    let remembered = stage.remembered();
    let config = stage.work().join("ssh_config");
    let lab = stage.get("ssh.config");
    let text = std::fs::read_to_string(lab.as_str().expect("a path")).expect("the lab's own");
    let first = format!(
        "Host {CUT} 192.168.13.46\n    HostName 127.0.0.1\n    Port {}\n    HostKeyAlias {CUT}\n    ProxyCommand none\n",
        relay.port
    );
    std::fs::write(&config, format!("{first}{text}")).expect("a file of ours");
    stage.set("ssh.config", json!(config));

    let sums = |stage: &Stage| NODES.map(|node| stage.root(node, "sha256sum </etc/haproxy/haproxy.cfg"));
    large(stage, 'a');
    stage.run(APPLY).exits(0);
    let old = sums(stage);
    large(stage, 'b');
    relay.arm(Cut::Never);
    stage.run(APPLY).exits(0);
    let (from, ends) = relay.file();
    let new = sums(stage);
    assert!(ends[0] - from > 300_000, "the file is not seen in the bytes {from} to {ends:?}");

    let mut cuts = vec![Cut::Behind(from + 1), Cut::Behind(u64::midpoint(from, ends[0]))];
    cuts.extend(ends.iter().flat_map(|end| [Cut::Behind(end - 1), Cut::Deaf(*end)]));
    let mut letter = 'b';
    for cut in cuts {
        // Back and forth between two files, so that each cut meets a change.
        letter = if letter == 'b' { 'a' } else { 'b' };
        let (before, processes) = (sums(stage), Processes::of(stage));
        large(stage, letter);
        relay.arm(cut);
        let run = stage.run(APPLY);
        // A line that breaks behind the last word it carried harms nothing.
        assert!(matches!(run.code, 0 | 4 | 9 | 10), "{cut:?}: exit {}\n{}", run.code, run.err);
        assert!(run.code == 0 || run.err.contains(CUT), "{cut:?}: the host is not named:\n{}", run.err);
        let after = sums(stage);
        for (index, node) in NODES.into_iter().enumerate() {
            let known = [&old[index], &new[index]];
            assert!(known.contains(&&after[index]), "{cut:?}: {node} has neither the old nor the new file");
        }
        let moved = if after[1] == before[1] { "old" } else { "new" };
        eprintln!(
            "{cut:?} of {from}-{ends:?}: exit {} after {:.1} s, {CUT} has the {moved} file",
            run.code,
            run.took.as_secs_f64()
        );
        assert_eq!(Processes::of(stage).restarted(&processes).len(), 0, "{cut:?}: a process is another");
        relay.arm(Cut::Never);
        let run = until("the lock of the dead line is free", Duration::from_secs(45), || {
            let run: Run = stage.run(APPLY);
            (run.code != 6).then_some(run)
        });
        run.exits(0);
        assert!(Plan::of(stage).ids.is_empty(), "{cut:?}");
        assert_eq!(sums(stage), if letter == 'a' { old.clone() } else { new.clone() }, "{cut:?}: the end");
    }
    stage.restore(remembered);
    stage.built_in("haproxy/haproxy.cfg");
    stage.run(APPLY).exits(0);
    nothing_left(stage);
}
