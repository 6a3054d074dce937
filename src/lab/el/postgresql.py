"""PostgreSQL as its project's archive packs it for Enterprise Linux, around the programs of Debian's own package."""

import fnmatch
import os
import shutil

from rpms import Package

SERVER = ("initdb", "pg_archivecleanup", "pg_checksums", "pg_controldata", "pg_ctl", "pg_resetwal", "pg_rewind", "pg_test_fsync",
          "pg_test_timing", "pg_upgrade", "pg_waldump", "postgres", "postmaster")
CONTRIB = ("oid2name", "pg_amcheck", "pg_recvlogical", "vacuumlo")
SERVER_LIBRARIES = ("plpgsql.so", "dict_snowball.so", "libpqwalreceiver.so", "pgoutput.so", "*_and_*.so",
                    "euc2004_sjis2004.so")
# Its library is not installed; without this file PostgreSQL does not try.
LEFT_OUT = ("llvmjit*", "bitcode", "pgxs")

UNIT = """\
[Unit]
Description=PostgreSQL @MAJOR@ database server
Documentation=https://www.postgresql.org/docs/@MAJOR@/static/
After=syslog.target
After=network-online.target

[Service]
Type=notify
User=postgres
Group=postgres
Environment=PGDATA=/var/lib/pgsql/@MAJOR@/data/
OOMScoreAdjust=-1000
Environment=PG_OOM_ADJUST_FILE=/proc/self/oom_score_adj
Environment=PG_OOM_ADJUST_VALUE=0
ExecStartPre=@HOME@/bin/postgresql-@MAJOR@-check-db-dir ${PGDATA}
ExecStart=@HOME@/bin/postgres -D ${PGDATA}
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
KillSignal=SIGINT
TimeoutSec=0
TimeoutStartSec=0
TimeoutStopSec=1h

[Install]
WantedBy=multi-user.target
"""

CHECK = """\
#!/bin/sh
# Refuses to start a server that has no data.
[ -f "$1/PG_VERSION" ] && exit 0
echo "\\"$1\\" is missing or empty." >&2
echo "Use \\"@HOME@/bin/postgresql-@MAJOR@-setup initdb\\" to initialize the database cluster." >&2
exit 1
"""

SETUP = """\
#!/bin/sh
# Makes a data folder: the one use of the archive's program that a lab knows.
[ "$1" = initdb ] || { echo "usage: $0 initdb" >&2; exit 2; }
data=$(systemctl show --property=Environment postgresql-@MAJOR@.service | sed 's/.*PGDATA=//; s/ .*//')
data=${data:-/var/lib/pgsql/@MAJOR@/data}
if [ -n "$(ls -A "$data" 2>/dev/null)" ]; then
    echo "Data directory is not empty!" >&2
    exit 1
fi
printf 'Initializing database ... '
if runuser -l postgres -c "@HOME@/bin/initdb --pgdata='$data' --auth=ident $PGSETUP_INITDB_OPTIONS" \\
    >/var/lib/pgsql/@MAJOR@/initdb.log 2>&1; then
    echo OK
else
    echo "failed, see /var/lib/pgsql/@MAJOR@/initdb.log" >&2
    exit 1
fi
"""

PROFILE = """\
cat >/var/lib/pgsql/.bash_profile <<'END'
[ -f /etc/profile ] && source /etc/profile
PGDATA=/var/lib/pgsql/@MAJOR@/data
export PGDATA
[ -f /var/lib/pgsql/.pgsql_profile ] && source /var/lib/pgsql/.pgsql_profile
END
chown postgres:postgres /var/lib/pgsql/.bash_profile
chmod 700 /var/lib/pgsql/.bash_profile
"""

ACCOUNT = """\
groupadd -g 26 -o -r postgres >/dev/null 2>&1 || :
useradd -M -g postgres -o -r -d /var/lib/pgsql -s /bin/bash -c "PostgreSQL Server" -u 26 postgres >/dev/null 2>&1 || :
"""


