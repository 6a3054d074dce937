//! A change of what serves: files, links and one unit go live in one command, which first makes sure that the host can undo it
//! alone. Until [`confirm`] nothing is settled: if we are gone by then, a timer of the host puts everything back.

use std::time::Duration;

use super::Command;

/// How a unit comes to use what changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Not at all: its files are read by somebody else, or at some other time.
    #[default]
    None,
    /// `systemctl reload`; the time of it is the mark `/run/quorate/reloaded/<unit>`.
    Reload,
    /// `systemctl restart`, waited for. The mark `/run/quorate/restart/<unit>` says that it is due until it was made.
    Restart,
    /// Enabled and started, without waiting.
    Start,
}

/// The date of a file that goes live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileDate {
    /// Now: its daemon has not read it yet.
    Now,
    /// That of the file it replaces: nothing becomes due by it.
    Kept,
}

/// One unit's change. Whatever a file's new content is stands staged already ([`stage`](super::stage)).
#[derive(Debug, Clone, Default)]
pub struct Activation {
    /// The unit, with its suffix: `x.service`. It names the undo, too.
    pub unit: String,
    /// What becomes of it.
    pub mode: Mode,
    /// Whether systemd reads its units anew before that.
    pub daemon_reload: bool,
    /// Files whose staged content goes live.
    pub paths: Vec<(String, FileDate)>,
    /// Links, each with its new target.
    pub links: Vec<(String, String)>,
    /// Files that go.
    pub remove: Vec<String>,
    /// When the host undoes it if nobody confirmed it; counted from before the first file goes live.
    pub undo_after: Duration,
    /// The run that does it; the journal's line of an undo names it.
    pub run: String,
    /// A script of the caller's own, run once the files are live and before the unit is touched; a failure ends the change.
    pub before: String,
}

/// The exit code of an [`Activation`] that failed before anything of it was live: there is nothing to undo.
pub const NOT_ACTIVATED: i32 = 82;

/// The exit code of [`confirm`] when the host has undone the change already.
pub const UNDONE: i32 = 92;

impl Activation {
    /// The command that does it. Exit code 0: live and reloaded, restarted or starting, the timer ticking. [`NOT_ACTIVATED`]:
    /// nothing happened. Any other: some of it may be live, so [`undo_now`] is next.
    pub fn command(&self) -> Command {
        let mode = match self.mode {
            Mode::None => "none",
            Mode::Reload => "reload",
            Mode::Restart => "restart",
            Mode::Start => "start",
        };
        let daemon = if self.daemon_reload { "yes" } else { "no" };
        let seconds = self.undo_after.as_secs().max(1).to_string();
        let files = self.paths.iter().map(|(path, date)| match date {
            FileDate::Now => ["date", path, ""],
            FileDate::Kept => ["keep", path, ""],
        });
        let links = self.links.iter().map(|(link, target)| ["link", link, target]);
        let remove = self.remove.iter().map(|path| ["remove", path, ""]);
        // The caller's script is a text of the code, like this one; its values come by other ways.
        let script = format!("before() {{\n:\n{}\n}}\n{}", self.before, include_str!("change.sh"));
        Command::new(format!("activating {}", self.unit), script)
            .args([&self.unit, mode, daemon, &seconds, &self.run])
            .args(files.chain(links).chain(remove).flatten())
            .stdin(include_str!("undo.sh"))
            .timeout(Duration::from_secs(150))
    }
}

/// Puts back what the unconfirmed change of a unit replaced, and reloads or restarts the unit if it can have read any of it.
/// Does nothing if there is none; if the timer is just doing it, waits for that.
pub fn undo_now(unit: &str) -> Command {
    let script = r#"undo=/var/lib/quorate/undo/$1/undo.sh
[ -e "$undo" ] || exit 0
/bin/sh "$undo" </dev/null || { code=$?; [ ! -e "$undo" ] || exit "$code"; }"#;
    Command::new(format!("undoing the change of {unit}"), script).arg(unit).timeout(Duration::from_secs(150))
}

/// Settles a unit's change. [`UNDONE`] when the host undid it before that; anything else but 0 is a failure. Does nothing if
/// there is none.
pub fn confirm(unit: &str) -> Command {
    Command::new(format!("confirming the change of {unit}"), include_str!("confirm.sh"))
        .arg(unit)
        .timeout(Duration::from_secs(90))
}
