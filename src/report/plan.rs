//! A plan for people: the actions in their order, each with its reasons and what clients notice, and the sum.

use std::fmt::Write as _;

use super::{Style, plain};
use crate::plan::{Impact, Plan, Summary};

/// How many reasons of an action are shown.
const REASONS: usize = 4;

/// The table of actions with its last line.
pub fn plan(plan: &Plan, style: Style) -> String {
    let mut text = String::new();
    let width = plan.actions.iter().map(|action| action.id.len()).max().unwrap_or(0);
    for action in &plan.actions {
        let impact = format!("{:<15}", action.impact.as_str());
        let impact = match action.impact {
            Impact::None | Impact::Reload => style.faint(impact),
            Impact::RestartReplica => style.warning(impact),
            _ => style.bad(impact),
        };
        let more = action.why.len().saturating_sub(REASONS);
        let mut why = reasons(action.why.iter().take(REASONS));
        if more > 0 {
            let _ = write!(why, " and {more} more");
        }
        let _ = writeln!(text, "  {:<width$}  {impact}  {}", action.id, plain(&why));
        if action.impact > Impact::Reload {
            let _ = writeln!(text, "  {:<width$}  {:<15}  {}", "", "", style.faint(plain(&action.effect)));
        }
    }
    let _ = writeln!(text, "{}", style.strong(sum(&Summary::of(&plan.actions))));
    text
}

/// Reasons in a row; a file that several of them name is named once.
fn reasons<'a>(all: impl Iterator<Item = &'a String>) -> String {
    let (mut text, mut last) = (String::new(), "");
    for why in all {
        let (file, key) = why.split_once(": ").unwrap_or(("", why));
        let shown = if file == last && !file.is_empty() { key } else { why };
        let _ = write!(text, "{}{shown}", if text.is_empty() { "" } else { ", " });
        last = file;
    }
    text
}

fn sum(summary: &Summary) -> String {
    let count = |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    let mut text = format!(
        "{}: {}, {}, {}, {}; impact: {}",
        count(summary.actions, "action", "actions"),
        count(summary.files, "file", "files"),
        count(summary.reloads, "reload", "reloads"),
        count(summary.restarts, "restart", "restarts"),
        count(summary.switchovers, "switchover", "switchovers"),
        summary.impact
    );
    if let Some((least, most)) = summary.write_pause_s {
        let _ = write!(text, "; writes pause for about {least} to {most} s");
    }
    text
}
