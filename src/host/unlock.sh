# Frees the lock whoever has it, and prints whose it was. First the name goes, so that nothing more of that run begins here.
[ -e /run/quorate/lock ] && exec 9>>/run/quorate/lock || exit 0
if { read -r held </run/quorate/holder; } 2>/dev/null; then rm -f /run/quorate/holder; fi
if ! flock -n 9; then
    printf '%s\n' "${held:-}"
    read -r pid </run/quorate/lock || pid=
    # A number alone may be another process by now; one that has the lock open is the right one.
    if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/fd/9")" = /run/quorate/lock ]; then kill -9 "$pid"; fi
    flock -w 5 9 || { echo "process ${pid:-(unknown)} still has /run/quorate/lock" >&2; exit 1; }
fi
