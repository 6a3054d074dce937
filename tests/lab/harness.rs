//! Runs the real binary and looks at the hosts behind its back.

use std::collections::BTreeMap;
use std::io::{Seek as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A lab of its own name; it is removed when the test passed, and left for looking at when it failed.
pub(crate) struct Lab {
    name: String,
}

/// What a run of the binary gave.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code; -1 for a signal.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Run {
    /// Runs a command to its end, with nothing to read.
    pub(crate) fn of(command: &mut Command) -> Self {
        Self::with(command, Stdio::null())
    }

    fn with(command: &mut Command, input: Stdio) -> Self {
        let began = Instant::now();
        let Output { status, stdout, stderr } = command.stdin(input).output().expect("the program starts");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Self { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr), took: began.elapsed() }
    }

    /// Demands an exit code and returns the run.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n--- stdout\n{}\n--- stderr\n{}", self.out, self.err);
        self
    }
}

/// Runs a command to its end with a text on its standard input.
pub(crate) fn fed(command: &mut Command, text: &str) -> Run {
    let mut file = tempfile::tempfile().expect("a temporary file");
    file.write_all(text.as_bytes()).and_then(|()| file.rewind()).expect("a temporary file");
    Run::with(command, file.into())
}

impl Lab {
    /// Boots a fresh lab. `options` go to `lab up`.
    pub(crate) fn fresh(name: &str, options: &[&str]) -> Self {
        let lab = Self { name: name.to_owned() };
        let _ = lab.quorate(&["lab", "down", "--name", name]);
        lab.quorate(&[&["lab", "up", "--name", name], options].concat()).exits(0);
        lab
    }

    /// A lab that may be there already: booted if it is not, used as it is if it is.
    pub(crate) fn kept(name: &str) -> Self {
        let lab = Self { name: name.to_owned() };
        lab.quorate(&["lab", "up", "--name", name]).exits(0);
        lab
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The lab's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        PathBuf::from(self.quorate(&["lab", "path", "--name", &self.name]).exits(0).out.trim())
    }

    /// The lab's inventory.
    pub(crate) fn inventory(&self) -> PathBuf {
        self.folder().join("inventory.yml")
    }

    /// The binary, with any arguments.
    #[allow(clippy::unused_self, reason = "reads as what it is: this lab's tool")]
    pub(crate) fn quorate(&self, args: &[&str]) -> Run {
        Run::of(Command::new(env!("CARGO_BIN_EXE_quorate")).args(args))
    }

    /// A verb on the lab's own inventory.
    pub(crate) fn verb(&self, args: &[&str]) -> Run {
        let inventory = self.inventory();
        self.quorate(&[args, &["-i", inventory.to_str().expect("a path of ours")]].concat())
    }

    /// A shell command as root on a host.
    pub(crate) fn root(&self, node: &str, script: &str) -> Run {
        self.quorate(&[
            "lab",
            "ssh",
            "--name",
            &self.name,
            node,
            "--",
            "sudo",
            "sh",
            "-c",
            &format!("'{}'", script.replace('\'', "'\\''")),
        ])
    }

    /// The names of the nodes.
    pub(crate) fn nodes(&self) -> Vec<String> {
        let listed = self.quorate(&["lab", "ps", "--name", &self.name]).exits(0).out;
        listed
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .filter(|word| word.starts_with("db"))
            .map(str::to_owned)
            .collect()
    }

    /// The first process of each running host.
    pub(crate) fn pids(&self) -> BTreeMap<String, String> {
        let listed = self.quorate(&["lab", "ps", "--name", &self.name]).exits(0).out;
        let pair = |line: &str| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.nth(2)?.to_owned()))
        };
        listed.lines().filter_map(pair).filter(|(node, pid)| node.starts_with("db") && pid != "-").collect()
    }

    /// Removes the lab.
    pub(crate) fn down(self) {
        self.quorate(&["lab", "down", "--name", &self.name]).exits(0);
    }
}

/// Polls until `look` gives something.
#[track_caller]
pub(crate) fn until<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < limit, "{what} did not come true within {limit:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
