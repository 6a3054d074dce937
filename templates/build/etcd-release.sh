#!/bin/sh
# Takes etcd's programs out of upstream's own release archive, into the shape of a source build.
#
#   etcd-release.sh RELEASE.tar.gz VERSION WORKDIR OUT.tar.gz
#
# RELEASE  upstream's archive; its checksum has been checked by the caller
# QUORATE_BUILD (environment) the system that the result is for
# OUT      bin/etcd bin/etcdctl [bin/etcdutl]
set -eu
umask 022
export LC_ALL=C

die() { echo "etcd-release.sh: $*" >&2; exit 1; }
[ $# -eq 4 ] || die "usage: etcd-release.sh RELEASE.tar.gz VERSION WORKDIR OUT.tar.gz"
src=$1 version=$2 work=$3 out=$4
[ -z "$(ls -A "$work")" ] || die "work directory $work is not empty"
mkdir -p "$work/in" "$work/stage/bin"
# Only the programs are taken, by their exact names, so that nothing else in the archive can land anywhere.
for name in etcd etcdctl etcdutl; do
    member=$(tar -tzf "$src" | grep -E "^[^/]+/$name\$" | head -n 1)
    [ -n "$member" ] || continue
    tar -xzOf "$src" "$member" >"$work/stage/bin/$name"
    chmod 0755 "$work/stage/bin/$name"
done
[ -s "$work/stage/bin/etcd" ] || die "no etcd in the archive"
"$work/stage/bin/etcd" --version | grep -q "ersion: $version\$" || die "the archive's etcd is not $version"
# Which system this is for: read before it is shipped, and on each host before it is put in its place.
printf '%s\n' "${QUORATE_BUILD:?}" >"$work/stage/.quorate-build"
cd "$work/stage"
tar --sort=name --format=ustar --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=u=rwX,go=rX -cf "$work/out.tar" .quorate-build bin
gzip -n <"$work/out.tar" >"$out.part"
mv -f "$out.part" "$out"
echo "wrote $out"
