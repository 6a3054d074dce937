//! Which folders can never be somebody's data, whatever an inventory says: the last line before `rm -r`.

use std::collections::BTreeSet;

/// First parts of paths below which the system itself lives.
const SYSTEM: [&str; 12] =
    ["bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "sys", "usr"];

/// Folders that hold others' things beside ours.
const SHARED: [&str; 21] = [
    "/",
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/opt/quorate",
    "/root",
    "/run",
    "/srv",
    "/tmp",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/lib/dpkg",
    "/var/lib/pgsql",
    "/var/lib/postgresql",
    "/var/lib/quorate",
    "/var/lib/rpm",
    "/var/log",
    "/var/spool",
    "/var/tmp",
];

/// Why the folder at that real path must not be removed; `None` if it may.
pub(super) fn forbids(path: &str, mounts: &BTreeSet<String>) -> Option<String> {
    let plain = path.starts_with('/')
        && !path.contains(['\n', '\0'])
        && path.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..");
    if !plain && path != "/" {
        return Some("it is no plain absolute path".to_owned());
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    if parts.first().is_some_and(|first| SYSTEM.contains(first)) || SHARED.contains(&path) {
        return Some("it is a folder of the system".to_owned());
    }
    if parts.first() == Some(&"home") && parts.len() == 2 {
        return Some("it is somebody's home".to_owned());
    }
    let below = |mount: &&String| mount.strip_prefix(path).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1);
    if let Some(shared) = SHARED.iter().find(|shared| below(&&(**shared).to_owned())) {
        return Some(format!("{shared} lies in it"));
    }
    mounts.iter().find(below).map(|mount| format!("another file system is mounted in it, at {mount}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_folders_homes_and_mounts_are_never_data() {
        let mounts: BTreeSet<String> = ["/", "/pgdata", "/srv/pg/backup"].map(str::to_owned).into();
        for path in [
            "",
            "/",
            "//",
            "/var",
            "/var/",
            "/var/lib",
            "/var/lib/postgresql",
            "/var/lib/quorate",
            "/etc/etcd",
            "/usr/local/data",
            "/home",
            "/home/aki",
            "/root",
            "/srv",
            "/srv/pg",
            "/tmp",
            "relative",
            "/a/../etc",
            "/a//b",
            "/a/./b",
            "/proc/1",
            "/opt/quorate",
            "/a\nb",
        ] {
            assert!(forbids(path, &mounts).is_some(), "{path:?} may be removed");
        }
        for path in [
            "/pgdata",
            "/var/lib/etcd/data",
            "/var/lib/postgresql/15/ha",
            "/home/aki/pg",
            "/srv/pg/backup",
            "/srv/pgx",
            "/data/pg",
        ] {
            assert_eq!(forbids(path, &mounts), None, "{path}");
        }
    }
}
