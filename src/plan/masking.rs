//! Secrets out of the two texts of a difference, the old ones too, which nobody knows any more.
//!
//! A live file may hold a secret that is in no secrets file. What stands where the desired text has a secret is one, and so is
//! what stands behind a word such as `password`. Whether a secret is another one is told, never what it is or was.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::cluster::Secrets;

/// What is shown in place of a secret.
const HIDDEN: &str = "(secret)";
/// The same where it is another one than before.
const CHANGED: &str = "(secret changed)";
/// Words behind which a secret stands.
const WORDS: [&str; 9] =
    ["password", "passwd", "passphrase", "auth", "secret", "token", "pass", "api_key", "private_key"];
/// Words that only look like them.
const HARMLESS: [&str; 5] = ["_encryption", "_cluster_token", "authentication_timeout", "pgpass", "passfile"];
/// A value that is shorter may be an ordinary word elsewhere.
const SHORTEST: usize = 6;

/// The live and the desired text as they may be shown.
pub(super) fn masked(live: Option<&str>, desired: &str, secrets: &Secrets) -> (Option<String>, String) {
    let wanted: Vec<(&str, Option<Slot<'_>>)> = lines(desired)
        .map(|line| (line, Slot::of(line, secrets).filter(|slot| slot.known || !comment(line))))
        .collect();
    let Some(live) = live else {
        return (None, wanted.iter().map(|(line, slot)| show(line, slot.as_ref(), HIDDEN, secrets)).collect());
    };
    let slots: Vec<&Slot<'_>> = wanted.iter().filter_map(|(_, slot)| slot.as_ref()).collect();
    let mut there: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in lines(live) {
        if let Some((slot, value)) = slots.iter().find_map(|slot| Some((slot, slot.value(line)?))) {
            there.entry(slot.key).or_default().push(value);
        }
    }
    let mut old = old(live, &wanted, &slots, secrets);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let all = |key: &str| slots.iter().filter(|slot| slot.key == key).count();
    let mut new: String = wanted
        .iter()
        .map(|(line, slot)| {
            let word = slot.as_ref().map_or(HIDDEN, |slot| {
                let index = seen.entry(slot.key).or_default();
                let values = there.get(slot.key).map(Vec::as_slice).unwrap_or_default();
                let own = slot.value(line).unwrap_or_default();
                // The same key several times: the one in the same place, if there are as many.
                let same = if values.len() == all(slot.key) {
                    values.get(*index) == Some(&own)
                } else {
                    values.contains(&own)
                };
                *index += 1;
                if same || values.is_empty() { HIDDEN } else { CHANGED }
            });
            show(line, slot.as_ref(), word, secrets)
        })
        .collect();
    // The same values wherever else somebody wrote them: in a comment, say.
    let known: BTreeSet<&str> = slots.iter().filter(|slot| slot.known).map(|slot| slot.key).collect();
    for value in there.iter().filter(|(key, _)| known.contains(*key)).flat_map(|(_, values)| values) {
        for form in [(*value).to_owned(), value.replace("''", "'")] {
            if form.len() >= SHORTEST {
                old = old.replace(&form, HIDDEN);
                new = new.replace(&form, HIDDEN);
            }
        }
    }
    (Some(old), new)
}

/// One value for people, by the name that stands before it: a setting in the DCS.
pub(super) fn value(key: &str, value: &serde_json::Value, secrets: &Secrets) -> String {
    let line = format!("{key}: {value}");
    let shown = Slot::of(&line, secrets).map_or_else(|| secrets.redact(&line), |slot| slot.shown(HIDDEN));
    shown.strip_prefix(key).and_then(|rest| rest.strip_prefix(": ")).map_or_else(|| HIDDEN.to_owned(), str::to_owned)
}

/// The live text: lines of the desired text as there; the others by what stands before a secret there, or by words.
fn old(live: &str, wanted: &[(&str, Option<Slot<'_>>)], slots: &[&Slot<'_>], secrets: &Secrets) -> String {
    let as_wanted: BTreeMap<&str, Option<&Slot<'_>>> =
        wanted.iter().map(|(line, slot)| (*line, slot.as_ref())).collect();
    // How far the line is indented that held the last secret: what is deeper goes on with it.
    let mut hiding: Option<usize> = None;
    let mut text = String::new();
    for line in lines(live) {
        let (indent, end) = (indent(line), if line.ends_with('\n') { "\n" } else { "" });
        if line.trim().is_empty() {
            // A secret of many lines may have empty ones.
            text.push_str(line);
        } else if let Some(slot) = as_wanted.get(line) {
            hiding = None;
            text.push_str(&show(line, *slot, HIDDEN, secrets));
        } else if hiding.is_some_and(|depth| indent > depth) {
            let _ = write!(text, "{}{HIDDEN}{end}", line.get(..indent).unwrap_or(""));
        } else if let Some(slot) = slots.iter().find(|slot| slot.value(line).is_some()) {
            hiding = Some(indent);
            text.push_str(&slot.in_place(line));
        } else if let Some(slot) = Slot::of(line, secrets) {
            hiding = Some(indent);
            text.push_str(&slot.shown(HIDDEN));
        } else {
            hiding = announces(line).then_some(indent);
            text.push_str(&secrets.redact(line));
        }
    }
    text
}

/// Where a line holds a secret.
struct Slot<'a> {
    /// What stands before it.
    prefix: &'a str,
    /// What stands behind it, with the line's end.
    suffix: &'a str,
    /// What stands before it, without blanks and quotes around.
    key: &'a str,
    /// Whether it is one of the cluster's secrets, and not only looks like one.
    known: bool,
}

impl<'a> Slot<'a> {
    fn of(line: &'a str, secrets: &Secrets) -> Option<Self> {
        let known = known(line, secrets);
        let (from, to) = known.or_else(|| behind_a_word(line))?;
        let (prefix, suffix) = (line.get(..from)?, line.get(to..)?);
        Some(Self { prefix, suffix, key: prefix.trim().trim_end_matches(QUOTES), known: known.is_some() })
    }

    /// What another line has in this place; `None` if it is no such line.
    fn value<'b>(&self, line: &'b str) -> Option<&'b str> {
        let rest = line.trim_start().strip_prefix(self.key).filter(|_| !self.key.is_empty())?;
        Some(rest.trim().trim_matches(QUOTES))
    }

    /// The line itself.
    fn shown(&self, word: &str) -> String {
        format!("{}{word}{}", self.prefix, self.suffix)
    }

    /// Another line of the kind, indented as it is: only what both have in common is shown.
    fn in_place(&self, line: &str) -> String {
        let (blanks, rest) = line.split_at_checked(indent(line)).unwrap_or(("", line));
        let prefix = self.prefix.trim_start();
        let fits = rest.len() >= prefix.len() + self.suffix.len();
        if fits && rest.starts_with(prefix) && rest.ends_with(self.suffix) {
            return format!("{blanks}{prefix}{HIDDEN}{}", self.suffix);
        }
        let end = if line.ends_with('\n') { "\n" } else { "" };
        format!("{blanks}{} {HIDDEN}{end}", self.key)
    }
}

