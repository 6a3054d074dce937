//! Why a run stopped, and what state it left behind.

use std::fmt::Write as _;

use crate::artifact::ArtifactError;
use crate::component::RenderError;
use crate::host::HostError;
use crate::verify::{Finding, Level};

/// A step that ended badly on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepFailure {
    /// The host.
    pub host: String,
    /// What was tried.
    pub step: String,
    /// The exit code.
    pub code: i32,
    /// The last lines it said.
    pub said: String,
}

/// Why a run stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApplyError {
    /// Hosts that could not be asked; nothing was changed.
    #[error("{}", lines(.0))]
    Hosts(Vec<HostError>),
    /// What the inventory says can't be rendered for these hosts; nothing was changed.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The cluster may not be installed here; nothing was changed.
    #[error("the preflight found {}; nothing was changed", reasons(.0))]
    Refused(Vec<Finding>),
    /// The host that a bundle was to be made on is of no use for it; nothing was changed.
    #[error("{0}; nothing was changed")]
    Unsuited(String),
    /// A download or the cache failed; nothing was changed.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// A build failed; nothing was activated.
    #[error("building {program} failed on {}: exit code {}", .failure.host, .failure.code)]
    Build {
        /// What was to be built.
        program: String,
        /// Where and how it failed.
        failure: Box<StepFailure>,
    },
    /// A program or its archive is not fit for a host; nothing was activated.
    #[error("{}: {} failed; nothing was activated", .0.host, .0.step)]
    Unfit(Box<StepFailure>),
    /// A built archive must not be unpacked; nothing was activated.
    #[error("{program}, built on {host}, must not be unpacked: {problem}; nothing was activated")]
    Archive {
        /// What was built.
        program: String,
        /// Where.
        host: String,
        /// What is wrong with it; an entry is named.
        problem: String,
    },
    /// A file was refused by its own daemon; nothing was activated.
    #[error("{}: a file was refused by its own daemon's check; nothing was activated", .0.host)]
    Check(Box<StepFailure>),
    /// A step failed after the first change.
    #[error("{}: {} failed with exit code {}", .0.host, .0.step, .0.code)]
    Step(Box<StepFailure>),
    /// A host was lost after the first change.
    #[error("{0}")]
    Lost(HostError),
    /// The cluster did not become as wanted in time.
    #[error("{until} did not come true within {seconds} s")]
    Gate {
        /// What was waited for.
        until: String,
        /// The limit.
        seconds: u64,
        /// What was not so.
        missing: Vec<Finding>,
        /// The last lines of the journals concerned.
        journal: String,
    },
    /// Another run has the lock; nothing was changed.
    #[error("{0}")]
    Locked(HostError),
    /// The plan that was to be applied is not the plan any more; nothing was changed.
    #[error("the plan is stale: {0}; nothing was changed")]
    Stale(String),
    /// What would be done was not approved; nothing was changed.
    #[error("not done: {0}; nothing was changed")]
    NotApproved(String),
    /// A signal asked the run to stop, and it did between two actions.
    #[error("stopped by a signal after the action under way; every node is well")]
    Stopped(u8),
    /// A change failed, and what it had changed was put back.
    #[error("{action} failed; what it had changed was put back ({place}), and nothing after it was touched")]
    RolledBack {
        /// The action that failed.
        action: String,
        /// What was put back.
        place: String,
        /// Why it failed.
        cause: Box<ApplyError>,
    },
    /// A change failed, and putting it back did too.
    #[error("{action} failed, and putting {place} back did not help: {again}")]
    RollbackFailed {
        /// The action that failed.
        action: String,
        /// What was to be put back.
        place: String,
        /// Why it failed.
        cause: Box<ApplyError>,
        /// What is wrong now.
        again: Box<ApplyError>,
    },
    /// Our own fault.
    #[error("unexpected: {0}")]
    Bug(String),
}

/// How many findings forbid going on; those beside them that are well don't count.
fn reasons(findings: &[Finding]) -> String {
    let count = findings.iter().filter(|finding| finding.level == Level::Down).count();
    format!("{count} reason{} not to go on", if count == 1 { "" } else { "s" })
}

