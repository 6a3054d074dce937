//! How a key shows that a secret stands behind it.

/// Parts of keys that mean a secret, in lower case.
pub(super) const SECRET_WORDS: [&str; 8] =
    ["password", "passwd", "passphrase", "auth_pass", "secret", "token", "api_key", "private_key"];

/// Whether a value under this key would be a secret.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| key.contains(word)) || key == "pass" || key == "pw"
}
