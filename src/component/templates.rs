//! The templates: embedded in the program, replaced one by one by those of `--templates DIR`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use tera::{Context, Kwargs, State, Tera, TeraResult, Value};

use super::conditions;
use super::format::{self, Format};

/// A template: its name, which is its path below `templates/`, and its text.
macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../templates/", $name)))),+]
    };
}

const EMBEDDED: &[(&str, &str)] = embedded![
    "etcd/etcd.env",
    "etcd/etcd.service",
    "firewalld/quorate.xml",
    "haproxy/haproxy.cfg",
    "haproxy/haproxy.service",
    "keepalived/keepalived.conf",
    "keepalived/keepalived.service",
    "keepalived/quorate-check",
    "patroni/bootstrap.yml",
    "patroni/patroni.service",
    "patroni/patroni.yml",
];

/// Why a template can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No template has that name.
    #[error("templates/{name}: no file is made from this template; the templates are {}", .known.join(", "))]
    Unknown {
        /// The name given.
        name: String,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The engine's own report: it has line, column and caret.
    #[error("templates/{name} can't be {action}:\n{report}")]
    Engine {
        /// The template.
        name: String,
        /// `read` or `rendered`.
        action: &'static str,
        /// The report.
        report: String,
    },
    /// A condition asks for something that the template is not given; the engine would take it for false.
    #[error("templates/{name} asks for `{asked}` in a condition, which it is not given; it is given {}", .given.join(", "))]
    Condition {
        /// The template.
        name: String,
        /// The name in the condition.
        asked: String,
        /// The names there are.
        given: Vec<String>,
    },
    /// What came out has a character that the daemon would misread.
    #[error(
        "templates/{name} renders the character {character:?} in line {line}, which its daemon would misread; remove it"
    )]
    Character {
        /// The template.
        name: String,
        /// Line of the rendered text, from 1.
        line: usize,
        /// The character.
        character: char,
    },
}

/// All templates, read and ready.
#[derive(Debug, Clone)]
pub struct Templates(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    engines: BTreeMap<Format, Tera>,
    /// By template: what its conditions ask for.
    asked: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Templates {
    /// The names of all templates: their paths below a templates folder.
    pub fn names() -> impl Iterator<Item = &'static str> {
        EMBEDDED.iter().map(|(name, _)| *name)
    }

    /// The text of an embedded template: a starting point for one's own.
    pub fn embedded_text(name: &str) -> Option<&'static str> {
        EMBEDDED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// The templates of the program itself.
    ///
    /// # Errors
    /// [`TemplateError::Engine`], which a test rules out.
    pub fn embedded() -> Result<Self, TemplateError> {
        Self::with_overrides(&BTreeMap::new())
    }

    /// The program's templates, those in `overrides` (by name) taken from there.
    ///
    /// # Errors
    /// [`TemplateError::Unknown`] for a name that no file is made from, [`TemplateError::Engine`] for a syntax error.
    pub fn with_overrides(overrides: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        if let Some(name) = overrides.keys().find(|name| Self::embedded_text(name).is_none()) {
            let known = Self::names().map(str::to_owned).collect();
            return Err(TemplateError::Unknown { name: name.clone(), known });
        }
        let mut engines: BTreeMap<Format, Tera> =
            Format::ALL.into_iter().map(|format| (format, engine(format))).collect();
        let mut asked = BTreeMap::new();
        for (name, text) in EMBEDDED {
            let text = overrides.get(*name).map_or(*text, String::as_str);
            asked.insert(*name, conditions::asked_names(text));
            if let Some(engine) = engines.get_mut(&Format::of(name)) {
                engine.add_raw_template(name, text).map_err(|error| TemplateError::Engine {
                    name: (*name).to_owned(),
                    action: "read",
                    report: error.to_string(),
                })?;
            }
        }
        Ok(Self(Arc::new(Loaded { engines, asked })))
    }

    /// Renders one.
    pub(super) fn render(&self, name: &str, context: &impl Serialize) -> Result<String, TemplateError> {
        let failed = |error: &tera::Error| TemplateError::Engine {
            name: name.to_owned(),
            action: "rendered",
            report: with_sources(error),
        };
        let format = Format::of(name);
        self.hold_conditions(name, context)?;
        let context = Context::from_serialize(context).map_err(|error| failed(&error))?;
        let Some(engine) = self.0.engines.get(&format) else {
            return Err(TemplateError::Unknown { name: name.to_owned(), known: Vec::new() });
        };
        let text = engine.render(name, &context).map_err(|error| failed(&error))?;
        for (index, line) in text.split('\n').enumerate() {
            if let Some(character) = line.chars().find(|&character| !format.holds(character)) {
                return Err(TemplateError::Character { name: name.to_owned(), line: index + 1, character });
            }
        }
        Ok(text)
    }

    /// Holds the names in a template's conditions against what it is given.
    fn hold_conditions(&self, name: &str, context: &impl Serialize) -> Result<(), TemplateError> {
        let Some(asked) = self.0.asked.get(name).filter(|asked| !asked.is_empty()) else { return Ok(()) };
        let context = serde_json::to_value(context).unwrap_or_default();
        match asked.iter().find(|asked| !conditions::has(&context, asked)) {
            None => Ok(()),
            Some(asked) => Err(TemplateError::Condition {
                name: name.to_owned(),
                asked: asked.clone(),
                given: context.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default(),
            }),
        }
    }
}

/// An error's report with those it was caused by: the engine leaves them out of its own.
fn with_sources(error: &tera::Error) -> String {
    let mut report = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if !report.contains(&text) {
            report.push_str("\n  because ");
            report.push_str(&text);
        }
        source = cause.source();
    }
    report
}

/// An engine whose every printed string goes through the format's writer.
fn engine(format: Format) -> Tera {
    let mut engine = Tera::new();
    engine.autoescape_on([""]);
    engine.set_escape_fn(format.writer());
    engine.register_filter("haproxy_quoted", haproxy_quoted);
    engine.register_filter("yaml_block", yaml_block);
    engine
}

/// `{{ text | haproxy_quoted }}`: a text of more than one word.
fn haproxy_quoted(value: &str, _: Kwargs, _: &State) -> TeraResult<Value> {
    Ok(Value::safe_string(&format::haproxy_quoted(value).map_err(tera::Error::message)?))
}

/// `{{ value | yaml_block(indent=4) }}`: a whole structure.
#[expect(clippy::needless_pass_by_value, reason = "the engine's signature of a filter")]
fn yaml_block(value: Value, kwargs: Kwargs, _: &State) -> TeraResult<Value> {
    let value = serde_json::to_value(&value).map_err(tera::Error::message)?;
    let indent = kwargs.must_get::<usize>("indent")?;
    Ok(Value::safe_string(&format::yaml_block(&value, indent).map_err(tera::Error::message)?))
}
