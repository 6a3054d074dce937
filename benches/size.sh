#!/bin/sh
# How large the program is, and how much memory an apply that finds nothing to do holds (benches/install.sh measures a full one).
set -eu
cd "$(dirname "$0")/.."
. benches/lib.sh
program
machine
wc -c <"$quorate" | awk '{printf "program     %7.1f MiB\n", $1 / 1048576}'
cluster
log=$(mktemp)
trap 'rm -f "$log"' EXIT
watched "$quorate" apply -i "$inventory" >"$log" 2>&1 || { cat "$log" >&2; die "apply failed"; }
echo "$peak" | awk '{printf "peak memory %7.1f MiB\n", $1 / 1024}'
