//! What a judgement says.

use std::fmt::Display;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it shall be.
    Ok,
    /// Serving, but not as it shall be.
    Degraded,
    /// Not serving.
    Down,
}

/// One judged fact, with a stable id.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Stable name of the check: `etcd.members`, `patroni.timeline` …
    pub id: &'static str,
    /// What it is about: a node, or the cluster.
    pub subject: String,
    /// How bad.
    pub level: Level,
    /// What was found.
    pub text: String,
    /// What to do about it; empty when all is well.
    pub remedy: String,
}

impl Finding {
    /// All is well.
    pub fn ok(id: &'static str, subject: impl Display, text: impl Into<String>) -> Self {
        Self { id, subject: subject.to_string(), level: Level::Ok, text: text.into(), remedy: String::new() }
    }

    /// Serving, but not as it shall be.
    pub fn degraded(id: &'static str, subject: impl Display, text: impl Into<String>) -> Self {
        Self { level: Level::Degraded, ..Self::ok(id, subject, text) }
    }

    /// Not serving.
    pub fn down(id: &'static str, subject: impl Display, text: impl Into<String>) -> Self {
        Self { level: Level::Down, ..Self::ok(id, subject, text) }
    }

    /// Adds what to do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }
}

/// The sum of many findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Findings that are as they shall be.
    pub ok: usize,
    /// Findings that are not, while the cluster serves.
    pub degraded: usize,
    /// Findings for which it does not serve.
    pub down: usize,
}

impl Verdict {
    /// Counts.
    pub fn of(findings: &[Finding]) -> Self {
        let count = |level| findings.iter().filter(|finding| finding.level == level).count();
        Self { ok: count(Level::Ok), degraded: count(Level::Degraded), down: count(Level::Down) }
    }

    /// The worst level.
    pub const fn level(self) -> Level {
        if self.down > 0 {
            Level::Down
        } else if self.degraded > 0 {
            Level::Degraded
        } else {
            Level::Ok
        }
    }
}
