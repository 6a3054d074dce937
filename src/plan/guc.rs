//! PostgreSQL's own word on its parameters, and whether a wanted value is the one it runs with.

use serde_json::Value;

/// A row of `pg_settings`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guc {
    /// The value it runs with, in units of `unit`.
    pub setting: String,
    /// The unit of a bare number: `8kB`, `ms` …; empty if it has none.
    pub unit: String,
    /// `bool`, `integer`, `real`, `enum`, `string`.
    pub kind: String,
    /// Whether only a start of the server takes a new value over.
    pub postmaster: bool,
}

impl Guc {
    /// Reads `name|setting|unit|vartype|context`, fields separated by the unit separator (0x1f).
    pub(super) fn parse(line: &str) -> Option<(String, Self)> {
        let mut fields = line.split('\u{1f}');
        let mut field = || fields.next().map(str::to_owned);
        let (name, setting, unit, kind, context) = (field()?, field()?, field()?, field()?, field()?);
        Some((name, Self { setting, unit, kind, postmaster: context == "postmaster" }))
    }

    /// Whether the server runs with that value already, however it is written.
    pub fn runs_with(&self, wanted: &Value) -> bool {
        let text = plain(wanted);
        match self.kind.as_str() {
            "bool" => truth(&text) == truth(&self.setting),
            "integer" | "real" => match (self.number(&text), self.setting.parse::<f64>()) {
                (Some(wanted), Ok(running)) => (wanted - running).abs() <= running.abs() * 1e-9,
                _ => text == self.setting,
            },
            "enum" => text.eq_ignore_ascii_case(&self.setting),
            _ => text == self.setting,
        }
    }

    /// Whether the wanted value is smaller than the running one; `None` where that can't be said.
    pub fn shrinks_to(&self, wanted: &Value) -> Option<bool> {
        let wanted = self.number(&plain(wanted))?;
        Some(wanted < self.setting.parse::<f64>().ok()?)
    }

    /// A value in this parameter's own unit.
    fn number(&self, text: &str) -> Option<f64> {
        let text = text.trim();
        let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+'))).unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let number: f64 = number.parse().ok()?;
        match unit.trim() {
            "" => Some(number),
            unit => Some((number * scale(unit)? / scale(&self.unit)?).round()),
        }
    }
}

/// A unit in bytes, or in milliseconds; `8kB` and `16MB` are units too.
fn scale(unit: &str) -> Option<f64> {
    let digits = unit.find(|c: char| !c.is_ascii_digit()).unwrap_or(unit.len());
    let (count, name) = unit.split_at(digits);
    let count: f64 = if count.is_empty() { 1.0 } else { count.parse().ok()? };
    let factor = match name {
        "B" | "ms" => 1.0,
        "kB" => 1024.0,
        "MB" => 1_048_576.0,
        "GB" => 1_073_741_824.0,
        "TB" => 1_099_511_627_776.0,
        "us" => 0.001,
        "s" => 1000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    Some(count * factor)
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// A setting as text, without the quotes of JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_compared_as_postgresql_means_them() {
        let guc = |setting: &str, unit: &str, kind: &str| Guc {
            setting: setting.to_owned(),
            unit: unit.to_owned(),
            kind: kind.to_owned(),
            postmaster: true,
        };
        for (setting, unit, kind, wanted, same) in [
            ("16384", "8kB", "integer", Value::from("128MB"), true),
            ("16384", "8kB", "integer", Value::from(16384), true),
            ("16384", "8kB", "integer", Value::from("129MB"), false),
            ("900", "s", "integer", Value::from("15min"), true),
            ("32", "16MB", "integer", Value::from("512MB"), true),
            ("100", "", "integer", Value::from("100"), true),
            ("0.9", "", "real", Value::from(0.9), true),
            ("on", "", "bool", Value::from(true), true),
            ("off", "", "bool", Value::from("no"), true),
            ("off", "", "bool", Value::from("on"), false),
            ("replica", "", "enum", Value::from("REPLICA"), true),
            ("a", "", "string", Value::from("A"), false),
        ] {
            assert_eq!(guc(setting, unit, kind).runs_with(&wanted), same, "{setting}{unit} and {wanted}");
        }
        assert_eq!(guc("100", "", "integer").shrinks_to(&Value::from(99)), Some(true));
        assert_eq!(guc("16384", "8kB", "integer").shrinks_to(&Value::from("1GB")), Some(false));
        assert_eq!(guc("x", "", "string").shrinks_to(&Value::from("y")), None);
    }
}
