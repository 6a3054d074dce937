#!/bin/sh
# Build etcd, etcdctl (and etcdutl, from 3.5 on) from upstream's source archive, without network and without root.
#
#   etcd.sh SOURCE.tar.gz VERSION WORKDIR OUT.tar.gz [PATCHES]
#
# SOURCE   upstream's tag archive; its checksum has been checked by the caller
# WORKDIR  empty, ours alone; about 700 MB are used and nothing outside is written but OUT
# QUORATE_BUILD (environment) the system that the result is for
# OUT      bin/etcd bin/etcdctl [bin/etcdutl], the same bytes for the same inputs and the same Go
# PATCHES  optional, also checked by the caller: one .patch/.diff file, or a Debian packaging archive (*.debian.tar.xz) whose
#          debian/patches/series is applied. 3.5.16 needs it on Debian 13: the distribution has only grpc-gateway v2 and
#          go-grpc-middleware v2, while upstream's source calls v1. 3.4.23 needs it on Debian 12 (newer gRPC) and must not
#          have it on Debian 11.
#
# Where the Go modules come from, first that fits:
#   vendor/ in the archive (upstream 3.4.13 to 3.4.18 carry it)      module mode, -mod=vendor
#   usr/share/gocode below $QUORATE_UNPACKED, or else of this host (golang-*-dev packages)
#                                                                     GOPATH mode: no go.sum, no proxy, no version lookup
# Upstream's own module proxy is never asked: GOPROXY=off makes a forgotten module an error instead of a download.
set -eu
umask 022
export LC_ALL=C

die() { echo "etcd.sh: $*" >&2; exit 1; }
case $# in 4|5) ;; *) die "usage: etcd.sh SOURCE.tar.gz VERSION WORKDIR OUT.tar.gz [PATCHES]" ;; esac
src=$1 version=$2 work=$3 out=$4 patches=${5:-}
case $version in ''|*[!0-9A-Za-z.+~-]*) die "not a version: $version" ;; esac
for f in "$src" ${patches:+"$patches"}; do
    if [ ! -f "$f" ] || [ ! -r "$f" ]; then die "cannot read $f"; fi
done
if [ ! -d "$work" ] || [ ! -w "$work" ]; then die "no writable work directory $work"; fi
[ -z "$(ls -A "$work")" ] || die "work directory $work is not empty"
case $out in /*) ;; *) out=$PWD/$out ;; esac
case $src in /*) ;; *) src=$PWD/$src ;; esac
case $patches in /*|'') ;; *) patches=$PWD/$patches ;; esac
work=$(cd "$work" && pwd -P)
log=$work/build.log
: >"$log"

# Everything that a tool might write to a home or a shared temporary directory stays in the work directory.
mkdir "$work/tmp" "$work/stage" "$work/stage/bin"
export HOME="$work" TMPDIR="$work/tmp"

failed() { echo "etcd.sh: $1 failed; last lines:" >&2; tail -n 25 "$log" >&2; exit 1; }

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

go=${QUORATE_GO:-go}
command -v "$go" >/dev/null 2>&1 || die "no Go compiler ($go) on this host"

# The import path of every package is go.etcd.io/etcd/..., so in GOPATH mode the tree has to sit exactly there. Our own
# directory comes first in GOPATH and so wins over a packaged etcd source.
tree=$work/gopath/src/go.etcd.io/etcd
echo "unpack etcd $version"
unpack "$src" "$tree" 1

if [ -n "$patches" ]; then
    case $patches in
    *.patch|*.diff) echo "$patches" >"$work/series" ;;
    *)
        unpack "$patches" "$work/packaging" 0
        [ -f "$work/packaging/debian/patches/series" ] || die "no debian/patches/series in $patches"
        sed -e 's/[[:space:]]*#.*//' -e '/^[[:space:]]*$/d' -e "s|^|$work/packaging/debian/patches/|" \
            "$work/packaging/debian/patches/series" >"$work/series" ;;
    esac
    command -v patch >/dev/null 2>&1 || die "the patch program is missing on this host"
    echo "apply $(grep -c . "$work/series") patches"
    while IFS= read -r p; do
        # -f: never ask; -F0: an inexact match means these are not the patches for this source
        patch -d "$tree" -p1 -f -F0 -s --no-backup-if-mismatch -i "$p" >>"$log" 2>&1 || failed "patch ${p##*/}"
    done <"$work/series"
