//! Why a host gave no answer, or refused. Those of the first kind end a run with exit code 4 before anything was changed.

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
    #[error("{host}: its host key is not known: neither the inventory nor known_hosts has one to compare it with")]
    HostKeyUnknown {
        /// The node.
        host: String,
    },
    /// The host shows another key than the pinned one.
    #[error(
        "{host}: its host key has CHANGED: it shows {shown}, but {pinned} has another one; somebody may be in between"
    )]
    HostKeyChanged {
        /// The node.
        host: String,
        /// The fingerprint that it shows.
        shown: String,
        /// Where the pinned key stands.
        pinned: String,
    },
    /// The login was refused.
    #[error("{host}: the login was refused: {reason}")]
    Authentication {
        /// The node.
        host: String,
        /// What ssh said.
        reason: String,
    },
    /// The login works, but gives no shell that runs commands: a forced command, `nologin`, a shell that fails.
    #[error("{host}: the login works, but runs no commands: {reason}")]
    Shell {
        /// The node.
        host: String,
        /// What came in place of an answer.
        reason: String,
    },
    /// The login works, but not as root.
    #[error("{host}: the login can't become root: {reason}")]
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
    /// Another run has the lock. Exit code 6: nothing was done.
    #[error("{host}: another run has the lock: {who} on {from} runs `quorate {command}` since {since}")]
    Locked {
        /// The node that refused.
        host: String,
        /// Whose run it is.
        who: String,
        /// The machine that it runs on.
        from: String,
        /// When it took the lock, RFC 3339.
        since: String,
        /// Its verb.
        command: String,
    },
    /// The lock was lost in the middle of a run: this step was not begun.
    #[error("{host}: this run no longer has the lock, so {step} was not begun")]
    Fenced {
        /// The node.
        host: String,
        /// What was to be done.
        step: String,
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
            Self::HostKeyUnknown { .. } => {
                "log in once by hand and compare the fingerprint with the one on the host's console, or pin the key in the inventory, at the node: ssh: { host_key: \"ssh-ed25519 AAAA…\" }".to_owned()
            }
            Self::HostKeyChanged { .. } => {
                "ask on the host's console for `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`; only if that is the key it shows here, replace the pinned one".to_owned()
            }
            Self::Authentication { .. } => {
                "set ssh: { user: …, key: … } in the inventory, or load the key: `ssh-add -l` lists what the agent has".to_owned()
            }
            Self::Shell { .. } => {
                "the login needs a shell (`getent passwd LOGIN` on the host), and no forced command in authorized_keys or sshd_config".to_owned()
            }
            Self::Privilege { .. } => {
                "the login needs sudo without a password: `LOGIN ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d/quorate, or ssh: { user: root }".to_owned()
            }
            Self::Lost { .. } | Self::Timeout { .. } => "run the same command again: it looks first and goes on from there".to_owned(),
            Self::Locked { .. } => {
                "wait until that run has ended; if it is gone and its lock is not (it frees itself within 30 s), `quorate unlock` frees it".to_owned()
            }
            Self::Fenced { .. } => {
                "the line was silent for too long, or somebody ran `quorate unlock`: see `quorate history`, then run the same command again".to_owned()
            }
            Self::Local { .. } => "install the OpenSSH client; `ssh -V` must work".to_owned(),
        }
    }
}

/// Reads what ssh said when it could not connect to `address`.
pub(super) fn classify(host: &str, address: &str, said: &str) -> HostError {
    let reason = said
        .lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !line.contains("WARNING") && !line.starts_with("@@@"))
        .unwrap_or("ssh gave no reason")
        .to_owned();
    let host = host.to_owned();
    if said.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        HostError::HostKeyChanged { shown: shown_key(said), pinned: pinned_key(said, &host), host }
    } else if said.contains("Host key verification failed") || said.contains("host key is known") {
        HostError::HostKeyUnknown { host }
    } else if said.contains("Permission denied") || said.contains("Too many authentication failures") {
        HostError::Authentication { host, reason }
    } else if reason.contains("UNKNOWN port 65535") {
        // ssh's words for a ProxyCommand that ended; what that one said goes elsewhere.
        let reason = format!("the ProxyCommand or ProxyJump of the ssh configuration got no connection to {address}");
        HostError::Unreachable { host, reason }
    } else {
        let reason = if reason.contains(address) { reason } else { format!("{address}: {reason}") };
        HostError::Unreachable { host, reason }
    }
}

/// The fingerprint in ssh's warning: the line after "… sent by the remote host is".
fn shown_key(said: &str) -> String {
    let mut lines = said.lines().skip_while(|line| !line.contains("sent by the remote host is"));
    let fingerprint = lines.nth(1).map(|line| line.trim().trim_end_matches('.').to_owned());
    fingerprint.filter(|text| text.starts_with("SHA256:")).unwrap_or_else(|| "another key".to_owned())
}

/// Where the key stands that the host should have shown: `Offending ED25519 key in FILE:LINE`.
fn pinned_key(said: &str, host: &str) -> String {
    let place = said.lines().find_map(|line| line.trim().strip_prefix("Offending ")?.split_once(" key in "));
    match place {
        // The file that a run makes of the inventory's own key.
        Some((_, file)) if file.contains(&format!("/{host}.known:")) => "the inventory (ssh: host_key)".to_owned(),
        Some((_, file)) => file.to_owned(),
        None => "known_hosts".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ssh_says_is_told_apart() {
        let ask = |said: &str| classify("db01", "192.0.2.1", said);
        let unknown = "No ED25519 host key is known for 192.0.2.1 and you have requested strict checking.\nHost key verification failed.";
        assert!(matches!(ask(unknown), HostError::HostKeyUnknown { .. }));
        let refused = "ops@db01: Permission denied (publickey).";
        assert!(matches!(ask(refused), HostError::Authentication { .. }));
        let down = "ssh: connect to host 192.0.2.1 port 22: No route to host";
        assert_eq!(ask(down), HostError::Unreachable { host: "db01".to_owned(), reason: down.to_owned() });
        let proxy = ask("Connection closed by UNKNOWN port 65535").to_string();
        assert!(proxy.contains("ProxyCommand") && proxy.contains("192.0.2.1"), "{proxy}");
    }

    #[test]
    fn a_changed_key_is_shown_with_the_place_of_the_pinned_one() {
        let said = |file: &str| {
            format!(
                "@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@\nSomeone could be eavesdropping on you right now.\n\
                 The fingerprint for the ED25519 key sent by the remote host is\nSHA256:abc.\nPlease contact your system administrator.\n\
                 Offending ED25519 key in {file}\nHost key verification failed."
            )
        };
        let changed = |shown: &str, pinned: &str| HostError::HostKeyChanged {
            host: "db01".to_owned(),
            shown: shown.to_owned(),
            pinned: pinned.to_owned(),
        };
        let ask = |said: &str| classify("db01", "192.0.2.1", said);
        assert_eq!(ask(&said("/home/a/.ssh/known_hosts:3")), changed("SHA256:abc", "/home/a/.ssh/known_hosts:3"));
        assert_eq!(ask(&said("/tmp/q-1/db01.known:1")), changed("SHA256:abc", "the inventory (ssh: host_key)"));
        assert_eq!(ask("REMOTE HOST IDENTIFICATION HAS CHANGED"), changed("another key", "known_hosts"));
    }
}
