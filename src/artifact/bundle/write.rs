//! Writes a bundle: beside its place, whole or not at all.

use std::collections::BTreeMap;
use std::io::{self, BufWriter};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::{MANIFEST, Manifest, SIGNATURE, SUMS, Sum, entry, sign, sums};
use crate::artifact::ArtifactError;
use crate::cluster::sha256;

/// A bundle that is being written. Dropped before its end, it leaves nothing behind.
pub struct BundleWriter {
    archive: tar::Builder<BufWriter<NamedTempFile>>,
    place: PathBuf,
    id: String,
    /// What is still to come, in order.
    promised: BTreeMap<String, Sum>,
}

/// A bundle that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its id: the sum of its list of sums.
    pub id: String,
    /// Its size in bytes.
    pub bytes: u64,
}

impl BundleWriter {
    /// Begins a bundle of those entries, each still to be [added](Self::add); `key` signs the list of sums.
    ///
    /// # Errors
    /// [`ArtifactError`] when the place can't be written or the key does not sign.
    pub fn begin(
        place: &Path,
        manifest: &Manifest,
        entries: BTreeMap<String, Sum>,
        key: Option<&Path>,
    ) -> Result<Self, ArtifactError> {
        let failed = |source| ArtifactError::File { path: place.to_owned(), source };
        let manifest = manifest.text().map_err(|error| failed(error.into()))?;
        let own = sha256(manifest.as_bytes());
        let mut all: BTreeMap<&String, &String> = entries.iter().map(|(name, sum)| (name, &sum.sha256)).collect();
        let name = MANIFEST.to_owned();
        all.insert(&name, &own);
        let list = sums::text(all);
        let signature = key.map(|key| sign::sign(&list, key)).transpose()?;
        let file = NamedTempFile::new_in(folder(place)).map_err(failed)?;
        let mut writer = Self {
            archive: tar::Builder::new(BufWriter::with_capacity(1 << 20, file)),
            place: place.to_owned(),
            id: sha256(list.as_bytes()),
            promised: entries,
        };
        writer.append(MANIFEST, manifest.as_bytes())?;
        writer.append(SUMS, list.as_bytes())?;
        if let Some(signature) = signature {
            writer.append(SIGNATURE, signature.as_bytes())?;
        }
        Ok(writer)
    }

    /// What is to be added next; the order is that of the names.
    pub fn next(&self) -> Option<(&String, &Sum)> {
        self.promised.first_key_value()
    }

    /// Adds the [next](Self::next) entry.
    ///
    /// # Errors
    /// [`ArtifactError::Bundle`] when it is another one than was promised.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
        let wrong = |reason: &str| ArtifactError::Bundle {
            file: self.place.clone(),
            entry: name.to_owned(),
            reason: reason.to_owned(),
        };
        let (next, sum) = self.promised.pop_first().ok_or_else(|| wrong("it was not promised"))?;
        if next != name || sum.size != bytes.len() as u64 || sum.sha256 != sha256(bytes) {
            return Err(wrong("it did not arrive as it was announced"));
        }
        self.append(name, bytes)
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), ArtifactError> {
        let header = entry::header(name, bytes.len() as u64).ok_or_else(|| ArtifactError::Bundle {
            file: self.place.clone(),
            entry: name.to_owned(),
            reason: "its path is none that a bundle has".to_owned(),
        })?;
        self.archive.append(&header, bytes).map_err(|source| ArtifactError::File { path: self.place.clone(), source })
    }

    /// Puts the bundle in its place.
    ///
    /// # Errors
    /// [`ArtifactError`] when something is missing still, or the place can't be written.
    pub fn finish(self) -> Result<Written, ArtifactError> {
        let Self { archive, place, id, promised } = self;
        if let Some((entry, _)) = promised.into_iter().next() {
            return Err(ArtifactError::Bundle { file: place, entry, reason: "it never came".to_owned() });
        }
        let written = (|| -> io::Result<u64> {
            let file = archive.into_inner()?.into_inner().map_err(io::IntoInnerError::into_error)?;
            let mode = std::fs::Permissions::from_mode(0o644);
            file.as_file().set_permissions(mode).and_then(|()| file.as_file().sync_all())?;
            let bytes = file.as_file().metadata()?.len();
            file.persist(&place).map_err(|error| error.error)?;
            std::fs::File::open(folder(&place))?.sync_all()?;
            Ok(bytes)
        })();
        match written {
            Ok(bytes) => Ok(Written { id, bytes }),
            Err(source) => Err(ArtifactError::File { path: place, source }),
        }
    }
}

/// The folder that a file stands in.
fn folder(place: &Path) -> &Path {
    place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
