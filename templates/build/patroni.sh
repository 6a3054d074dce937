#!/bin/sh
# Puts Patroni and all it needs into a virtual environment, every file pinned by its checksum.
#
#   patroni.sh REQUIREMENTS VERSION WORKDIR OUT.tar.gz BUILD_REQUIREMENTS
#
# REQUIREMENTS        pinned packages, each file with its sha256
# BUILD_REQUIREMENTS  pinned packages that build those of which no wheel is published
# QUORATE_ROOT        (environment) where the environment will live on the hosts
# QUORATE_INTERPRETER (environment) the Python to make it with: the one it runs under on the hosts
# QUORATE_BUILD       (environment) the system that the result is for
# OUT                 the whole environment: it runs on every host with the same Python
#
# The package index is asked, by pip's own settings (/etc/pip.conf: mirrors, proxies, a company's CA).
set -eu
umask 022
export LC_ALL=C

die() { echo "patroni.sh: $*" >&2; exit 1; }
[ $# -eq 5 ] || die "usage: patroni.sh REQUIREMENTS VERSION WORKDIR OUT.tar.gz BUILD_REQUIREMENTS"
requirements=$1 version=$2 work=$3 out=$4 build_requirements=$5
root=${QUORATE_ROOT:?} python=${QUORATE_INTERPRETER:?}
[ -x "$python" ] || die "$python is not there"
[ -z "$(ls -A "$work")" ] || die "work directory $work is not empty"
mkdir "$work/tmp"
export HOME="$work" TMPDIR="$work/tmp" PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
log=$work/build.log
failed() { echo "patroni.sh: $1 failed; last lines:" >&2; tail -n 25 "$log" >&2; exit 1; }

venv=$work/venv
"$python" -m venv "$venv" >>"$log" 2>&1 || failed "$python -m venv"
pip="$venv/bin/pip install --no-compile --require-hashes --no-deps --only-binary :all:"
echo "install the pinned packages"
# shellcheck disable=SC2086 # a command line of ours
$pip -r "$build_requirements" >>"$log" 2>&1 || failed "pip install of the build requirements"
# shellcheck disable=SC2086
$pip --no-binary python-etcd,ydiff --no-build-isolation --use-pep517 -r "$requirements" >>"$log" 2>&1 ||
    failed "pip install"
"$venv/bin/pip" check >>"$log" 2>&1 || failed "pip check"
# What only installing needed does not go to the hosts.
"$venv/bin/pip" uninstall -y setuptools pip >>"$log" 2>&1 || failed "pip uninstall"
"$venv/bin/patroni" --version >"$work/v" 2>>"$log" || failed "patroni --version"
grep -q "^patroni $version\$" "$work/v" || failed "version check: $(cat "$work/v"), wanted $version"

# Programs name their interpreter by its final place; compiled code must not depend on times, which the archive does not keep.
for file in "$venv"/bin/*; do
    if [ -f "$file" ] && [ ! -L "$file" ]; then sed -i "s|$venv|$root|g" "$file"; fi
done
sed -i "s|$venv|$root|g" "$venv/pyvenv.cfg"
# Exit code 1 only says that some file is for another Python; what is missing is compiled at start.
"$venv/bin/python3" -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$venv" -p "$root" "$venv/lib" >>"$log" 2>&1 || true
# Which system this is for: read before it is shipped, and on each host before it is put in its place.
printf '%s\n' "${QUORATE_BUILD:?}" >"$venv/.quorate-build"
cd "$venv"
tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=u=rwX,go=rX -cf "$work/out.tar" . || die "tar failed"
gzip -n <"$work/out.tar" >"$out.part" || die "gzip failed"
mv -f "$out.part" "$out"
echo "wrote $out ($(wc -c <"$out") bytes)"
