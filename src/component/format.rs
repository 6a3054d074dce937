//! The formats that templates write, and how a value is written in each so that it can't be read as anything else.
//!
//! Every string that a template prints goes through the format's own writer, by the template engine's automatic escaping:
//! a value that a format can't hold is an error there, never a broken file on a host.

use std::fmt::Write as _;
use std::io::{Error, Result, Write};

use tera::EscapeFn;

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Format {
    /// `NAME=value` lines for systemd's `EnvironmentFile=`.
    Environment,
    /// A unit of systemd.
    Unit,
    /// YAML as Patroni reads it (YAML 1.1).
    Yaml,
    /// haproxy.cfg.
    Haproxy,
    /// keepalived.conf.
    Keepalived,
    /// A policy of firewalld.
    Xml,
    /// A shell script.
    Script,
}

impl Format {
    /// All of them.
    pub(super) const ALL: [Self; 7] =
        [Self::Environment, Self::Unit, Self::Yaml, Self::Haproxy, Self::Keepalived, Self::Xml, Self::Script];

    /// The format of a template, by the end of its name.
    pub(super) fn of(template: &str) -> Self {
        match template.rsplit_once('.').map(|(_, end)| end) {
            Some("env") => Self::Environment,
            Some("service") => Self::Unit,
            Some("yml") => Self::Yaml,
            Some("cfg") => Self::Haproxy,
            Some("conf") => Self::Keepalived,
            Some("xml") => Self::Xml,
            _ => Self::Script,
        }
    }

    /// The writer of values.
    pub(super) fn writer(self) -> EscapeFn {
        match self {
            Self::Environment | Self::Keepalived | Self::Xml | Self::Script => write_word,
            Self::Unit => write_unit_word,
            Self::Yaml => write_yaml,
            Self::Haproxy => write_haproxy_word,
        }
    }

    /// Whether a character may stand in a file of this format. Daemons trim and split at ASCII blanks only: a stray
    /// ideographic space in keepalived.conf becomes part of an interface's name.
    pub(super) fn holds(self, character: char) -> bool {
        match character {
            '\n' | ' '..='~' => true,
            '\t' => matches!(self, Self::Yaml | Self::Script),
            // A password may hold any letter; Patroni reads its file as UTF-8 (PYTHONUTF8 in its unit).
            other => self == Self::Yaml && printable(other),
        }
    }
}

/// A word that no daemon's parser splits, expands or cuts: it is written as it is, or refused.
fn write_word(value: &str, out: &mut dyn Write) -> Result<()> {
    if let Some(bad) = value.chars().find(|&c| !(c.is_ascii_alphanumeric() || "_-./:,=+@".contains(c))) {
        return Err(Error::other(format!("the character {bad:?} can't be written in this file format")));
    }
    if value.is_empty() {
        return Err(Error::other("an empty value can't be written in this file format"));
    }
    out.write_all(value.as_bytes())
}

/// As [`write_word`]; the query of a check's URI is no harm to HAProxy either.
fn write_haproxy_word(value: &str, out: &mut dyn Write) -> Result<()> {
    write_word(&value.replace(['?', '&'], ""), &mut std::io::sink())?;
    out.write_all(value.as_bytes())
}

/// As [`write_word`], with systemd's specifiers taken literally.
fn write_unit_word(value: &str, out: &mut dyn Write) -> Result<()> {
    write_word(&value.replace('%', ""), &mut std::io::sink())?;
    out.write_all(value.replace('%', "%%").as_bytes())
}

/// A YAML string: always in single quotes, because Patroni's reader (YAML 1.1) reads `on`, `no`, `1_000` or `12:34` as something else.
fn write_yaml(value: &str, out: &mut dyn Write) -> Result<()> {
    out.write_all(yaml_string(value)?.as_bytes())
}

/// See [`write_yaml`].
pub(super) fn yaml_string(value: &str) -> Result<String> {
    if let Some(bad) = value.chars().find(|&c| c != '\t' && !printable(c)) {
        return Err(Error::other(format!("the character {bad:?} can't be written in a one-line YAML string")));
    }
    Ok(format!("'{}'", value.replace('\'', "''")))
}

