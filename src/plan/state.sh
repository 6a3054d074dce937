# Sorts the arguments into lists of quoted words, so that any path survives.
paths= files= accounts= wanted= programs= links= units= data= identities=
while [ $# -gt 1 ]; do
    word=$(printf "%s" "$2" | sed "s/'/'\\\\''/g")
    case $1 in
    path) paths="$paths '$word'" ;;
    file) files="$files '$word'" ;;
    account) accounts="$accounts '$word'" ;;
    package) wanted="$wanted '$word'" ;;
    program) programs="$programs '$word'" ;;
    link) links="$links '$word'" ;;
    unit) units="$units '$word'" ;;
    data) data="$data '$word'" ;;
    identity) identities="$identities '$word'" ;;
    esac
    shift 2
done
accounts() { for a; do getent passwd "$a" | cut -d: -f1; done; }
programs() { for p; do [ ! -f "$p/.quorate-sum" ] || printf '%s %s\n' "$(cat "$p/.quorate-sum")" "$p"; done; }
links() { for l; do [ ! -L "$l" ] || printf '%s -> %s\n' "$l" "$(readlink "$l")"; done; }
units() {
    for u; do
        printf 'Unit=%s\n' "$u"
        systemctl show -p LoadState,ActiveState,UnitFileState,MainPID,NRestarts,NeedDaemonReload,ExecMainStartTimestampMonotonic "$u"
        [ ! -e "/run/quorate/reloaded/$u" ] || printf 'Reloaded=%s\n' "$(stat -c %.9Y "/run/quorate/reloaded/$u")"
        echo
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
eval "section data data $data"
eval "section identity identity $identities"
section owner cat /var/lib/quorate/cluster
