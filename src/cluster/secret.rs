//! Secrets: named in the inventory, kept elsewhere, never shown.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

/// A secret's value. It has no `Display` and no `Serialize`; its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a value over; the caller's copy is the caller's to wipe.
    pub fn new(value: String) -> Self {
        Self(SecretString::from(value))
    }

    /// The value itself: for a file rendered for its daemon, or for a program's standard input. Never for argv or a log.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl Secret {
    /// A login (`user:password`) as it stands in an address: everything but letters and digits of ASCII as `%XX`. As secret as
    /// the value itself.
    pub fn for_url(&self) -> String {
        let encoded = |text: &str| {
            text.bytes().fold(String::new(), |mut all, byte| {
                match byte {
                    b if b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.') => all.push(char::from(b)),
                    b => {
                        let _ = write!(all, "%{b:02X}");
                    }
                }
                all
            })
        };
        match self.expose().split_once(':') {
            Some((user, password)) => format!("{}:{}", encoded(user), encoded(password)),
            None => encoded(self.expose()),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// Which secret: those that every cluster has, and those of the inventory's own roles.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretName {
    /// PostgreSQL's superuser, as Patroni knows it.
    Superuser,
    /// The replication role.
    Replication,
    /// The role `pg_rewind` connects as.
    Rewind,
    /// Patroni's REST API, for its changing verbs.
    RestApi,
    /// HAProxy's statistics page.
    HaproxyStats,
    /// The role the verifier writes and reads its probe row with.
    Probe,
    /// The password of a role that the inventory creates.
    Role(String),
    /// The login of the proxy for downloads: `user:password`.
    ProxyLogin,
}

impl SecretName {
    /// The secrets that every cluster has.
    pub const BUILT_IN: [Self; 6] =
        [Self::Superuser, Self::Replication, Self::Rewind, Self::RestApi, Self::HaproxyStats, Self::Probe];

    /// The key under which the secrets file keeps it.
    pub fn key(&self) -> String {
        match self {
            Self::Superuser => "superuser".to_owned(),
            Self::Replication => "replication".to_owned(),
            Self::Rewind => "rewind".to_owned(),
            Self::RestApi => "restapi".to_owned(),
            Self::HaproxyStats => "haproxy_stats".to_owned(),
            Self::Probe => "probe".to_owned(),
            Self::Role(name) => format!("role_{name}"),
            Self::ProxyLogin => "proxy_login".to_owned(),
        }
    }
}

/// Where a secret is read from when a command needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// Under its key in the secrets file beside the inventory.
    SecretsFile,
    /// The whole of a file, without its last newline.
    File(PathBuf),
    /// The file named by an environment variable.
    EnvFile(String),
    /// What a command prints, without its last newline; run without a shell.
    Command(Vec<String>),
}

/// The values of a cluster's secrets, read.
#[derive(Debug, Clone, Default)]
pub struct Secrets(BTreeMap<SecretName, Secret>);

impl Secrets {
    /// Adds or replaces one.
    pub fn insert(&mut self, name: SecretName, secret: Secret) {
        self.0.insert(name, secret);
    }

    /// One of them, if it was read.
    pub fn get(&self, name: &SecretName) -> Option<&Secret> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&SecretName, &Secret)> {
        self.0.iter()
    }

    /// `text` with every value of these secrets replaced: the last net under everything that is shown or kept.
    pub fn redact(&self, text: &str) -> String {
        let mut redacted = text.to_owned();
        if let Some(login) = self.0.get(&SecretName::ProxyLogin) {
            // A program that could not reach its proxy may name it as it was told.
            let encoded = login.for_url();
            let passwords = [login.expose(), &encoded].map(|login| login.split_once(':').map_or("", |(_, word)| word));
            for form in [encoded.as_str(), passwords[0], passwords[1]].into_iter().filter(|form| form.len() >= 6) {
                redacted = redacted.replace(form, "(secret)");
            }
        }
        for secret in self.0.values() {
            // A very short value would blot out ordinary words; such secrets are refused when they are read.
            if secret.expose().len() < 8 {
                continue;
            }
            // As it is, and as YAML and SQL write it between single quotes.
            for form in [secret.expose().to_owned(), secret.expose().replace('\'', "''")] {
                if redacted.contains(&form) {
                    redacted = redacted.replace(&form, "(secret)");
                }
            }
        }
        redacted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_and_is_redacted_from_text() {
        let mut secrets = Secrets::default();
        secrets.insert(SecretName::Superuser, Secret::new("canary-0123456789".to_owned()));
        assert!(!format!("{secrets:?}").contains("canary"));
        assert_eq!(secrets.redact("password=canary-0123456789;"), "password=(secret);");
        secrets.insert(SecretName::Probe, Secret::new("it's-a-canary".to_owned()));
        assert_eq!(secrets.redact("password: 'it''s-a-canary'"), "password: '(secret)'");
        secrets.insert(SecretName::ProxyLogin, Secret::new("me:p@ss/word".to_owned()));
        assert_eq!(secrets.redact("http://me:p%40ss%2Fword@proxy:1 p@ss/word"), "http://(secret)@proxy:1 (secret)");
    }
}
