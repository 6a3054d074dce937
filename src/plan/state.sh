# Sorts the arguments into lists of quoted words, so that any path survives.
paths= files= accounts= wanted= programs= links= units= data= identities=
while [ $# -gt 1 ]; do
    # A fork for each word would cost more than all answers together.
    case $2 in *\'*) word=$(printf "%s" "$2" | sed "s/'/'\\\\''/g") ;; *) word=$2 ;; esac
    case $1 in
    path) paths="$paths '$word'" ;;
    file) files="$files '$word'" ;;
    account) accounts="$accounts '$word'" ;;
    package) wanted="$wanted '$word'" ;;
    program) programs="$programs '$word'" ;;
    link) links="$links '$word'" ;;
    unit) units="$units '$word'" ;;
    service) units="$units '$word'" ;;
    data) data="$data '$word'" ;;
    identity) identities="$identities '$word'" ;;
    esac
    shift 2
done
accounts() { getent passwd "$@" | cut -d: -f1; }
programs() { for p; do [ ! -f "$p/.quorate-sum" ] || { read -r sum <"$p/.quorate-sum" && printf '%s %s\n' "$sum" "$p"; }; done; }
links() { find "$@" -maxdepth 0 -type l -printf '%p -> %l\n'; }
units() { systemctl show -p Id,LoadState,ActiveState,UnitFileState,MainPID,NRestarts,NeedDaemonReload,ExecMainStartTimestampMonotonic "$@"; }
# When we last made a unit reload, and since when a restart of it is due.
marks() { stat -c '%.9Y %n' /run/quorate/reloaded/* /run/quorate/restart/*; }
# What each unit's process was started from: the program, or for a script its interpreter by the name it was called with.
processes() {
    id= pid=0
    printf '%s\n\n' "$1" | while IFS='=' read -r key value; do
        case $key in
        Id) id=$value ;;
        MainPID) pid=$value ;;
        '')
            if [ "${pid:-0}" != 0 ]; then
                program=$(readlink "/proc/$pid/exe")
                case $program in */python*) program=$(sed -z -n 1p "/proc/$pid/cmdline" | tr -d '\0') ;; esac
                printf '%s %s\n' "$id" "$program"
            fi
            id= pid=0
            ;;
        esac
    done
}
# A folder that is there and can't be read may hold anything: it counts as full.
data() { for d; do [ ! -e "$d" ] || { held=$(ls -A "$d") && [ -z "$held" ]; } || echo "$d"; done; }
# What a database was made as, by its Patroni's file; nothing where its data folder is empty.
identity() {
    for f; do
        folder=$(sed -n "s/^  data_dir: '\(.*\)'$/\1/p" "$f")
        [ -z "$folder" ] || [ -z "$(data "$folder")" ] || grep -E '^(scope|namespace|name|  data_dir|  bin_dir): ' "$f"
    done
}
section clock date +%s.%N
section uptime cat /proc/uptime
eval "section entries stat -c '%U %G %a %F|%.9Y|%n' -- $paths"
eval "section sums sha256sum -- $files"
eval "section accounts accounts $accounts"
[ -z "$wanted" ] || eval "section packages packages $wanted"
eval "section programs programs $programs"
eval "section links links $links"
eval "section units units $units"
# shellcheck disable=SC2154 # the output of the section before, which `section` leaves behind
section processes processes "$s_out"
section marks marks
eval "section data data $data"
eval "section identity identity $identities"
section owner cat /var/lib/quorate/cluster
# What a change under way replaced, and what was applied last.
section undo ls /var/lib/quorate/undo
generation=/var/lib/quorate/generations/current
section generation readlink "$generation"
section applied cat "$generation/sums"
section settings cat "$generation/dcs.json"
section record cat "$generation/record.json"
# Grows with every run that changes something here.
section journal stat -c %s /var/lib/quorate/journal
