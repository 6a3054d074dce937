//! The secrets file: flat, one secret in a line, made of random bytes.

use std::collections::BTreeMap;

use super::loader::SecretError;
use super::tree::{self, Node};
use crate::cluster::{Cluster, SecretName, SecretSource};

/// Base64's alphabet for URLs: no character of it needs quoting in YAML, a shell, a URL or a configuration file.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The text of a new secrets file with 256 random bits for each name. Write it with mode 0600.
///
/// # Errors
/// [`SecretError::Random`] if the operating system has no random bytes.
pub fn new_secrets_file(names: &[SecretName]) -> Result<String, SecretError> {
    let mut text = String::from(
        "# Secrets of a cluster, read by quorate: mode 0600, never committed.\n\
         # One in a line. A changed line is not yet taken over by a running cluster.\n",
    );
    for name in names {
        text.push_str(&name.key());
        text.push_str(": \"");
        text.push_str(&random()?);
        text.push_str("\"\n");
    }
    Ok(text)
}

/// 32 random bytes as 43 characters, of which the first is a letter or digit: none is taken for an option.
fn random() -> Result<String, SecretError> {
    loop {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(SecretError::Random)?;
        let mut text = String::with_capacity(43);
        let (mut bits, mut count) = (0_u32, 0_u32);
        for byte in bytes {
            bits = (bits << 8) | u32::from(byte);
            count += 8;
            while count >= 6 {
                count -= 6;
                text.push(letter(bits >> count));
            }
        }
        // Two bits of the last six are zero.
        text.push(letter(bits << (6 - count)));
        if text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return Ok(text);
        }
    }
}

fn letter(bits: u32) -> char {
    char::from(ALPHABET[(bits & 63) as usize])
}

/// Every secret of the cluster with its source.
pub(super) fn sources(cluster: &Cluster) -> Vec<(SecretName, &SecretSource)> {
    let built_in = SecretName::BUILT_IN.into_iter().map(|name| {
        let source = cluster.secret_sources.get(&name.key()).unwrap_or(&SecretSource::SecretsFile);
        (name, source)
    });
    let roles = cluster.postgresql.roles.iter();
    let roles = roles.map(|role| (SecretName::Role(role.name.to_string()), &role.password));
    let login = cluster.artifacts.proxy_login.iter().map(|source| (SecretName::ProxyLogin, source));
    built_in.chain(roles).chain(login).collect()
}

/// Why a value is not fit to be a secret: it must survive every file that it is written to.
pub(super) fn unfit(value: &str) -> Option<&'static str> {
    match value.len() {
        0 => return Some("is empty"),
        1..8 => return Some("is shorter than 8 characters"),
        257.. => return Some("is longer than 256 characters"),
        _ => {}
    }
    if value.contains(['\n', '\r', '\0']) {
        return Some("holds a line break or NUL");
    }
    (!value.chars().all(|c| c.is_ascii_graphic()))
        .then_some("holds a blank, a control character or a letter outside ASCII")
}

/// A secrets file, read.
pub(super) struct Lookup(BTreeMap<String, String>);

impl Lookup {
    /// Reads the text. The error is a line and a problem; neither holds a value.
    pub(super) fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut problems = Vec::new();
        let tree = tree::read(text, &mut problems);
        if let Some(problem) = problems.first() {
            // The title of a finding may quote a key, never a value; a key of this file is no secret.
            return Err((problem.primary.span.line, problem.title.replace("inventory", "secrets file")));
        }
        let Some(tree::Tree { node: Node::Map(entries), .. }) = tree else {
            return Err((1, "this is not a list of secrets".to_owned()));
        };
        let mut values = BTreeMap::new();
        for entry in entries {
            let Node::Scalar { text, .. } = entry.value.node else {
                return Err((entry.key_span.line, "a secret is one value, not a list or a mapping".to_owned()));
            };
            values.insert(entry.key, text);
        }
        Ok(Self(values))
    }

    /// The value under a key.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_secrets_are_long_distinct_and_read_back() {
        let names = SecretName::BUILT_IN;
        let text = new_secrets_file(&names).map_err(|error| error.to_string()).unwrap_or_default();
        let lookup = Lookup::parse(&text).unwrap_or_else(|error| panic!("{error:?}"));
        let mut seen = std::collections::BTreeSet::new();
        for name in names {
            let value = lookup.get(&name.key()).unwrap_or_default();
            assert_eq!(value.len(), 43);
            assert!(value.bytes().all(|byte| ALPHABET.contains(&byte)) && unfit(value).is_none());
            assert!(seen.insert(value.to_owned()));
        }
    }

    #[test]
    fn unfit_values_are_named() {
        for bad in ["", "short", "with\nnewline", "with blank", "nul\0nul-nul", "パスワードです"] {
            assert!(unfit(bad).is_some(), "{bad:?} was accepted");
        }
        assert!(unfit("p@$$w0rd'\"\\{}%#!").is_none());
    }
}
