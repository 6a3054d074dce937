"""RPM packages out of folders: all of them in one run of rpmbuild, from one spec with a part for each."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field


@dataclass
class Package:
    """A package; one without a folder is a name in the database and nothing else."""

    name: str
    version: str
    repository: str
    release: str
    root: str = None
    requires: list = field(default_factory=list)
    provides: list = field(default_factory=list)
    # Folders of the package's own, as lines of %files.
    folders: list = field(default_factory=list)
    config: list = field(default_factory=list)
    scripts: dict = field(default_factory=dict)
    module: str = None
    noarch: bool = False

    def file(self):
        """Its file's name."""
        return f"{self.name}-{self.version}-{self.release}.{'noarch' if self.noarch else os.uname().machine}.rpm"


def build(packages, top, repositories):
    """Builds them; each is put into its repository's folder below `repositories`."""
    shutil.rmtree(top, ignore_errors=True)
    os.makedirs(f"{top}/built")
    spec = f"{top}/lab.spec"
    with open(spec, "w") as out:
        out.write(HEAD)
        for package in packages:
            out.write(preamble(package))
        out.write("%install\nmkdir -p %{buildroot}\n")
        for package in packages:
            if package.root:
                out.write(f"cp -al {package.root}/. %{{buildroot}}/\n")
            for line in package.folders:
                out.write(f"mkdir -p %{{buildroot}}{line.split()[-1]}\n")
        for package in packages:
            for when, text in package.scripts.items():
                out.write(f"%{when} -n {package.name}\n{text}\n")
            out.write(files(package, top))
    built = subprocess.run(
        ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {top}", "--define", f"_rpmdir {top}/built",
         "--define", "_build_name_fmt %%{NAME}.rpm", "--define", "_binary_payload w1.gzdio", spec],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if built.returncode:
        sys.exit(f"rpmbuild failed:\n{built.stdout[-3000:]}")
    for package in packages:
        folder = f"{repositories}/{package.repository}/Packages"
        os.makedirs(folder, exist_ok=True)
        shutil.move(f"{top}/built/{package.name}.rpm", f"{folder}/{package.file()}")


# Debian's files are taken as they are: nothing is stripped, compiled or searched for dependencies.
HEAD = """\
%define __os_install_post %{nil}
%define debug_package %{nil}
%define _build_id_links none
%define _unpackaged_files_terminate_build 0
Name: quorate-lab
Version: 1
Release: 1
Summary: Packages of a lab
License: lab
AutoReqProv: no
%description
Packages of a lab.
"""


def preamble(package):
    """The part of the spec that says what a package is."""
    lines = [f"%package -n {package.name}", f"Version: {package.version}", f"Release: {package.release}",
             f"Summary: {package.name} of a quorate lab", "AutoReqProv: no"]
    if package.noarch:
        lines.append("BuildArch: noarch")
    if package.module:
        lines.append(f"ModularityLabel: {package.module}")
    lines += [f"Requires: {name}" for name in package.requires] + [f"Provides: {name}" for name in package.provides]
    return "\n".join(lines) + f"\n%description -n {package.name}\n{package.name}, made from Debian's packages.\n"


def files(package, top):
    """The part of the spec that says what is in a package. Folders are nobody's, but for those named."""
    lines = []
    for folder, folders, names in os.walk(package.root) if package.root else ():
        for name in names + [name for name in folders if os.path.islink(f"{folder}/{name}")]:
            path = "/" + os.path.relpath(f"{folder}/{name}", package.root)
            lines.append(("%config(noreplace) " if path in package.config else "") + f'"{path}"')
    lines = sorted(lines) + package.folders
    if not lines:
        return f"%files -n {package.name}\n"
    listing = f"{top}/{package.name}.files"
    with open(listing, "w") as out:
        out.write("\n".join(lines) + "\n")
    return f"%files -n {package.name} -f {listing}\n%defattr(-,root,root,-)\n"
