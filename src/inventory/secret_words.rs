//! How a key shows that a secret stands behind it.

/// Parts of keys that mean a secret, in lower case.
pub(super) const SECRET_WORDS: [&str; 8] =
    ["password", "passwd", "passphrase", "auth_pass", "secret", "token", "api_key", "private_key"];

/// Keys of the secrets section; a value right behind one of them would be a secret.
const SECRET_KEYS: [&str; 7] =
    ["superuser", "replication", "rewind", "restapi", "haproxy_stats", "probe", "proxy_login"];

/// Replaces what follows a key that looks like a secret's, to the end of the line and keeping its length: the last net,
/// for lines that are shown for another reason, or that YAML could not read.
pub(super) fn mask(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let words = SECRET_WORDS.iter().map(|word| (*word, true)).chain(SECRET_KEYS.iter().map(|key| (*key, false)));
    let first = words
        .flat_map(|(word, tail)| lower.match_indices(word).map(move |(at, _)| (at + word.len(), tail)))
        .filter_map(|(end, tail)| value_behind(&lower, end, tail))
        .min();
    let Some((key, value)) = first.and_then(|at| line.split_at_checked(at)) else { return line.to_owned() };
    let masked: String = value.chars().map(|c| if c == ' ' { ' ' } else { '*' }).collect();
    format!("{key}{masked}")
}

/// Where the value of a key begins whose secret word ends at `end`, unless a mapping, a comment or nothing stands there.
fn value_behind(lower: &str, end: usize, tail: bool) -> Option<usize> {
    let rest = lower.get(end..)?;
    if rest.starts_with("_encryption") || rest.starts_with("_command") {
        return None;
    }
    let colon = rest.find([':', '='])?;
    let between = rest.get(..colon)?;
    // The word may be the beginning of a longer key (`password_file`).
    let of_key =
        |c: char| matches!(c, '"' | '\'' | ' ') || (tail && (c.is_ascii_alphanumeric() || matches!(c, '_' | '-')));
    let value = rest.get(colon + 1..)?.trim_start();
    let shown = value.is_empty() || value.starts_with(['{', '#']);
    (between.chars().all(of_key) && !shown).then_some(end + colon + 1)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_masked_from_the_first_secret_on() {
        for (line, masked) in [
            ("  password: abc def", "  password: *** ***"),
            ("{token: ab, password: cd}", "{token: *** ********* ***"),
            ("secrets: {superuser: ab", "secrets: {superuser: **"),
            ("x: 'host=a password = ab'", "x: 'host=a password = ***"),
            ("auth_pass: &a 1234", "auth_pass: ** ****"),
        ] {
            assert_eq!(mask(line), masked);
        }
        for shown in
            ["password: {file: a}", "secrets:", "password_encryption: md5", "superuser_reserved_connections: 3"]
        {
            assert_eq!(mask(shown), shown);
        }
    }
}