/// Whether Patroni's YAML reader takes a character inside a single-quoted line as itself: no control character, no other kind of line break
/// (NEL, LS, PS), no byte order mark, nothing outside the ranges that YAML calls printable.
fn printable(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}'
        | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
}

/// A text in HAProxy's strong quotes, inside which nothing is expanded.
pub(super) fn haproxy_quoted(value: &str) -> Result<String> {
    if let Some(bad) = value.chars().find(|&c| c == '\'' || !(' '..='~').contains(&c)) {
        return Err(Error::other(format!("the character {bad:?} can't be written between HAProxy's quotes")));
    }
    Ok(format!("'{value}'"))
}

/// A JSON value as a block of YAML, each line indented by `indent` blanks, keys in their order, strings quoted.
pub(super) fn yaml_block(value: &serde_json::Value, indent: usize) -> Result<String> {
    let mut text = String::new();
    write_block(value, indent, &mut text)?;
    // The template goes on behind the tag: the last newline is its own.
    text.truncate(text.trim_end_matches('\n').len());
    Ok(text)
}

fn write_block(value: &serde_json::Value, indent: usize, text: &mut String) -> Result<()> {
    let pad = " ".repeat(indent);
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                let key = yaml_string(key)?;
                if is_scalar(value) {
                    line(text, &format_args!("{pad}{key}: {}", scalar(value)?));
                } else {
                    line(text, &format_args!("{pad}{key}:"));
                    write_block(value, indent + 2, text)?;
                }
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                line(text, &format_args!("{pad}- {}", scalar(item)?));
            }
        }
        other => line(text, &format_args!("{pad}{}", scalar(other)?)),
    }
    Ok(())
}

/// Appends a line. Writing to a `String` can't fail.
fn line(text: &mut String, content: &std::fmt::Arguments) {
    let _ = writeln!(text, "{content}");
}

/// Whether a value is written on its key's line.
fn is_scalar(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Object(map) => map.is_empty(),
        serde_json::Value::Array(items) => items.is_empty(),
        _ => true,
    }
}

fn scalar(value: &serde_json::Value) -> Result<String> {
    match value {
        serde_json::Value::String(value) => yaml_string(value),
        serde_json::Value::Object(map) if !map.is_empty() => {
            Err(Error::other("a mapping inside a list is not written by quorate"))
        }
        serde_json::Value::Array(items) if !items.is_empty() => {
            Err(Error::other("a list inside a list is not written by quorate"))
        }
        // Numbers, true, false, null, {} and [] are the same in JSON and in YAML 1.1.
        other => Ok(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: Format, value: &str) -> Option<String> {
        let mut out = Vec::new();
        format.writer()(value, &mut out).ok()?;
        String::from_utf8(out).ok()
    }

    #[test]
    fn each_format_writes_a_value_whole_or_refuses_it() {
        assert_eq!(written(Format::Unit, "/srv/100%").as_deref(), Some("/srv/100%%"));
        assert_eq!(written(Format::Yaml, "it's: #1").as_deref(), Some("'it''s: #1'"));
        assert_eq!(written(Format::Yaml, "on").as_deref(), Some("'on'"));
        for bad in ["a b", "a\nb", "a#b", "a\"b", "a'b", "a\\b", "$(id)", "a\u{3000}", "", "a{b", "a!b", "a;b", "\0"] {
            for format in
                [Format::Environment, Format::Unit, Format::Haproxy, Format::Keepalived, Format::Xml, Format::Script]
            {
                assert_eq!(written(format, bad), None, "{format:?} wrote {bad:?}");
            }
        }
        for bad in ["a\nb", "a\rb", "a\u{85}b", "a\u{2028}b", "\0", "\u{feff}", "\u{7f}"] {
            assert_eq!(written(Format::Yaml, bad), None, "YAML wrote {bad:?}");
        }
    }

    #[test]
    fn a_block_keeps_types() -> Result<()> {
        let value = serde_json::json!({"ttl": 30, "on": "on", "off": false, "list": ["a b", "no"], "empty": {}});
        let text = yaml_block(&value, 2)?;
        let back: serde_json::Value = serde_yaml::from_str(&text).map_err(Error::other)?;
        assert_eq!(back, value);
        assert!(text.contains("  'on': 'on'"), "{text}");
        Ok(())
    }
}
