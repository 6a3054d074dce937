"""Keys, signatures and indexes: what makes a folder of RPM packages a repository that dnf trusts."""

import glob
import os
import shutil

from debs import run

NAMES = ("cdn.redhat.com", "download.postgresql.org", "dl.fedoraproject.org")
HOME = "/root/.gnupg"
OWNER = "quorate-lab"


def make_key(out):
    """The key that all packages and indexes of this lab's repositories are signed with; its public half as text."""
    os.makedirs(HOME, mode=0o700, exist_ok=True)
    run("gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", OWNER, "rsa2048", "sign", "never")
    key = run("gpg", "--batch", "--armor", "--export", OWNER)
    with open(f"{out}/key.asc", "w") as file:
        file.write(key)
    return key


def make_certificates(folder):
    """An authority for this repository alone, and its certificate for the names of the real archives."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("openssl", "req", "-x509", *curve, "-days", "3650", "-subj", "/CN=quorate lab authority", "-keyout", f"{folder}/ca.key",
        "-out", f"{folder}/ca.crt")
    run("openssl", "req", *curve, "-subj", f"/CN={NAMES[0]}", "-keyout", f"{folder}/server.key", "-out", f"{folder}/server.csr")
    with open(f"{folder}/extensions", "w") as file:
        file.write("subjectAltName=" + ",".join(f"DNS:{name}" for name in NAMES) + "\n")
    run("openssl", "x509", "-req", "-in", f"{folder}/server.csr", "-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key",
        "-CAcreateserial", "-days", "3650", "-extfile", f"{folder}/extensions", "-out", f"{folder}/server.crt")
    # Nothing else shall ever be signed by it: hosts of labs trust it.
    os.remove(f"{folder}/ca.key")


def sign(tree):
    """Signs all packages below a folder."""
    run("rpm", "--define", f"_gpg_name {OWNER}", "--define", "__gpg /usr/bin/gpg", "--define", f"_gpg_path {HOME}", "--addsign",
        *sorted(glob.glob(f"{tree}/**/*.rpm", recursive=True)))


def index(folder, modules=None):
    """Makes a repository's index and signs it; an index that is made again loses both modules and signature."""
    os.makedirs(folder, exist_ok=True)
    run("createrepo_c", "--quiet", folder)
    if modules:
        path = "/lab/modules.yaml"
        with open(path, "w") as file:
            file.write(modules)
        run("modifyrepo_c", "--mdtype=modules", path, f"{folder}/repodata")
    index_file = f"{folder}/repodata/repomd.xml"
    run("gpg", "--batch", "--yes", "--local-user", OWNER, "--armor", "--detach-sign", "--output", f"{index_file}.asc", index_file)


def module_metadata(major, arch, stream, context, artifacts):
    """The description of the module `postgresql`; on EL 8 one of its streams is the default, on EL 9 none is."""
    text = f"""\
---
document: modulemd
version: 2
data:
  name: postgresql
  stream: "{stream}"
  version: {context}
  context: rhel{major}
  arch: {arch}
  summary: PostgreSQL server and client module
  description: The distribution's own PostgreSQL
  license:
    module: [MIT]
  profiles:
    server:
      rpms: [postgresql-server]
    client:
      rpms: [postgresql]
  artifacts:
    rpms:
"""
    text += "".join(f"    - {name}\n" for name in artifacts) + "...\n"
    if major == 8:
        text += f"""\
---
document: modulemd-defaults
version: 1
data:
  module: postgresql
  stream: "{stream}"
  profiles:
    "{stream}": [server]
...
"""
    return text


def copy(pattern, target):
    """Copies the one file of that pattern."""
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(glob.glob(pattern)[0], target)
