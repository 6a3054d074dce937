//! The operator's cache: downloads by their sum, built programs by what they were built from.

use std::path::{Path, PathBuf};

use super::ArtifactError;

/// The cache's folder.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// A cache in that folder.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where a download of that sum stands.
    pub fn download(&self, sha256: &str, file: &str) -> PathBuf {
        self.root.join("downloads").join(format!("{sha256}-{file}"))
    }

    /// Where a download of that sum is put together.
    pub(super) fn part(&self, sha256: &str) -> PathBuf {
        self.root.join("downloads").join(format!("{sha256}.part"))
    }

    /// Where a built program of that key stands.
    pub fn built(&self, key: &str) -> PathBuf {
        self.root.join("built").join(format!("{key}.tar.gz"))
    }

    /// The bytes of a file of the cache, if it is there.
    ///
    /// # Errors
    /// [`ArtifactError::Store`] when it is there and can't be read.
    pub fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, ArtifactError> {
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ArtifactError::Store { path: path.to_owned(), source }),
        }
    }

    /// Puts a file into the cache, whole or not at all.
    ///
    /// # Errors
    /// [`ArtifactError::Store`] when the cache can't be written.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), ArtifactError> {
        let failed = |source| ArtifactError::Store { path: path.to_owned(), source };
        let folder = path.parent().unwrap_or(&self.root);
        std::fs::create_dir_all(folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        std::io::Write::write_all(&mut file, bytes).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(())
    }
}
