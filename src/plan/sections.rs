//! How a script on a host tells many things in one answer: named sections with their length.

use std::collections::BTreeMap;

/// Shell functions that a script begins with. To start a process costs a host about a millisecond of a processor, whatever it does, and
/// that is most of what a look costs: so files are read together, and what the shell knows is said without any.
pub(super) const PRELUDE: &str = include_str!("sections.sh");

/// What one section holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    /// The command's exit code.
    pub(super) code: i32,
    /// What it printed, without its last newlines.
    pub(super) text: String,
}

/// Reads an answer back; `None` when it is not in the form the prelude writes.
pub(super) fn parse(answer: &[u8]) -> Option<BTreeMap<String, Section>> {
    let mut sections = BTreeMap::new();
    let mut rest = answer;
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let head = std::str::from_utf8(rest.get(..end)?).ok()?;
        let mut words = head.strip_prefix('=')?.split(' ');
        let (name, code, length) = (words.next()?, words.next()?.parse().ok()?, words.next()?.parse::<usize>().ok()?);
        // The length is the host's word: it may be any number.
        let (from, to) = (end + 1, (end + 1).checked_add(length)?);
        let text = String::from_utf8_lossy(rest.get(from..to)?).trim_end_matches('\n').to_owned();
        sections.insert(name.to_owned(), Section { code, text });
        rest = rest.get(to + 1..)?;
    }
    Some(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_shell_writes_what_is_read() {
        let script = format!("{PRELUDE}section a printf '=x 0 1\\ny'; section b false; section c printf '\u{3042}'");
        for shell in ["sh", "bash"] {
            let output = std::process::Command::new(shell).args(["-c", &script]).env("LC_ALL", "C").output().unwrap();
            let sections = parse(&output.stdout).unwrap();
            assert_eq!(sections["a"].text, "=x 0 1\ny", "{shell}");
            assert_eq!(sections["b"], Section { code: 1, text: String::new() });
            assert_eq!(sections["c"].text, "\u{3042}");
        }
    }
}
