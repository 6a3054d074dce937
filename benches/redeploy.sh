#!/bin/sh
# One HAProxy setting changed on all nodes: from `apply` to live and verified, against what ssh alone costs.
#
#   benches/redeploy.sh [RUNS]
#
# Each run times three cold `ssh HOST true` at once, then the `apply` of another value, which ends verified.
set -eu
cd "$(dirname "$0")/.."
. benches/lib.sh
runs=${1:-10}
[ -z "${INVENTORY:-}" ] || die "this changes the cluster: the lab only"
program
cluster
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
log=$folder/log
config=$(dirname "$inventory")/ssh_config
hosts="db01 db02 db03"

with_timeout() { variant "haproxy: {timeout_client: ${1}s}"; }
machine
with_timeout 3000
"$quorate" apply -i "$changed" --yes --max-impact restart-leader >"$log" 2>&1 || { cat "$log" >&2; die "apply failed"; }
echo "# 3 hosts, $runs runs"
run=0
while [ "$run" -lt "$runs" ]; do
    run=$((run + 1))
    milliseconds cold_ssh >>"$folder/ssh"
    with_timeout $((3000 + run))
    milliseconds "$quorate" apply -i "$changed" --yes --max-impact reload >>"$folder/apply"
    for host in $hosts; do
        ssh -F "$config" "$host" sudo grep -qx "'    timeout client $((3000 + run))s'" /etc/haproxy/haproxy.cfg || die "$host has another value"
    done
done
printf '%-8s %6s %6s %6s\n' '' min median max
summary ssh "$folder/ssh"
summary redeploy "$folder/apply"
awk -v a="$(median "$folder/apply")" -v b="$(median "$folder/ssh")" 'BEGIN {printf "redeploy is %.1f times the cold ssh\n", a / b}'
