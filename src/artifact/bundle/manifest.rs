//! What a bundle is for, and what it holds.

use serde::{Deserialize, Serialize};

/// The form that this version writes; a reader refuses another first number.
const FORMAT_VERSION: &str = "1.0";

/// The first entry of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form of the bundle.
    pub format_version: String,
    /// The version of quorate that made it.
    pub quorate: String,
    /// When, RFC 3339 in UTC.
    pub created: String,
    /// The name of the cluster whose inventory it was made from.
    pub cluster: String,
    /// That inventory's sum.
    pub inventory_sha256: String,
    /// The operating system and its release, such as `debian-13`.
    pub os: String,
    /// The architecture, by Debian's name for it.
    pub arch: String,
    /// The system of the host that it was made on, in that system's words.
    pub made_on: String,
    /// Programs, built.
    pub programs: Vec<BundledProgram>,
    /// The packages that were asked for. What they depend on is there too, down to the C library.
    pub packages: Vec<String>,
}

/// A program of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundledProgram {
    /// The component.
    pub component: String,
    /// Its version.
    pub version: String,
    /// The key of what it was built from: another recipe has another key.
    pub key: String,
}

impl Manifest {
    /// The form that this version writes.
    pub fn format_version() -> String {
        FORMAT_VERSION.to_owned()
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let version = value.get("format_version").and_then(serde_json::Value::as_str).unwrap_or("none");
        let first = |text: &str| text.split('.').next().map(str::to_owned);
        if first(version) != first(FORMAT_VERSION) {
            return Err(format!("its form is {version}; this version of quorate reads {FORMAT_VERSION}"));
        }
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    /// The manifest as it stands in the bundle.
    pub(super) fn text(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_of_the_future_is_named_and_an_addition_is_not_minded() {
        let manifest = Manifest {
            format_version: Manifest::format_version(),
            quorate: "0.1.0".to_owned(),
            created: "2026-01-01T00:00:00Z".to_owned(),
            cluster: "pg".to_owned(),
            inventory_sha256: "0".repeat(64),
            os: "debian-13".to_owned(),
            arch: "amd64".to_owned(),
            made_on: "Debian".to_owned(),
            programs: Vec::new(),
            packages: Vec::new(),
        };
        let text = manifest.text().unwrap();
        assert_eq!(Manifest::parse(text.as_bytes()).unwrap(), manifest);
        let added = text.replacen("\"1.0\"", "\"1.7\",\n  \"note\": 1", 1);
        assert_eq!(Manifest::parse(added.as_bytes()).unwrap().format_version, "1.7");
        let future = text.replacen("\"1.0\"", "\"2.0\"", 1);
        assert!(Manifest::parse(future.as_bytes()).unwrap_err().contains("2.0"));
        assert!(Manifest::parse(b"{}").is_err() && Manifest::parse(b"").is_err());
    }
}
