//! What a host holds for as long as we live: a process there that ends when our heartbeat does.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::{HostError, Output};

/// How often we tell a host that we are there. It waits five times as long: see [`KEEP`].
pub(super) const BEAT: Duration = Duration::from_secs(5);

/// The function that a held script calls once it has what it holds: it answers with 0 and returns when we are gone. 25 seconds
/// of silence are enough for that, so that what is held is free within 30 even if our machine vanished without a word. The
/// script's own descriptor 9 is not handed on: it must be shut as soon as the script is killed.
pub(super) const KEEP: &str = r#"
keep() {
    trap '' PIPE
    printf '\n%s 0\n' "$nonce"
    exec >/dev/null 2>&1
    while [ "$(exec 9>&-; exec timeout 25 head -c 1)" = . ]; do :; done
}"#;

/// A process on a host that goes on until this is dropped, or we die, or the line is silent for half a minute.
pub trait Held: Send {
    /// Ends it, and waits until it has cleaned up.
    fn release(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The answer to a command that may go on; it does if the exit code is 0.
pub type Hold<'a> = Pin<Box<dyn Future<Output = Result<(Output, Option<Box<dyn Held>>), HostError>> + Send + 'a>>;

/// Beats into a pipe until it is dropped. A thread of its own: nothing that keeps the run busy, such as a question to the
/// operator, may stop it.
pub(super) struct Heart(#[allow(dead_code, reason = "its drop is what ends the thread")] Sender<()>);

impl Heart {
    /// Starts it; it beats once every `every`.
    pub(super) fn start(pipe: OwnedFd, every: Duration) -> std::io::Result<Self> {
        let (alive, dropped) = channel::<()>();
        let beat = move || {
            let mut pipe = File::from(pipe);
            // A full pipe is a line that stands still: the host will see the silence. A closed one is the end.
            let ended = |error: &std::io::Error| error.kind() != std::io::ErrorKind::WouldBlock;
            while dropped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                if pipe.write(b".").is_err_and(|error| ended(&error)) {
                    break;
                }
            }
        };
        std::thread::Builder::new().name("heartbeat".to_owned()).spawn(beat)?;
        Ok(Self(alive))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::super::real_shell::{Machine, shells};
    use super::*;

    /// Holds a file that is there as long as it holds; half a second of silence ends it.
    fn holding() -> Command {
        Command::new("test", "touch /run/quorate; keep; rm /run/quorate")
    }

    #[test]
    fn a_heart_keeps_it_and_silence_or_the_end_frees_it() {
        for shell in shells() {
            let mut fed = Machine::new(shell);
            fed.patience = "0.5";
            std::fs::create_dir_all(fed.path("/run")).unwrap();
            let (mut child, output) = fed.hold(&holding());
            assert_eq!(output.code, 0);
            let pipe = OwnedFd::from(child.stdin.take().unwrap());
            let heart = Heart::start(pipe, Duration::from_millis(50)).unwrap();
            for _ in 0..3 {
                let mut silent = Machine::new(shell);
                silent.patience = "0.5";
                std::fs::create_dir_all(silent.path("/run")).unwrap();
                let (mut child, _) = silent.hold(&holding());
                let pipe = child.stdin.take();
                assert!(silent.path("/run/quorate").exists());
                child.wait().unwrap();
                assert!(!silent.path("/run/quorate").exists(), "{shell}: it cleaned up");
                drop(pipe);
            }
            assert!(fed.path("/run/quorate").exists(), "{shell}: three times the silence that ends one, and it beats");
            drop(heart);
            child.wait().unwrap();
            assert!(!fed.path("/run/quorate").exists());
        }
    }

    #[test]
    fn a_script_that_holds_nothing_has_answered() {
        let machine = Machine::new("/bin/sh");
        let (mut child, output) = machine.hold(&Command::new("test", "echo no; exit 3"));
        assert_eq!((output.code, output.text().as_str()), (3, "no\n"));
        child.wait().unwrap();
    }
}
