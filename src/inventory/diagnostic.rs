//! What is wrong with an inventory: every finding with its code, its places, why it matters and what to write.

use std::path::{Path, PathBuf};

pub use super::code::Code;
use super::tree::Span;

/// One finding.
#[derive(Debug, Clone)]
pub(super) struct Diagnostic {
    /// Its stable code.
    pub(super) code: Code,
    /// What is wrong, in one sentence.
    pub(super) title: String,
    /// Where, and a word on what stands there.
    pub(super) primary: Label,
    /// Other places that belong to it.
    pub(super) others: Vec<Label>,
    /// Why that is a problem.
    pub(super) why: Option<String>,
    /// What to write.
    pub(super) help: Option<String>,
    /// Whether what stands at the primary place must not be shown.
    pub(super) hidden: bool,
}

/// A place with a word on it.
#[derive(Debug, Clone)]
pub(super) struct Label {
    /// The place.
    pub(super) span: Span,
    /// The word; may be empty.
    pub(super) text: String,
}

impl Diagnostic {
    /// A finding with nothing but its title.
    pub(super) fn new(code: Code, span: Span, title: impl Into<String>) -> Self {
        let primary = Label { span, text: String::new() };
        Self { code, title: title.into(), primary, others: Vec::new(), why: None, help: None, hidden: false }
    }

    /// A word under the caret.
    pub(super) fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    /// Another place that belongs to it.
    pub(super) fn also(mut self, span: Span, text: impl Into<String>) -> Self {
        self.others.push(Label { span, text: text.into() });
        self
    }

    /// Why it is a problem.
    pub(super) fn why(mut self, text: impl Into<String>) -> Self {
        self.why = Some(text.into());
        self
    }

    /// What to write.
    pub(super) fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Keeps what stands at the primary place out of the rendered text.
    pub(super) fn hide(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Whether it points at exactly this place.
    pub(super) fn is_at(&self, span: Span) -> bool {
        self.primary.span == span
    }
}

/// All that is wrong with one inventory, in the order of its lines.
#[derive(Debug, Clone)]
pub struct Diagnostics {
    file: PathBuf,
    text: String,
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Sorts the findings by place and keeps the text they point into.
    pub(super) fn new(file: &Path, text: &str, mut items: Vec<Diagnostic>) -> Self {
        items.sort_by_key(|item| (item.primary.span.line, item.primary.span.column, item.code));
        Self { file: file.to_owned(), text: text.to_owned(), items }
    }

    /// A finding about the file as a whole, which could not be read.
    pub(super) fn unreadable(file: &Path, problem: Diagnostic) -> Self {
        Self::new(file, "", vec![problem])
    }

    /// How many findings there are; at least one.
    pub fn count(&self) -> usize {
        self.items.len()
    }

    /// The findings' codes with line and column (both from 1), in order.
    pub fn places(&self) -> impl Iterator<Item = (Code, usize, usize)> {
        self.items.iter().map(|item| (item.code, item.primary.span.line, item.primary.span.column + 1))
    }

    /// The text to show: every finding with its lines and carets, then the count. Holds no colour and no control byte.
    pub fn render(&self) -> String {
        super::render::render(&self.file, &self.text, &self.items)
    }
}

impl std::fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.render())
    }
}

impl std::error::Error for Diagnostics {}
