//! Why a host gave no answer. All of these end a run with exit code 4 before anything was changed.

use std::time::Duration;

/// A host that could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// Nothing answers at the address.
    #[error("{host}: unreachable: {reason}")]
    Unreachable {
        /// The node.
        host: String,
        /// What ssh said.
        reason: String,
    },
    /// No pinned key for this host.
    #[error("{host}: its host key is not known")]
    HostKeyUnknown {
        /// The node.
        host: String,
    },
    /// The host shows another key than the pinned one.
    #[error("{host}: its host key has CHANGED since it was pinned; somebody may be in between")]
    HostKeyChanged {
        /// The node.
        host: String,
    },
    /// The login was refused.
    #[error("{host}: the login was refused: {reason}")]
    Authentication {
        /// The node.
        host: String,
        /// What ssh said.
        reason: String,
    },
    /// The login works, but not as root.
    #[error("{host}: no root: {reason}")]
    Privilege {
        /// The node.
        host: String,
        /// What sudo said.
        reason: String,
    },
    /// The line broke before the whole answer was there; what the command did is not known.
    #[error("{host}: the connection was lost in the middle of {step}")]
    Lost {
        /// The node.
        host: String,
        /// What was being done.
        step: String,
    },
    /// No answer in time.
    #[error("{host}: no answer to {step} within {} s", .after.as_secs())]
    Timeout {
        /// The node.
        host: String,
        /// What was being done.
        step: String,
        /// The limit.
        after: Duration,
    },
    /// ssh itself could not be run here.
    #[error("ssh could not be run on this machine: {reason}")]
    Local {
        /// What the system said.
        reason: String,
    },
}

impl HostError {
    /// What to do about it, as a sentence or a command.
    pub fn hint(&self) -> String {
        match self {
            Self::Unreachable { .. } => "is the host up, and is its address and ssh port right in the inventory?".to_owned(),
            Self::HostKeyUnknown { host } => format!(
                "log in once by hand and compare the fingerprint, or pin it in the inventory: nodes: - name: {host} … ssh: {{ host_key: \"ssh-ed25519 AAAA…\" }}"
            ),
            Self::HostKeyChanged { host } => format!(
                "ask on the host's console for `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`; only if it is the new key, replace the pinned one of {host}"
            ),
            Self::Authentication { .. } => {
                "set ssh: { user: …, key: … } in the inventory, or load the key: `ssh-add -l` lists what the agent has".to_owned()
            }
            Self::Privilege { .. } => {
                "the login needs sudo without a password: `NAME ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d/quorate, or ssh: { user: root }".to_owned()
            }
            Self::Lost { .. } | Self::Timeout { .. } => "run the same command again: it looks first and goes on from there".to_owned(),
            Self::Local { .. } => "install the OpenSSH client; `ssh -V` must work".to_owned(),
        }
    }
}

/// Reads what ssh said when it could not connect.
pub(super) fn classify(host: &str, said: &str) -> HostError {
    let reason = said
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !line.contains("WARNING") && !line.starts_with("@@@"))
        .unwrap_or("ssh gave no reason")
        .to_owned();
    let host = host.to_owned();
    if said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        HostError::HostKeyChanged { host }
    } else if said.contains("Host key verification failed") || said.contains("host key is known") {
        HostError::HostKeyUnknown { host }
    } else if said.contains("Permission denied") || said.contains("Too many authentication failures") {
        HostError::Authentication { host, reason }
    } else {
        HostError::Unreachable { host, reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_is_told_apart() {
        let changed = "@@@@@\n@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.";
        assert!(matches!(classify("db01", changed), HostError::HostKeyChanged { .. }));
        let unknown = "No ED25519 host key is known for 192.0.2.1 and you have requested strict checking.\nHost key verification failed.";
        assert!(matches!(classify("db01", unknown), HostError::HostKeyUnknown { .. }));
        let refused = "ops@db01: Permission denied (publickey).";
        assert!(matches!(classify("db01", refused), HostError::Authentication { .. }));
        let down = "ssh: connect to host 192.0.2.1 port 22: No route to host";
        assert_eq!(classify("db01", down), HostError::Unreachable { host: "db01".to_owned(), reason: down.to_owned() });
    }
}
