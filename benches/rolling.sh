#!/bin/sh
# A PostgreSQL parameter that needs a restart, changed on a serving cluster: how long nobody can write.
#
#   benches/rolling.sh [RUNS]
#
# A writer inserts a number every 20 ms through VIP:5000, each with a limit of 1 s; the gap is the longest time between two
# acknowledged writes, an outage one of more than 0.5 s. A probe asks all three PostgreSQLs every 100 ms who takes writes.
set -eu
cd "$(dirname "$0")/.."
. benches/lib.sh
runs=${1:-10}
[ -z "${INVENTORY:-}" ] || die "this changes the cluster: the lab only"
program
cluster
folder=$(mktemp -d)
trap 'stop_clients; rm -rf "$folder"' EXIT
log=$folder/log
config=$(dirname "$inventory")/ssh_config

with_buffers() { variant "  parameters: {shared_buffers: ${1}MB}"; }
apply() { "$quorate" apply -i "$changed" --yes --max-impact restart-leader >"$log" 2>&1 || { cat "$log" >&2; die "apply failed"; }; }
acked() { grep -c ' acked ' "$folder/write.log"; }
# Until the writer has had an answer after this moment.
heard() {
    had=$(acked) tries=0
    while [ "$(acked)" -le "$had" ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || die "the writer gets no answer any more"
        sleep 0.1
    done
}

machine
with_buffers 128
apply
client write
client probe
until [ -s "$folder/write.log" ] && [ -s "$folder/probe.log" ]; do sleep 0.1; done
echo "# $runs runs"
printf '%4s %8s %8s %8s %8s\n' run 'apply s' gap_ms outages failed
run=0
while [ "$run" -lt "$runs" ]; do
    run=$((run + 1))
    with_buffers $((128 + run))
    heard
    line=$(wc -l <"$folder/write.log")
    from=$(now_ms)
    apply
    took=$(($(now_ms) - from))
    heard
    tail -n "+$line" "$folder/write.log" | awk -v run="$run" -v took="$took" '
        $3 == "acked" { if (last && $1 - last > gap) gap = $1 - last; if (last && $1 - last > 500) outages++; last = $1; next }
        NF >= 3 { failed++ }
        END { printf "%4d %8.1f %8d %8d %8d\n", run, took / 1000, gap, outages, failed }' | tee -a "$folder/runs"
done
stop_clients
awk '{print $3}' "$folder/runs" >"$folder/gaps"
printf '%-8s %6s %6s %6s\n' '' min p50 max
summary gap "$folder/gaps"

# Every acknowledged row must be there, by the leader's own word.
# shellcheck disable=SC2016 # for the hosts' shell
rows='cd / && PG="setpriv --reuid=postgres --regid=postgres --init-groups psql -XAtq -h /var/run/postgresql"
[ "$($PG -d postgres -c "SELECT pg_is_in_recovery()")" = t ] || $PG -d lab -c "SELECT n FROM written"'
for host in db01 db02 db03; do echo "$rows" | ssh -F "$config" "$host" sudo sh -s; done | sort -u >"$folder/there"
[ -s "$folder/there" ] || die "no leader tells its rows"
awk '$3 == "acked" {print $2}' "$folder/write.log" | sort -u >"$folder/acked"
lost=$(comm -23 "$folder/acked" "$folder/there" | wc -l)
two=$(awk '$2 ~ /,/' "$folder/probe.log" | wc -l)
echo "$(wc -l <"$folder/acked") rows acknowledged, $lost lost; $(wc -l <"$folder/probe.log") looks at who is writable, $two saw two nodes"
[ "$lost" = 0 ] && [ "$two" = 0 ]
