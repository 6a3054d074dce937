//! RHEL 8 and 9 and their rebuilds, with PostgreSQL from the PostgreSQL project's archive.

use super::{Daemon, Platform};
use crate::cluster::{Os, PackageSource, Version};

/// What differs from release to release.
#[derive(Debug)]
pub(super) struct Release {
    systemd: u16,
    python: &'static str,
    python_package: &'static str,
    haproxy: Version,
    packaged_haproxy: Option<Version>,
    packaged_keepalived: Option<Version>,
}

static EL8: Release = Release {
    systemd: 239,
    // The platform's own Python is 3.6; Patroni 4.1 needs a later one.
    python: "/usr/bin/python3.11",
    python_package: "python3.11",
    haproxy: Version::new(2, 6, 12),
    // 1.8 has no `http-check send`, 2.1.5 has no check of a configuration before its reload.
    packaged_haproxy: None,
    packaged_keepalived: Some(Version::new(2, 1, 5)),
};

static EL9: Release = Release {
    systemd: 252,
    python: "/usr/bin/python3",
    python_package: "python3",
    haproxy: Version::new(3, 0, 11),
    packaged_haproxy: Some(Version::new(2, 4, 22)),
    packaged_keepalived: Some(Version::new(2, 2, 8)),
};

/// The release, if it is one of those known.
pub(super) fn release(os: &Os) -> Option<&'static Release> {
    match os.version.major() {
        8 => Some(&EL8),
        9 => Some(&EL9),
        _ => None,
    }
}

impl Platform for Release {
    fn postgresql_versions(&self, _: PackageSource) -> &'static [u16] {
        // The distribution's modules use other paths and units; only the project's own archive is supported.
        &[17, 18, 16, 15, 14, 13]
    }

    fn postgresql_packages(&self, major: u16) -> Vec<String> {
        vec![format!("postgresql{major}-server"), format!("postgresql{major}-contrib")]
    }

    fn postgresql_bin_dir(&self, major: u16) -> String {
        format!("/usr/pgsql-{major}/bin")
    }

    fn postgresql_data_dir(&self, major: u16, _: &str) -> String {
        format!("/var/lib/pgsql/{major}/data")
    }

    fn postgresql_units(&self, major: u16) -> Vec<String> {
        vec![format!("postgresql-{major}.service")]
    }

    fn postgres_home(&self) -> &'static str {
        "/var/lib/pgsql"
    }

    fn proven_version(&self, daemon: Daemon) -> Version {
        match daemon {
            Daemon::Etcd => Version::new(3, 5, 16),
            Daemon::Patroni => Version::new(4, 1, 5),
            Daemon::Haproxy => self.haproxy,
            Daemon::Keepalived => Version::new(2, 3, 3),
        }
    }

    fn packaged_version(&self, daemon: Daemon) -> Option<Version> {
        match daemon {
            Daemon::Etcd => Some(Version::new(3, 5, 16)),
            Daemon::Patroni => Some(Version::new(4, 1, 5)),
            Daemon::Haproxy => self.packaged_haproxy,
            Daemon::Keepalived => self.packaged_keepalived,
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
            Daemon::Etcd => &["etcd"],
            Daemon::Patroni => &["patroni", "patroni-etcd"],
            Daemon::Haproxy => &["haproxy"],
            Daemon::Keepalived => &["keepalived"],
        }
    }

    fn runtime_packages(&self, daemon: Daemon) -> &'static [&'static str] {
        match daemon {
            Daemon::Etcd => &[],
            Daemon::Patroni if self.python_package == "python3" => &["python3"],
            Daemon::Patroni => &["python3.11"],
            Daemon::Haproxy => &["openssl-libs", "pcre2", "systemd-libs", "libxcrypt"],
            Daemon::Keepalived => &["openssl-libs", "systemd-libs"],
        }
    }

    fn build_packages(&self, daemon: Daemon) -> &'static [&'static str] {
        match daemon {
            Daemon::Etcd => &["golang", "patch"],
            Daemon::Patroni if self.python_package == "python3" => &["python3-pip"],
            Daemon::Patroni => &["python3.11-pip"],
            Daemon::Haproxy => &["gcc", "make", "openssl-devel", "pcre2-devel", "systemd-devel", "libxcrypt-devel"],
            Daemon::Keepalived => &["gcc", "make", "systemd-devel", "pkgconf-pkg-config"],
        }
    }

    fn unpacked_packages(&self, _: Daemon) -> &'static [&'static str] {
        &[]
    }

    fn unpack_script(&self) -> &'static str {
        ""
    }

    fn package_query(&self) -> &'static str {
        r#"rpm -q --qf '%{NAME}\n' "$@" | grep -v ' is not installed$'"#
    }

    fn install_script(&self) -> &'static str {
        r#"dnf -y --setopt=install_weak_deps=False install -- "$@""#
    }

    fn python(&self) -> &'static str {
        self.python
    }

    fn systemd_version(&self) -> u16 {
        self.systemd
    }
}
