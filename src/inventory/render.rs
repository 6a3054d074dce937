//! Findings as text: the source line, a caret under the place, and what to do. Safe to print: nothing in it moves a
//! terminal's cursor or turns text around, and a line that seems to hold a password is shown without it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use unicode_width::UnicodeWidthChar;

use super::diagnostic::{Diagnostic, Label};
use super::tree::Span;

/// Columns of a source line that are shown.
const WIDEST: usize = 110;
/// Characters of a source line that are kept for showing; places behind them are named by number alone.
const LONGEST: usize = 2000;
/// Findings that are shown in full.
const MOST: usize = 200;

/// Renders all findings.
pub(super) fn render(file: &Path, text: &str, items: &[Diagnostic]) -> String {
    let mut lines = lines_of(text, items);
    for span in items.iter().filter_map(|item| item.hidden) {
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

/// The lines that findings point to, by number, as YAML counts them; without what seems to be a password.
fn lines_of(text: &str, items: &[Diagnostic]) -> BTreeMap<usize, String> {
    let labels = items.iter().take(MOST).flat_map(|item| item.others.iter().chain([&item.primary]));
    let wanted: BTreeSet<usize> = labels.map(|label| label.span.line).collect();
    if text.is_empty() {
        return BTreeMap::new();
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    text.split('\n')
        .zip(1..)
        .filter(|(_, number)| wanted.contains(number))
        .map(|(line, number)| (number, super::secret_words::mask(&line.chars().take(LONGEST).collect::<String>())))
        .collect()
}

/// Replaces what stands at a place by asterisks.
fn hide(lines: &mut BTreeMap<usize, String>, span: Span) {
    for (number, line) in lines.range_mut(span.line..=span.end_line.max(span.line)) {
        let from = if *number == span.line { span.column } else { 0 };
        let to = if *number == span.end_line { span.end_column } else { usize::MAX };
        *line = line.chars().enumerate().map(|(at, c)| if (from..to).contains(&at) { '*' } else { c }).collect();
    }
}

fn one(out: &mut String, file: &str, lines: &BTreeMap<usize, String>, item: &Diagnostic) {
    let span = item.primary.span;
    let _ = writeln!(out, "error[{}]: {}", item.code, clean(&item.title));
    let mut labels: Vec<(&Label, char)> = vec![(&item.primary, '^')];
    labels.extend(item.others.iter().map(|label| (label, '-')));
    labels.sort_by_key(|(label, _)| (label.span.line, label.span.column));
    let width = labels.iter().map(|(label, _)| label.span.line.to_string().len()).max().unwrap_or(1);
    let margin = " ".repeat(width);
    let _ = writeln!(out, "{margin} ┌─ {file}:{}:{}", span.line, span.column + 1);
    let mut before = None;
    for (label, mark) in labels {
        let Some(line) = lines.get(&label.span.line) else { continue };
        if label.span.column >= LONGEST {
            continue;
        }
        let excerpt = Excerpt::new(line, label.span);
        // Two places in one line share it, unless it is so long that they don't fit side by side.
        if before != Some((label.span.line, excerpt.from)) {
            let _ = writeln!(out, "{:>width$} │ {}", label.span.line, excerpt.text.trim_end());
        }
        before = Some((label.span.line, excerpt.from));
        let marks = mark.to_string().repeat(excerpt.length);
        let under = format!("{margin} │ {}{marks} {}", " ".repeat(excerpt.offset), clean(&label.text));
        let _ = writeln!(out, "{}", under.trim_end());
    }
    for (name, text) in [("why: ", &item.why), ("help:", &item.help)] {
        if let Some(text) = text {
            let _ = writeln!(out, "{margin} = {name} {}", clean(text));
        }
    }
    let _ = writeln!(out, "{margin} = more: quorate explain {}", item.code);
}

/// The part of a line around a place.
struct Excerpt {
    /// The text to show.
    text: String,
    /// The character of the line at which it begins.
    from: usize,
    /// Terminal columns in front of the place.
    offset: usize,
    /// Terminal columns of the place.
    length: usize,
}

impl Excerpt {
    fn new(line: &str, span: Span) -> Self {
        let characters: Vec<char> = line.chars().collect();
        let column = span.column.min(characters.len());
        // A long line is cut so that the place stays in view.
        let from = if column > WIDEST - 30 { column - 40 } else { 0 };
        let to = characters.len().min(from + WIDEST);
        let mut end = if span.end_line > span.line { to } else { span.end_column.min(to) }.max(column);
        while end > column + 1 && characters.get(end - 1).is_some_and(|c| c.is_whitespace()) {
            end -= 1;
        }
        let visible = |range: std::ops::Range<usize>| -> String {
            characters.get(range).unwrap_or_default().iter().map(|&c| clean_char(c)).collect()
        };
        let mut text = if from > 0 { "…".to_owned() } else { String::new() };
        text.push_str(&visible(from..column));
        let offset = columns(&text);
        let place = visible(column..end);
        let length = columns(&place).max(1);
        text.push_str(&place);
        text.push_str(&visible(end..to));
        if to < characters.len() {
            text.push('…');
        }
        Self { text, from, offset, length }
    }
}

/// Width in terminal columns; full-width characters take two.
fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
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
