//! One lab command at a time per lab, and one image build at a time: a file lock that dies with its holder.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::Error;
use super::error::file;

/// A held lock. Dropping it lets go and removes the file.
pub(super) struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Takes the lock; `None` if someone else holds it.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        loop {
            let file_handle = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(path)
                .map_err(file("cannot open the lock", path))?;
            match flock(&file_handle, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(file("cannot lock", path)(error.into())),
            }
            // The former holder removed the file between our open and our lock: then ours is a lock on nothing.
            let ours = file_handle.metadata().map_err(file("cannot read", path))?;
            if fs::metadata(path).is_ok_and(|there| there.ino() == ours.ino() && there.dev() == ours.dev()) {
                return Ok(Some(Self { path: path.to_owned(), _file: file_handle }));
            }
        }
    }

    /// Takes the lock, or says who has it.
    pub(super) fn take(path: &Path) -> Result<Self, Error> {
        Self::try_take(path)?.ok_or_else(|| Error::Locked { path: path.to_owned() })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_holds_it_and_it_is_free_again_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::try_take(&path).unwrap();
        assert!(first.is_some());
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(first);
        assert!(!path.exists());
        assert!(Lock::try_take(&path).unwrap().is_some());
    }
}
