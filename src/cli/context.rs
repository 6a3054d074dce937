//! What every verb works with: global settings, the two streams, the files named on the command line.

use std::cell::{RefCell, RefMut};
use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use quorate::apply::{ApplyError, Operator, StopSwitch};
use quorate::artifact::{Catalogue, Store};
use quorate::cluster::{Cluster, NodeName, Secrets};
use quorate::component::Templates;
use quorate::host::{Fleet, HostError};
use quorate::inventory;
use quorate::report::{JsonLines, Style, plain, table};

use super::Global;
use super::failure::Failure;

/// Global settings, resolved.
pub(crate) struct Context {
    pub(crate) inventory: PathBuf,
    templates: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) out: Style,
    pub(crate) err: Style,
    pub(crate) live: bool,
    lines: RefCell<Option<JsonLines<Patient>>>,
}

impl Context {
    /// Resolves the global options against the environment.
    pub(crate) fn new(global: Global) -> Self {
        let var = |name: &str| std::env::var(name).ok();
        let terminal = std::io::stderr().is_terminal();
        let err = Style::decide(global.color.into(), terminal, var);
        Self {
            inventory: global.inventory,
            templates: global.templates,
            json: global.json,
            out: Style::decide(global.color.into(), std::io::stdout().is_terminal(), var),
            err,
            // Live lines move the cursor: a terminal that can't be coloured is not asked to.
            live: terminal && var("TERM").is_some_and(|term| term != "dumb") && var("CI").is_none(),
            lines: RefCell::new(None),
        }
    }

    /// Reads and checks the inventory.
    pub(crate) fn cluster(&self) -> Result<Cluster, Failure> {
        Ok(inventory::load(&self.inventory)?)
    }

    /// A command of ours as one would type it here: with the inventory, if that is not the default one.
    pub(crate) fn command(&self, words: &str) -> String {
        let file = self.inventory.display().to_string();
        if file == super::INVENTORY { format!("quorate {words}") } else { format!("quorate {words} -i {file}") }
    }

