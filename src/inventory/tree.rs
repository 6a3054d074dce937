//! YAML text to a tree in which every value knows its place. The only file that knows the YAML parser.
//!
//! An inventory holds plain values: mappings, lists and scalars. What YAML has beyond them (anchors, aliases, merge keys,
//! tags, several documents) is refused here, so that no text can grow beyond its own size and a line means what it shows.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span as YamlSpan};

use super::diagnostic::{Code, Diagnostic};

/// Levels of nesting that an inventory may have; the deepest key of the schema is at 6.
const MAX_DEPTH: usize = 24;
/// Values that an inventory may have.
const MAX_VALUES: usize = 10_000;

/// A place in the text. Lines count from 1, columns (in characters) from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Span {
    /// The line on which it begins.
    pub(super) line: usize,
    /// The column at which it begins.
    pub(super) column: usize,
    /// The line on which it ends.
    pub(super) end_line: usize,
    /// The column behind its last character.
    pub(super) end_column: usize,
}

impl Span {
    /// The very beginning of the file.
    pub(super) const START: Self = Self { line: 1, column: 0, end_line: 1, end_column: 1 };

    /// One character.
    pub(super) const fn point(line: usize, column: usize) -> Self {
        Self { line, column, end_line: line, end_column: column + 1 }
    }

    fn from_yaml(span: YamlSpan) -> Self {
        Self {
            line: span.start.line(),
            column: span.start.col(),
            end_line: span.end.line(),
            end_column: span.end.col(),
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    /// What stands there.
    pub(super) node: Node,
    /// Where.
    pub(super) span: Span,
}

/// What a value can be before the schema looks at it.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// A scalar's text, and whether it was written without quotes.
    Scalar {
        /// The text, escapes resolved.
        text: String,
        /// Whether it is a plain scalar (`on`, `12` and the like mean something other than text).
        plain: bool,
    },
    /// A list.
    List(Vec<Tree>),
    /// A mapping, in the order of the file, without duplicates.
    Map(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The key.
    pub(super) key: String,
    /// Where the key stands.
    pub(super) key_span: Span,
    /// The value.
    pub(super) value: Tree,
}

impl Tree {
    /// Whether nothing was written: `key:` alone, `~` or `null`.
    pub(super) fn is_empty(&self) -> bool {
        matches!(&self.node, Node::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// From its beginning to the end of the last value in it.
    pub(super) fn extent(&self) -> Span {
        let last = match &self.node {
            Node::Scalar { .. } => None,
            Node::List(items) => items.last(),
            Node::Map(entries) => entries.last().map(|entry| &entry.value),
        };
        let end = last.map_or(self.span, Self::extent);
        Span { end_line: end.end_line, end_column: end.end_column, ..self.span }
    }

    /// A word for what it is, with its article.
    pub(super) fn kind(&self) -> &'static str {
        match &self.node {
            _ if self.is_empty() => "nothing",
            Node::Scalar { .. } => "a single value",
            Node::List(_) => "a list",
            Node::Map(_) => "a mapping",
        }
    }
}

/// An open mapping or list while events come in.
enum Frame {
    List(Vec<Tree>, Span),
    Map(OpenMap),
}

/// A mapping whose end has not come yet.
struct OpenMap {
    entries: Vec<Entry>,
    span: Span,
    /// A key that waits for its value.
    key: Option<(String, Span)>,
    /// Where each key stood first.
    seen: BTreeMap<String, Span>,
}

/// Reads `text`. The tree is there unless the text is no YAML at all or is refused as a whole.
pub(super) fn read(text: &str, problems: &mut Vec<Diagnostic>) -> Option<Tree> {
    let mut reader = Reader { stack: Vec::new(), root: None, documents: 0, values: 0, problems };
    let mut parser = Parser::new_from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => reader.event(event, Span::from_yaml(span))?,
            Err(error) => {
                problems.push(syntax(text, *error.marker(), error.info()));
                return None;
            }
        }
    }
    let Reader { root, .. } = reader;
    if let Some(root) = root.filter(|root| !root.is_empty()) {
        return Some(root);
    }
    problems.push(
        Diagnostic::new(Code::EMPTY, Span::START, "the inventory is empty")
            .help("write at least `cluster`, `nodes` and `vip`; `quorate init` makes a starter"),
    );
    None
}

struct Reader<'a> {
    stack: Vec<Frame>,
    root: Option<Tree>,
    documents: usize,
    values: usize,
    problems: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    /// Takes one event; `None` ends the reading after a refusal.
    fn event(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag) | Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                (*anchor != 0, tag.as_ref().map(ToString::to_string))
            }
            Event::Alias(_) => (true, None),
            _ => (false, None),
        };
        if anchor {
            return self.refuse(
                Diagnostic::new(Code::ALIAS, span, "anchors and aliases are not allowed in an inventory")
                    .why("a value that is written elsewhere can't be judged by reading this line, and aliases can grow without bound")
                    .help("write the value out; what all nodes share goes to the top level, such as `ssh:`"),
            );
        }
        if let Some(tag) = tag {
            self.problems.push(
                Diagnostic::new(Code::TAG, span, format!("the YAML tag {tag:?} is not allowed in an inventory"))
                    .why("each key has one type, which the schema knows")
                    .help("remove the tag"),
            );
        }
        self.values += 1;
        if self.values > MAX_VALUES || self.stack.len() > MAX_DEPTH {
            return self.refuse(
                Diagnostic::new(Code::TOO_DEEP, span, "this is nested too deep, or holds too many values")
                    .why(format!("an inventory has at most {MAX_DEPTH} levels and {MAX_VALUES} values"))
                    .help("is this file an inventory? `quorate init` shows what one looks like"),
            );
        }
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return self.refuse(
                        Diagnostic::new(Code::DOCUMENTS, span, "a second YAML document begins here")
                            .why("one inventory describes one cluster; what stands behind `---` would be ignored")
                            .help("move it to a file of its own"),
                    );
                }
            }
            Event::Scalar(text, style, _, _) => {
                let node = Node::Scalar { text: text.into_owned(), plain: style == ScalarStyle::Plain };
                self.value(Tree { node, span });
            }
            Event::SequenceStart(..) => self.stack.push(Frame::List(Vec::new(), span)),
            Event::MappingStart(..) => {
                self.stack.push(Frame::Map(OpenMap { entries: Vec::new(), span, key: None, seen: BTreeMap::new() }));
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Frame::List(items, span)) => self.value(Tree { node: Node::List(items), span }),
                Some(Frame::Map(map)) => self.value(Tree { node: Node::Map(map.entries), span: map.span }),
                None => {}
            },
            _ => {}
        }
        Some(())
    }

    fn refuse(&mut self, problem: Diagnostic) -> Option<()> {
        self.problems.push(problem);
        None
    }

    /// Puts a finished value where it belongs.
    fn value(&mut self, value: Tree) {
        match self.stack.last_mut() {
            None => self.root = Some(value),
            Some(Frame::List(items, _)) => items.push(value),
            Some(Frame::Map(map)) => match map.key.take() {
                None => map.key = Some(key(value, self.problems)),
                Some((key, key_span)) => entry(map, Entry { key, key_span, value }, self.problems),
            },
        }
    }
}

