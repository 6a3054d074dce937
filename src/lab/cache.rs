//! What is built once and shared by labs: each thing in a folder whose name holds a hash of all that went into it.
//!
//! It is built under a temporary name: a half-built thing is never taken for a whole one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::error::file;
use super::lock::Lock;
use super::spec::{Like, Suite, all_labs};
use super::{Error, Event, files, repository, wait};

/// Where images and repositories are kept.
const CACHE: &str = "/var/cache/quorate/lab";
/// How long another command's build is waited for.
const BUILD_LIMIT: Duration = Duration::from_secs(15 * 60);

/// The thing of that kind and key, built by `build` in the folder it is given if it isn't there.
pub(super) fn ensure(
    kind: &str,
    key: &str,
    event: &(dyn Fn(&Event) + Sync),
    build: &dyn Fn(&Path) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    let folder = Path::new(CACHE).join(kind);
    let whole = folder.join(key);
    if whole.is_dir() {
        return Ok(whole);
    }
    files::make_folder(&folder, 0o700)?;
    let _lock = build_lock(&folder, event)?;
    if whole.is_dir() {
        return Ok(whole);
    }
    remove_unused(&folder)?;
    let building = folder.join("building");
    build(&building)?;
    fs::rename(&building, &whole).map_err(file("cannot rename what was built to", &whole))?;
    Ok(whole)
}

/// A name that changes whenever one of the parts or this machine's authorities do.
pub(super) fn key(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default());
    let digest: [u8; 32] = hash.finalize().into();
    let start = digest.first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(start))
}

/// Removes all that no lab stands on; whether any was there.
pub(super) fn purge() -> Result<bool, Error> {
    let mut removed = false;
    let mut kinds: Vec<String> = Suite::ALL.iter().map(|suite| suite.as_str().to_owned()).collect();
    kinds.extend(Like::ALL.iter().flat_map(|like| [like.as_str().to_owned(), repository::kind(*like)]));
    for kind in kinds {
        let folder = Path::new(CACHE).join(kind);
        if folder.is_dir() {
            let _lock = Lock::take(&folder.join(".lock"))?;
            removed |= remove_unused(&folder)?;
        }
        let _ = fs::remove_dir(&folder);
    }
    // Empty ones only: an image in use, or something of somebody else's, keeps them.
    let _ = fs::remove_dir(CACHE);
    let _ = fs::remove_dir(Path::new(CACHE).parent().unwrap_or(Path::new(CACHE)));
    Ok(removed)
}

/// Removes an image, and what an interrupted build left mounted in it.
pub(super) fn clear(image: &Path) -> Result<(), Error> {
    files::unmount_below(image)?;
    files::remove_folder(image)
}

/// One build at a time per kind: a second command waits for what the first one builds.
fn build_lock(folder: &Path, event: &dyn Fn(&Event)) -> Result<Lock, Error> {
    let path = folder.join(".lock");
    if let Some(lock) = Lock::try_take(&path)? {
        return Ok(lock);
    }
    event(&Event::WaitingForImage);
    let taken = wait::until(BUILD_LIMIT, Duration::from_millis(250), || Lock::try_take(&path).transpose());
    taken.unwrap_or(Err(Error::Locked { path }))
}

/// Removes what is in a kind's folder, finished or not, and no lab stands on. The caller holds the lock.
fn remove_unused(folder: &Path) -> Result<bool, Error> {
    let used: Vec<PathBuf> =
        all_labs().into_iter().flat_map(|lab| [Some(lab.image), lab.repository]).flatten().collect();
    let mut removed = false;
    for entry in fs::read_dir(folder).map_err(file("cannot read", folder))?.flatten() {
        let path = entry.path();
        if path.is_dir() && !used.contains(&path) {
            clear(&path)?;
            removed = true;
        }
    }
    Ok(removed)
}