    /// Who runs this, on which machine; with the inventory's text, which each generation keeps.
    pub(crate) fn operator(command: &str, inventory: &str) -> Operator {
        let text = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).ok();
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Operator {
            user: var("SUDO_USER")
                .or_else(|| var("USER"))
                .or_else(|| var("LOGNAME"))
                .unwrap_or_else(|| "root".to_owned()),
            machine: text("/proc/sys/kernel/hostname").unwrap_or_else(|| "an unknown machine".to_owned()),
            command: command.to_owned(),
            inventory: inventory.to_owned(),
        }
    }

    /// Asks at the terminal; `None` without one.
    pub(crate) async fn confirm(&self, question: &str) -> Option<bool> {
        let line = self.typed(&format!("{question} [y/N]")).await?;
        Some(matches!(line.trim(), "y" | "Y" | "yes"))
    }

    /// Whether there is a terminal to ask at.
    pub(crate) fn can_ask(&self) -> bool {
        !self.json && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// What is typed in answer to a question; `None` without a terminal.
    pub(crate) async fn typed(&self, question: &str) -> Option<String> {
        if !self.can_ask() {
            return None;
        }
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{} ", self.err.strong(question)).and_then(|()| err.flush());
        drop(err);
        // Elsewhere, so that the connections are kept alive meanwhile.
        let answer = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map(|_| line)
        });
        answer.await.ok()?.ok()
    }

    /// Reads the secrets of a cluster.
    pub(crate) fn secrets(cluster: &Cluster) -> Result<Secrets, Failure> {
        Ok(inventory::read_secrets(cluster)?)
    }

    /// The built-in templates, with those of `--templates` in place of theirs.
    pub(crate) fn templates(&self) -> Result<Templates, Failure> {
        let mut overrides = BTreeMap::new();
        if let Some(folder) = &self.templates {
            read_folder(folder, folder, &mut overrides)?;
        }
        Templates::with_overrides(&overrides).map_err(|error| {
            let text = error.to_string();
            let (message, detail) = text.split_once('\n').unwrap_or((&text, ""));
            let hint = "mend it; `--templates DIR` takes files of the built-in names: haproxy/haproxy.cfg …";
            Failure { detail: Some(detail.to_owned()).filter(|text| !text.is_empty()), ..Failure::usage(message, hint) }
        })
    }

    /// The catalogue of pinned downloads, with the inventory's own.
    pub(crate) fn catalogue(cluster: &Cluster) -> Result<Catalogue, Failure> {
        let embedded = Catalogue::embedded()
            .map_err(|error| Failure::bug(format!("the embedded catalogue is broken: {error}")))?;
        embedded.with(&cluster.artifacts.pins).map_err(|error| ApplyError::from(error).into())
    }

    /// The cache of this machine.
    pub(crate) fn store() -> Result<Store, Failure> {
        let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
        let cache =
            cache.ok_or_else(|| Failure::usage("there is no place for the cache", "set HOME or XDG_CACHE_HOME"))?;
        Ok(Store::new(cache.join("quorate")))
    }

    /// Runs an asynchronous verb to its end, or to a signal.
    pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            tokio::select! {
                result = work => result,
                code = signal() => Err(stopped(code)),
            }
        })
    }

    /// The same for a run that changes what serves: the first signal stops it after the action under way, a second one at once.
    pub(crate) fn block_on_run<T>(
        switch: &StopSwitch,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut work = std::pin::pin!(work);
            let code = tokio::select! {
                result = &mut work => return result,
                code = signal() => code,
            };
            if !switch.serving() {
                return Err(stopped(code));
            }
            switch.stop(code);
            Self::note("stopping after the action under way; once more stops at once, and the hosts put back what was not confirmed");
            tokio::select! {
                result = &mut work => result,
                code = signal() => Err(stopped(code)),
            }
        })
    }

    /// Connects to all nodes; any that can't be reached ends the command.
    pub(crate) async fn fleet(cluster: &Cluster) -> Result<Fleet, Failure> {
        let (fleet, failures) = Self::reachable(cluster).await?;
        if failures.is_empty() {
            return Ok(fleet);
        }
        fleet.close().await;
        Err(unreachable(failures.into_values().collect()))
    }

    /// Connects to all nodes; those that can't be reached come beside the others.
    pub(crate) async fn reachable(cluster: &Cluster) -> Result<(Fleet, BTreeMap<NodeName, HostError>), Failure> {
        Fleet::connect(cluster).await.map_err(|error| unreachable(vec![error]))
    }

    /// Writes to standard output. A reader that went away ends the output, not the work.
    pub(crate) fn print(text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Writes a line to standard error.
    pub(crate) fn note(text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// The JSON lines on standard output; the first call begins them.
    pub(crate) fn json_lines(&self, command: &str) -> Result<RefMut<'_, JsonLines<Patient>>, Failure> {
        if self.lines.borrow().is_none() {
            *self.lines.borrow_mut() = Some(JsonLines::begin(Patient::new(), command)?);
        }
        RefMut::filter_map(self.lines.borrow_mut(), Option::as_mut).map_err(|_| Failure::bug("no JSON lines"))
    }

    /// Shows why a command failed.
    pub(crate) fn fail(&self, failure: &Failure) -> ExitCode {
        let style = self.err;
        if !failure.findings.is_empty() {
            Self::note(table(&failure.findings, false, style).trim_end());
        }
        if failure.message.starts_with("error[") {
            // Diagnostics bring their own heads.
            Self::note(failure.message.trim_end());
        } else {
            for line in plain(&failure.message).lines() {
                Self::note(&format!("{} {line}", style.bad("error:")));
            }
        }
        if let Some(detail) = &failure.detail {
            for line in plain(detail).lines() {
                Self::note(&format!("  {} {line}", style.faint("|")));
            }
        }
        for hint in &failure.hints {
            Self::note(&format!("{} {hint}", style.good("hint:")));
        }
        if self.json
            && let Ok(mut lines) = self.json_lines("error")
        {
            let record = serde_json::json!({"exit": failure.code, "message": failure.message, "hints": failure.hints, "findings": failure.findings});
            let _ = lines.record("error", &record);
        }
        ExitCode::from(failure.code)
    }
}

/// Standard output whose reader may go away: that ends the output, not the work, and the exit code stays that of the work.
pub(crate) struct Patient(std::io::Stdout);

impl Patient {
    pub(crate) fn new() -> Self {
        Self(std::io::stdout())
    }
}

impl std::io::Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

fn unreachable(errors: Vec<HostError>) -> Failure {
    Failure::from(quorate::apply::ApplyError::Hosts(errors))
}

fn stopped(code: u8) -> Failure {
    Failure {
        code,
        message: "stopped by a signal".to_owned(),
        detail: None,
        findings: Vec::new(),
        hints: vec!["run the same command again: it looks first and goes on from there".to_owned()],
    }
}

/// The exit code of the first signal that asks us to stop.
async fn signal() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => 130,
        _ = terminate.recv() => 143,
    }
}

fn read_folder(root: &Path, folder: &Path, into: &mut BTreeMap<String, String>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("{}: {error}", folder.display()), "--templates takes a folder of text files")
    };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            read_folder(root, &path, into)?;
        } else {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
            into.insert(name, std::fs::read_to_string(&path).map_err(failed)?);
        }
    }
    Ok(())
}