/// A mapping's key, which must be one plain word.
fn key(value: Tree, problems: &mut Vec<Diagnostic>) -> (String, Span) {
    let span = value.span;
    match value.node {
        Node::Scalar { text, .. } if text == "<<" => problems.push(
            Diagnostic::new(Code::ALIAS, span, "merge keys are not allowed in an inventory")
                .why("a value that is written elsewhere can't be judged by reading this line")
                .help("write the values out; what all nodes share goes to the top level, such as `ssh:`"),
        ),
        Node::Scalar { text, .. } => return (text, span),
        Node::List(_) | Node::Map(_) => problems.push(
            Diagnostic::new(Code::KEY, span, "a key must be a word, not a list or a mapping")
                .why("braces open a mapping in YAML: `{{ name }}` is no template here, nothing is replaced in an inventory")
                .help("write the value itself, in quotes if it begins with a brace"),
        ),
    }
    (String::new(), span)
}

/// Adds an entry unless its key stands there already.
fn entry(map: &mut OpenMap, entry: Entry, problems: &mut Vec<Diagnostic>) {
    if entry.key.is_empty() {
        // An empty key stands for one that was reported already, or for `: value`.
        if !problems.iter().any(|problem| problem.is_at(entry.key_span)) {
            problems.push(
                Diagnostic::new(Code::KEY, entry.key_span, "a key is missing in front of the colon")
                    .help("write `key: value`, or put the value in quotes if the colon belongs to it"),
            );
        }
        return;
    }
    if let Some(first) = map.seen.get(&entry.key) {
        problems.push(
            Diagnostic::new(
                Code::DUPLICATE_KEY,
                entry.key_span,
                format!("the key `{}` is written twice", show(&entry.key)),
            )
            .label("written again here")
            .also(*first, "first written here")
            .why("only one of them could count, and which one would be a guess")
            .help("keep one of the two, or merge what stands under them"),
        );
        return;
    }
    map.seen.insert(entry.key.clone(), entry.key_span);
    map.entries.push(entry);
}

/// A diagnostic for text that is no YAML.
fn syntax(text: &str, marker: Marker, info: &str) -> Diagnostic {
    let line_at = |number: usize| number.checked_sub(1).and_then(|index| text.lines().nth(index)).unwrap_or_default();
    let indented_by_tab = |line: &str| line.chars().take_while(|c| c.is_whitespace()).any(|c| c == '\t');
    let mut span = Span::point(marker.line().max(1), marker.col());
    // A plain value may go on in the next line: the reader stops at the value and means the tab behind it.
    if info.contains("tab") && !indented_by_tab(line_at(span.line)) && indented_by_tab(line_at(span.line + 1)) {
        span = Span::point(span.line + 1, 0);
    }
    let line = line_at(span.line);
    let problem = Diagnostic::new(Code::SYNTAX, span, format!("this is not valid YAML: {info}"));
    if indented_by_tab(line) {
        return problem
            .why("YAML does not allow tabs as indentation")
            .help("replace the tabs in front of the line with spaces");
    }
    if line.contains("{{") || line.contains("{%") {
        return problem
            .why("braces open a mapping in YAML")
            .help("nothing is replaced in an inventory; write the value itself");
    }
    let before = line_at(span.line - 1);
    for (number, line) in [(span.line, line), (span.line.saturating_sub(1), before)] {
        if let Some((key, value)) = line.trim_start().split_once(':')
            && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && value.starts_with(|c: char| !c.is_whitespace() && c != ':')
        {
            return problem.help(format!("write a blank behind the colon in line {number}: `{key}: …`"));
        }
    }
    problem.help("look at this line and the one above: indentation, a missing `:` or an open quote")
}

/// Text from the inventory as it may stand in a message: short, and without anything a terminal would obey.
pub(super) fn show(text: &str) -> String {
    const LONGEST: usize = 60;
    let shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    let shown = shown.replace("\\'", "'").replace("\\\"", "\"");
    if text.chars().count() > LONGEST { format!("{shown}…") } else { shown }
}
