//! The alphabets of text: what each accepts, how a reader is told, and the pattern that the JSON Schema shows for it.

use std::net::Ipv4Addr;

use crate::cluster::{ClusterName, Identifier, Interface, Namespace, NodeName, Version};
use crate::inventory::diagnostic::Code;
use crate::inventory::text::is_forbidden;

/// A kind of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inventory) enum Word {
    /// The cluster's name.
    Cluster,
    /// A node's name.
    Node,
    /// A role or database.
    Identifier,
    /// A network interface.
    Interface,
    /// The DCS prefix.
    Namespace,
    /// An IPv4 address.
    Address,
    /// A version.
    Version,
    /// What ssh connects to.
    Host,
    /// A login name.
    User,
    /// An ssh public key.
    HostKey,
    /// A path; relative ones start at the inventory.
    Path,
    /// A path that ssh reads; `~/` is the user's own folder.
    SshPath,
    /// A folder on the hosts that a daemon fills.
    DataDir,
    /// An http or https address.
    Url,
    /// A proxy's address.
    Proxy,
    /// A sum of 64 hexadecimal digits.
    Sha256,
    /// The name of an environment variable.
    Variable,
    /// A word of a command; anything.
    Argument,
    /// A line of `pg_hba.conf`.
    Hba,
}

/// Why a text is refused.
pub(in crate::inventory) struct Refusal {
    /// Its code.
    pub(in crate::inventory) code: Code,
    /// What is wrong with it, behind "…: ".
    pub(in crate::inventory) reason: String,
    /// What to write.
    pub(in crate::inventory) help: String,
}

