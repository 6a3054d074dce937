# Arguments: packages. Nothing is asked, nothing recommended comes along, and no service of a package is started: each one
# starts only once its own configuration is there.
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
# One of ours that a killed run left behind is taken over: it would keep every later package's service from starting.
if [ ! -e "$policy" ] || grep -q '^# Made by quorate' "$policy"; then
    trap 'rm -f "$policy"' EXIT
    # sh leaves the trap above out when a signal ends it.
    trap 'exit 1' HUP INT PIPE TERM
    printf '#!/bin/sh\n# Made by quorate for one installation.\nexit 101\n' >"$policy" && chmod 755 "$policy" || exit 1
fi
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
install() {
    apt-get -y -q --no-install-recommends -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confold \
        -o DPkg::Lock::Timeout=300 install -- "$@" </dev/null
}
# The lists may be fresh enough; if a package is not found or gone from the archive, they were not.
if [ -n "$(ls /var/lib/apt/lists/*Packages* 2>/dev/null | head -n 1)" ] && install "$@" >/dev/null 2>&1; then
    exit 0
fi
apt-get -q -o DPkg::Lock::Timeout=300 update </dev/null && install "$@"
