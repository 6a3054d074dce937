# Arguments: unit, mode (none, reload, restart, start), daemon-reload (yes, no), seconds until the undo, run; then three for
# each thing that changes: kind (date, keep, link, remove), path, the link's target. Standard input: the undo script.
# Before this stands the function `before`.
unit=$1 mode=$2 daemon=$3 seconds=$4 run=$5
shift 5
undo=/var/lib/quorate/undo/$unit timer=quorate-undo-${unit%.service}
due=/run/quorate/restart/$unit mark=/run/quorate/reloaded/$unit
fail() { echo "$1" >&2; exit "${2:-1}"; }
each() { work=$1; shift; while [ $# -ge 3 ]; do "$work" "$1" "$2" "$3"; shift 3; done; }
put() { printf '%s\n' "$2" >"$undo/$1.new" && mv -f "$undo/$1.new" "$undo/$1" || fail "$undo: disk full?" 82; }
once() { [ -e "$undo/$1" ] || put "$1" "$2"; }
rank() { case $1 in none) echo 0 ;; reload) echo 1 ;; restart) echo 2 ;; start) echo 3 ;; esac; }
# firewalld's unit tells it by a signal and does not wait; its own client waits, and says how it went.
reload() { case $1 in firewalld.service) firewall-cmd -q --reload ;; *) systemctl reload "$1" ;; esac; }
case $unit$run in *[!A-Za-z0-9:_.@-]*) fail "$unit: not a unit's name" 82 ;; esac

mkdir -p /run/quorate/restart /run/quorate/reloaded && exec 9>>"/run/quorate/undo-$unit.lock" || exit 82
flock -w 60 9 || fail "an undo of $unit is still under way" 82
# An older timer must not fire into this change. If it just did, its script waits for our lock and has done nothing yet.
systemctl stop "$timer.timer" "$timer.service" 2>/dev/null
systemctl reset-failed "$timer.timer" "$timer.service" 2>/dev/null
rm -f "/run/quorate/undone/$unit"

# What an unfinished run kept is the last confirmed state, so it stays; the undo does the stronger of both.
mkdir -p "$undo" || exit 82
save() {
    [ ! -e "$undo/paths" ] || ! cut -d' ' -f2- "$undo/paths" | grep -qxF -e "$2" || return 0
    rm -f "$undo/files$2" "$undo/absent$2"
    if [ -e "$2" ] || [ -L "$2" ]; then
        into=$undo/files$2
        mkdir -p "${into%/*}" && cp -pP "$2" "$into"
    else
        into=$undo/absent$2
        mkdir -p "${into%/*}" && : >"$into"
    fi && printf '%s %s\n' "$1" "$2" >>"$undo/paths" || fail "$2: its former content could not be kept" 82
}
each save "$@"
[ "$mode" != restart ] || save mark "$due"
once mode none
former=$(cat "$undo/mode")
[ "$(rank "$former")" -ge "$(rank "$mode")" ] || put mode "$mode"
once daemon no
[ "$daemon" = no ] || put daemon yes
once was "$(systemctl is-active "$unit" 2>/dev/null)"
once enabled "$(systemctl is-enabled "$unit" 2>/dev/null)"
put run "$run"
cat >"$undo/undo.sh.new" && mv -f "$undo/undo.sh.new" "$undo/undo.sh" || fail "$undo: disk full?" 82
read -r now _ </proc/uptime
once since "$(cat /proc/sys/kernel/random/boot_id) $now"
find "$undo" ! -type l -exec sync {} + || fail "$undo: could not be synced to disk" 82
sync "${undo%/*}"
systemd-run --quiet --collect --unit="$timer" --description="Undo of a change to $unit that nobody confirmed" \
    --on-active="$seconds" --timer-property=AccuracySec=500ms /bin/sh "$undo/undo.sh" || fail "no timer for the undo" 82

# From here on the change is live, bit by bit. A restart is due from before the first bit until it was made.
[ "$mode" != restart ] || touch "$due" || exit 1
live() {
    new=${2%/*}/.quorate-new-${2##*/}~
    case $1 in
        date | keep)
            [ -e "$new" ] || fail "$2: nothing is staged for it"
            # Dated now: a daemon that restarted since the file was staged has not read it.
            if [ "$1" = keep ] && [ -e "$2" ]; then touch -r "$2" "$new"; else touch "$new"; fi && mv -fT "$new" "$2"
            ;;
        link) (umask 022; mkdir -p "${2%/*}") && ln -sfn "$3" "$2.quorate-new" && mv -fT "$2.quorate-new" "$2" ;;
        remove) rm -f "$2" ;;
    esac || fail "$2: could not be made live"
    [ ! -d "${2%/*}" ] || sync "${2%/*}"
}
each live "$@"
# The mark's time is that before the reload: whatever is written later is newer than what this reload reads.
[ "$mode" != reload ] || touch "$mark.new" || exit 1
[ "$daemon" = no ] || systemctl daemon-reload || exit 1
(before) 9>&- || exit
case $mode in
    # The mark counts only once the reload is made.
    reload) reload "$unit" && mv -f "$mark.new" "$mark" ;;
    restart) systemctl restart "$unit" && rm -f "$due" ;;
    start)
        systemctl enable "$unit" 2>&1 || exit 1
        # A unit that failed often would be refused without this.
        systemctl reset-failed "$unit" 2>/dev/null
        systemctl start --no-block "$unit"
        ;;
esac
