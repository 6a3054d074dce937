//! A removal for people: what goes from which host, data first to the eye, and the sum.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use super::{Style, plain};
use crate::plan::{Removal, Thing, ThingKind};

/// The things of each host in the order in which they go, what stays, and the last line.
pub fn removal(removal: &Removal, style: Style) -> String {
    let mut text = String::new();
    let mut nodes: Vec<&str> = removal.steps.iter().map(|step| step.node.as_str()).collect();
    nodes.sort_unstable();
    nodes.dedup();
    for node in nodes {
        let _ = writeln!(text, "{}", style.strong(node));
        for step in removal.steps.iter().filter(|step| step.node.as_str() == node) {
            for thing in &step.things {
                let (kind, about) = (format!("{:<8}", thing.kind.as_str()), about(thing));
                let paint = |word: &str| if thing.data.is_some() { style.bad(word) } else { style.faint(word) };
                let _ = write!(text, "  {}  {}", paint(&kind), plain(&thing.name));
                let _ = if about.is_empty() { writeln!(text) } else { writeln!(text, "  {}", paint(&about)) };
            }
        }
        for (_, what) in removal.stays.iter().filter(|(name, _)| name.as_str() == node) {
            let _ = writeln!(text, "  {}  {}", style.good("stays   "), plain(what));
        }
    }
    let _ = writeln!(text, "{}", style.strong(sum(removal)));
    text
}

fn about(thing: &Thing) -> String {
    let Some(data) = &thing.data else { return plain(&thing.note) };
    let mut text = format!("{} data, ", data.kind.as_str());
    if !data.real.is_empty() {
        let _ = write!(text, "really {}, ", plain(&data.real));
    }
    if data.written == 0 {
        text.push_str("empty");
        return text;
    }
    let more = if data.whole { "" } else { "more than " };
    let written = humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(data.written));
    let _ = write!(text, "{more}{}, last written {written}", size(data.bytes));
    text
}

/// Bytes in the unit that gives them two to four digits.
fn size(bytes: u64) -> String {
    let mut number = bytes;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if number < 10_000 {
            return format!("{number} {unit}");
        }
        number /= 1024;
    }
    format!("{number} TiB")
}

fn sum(removal: &Removal) -> String {
    let all = || removal.steps.iter().flat_map(|step| &step.things);
    let count = |kind: ThingKind, one: &str, many: &str| {
        let number = all().filter(|thing| thing.kind == kind).count();
        format!("{number} {}", if number == 1 { one } else { many })
    };
    let bytes = all().filter_map(|thing| thing.data.as_ref()).map(|data| data.bytes).sum();
    format!(
        "{}, {}, {} ({}); impact: {}",
        count(ThingKind::Service, "service", "services"),
        count(ThingKind::File, "file", "files"),
        count(ThingKind::Data, "data folder", "data folders"),
        size(bytes),
        removal.impact()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(9_999), "9999 bytes");
        assert_eq!(size(41 << 20), "41 MiB");
        assert_eq!(size(u64::MAX), "16777215 TiB");
    }
}
