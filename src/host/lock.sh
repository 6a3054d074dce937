# Arguments: how long to wait in seconds, token, holder (one line of JSON). Holds the lock until `keep` returns.
mkdir -p /run/quorate && exec 9>>/run/quorate/lock || exit 1
wait=$1 token=$2
if [ "$wait" = 0 ]; then flock -n 9; else flock -w "$wait" 9; fi || {
    # Whoever has just won writes his name in a moment.
    tries=20
    until { read -r held </run/quorate/holder; } 2>/dev/null || [ $((tries -= 1)) = 0 ]; do sleep 0.05; done
    printf '%s\n' "${held:-}"
    exit 90
}
# What a run staged beside its places and did not make live goes with its lock: nobody else would take it away.
sweep() {
    [ -e /var/lib/quorate/staged ] || return 0
    while IFS= read -r path; do rm -f "$path"; done </var/lib/quorate/staged
    rm -f /var/lib/quorate/staged
}
# A holder that is here now died without cleaning up.
sweep
rm -f /run/quorate/holder
# The number of this very shell: `$$` is its parent's.
pid=$(exec sh -c 'echo "$PPID"')
printf '%s\n' "$pid" >/run/quorate/lock && printf '%s\n' "$3" >/run/quorate/holder.new &&
    mv -f /run/quorate/holder.new /run/quorate/holder || exit 1
keep
# Not if `unlock` gave the lock to another meanwhile.
{ read -r held </run/quorate/holder; } 2>/dev/null && case $held in *"\"$token\""*) sweep && rm -f /run/quorate/holder ;; esac
