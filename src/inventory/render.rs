//! Findings as text: the source line, a caret under the place, and what to do. Safe to print: nothing in it moves a
//! terminal's cursor or turns text around, and a line that seems to hold a password is shown without it.

use std::fmt::Write as _;
use std::path::Path;

use unicode_width::UnicodeWidthChar;

use super::diagnostic::{Diagnostic, Label};
use super::tree::Span;

/// Columns of a source line that are shown.
const WIDEST: usize = 110;
/// Findings that are shown in full.
const MOST: usize = 200;

/// Renders all findings.
pub(super) fn render(file: &Path, text: &str, items: &[Diagnostic]) -> String {
    let mut lines = split_lines(text);
    for span in items.iter().filter(|item| item.hidden).map(|item| item.primary.span) {
        hide(&mut lines, span);
    }
    let file = clean(&file.display().to_string());
    let mut out = String::new();
    for item in items.iter().take(MOST) {
        one(&mut out, &file, &lines, item);
        out.push('\n');
    }
    let count = items.len();
    // Writing to a String can't fail.
    let _ = writeln!(out, "{file}: {count} {}", if count == 1 { "error" } else { "errors" });
    out
}

/// Replaces what stands at a place by asterisks.
fn hide(lines: &mut [String], span: Span) {
    for number in span.line..=span.end_line.max(span.line) {
        let Some(line) = lines.get_mut(number.wrapping_sub(1)) else { continue };
        let from = if number == span.line { span.column } else { 0 };
        let to = if number == span.end_line { span.end_column } else { usize::MAX };
        *line = line.chars().enumerate().map(|(at, c)| if (from..to).contains(&at) { '*' } else { c }).collect();
    }
}

/// The lines as YAML counts them.
fn split_lines(text: &str) -> Vec<String> {
    text.strip_prefix('\u{feff}')
        .unwrap_or(text)
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .split('\n')
        .map(str::to_owned)
        .collect()
}

fn one(out: &mut String, file: &str, lines: &[String], item: &Diagnostic) {
    let span = item.primary.span;
    let _ = writeln!(out, "error[{}]: {}", item.code, clean(&item.title));
    let mut labels: Vec<(&Label, char)> = vec![(&item.primary, '^')];
    labels.extend(item.others.iter().map(|label| (label, '-')));
    labels.sort_by_key(|(label, _)| (label.span.line, label.span.column));
    let width = labels.iter().map(|(label, _)| label.span.line.to_string().len()).max().unwrap_or(1);
    let margin = " ".repeat(width);
    let _ = writeln!(out, "{margin} ┌─ {file}:{}:{}", span.line, span.column + 1);
    for (index, (label, mark)) in labels.iter().enumerate() {
        let Some(line) =
            lines.get(label.span.line.wrapping_sub(1)).filter(|line| !(line.is_empty() && lines.len() == 1))
        else {
            continue;
        };
        let (shown, offset, length) = excerpt(line, label);
        let repeated =
            index > 0 && labels.get(index - 1).is_some_and(|(before, _)| before.span.line == label.span.line);
        if !repeated {
            let _ = writeln!(out, "{:>width$} │ {}", label.span.line, shown.trim_end());
        }
        let marks = mark.to_string().repeat(length);
        let _ =
            writeln!(out, "{}", format!("{margin} │ {}{marks} {}", " ".repeat(offset), clean(&label.text)).trim_end());
    }
    for (name, text) in [("why: ", &item.why), ("help:", &item.help)] {
        if let Some(text) = text {
            let _ = writeln!(out, "{margin} = {name} {}", clean(text));
        }
    }
    let _ = writeln!(out, "{margin} = more: quorate explain {}", item.code);
}

/// The part of a line around a place, with the place's offset and length in terminal columns.
fn excerpt(line: &str, label: &Label) -> (String, usize, usize) {
    let span = label.span;
    let hidden = hide_password(line);
    let characters: Vec<char> = hidden.chars().collect();
    let end = if span.end_line > span.line { usize::MAX } else { span.end_column };
    let mut end = end.min(characters.len()).max(span.column);
    while end > span.column + 1 && characters.get(end - 1).is_some_and(|c| c.is_whitespace()) {
        end -= 1;
    }
    let column = span.column.min(characters.len());
    // A long line is cut so that the place stays in view.
    let from = if column > WIDEST - 30 { column - 40 } else { 0 };
    let visible = |range: std::ops::Range<usize>| -> String {
        characters.get(range).unwrap_or_default().iter().map(|&c| clean_char(c)).collect()
    };
    let mut shown = String::new();
    if from > 0 {
        shown.push('…');
    }
    shown.push_str(&visible(from..column));
    let offset = columns(&shown);
    let place = visible(column..end.max(column));
    let length = columns(&place).clamp(1, (WIDEST + 10).saturating_sub(offset).max(1));
    shown.push_str(&place);
    shown.push_str(&visible(end..characters.len()));
    if shown.chars().count() > WIDEST + 10 {
        shown = shown.chars().take(WIDEST + 10).chain(['…']).collect();
    }
    (shown, offset, length)
}

/// Width in terminal columns; full-width characters take two.
fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// Replaces what follows a key that looks like a password's, keeping the length so that carets stay right.
fn hide_password(line: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let mut out = line.to_owned();
    for word in super::secret_words::SECRET_WORDS {
        let mut from = 0;
        while let Some(at) = lower.get(from..).and_then(|rest| rest.find(word)).map(|at| at + from) {
            from = at + word.len();
            let Some(rest) = lower.get(from..) else { break };
            // The word may be the beginning or the end of a longer key (`superuser_password`, `password_file`).
            let key_end = rest.find([':', '=']).filter(|&end| rest.get(..end).is_some_and(is_key_tail));
            let Some(value_at) = key_end.map(|end| from + end + 1) else { continue };
            let Some(value) = out.get(value_at..) else { continue };
            if value.trim_start().starts_with(['{', '#', '[']) || value.trim().is_empty() {
                continue;
            }
            let masked: String = value.chars().map(|c| if c == ' ' { ' ' } else { '*' }).collect();
            out.truncate(value_at);
            out.push_str(&masked);
            return out;
        }
    }
    out
}

fn is_key_tail(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '"' | '\'' | ' '))
}

/// Text without characters that a terminal would obey or that turn text around.
fn clean(text: &str) -> String {
    text.chars().map(clean_char).collect()
}

/// The character itself, or its escape if it is invisible or moves things.
fn clean_char(c: char) -> String {
    match c {
        '\t' => "    ".to_owned(),
        ' ' => " ".to_owned(),
        // A full-width space looks like two blanks; its place is what the reader must see.
        '\u{3000}' => "\u{3000}".to_owned(),
        c if super::text::is_forbidden(c) || (c != ' ' && c.is_whitespace()) || c.is_control() => {
            c.escape_unicode().to_string()
        }
        c => c.to_string(),
    }
}
