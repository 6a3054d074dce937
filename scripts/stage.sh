#!/bin/sh
# Runs one stage of the tests and says how long it took: scripts/stage.sh NAME COMMAND…
# With QUORATE_TIMES=FILE the line goes to that file too.
set -u
name=$1
shift
echo "== $name: $*"
began=$(date +%s)
"$@"
code=$?
line=$(printf '%-9s %4d s  %s' "$name" "$(($(date +%s) - began))" "$([ "$code" = 0 ] && echo ok || echo "FAILED ($code)")")
echo "== $line"
[ -z "${QUORATE_TIMES:-}" ] || echo "$line" >>"$QUORATE_TIMES"
exit "$code"
