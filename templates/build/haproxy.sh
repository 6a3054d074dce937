#!/bin/sh
# Build haproxy from upstream's release archive, without network and without root.
#
#   haproxy.sh SOURCE.tar.gz VERSION WORKDIR OUT.tar.gz
#
# SOURCE   upstream's archive; its checksum has been checked by the caller
# WORKDIR  empty, ours alone; nothing outside it is written but OUT
# QUORATE_BUILD (environment) the system that the result is for
# OUT      sbin/haproxy, the same bytes for the same inputs and the same compiler and libraries
set -eu
umask 022
export LC_ALL=C

die() { echo "haproxy.sh: $*" >&2; exit 1; }
[ $# -eq 4 ] || die "usage: haproxy.sh SOURCE.tar.gz VERSION WORKDIR OUT.tar.gz"
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

failed() { echo "haproxy.sh: $1 failed; last lines:" >&2; tail -n 25 "$log" >&2; exit 1; }

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

echo "unpack haproxy $version"
unpack "$src" "$work/src" 1
cd "$work/src"

# TLS (checks against Patroni's REST interface), PCRE2, and readiness to systemd (Type=notify, which master-worker mode needs).
# systemd: up to 2.9 by libsystemd and only when asked; 3.0 has its own code, on by default; from 3.1 it is always there
# and the switch is gone. No Lua, no zlib (a TCP proxy compresses nothing): fewer libraries on every host.
set -- USE_OPENSSL=1 USE_PCRE2=1 USE_LUA= USE_ZLIB=
systemd=feature
case $version in
[01].*|2.[01].*) die "haproxy $version: only 2.2 and later are supported" ;;
2.*) set -- "$@" USE_SYSTEMD=1 ;;
3.0.*) ;;
*) systemd=builtin ;;
esac
# 2.2 and 2.4 put -g into variables of other names than 3.x; without debug information the build is a third faster.
# LDFLAGS replaces only a default of "-g"; DEFINE is the one variable that every version appends to its own flags.
case $version in
2.*) set -- "$@" DEBUG_CFLAGS= ;;
*) set -- "$@" ARCH_FLAGS= ;;
esac
hardening='-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong'

jobs=$(nproc)
echo "compile haproxy $version on $jobs cores"
start=$(date +%s)
make -j"$jobs" TARGET=linux-glibc CC="$CC" "$@" DEFINE="$hardening" LDFLAGS='-Wl,-z,relro,-z,now' \
    VERBOSE=0 V=0 haproxy >>"$log" 2>&1 || failed "make"
echo "compiled in $(($(date +%s) - start)) s"

# What was asked for has to be in what came out: a missing header turns into a missing feature only at run time otherwise.
./haproxy -vv >"$work/vv" 2>>"$log" || failed "haproxy -vv"
cat "$work/vv" >>"$log"
grep -Eq "^HA-?Proxy version $(printf %s "$version" | sed 's/\./\\./g')[- ]" "$work/vv" || failed "version check (want $version)"
grep -Eq '^Built with (OpenSSL|SSL library) version *: *OpenSSL' "$work/vv" || failed "check for OpenSSL"
grep -Eq '[+]PCRE2( |$)' "$work/vv" || failed "check for PCRE2"
[ "$systemd" = builtin ] || grep -Eq '[+]SYSTEMD( |$)' "$work/vv" || failed "check for systemd support"

strip -o "$work/stage/sbin/haproxy" haproxy >>"$log" 2>&1 || failed "strip"
"$work/stage/sbin/haproxy" -v >>"$log" 2>&1 || failed "haproxy -v after strip"
echo "built sbin/haproxy: $(sed -n -E 's/^Running on (OpenSSL|SSL library) version *: *//p' "$work/vv")"

# Which system this is for: read before it is shipped, and on each host before it is put in its place.
printf '%s\n' "${QUORATE_BUILD:?}" >"$work/stage/.quorate-build"

# Sorted names, no owner, no time, no umask: equal inputs give equal bytes. Moved into place whole.
tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=u=rwX,go=rX -cf "$work/out.tar" -C "$work/stage" .quorate-build sbin || die "tar failed"
gzip -n <"$work/out.tar" >"$out.part" || die "gzip failed"
mv -f "$out.part" "$out"
echo "wrote $out ($(wc -c <"$out") bytes)"
