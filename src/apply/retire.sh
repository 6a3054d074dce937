# Arguments: how many units, files and reloads there are, the VIP, PostgreSQL's program folder and its data folder (empty where it is
# not their turn), then the units, the files, and the units of others that read their files anew. What was done already is passed over.
units=$1 files=$2 reloads=$3 vip=$4 bin=$5 data=$6
shift 6
fail() { echo "$1" >&2; exit 1; }
state() { systemctl show -p "$2" --value "$1"; }
stopped() { case $(state "$1" ActiveState) in inactive | failed | "") return 0 ;; esac; return 1; }
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
serves() { [ -n "$data" ] && [ -e "$data/postmaster.pid" ] && as_postgres "$bin/pg_ctl" -D "$data" status >/dev/null 2>&1; }
was=no
! serves || was=yes
n=0
while [ "$n" -lt "$units" ]; do
    unit=$1
    shift
    n=$((n + 1))
    # A change that nobody confirmed must not come back now.
    undo=quorate-undo-${unit%.service}
    systemctl stop "$undo.timer" "$undo.service" 2>/dev/null
    rm -rf "/var/lib/quorate/undo/${unit:?}"
    stopped "$unit" || systemctl stop "$unit" || fail "$unit does not stop"
    stopped "$unit" || fail "$unit runs still"
    case $(systemctl is-enabled "$unit" 2>/dev/null) in
    enabled* | linked*) systemctl disable "$unit" 2>&1 || fail "$unit can't be disabled" ;;
    esac
    systemctl reset-failed "$unit" 2>/dev/null
done
# A keepalived that was killed has left the address where it was.
if [ -n "$vip" ]; then
    ip -o -4 addr show | awk -v vip="$vip" '{split($4, part, "/"); if (part[1] == vip) print $4, $2}' | while read -r address device; do
        ip addr del "$address" dev "$device" || exit 1
    done || fail "$vip can't be taken off its interface"
fi
# PostgreSQL outlives a Patroni that is paused, or that was killed.
if serves; then
    as_postgres "$bin/pg_ctl" -D "$data" -m fast -w -t 600 stop 2>&1 || fail "PostgreSQL in $data does not stop"
fi
if [ "$was" = yes ]; then
    how=$(as_postgres "$bin/pg_controldata" "$data" | sed -n 's/^Database cluster state: *//p')
    case $how in "shut down"*) ;; *) fail "PostgreSQL in $data did not shut down in order: $how" ;; esac
fi
n=0
while [ "$n" -lt "$files" ]; do
    rm -f -- "$1" || fail "$1 can't be removed"
    [ ! -d "${1%/*}" ] || sync "${1%/*}"
    shift
    n=$((n + 1))
done
systemctl daemon-reload || fail "systemd does not read its units anew"
n=0
while [ "$n" -lt "$reloads" ]; do
    systemctl try-reload-or-restart "$1" || fail "$1 does not read its files anew"
    shift
    n=$((n + 1))
done
exit 0
