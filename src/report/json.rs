//! JSON lines for machines: the first record names the format's version.

use std::io::Write;

use serde::Serialize;
use serde_json::{Value, json};

/// Raised in its first number when a reader of the former form would misread.
const FORMAT_VERSION: &str = "1.0";

/// A writer of JSON lines.
pub struct JsonLines<W: Write>(W);

impl<W: Write> JsonLines<W> {
    /// Begins with the version record.
    ///
    /// # Errors
    /// What the stream says.
    pub fn begin(mut out: W, command: &str) -> std::io::Result<Self> {
        let head = json!({"type": "version", "format_version": FORMAT_VERSION, "quorate": env!("CARGO_PKG_VERSION"), "command": command});
        writeln!(out, "{head}")?;
        Ok(Self(out))
    }

    /// Writes one record of that type.
    ///
    /// # Errors
    /// What the stream says.
    pub fn record(&mut self, kind: &str, fields: &impl Serialize) -> std::io::Result<()> {
        let mut record = serde_json::Map::new();
        record.insert("type".to_owned(), Value::from(kind));
        if let Value::Object(fields) = serde_json::to_value(fields).map_err(std::io::Error::other)? {
            record.extend(fields);
        }
        writeln!(self.0, "{}", Value::Object(record))
    }

    /// Writes one record that carries its own type.
    ///
    /// # Errors
    /// What the stream says.
    pub fn tagged(&mut self, record: &impl Serialize) -> std::io::Result<()> {
        writeln!(self.0, "{}", serde_json::to_value(record).map_err(std::io::Error::other)?)
    }
}
