//! One PostgreSQL parameter of the inventory: its name and its value as written, nothing interpreted but on and off.

use super::diagnostic::{Code, Diagnostic};
use super::secret_words::is_secret_key;
use super::text::is_forbidden;
use super::tree::{Entry, Node, show};
use crate::cluster::{Identifier, ParameterValue};

/// Reads an entry, or says what is wrong with its name or value.
pub(super) fn read(entry: &Entry, path: &str) -> Result<ParameterValue, Diagnostic> {
    let name = &entry.key;
    if let Err(error) = Identifier::parameter(name) {
        let lower = name.to_ascii_lowercase();
        let help = if lower != *name && Identifier::parameter(&lower).is_ok() {
            format!("write {lower}: names of parameters are in lower case here")
        } else {
            "write the name as `SHOW ALL` lists it, such as work_mem or pg_stat_statements.max".to_owned()
        };
        let title = format!("`{}` is not the name of a parameter: {error}", show(name));
        return Err(Diagnostic::new(Code::PARAMETER_NAME, entry.key_span, title).help(help));
    }
    let span = entry.value.span;
    if entry.value.is_empty() {
        return Err(Diagnostic::new(Code::NO_VALUE, span, format!("`{path}` has no value"))
            .help("write one behind the colon (`''` for empty text), or delete the key"));
    }
    let Node::Scalar { text, plain } = &entry.value.node else {
        let title = format!("`{path}` takes one value, not {}", entry.value.kind());
        return Err(Diagnostic::new(Code::PARAMETER_VALUE, span, title)
            .why("a parameter that takes several takes them as one text, with commas")
            .help("write them in one line: 'pg_stat_statements, auto_explain'"));
    };
    if is_secret_key(name) && !name.starts_with("password_encryption") || text.contains("password=") {
        return Err(Diagnostic::new(
            Code::LITERAL_SECRET,
            span,
            format!("`{path}` seems to hold a secret in clear text"),
        )
        .hide()
        .why("inventories are shared and committed, and every login role can read parameters")
        .help("keep it in a file that only postgres may read, such as a pgpass or service file, and name that file"));
    }
    if let Some(bad) = text.chars().find(|&c| c == '\n' || c == '\r' || is_forbidden(c)) {
        return Err(Diagnostic::new(Code::PARAMETER_VALUE, span, format!("the value of `{path}` holds {bad:?}"))
            .why("postgresql.conf keeps one parameter in one line; what follows would be read as another one")
            .help("write it in one line; a long command goes into a script on the hosts"));
    }
    Ok(value(text, *plain))
}

/// The value that YAML means, so that text passes byte by byte.
fn value(text: &str, plain: bool) -> ParameterValue {
    if !plain {
        return ParameterValue::Text(text.to_owned());
    }
    match text.to_ascii_lowercase().as_str() {
        "on" | "yes" | "true" => return ParameterValue::Bool(true),
        "off" | "no" | "false" => return ParameterValue::Bool(false),
        _ => {}
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    // `0600` means octal to PostgreSQL; as a number it would lose its zero.
    let octal = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let numeric = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && !digits.starts_with('.');
    if octal || !numeric || digits.ends_with('.') {
        return ParameterValue::Text(text.to_owned());
    }
    if let Ok(integer) = text.parse() {
        return ParameterValue::Integer(integer);
    }
    match text.parse::<f64>() {
        // Only numbers that print as they were written stay numbers.
        Ok(float) if float.to_string() == text => ParameterValue::Float(float),
        _ => ParameterValue::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_what_was_written() {
        assert_eq!(value("on", true), ParameterValue::Bool(true));
        assert_eq!(value("on", false), ParameterValue::Text("on".into()));
        assert_eq!(value("-1", true), ParameterValue::Integer(-1));
        assert_eq!(value("0.9", true), ParameterValue::Float(0.9));
        for text in ["0600", "1.10", "16MB", "1e5", "1_000", "1.2.3", ".5", "5.", "99999999999999999999999", "12:34"] {
            assert_eq!(value(text, true), ParameterValue::Text(text.into()));
        }
    }
}
