//! Holds a tree against the table: what stands where nothing is known, is of another type or out of range is reported;
//! the rest becomes typed values that still know their places.

use std::collections::BTreeSet;

use similar::get_close_matches;

use super::{Field, Kind, Word};
use crate::cluster::{ParameterValue, SecretName};
use crate::inventory::diagnostic::{Code, Diagnostic};
use crate::inventory::quantity;
use crate::inventory::secret_words::is_secret_key;
use crate::inventory::tree::{Entry, Node, Span, Tree, show};

/// Findings after which no more guesses are made at what was meant; comparing words takes time.
const MOST_GUESSES: usize = 50;

/// A value that fits its row of the table.
#[derive(Debug, Clone)]
pub(in crate::inventory) struct Value {
    /// The value.
    pub(in crate::inventory) data: Data,
    /// Where it stands.
    pub(in crate::inventory) span: Span,
}

/// What a value can be.
#[derive(Debug, Clone)]
pub(in crate::inventory) enum Data {
    /// On or off.
    Bool(bool),
    /// A whole number; seconds and bytes too.
    Integer(i64),
    /// Text of a checked alphabet.
    Text(String),
    /// Keys and values of a group, with the place of each key.
    Section(Vec<(&'static str, Span, Value)>),
    /// A list.
    List(Vec<Value>),
    /// PostgreSQL parameters, with the place of each name.
    Parameters(Vec<(String, Span, ParameterValue, Value)>),
}

/// The walk over a tree, and what it finds.
#[derive(Debug, Default)]
pub(in crate::inventory) struct Shaper {
    /// What is wrong.
    pub(in crate::inventory) problems: Vec<Diagnostic>,
    /// Paths whose value is missing here because it was refused: rules about them have nothing to judge.
    pub(in crate::inventory) refused: BTreeSet<String>,
}

impl Shaper {
    /// Reads one value of the given kind; `None` after a refusal.
    pub(in crate::inventory) fn value(&mut self, tree: &Tree, kind: &Kind, path: &str) -> Option<Value> {
        let before = self.problems.len();
        let data = self.data(tree, kind, path);
        if data.is_none() || (self.problems.len() > before && !matches!(kind, Kind::Section(_) | Kind::Short(..))) {
            self.refused.insert(path.to_owned());
        }
        data.map(|data| Value { data, span: tree.span })
    }

    fn data(&mut self, tree: &Tree, kind: &Kind, path: &str) -> Option<Data> {
        if is_open_braces(tree, &self.problems) {
            return None;
        }
        if is_template(tree) {
            self.problems.push(
                Diagnostic::new(
                    Code::KEY,
                    tree.span,
                    format!("`{path}` holds a template, and nothing is replaced in an inventory"),
                )
                .why("braces open a mapping in YAML")
                .help("write the value itself"),
            );
            return None;
        }
        match (kind, &tree.node) {
            (_, _) if tree.is_empty() && !matches!(kind, Kind::Section(_) | Kind::Parameters) => {
                self.problems.push(
                    Diagnostic::new(Code::NO_VALUE, tree.span, format!("`{path}` has no value"))
                        .help("write one behind the colon, or delete the key to get the default"),
                );
                None
            }
            (Kind::Section(fields) | Kind::Short(_, fields), Node::Map(entries)) => {
                Some(self.section(tree.span, entries, fields, path))
            }
            // A group without a key is a group of defaults, as long as nothing in it is required.
            (Kind::Section(fields), _) if tree.is_empty() && !fields.iter().any(|field| field.required) => {
                Some(Data::Section(Vec::new()))
            }
            (Kind::Parameters, _) if tree.is_empty() => Some(Data::Parameters(Vec::new())),
            (Kind::Short(key, fields), Node::Scalar { .. }) => {
                let field = fields.iter().find(|field| field.key == *key)?;
                let value = self.value(tree, &field.kind, &format!("{path}.{key}"))?;
                Some(Data::Section(vec![(field.key, tree.span, value)]))
            }
            (Kind::List(item), Node::List(items)) => Some(Data::List(
                items
                    .iter()
                    .enumerate()
                    .filter_map(|(index, tree)| self.value(tree, item, &format!("{path}[{index}]")))
                    .collect(),
            )),
            (Kind::Parameters, Node::Map(entries)) => Some(self.parameters(entries, path)),
            (Kind::Text(word), Node::Scalar { text, .. }) => self.text(tree.span, text, *word, path),
            (_, Node::Scalar { text, plain }) => self.scalar(tree.span, text, *plain, kind, path),
            _ => self.wrong_type(tree, kind, path),
        }
    }

    fn wrong_type(&mut self, tree: &Tree, kind: &Kind, path: &str) -> Option<Data> {
        let key = path.rsplit('.').next().unwrap_or(path);
        // Where a mapping names the source of a secret, a single value is most likely the secret itself.
        let source = |fields: &[Field]| fields.iter().any(|field| field.key == "env_file");
        let literal = matches!(kind, Kind::Section(fields) if is_secret_key(key) || source(fields));
        if literal {
            self.literal_secret(tree.extent(), path);
            return None;
        }
        self.problems.push(
            Diagnostic::new(
                Code::WRONG_TYPE,
                tree.span,
                format!("{} takes {}, not {}", owner(path), kind.what(), tree.kind()),
            )
            .help(kind.how_to_write(key)),
        );
        None
    }

    /// Reports a secret that stands in the file; its value is in no message.
    fn literal_secret(&mut self, span: Span, path: &str) {
        let place = match path.rsplit_once('.') {
            // It has no place in the secrets file.
            Some(("artifacts", _)) => {
                self.problems.push(
                    Diagnostic::new(Code::LITERAL_SECRET, span, format!("`{path}` holds a secret in clear text"))
                        .hide()
                        .why("inventories are shared and committed; who reads this file could log in")
                        .help("write {file: PATH}, {env_file: VARIABLE} or {command: [WORD, …]}. If this file was ever committed, change the secret"),
                );
                return;
            }
            Some(("secrets", name)) => format!(" as `{name}: …`"),
            Some((role, "password")) if role.contains(".roles[") => " as `role_NAME: …`".to_owned(),
            _ => {
                let keys: Vec<String> = SecretName::BUILT_IN.iter().map(SecretName::key).collect();
                format!(" under its key ({}, or role_NAME for a role)", keys.join(", "))
            }
        };
        self.problems.push(
            Diagnostic::new(Code::LITERAL_SECRET, span, format!("`{path}` holds a secret in clear text"))
                .hide()
                .why("inventories are shared and committed; who reads this file could log in")
                .help(format!(
                    "move it to the secrets file (0600, beside the inventory){place} and delete the key here; or write \
                     {{file: PATH}}, {{env_file: VARIABLE}} or {{command: [WORD, …]}}. If this file was ever committed, change the secret"
                )),
        );
    }

    fn section(&mut self, span: Span, entries: &[Entry], fields: &'static [Field], path: &str) -> Data {
        let mut values = Vec::new();
        for entry in entries {
            let path = join(path, &entry.key);
            match fields.iter().find(|field| field.key == entry.key) {
                Some(field) => {
                    if let Some(value) = self.value(&entry.value, &field.kind, &path) {
                        values.push((field.key, entry.key_span, value));
                    }
                }
                None => self.unknown_key(entry, fields, &path),
            }
        }
        for field in fields.iter().filter(|field| field.required) {
            if !entries.iter().any(|entry| entry.key == field.key) {
                let path_of_key = join(path, field.key);
                self.problems.push(
                    Diagnostic::new(Code::MISSING_KEY, span, format!("{} has no `{}`", owner(path), field.key))
                        .why(field.doc)
                        .help(field.kind.how_to_write_required(field)),
                );
                self.refused.insert(path_of_key);
            }
        }
        Data::Section(values)
    }

    fn unknown_key(&mut self, entry: &Entry, fields: &[Field], path: &str) {
        self.refused.insert(path.to_owned());
        let known: Vec<&str> = fields.iter().map(|field| field.key).collect();
        let close = (self.problems.len() < MOST_GUESSES).then(|| closest(&entry.key, &known)).flatten();
        // A misspelt `pasword` holds a secret too, and so does whatever stands among the secrets.
        let secret = [Some(entry.key.as_str()), close].into_iter().flatten().any(is_secret_key);
        if secret && !matches!(entry.value.node, Node::Map(_)) && !entry.value.is_empty() {
            self.literal_secret(entry.value.extent(), path);
            return;
        }
        let help = if entry.key.chars().any(|c| c.is_whitespace() && !c.is_ascii()) {
            "a full-width blank (U+3000) stands in front of it or in it; write ASCII blanks".to_owned()
        } else if let Some(close) = close {
            format!("did you mean `{close}`?")
        } else if let Some(place) = elsewhere(&entry.key) {
            format!("`{}` belongs to {place}", entry.key)
        } else {
            format!("known here: {}", known.join(", "))
        };
        let owner = owner(path.rsplit_once('.').map_or("", |(owner, _)| owner));
        let title = format!("unknown key `{}` in {owner}", show(&entry.key));
        let problem = Diagnostic::new(Code::UNKNOWN_KEY, entry.key_span, title).help(help);
        let among_secrets = path.starts_with("secrets.") || path.contains(".password.");
        self.problems.push(if among_secrets { problem.hide_at(entry.value.extent()) } else { problem });
    }

    fn text(&mut self, span: Span, text: &str, word: Word, path: &str) -> Option<Data> {
        let Err(refusal) = word.check(text) else { return Some(Data::Text(text.to_owned())) };
        let title = format!("`{path}` is not {}: {}", word.what(), refusal.reason);
        let mut problem = Diagnostic::new(refusal.code, span, title);
        problem = if text.contains('\u{3000}') {
            problem
                .why("a full-width blank (U+3000) is no blank to YAML: it and what follows it, even `#`, belong to the value")
                .help(format!("delete it or write an ASCII blank; {}", refusal.help))
        } else {
            problem.help(refusal.help)
        };
        if refusal.code == Code::LITERAL_SECRET {
            problem = problem.hide();
        }
        self.problems.push(problem);
        None
    }

    fn scalar(&mut self, span: Span, text: &str, plain: bool, kind: &Kind, path: &str) -> Option<Data> {
        let wrong = |code, title: String, help: String| Diagnostic::new(code, span, title).help(help);
        let problem = match kind {
            Kind::Bool => match text.to_ascii_lowercase().as_str() {
                "on" | "yes" | "true" => return Some(Data::Bool(true)),
                "off" | "no" | "false" => return Some(Data::Bool(false)),
                _ => wrong(
                    Code::CHOICE,
                    format!("`{path}` is not on or off: {}", quoted(text)),
                    "write on or off (yes, no, true and false do too)".to_owned(),
                ),
            },
            Kind::Choice(choices) => {
                if choices.contains(&text) {
                    return Some(Data::Text(text.to_owned()));
                }
                let close = closest(text, choices).map(|close| format!("did you mean `{close}`? ")).unwrap_or_default();
                wrong(
                    Code::CHOICE,
                    format!("`{path}` does not know {}", quoted(text)),
                    format!("{close}write one of {}", choices.join(", ")),
                )
            }
            Kind::Integer(min, max) | Kind::Seconds(min, max) | Kind::Bytes(min, max) => {
                let number = match kind {
                    Kind::Seconds(..) => quantity::seconds(text),
                    Kind::Bytes(..) => quantity::bytes(text),
                    _ => quantity::integer(text, plain),
                };
                let key = path.rsplit('.').next().unwrap_or(path);
                match number {
                    Ok(number) if (*min..=*max).contains(&number) => return Some(Data::Integer(number)),
                    Ok(_) => {
                        let (min, max) = (kind.number(*min), kind.number(*max));
                        let limits = if min == max {
                            format!("only {min} is allowed")
                        } else {
                            format!("{min} to {max} is allowed")
                        };
                        wrong(Code::OUT_OF_RANGE, format!("`{path}` is out of range: {}", quoted(text)), limits)
                    }
                    Err(error) => {
                        let code = if matches!(kind, Kind::Integer(..)) { Code::WRONG_TYPE } else { Code::QUANTITY };
                        let help = if error.help.is_empty() { kind.how_to_write(key) } else { error.help };
                        wrong(code, format!("`{path}` is not {}: {}", kind.what(), error.reason), help)
                    }
                }
            }
            _ => {
                let tree = Tree { node: Node::Scalar { text: text.to_owned(), plain }, span };
                return self.wrong_type(&tree, kind, path);
            }
        };
        self.problems.push(problem);
        None
    }

    fn parameters(&mut self, entries: &[Entry], path: &str) -> Data {
        let mut parameters = Vec::new();
        for entry in entries {
            let path = join(path, &entry.key);
            match crate::inventory::parameter::read(entry, &path) {
                Ok(value) => parameters.push((
                    entry.key.clone(),
                    entry.key_span,
                    value,
                    Value { data: Data::Bool(true), span: entry.value.span },
                )),
                Err(problem) => {
                    self.refused.insert(path);
                    self.problems.push(*problem);
                }
            }
        }
        Data::Parameters(parameters)
    }
}

/// Whether `{{ name }}` without quotes stands there: a mapping whose key was refused for being one itself.
fn is_open_braces(tree: &Tree, problems: &[Diagnostic]) -> bool {
    matches!(&tree.node, Node::Map(entries) if entries.is_empty())
        && problems.iter().any(|problem| problem.code == Code::KEY && problem.primary.span.line == tree.span.line)
}

/// Whether `{{ name }}` stands in a text.
fn is_template(tree: &Tree) -> bool {
    matches!(&tree.node, Node::Scalar { text, .. } if text.contains("{{") || text.contains("{%"))
}

/// The group at a path, as a sentence names it.
fn owner(path: &str) -> String {
    if path.is_empty() { "the inventory".to_owned() } else { format!("`{path}`") }
}

fn quoted(text: &str) -> String {
    format!("`{}`", show(text))
}

fn join(path: &str, key: &str) -> String {
    let key = show(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// The known word that a misspelt one most likely means.
pub(in crate::inventory) fn closest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.len() > 64 {
        return None;
    }
    let lower = word.to_lowercase().replace('-', "_");
    if let Some(same) = known.iter().find(|known| **known == lower) {
        return Some(same);
    }
    // Two letters exchanged in a short word are below what counts as close.
    let exchanged = |known: &&&str| {
        let mut differ = known.bytes().zip(lower.bytes()).filter(|(left, right)| left != right);
        let first = [differ.next(), differ.next(), differ.next()];
        known.len() == lower.len() && matches!(first, [Some((a, b)), Some((c, d)), None] if a == d && b == c)
    };
    get_close_matches(lower.as_str(), known, 1, 0.7).first().or_else(|| known.iter().find(exchanged)).copied()
}

/// Where a key that is unknown here would be known: in which group of the inventory.
fn elsewhere(key: &str) -> Option<String> {
    let groups: Vec<String> = super::INVENTORY
        .iter()
        .filter(|group| group.key != "secrets")
        .filter_map(|group| match group.kind {
            Kind::Section(fields) | Kind::Short(_, fields) | Kind::List(&Kind::Section(fields)) => {
                fields.iter().any(|field| field.key == key).then(|| format!("`{}:`", group.key))
            }
            _ => None,
        })
        .chain(super::INVENTORY.iter().any(|field| field.key == key).then(|| "the top level".to_owned()))
        .collect();
    // A key such as `port` belongs to many groups; naming one would be a guess.
    (groups.len() == 1).then(|| groups.concat())
}
