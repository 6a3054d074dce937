//! The package repository of hosts that don't look like Debian: RPM packages under the real archives' names, built once and kept.
//!
//! With it is kept what belongs to it: the authority that the hosts trust, the layer over their image, and etcd as an archive of
//! upstream's shape, which an inventory names as its own pin.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Deserialize;

use super::archive::Archive;
use super::error::file;
use super::spec::Like;
use super::{Error, Event, cache, el, files, program};

/// A download that the catalogue does not know in this form.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Pin {
    pub(super) component: String,
    pub(super) version: String,
    pub(super) kind: String,
    pub(super) arch: String,
    pub(super) file: String,
    pub(super) sha256: String,
}

/// The kind of thing it is in the cache.
pub(super) fn kind(like: Like) -> String {
    format!("{}-repository", like.as_str())
}

/// The layer over the image.
pub(super) fn layer(repository: &Path) -> PathBuf {
    repository.join("layer")
}

/// The folder of downloads.
pub(super) fn artifacts(repository: &Path) -> PathBuf {
    repository.join("artifacts")
}

/// The names under which it is served, separated by spaces.
pub(super) fn names(repository: &Path) -> Result<String, Error> {
    let path = repository.join("names");
    std::fs::read_to_string(&path).map(|text| text.trim().to_owned()).map_err(file("cannot read", path))
}

/// What is in the folder of downloads.
pub(super) fn pins(repository: &Path) -> Result<Vec<Pin>, Error> {
    let path = artifacts(repository).join("pins.json");
    let text = std::fs::read_to_string(&path).map_err(file("cannot read", &path))?;
    serde_json::from_str(&text).map_err(|error| file("cannot understand", path)(error.into()))
}

/// The repository for such hosts, built if it isn't there.
pub(super) fn ensure(
    like: Like,
    image: &Path,
    archive: &Archive,
    event: &(dyn Fn(&Event) + Sync),
) -> Result<PathBuf, Error> {
    let image_name = image.to_string_lossy();
    let mut parts = vec![like.as_str(), &*image_name, el::SERVER.1];
    parts.extend(el::REPOSITORY_FILES.iter().map(|(_, text)| *text));
    cache::ensure(&kind(like), &cache::key(&parts), event, &|building| {
        let start = Instant::now();
        event(&Event::BuildingRepository { like: like.as_str().to_owned() });
        build(like, image, archive, building)?;
        event(&Event::RepositoryBuilt { like: like.as_str().to_owned(), took: start.elapsed() });
        Ok(())
    })
}

/// Builds it inside the image, in a layer that is thrown away.
fn build(like: Like, image: &Path, archive: &Archive, folder: &Path) -> Result<(), Error> {
    let scripts = el::unpack(&el::REPOSITORY_FILES)?;
    files::make_folder(folder, 0o700)?;
    files::write(&folder.join(el::SERVER.0), 0o644, el::SERVER.1)?;
    // Beside the result: an overlay's layers must lie on one file system, and not every temporary folder's will do.
    let work = folder.join("work");
    files::make_folder(&work, 0o700)?;
    let script = scripts.path().join("builder.sh");
    let (major, minor) = like.version();
    let bookworm = format!("deb {} bookworm main", archive.root);
    let paths =
        [script.as_path(), image, &work, folder, scripts.path()].map(|path| path.to_string_lossy().into_owned());
    let mut arguments = vec!["-n", "10", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--", "sh"];
    arguments.extend(paths.iter().map(String::as_str));
    arguments.extend([major, minor, bookworm.as_str()]);
    program::run("building the package repository", "nice", &arguments)?;
    files::remove_folder(&work)
}
