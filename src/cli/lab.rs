//! `quorate lab`: local hosts to try quorate on.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use quorate::lab::{self, Event, LabName, Like, NewSecrets, Suite, UpRequest};

use super::context::Patient;

/// Makes the text of a lab's secrets file.
pub(crate) type MakeSecrets<'a> = &'a dyn Fn() -> Result<String, Box<dyn std::error::Error + Send + Sync>>;

/// Boot real hosts on this machine, to try quorate on (needs root)
#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Boot a lab, or what is missing of it, and wait until its hosts answer
    Up(Up),
    /// Remove a lab and everything it made
    Down {
        #[command(flatten)]
        lab: Name,
        /// Remove the cached base images and package repositories too
        #[arg(long)]
        purge: bool,
    },
    /// Show the hosts of a lab
    Ps {
        #[command(flatten)]
        lab: Name,
        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Open a shell on a host, or run a command there
    Ssh {
        #[command(flatten)]
        lab: Name,
        /// The host: db01, db02, …
        node: String,
        /// The command to run in place of a shell
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// Print the folder that holds a lab's inventory, key and ssh configuration
    Path {
        #[command(flatten)]
        lab: Name,
    },
    /// Relay standard input and output to a host's port (what the lab's ssh configuration runs)
    #[command(hide = true)]
    Relay {
        #[command(flatten)]
        lab: Name,
        /// The host's address
        host: Ipv4Addr,
        /// The port
        port: u16,
    },
    /// Serve a lab's package archives (what `up` starts in the background)
    #[command(hide = true)]
    Serve {
        #[command(flatten)]
        lab: Name,
    },
    /// Keep a host running (what `up` starts in the background)
    #[command(hide = true)]
    Supervise {
        #[command(flatten)]
        lab: Name,
        /// The host
        node: String,
    },
}

/// Which lab.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The lab's name; labs of different names live side by side
    #[arg(long, default_value = "lab")]
    name: LabName,
}

/// What `up` takes.
#[derive(Debug, Args)]
pub(crate) struct Up {
    #[command(flatten)]
    lab: Name,
    /// The Debian release of the hosts [default: trixie]
    #[arg(long, value_enum)]
    suite: Option<SuiteArgument>,
    /// What the hosts look like in place of a Debian release: RPM packages, firewalld, that system's names and paths
    #[arg(long, value_enum, conflicts_with = "suite")]
    like: Option<LikeArgument>,
    /// How many hosts [default: 3]
    #[arg(long, value_name = "N")]
    nodes: Option<usize>,
    /// The Debian archive to build from [default: the one of this machine's apt sources]
    #[arg(long, value_name = "URL")]
    archive: Option<String>,
}

/// A Debian release, as written on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SuiteArgument {
    /// Debian 13, PostgreSQL 17
    Trixie,
    /// Debian 12, PostgreSQL 15
    Bookworm,
    /// Debian 11, PostgreSQL 13
    Bullseye,
}

/// Another system's look, as written on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LikeArgument {
    /// RHEL 9.4, PostgreSQL 15
    Rhel9,
    /// RHEL 8.10, PostgreSQL 13
    Rhel8,
}

impl From<LikeArgument> for Like {
    fn from(like: LikeArgument) -> Self {
        match like {
            LikeArgument::Rhel9 => Self::Rhel9,
            LikeArgument::Rhel8 => Self::Rhel8,
        }
    }
}

impl From<SuiteArgument> for Suite {
    fn from(suite: SuiteArgument) -> Self {
        match suite {
            SuiteArgument::Trixie => Self::Trixie,
            SuiteArgument::Bookworm => Self::Bookworm,
            SuiteArgument::Bullseye => Self::Bullseye,
        }
    }
}

/// Runs a lab command. `secrets_file` is the name of the secrets file beside an inventory, `secrets` makes its text.
pub(crate) fn run(command: LabCommand, secrets_file: &str, secrets: MakeSecrets<'_>) -> Result<ExitCode> {
    match command {
        LabCommand::Up(Up { lab, suite, like, nodes, archive }) => {
            let secrets = NewSecrets { file_name: secrets_file, make: secrets };
            let (suite, like) = (suite.map(Suite::from), like.map(Like::from));
            lab::up(&UpRequest { name: lab.name, suite, like, nodes, archive, secrets }, &progress)?;
        }
        LabCommand::Down { lab, purge } => lab::down(&lab.name, purge, &progress)?,
        LabCommand::Ps { lab, json } => {
            let hosts = lab::ps(&lab.name)?;
            Patient::new().write_all(if json { json_lines(&hosts) } else { table(&hosts) }.as_bytes())?;
        }
        LabCommand::Ssh { lab, node, command } => {
            lab::ssh(&lab.name, &node, &command)?;
        }
        LabCommand::Path { lab } => writeln!(Patient::new(), "{}", lab.name.folder().display())?,
        LabCommand::Relay { lab, host, port } => lab::relay(&lab.name, host, port)?,
        LabCommand::Serve { lab } => lab::serve(&lab.name)?,
        LabCommand::Supervise { lab, node } => lab::supervise(&lab.name, &node)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Shows progress, a line each.
fn progress(event: &Event) {
    // Nobody reads it: no reason to stop the work.
    let _ = writeln!(std::io::stderr(), "{event}");
}

/// Hosts as a table for people.
fn table(hosts: &[lab::HostStatus]) -> String {
    let mut text = format!("{:<6} {:<15} {:<8} {:>8} {:>9}\n", "NODE", "ADDRESS", "STATE", "PID", "UPTIME");
    for host in hosts {
        let pid = host.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let uptime = host.uptime.map_or_else(|| "-".to_owned(), shown);
        let (address, state) = (host.address.to_string(), host.state.as_str());
        let _ = writeln!(text, "{:<6} {address:<15} {state:<8} {pid:>8} {uptime:>9}", host.node);
    }
    text
}

/// Hosts as JSON lines.
fn json_lines(hosts: &[lab::HostStatus]) -> String {
    let mut text = "{\"format_version\":1}\n".to_owned();
    for host in hosts {
        let line = serde_json::json!({
            "node": host.node, "address": host.address, "state": host.state.as_str(), "pid": host.pid,
            "uptime_seconds": host.uptime.map(|uptime| uptime.as_secs()),
        });
        let _ = writeln!(text, "{line}");
    }
    text
}

/// A duration in its two largest units: `1h02m`, `3m07s`, `12s`.
fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}
