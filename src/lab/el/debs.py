"""Debian's packages as material for others: a package with what the guest lacks of its dependencies, unpacked into a folder."""

import glob
import os
import re
import shutil
import subprocess

# Nobody reads these on a host of a lab, and they are half of all files.
LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/share/bug",
            "usr/share/gdb", "etc/init.d", "etc/default", "etc/logrotate.d", "etc/cron.d", "etc/apparmor.d")


def run(*command, **options):
    """Runs a program; its output. What it says on a failure goes to the caller's own standard error."""
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, **options).stdout


class Archive:
    """One Debian release, as apt sees it with these options."""

    def __init__(self, folder, *options):
        self.folder, self.options, self.taken = folder, options, set()
        os.makedirs(folder, exist_ok=True)

    def missing(self, names):
        """What apt would install for these packages on the guest, themselves first."""
        output = run("apt-get", *self.options, "-o", "APT::Install-Recommends=false", "--simulate", "install", *names)
        found = re.findall(r"^Inst (\S+) ", output, re.MULTILINE)
        return names + [name for name in found if name not in names]

    def unpack(self, root, names, follow=True):
        """Unpacks packages into a new folder, with their dependencies unless told otherwise.

        What an earlier call has unpacked belongs to that one: no file is in two folders."""
        names = [name for name in (self.missing(names) if follow else names) if name not in self.taken]
        self.taken.update(names)
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(root)
        wanted = [name for name in names if not self.file(name)]
        if wanted:
            run("apt-get", *self.options, "-o", "APT::Sandbox::User=root", "--quiet", "download", *wanted, cwd=self.folder)
        for name in names:
            unpacking = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", self.file(name)], stdout=subprocess.PIPE)
            subprocess.run(["tar", "-x", "-C", root, "--keep-directory-symlink"], stdin=unpacking.stdout, check=True)
            if unpacking.wait():
                raise RuntimeError(f"cannot unpack {name}")
            merge(root)
        for path in LEFT_OUT:
            shutil.rmtree(f"{root}/{path}", ignore_errors=True)
        return root

    def file(self, name):
        """The file of a package that was downloaded before."""
        return next(iter(glob.glob(f"{self.folder}/{name}_*.deb")), None)

    def version(self, name):
        """Upstream's version of a package that was downloaded: without epoch and Debian's own part."""
        version = run("dpkg-deb", "--field", self.file(name), "Version").strip()
        return re.match(r"(?:\d+:)?([0-9.]*[0-9])", version).group(1)


def merge(root):
    """Moves /bin, /lib and so on below /usr: on the guest they are links, which rpm must not meet as folders."""
    for name in ("bin", "sbin", "lib", "lib64"):
        if os.path.isdir(f"{root}/{name}") and not os.path.islink(f"{root}/{name}"):
            os.makedirs(f"{root}/usr/{name}", exist_ok=True)
            run("cp", "-a", f"{root}/{name}/.", f"{root}/usr/{name}/")
            shutil.rmtree(f"{root}/{name}")
