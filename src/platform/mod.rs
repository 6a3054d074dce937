//! Operating systems: the paths, packages, units and versions that differ between them. Nothing about an operating system
//! stands anywhere else. Pure.

mod debian;
mod debian_go;
mod rhel;
mod ubuntu;

use crate::cluster::{InstallMethod, Os, OsFamily, PackageSource, Version};

/// Why nothing can be rendered or installed for an operating system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{os} is not supported; quorate knows {known}")]
pub struct UnsupportedOs {
    /// The system met.
    pub os: String,
    /// The systems known.
    pub known: &'static str,
}

/// A program of one of the daemons that can come from a source build or from the family's package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// The store.
    Etcd,
    /// The manager.
    Patroni,
    /// The router.
    Haproxy,
    /// The holder of the VIP.
    Keepalived,
}

/// An archive of the PostgreSQL project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archive {
    /// What it is called.
    pub name: &'static str,
    /// Its address: what a mirror stands for.
    pub base: &'static str,
    /// The file that shows that it was set up already.
    pub mark: &'static str,
    /// Majors that the distribution has too, under the same names of packages.
    pub namesakes: &'static [u16],
    /// What tells the archive's packages from those: a part of their version.
    pub sign: &'static str,
    /// A script that sets it up, if the host offers the package named by its second argument from nowhere else. The first is the address,
    /// the third what the package's version must contain, or nothing.
    pub script: &'static str,
}

/// What quorate must know of one release of an operating system.
pub trait Platform: std::fmt::Debug + Sync {
    /// Major versions of PostgreSQL that its archive offers, the default first.
    fn postgresql_versions(&self, source: PackageSource) -> &'static [u16];

    /// Packages that bring PostgreSQL's server.
    fn postgresql_packages(&self, major: u16) -> Vec<String>;

    /// The archive that PostgreSQL's packages come from, if it is not the distribution's own.
    fn postgresql_archive(&self, source: PackageSource) -> Option<Archive>;

    /// Folder of PostgreSQL's programs.
    fn postgresql_bin_dir(&self, major: u16) -> String;

    /// Data folder of the cluster of that scope.
    fn postgresql_data_dir(&self, major: u16, scope: &str) -> String;

    /// Units that start PostgreSQL without Patroni and must therefore be masked.
    fn postgresql_units(&self, major: u16) -> Vec<String>;

    /// Home folder of the account `postgres`.
    fn postgres_home(&self) -> &'static str;

    /// How a program is installed if the inventory does not say.
    fn default_method(&self, daemon: Daemon) -> InstallMethod;

    /// The version built by default: the one proven on this release.
    fn proven_version(&self, daemon: Daemon) -> Version;

    /// The version of this release's own package; `None` if it has none that works here.
    fn packaged_version(&self, daemon: Daemon) -> Option<Version>;

    /// Where the family's package puts a program.
    fn packaged_program(&self, daemon: Daemon) -> &'static str;

    /// The family's packages that bring a daemon (`install: package`).
    fn daemon_packages(&self, daemon: Daemon) -> &'static [&'static str];

    /// Packages that a source build's result needs to run.
    fn runtime_packages(&self, daemon: Daemon) -> &'static [&'static str];

    /// Packages that building from source needs, on the one host that builds.
    fn build_packages(&self, daemon: Daemon) -> &'static [&'static str];

    /// Packages whose files a build reads, but that are not installed for it.
    fn unpacked_packages(&self, daemon: Daemon) -> &'static [&'static str];

    /// A script that unpacks packages: arguments are an account, a folder of that account's, and the packages' names.
    fn unpack_script(&self) -> &'static str;

    /// A shell command that prints those of its arguments that are installed packages, one in a line, as a name alone or with `installed`
    /// behind it; lines of another form count for nothing.
    fn package_query(&self) -> &'static str;

    /// Files that the scripts of this family write beside what packages bring; each has our name in it.
    fn script_files(&self) -> &'static [&'static str] {
        &[]
    }

    /// A script that installs the packages named by its arguments and starts none of their services.
    fn install_script(&self) -> &'static str;

    /// The Python that Patroni's virtual environment is made with.
    fn python(&self) -> &'static str;

    /// A script that gives what was brought the labels of its place: arguments are pairs, `path PATH` or `boolean NAME`. It runs only
    /// where `SELinux` judges, which is no family's alone.
    fn selinux_script(&self) -> &'static str {
        include_str!("selinux.sh")
    }

    /// systemd's version: it decides which options `systemd-analyze verify` takes.
    fn systemd_version(&self) -> u16;

    /// A script that fetches packages with all that they depend on, as for a system without any, and makes an index of them: arguments are a
    /// folder that is not there yet, and the packages' names. The host's own lists and packages stay as they are.
    fn fetch_script(&self) -> &'static str;

    /// What the names of the index's files begin with, in such a folder.
    fn bundle_index(&self) -> &'static str;

    /// A script that prints which files of such a folder installing packages on this host would take: arguments are a folder that holds
    /// the index alone, and the packages' names. It changes nothing.
    fn bundle_needs_script(&self) -> &'static str;

    /// As [`install_script`](Platform::install_script), from such a folder alone, which is the first argument.
    fn bundle_install_script(&self) -> &'static str;
}

/// The systems known, for people.
pub const KNOWN: &str = "Debian 11, 12 and 13, Ubuntu 22.04, 24.04 and 26.04, and RHEL 8, 9 and 10 with their rebuilds";

/// The platform of an operating system.
///
/// # Errors
/// [`UnsupportedOs`] if no file here describes it.
pub fn of(os: &Os) -> Result<&'static dyn Platform, UnsupportedOs> {
    let found = match os.family {
        OsFamily::Debian => {
            debian::release(os).or_else(|| ubuntu::release(os)).map(|release| release as &'static dyn Platform)
        }
        OsFamily::Rhel => rhel::release(os).map(|release| release as &'static dyn Platform),
    };
    found.ok_or_else(|| UnsupportedOs { os: os.to_string(), known: KNOWN })
}

/// Where Patroni's virtual environment of that version lives; its Python is `bin/python` below.
pub fn patroni_root(version: Version) -> String {
    format!("/opt/quorate/patroni-{version}")
}