fi

export GOCACHE="$work/cache" GOTMPDIR="$work/tmp" GOENV=off GOPROXY=off GOSUMDB=off GOTOOLCHAIN=local GOTELEMETRY=off
export CGO_ENABLED=0 # static binaries: they run on every host of the cluster, whatever its libc
unset GOROOT GOOS GOARCH GOBIN
if [ -f "$tree/vendor/modules.txt" ]; then
    export GO111MODULE=on GOFLAGS=-mod=vendor GOPATH="$work/gopath"
else
    gocode=${QUORATE_UNPACKED:-}/usr/share/gocode
    [ -d "$gocode/src" ] || gocode=/usr/share/gocode
    [ -d "$gocode/src" ] || die "no Go packages below $gocode/src (golang-*-dev)"
    export GO111MODULE=off GOFLAGS='' GOPATH="$work/gopath:$gocode"
    # Debian 11 has this library only under the name that it had before its project moved; 3.2.0 and the first version under
    # the new name have the same interface. Used by etcd only for --auth-token=jwt.
    jwt=src/github.com/golang-jwt/jwt old=$gocode/src/github.com/dgrijalva/jwt-go
    if [ ! -e "$gocode/$jwt" ] && [ -d "$old" ]; then
        mkdir -p "$work/gopath/${jwt%/*}"
        ln -s "$old" "$work/gopath/$jwt"
    fi
fi

cd "$tree"
if [ -d server ]; then # 3.5: a main per directory
    mains='./server ./etcdctl ./etcdutl'
    pkg=api/version
    [ "$GO111MODULE" = off ] || pkg=api/v3/version
else # 3.4: etcd's main is the top directory
    mains='. ./etcdctl'
    pkg=version
fi
# An archive made by git carries the commit in its first header: the version output then names it, as upstream's builds do.
sha=$({ gzip -dc "$src" 2>/dev/null || true; } | head -c 4096 | tr '\0' '\n' | sed -n 's/^.*52 comment=\([0-9a-f]\{7\}\)[0-9a-f]\{33\}$/\1/p' | head -n 1)
flags="-s -w"
[ -z "$sha" ] || flags="$flags -X go.etcd.io/etcd/$pkg.GitSHA=$sha"

echo "compile etcd $version with $("$go" version | cut -d ' ' -f 3) on $(nproc) cores"
start=$(date +%s)
# One command for all mains: packages that they share compile once and the links overlap.
# shellcheck disable=SC2086 # a list of words without blanks in them
"$go" build -trimpath -ldflags "$flags" -o "$work/stage/bin/" $mains >>"$log" 2>&1 || failed "go build"
[ ! -f "$work/stage/bin/server" ] || mv "$work/stage/bin/server" "$work/stage/bin/etcd"
echo "compiled in $(($(date +%s) - start)) s"

# The result has to run here and be what was asked for.
cd "$work/stage"
for b in bin/*; do
    case $b in
    bin/etcd) "./$b" --version >"$work/v" 2>>"$log" || failed "$b --version" ;;
    *) ETCDCTL_API=3 "./$b" version >"$work/v" 2>>"$log" || failed "$b version" ;;
    esac
    cat "$work/v" >>"$log"
    grep -q "ersion: $version\$" "$work/v" || failed "version check of $b (want $version)"
done
if [ ! -x bin/etcd ] || [ ! -x bin/etcdctl ]; then die "etcd or etcdctl is missing from the build"; fi
echo "built $(echo bin/*), commit ${sha:-unknown}"

# Which system this is for: read before it is shipped, and on each host before it is put in its place.
printf '%s\n' "${QUORATE_BUILD:?}" >"$work/stage/.quorate-build"

# Sorted names, no owner, no time, no umask: equal inputs give equal bytes. Moved into place whole.
tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=u=rwX,go=rX -cf "$work/out.tar" .quorate-build bin || die "tar failed"
gzip -n <"$work/out.tar" >"$out.part" || die "gzip failed"
mv -f "$out.part" "$out"
echo "wrote $out ($(wc -c <"$out") bytes)"
