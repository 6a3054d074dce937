//! The catalogue: what may be downloaded, from where, and the sum that it must have.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ArtifactError;
use crate::cluster::{Arch, Pin, Pinned, PinnedComponent, PinnedFile, Version};

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

/// All that is pinned: component → version → download, and Patroni's requirements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    downloads: BTreeMap<String, BTreeMap<String, Input>>,
    /// Patroni's packages by version: files of requirements with hashes.
    requirements: BTreeMap<String, String>,
    replaced: Vec<String>,
}

impl Catalogue {
    /// The project's own catalogue.
    ///
    /// # Errors
    /// Only if the embedded file is broken, which a test holds.
    pub fn embedded() -> Result<Self, serde_yaml::Error> {
        let requirements = [
            ("4.1.4", include_str!("../../templates/build/patroni-4.1.4.txt")),
            ("4.1.5", include_str!("../../templates/build/patroni-4.1.5.txt")),
        ];
        Ok(Self {
            downloads: serde_yaml::from_str(CATALOGUE)?,
            requirements: requirements.map(|(version, text)| (version.to_owned(), text.to_owned())).into(),
            replaced: Vec::new(),
        })
    }

    /// The catalogue with the inventory's own versions; one that the catalogue has too is the inventory's from now on.
    ///
    /// # Errors
    /// [`ArtifactError::Store`] when a file of requirements can't be read.
    pub fn with(mut self, pins: &[Pin]) -> Result<Self, ArtifactError> {
        for pin in pins {
            let version = pin.version.to_string();
            let former = match &pin.what {
                Pinned::Source(file) => {
                    self.download(Self::section(pin.component, None), version, file).map(|former| former.sha256)
                }
                Pinned::Release(arch, file) => {
                    self.download(Self::section(pin.component, Some(*arch)), version, file).map(|former| former.sha256)
                }
                Pinned::Requirements(path) => {
                    let read = std::fs::read_to_string(path);
                    let text = read.map_err(|source| ArtifactError::Store { path: path.clone(), source })?;
                    self.requirements.insert(version, text)
                }
            };
            if former.is_some() {
                self.replaced.push(pin.to_string());
            }
        }
        Ok(self)
    }

    fn download(&mut self, section: String, version: String, pinned: &PinnedFile) -> Option<Input> {
        let input = Input {
            file: pinned.file.clone(),
            urls: pinned.url.iter().cloned().collect(),
            sha256: pinned.sha256.clone(),
            source_of_sum: "the inventory".to_owned(),
        };
        self.downloads.entry(section).or_default().insert(version, input)
    }

    /// The catalogue's own key for a component's source, or its release for an architecture.
    fn section(component: PinnedComponent, release: Option<Arch>) -> String {
        match (component, release) {
            (component, Some(arch)) => format!("{}-linux-{arch}", component.as_str()),
            (PinnedComponent::Etcd, None) => "etcd-source".to_owned(),
            (component, None) => component.as_str().to_owned(),
        }
    }

    /// Pins of the inventory that stand in the place of the catalogue's own, each in a few words.
    pub fn replaced(&self) -> &[String] {
        &self.replaced
    }

    /// The download of a component's version; `section` is the catalogue's own key, such as `etcd-source`.
    ///
    /// # Errors
    /// [`ArtifactError::Unknown`] with the versions that are there.
    pub fn find(&self, section: &str, version: Version) -> Result<&Input, ArtifactError> {
        let versions = self.downloads.get(section);
        versions.and_then(|versions| versions.get(&version.to_string())).ok_or_else(|| ArtifactError::Unknown {
            component: section.split('-').next().unwrap_or(section).to_owned(),
            version: version.to_string(),
            method: section.split_once('-').map_or("source", |(_, rest)| rest).to_owned(),
            known: known(versions),
        })
    }

    /// A further download that goes with it, if there is one.
    pub fn also(&self, section: &str, version: Version) -> Option<&Input> {
        self.downloads.get(section)?.get(&version.to_string())
    }

    /// Patroni's packages of a version, each with its sums.
    ///
    /// # Errors
    /// [`ArtifactError::Unknown`] with the versions that are there.
    pub fn requirements(&self, version: Version) -> Result<&str, ArtifactError> {
        self.requirements.get(&version.to_string()).map(String::as_str).ok_or_else(|| ArtifactError::Unknown {
            component: "patroni".to_owned(),
            version: version.to_string(),
            method: "requirements".to_owned(),
            known: known(Some(&self.requirements)),
        })
    }
}

/// The versions of a section, for a message.
fn known<T>(versions: Option<&BTreeMap<String, T>>) -> String {
    versions.map_or_else(|| "none".to_owned(), |versions| versions.keys().cloned().collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_pinned_and_has_a_plain_name() {
        let catalogue = Catalogue::embedded().unwrap();
        for (section, versions) in &catalogue.downloads {
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
        assert!(!catalogue.downloads.is_empty());
    }

    #[test]
    fn own_versions_join_and_one_that_is_there_already_is_replaced_by_name() {
        let file = |name: &str| PinnedFile { file: name.to_owned(), sha256: "a".repeat(64), url: None };
        let pin = |version: Version, what| Pin { component: PinnedComponent::Etcd, version, what };
        let pins = [
            pin(Version::new(3, 5, 99), Pinned::Source(file("new.tar.gz"))),
            pin(Version::new(3, 5, 16), Pinned::Source(file("other.tar.gz"))),
            pin(Version::new(3, 5, 99), Pinned::Release(Arch::Arm64, file("arm.tar.gz"))),
        ];
        let plain = Catalogue::embedded().unwrap();
        assert!(plain.find("etcd-source", Version::new(3, 5, 99)).is_err());
        let catalogue = plain.with(&pins).unwrap();
        let found = |section, version| catalogue.find(section, version).map(|input| input.file.as_str());
        assert_eq!(found("etcd-source", Version::new(3, 5, 99)).unwrap(), "new.tar.gz");
        assert_eq!(found("etcd-source", Version::new(3, 5, 16)).unwrap(), "other.tar.gz");
        assert_eq!(found("etcd-linux-arm64", Version::new(3, 5, 99)).unwrap(), "arm.tar.gz");
        assert_eq!(catalogue.replaced(), ["etcd 3.5.16 (source)"]);
        assert!(matches!(found("etcd-linux-amd64", Version::new(3, 5, 99)), Err(ArtifactError::Unknown { .. })));
    }
}
