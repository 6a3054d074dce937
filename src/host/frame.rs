//! How a command travels: a fixed bootstrap in argv, everything else on standard input, the answer between two marks.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::HostError;
use super::hold::KEEP;

/// A script for a host, run by `/bin/sh` as root with `LC_ALL=C` and umask 077.
#[derive(Debug, Clone)]
pub struct Command {
    /// What it does, for people: "writing 8 files".
    pub step: String,
    /// The script; it sees the arguments as `$1`, `$2` … and the input on standard input.
    pub script: String,
    /// Its arguments; any text.
    pub args: Vec<String>,
    /// Variables of its environment; they travel as its arguments do, so that nobody sees them in a list of processes.
    pub environment: Vec<(&'static str, String)>,
    /// Its standard input; shared, since one archive goes to many hosts at once.
    pub stdin: Arc<Vec<u8>>,
    /// How long it may take; the host kills it then.
    pub timeout: Duration,
    /// Whether its input stays open until it ends. Its script then sees the input end when we are gone, and can stop.
    pub watched: bool,
    /// The token of the lock that it needs: without it there, it does nothing. [`Host::run`](super::Host::run) sets it.
    pub fence: Option<Arc<str>>,
}

/// The exit code of a command that was kept from its work because the lock is another's, or nobody's.
pub(super) const FENCED: i32 = 91;

/// The check at the beginning of a fenced command: built-ins of the shell alone, since every command bears it.
const FENCE: &str = r#"{ read -r held </run/quorate/holder; } 2>/dev/null || held=
case $held in *"\"$fence\""*) ;; *) exit 91 ;; esac"#;

