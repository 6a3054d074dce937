# Arguments, nine a file: path owner group mode size sha256 keep-name check-user check. Standard input: all bytes in a row.
# Ends like nothing that a daemon takes for its own: firewalld, say, reads every *.xml of its folder.
staged() { printf '%s/.quorate-new-%s~' "${1%/*}" "${1##*/}"; }
all= lent=
undo() { eval "rm -f $all"; withdraw; [ -z "${folder:-}" ] || rm -rf "$folder"; }
withdraw() { [ -z "$lent" ] || eval "rm -f $lent"; lent=; }
give_up() { undo; echo "$1" >&2; exit "$2"; }
checks=$(mktemp) || exit 1
trap 'rm -f "$checks"' EXIT
while [ $# -ge 9 ]; do
    new=$(staged "$1")
    all="$all '$(printf %s "$new" | sed "s/'/'\\\\''/g")'"
    # Made unreadable first: it may hold a secret before it has its owner.
    rm -f "$new"
    # The lock takes it away if we never come back (lock.sh). A host that is new has no such folder yet, nor anything to hide.
    [ ! -d /var/lib/quorate ] || printf '%s\n' "$new" >>/var/lib/quorate/staged || give_up "$1: disk full?" 81
    (umask 077; head -c "$5" >"$new") || give_up "$1: could not be written (disk full?)" 81
    [ "$(sha256sum <"$new")" = "$6  -" ] || give_up "$1: did not arrive whole" 81
    chown "$2:$3" "$new" && chmod "$4" "$new" || give_up "$1: owner $2:$3 or mode $4 could not be set" 81
    sync "$new" || give_up "$1: could not be synced to disk" 81
    [ -z "$9" ] || printf '%s\n%s\n%s\n%s\n' "$1" "$7" "$8" "$9" >>"$checks"
    if [ "$4" != "${4#*[157]}" ] && [ ! -e "$1" ] && ln "$new" "$1"; then
        # A program that other files name is lent its place while they are judged, if nothing is there yet.
        lent="$lent '$(printf %s "$1" | sed "s/'/'\\\\''/g")'"
    fi
    shift 9
done
# Judged once all are there: some name each other.
while read -r path && read -r keep && read -r user && read -r check; do
    candidate=$(staged "$path")
    if [ "$keep" = yes ]; then
        folder=$(mktemp -d) || give_up "$path: no temporary folder for its check (disk full?)" 81
        cp -p "$candidate" "$folder/${path##*/}" && chmod 755 "$folder"
        candidate="$folder/${path##*/}"
    fi
    [ -z "$user" ] || check="setpriv --reuid=$user --regid=$user --init-groups $check"
    said=$(eval "$check" 2>&1 </dev/null) || give_up "$path: refused by its own check (exit code $?): $said" 80
    [ "$keep" = no ] || { rm -rf "$folder"; folder=; }
done <"$checks"
withdraw
exit 0
