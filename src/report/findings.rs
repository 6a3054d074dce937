//! Findings as a table: what was looked at, the verdict in a word, what was found, and what to do.

use std::fmt::Write as _;

use super::{Style, plain};
use crate::verify::{Finding, Level, Verdict};

/// The table, with a last line that sums it up. `all` shows what is well too.
pub fn table(findings: &[Finding], all: bool, style: Style) -> String {
    let mut text = String::new();
    let width = findings.iter().map(|finding| finding.id.len()).max().unwrap_or(0);
    let subjects = findings.iter().map(|finding| finding.subject.len()).max().unwrap_or(0);
    for finding in findings.iter().filter(|finding| all || finding.level != Level::Ok) {
        let word = match finding.level {
            Level::Ok => style.good("ok  "),
            Level::Degraded => style.warning("WARN"),
            Level::Down => style.bad("FAIL"),
        };
        let _ =
            writeln!(text, "{word}  {:<width$}  {:<subjects$}  {}", finding.id, finding.subject, plain(&finding.text));
        if !finding.remedy.is_empty() && finding.level != Level::Ok {
            let _ = writeln!(text, "      {} {}", style.faint("do:"), plain(&finding.remedy));
        }
    }
    let verdict = Verdict::of(findings);
    let sum = format!("{} ok, {} warn, {} fail", verdict.ok, verdict.degraded, verdict.down);
    let _ = writeln!(
        text,
        "{}",
        match verdict.level() {
            Level::Ok => style.good(sum),
            Level::Degraded => style.warning(sum),
            Level::Down => style.bad(sum),
        }
    );
    text
}