impl Word {
    /// What it is, with its article.
    pub(in crate::inventory) fn what(self) -> &'static str {
        match self {
            Self::Cluster => "a cluster's name",
            Self::Node => "a node's name",
            Self::Identifier => "a name in PostgreSQL",
            Self::Interface => "a network interface",
            Self::Namespace => "a DCS prefix",
            Self::Address => "an IPv4 address",
            Self::Version => "a version",
            Self::Host => "an ssh host",
            Self::User => "a login name",
            Self::HostKey => "an ssh public key",
            Self::Path | Self::SshPath => "a path",
            Self::DataDir => "a data folder",
            Self::Url => "an http or https address",
            Self::Proxy => "a proxy's address",
            Self::Sha256 => "a sha256 sum",
            Self::Variable => "the name of an environment variable",
            Self::Argument => "a word of a command",
            Self::Hba => "a line of pg_hba.conf",
        }
    }

    /// The regular expression for editors; the reader itself is stricter in places.
    pub(super) fn pattern(self) -> Option<&'static str> {
        Some(match self {
            Self::Cluster => "^[a-z0-9][a-z0-9_-]{0,62}$",
            Self::Node => "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
            Self::Identifier => "^[a-z_][a-z0-9_$]{0,62}$",
            Self::Interface => "^[A-Za-z0-9][A-Za-z0-9_.@-]{0,14}$",
            Self::Namespace => "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$",
            Self::Address => "^[0-9]{1,3}(\\.[0-9]{1,3}){3}$",
            Self::Version => "^[0-9]+(\\.[0-9]+){0,2}$",
            Self::Host => "^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}$",
            Self::User => "^[A-Za-z_][A-Za-z0-9_.-]{0,31}$",
            Self::HostKey => "^(ssh|ecdsa|sk)-[A-Za-z0-9@.-]+ [A-Za-z0-9+/=]+$",
            Self::DataDir => "^/[A-Za-z0-9_./-]+$",
            Self::Url => "^https?://[^\\s]+$",
            Self::Proxy => "^https?://[^\\s/@]+/?$",
            Self::Sha256 => "^[0-9a-f]{64}$",
            Self::Variable => "^[A-Za-z_][A-Za-z0-9_]*$",
            Self::Path | Self::SshPath | Self::Argument | Self::Hba => return None,
        })
    }

    /// Checks a text.
    pub(in crate::inventory) fn check(self, text: &str) -> Result<(), Refusal> {
        if let Some(bad) = text.chars().find(|&c| c == '\n' || c == '\r' || is_forbidden(c)) {
            return refuse(Code::TEXT, format!("it holds {bad:?}"), "write it in one line, without control characters");
        }
        let name = |result: Result<(), crate::cluster::InvalidName>, help: &str| {
            result.or_else(|error| refuse(Code::NAME, error.to_string(), help))
        };
        match self {
            Self::Cluster => {
                name(ClusterName::new(text).map(drop), "use lower-case letters, digits, '-' and '_', such as pg-prod")
            }
            Self::Node => name(NodeName::new(text).map(drop), "use lower-case letters, digits and '-', such as db01"),
            Self::Identifier => {
                name(Identifier::new(text).map(drop), "use lower-case letters, digits and '_', such as app_owner")
            }
            Self::Interface => name(
                Interface::new(text).map(drop),
                "write it as `ip link` shows it, such as ens192, or leave it out: it is found by its route",
            ),
            Self::Namespace => name(Namespace::new(text).map(drop), "use letters, digits, '-' and '_', without slashes"),
            Self::Address => text.parse::<Ipv4Addr>().map(drop).or_else(|_| {
                let name = text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.contains(':');
                let help = if text.contains('/') {
                    "write the address alone; a prefix length goes to `vip.prefix`"
                } else if text.contains(':') {
                    "IPv6 is not supported; write an IPv4 address, such as 192.168.13.45"
                } else if name {
                    "names are not resolved; write the address here, and a name that only ssh shall use under `ssh: {host: …}`"
                } else {
                    "write four numbers from 0 to 255, such as 192.168.13.45"
                };
                refuse(Code::ADDRESS, "it is not four numbers from 0 to 255".to_owned(), help)
            }),
            Self::Version => Version::parse(text).map(drop).or_else(|_| {
                let bare = text.trim_start_matches(['v', 'V']);
                if bare != text && Version::parse(bare).is_ok() {
                    let help = format!("write {bare}");
                    return Err(Refusal { code: Code::VERSION, reason: "the `v` does not belong to it".to_owned(), help });
                }
                refuse(Code::VERSION, "it is not up to three numbers".to_owned(), "write it as released, such as 3.5.16; pre-releases are not supported")
            }),
            Self::Host => host(text),
            Self::User => alphabet(text, 32, "_.-", "a login name, such as deploy"),
            Self::HostKey => host_key(text),
            Self::Path | Self::SshPath => {
                let help = "write a path; relative ones start at the inventory's folder";
                if text.is_empty() || text.starts_with('-') {
                    return refuse(Code::PATH, "it is empty or begins with '-'".to_owned(), help);
                }
                if text.starts_with('~') && !(self == Self::SshPath && text.starts_with("~/")) {
                    return refuse(Code::PATH, "`~` is not replaced here".to_owned(), help);
                }
                Ok(())
            }
            Self::DataDir => data_dir(text),
            Self::Url => {
                let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
                match rest {
                    Some(rest) if rest.contains('@') => refuse(Code::LITERAL_SECRET, "it holds a login".to_owned(), "serve downloads without a login, or put them into a folder: `artifacts.folder`"),
                    Some(rest) if !rest.is_empty() && rest.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '\\' | '`' | '$')) => Ok(()),
                    _ => refuse(Code::TEXT, "it is not an http or https address".to_owned(), "write it with its scheme, such as https://mirror.example/debian"),
                }
            }
            Self::Proxy => proxy(text),
            Self::Sha256 => sum(text),
            Self::Variable => {
                if text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                {
                    return Ok(());
                }
                refuse(Code::NAME, "it is not the name of a variable".to_owned(), "write the name alone, without `$`: the variable holds the path of a file")
            }
            Self::Argument | Self::Hba => Ok(()),
        }
    }
}

fn refuse(code: Code, reason: String, help: &str) -> Result<(), Refusal> {
    Err(Refusal { code, reason, help: help.to_owned() })
}

/// A word that begins with a letter or `_`.
fn alphabet(text: &str, longest: usize, more: &str, help: &str) -> Result<(), Refusal> {
    if text.starts_with('-') {
        return refuse(Code::TEXT, "ssh would read it as an option".to_owned(), &format!("write {help}"));
    }
    let bad = text.chars().find(|&c| !(c.is_ascii_alphanumeric() || more.contains(c)));
    if let Some(bad) = bad {
        return refuse(Code::NAME, format!("the character {bad:?} is not allowed in it"), &format!("write {help}"));
    }
    if text.is_empty() || text.len() > longest {
        return refuse(
            Code::NAME,
            format!("it has {} characters, 1 to {longest} are allowed", text.len()),
            &format!("write {help}"),
        );
    }
    Ok(())
}