const QUOTES: [char; 3] = ['\'', '"', ' '];

fn show(line: &str, slot: Option<&Slot<'_>>, word: &str, secrets: &Secrets) -> String {
    slot.map_or_else(|| secrets.redact(line), |slot| slot.shown(word))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

fn comment(line: &str) -> bool {
    line.trim_start().starts_with(['#', '!', ';'])
}

/// From the first to the last of the cluster's secrets in a line.
fn known(line: &str, secrets: &Secrets) -> Option<(usize, usize)> {
    let forms =
        secrets.iter().flat_map(|(_, secret)| [secret.expose().to_owned(), secret.expose().replace('\'', "''")]);
    let found = forms
        .filter(|form| form.len() >= SHORTEST)
        .flat_map(|form| line.match_indices(&form).map(|(at, part)| (at, at + part.len())).collect::<Vec<_>>());
    found.reduce(|(from, to), (first, last)| (from.min(first), to.max(last)))
}

/// The value behind a word that announces a secret: to the end of the line, without the quotes around it.
fn behind_a_word(line: &str) -> Option<(usize, usize)> {
    let from = announced(line).filter_map(|end| {
        let rest = line.get(end..)?;
        let value = rest.trim_start_matches([' ', '\t', ':', '=', '\'', '"']);
        // A block begins, in braces or (YAML) on the lines below; or nothing follows but a comment.
        let block = |text: &str| text.starts_with(['|', '>']) && text.len() <= 3 && !text.contains(char::is_alphabetic);
        let shown = matches!(value.trim(), "" | "{") || value.starts_with("# ") || block(value.trim());
        (!shown && value.len() < rest.len()).then(|| line.len() - value.len())
    });
    let from = from.min()?;
    let value = line.get(from..)?.trim_end();
    Some((from, from + value.trim_end_matches(['\'', '"']).len()))
}

/// Whether what a line announces stands on the lines below it.
fn announces(line: &str) -> bool {
    announced(line).next().is_some()
}

/// Where each key ends that has such a word in it.
fn announced(line: &str) -> impl Iterator<Item = usize> {
    let mut lower = line.to_ascii_lowercase();
    for harmless in HARMLESS {
        lower = lower.replace(harmless, &"-".repeat(harmless.len()));
    }
    let ends: Vec<usize> = WORDS
        .iter()
        .flat_map(|word| lower.match_indices(word).map(|(at, word)| at + word.len()).collect::<Vec<_>>())
        .map(|end| {
            let rest = lower.get(end..).unwrap_or("");
            end + rest.len()
                - rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).len()
        })
        .collect();
    ends.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Secret, SecretName};

    fn secrets() -> Secrets {
        let mut secrets = Secrets::default();
        secrets.insert(SecretName::Superuser, Secret::new("new-super-1".to_owned()));
        secrets.insert(SecretName::Replication, Secret::new("new-repli-1".to_owned()));
        secrets
    }

    #[track_caller]
    fn shows(live: &str, desired: &str, old: &str, new: &str) {
        assert_eq!(masked(Some(live), desired, &secrets()), (Some(old.to_owned()), new.to_owned()));
    }

    const WANTED: &str = "a:\n  password: 'new-super-1'\nb:\n  password: 'new-repli-1'\n";

    #[test]
    fn an_old_secret_is_known_by_its_place() {
        shows(
            "a:\n  password: 'old-super-1'\nb:\n  password: 'new-repli-1'\n",
            WANTED,
            "a:\n  password: '(secret)'\nb:\n  password: '(secret)'\n",
            "a:\n  password: '(secret changed)'\nb:\n  password: '(secret)'\n",
        );
        let same = "a:\n  password: '(secret)'\nb:\n  password: '(secret)'\n";
        shows(WANTED, WANTED, same, same);
        assert_eq!(masked(None, WANTED, &secrets()), (None, same.to_owned()));
    }

    #[test]
    fn two_that_changed_places_have_changed() {
        let swapped = "a:\n  password: 'new-repli-1'\nb:\n  password: 'new-super-1'\n";
        let (_, new) = masked(Some(swapped), WANTED, &secrets());
        assert_eq!(new.matches(CHANGED).count(), 2);
    }

    #[test]
    fn however_somebody_wrote_it_it_is_not_shown() {
        for line in [
            "password: \"old-super-1\"",
            "    password:   old-super-1",
            "  password: >-\n    old-super-1",
            "  password: |\n    old-super-1\n\n    old-super-1",
            "  password: \"x\n    old-super-1\"",
            "  {user: x, password: old-super-1, more: old-super-1}",
            "# password: old-super-1",
            "  auth_pass old-super-1",
            "  stats auth admin:old-super-1",
            "  conninfo: host=x passfile=y password=old-super-1",
            "  password: 'old-super-1'\n# was old-super-1 before",
        ] {
            let live = format!("a:\n{line}\nb:\n  password: 'new-repli-1'\n");
            let (old, new) = masked(Some(&live), WANTED, &secrets());
            let old = old.unwrap();
            assert!(!old.contains("old-super-1") && !new.contains("old-super-1"), "{line}: {old}");
        }
    }

    #[test]
    fn what_is_no_secret_stays_readable() {
        let text = "# needs the password and an address\nauthentication:\nx: password_encryption\npgpass: '/a/b'\nauthentication {\n";
        shows(text, text, text, text);
        shows("a: 1\nb: 2\n", "a: 1\nb: 3\n", "a: 1\nb: 2\n", "a: 1\nb: 3\n");
    }

    #[test]
    fn a_setting_is_shown_without_its_secret() {
        let json = |text: &str| serde_json::Value::from(text);
        assert_eq!(value("ttl", &serde_json::Value::from(30), &secrets()), "30");
        assert_eq!(
            value("p.primary_conninfo", &json("host=a password=old"), &secrets()),
            "\"host=a password=(secret)\""
        );
        assert_eq!(value("p.x", &json("new-super-1"), &secrets()), "\"(secret)\"");
        assert_eq!(value("p.secret_key", &json("old"), &secrets()), "\"(secret)\"");
    }
}