/// One line each; what is wrong with this machine itself is said once, not once for each host.
fn lines(errors: &[HostError]) -> String {
    let mut text = String::new();
    for (index, error) in errors.iter().enumerate() {
        if index == 0 || errors.get(index - 1) != Some(error) {
            let _ = write!(text, "{}{error}", if index > 0 { "\n" } else { "" });
        }
    }
    text
}

impl ApplyError {
    /// The process's exit code: the table in `docs/exit-codes.md`.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Render(_) => 2,
            Self::Hosts(_) => 4,
            Self::Refused(_) | Self::NotApproved(_) | Self::Unsuited(_) => 5,
            Self::Locked(_) | Self::Stale(_) => 6,
            Self::Artifact(_) => 7,
            Self::Build { .. } | Self::Unfit(_) | Self::Archive { .. } | Self::Check(_) => 8,
            Self::Step(_) | Self::Lost(_) | Self::Gate { .. } => 9,
            Self::Stopped(code) => *code,
            Self::RolledBack { .. } => 10,
            Self::RollbackFailed { .. } => 12,
            Self::Bug(_) => 1,
        }
    }

    /// What to do next, one line each.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Hosts(errors) => {
                let mut hints: Vec<String> = errors.iter().map(HostError::hint).collect();
                hints.dedup();
                hints
            }
            Self::Render(_) => vec!["mend the inventory and try `quorate render -o DIR`".to_owned()],
            Self::Refused(_) => vec!["mend what is named above, then run `quorate check` again".to_owned()],
            Self::Unsuited(_) => {
                vec!["`--on DESTINATION` names another host, of the same system as the nodes".to_owned()]
            }
            Self::Artifact(error) => vec![error.hint()],
            Self::Build { .. } => {
                vec!["nothing was activated on any host; mend the cause and run `quorate apply` again".to_owned()]
            }
            Self::Unfit(_) => vec![
                "the program runs on the host that built it and not here, or its archive was altered: are all hosts of one release? Mend it and run `quorate apply` again"
                    .to_owned(),
            ],
            Self::Archive { .. } => vec![
                "the host that built it made something else than the recipe does: look at it before it is trusted again".to_owned(),
            ],
            Self::Check(_) => vec![
                "the live files are as before; mend the inventory or template, then run `quorate apply` again"
                    .to_owned(),
            ],
            Self::Stopped(_) => vec!["run the same command again: it looks first and goes on from there".to_owned()],
            Self::Step(_) | Self::Lost(_) | Self::Gate { .. } => {
                vec!["mend the cause, then run `quorate apply` again: it looks first and goes on from there".to_owned()]
            }
            Self::Locked(error) => vec![error.hint()],
            Self::Stale(_) => vec!["`quorate plan` shows what is to be done now; then apply that".to_owned()],
            Self::NotApproved(_) => {
                vec!["`quorate plan` shows what would be done; allow it by --yes, or by --max-impact CLASS".to_owned()]
            }
            Self::RolledBack { .. } => vec![
                "mend the cause in the inventory, then run `quorate apply` again: what was done before is kept, the rest follows"
                    .to_owned(),
            ],
            Self::RollbackFailed { .. } => vec![
                "`quorate verify` says what is wrong now; the former files of the change are in /var/lib/quorate/undo on the host"
                    .to_owned(),
            ],
            Self::Bug(_) => vec!["please report this with the command and its output".to_owned()],
        }
    }

    /// What was not as it should be, if that is the reason.
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Refused(findings) | Self::Gate { missing: findings, .. } => findings,
            Self::RolledBack { cause, .. } => cause.findings(),
            Self::RollbackFailed { again, .. } => again.findings(),
            _ => &[],
        }
    }

    /// What was tried and what it said, or what the daemons' journals say.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Build { failure, .. } | Self::Unfit(failure) | Self::Check(failure) | Self::Step(failure) => {
                Some(format!("{}:\n{}", failure.step, failure.said))
            }
            Self::Gate { journal, .. } => Some(journal.clone()),
            Self::RolledBack { cause, .. } | Self::RollbackFailed { cause, .. } => {
                let detail = cause.detail().unwrap_or_default();
                Some(format!("{cause}\n{detail}").trim_end().to_owned())
            }
            _ => None,
        }
    }
}
