//! Hosts that look like Enterprise Linux: Debian underneath, with its own dnf, rpm, firewalld and systemd under EL's names.
//!
//! What is done is in the scripts of this folder; here they are put together.

use std::path::Path;

use super::spec::Like;
use super::{Error, files, program};

/// What every such image has. What a minimal host lacks (compilers, `PostgreSQL` …) comes as RPM packages from the lab's repository.
const PACKAGES: &str = "systemd,systemd-sysv,libpam-systemd,dbus,openssh-server,sudo,iproute2,iputils-ping,procps,netbase,\
    ca-certificates,curl,gnupg,less,kmod,hostname,tzdata,xz-utils,bzip2,openssl,chrony,rpm,dnf,firewalld,nftables,iptables,\
    policycoreutils,policycoreutils-python-utils,selinux-utils,selinux-policy-default,python3,libxml2,libreadline8,libxslt1.1";
/// What only EL 9's has: a plugin collection that the older Debian lacks, a whole Python, and libraries by their numbers.
const PACKAGES_9: &str = "dnf-plugins-core,python3-venv,libicu72,libldap-2.5-0,libpcre2-posix3";
/// What only EL 8's has.
const PACKAGES_8: &str = "libicu67,libldap-2.4-2,libpcre2-posix2";
/// What is left out of all packages: nobody reads it on a host of a lab.
pub(super) const OPTIONS: &str = "/usr/share/doc/* /usr/share/man/* /usr/share/info/* /usr/share/locale/*";
/// The older Debian does not merge /bin and /lib into /usr by itself; EL does.
const MERGE: &str =
    r#"for name in bin sbin lib lib32 lib64 libx32; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done"#;

/// A file of this folder: its name and text.
type File = (&'static str, &'static str);

/// What the image is made with.
pub(super) const IMAGE_FILES: [File; 4] = [
    ("image.sh", include_str!("image.sh")),
    ("rpm.sh", include_str!("rpm.sh")),
    ("selinux.sh", include_str!("selinux.sh")),
    ("update-ca-trust.sh", include_str!("update-ca-trust.sh")),
];

/// What the repository is made with.
pub(super) const REPOSITORY_FILES: [File; 6] = [
    ("builder.sh", include_str!("builder.sh")),
    ("debs.py", include_str!("debs.py")),
    ("postgresql.py", include_str!("postgresql.py")),
    ("publish.py", include_str!("publish.py")),
    ("rpms.py", include_str!("rpms.py")),
    ("world.py", include_str!("world.py")),
];

/// Serves the repository.
pub(super) const SERVER: File = ("serve.py", include_str!("serve.py"));

/// The Debian packages of the image.
pub(super) fn packages(like: Like) -> String {
    let more = match like {
        Like::Rhel9 => PACKAGES_9,
        Like::Rhel8 => PACKAGES_8,
    };
    format!("{PACKAGES},{more}")
}

/// mmdebstrap's options for the image.
pub(super) fn options(like: Like) -> Vec<String> {
    let mut options: Vec<String> =
        OPTIONS.split(' ').map(|pattern| format!("--dpkgopt=path-exclude={pattern}")).collect();
    if like == Like::Rhel8 {
        options.push(format!("--setup-hook={MERGE}"));
    }
    options
}

/// Gives a Debian root its face.
pub(super) fn disguise(like: Like, root: &Path) -> Result<(), Error> {
    let folder = unpack(&IMAGE_FILES)?;
    let (major, minor) = like.version();
    let (script, root) = (folder.path().join("image.sh"), root.to_string_lossy());
    let folder = folder.path().to_string_lossy();
    let arguments = [&script.to_string_lossy(), &*root, &*folder, major, minor];
    program::run("making the image look like Enterprise Linux", "sh", &arguments).map(|_| ())
}

/// Writes files into a temporary folder.
pub(super) fn unpack(list: &[File]) -> Result<tempfile::TempDir, Error> {
    let folder = tempfile::tempdir().map_err(super::error::file("cannot make a folder in", std::env::temp_dir()))?;
    for (name, text) in list {
        files::write(&folder.path().join(name), 0o644, text)?;
    }
    Ok(folder)
}
