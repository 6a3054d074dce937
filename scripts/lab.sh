#!/bin/sh
# The lab suite, or what of it is named: scripts/lab.sh [PART::…]. Boots real hosts, one test at a time; needs root.
set -eu
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "the lab boots systemd containers and needs root" >&2; exit 1; }
cargo test --locked --test lab -- "$@" --test-threads=1 --nocapture
