//! Debian 11, 12 and 13; what Ubuntu has in common with them.

use super::{Archive, Daemon, Platform, debian_go};
use crate::cluster::{InstallMethod, Os, PackageSource, Version};

/// What differs from release to release.
#[derive(Debug)]
pub(super) struct Release {
    pub(super) postgresql: &'static [u16],
    /// How etcd is installed if the inventory does not say: from source where the archive has every Go library it imports.
    pub(super) etcd_method: InstallMethod,
    pub(super) etcd: Version,
    pub(super) haproxy: Version,
    pub(super) keepalived: Version,
    pub(super) packaged_etcd: Option<Version>,
    pub(super) packaged_patroni: Option<Version>,
    pub(super) packaged_haproxy: Version,
    pub(super) packaged_keepalived: Version,
    pub(super) haproxy_runtime: &'static [&'static str],
    /// What etcd's source imports.
    pub(super) etcd_imports: &'static [&'static str],
    pub(super) keepalived_runtime: &'static [&'static str],
    pub(super) systemd: u16,
}

static BULLSEYE: Release = Release {
    postgresql: &[13],
    etcd_method: InstallMethod::Source,
    etcd: Version::new(3, 4, 23),
    haproxy: Version::new(2, 2, 9),
    keepalived: Version::new(2, 2, 7),
    // 3.3.25 lacks the pre-vote and learners; 2.0.2 lacks etcd v3 as we use it. Both are refused, not tried.
    packaged_etcd: None,
    packaged_patroni: None,
    packaged_haproxy: Version::new(2, 2, 9),
    packaged_keepalived: Version::new(2, 1, 5),
    haproxy_runtime: &["libssl1.1", "libpcre2-8-0", "libpcre2-posix2", "libcrypt1", "libsystemd0"],
    etcd_imports: debian_go::BULLSEYE,
    keepalived_runtime: &["libssl1.1", "libsystemd0"],
    systemd: 247,
};

static BOOKWORM: Release = Release {
    postgresql: &[15],
    etcd_method: InstallMethod::Source,
    etcd: Version::new(3, 4, 23),
    haproxy: Version::new(2, 6, 12),
    keepalived: Version::new(2, 2, 7),
    packaged_etcd: Some(Version::new(3, 4, 23)),
    packaged_patroni: Some(Version::new(3, 0, 2)),
    packaged_haproxy: Version::new(2, 6, 12),
    packaged_keepalived: Version::new(2, 2, 7),
    haproxy_runtime: &["libssl3", "libpcre2-8-0", "libpcre2-posix3", "libcrypt1", "libsystemd0"],
    etcd_imports: debian_go::BOOKWORM,
    keepalived_runtime: &["libssl3", "libsystemd0"],
    systemd: 252,
};

static TRIXIE: Release = Release {
    postgresql: &[17],
    etcd_method: InstallMethod::Source,
    etcd: Version::new(3, 5, 16),
    haproxy: Version::new(3, 0, 11),
    keepalived: Version::new(2, 3, 3),
    packaged_etcd: Some(Version::new(3, 5, 16)),
    packaged_patroni: Some(Version::new(4, 0, 7)),
    packaged_haproxy: Version::new(3, 0, 11),
    packaged_keepalived: Version::new(2, 3, 3),
    haproxy_runtime: &["libssl3t64", "libpcre2-8-0", "libpcre2-posix3", "libcrypt1", "libsystemd0"],
    etcd_imports: debian_go::TRIXIE,
    keepalived_runtime: &["libssl3t64", "libsystemd0"],
    systemd: 257,
};

/// The release, if it is one of those known.
pub(super) fn release(os: &Os) -> Option<&'static Release> {
    match (os.id.as_str(), os.version.major()) {
        ("debian", 11) => Some(&BULLSEYE),
        ("debian", 12) => Some(&BOOKWORM),
        ("debian", 13) => Some(&TRIXIE),
        _ => None,
    }
}

