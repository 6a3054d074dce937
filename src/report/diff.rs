//! A difference for people: unified, per file, with the nodes that share it; or one line a file.

use std::fmt::Write as _;

use similar::TextDiff;

use super::{Style, plain};
use crate::plan::{Cause, Difference, FileDifference, SettingDifference};

/// What the settings in the DCS are called among the files.
pub const SETTINGS: &str = "settings in the DCS (patronictl show-config)";

/// The whole of it.
pub fn diff(difference: &Difference, style: Style) -> String {
    let mut text = String::new();
    for file in &difference.files {
        let _ = writeln!(text, "{}", style.strong(head(file)));
        for line in unified(file).lines() {
            let _ = writeln!(text, "{}", painted(line, style));
        }
        text.push('\n');
    }
    if !difference.settings.is_empty() {
        let _ = writeln!(text, "{}", style.strong(SETTINGS));
        for setting in &difference.settings {
            for line in setting_lines(setting) {
                let _ = writeln!(text, "{}", painted(&line, style));
            }
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}", style.strong(sum(difference)));
    text
}

/// Path, nodes, lines gained and lost, remarks.
type Row = (String, String, (usize, usize), String);

/// One line a file.
pub fn stat(difference: &Difference, style: Style) -> String {
    let rows: Vec<Row> = difference
        .files
        .iter()
        .map(|file| (file.path.clone(), nodes(file), (file.added, file.removed), remarks(file).join(", ")))
        .chain((!difference.settings.is_empty()).then(|| {
            let count = |value: fn(&SettingDifference) -> &Option<String>| {
                difference.settings.iter().filter(|setting| value(setting).is_some()).count()
            };
            let hand = difference.settings.iter().filter(|setting| setting.cause == Cause::Hand).count();
            let remark = if hand > 0 { format!("{hand} changed by hand") } else { String::new() };
            (SETTINGS.to_owned(), "cluster".to_owned(), (count(|one| &one.to), count(|one| &one.from)), remark)
        }))
        .collect();
    let width = |of: fn(&Row) -> usize| rows.iter().map(of).max().unwrap_or(0);
    let (paths, names) = (width(|row| row.0.len()), width(|row| row.1.len()));
    let mut text = String::new();
    for (path, nodes, (added, removed), remark) in &rows {
        let added = style.good(format!("{:>5}", format!("+{added}")));
        let removed = style.bad(format!("{:<5}", format!("-{removed}")));
        let line = format!("{path:<paths$}  {nodes:<names$}  {added} {removed}  {remark}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(text, "{}", style.strong(sum(difference)));
    text
}

/// A file's difference with its two heads; empty if no line differs.
pub fn unified(file: &FileDifference) -> String {
    if file.hunks.is_empty() {
        return String::new();
    }
    let from = if file.created || file.unread { "/dev/null".to_owned() } else { format!("a{}", file.path) };
    format!("--- {from}\n+++ b{}\n{}", file.path, plain(&file.hunks))
}

/// Two texts as a unified diff; empty if they are the same.
pub fn text_diff(old: &str, new: &str, from: &str, to: &str) -> String {
    let (old, new) = (plain(old), plain(new));
    TextDiff::from_lines(&old, &new).unified_diff().context_radius(3).header(from, to).to_string()
}

/// A line of a unified diff, coloured by its first letter.
pub fn painted(line: &str, style: Style) -> String {
    match line.as_bytes().first() {
        _ if line.starts_with("--- ") || line.starts_with("+++ ") => style.strong(line),
        Some(b'+') => style.good(line),
        Some(b'-') => style.bad(line),
        Some(b'@') => style.faint(line),
        _ => line.to_owned(),
    }
}

fn head(file: &FileDifference) -> String {
    let mut text = format!("{} on {}", file.path, nodes(file));
    for remark in remarks(file) {
        let _ = write!(text, " ({remark})");
    }
    text
}

fn nodes(file: &FileDifference) -> String {
    file.nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn remarks(file: &FileDifference) -> Vec<String> {
    let mut remarks = Vec::new();
    match (file.cause, file.created) {
        (Cause::Hand, true) => remarks.push("removed by hand".to_owned()),
        (_, true) => remarks.push("new".to_owned()),
        (Cause::Hand, false) => remarks.push("changed by hand".to_owned()),
        (Cause::Both, false) => remarks.push("changed by hand, and in the inventory".to_owned()),
        _ => {}
    }
    if file.comments_only {
        remarks.push("comments only".to_owned());
    }
    if let Some((from, to)) = &file.attributes {
        remarks.push(format!("{from} becomes {to}"));
    }
    if file.unread {
        remarks.push("the live file could not be read".to_owned());
    } else if file.hunks.is_empty() && file.attributes.is_none() {
        remarks.push("no line differs to the eye: blanks or line ends at the end".to_owned());
    }
    remarks
}

fn setting_lines(setting: &SettingDifference) -> Vec<String> {
    let remark = if setting.cause == Cause::Hand { "    (changed by hand)" } else { "" };
    let line = |sign: char, value: &Option<String>, remark: &str| {
        value.as_ref().map(|value| format!("{sign}{}: {}{remark}", setting.path, plain(value)))
    };
    let last = if setting.to.is_some() { ("", remark) } else { (remark, "") };
    line('-', &setting.from, last.0).into_iter().chain(line('+', &setting.to, last.1)).collect()
}

fn sum(difference: &Difference) -> String {
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    let files: usize = difference.files.iter().map(|file| file.nodes.len()).sum();
    let mut text = format!("{}, {} differ", count(files, "file"), count(difference.settings.len(), "setting"));
    if files + difference.settings.len() == 1 {
        text.push('s');
    }
    let hand = difference.by_hand();
    if hand > 0 {
        let _ = write!(text, "; {hand} of them changed by hand, which `quorate apply` puts back");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::NodeName;

    fn file(hunks: &str, (added, removed): (usize, usize), cause: Cause) -> FileDifference {
        FileDifference {
            path: "/etc/haproxy/haproxy.cfg".to_owned(),
            nodes: ["db01", "db02"].map(|name| NodeName::new(name).unwrap()).to_vec(),
            cause,
            hunks: hunks.to_owned(),
            added,
            removed,
            created: removed == 0 && added > 0,
            unread: false,
            comments_only: false,
            attributes: None,
        }
    }

    fn whole() -> Difference {
        let settings = vec![
            SettingDifference {
                path: "ttl".into(),
                from: Some("40".into()),
                to: Some("30".into()),
                cause: Cause::Hand,
            },
            SettingDifference { path: "x".into(), from: Some("1".into()), to: None, cause: Cause::Inventory },
        ];
        let changed = file("@@ -1,3 +1,3 @@\n a\n-  b 1\n+  b 2\n   c\n", (1, 1), Cause::Hand);
        let unit = FileDifference {
            path: "/etc/x.service".into(),
            ..file("@@ -0,0 +1,2 @@\n+x\n+y\n", (2, 0), Cause::Inventory)
        };
        let mode = FileDifference {
            attributes: Some(("root:root 0600".into(), "root:root 0640".into())),
            ..file("", (0, 0), Cause::Hand)
        };
        Difference { files: vec![changed, unit, mode], settings }
    }

    #[test]
    fn files_and_settings_are_shown_as_one_knows_them() {
        let text = diff(&whole(), Style { color: false });
        assert_eq!(
            text,
            "/etc/haproxy/haproxy.cfg on db01, db02 (changed by hand)\n--- a/etc/haproxy/haproxy.cfg\n+++ b/etc/haproxy/haproxy.cfg\n\
             @@ -1,3 +1,3 @@\n a\n-  b 1\n+  b 2\n   c\n\n\
             /etc/x.service on db01, db02 (new)\n--- /dev/null\n+++ b/etc/x.service\n@@ -0,0 +1,2 @@\n+x\n+y\n\n\
             /etc/haproxy/haproxy.cfg on db01, db02 (changed by hand) (root:root 0600 becomes root:root 0640)\n\n\
             settings in the DCS (patronictl show-config)\n-ttl: 40\n+ttl: 30    (changed by hand)\n-x: 1\n\n\
             6 files, 2 settings differ; 5 of them changed by hand, which `quorate apply` puts back\n"
        );
        assert!(diff(&whole(), Style { color: true }).contains("\u{1b}[32m+  b 2\u{1b}[0m"));
    }

    #[test]
    fn one_line_a_file() {
        let text = stat(&whole(), Style { color: false });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines[0].ends_with("db01, db02     +1 -1     changed by hand"), "{}", lines[0]);
        assert!(lines[1].contains("+2 -0     new"), "{}", lines[1]);
        assert!(lines[3].ends_with("cluster        +1 -2     1 changed by hand"), "{}", lines[3]);
    }
}
