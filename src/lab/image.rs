//! The base image of a release: a plain, bare Debian server that all hosts share read-only.
//!
//! It is built once by mmdebstrap under a temporary name and kept under a name that holds a hash of all that went into it:
//! another archive or another CA makes another image, and a half-built one is never taken for a whole one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::archive::Archive;
use super::error::file;
use super::lock::Lock;
use super::spec::{Suite, all_labs};
use super::{Error, Event, files, program, wait};

/// Where images are kept.
const CACHE: &str = "/var/cache/quorate/lab";
/// What a plain Debian server has and the product meets; no python3: hosts are bare.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,openssh-server,sudo,iproute2,iputils-ping,procps,netbase,nftables,tzdata,\
    less,ca-certificates";
/// How long another command's build is waited for.
const BUILD_LIMIT: Duration = Duration::from_secs(15 * 60);
/// Run with the image's folder as its first argument, after the packages are there.
const CUSTOMIZE: &str = r#"set -e
chroot "$1" useradd --create-home --shell /bin/bash --uid 1000 ops
printf 'ops ALL=(ALL:ALL) NOPASSWD: ALL\n' >"$1/etc/sudoers.d/ops"
chmod 0440 "$1/etc/sudoers.d/ops"
install -d -m 0700 -o 1000 -g 1000 "$1/home/ops/.ssh"
printf 'LANG=C.UTF-8\n' >"$1/etc/default/locale"
printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >"$1/etc/pip.conf"
# As in container images: a host of a lab is thrown away, and dpkg's waits for the disk are most of an installation's time.
printf 'force-unsafe-io\n' >"$1/etc/dpkg/dpkg.cfg.d/quorate-lab"
for authority in /usr/local/share/ca-certificates/*.crt; do
    [ ! -e "$authority" ] || install -m 0644 "$authority" "$1/usr/local/share/ca-certificates/"
done
chroot "$1" update-ca-certificates >/dev/null
[ ! -s /etc/ssl/certs/ca-certificates.crt ] || install -m 0644 /etc/ssl/certs/ca-certificates.crt "$1/etc/ssl/certs/ca-certificates.crt"
chroot "$1" systemctl enable --quiet systemd-networkd.service ssh.service
rm -f "$1"/etc/ssh/ssh_host_*
: >"$1/etc/machine-id"
rm -f "$1/var/lib/dbus/machine-id"
if [ -e "$1/usr/bin/python3" ]; then echo 'the image is not bare: it has python3' >&2; exit 1; fi
"#;

/// The image of a release, built if it isn't there.
pub(super) fn ensure(suite: Suite, archive: &Archive, event: &(dyn Fn(&Event) + Sync)) -> Result<PathBuf, Error> {
    let folder = Path::new(CACHE).join(suite.as_str());
    let image = folder.join(key(suite, archive));
    if image.is_dir() {
        return Ok(image);
    }
    files::make_folder(&folder, 0o700)?;
    let _lock = build_lock(&folder, event)?;
    if image.is_dir() {
        return Ok(image);
    }
    remove_unused(&folder)?;
    let start = Instant::now();
    event(&Event::BuildingImage { suite: suite.as_str().to_owned(), archive: archive.root.clone() });
    let sources = archive.sources(suite, &|suite| event(&Event::SuiteLeftOut { suite }))?;
    let building = folder.join("building");
    if let Err(error) = build(suite, &sources, &building) {
        clear(&building)?;
        // A suite may answer and still be incomplete; the release alone is enough.
        if sources.len() == 1 {
            return Err(error);
        }
        event(&Event::SuiteLeftOut { suite: format!("{0}-updates or {0}-security", suite.as_str()) });
        build(suite, &sources[..1], &building)?;
    }
    fs::rename(&building, &image).map_err(file("cannot rename the image to", &image))?;
    event(&Event::ImageBuilt { suite: suite.as_str().to_owned(), took: start.elapsed() });
    Ok(image)
}

/// Removes all images that no lab stands on; whether any was there.
pub(super) fn purge() -> Result<bool, Error> {
    let mut removed = false;
    for suite in Suite::ALL {
        let folder = Path::new(CACHE).join(suite.as_str());
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

/// Runs mmdebstrap.
fn build(suite: Suite, sources: &[String], folder: &Path) -> Result<(), Error> {
    let include = format!("--include={PACKAGES}");
    let hook = format!("--customize-hook={CUSTOMIZE}");
    let folder_name = folder.to_string_lossy();
    let mut arguments = vec!["-n", "10", "mmdebstrap", "--mode=root", "--variant=minbase", &include];
    arguments.extend(["--aptopt=Acquire::Languages \"none\"", "--aptopt=Acquire::Retries \"3\"", &hook]);
    if suite == Suite::Bullseye {
        // An archived release is not signed anew; its lists are as good as ever.
        arguments.push("--aptopt=Acquire::Check-Valid-Until \"false\"");
    }
    arguments.extend([suite.as_str(), &folder_name]);
    arguments.extend(sources.iter().map(String::as_str));
    program::run("building the base image", "nice", &arguments).map(|_| ())
}

/// One build at a time per release: a second command waits for the first one's image.
fn build_lock(folder: &Path, event: &dyn Fn(&Event)) -> Result<Lock, Error> {
    let path = folder.join(".lock");
    if let Some(lock) = Lock::try_take(&path)? {
        return Ok(lock);
    }
    event(&Event::WaitingForImage);
    let taken = wait::until(BUILD_LIMIT, Duration::from_millis(250), || Lock::try_take(&path).transpose());
    taken.unwrap_or(Err(Error::Locked { path }))
}

/// Removes the images (and unfinished ones) below a release's folder that no lab stands on. The caller holds the lock.
fn remove_unused(folder: &Path) -> Result<bool, Error> {
    let used: Vec<PathBuf> = all_labs().into_iter().map(|lab| lab.image).collect();
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

/// Removes an image, and what an interrupted build left mounted in it.
fn clear(image: &Path) -> Result<(), Error> {
    files::unmount_below(image)?;
    files::remove_folder(image)
}

/// A name that changes whenever the image would.
fn key(suite: Suite, archive: &Archive) -> String {
    let mut hash = Sha256::new();
    for part in [suite.as_str(), PACKAGES, CUSTOMIZE, &archive.root, &archive.security] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default());
    let digest: [u8; 32] = hash.finalize().into();
    let start = digest.first_chunk().copied().unwrap_or_default();
    format!("{:016x}", u64::from_be_bytes(start))
}