/// A proxy's address. Its login is a secret and stands elsewhere.
fn proxy(text: &str) -> Result<(), Refusal> {
    let help = "write its scheme, host and port, such as http://proxy.example:3128";
    if text.contains('@') {
        let help =
            "write the address alone, and where its login is read from: `artifacts: {proxy_login: {file: PATH}}`";
        return refuse(Code::LITERAL_SECRET, "it holds a login".to_owned(), help);
    }
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    let Some(rest) = rest else {
        return refuse(Code::TEXT, "it is not an http or https address".to_owned(), help);
    };
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    if host.is_empty() || !host.chars().all(plain) {
        return refuse(Code::TEXT, "it is not a host with a port".to_owned(), help);
    }
    Ok(())
}

/// A sum as `sha256sum` prints it.
fn sum(text: &str) -> Result<(), Refusal> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f')) {
        return Ok(());
    }
    let reason = match text.chars().find(|c| !c.is_ascii_hexdigit()) {
        Some(bad) => format!("the character {bad:?} is no hexadecimal digit"),
        None if text.len() == 64 => "it has upper-case letters".to_owned(),
        None => format!("it has {} digits, 64 are needed", text.len()),
    };
    refuse(Code::SUM, reason, "write the 64 digits that `sha256sum FILE` prints, in lower case")
}

/// An address, a DNS name, or an alias of the user's own ssh configuration.
fn host(text: &str) -> Result<(), Refusal> {
    if let Some((user, host)) = text.split_once('@') {
        return refuse(
            Code::TEXT,
            "it holds a login name".to_owned(),
            &format!("write `ssh: {{host: {host}, user: {user}}}`"),
        );
    }
    alphabet(text, 253, "_.-:", "an address, a DNS name or an alias of your ssh configuration, such as db01.example")
}

fn host_key(text: &str) -> Result<(), Refusal> {
    let mut words = text.split(' ');
    let kind = words.next().unwrap_or_default();
    let key = words.next().unwrap_or_default();
    let known = [
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    ];
    let base64 = key.len() >= 40 && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='));
    if known.contains(&kind) && base64 && words.next().is_none() {
        return Ok(());
    }
    refuse(
        Code::TEXT,
        "it is not `TYPE KEY`".to_owned(),
        "write the first two words of the host's /etc/ssh/ssh_host_ed25519_key.pub: ssh-ed25519 AAAA…",
    )
}

fn data_dir(text: &str) -> Result<(), Refusal> {
    // Folders in which an operating system lives; a daemon's files must not be mixed into them.
    const SYSTEM: [&str; 21] = [
        "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/mnt", "/opt", "/proc", "/root", "/run",
        "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/log",
    ];
    const NEVER_BELOW: [&str; 11] =
        ["/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/tmp"];
    let help = "write an absolute path to a folder of its own, such as /var/lib/pgsql/17/data";
    if !text.starts_with('/') {
        return refuse(Code::PATH, "it is not absolute".to_owned(), help);
    }
    if text.split('/').any(|part| part == "..") {
        return refuse(Code::PATH, "it holds `..`".to_owned(), help);
    }
    if let Some(bad) = text.chars().find(|&c| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.'))) {
        return refuse(Code::PATH, format!("the character {bad:?} is not allowed in it"), help);
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let plain = format!("/{}", parts.join("/"));
    if SYSTEM.contains(&plain.as_str()) {
        return refuse(Code::PATH, "it is a folder of the operating system".to_owned(), help);
    }
    if NEVER_BELOW.iter().any(|folder| plain.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))) {
        return refuse(Code::PATH, "it lies in a folder of the operating system".to_owned(), help);
    }
    if plain != text {
        let help = format!("write {plain}");
        return Err(Refusal { code: Code::PATH, reason: "it is not written plainly".to_owned(), help });
    }
    Ok(())
}
