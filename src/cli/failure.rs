//! Why a command failed, with its exit code and what to do next.

use quorate::apply::ApplyError;
use quorate::cluster::Secrets;
use quorate::inventory::{Diagnostics, SecretError};
use quorate::verify::Finding;

/// A failed command.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The process's exit code.
    pub(crate) code: u8,
    /// What went wrong; may have many lines.
    pub(crate) message: String,
    /// What the failing program said.
    pub(crate) detail: Option<String>,
    /// What was found, where findings are the reason.
    pub(crate) findings: Vec<Finding>,
    /// What to do next.
    pub(crate) hints: Vec<String>,
}

impl Failure {
    /// A wrong use or input: nothing was contacted.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: 2, message: message.into(), detail: None, findings: Vec::new(), hints: vec![hint.into()] }
    }

    /// The last net: what programs on hosts said is shown only without secrets.
    pub(crate) fn redacted(mut self, secrets: &Secrets) -> Self {
        self.message = secrets.redact(&self.message);
        self.detail = self.detail.map(|detail| secrets.redact(&detail));
        for finding in &mut self.findings {
            finding.text = secrets.redact(&finding.text);
        }
        self
    }

    /// Our own fault.
    pub(crate) fn bug(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into(), detail: None, findings: Vec::new(), hints: Vec::new() }
    }
}

impl From<ApplyError> for Failure {
    fn from(error: ApplyError) -> Self {
        let findings = error.findings().to_vec();
        Self {
            code: error.exit_code(),
            message: error.to_string(),
            detail: error.detail().filter(|detail| !detail.is_empty()),
            findings,
            hints: error.hints(),
        }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { code: 2, message: diagnostics.render(), detail: None, findings: Vec::new(), hints: Vec::new() }
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        let text = error.to_string();
        match text.split_once("\n  = help: ") {
            Some((message, help)) => Self::usage(message, help),
            None => Self::bug(text),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::bug(error.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::bug(format!("{error:#}"))
    }
}
