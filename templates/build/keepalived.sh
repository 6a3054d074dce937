#!/bin/sh
# Build keepalived (VRRP only) from upstream's release archive, without network and without root.
#
#   keepalived.sh SOURCE.tar.gz VERSION WORKDIR OUT.tar.gz
#
# SOURCE   upstream's release archive from its own site (a tag archive has no configure script and is refused);
#          its checksum has been checked by the caller
# WORKDIR  empty, ours alone; nothing outside it is written but OUT
# QUORATE_BUILD (environment) the system that the result is for
# OUT      sbin/keepalived, the same bytes for the same inputs and the same compiler and libraries
set -eu
umask 022
export LC_ALL=C

die() { echo "keepalived.sh: $*" >&2; exit 1; }
[ $# -eq 4 ] || die "usage: keepalived.sh SOURCE.tar.gz VERSION WORKDIR OUT.tar.gz"
src=$1 version=$2 work=$3 out=$4
case $version in ''|*[!0-9A-Za-z.+~-]*) die "not a version: $version" ;; esac
if [ ! -f "$src" ] || [ ! -r "$src" ]; then die "cannot read $src"; fi
if [ ! -d "$work" ] || [ ! -w "$work" ]; then die "no writable work directory $work"; fi
[ -z "$(ls -A "$work")" ] || die "work directory $work is not empty"
case $out in /*) ;; *) out=$PWD/$out ;; esac
case $src in /*) ;; *) src=$PWD/$src ;; esac
work=$(cd "$work" && pwd -P)
log=$work/build.log
: >"$log"

# Everything that a tool might write to a home or a shared temporary directory stays in the work directory.
mkdir "$work/tmp" "$work/stage" "$work/stage/sbin"
export HOME="$work" TMPDIR="$work/tmp"

failed() { echo "keepalived.sh: $1 failed; last lines:" >&2; tail -n 25 "$log" >&2; exit 1; }

# A listing is judged before anything is written: names that leave the target directory are refused, and so is an archive
# without exactly one top directory (--strip-components would then lose files).
unpack() { # archive directory strip
    tar -tf "$1" >"$work/names" 2>>"$log" || failed "listing $1"
    awk -v strip="$3" '
        /^\// || /(^|\/)\.\.(\/|$)/ { print "unsafe name: " $0; exit 1 }
        strip && NR == 1 { split($0, p, "/"); top = p[1] }
        strip && $0 != top && index($0, top "/") != 1 { print "more than one top directory: " $0; exit 1 }
        END { if (NR == 0) { print "empty archive"; exit 1 } }' "$work/names" >>"$log" || failed "checking the names in $1"
    mkdir -p "$2"
    tar -xf "$1" -C "$2" --strip-components="$3" --no-same-owner --no-same-permissions >>"$log" 2>&1 || failed "unpacking $1"
}

for c in "${CC:-gcc}" make; do command -v "$c" >/dev/null 2>&1 || die "$c is missing on this host"; done
export CC="${CC:-gcc}"
# Variables of the caller's that these builds would pick up are not part of the recipe.
unset CFLAGS CPPFLAGS LDFLAGS LIBS MAKEFLAGS MAKELEVEL DESTDIR

echo "unpack keepalived $version"
unpack "$src" "$work/src" 1
cd "$work/src"

[ -f configure ] || die "no configure script in $src: this is a tag archive, not a release archive"

# --sysconfdir=/etc      else a build below /usr/local looks into /usr/local/etc first (2.2.5 and later)
# --with-init=systemd    with the unit directory named here, or configure asks pkg-config for the "systemd" package;
# --enable-systemd       libsystemd for Type=notify. Only warns when the library is missing: checked below.
# --disable-lvs          no load balancer: needs no libnl and runs no checker process
# --disable-iptables --disable-nftables
#                        only for "strict mode"/no_accept, which are not used: no libnftnl, libmnl, libipset, libkmod
# track-process stays on (watching haproxy by the kernel's process events).
set -- --prefix=/usr/local --sysconfdir=/etc --localstatedir=/var --runstatedir=/run \
    --with-init=systemd --with-systemdsystemunitdir=/usr/local/lib/systemd/system --enable-systemd \
    --disable-lvs --disable-iptables --disable-nftables \
    --disable-dynamic-linking --disable-dependency-tracking --enable-silent-rules
# Not --enable-reproducible-build: it moves the --version details into a file that the binary then wants at run time. Without
# it the same inputs give the same bytes all the same (no date and no path goes in).

jobs=$(nproc)
echo "configure keepalived $version"
start=$(date +%s)
# -g0 -O2: the default's -g only costs time, the result is stripped anyway
CFLAGS='-O2 -g0' ./configure "$@" >>"$log" 2>&1 || failed "configure"
echo "compile keepalived $version on $jobs cores"
make -j"$jobs" >>"$log" 2>&1 || failed "make"
echo "compiled in $(($(date +%s) - start)) s"

strip -o "$work/stage/sbin/keepalived" keepalived/keepalived >>"$log" 2>&1 || failed "strip"
bin=$work/stage/sbin/keepalived
"$bin" --version >"$work/v" 2>&1 || failed "keepalived --version"
cat "$work/v" >>"$log"
grep -q "^Keepalived v$(printf %s "$version" | sed 's/\./\\./g') " "$work/v" || failed "version check (want $version)"
grep -q 'VRRP' "$work/v" || failed "check for VRRP"
ldd "$bin" >"$work/libs" 2>>"$log" || failed "ldd"
cat "$work/libs" >>"$log"
grep -q 'libsystemd\.so' "$work/libs" || failed "check for systemd notification (libsystemd-dev missing?)"
if grep -Eq 'not found|libnl|libssl|libipset|libnftnl|libxtables|libsnmp|libdbus' "$work/libs"; then failed "check for stray libraries"; fi
echo "built sbin/keepalived: $(sed -n 's/^Keepalived //p' "$work/v")"

# Which system this is for: read before it is shipped, and on each host before it is put in its place.
printf '%s\n' "${QUORATE_BUILD:?}" >"$work/stage/.quorate-build"

# Sorted names, no owner, no time, no umask: equal inputs give equal bytes. Moved into place whole.
tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=u=rwX,go=rX -cf "$work/out.tar" -C "$work/stage" .quorate-build sbin || die "tar failed"
gzip -n <"$work/out.tar" >"$out.part" || die "gzip failed"
mv -f "$out.part" "$out"
echo "wrote $out ($(wc -c <"$out") bytes)"
