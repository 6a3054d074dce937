//! What a row of the table says.

use super::Word;

/// One key.
#[derive(Debug, Clone, Copy)]
pub(in crate::inventory) struct Field {
    /// The key.
    pub(in crate::inventory) key: &'static str,
    /// What its value is.
    pub(in crate::inventory) kind: Kind,
    /// Whether it must be there.
    pub(in crate::inventory) required: bool,
    /// What counts if it is not there: a value that could be written, or a sentence in parentheses.
    pub(in crate::inventory) default: &'static str,
    /// A value other than the default, as it is written in YAML.
    pub(in crate::inventory) example: &'static str,
    /// One sentence or more for readers.
    pub(in crate::inventory) doc: &'static str,
}

/// What a value can be.
#[derive(Debug, Clone, Copy)]
pub(in crate::inventory) enum Kind {
    /// A mapping with these keys.
    Section(&'static [Field]),
    /// A mapping with these keys, or a single value that stands for the named one.
    Short(&'static str, &'static [Field]),
    /// A list.
    List(&'static Kind),
    /// PostgreSQL parameters: free keys, scalar values.
    Parameters,
    /// `on`, `off`, `yes`, `no`, `true`, `false`.
    Bool,
    /// A whole number.
    Integer(i64, i64),
    /// A duration in seconds.
    Seconds(i64, i64),
    /// A size in bytes.
    Bytes(i64, i64),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Text of some alphabet.
    Text(Word),
}

/// A key that may be left out; `default` and `example` as in [`Field`].
pub(super) const fn optional(
    key: &'static str,
    kind: Kind,
    default: &'static str,
    example: &'static str,
    doc: &'static str,
) -> Field {
    Field { key, kind, required: false, default, example, doc }
}

/// A key that must be there.
pub(super) const fn required(key: &'static str, kind: Kind, example: &'static str, doc: &'static str) -> Field {
    Field { key, kind, required: true, default: "", example, doc }
}

/// A group of keys.
pub(super) const fn section(key: &'static str, fields: &'static [Field], doc: &'static str) -> Field {
    Field { key, kind: Kind::Section(fields), required: false, default: "", example: "", doc }
}

impl Kind {
    /// What it takes, with its article.
    pub(in crate::inventory) fn what(&self) -> String {
        match self {
            Self::Section(_) | Self::Parameters => "a mapping".to_owned(),
            Self::Short(key, _) => format!("its {key} or a mapping"),
            Self::List(_) => "a list".to_owned(),
            Self::Bool => "on or off".to_owned(),
            Self::Integer(..) => "a whole number".to_owned(),
            Self::Seconds(..) => "a duration".to_owned(),
            Self::Bytes(..) => "a size".to_owned(),
            Self::Choice(choices) => format!("one of {}", choices.join(", ")),
            Self::Text(word) => word.what().to_owned(),
        }
    }

    /// What to write for the key.
    pub(super) fn how_to_write(&self, key: &str) -> String {
        match self {
            Self::Section(fields) => {
                let keys: Vec<&str> = fields.iter().map(|field| field.key).collect();
                format!("write `{key}:` and below it, indented, any of {}", keys.join(", "))
            }
            Self::Parameters => format!("write `{key}:` and below it, indented, `name: value`"),
            Self::Short(short, fields) => {
                let example = fields.iter().find(|field| field.key == *short).map_or("", |field| field.example);
                format!("write `{key}: {example}`, or a mapping with `{short}`")
            }
            Self::List(_) => format!("write `{key}:` and below it one line for each, beginning with `- `"),
            Self::Bool => format!("write `{key}: on` or `{key}: off`"),
            Self::Integer(..) => "write digits alone, without quotes".to_owned(),
            Self::Seconds(..) => "write `30s`, `15min`, `8h`, `1d` or plain seconds".to_owned(),
            Self::Bytes(..) => "write `512kB`, `16MB`, `2GB` or plain bytes".to_owned(),
            Self::Choice(choices) => format!("write one of {}", choices.join(", ")),
            Self::Text(_) => format!("write `{key}:` and the text behind it"),
        }
    }

    /// What to write for a required key that is missing.
    pub(super) fn how_to_write_required(&self, field: &Field) -> String {
        if field.example.is_empty() {
            return self.how_to_write(field.key);
        }
        format!("write `{}: {}` with your own value", field.key, field.example)
    }

    /// A limit as it could be written.
    pub(super) fn number(&self, number: i64) -> String {
        match self {
            Self::Seconds(..) => crate::inventory::quantity::show_seconds(number),
            Self::Bytes(..) => crate::inventory::quantity::show_bytes(number),
            _ => number.to_string(),
        }
    }
}