impl Platform for Release {
    fn postgresql_versions(&self, source: PackageSource) -> &'static [u16] {
        match source {
            PackageSource::Distribution => self.postgresql,
            PackageSource::Pgdg => &[17, 18, 16, 15, 14, 13],
        }
    }

    fn postgresql_packages(&self, major: u16) -> Vec<String> {
        vec!["postgresql-common".to_owned(), format!("postgresql-{major}")]
    }

    fn postgresql_archive(&self, source: PackageSource) -> Option<Archive> {
        (source == PackageSource::Pgdg).then_some(Archive {
            name: "the PostgreSQL project's archive (PGDG)",
            base: "https://apt.postgresql.org/pub/repos/apt",
            mark: "/etc/apt/sources.list.d/pgdg.sources",
            namesakes: self.postgresql,
            sign: "pgdg",
            script: include_str!("debian-archive.sh"),
        })
    }

    fn postgresql_bin_dir(&self, major: u16) -> String {
        format!("/usr/lib/postgresql/{major}/bin")
    }

    fn postgresql_data_dir(&self, major: u16, scope: &str) -> String {
        format!("/var/lib/postgresql/{major}/{scope}")
    }

    fn postgresql_units(&self, major: u16) -> Vec<String> {
        vec!["postgresql.service".to_owned(), format!("postgresql@{major}-main.service")]
    }

    fn postgres_home(&self) -> &'static str {
        "/var/lib/postgresql"
    }

    fn default_method(&self, daemon: Daemon) -> InstallMethod {
        match daemon {
            Daemon::Etcd => self.etcd_method,
            Daemon::Patroni | Daemon::Haproxy | Daemon::Keepalived => InstallMethod::Source,
        }
    }

    fn proven_version(&self, daemon: Daemon) -> Version {
        match daemon {
            Daemon::Etcd => self.etcd,
            Daemon::Patroni => Version::new(4, 1, 5),
            Daemon::Haproxy => self.haproxy,
            Daemon::Keepalived => self.keepalived,
        }
    }

    fn packaged_version(&self, daemon: Daemon) -> Option<Version> {
        match daemon {
            Daemon::Etcd => self.packaged_etcd,
            Daemon::Patroni => self.packaged_patroni,
            Daemon::Haproxy => Some(self.packaged_haproxy),
            Daemon::Keepalived => Some(self.packaged_keepalived),
        }
    }

    fn packaged_program(&self, daemon: Daemon) -> &'static str {
        match daemon {
            Daemon::Etcd => "/usr/bin/etcd",
            Daemon::Patroni => "/usr/bin/patroni",
            Daemon::Haproxy => "/usr/sbin/haproxy",
            Daemon::Keepalived => "/usr/sbin/keepalived",
        }
    }

    fn daemon_packages(&self, daemon: Daemon) -> &'static [&'static str] {
        match daemon {
            Daemon::Etcd => &["etcd-server", "etcd-client"],
            // The package is content with any one store's client; without etcd's it knows no etcd.
            Daemon::Patroni => &["patroni", "python3-etcd"],
            Daemon::Haproxy => &["haproxy"],
            Daemon::Keepalived => &["keepalived"],
        }
    }

    fn runtime_packages(&self, daemon: Daemon) -> &'static [&'static str] {
        match daemon {
            // A static program of Go.
            Daemon::Etcd => &[],
            // The virtual environment links to the system's Python; psycopg's wheel brings libpq along.
            Daemon::Patroni => &["python3"],
            Daemon::Haproxy => self.haproxy_runtime,
            // Its build takes OpenSSL's hashes where it finds them.
            Daemon::Keepalived => self.keepalived_runtime,
        }
    }

    fn build_packages(&self, daemon: Daemon) -> &'static [&'static str] {
        match daemon {
            // The last two are for Debian's own patches.
            Daemon::Etcd => &["golang-go", "patch", "xz-utils"],
            Daemon::Patroni => &["python3-venv", "python3-pip"],
            Daemon::Haproxy => {
                &["gcc", "make", "libc6-dev", "libssl-dev", "libpcre2-dev", "libsystemd-dev", "libcrypt-dev"]
            }
            // Its configure stops without OpenSSL's headers, though nothing of OpenSSL is linked.
            Daemon::Keepalived => &["gcc", "make", "libc6-dev", "libssl-dev", "libsystemd-dev", "pkg-config"],
        }
    }

    fn unpacked_packages(&self, daemon: Daemon) -> &'static [&'static str] {
        match daemon {
            Daemon::Etcd => self.etcd_imports,
            Daemon::Patroni | Daemon::Haproxy | Daemon::Keepalived => &[],
        }
    }

    fn unpack_script(&self) -> &'static str {
        include_str!("debian-unpack.sh")
    }

    fn package_query(&self) -> &'static str {
        r#"dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@""#
    }

    fn script_files(&self) -> &'static [&'static str] {
        &["/etc/postgresql-common/createcluster.conf", "/usr/sbin/policy-rc.d"]
    }

    fn install_script(&self) -> &'static str {
        include_str!("debian-install.sh")
    }

    fn python(&self) -> &'static str {
        "/usr/bin/python3"
    }

    fn systemd_version(&self) -> u16 {
        self.systemd
    }

    fn fetch_script(&self) -> &'static str {
        include_str!("debian-fetch.sh")
    }

    fn bundle_index(&self) -> &'static str {
        "Packages"
    }

    fn bundle_needs_script(&self) -> &'static str {
        concat!(include_str!("debian-local.sh"), include_str!("debian-needs.sh"))
    }

    fn bundle_install_script(&self) -> &'static str {
        concat!(include_str!("debian-local.sh"), include_str!("debian-install.sh"))
    }
}