def put(path, text, mode=0o644):
    """Writes a file and makes its folder."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        out.write(text)
    os.chmod(path, mode)


def packages(debs, stage, repository, el, major):
    """The four packages: client, libraries, server, contrib."""
    home, debian, name = f"/usr/pgsql-{major}", f"/usr/lib/postgresql/{major}", f"postgresql{major}"
    fill = lambda text: text.replace("@MAJOR@", str(major)).replace("@HOME@", home)
    whole = debs.unpack(f"{stage}/postgresql", [f"postgresql-{major}", f"postgresql-client-{major}"], follow=False)
    libraries = debs.unpack(f"{stage}/{name}-libs", ["libpq5"], follow=False)
    roots = {part: f"{stage}/{name}{part}" for part in ("", "-server", "-contrib")}
    for root in roots.values():
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(f"{root}{home}/bin")
    for folder, _, files in os.walk(whole):
        for file in files:
            path = os.path.relpath(f"{folder}/{file}", whole)
            part = part_of("/" + path, debian, major)
            if part is None:
                continue
            os.makedirs(os.path.dirname(f"{roots[part]}/{path}"), exist_ok=True)
            os.rename(f"{folder}/{file}", f"{roots[part]}/{path}")
            if path.startswith(f"{debian[1:]}/bin/"):
                os.symlink(f"../../lib/postgresql/{major}/bin/{file}", f"{roots[part]}{home}/bin/{file}")
    server = roots["-server"]
    os.symlink(f"../lib/postgresql/{major}/lib", f"{server}{home}/lib")
    os.symlink(f"../share/postgresql/{major}", f"{server}{home}/share")
    put(f"{server}{home}/bin/{setup_name(major)}", fill(SETUP), 0o755)
    put(f"{server}{home}/bin/postgresql-{major}-check-db-dir", fill(CHECK), 0o755)
    os.makedirs(f"{server}/usr/bin", exist_ok=True)
    os.symlink(f"../pgsql-{major}/bin/{setup_name(major)}", f"{server}/usr/bin/{setup_name(major)}")
    put(f"{server}/usr/lib/systemd/system/postgresql-{major}.service", fill(UNIT))
    put(f"{server}/usr/lib/tmpfiles.d/postgresql-{major}.conf", "d /run/postgresql 0755 postgres postgres -\n")
    put(f"{server}/etc/pam.d/postgresql", "#%PAM-1.0\nauth include password-auth\naccount include password-auth\n")

    version, release = debs.version(f"postgresql-{major}"), f"1PGDG.rhel{el}"
    full = f"{version}-{release}"

    def package(part, root, **rest):
        own = f"{name}{part}"
        # By the plain name, the distribution's module takes it for one of its own and hides it.
        provides = [f"postgresql{part} = {full}", f"{own}(x86-64) = {full}"]
        return Package(own, version, repository, release, root=root, provides=provides, **rest)

    client = sorted(os.listdir(f"{roots['']}{home}/bin"))
    link = "".join(f"/usr/sbin/update-alternatives --install /usr/bin/{program} pgsql-{program} {home}/bin/{program} {major}0\n"
                   for program in client)
    unlink = "".join(f"    /usr/sbin/update-alternatives --remove pgsql-{program} {home}/bin/{program}\n" for program in client)
    owned = "postgres,postgres"
    return [
        package("-libs", libraries, requires=["openssl-libs >= 1.1.1"], scripts={"post": "/sbin/ldconfig", "postun": "/sbin/ldconfig"}),
        package("", roots[""], requires=[f"{name}-libs = {full}", "libicu", "lz4-libs", "libzstd", "systemd"],
                scripts={"post": link, "postun": f'if [ "$1" -eq 0 ]; then\n{unlink}fi'}),
        package("-server", server, requires=[f"{name} = {full}", f"{name}-libs = {full}", "util-linux", "systemd"],
                config=["/etc/pam.d/postgresql"],
                folders=[f"%attr(700,{owned}) %dir /var/lib/pgsql", f"%attr(700,{owned}) %dir /var/lib/pgsql/{major}",
                         f"%attr(700,{owned}) %dir /var/lib/pgsql/{major}/data",
                         f"%attr(700,{owned}) %dir /var/lib/pgsql/{major}/backups", "%dir /etc/sysconfig/pgsql"],
                scripts={
                    "pre": ACCOUNT,
                    "post": "systemctl daemon-reload >/dev/null 2>&1 || :\n"
                            f"systemd-tmpfiles --create /usr/lib/tmpfiles.d/postgresql-{major}.conf || :\n{fill(PROFILE)}",
                    "preun": f'if [ "$1" -eq 0 ]; then\n    systemctl --no-reload disable --now postgresql-{major}.service '
                             ">/dev/null 2>&1 || :\nfi",
                    "postun": "systemctl daemon-reload >/dev/null 2>&1 || :"}),
        package("-contrib", roots["-contrib"], requires=[f"{name} = {full}", f"{name}-server = {full}"]),
    ]


def setup_name(major):
    """The program that makes a data folder."""
    return f"postgresql-{major}-setup"


def part_of(path, debian, major):
    """Which of the packages a file of Debian's belongs to; None if to none."""
    share = f"/usr/share/postgresql/{major}"
    if any(fnmatch.fnmatch(part, pattern) for part in path.split("/") for pattern in LEFT_OUT):
        return None
    file = os.path.basename(path)
    if path.startswith(f"{debian}/bin/"):
        return "-server" if file in SERVER else "-contrib" if file in CONTRIB else ""
    if path.startswith(f"{debian}/lib/"):
        return "-server" if any(fnmatch.fnmatch(file, pattern) for pattern in SERVER_LIBRARIES) else "-contrib"
    if path.startswith(f"{share}/extension/"):
        return "-server" if file.startswith("plpgsql") else "-contrib"
    if path.startswith(share):
        return "" if file == "psqlrc.sample" else "-server"
    return None
