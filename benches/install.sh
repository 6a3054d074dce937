#!/bin/sh
# How long bare hosts take to a verified cluster: once with an empty cache (everything downloaded and built), once with that cache.
#
#   benches/install.sh
#
# Makes the lab `bench` anew for each and leaves the last one running for the other benches (`make clean-lab` removes it).
# The base image of the hosts is not part of the time: it is built before the clock starts.
set -eu
cd "$(dirname "$0")/.."
. benches/lib.sh
[ "$(id -u)" = 0 ] || die "the lab needs root"
unset INVENTORY
program
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Of this bench alone: it begins empty.
export XDG_CACHE_HOME="$folder/cache"

machine
for kind in cold cached; do
    "$quorate" lab down --name "$LAB" >"$folder/lab" 2>&1 || { cat "$folder/lab" >&2; die "the lab does not go"; }
    "$quorate" lab up --name "$LAB" >"$folder/lab" 2>&1 || { cat "$folder/lab" >&2; die "the lab does not come up"; }
    inventory=$("$quorate" lab path --name "$LAB")/inventory.yml
    from=$(now_ms)
    watched "$quorate" apply -i "$inventory" >"$folder/out" 2>"$folder/err" || { cat "$folder/err" "$folder/out" >&2; die "apply failed"; }
    took=$(($(now_ms) - from))
    "$quorate" verify -i "$inventory" >"$folder/verify" || { cat "$folder/verify" >&2; die "not verified"; }
    echo "$kind $took $peak" | awk '{printf "%-7s %7.1f s   peak memory %.1f MiB\n", $1, $2 / 1000, $3 / 1024}'
    # Where the time went, as the run itself says.
    sed -n '/^time$/,$p' "$folder/err" | sed 1d
done
du -sk "$XDG_CACHE_HOME" | awk '{printf "cache   %7.1f MiB\n", $1 / 1024}'
