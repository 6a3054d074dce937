//! Characters that may not stand in an inventory at all, and the check of a whole text before YAML sees it.

use super::diagnostic::{Code, Diagnostic};
use super::tree::Span;

/// The longest inventory, in bytes.
pub(super) const LONGEST: usize = 1 << 20;
/// Characters that are reported one by one.
const MOST: usize = 20;

/// Whether a character is invisible and changes what a reader sees or what a program reads.
pub(super) fn is_forbidden(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Reports every forbidden character; a byte order mark at the very beginning is allowed.
pub(super) fn check(text: &str, problems: &mut Vec<Diagnostic>) {
    if text.len() > LONGEST {
        problems.push(
            Diagnostic::new(Code::TOO_BIG, Span::START, format!("the inventory has {} bytes", text.len()))
                .why(format!("an inventory has at most {LONGEST} bytes; a cluster of five nodes needs about 4000"))
                .help("is this the right file?"),
        );
        return;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut line, mut column) = (1, 0);
    let mut before = ' ';
    let mut found = 0;
    for c in text.chars() {
        if c == '\n' && before == '\r' {
            before = c;
            continue;
        }
        if is_forbidden(c) && found < MOST {
            found += 1;
            problems.push(
                Diagnostic::new(
                    Code::CHARACTER,
                    Span::point(line, column),
                    format!("the character U+{:04X} is not allowed in an inventory", u32::from(c)),
                )
                .why("it is invisible, and what is read would differ from what is seen")
                .help("delete it; it often comes along when text is copied from a web page"),
            );
        }
        if c == '\n' || c == '\r' {
            line += 1;
            column = 0;
        } else {
            column += 1;
        }
        before = c;
    }
}
