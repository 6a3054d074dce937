# Arguments: packages. Nothing is asked, nothing recommended comes along, and no service of a package is started: each one
# starts only once its own configuration is there.
export DEBIAN_FRONTEND=noninteractive
# When the line to us breaks, this goes on to its end instead of leaving packages half unpacked; the next run waits for it (the
# lock's time-out). So nothing is written to that line before the end.
trap '' HUP INT PIPE TERM
policy=/usr/sbin/policy-rc.d made_policy=
if [ ! -e "$policy" ] || grep -q quorate "$policy"; then
    printf '#!/bin/sh\n# Made by quorate for one installation of packages.\nexit 101\n' >"$policy" && chmod 755 "$policy" || exit 1
    made_policy=$policy
fi
log=$(mktemp) || exit 1
trap 'rm -f "$log" "${made_policy:-$log}"' EXIT
# What is made here is for everybody to read, as a package would make it.
umask 022
case " $*" in
*" postgresql"*)
    # Read when postgresql-NN is configured: without it a stray cluster "main" is made, takes the port and starts at boot.
    mkdir -p /etc/postgresql-common || exit 1
    printf '# Managed by quorate: Patroni makes the only cluster of this host.\ncreate_main_cluster = false\n' \
        >/etc/postgresql-common/createcluster.conf || exit 1
    ;;
esac
# Set where packages come from a bundle: see debian-local.sh.
only=${only:-}
apt() {
    # shellcheck disable=SC2086 # a list of options
    apt-get -q $only -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$log" 2>&1 && return 0
    code=$?
    # A host that was switched off in the middle of an installation: dpkg says so, and how to mend it.
    grep -q 'dpkg --configure -a' "$log" || return "$code"
    dpkg --force-confold --configure -a </dev/null >"$log" 2>&1 || return 1
    # shellcheck disable=SC2086
    apt-get -q $only -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$log" 2>&1
}
install() {
    apt -y --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold install -- "$@"
}
# The lists may be fresh enough; if a package is not found or gone from the archive, they were not.
if { [ -n "$only" ] || [ -n "$(ls /var/lib/apt/lists/*Packages* 2>/dev/null | head -n 1)" ]; } && install "$@"; then
    exit 0
fi
apt update && install "$@" && exit 0
code=$?
tail -n 20 "$log" >&2
exit "$code"
