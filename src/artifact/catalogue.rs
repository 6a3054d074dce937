//! The catalogue: what may be downloaded, from where, and the sum that it must have.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ArtifactError;
use crate::cluster::Version;

const CATALOGUE: &str = include_str!("catalogue.yml");

/// One download.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// File name.
    pub file: String,
    /// Addresses, upstream's own first; `debian:…` is a path below a Debian archive.
    pub urls: Vec<String>,
    /// The sum it must have.
    pub sha256: String,
    /// Where that sum is from.
    pub source_of_sum: String,
}

/// All that is pinned: component → version → download.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue(BTreeMap<String, BTreeMap<String, Input>>);

impl Catalogue {
    /// The project's own catalogue.
    ///
    /// # Errors
    /// Only if the embedded file is broken, which a test holds.
    pub fn embedded() -> Result<Self, serde_yaml::Error> {
        serde_yaml::from_str(CATALOGUE).map(Self)
    }

    /// The download of a component's version; `section` is the catalogue's own key, such as `etcd-source`.
    ///
    /// # Errors
    /// [`ArtifactError::Unknown`] with the versions that are there.
    pub fn find(&self, section: &str, version: Version) -> Result<&Input, ArtifactError> {
        let versions = self.0.get(section);
        versions.and_then(|versions| versions.get(&version.to_string())).ok_or_else(|| ArtifactError::Unknown {
            component: section.split('-').next().unwrap_or(section).to_owned(),
            version: version.to_string(),
            method: section.split_once('-').map_or("source", |(_, rest)| rest).to_owned(),
            known: versions
                .map_or_else(|| "none".to_owned(), |versions| versions.keys().cloned().collect::<Vec<_>>().join(", ")),
        })
    }

    /// A further download that goes with it, if there is one.
    pub fn also(&self, section: &str, version: Version) -> Option<&Input> {
        self.0.get(section)?.get(&version.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_pinned_and_has_a_plain_name() {
        let catalogue = Catalogue::embedded().unwrap();
        for (section, versions) in &catalogue.0 {
            for (version, input) in versions {
                let place = format!("{section} {version}");
                assert!(
                    input.sha256.len() == 64 && input.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()),
                    "{place}"
                );
                assert!(!input.file.contains('/') && !input.urls.is_empty(), "{place}");
                assert!(
                    input.urls.iter().all(|url| url.starts_with("https://") || url.starts_with("debian:")),
                    "{place}"
                );
            }
        }
        assert!(!catalogue.0.is_empty());
    }
}
