//! How a key shows that a secret stands behind it.

/// Parts of keys that mean a secret, in lower case.
pub(super) const SECRET_WORDS: [&str; 8] =
    ["password", "passwd", "passphrase", "auth_pass", "secret", "token", "api_key", "private_key"];

/// Whether a PostgreSQL parameter of this name holds a secret; `password_encryption` and the like do not.
pub(super) fn is_secret_parameter(name: &str) -> bool {
    SECRET_WORDS.iter().any(|word| name.ends_with(word))
}

/// Whether a text holds `password=…` as connection strings do.
pub(super) fn holds_password(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.match_indices("password")
        .any(|(at, word)| text.get(at + word.len()..).is_some_and(|rest| rest.trim_start().starts_with('=')))
}

/// Whether a value under this key would be a secret.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| key.contains(word)) || key == "pass" || key == "pw"
}
