//! RHEL 8, 9 and 10 and their rebuilds, with PostgreSQL from the PostgreSQL project's archive.

use super::{Archive, Daemon, Platform};
use crate::cluster::{InstallMethod, Os, PackageSource, Version};

/// What differs from release to release.
#[derive(Debug)]
pub(super) struct Release {
    systemd: u16,
    python: &'static str,
    python_runtime: &'static [&'static str],
    python_build: &'static [&'static str],
    haproxy: Version,
    packaged_haproxy: Option<Version>,
    packaged_keepalived: Option<Version>,
}

static EL8: Release = Release {
    systemd: 239,
    // The platform's own Python is 3.6; Patroni 4.1 needs a later one. It stands beside the platform's own and replaces nothing.
    python: "/usr/bin/python3.11",
    python_runtime: &["python3.11"],
    python_build: &["python3.11", "python3.11-pip"],
    haproxy: Version::new(2, 6, 12),
    // 1.8 has no `http-check send`.
    packaged_haproxy: None,
    packaged_keepalived: Some(Version::new(2, 1, 5)),
};

static EL9: Release = Release {
    systemd: 252,
    // 3.9.
    python: "/usr/bin/python3",
    python_runtime: &["python3"],
    python_build: &["python3", "python3-pip"],
    haproxy: Version::new(3, 0, 11),
    packaged_haproxy: Some(Version::new(2, 4, 22)),
    // That of 9.0; 9.4 has 2.2.8, which takes all that is written for the older one.
    packaged_keepalived: Some(Version::new(2, 2, 4)),
};

static EL10: Release = Release {
    systemd: 257,
    // 3.12.
    python: "/usr/bin/python3",
    python_runtime: &["python3"],
    python_build: &["python3", "python3-pip"],
    haproxy: Version::new(3, 0, 11),
    packaged_haproxy: Some(Version::new(3, 0, 5)),
    packaged_keepalived: Some(Version::new(2, 2, 8)),
};

/// The release, if it is one of those known.
pub(super) fn release(os: &Os) -> Option<&'static Release> {
    match os.version.major() {
        8 => Some(&EL8),
        9 => Some(&EL9),
        10 => Some(&EL10),
        _ => None,
    }
}

impl Platform for Release {
    fn postgresql_versions(&self, _: PackageSource) -> &'static [u16] {
        // The distribution's modules use other paths and units; only the project's own archive is supported.
        &[17, 18, 16, 15, 14, 13]
    }

    fn postgresql_packages(&self, major: u16) -> Vec<String> {
        // The client's programs too: psql and pg_basebackup. The server comes last: it is what an archive is asked for.
        vec![format!("postgresql{major}"), format!("postgresql{major}-contrib"), format!("postgresql{major}-server")]
    }

    fn postgresql_archive(&self, _: PackageSource) -> Option<Archive> {
        Some(Archive {
            name: "the PostgreSQL project's archive (PGDG)",
            base: "https://download.postgresql.org/pub/repos/yum",
            mark: "/etc/yum.repos.d/pgdg-redhat-all.repo",
            // `postgresql15-server`: the module's is `postgresql-server`.
            namesakes: &[],
            sign: "",
            script: include_str!("rhel-archive.sh"),
        })
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

    fn default_method(&self, daemon: Daemon) -> InstallMethod {
        match daemon {
            // As the article does. A build would need Go modules that no package of the family brings.
            Daemon::Etcd => InstallMethod::Release,
            Daemon::Patroni | Daemon::Haproxy | Daemon::Keepalived => InstallMethod::Source,
        }
    }

    fn proven_version(&self, daemon: Daemon) -> Version {
        match daemon {
            Daemon::Etcd => Version::new(3, 5, 33),
            Daemon::Patroni => Version::new(4, 1, 5),
            Daemon::Haproxy => self.haproxy,
            Daemon::Keepalived => Version::new(2, 3, 3),
        }
    }

    fn packaged_version(&self, daemon: Daemon) -> Option<Version> {
        match daemon {
            // Of the project's own archive too; that of etcd is in its part "extras".
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
            // A static program of Go.
            Daemon::Etcd => &[],
            Daemon::Patroni => self.python_runtime,
            Daemon::Haproxy => &["openssl-libs", "pcre2", "systemd-libs", "libxcrypt"],
            Daemon::Keepalived => &["openssl-libs", "systemd-libs"],
        }
    }

    fn build_packages(&self, daemon: Daemon) -> &'static [&'static str] {
        match daemon {
            // Upstream's own archive is only taken apart.
            Daemon::Etcd => &[],
            Daemon::Patroni => self.python_build,
            Daemon::Haproxy => &["gcc", "make", "openssl-devel", "pcre2-devel", "systemd-devel", "libxcrypt-devel"],
            // Its configure stops without OpenSSL's headers, though nothing of OpenSSL is linked.
            Daemon::Keepalived => &["gcc", "make", "openssl-devel", "systemd-devel", "pkgconf-pkg-config"],
        }
    }

    fn unpacked_packages(&self, _: Daemon) -> &'static [&'static str] {
        &[]
    }

    fn unpack_script(&self) -> &'static str {
        ""
    }

    fn package_query(&self) -> &'static str {
        // A name that is not installed is told in the host's own language: only what carries our sign is a name.
        r#"rpm -q --qf '+%{NAME}\n' -- "$@" | sed -n 's/^+//p' | sort -u"#
    }

    fn install_script(&self) -> &'static str {
        include_str!("rhel-install.sh")
    }

    fn python(&self) -> &'static str {
        self.python
    }

    fn systemd_version(&self) -> u16 {
        self.systemd
    }

    fn fetch_script(&self) -> &'static str {
        include_str!("rhel-fetch.sh")
    }

    fn bundle_index(&self) -> &'static str {
        "repodata/"
    }

    fn bundle_needs_script(&self) -> &'static str {
        concat!(include_str!("rhel-local.sh"), include_str!("rhel-needs.sh"))
    }

    fn bundle_install_script(&self) -> &'static str {
        concat!(include_str!("rhel-local.sh"), include_str!("rhel-bundle.sh"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What rpm 4.16 prints: the answer to `rpm -q --qf '+%{NAME}\n' -- bash gcc glibc`, glibc for two architectures.
    #[test]
    fn the_query_names_what_is_installed_in_any_language() {
        for missing in ["package gcc is not installed", "パッケージ gcc はインストールされていません。"]
        {
            let script = format!(
                "rpm() {{ printf '+bash\\n{missing}\\n+glibc\\n+glibc\\n'; return 1; }}\nset -- bash gcc glibc\n{}",
                EL9.package_query()
            );
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), "bash\nglibc\n");
        }
    }
}
