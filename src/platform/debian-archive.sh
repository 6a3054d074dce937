# Arguments: the address of the PostgreSQL project's archive or of a mirror of it, a package that must be on offer, and what its version
# has to contain where the distribution has a package of that name too. Sets the archive up with the key that the distribution's own
# package brings; where the host gets the package from elsewhere, it is left so.
base=$1 package=$2 sign=$3
# It goes into a file as it stands.
case $base in *[!A-Za-z0-9:/._~%+-]*) echo "$base: a character in it can't stand in a repository's file" >&2; exit 1 ;; esac
export DEBIAN_FRONTEND=noninteractive
trap '' HUP INT PIPE TERM
umask 022
log=$(mktemp) && former=$(mktemp) || exit 1
trap 'rm -f "$log" "$former"' EXIT
run() { apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$log" 2>&1; }
failed() { code=$?; tail -n 20 "$log" >&2; exit "$code"; }
offered() { apt-cache policy "$package" | grep -q "^  Candidate: [^(].*$sign"; }
file=/etc/apt/sources.list.d/pgdg.sources
if ! grep -qs '^# Made by quorate' "$file"; then
    offered && exit 0
    run update || failed
    offered && exit 0
    # The archive's own instructions make a file of this name: it is the operator's.
    [ ! -e "$file" ] || { echo "$file is not quorate's, and with it no $package of that archive is on offer: mend it, or take it away" >&2; exit 1; }
else
    cat "$file" >"$former" || exit 1
fi
keys=/usr/share/postgresql-common/pgdg/apt.postgresql.org
if [ ! -e "$keys.asc" ] && [ ! -e "$keys.gpg" ]; then
    # This package alone makes no database.
    run -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold install -- postgresql-common ca-certificates || failed
fi
key=$keys.asc
[ -e "$key" ] || key=$keys.gpg
# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
printf '# Made by quorate (postgresql.packages: pgdg).\nTypes: deb\nURIs: %s\nSuites: %s-pgdg\nComponents: main\nSigned-By: %s\n' \
    "$base" "$suite" "$key" >"$file.new" && mv -f "$file.new" "$file" || exit 1
# An archive that is of no use must not stay: every other call of apt on this host would stumble over it.
refused() {
    tail -n 20 "$log" >&2
    echo "$base: $1" >&2
    if [ -s "$former" ]; then cat "$former" >"$file"; else rm -f "$file"; fi
    exit 1
}
run update || refused "apt does not take this archive (its signature has to be by the key in $key); it was taken out of apt's sources again"
# What can't be reached is a warning for apt, no error.
offered || refused "no $package for $suite-pgdg could be had there; it was taken out of apt's sources again"
