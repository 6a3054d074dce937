//! The base image of a release: a plain, bare Debian server that all hosts share read-only, or one that looks like another system.
//!
//! It is built once by mmdebstrap and kept under a name that holds a hash of all that went into it: another archive or another CA
//! makes another image.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::archive::Archive;
use super::spec::{Like, Suite};
use super::{Error, Event, cache, el, program};

/// What a plain Debian server has and the product meets; no python3: hosts are bare.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,openssh-server,sudo,iproute2,iputils-ping,procps,netbase,nftables,tzdata,\
    less,ca-certificates";
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

/// How an image is made.
struct Recipe {
    /// What the hosts are, for people.
    name: &'static str,
    suite: Suite,
    packages: String,
    /// More arguments for mmdebstrap.
    options: Vec<String>,
    /// What its face is made of, if it has another one.
    look: Option<Like>,
}

/// The image of a release, built if it isn't there.
pub(super) fn of_release(suite: Suite, archive: &Archive, event: &(dyn Fn(&Event) + Sync)) -> Result<PathBuf, Error> {
    let key = cache::key(&[suite.as_str(), PACKAGES, CUSTOMIZE, &archive.root, &archive.security]);
    let options = vec![format!("--customize-hook={CUSTOMIZE}")];
    let recipe = Recipe { name: suite.as_str(), suite, packages: PACKAGES.to_owned(), options, look: None };
    ensure(&recipe, &key, archive, event)
}

/// The image of what looks like another system, built if it isn't there.
pub(super) fn of_look(like: Like, archive: &Archive, event: &(dyn Fn(&Event) + Sync)) -> Result<PathBuf, Error> {
    let packages = el::packages(like);
    let mut parts = vec![like.as_str(), &packages, el::OPTIONS, &archive.root, &archive.security];
    parts.extend(el::IMAGE_FILES.iter().map(|(_, text)| *text));
    let key = cache::key(&parts);
    let recipe =
        Recipe { name: like.as_str(), suite: like.suite(), options: el::options(like), look: Some(like), packages };
    ensure(&recipe, &key, archive, event)
}

/// The image of a recipe, built if it isn't there.
fn ensure(recipe: &Recipe, key: &str, archive: &Archive, event: &(dyn Fn(&Event) + Sync)) -> Result<PathBuf, Error> {
    cache::ensure(recipe.name, key, event, &|building| {
        let start = Instant::now();
        let name = recipe.name.to_owned();
        event(&Event::BuildingImage { suite: name.clone(), archive: archive.root.clone() });
        let sources = archive.sources(recipe.suite, &|suite| event(&Event::SuiteLeftOut { suite }))?;
        if let Err(error) = build(recipe, &sources, building) {
            cache::clear(building)?;
            // A suite may answer and still be incomplete; the release alone is enough.
            if sources.len() == 1 {
                return Err(error);
            }
            event(&Event::SuiteLeftOut { suite: format!("{0}-updates or {0}-security", recipe.suite.as_str()) });
            build(recipe, &sources[..1], building)?;
        }
        event(&Event::ImageBuilt { suite: name, took: start.elapsed() });
        Ok(())
    })
}

/// Runs mmdebstrap.
fn build(recipe: &Recipe, sources: &[String], folder: &Path) -> Result<(), Error> {
    let include = format!("--include={}", recipe.packages);
    let folder_name = folder.to_string_lossy();
    let mut arguments = vec!["-n", "10", "mmdebstrap", "--mode=root", "--variant=minbase", &include];
    arguments.extend(["--aptopt=Acquire::Languages \"none\"", "--aptopt=Acquire::Retries \"3\""]);
    arguments.extend(recipe.options.iter().map(String::as_str));
    if recipe.suite == Suite::Bullseye {
        // An archived release is not signed anew; its lists are as good as ever.
        arguments.push("--aptopt=Acquire::Check-Valid-Until \"false\"");
    }
    arguments.extend([recipe.suite.as_str(), &folder_name]);
    arguments.extend(sources.iter().map(String::as_str));
    program::run("building the base image", "nice", &arguments)?;
    recipe.look.map_or(Ok(()), |like| el::disguise(like, folder))
}
