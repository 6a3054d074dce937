#!/bin/sh
# What it costs to find that there is nothing to do, against what ssh alone costs.
#
#   benches/noop.sh [RUNS]
#
# Each run times, in turn: three (or five) cold `ssh HOST true` at once, `diff`, `plan`, a second `apply`, `verify`, `render`. They
# alternate, so that a busy moment of the machine hits all alike.
set -eu
cd "$(dirname "$0")/.."
. benches/lib.sh
runs=${1:-10}
program
cluster
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
log=$folder/log

config=$(dirname "$inventory")/ssh_config
[ -f "$config" ] || die "there is no ssh_config beside $inventory: only a lab has one"
hosts=$(sed -n 's/^ *- name: *\(db[0-9]*\)$/\1/p' "$inventory")
[ -n "$hosts" ] || die "no hosts in $inventory"

machine
echo "# $(echo "$hosts" | wc -w) hosts, $runs runs"
run=0
while [ "$run" -lt "$runs" ]; do
    run=$((run + 1))
    milliseconds cold_ssh >>"$folder/ssh"
    milliseconds "$quorate" diff --exit-code -i "$inventory" >>"$folder/diff"
    milliseconds "$quorate" plan --exit-code -i "$inventory" >>"$folder/plan"
    milliseconds "$quorate" apply -i "$inventory" >>"$folder/apply"
    grep -q 'nothing to do' "$log" || { cat "$log" >&2; die "this apply had something to do: no measurement of nothing"; }
    milliseconds "$quorate" verify -i "$inventory" >>"$folder/verify"
    milliseconds "$quorate" render -i "$inventory" -o "$folder/out" >>"$folder/render"
done
printf '%-8s %6s %6s %6s\n' '' min median max
base=$(median "$folder/ssh")
for name in ssh diff plan apply verify render; do
    summary "$name" "$folder/$name"
done
for name in diff plan apply verify; do
    awk -v name="$name" -v a="$(median "$folder/$name")" -v b="$base" 'BEGIN {printf "%s is %.1f times the cold ssh\n", name, a / b}'
done
