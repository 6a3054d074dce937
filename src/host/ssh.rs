//! Transport by the user's own ssh: one connection per host, multiplexed, with settings that no user file can loosen.

use std::fmt::Write as _;
use std::path::Path;
use std::pin::Pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use openssh::{
    Child, ChildStderr, ChildStdin, ChildStdout, ControlPersist, KnownHosts, Session, SessionBuilder, Stdio,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::error::classify;
use super::frame::Framed;
use super::hold::{BEAT, Heart, Held, Hold};
use super::{Answer, Command, HostError, Output, Transport};
use crate::cluster::{Node, Ssh};

/// The longest control folder for which ssh's socket path still fits (measured with OpenSSH 9: 62 is too long).
const LONGEST_CONTROL_FOLDER: usize = 61;

/// How long the end of a held process is waited for.
const RELEASE_LIMIT: Duration = Duration::from_secs(10);

/// Becomes root if the login is not, and bounds the time there. Single quotes keep it whole in any login shell. Whoever owns the first
/// process is root; the shell can tell that by itself, without `id`.
const BECOME_ROOT: &str = r#"if [ -O /proc/1 ]; then exec timeout -k 10 "$1" /bin/sh -c "$0"; fi; exec sudo -n timeout -k 10 "$1" /bin/sh -c "$0""#;

/// Connects to a node. `folder` is a short private folder of this run, for ssh's socket and configuration.
///
/// # Errors
/// [`HostError`] says what kept us out.
pub async fn connect(node: &Node, folder: &Path, limit: Duration) -> Result<Box<dyn Transport>, HostError> {
    let host = node.name.to_string();
    let local = |reason: String| HostError::Local { reason };
    if folder.as_os_str().len() > LONGEST_CONTROL_FOLDER {
        return Err(local(format!(
            "{} is too long a path for ssh's control socket; set XDG_RUNTIME_DIR",
            folder.display()
        )));
    }
    let config = folder.join(format!("{host}.conf"));
    std::fs::write(&config, ssh_config(&node.ssh, folder, &host)).map_err(|error| local(error.to_string()))?;
    if let Some(key) = &node.ssh.host_key {
        let known = format!("{host} {key}\n");
        std::fs::write(folder.join(format!("{host}.known")), known).map_err(|error| local(error.to_string()))?;
    }
    let mut builder = SessionBuilder::default();
    builder
        .known_hosts_check(KnownHosts::Strict)
        .control_directory(folder)
        // A killed run leaves no connection behind for longer than this. While a run changes something, the lock's own process
        // keeps the connection in use, also through a long build on another host.
        .control_persist(ControlPersist::IdleFor(
            std::num::NonZeroUsize::new(60).unwrap_or(std::num::NonZeroUsize::MIN),
        ))
        .config_file(&config)
        .connect_timeout(limit);
    if let Some(user) = &node.ssh.user {
        builder.user(user.clone());
    }
    if let Some(port) = node.ssh.port {
        builder.port(port);
    }
    if let Some(key) = &node.ssh.key {
        builder.keyfile(key);
    }
    let session = match tokio::time::timeout(limit + Duration::from_secs(1), builder.connect_mux(&node.ssh.host)).await
    {
        Ok(Ok(session)) => session,
        // ssh says all its own failures in words; an error of the system means that it could not be started.
        Ok(Err(openssh::Error::Connect(error))) if error.raw_os_error().is_some() => {
            return Err(local(error.to_string()));
        }
        Ok(Err(openssh::Error::Connect(error))) => return Err(classify(&host, &node.ssh.host, &error.to_string())),
        Ok(Err(error)) => return Err(classify(&host, &node.ssh.host, &chain(&error))),
        Err(_) => {
            let reason = format!("{}: no connection within {} s", node.ssh.host, limit.as_secs());
            return Err(HostError::Unreachable { host, reason });
        }
    };
    let session = Arc::new(session);
    Ok(Box::new(SshTransport { host, session }))
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// The run's own ssh configuration: ssh takes the first value it meets, so ours stand before the user's.
fn ssh_config(ssh: &Ssh, folder: &Path, host: &str) -> String {
    let mut text = String::from(
        "Host *\n  BatchMode yes\n  StrictHostKeyChecking yes\n  UpdateHostKeys no\n  ForwardAgent no\n  ForwardX11 no\n  \
         PermitLocalCommand no\n  ClearAllForwardings yes\n  RequestTTY no\n  RemoteCommand none\n  ServerAliveInterval 5\n  ServerAliveCountMax 3\n",
    );
    if ssh.host_key.is_some() {
        let _ = writeln!(
            text,
            "  HostKeyAlias {host}\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null",
            folder.join(format!("{host}.known")).display()
        );
    }
    if ssh.key.is_some() {
        text.push_str("  IdentitiesOnly yes\n");
    }
    match &ssh.config {
        Some(path) => {
            let _ = writeln!(text, "Include \"{}\"", path.display());
        }
        None => text.push_str("Include ~/.ssh/config\nInclude /etc/ssh/ssh_config\n"),
    }
    text
}

type Remote = Child<Arc<Session>>;

struct SshTransport {
    host: String,
    session: Arc<Session>,
}

impl SshTransport {
    /// Starts a framed program as root; 0 `seconds` are without a limit there.
    async fn start(&self, framed: &Framed, seconds: u64) -> Option<(Remote, ChildStdin, ChildStdout, ChildStderr)> {
        let seconds = seconds.to_string();
        let mut command = Arc::clone(&self.session).arc_command("/bin/sh");
        command.args(["-c", BECOME_ROOT, framed.bootstrap.as_str(), seconds.as_str()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().await.ok()?;
        let (to, from, errors) = (child.stdin().take()?, child.stdout().take()?, child.stderr().take()?);
        Some((child, to, from, errors))
    }

    async fn ask(&self, command: &Command) -> Result<Output, HostError> {
        let framed = Framed::new(command)?;
        let lost = || HostError::Lost { host: self.host.clone(), step: command.step.clone() };
        let (child, mut to, mut from, mut errors) =
            self.start(&framed, command.timeout.as_secs()).await.ok_or_else(lost)?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let send = async {
            // A program that ends early closes its input; its answer says why, so a broken pipe is no error here.
            let _ = to.write_all(&framed.head).await;
            let _ = to.write_all(&command.stdin).await;
            if !command.watched {
                let _ = to.shutdown().await;
                return None;
            }
            Some(to)
        };
        let exchange = async {
            let (held, read, read_errors) =
                tokio::join!(send, from.read_to_end(&mut stdout), errors.read_to_end(&mut stderr));
            drop(held);
            read.and(read_errors)
        };
        // The host kills the program at the limit; this one is for a host that no longer answers at all.
        let limit = command.timeout + Duration::from_secs(15);
        let exchanged = tokio::time::timeout(limit, exchange).await;
        let timed_out =
            || HostError::Timeout { host: self.host.clone(), step: command.step.clone(), after: command.timeout };
        let status = match exchanged {
            Err(_) => return Err(timed_out()),
            Ok(Err(_)) => return Err(lost()),
            Ok(Ok(_)) => child.wait().await,
        };
        if framed.began(&stdout) {
            if let Some(output) = framed.answer(stdout, stderr) {
                return Ok(output);
            }
        } else if let Some(error) =
            kept_out(&self.host, status.as_ref().ok().and_then(ExitStatus::code), &stdout, &stderr)
        {
            return Err(error);
        }
        match status {
            Ok(status) if status.code() == Some(124) => Err(timed_out()),
            _ => Err(lost()),
        }
    }
}

impl SshTransport {
    /// Starts what goes on after its answer. It has no limit there but the heartbeat; the script bounds its own waiting.
    async fn begin(&self, command: &Command) -> Result<(Output, Option<Box<dyn Held>>), HostError> {
        let framed = Framed::held(command)?;
        let lost = || HostError::Lost { host: self.host.clone(), step: command.step.clone() };
        let (child, mut to, mut from, mut errors) = self.start(&framed, 0).await.ok_or_else(lost)?;
        let _ = to.write_all(&framed.head).await;
        let _ = to.write_all(&command.stdin).await;
        let heart = to.into_owned_fd().and_then(|pipe| Heart::start(pipe, BEAT)).map_err(|_| lost())?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        // Whole as soon as its last mark is there: this program does not end then.
        let read = async {
            while from.read_buf(&mut stdout).await.is_ok_and(|read| read > 0) {
                if let Some(output) = framed.answer(stdout.clone(), Vec::new()) {
                    return Some(output);
                }
            }
            None
        };
        // What it says beside is collected, but its end is not the answer's.
        let collect = async {
            let _ = errors.read_to_end(&mut stderr).await;
            std::future::pending::<()>().await;
        };
        let both = async {
            tokio::select! { answer = read => answer, () = collect => None }
        };
        let Ok(answer) = tokio::time::timeout(command.timeout, both).await else {
            return Err(HostError::Timeout {
                host: self.host.clone(),
                step: command.step.clone(),
                after: command.timeout,
            });
        };
        match answer {
            Some(output) if output.success() => {
                let held = SshHeld { heart, child, from, errors };
                Ok((Output { stderr, ..output }, Some(Box::new(held))))
            }
            Some(output) => Ok((Output { stderr, ..output }, None)),
            None => {
                drop(heart);
                let code = child.wait().await.ok().and_then(|status| status.code());
                Err(kept_out(&self.host, code, &stdout, &stderr)
                    .filter(|_| !framed.began(&stdout))
                    .unwrap_or_else(lost))
            }
        }
    }
}

/// A held process behind ssh. Dropped, it takes heartbeat, input and channel with it.
struct SshHeld {
    heart: Heart,
    child: Remote,
    from: ChildStdout,
    errors: ChildStderr,
}

impl Held for SshHeld {
    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let Self { heart, child, mut from, mut errors } = *self;
        drop(heart);
        Box::pin(async move {
            let end = async {
                let (mut rest, mut said) = (Vec::new(), Vec::new());
                let _ = tokio::join!(from.read_to_end(&mut rest), errors.read_to_end(&mut said));
                let _ = child.wait().await;
            };
            // A line that broke meanwhile gives no end; the host ends it by itself.
            let _ = tokio::time::timeout(RELEASE_LIMIT, end).await;
        })
    }
}

/// Why a command did not even begin, if the host said so: sudo refused, or the login has no shell that would run it.
/// `None` when the connection broke (255 is ssh's own code) or time ran out.
fn kept_out(host: &str, code: Option<i32>, stdout: &[u8], stderr: &[u8]) -> Option<HostError> {
    let said = String::from_utf8_lossy(stderr);
    let host = host.to_owned();
    if let Some(line) = said.lines().rev().find(|line| line.contains("sudo")) {
        let reason = if line.ends_with("not found") { "sudo is not installed" } else { line };
        return Some(HostError::Privilege { host, reason: reason.to_owned() });
    }
    let code = code.filter(|code| !matches!(code, 124 | 255))?;
    let all = format!("{}\n{said}", String::from_utf8_lossy(stdout));
    let reason = match all.lines().rev().map(str::trim).find(|line| !line.is_empty()) {
        Some(line) => format!("it said {line:?} and ended with exit code {code}"),
        None => format!("it said nothing and ended with exit code {code}"),
    };
    Some(HostError::Shell { host, reason })
}

impl Transport for SshTransport {
    fn run<'a>(&'a self, command: &'a Command) -> Answer<'a> {
        Box::pin(self.ask(command))
    }

    fn hold<'a>(&'a self, command: &'a Command) -> Hold<'a> {
        Box::pin(self.begin(command))
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            // A connection that is gone already is what we want.
            if let Some(session) = Arc::into_inner(self.session) {
                let _ = session.close().await;
            }
        })
    }
}
