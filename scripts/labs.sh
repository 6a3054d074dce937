#!/bin/sh
# Removes the labs that the tests, the demo and the benches make, and no other.
set -u
cd "$(dirname "$0")/.." || exit 1
for quorate in target/debug/quorate target/release/quorate; do
    [ -x "$quorate" ] && break
done
[ -x "$quorate" ] || exit 0
names=$(cat tests/lab/*.rs | tr -d ' \n' | grep -o '::fresh("[a-z0-9-]*"' | cut -d'"' -f2 | sort -u)
result=0
for name in $names smoke-a smoke-b smoke-el9 smoke-el8 lrhel9 lrhel8 bundle bundle9 bench "$@"; do
    [ ! -e "/var/lib/quorate-lab/$name" ] || "$quorate" lab down --name "$name" || result=1
done
exit "$result"
