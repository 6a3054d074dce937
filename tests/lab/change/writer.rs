//! The clients that run while something is changed, and what they saw: failed writes, outages, lost rows, two leaders.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::stage::{Stage, VIP};
use crate::harness::until;

/// Silence between two acknowledged writes from which on it counts as an outage.
const OUTAGE_MS: u64 = 500;

/// One client program; it ends with this value.
pub(super) struct Client {
    child: Child,
    // Its end is the client's end.
    input: Option<ChildStdin>,
    log: PathBuf,
}

/// A place in a client's log.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark(usize);

impl Client {
    /// Starts `clients.py MODE` in the lab's own network, against a port of the VIP.
    pub(super) fn start(stage: &Stage, mode: &str, port: u16, threads: u8) -> Self {
        let log = stage.work().join(format!("{mode}-{port}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("a file of ours");
        let words = Stage::python(include_str!("clients.py"), mode);
        let mut command = stage.beside("db01", &words.each_ref().map(String::as_str));
        let errors = file.try_clone().expect("a file of ours");
        let child = command.stdin(Stdio::piped()).stdout(file).stderr(errors).spawn();
        let mut child = child.expect("the client starts");
        let mut input = child.stdin.take().expect("a pipe");
        let asked = json!({
            "host": VIP, "port": port, "direct_port": 5432, "database": "lab", "user": "lab",
            "password": stage.secret_of("role_lab"), "threads": threads,
            "nodes": {"db01": "192.168.13.45", "db02": "192.168.13.46", "db03": "192.168.13.47"},
        });
        writeln!(input, "{asked}").expect("the client reads");
        let client = Self { child, input: Some(input), log };
        client.next(Mark(0), &|line| !line.is_empty());
        client
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.log).expect("a file of ours")
    }

    /// Waits for a whole line after a mark that is as wanted; the mark of that line, and the one behind it.
    #[track_caller]
    fn next(&self, from: Mark, wanted: &dyn Fn(&str) -> bool) -> (Mark, Mark) {
        until("a line of the client", Duration::from_secs(90), || {
            let text = self.text();
            let mut at = from.0;
            for line in text[from.0..].split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                assert!(!line.contains("Traceback"), "{}", &text[from.0..]);
                if wanted(line.trim_end()) {
                    return Some((Mark(at), Mark(at + line.len())));
                }
                at += line.len();
            }
            None
        })
    }

    /// The end of its log as it is now.
    pub(super) fn now(&self) -> Mark {
        let text = self.text();
        Mark(text.rfind('\n').map_or(0, |at| at + 1))
    }

    /// Waits for a good try from now on: a begin, or an end, that hides no outage.
    #[track_caller]
    pub(super) fn good(&self) -> Mark {
        self.next(self.now(), &|line| line.contains(" acked ") || line.split(' ').nth(1) == Some("ok")).0
    }

    /// The whole lines since a mark, up to a good try that ended after this was called.
    #[track_caller]
    pub(super) fn since(&self, from: Mark) -> Vec<String> {
        let (_, end) = self.next(self.now(), &|line| line.contains(" acked ") || line.split(' ').nth(1) == Some("ok"));
        self.text()[from.0..end.0].lines().map(str::to_owned).collect()
    }

    /// The whole lines since a mark, as they are now.
    pub(super) fn lines(&self, from: Mark) -> Vec<String> {
        self.text()[from.0..self.now().0].lines().map(str::to_owned).collect()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.input.take());
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(8) {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the writer saw in some time.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Figures {
    /// Tries.
    pub(super) tries: usize,
    /// Tries without effect.
    pub(super) failed: usize,
    /// Tries of which nobody said whether they had one.
    pub(super) unknown: usize,
    /// Silences of more than half a second between acknowledged writes.
    pub(super) outages: usize,
    /// The longest silence, in milliseconds.
    pub(super) gap_ms: u64,
    /// The numbers that were acknowledged.
    pub(super) acked: BTreeSet<u64>,
}

impl Figures {
    /// Reads the writer's lines; they begin and end with an acknowledged write.
    pub(super) fn of(lines: &[String]) -> Self {
        let mut figures = Self::default();
        let mut last = None;
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let [at, number, verdict, ..] = words[..] else { continue };
            let (Ok(at), Ok(number)) = (at.parse::<u64>(), number.parse::<u64>()) else { continue };
            figures.tries += 1;
            match verdict {
                "failed" => figures.failed += 1,
                "unknown" => figures.unknown += 1,
                _ => {
                    let gap = at - last.replace(at).unwrap_or(at);
                    figures.gap_ms = figures.gap_ms.max(gap);
                    figures.outages += usize::from(gap > OUTAGE_MS);
                    figures.acked.insert(number);
                }
            }
        }
        figures
    }

    /// Acknowledged rows that the leader does not have.
    #[track_caller]
    pub(super) fn lost(&self, stage: &Stage) -> Vec<u64> {
        let (Some(first), Some(last)) = (self.acked.first(), self.acked.last()) else { return Vec::new() };
        let statement = format!("SELECT n FROM written WHERE n BETWEEN {first} AND {last}");
        let there = until("the rows", Duration::from_secs(30), || stage.sql_in("lab", stage.leader(), &statement));
        let there: BTreeSet<u64> = there.lines().filter_map(|line| line.parse().ok()).collect();
        self.acked.difference(&there).copied().collect()
    }
}

/// The probe's rounds in which two nodes took writes at the same moment.
pub(super) fn two_writable(probe: &[String]) -> usize {
    probe.iter().filter(|line| line.split(' ').nth(1).is_some_and(|names| names.contains(','))).count()
}

/// How many tries of a connector were good, and which were not.
pub(super) fn connects(lines: &[String]) -> (usize, Vec<String>) {
    let tries = lines.iter().filter(|line| !line.ends_with(" end"));
    let (good, bad): (Vec<_>, Vec<_>) = tries.cloned().partition(|line| line.split(' ').nth(1) == Some("ok"));
    (good.len(), bad)
}

#[test]
fn silences_are_measured_between_acknowledged_writes() {
    let lines = [
        "100 1 acked s",
        "120 2 acked s",
        "150 3 unknown lost",
        "160 4 failed 25006",
        "900 5 acked t",
        "1400 6 acked t",
    ];
    let figures = Figures::of(&lines.map(str::to_owned));
    let wanted =
        Figures { tries: 6, failed: 1, unknown: 1, outages: 1, gap_ms: 780, acked: [1, 2, 5, 6].into_iter().collect() };
    assert_eq!(figures, wanted);
    assert_eq!(two_writable(&["1 db01 -".to_owned(), "2 db01,db02 -".to_owned(), "3 - db01,db03".to_owned()]), 1);
}
