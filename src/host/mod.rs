//! The only door to a host. Knows no component: it runs scripts, and says what became of them.
//!
//! A [`Command`] is a POSIX shell script with arguments and standard input. Script and arguments travel inside ssh's standard
//! input, so that nothing of them shows in a process list; the answer comes framed by a random word and carries the real
//! exit code, so that a login banner, a shell's noise or a cut line can't be mistaken for an answer.

mod change;
#[cfg(test)]
mod change_tests;
mod error;
mod files;
mod fleet;
mod frame;
pub mod generations;
mod history;
mod hold;
pub mod journal;
mod lock;
#[cfg(test)]
mod real_shell;
mod ssh;

pub use change::{Activation, FileDate, Mode, NOT_ACTIVATED, UNDONE, confirm, undo_now};
pub use error::HostError;
pub use files::{CHECK_FAILED, Candidate, commit, discard, stage};
pub use fleet::{Fleet, Host};
pub use frame::{Command, Output};
pub use history::{Ending, PastRun, Undone, runs};
pub use hold::{Held, Hold};
pub use lock::{Holder, break_lock, look};
pub use ssh::connect;

use std::pin::Pin;

/// A future that a trait object can return.
pub type Answer<'a> = Pin<Box<dyn Future<Output = Result<Output, HostError>> + Send + 'a>>;

/// A way to run commands on one host as root.
pub trait Transport: Send + Sync {
    /// Runs the command; an exit code other than 0 is an answer, not an error.
    ///
    /// # Errors
    /// [`HostError`] when the host, the login or sudo fails, or no whole answer came within the command's time.
    fn run<'a>(&'a self, command: &'a Command) -> Answer<'a>;

    /// Runs a command whose script may call `keep` (a shell function that is there for it): the answer comes then, with exit
    /// code 0, and the script goes on behind `keep` once the guard is dropped, or we are gone, to clean up. A script that
    /// ends without calling it has answered with its exit code, and there is no guard. Its standard input belongs to `keep`.
    ///
    /// # Errors
    /// [`HostError`] as with [`run`](Transport::run); nothing is held then.
    fn hold<'a>(&'a self, command: &'a Command) -> Hold<'a>;

    /// Ends the connection.
    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}
