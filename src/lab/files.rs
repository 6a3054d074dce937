//! Small files with exact modes, live by rename.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::Error;
use super::error::file;

/// Writes a file of this mode, replacing what was there (a symbolic link too).
pub(super) fn write(path: &Path, mode: u32, content: &str) -> Result<(), Error> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".new");
    let temporary = path.with_file_name(name);
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        file.write_all(content.as_bytes())?;
        // The mode given at creation is cut by the caller's umask.
        file.set_permissions(Permissions::from_mode(mode))?;
        fs::rename(&temporary, path)
    })();
    written.map_err(file("cannot write", path))
}

/// Makes a folder and its parents; the folder itself gets this mode.
pub(super) fn make_folder(path: &Path, mode: u32) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(file("cannot make", path))?;
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(file("cannot set the mode of", path))
}

/// Reads a text; `None` when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file("cannot read", path)(error)),
    }
}

/// Removes a folder and all below it, if it exists and nothing is mounted there.
pub(super) fn remove_folder(path: &Path) -> Result<(), Error> {
    if let Some(path) = mounts_below(path)?.into_iter().next() {
        return Err(Error::StillMounted { path });
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file("cannot remove", path)(error)),
        _ => Ok(()),
    }
}

/// The mount points at or below a folder, the latest first: the order to unmount them in.
pub(super) fn mounts_below(folder: &Path) -> Result<Vec<std::path::PathBuf>, Error> {
    let table = Path::new("/proc/self/mountinfo");
    let text = fs::read_to_string(table).map_err(file("cannot read", table))?;
    let mut mounts: Vec<_> = text
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| std::path::PathBuf::from(point.replace("\\040", " ")))
        .filter(|point| point.starts_with(folder))
        .collect();
    mounts.reverse();
    Ok(mounts)
}

/// Unmounts everything at or below a folder.
pub(super) fn unmount_below(folder: &Path) -> Result<(), Error> {
    use rustix::mount::{UnmountFlags, unmount};
    for point in mounts_below(folder)? {
        if unmount(&point, UnmountFlags::NOFOLLOW).is_err() {
            // Somebody stands in it (a shell, a log viewer): it goes away with them.
            unmount(&point, UnmountFlags::NOFOLLOW | UnmountFlags::DETACH)
                .map_err(|error| file("cannot unmount", &point)(error.into()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_has_its_mode_and_replaces_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        std::os::unix::fs::symlink("/nowhere", &path).unwrap();
        write(&path, 0o640, "text").unwrap();
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert!(metadata.is_file());
        assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
        assert_eq!(read(&path).unwrap().as_deref(), Some("text"));
        assert_eq!(read(&folder.path().join("none")).unwrap(), None);
    }
}
