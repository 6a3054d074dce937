//! Ubuntu 22.04, 24.04 and 26.04: Debian's paths and package names, versions of its own. Rendered and looked up, never run:
//! docs and README say so.

use super::debian::Release;
use crate::cluster::{InstallMethod, Os, Version};

/// Upstream's own binaries: which Go libraries Ubuntu's archive lacks for a build was never tried.
const ETCD: (InstallMethod, Version) = (InstallMethod::Release, Version::new(3, 5, 33));

static JAMMY: Release = Release {
    postgresql: &[14],
    etcd_method: ETCD.0,
    etcd: ETCD.1,
    haproxy: Version::new(2, 6, 12),
    keepalived: Version::new(2, 2, 7),
    // 3.3.25 and 2.1.3: too old.
    packaged_etcd: None,
    packaged_patroni: None,
    packaged_haproxy: Version::new(2, 4, 24),
    packaged_keepalived: Version::new(2, 2, 4),
    haproxy_runtime: &["libssl3", "libpcre2-8-0", "libpcre2-posix3", "libcrypt1", "libsystemd0"],
    etcd_imports: &[],
    keepalived_runtime: &["libssl3", "libsystemd0"],
    systemd: 249,
};

static NOBLE: Release = Release {
    postgresql: &[16],
    etcd_method: ETCD.0,
    etcd: ETCD.1,
    haproxy: Version::new(3, 0, 11),
    keepalived: Version::new(2, 3, 3),
    packaged_etcd: Some(Version::new(3, 4, 30)),
    packaged_patroni: Some(Version::new(3, 2, 2)),
    packaged_haproxy: Version::new(2, 8, 5),
    packaged_keepalived: Version::new(2, 2, 8),
    haproxy_runtime: &["libssl3t64", "libpcre2-8-0", "libpcre2-posix3", "libcrypt1", "libsystemd0"],
    etcd_imports: &[],
    keepalived_runtime: &["libssl3t64", "libsystemd0"],
    systemd: 255,
};

static RESOLUTE: Release = Release {
    postgresql: &[18],
    etcd_method: ETCD.0,
    etcd: ETCD.1,
    haproxy: Version::new(3, 0, 11),
    keepalived: Version::new(2, 3, 3),
    // Not looked up.
    packaged_etcd: None,
    packaged_patroni: None,
    packaged_haproxy: Version::new(3, 2, 9),
    packaged_keepalived: Version::new(2, 3, 3),
    haproxy_runtime: &["libssl3t64", "libpcre2-8-0", "libpcre2-posix3", "libcrypt1", "libsystemd0"],
    etcd_imports: &[],
    keepalived_runtime: &["libssl3t64", "libsystemd0"],
    systemd: 259,
};

/// The release, if it is one of those known.
pub(super) fn release(os: &Os) -> Option<&'static Release> {
    match (os.id.as_str(), os.version.major(), os.version.minor()) {
        ("ubuntu", 22, 4) => Some(&JAMMY),
        ("ubuntu", 24, 4) => Some(&NOBLE),
        ("ubuntu", 26, 4) => Some(&RESOLUTE),
        _ => None,
    }
}