impl Command {
    /// A script without arguments that may take half a minute.
    pub fn new(step: impl Into<String>, script: impl Into<String>) -> Self {
        Self {
            step: step.into(),
            script: script.into(),
            args: Vec::new(),
            environment: Vec::new(),
            stdin: Arc::default(),
            timeout: Duration::from_secs(30),
            watched: false,
            fence: None,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: Into<String>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to its environment, and to that of the programs it runs.
    #[must_use]
    pub fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Sets the standard input.
    #[must_use]
    pub fn stdin(self, stdin: impl Into<Vec<u8>>) -> Self {
        self.shared_stdin(Arc::new(stdin.into()))
    }

    /// Sets the standard input to bytes that others read too.
    #[must_use]
    pub fn shared_stdin(mut self, stdin: Arc<Vec<u8>>) -> Self {
        self.stdin = stdin;
        self
    }

    /// Keeps its input open until it ends.
    #[must_use]
    pub const fn watched(mut self) -> Self {
        self.watched = true;
        self
    }

    /// Sets how long it may take.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// What a command gave back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit code; 124 when it was killed for its time.
    pub code: i32,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error, with whatever the login shell said before it.
    pub stderr: Vec<u8>,
}

impl Output {
    /// Standard output as text; bytes that are no UTF-8 are shown as such.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn errors(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Whether it ended with 0.
    pub const fn success(&self) -> bool {
        self.code == 0
    }
}

/// A command in the form in which it crosses the line.
pub(super) struct Framed {
    /// The script for `sh -c`: plain enough that every login shell quotes it right; it holds no word of ours.
    pub(super) bootstrap: String,
    /// What goes before the command's own input.
    pub(super) head: Vec<u8>,
    nonce: String,
}

impl Framed {
    /// Frames a command with a random word.
    pub(super) fn new(command: &Command) -> Result<Self, HostError> {
        Ok(Self::with_nonce(command, &random_word()?))
    }

    fn with_nonce(command: &Command, nonce: &str) -> Self {
        Self::around(command, nonce, "")
    }

    /// Frames a command whose script may call `keep`: see [`super::hold`].
    pub(super) fn held(command: &Command) -> Result<Self, HostError> {
        Ok(Self::around(command, &random_word()?, KEEP))
    }

    fn around(command: &Command, nonce: &str, functions: &str) -> Self {
        let words: Vec<String> = command.args.iter().map(|arg| quote(arg)).collect();
        let fence = match &command.fence {
            Some(token) => format!("fence={}\n{FENCE}\n", quote(token)),
            None => String::new(),
        };
        let mut variables = String::new();
        for (name, value) in &command.environment {
            let _ = writeln!(variables, "{name}={}; export {name}", quote(value));
        }
        let functions = if functions.is_empty() { String::new() } else { format!("nonce={nonce}{functions}\n") };
        let program = format!(
            "LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin; export LC_ALL PATH; umask 077; cd /\n\
             printf '\\n%s begin\\n' {nonce}\n\
             {variables}set -- {}\n\
             (\n{functions}{fence}{}\n)\n\
             printf '\\n%s %s\\n' {nonce} \"$?\"\n",
            words.join(" "),
            command.script,
        );
        // `head -c` takes exactly the program from the stream and leaves the rest to it.
        let bootstrap = format!("eval \"$(head -c {})\"", program.len());
        Self { bootstrap, head: program.into_bytes(), nonce: nonce.to_owned() }
    }

    /// Reads the answer; `None` when it is not whole. What frames it is cut off in place: it may be a whole archive.
    pub(super) fn answer(&self, mut stdout: Vec<u8>, stderr: Vec<u8>) -> Option<Output> {
        let begin = format!("\n{} begin\n", self.nonce);
        let end = format!("\n{} ", self.nonce);
        let from = find(&stdout, begin.as_bytes())? + begin.len();
        let to = from + find_last(stdout.get(from..)?, end.as_bytes())?;
        let trailer = std::str::from_utf8(stdout.get(to + end.len()..)?).ok()?;
        let code = trailer.strip_suffix('\n')?.parse().ok()?;
        stdout.truncate(to);
        stdout.drain(..from);
        // Read by doubling: up to half of what is held would be empty, and archives are held long.
        stdout.shrink_to_fit();
        Some(Output { code, stdout, stderr })
    }

    /// Whether the program began at all: if not, sudo or the shell refused.
    pub(super) fn began(&self, stdout: &[u8]) -> bool {
        find(stdout, format!("\n{} begin\n", self.nonce).as_bytes()).is_some()
    }
}

/// A word that nobody can guess.
pub(super) fn random_word() -> Result<String, HostError> {
    let mut random = [0_u8; 12];
    getrandom::fill(&mut random).map_err(|error| HostError::Local { reason: error.to_string() })?;
    Ok(crate::cluster::hex(&random))
}

/// A word as POSIX shells read it back byte for byte.
pub(super) fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn find_last(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).rposition(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::{Command as Process, Stdio};

    use super::*;

    /// Runs a framed command through a real shell, with `noise` printed before it as a login shell might.
    fn run(command: &Command, noise: &str) -> Option<Output> {
        let framed = Framed::with_nonce(command, "0123456789abcdef");
        let mut child = Process::new("/bin/sh")
            .args(["-c", &format!("printf %s '{noise}'; {}", framed.bootstrap)])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input = [framed.head.as_slice(), command.stdin.as_slice()].concat();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        let output = child.wait_with_output().unwrap();
        framed.answer(output.stdout, output.stderr)
    }

    #[test]
    fn arguments_input_and_exit_code_arrive_byte_for_byte() {
        let hostile = ["", "a b", "it's", "$(id)", "`id`", "\\", "-n", "new\nline", "\u{3000}", "*", "\"", "%s"];
        let command = Command::new(
            "test",
            "for word; do printf '[%s]' \"$word\"; done; env | grep ^QUORATE_TEST=; cat; echo bad >&2; exit 3",
        )
        .args(hostile)
        .variable("QUORATE_TEST", "it's $(id) \"a\\b\"")
        .stdin("input $HOME\n\n");
        let output = run(&command, "Welcome to db01\n").unwrap();
        let words = format!("[{}]", hostile.join("]["));
        assert_eq!(output.text(), format!("{words}QUORATE_TEST=it's $(id) \"a\\b\"\ninput $HOME\n\n"));
        assert_eq!((output.code, output.errors().as_str()), (3, "bad\n"));
    }

    #[test]
    fn a_cut_answer_is_no_answer() {
        let command = Command::new("test", "printf abc");
        let framed = Framed::with_nonce(&command, "0123456789abcdef");
        let whole = b"noise\n0123456789abcdef begin\nabc\n0123456789abcdef 0\n";
        assert_eq!(framed.answer(whole.to_vec(), Vec::new()).map(|output| output.stdout), Some(b"abc".to_vec()));
        for length in 0..whole.len() {
            assert_eq!(framed.answer(whole[..length].to_vec(), Vec::new()), None, "cut at {length}");
        }
    }

    #[test]
    fn input_is_left_for_the_script_even_when_it_is_large() {
        let command = Command::new("test", "head -c 3; wc -c").stdin(vec![b'x'; 1 << 20]);
        assert_eq!(run(&command, "").unwrap().text().trim(), format!("xxx{}", (1 << 20) - 3));
    }
}
