# Arguments: kind, name, kind, name … Prints the folders that stay because something of others is in them.
fail() { echo "$1" >&2; exit 1; }
while [ $# -ge 2 ]; do
    case $1 in
    link) case $(readlink -- "$2") in /opt/quorate/*) rm -f -- "$2" || fail "$2 can't be removed" ;; esac ;;
    program)
        [ "$2" = /opt/quorate ] || fail "$2: not a folder of programs of ours; it can't be removed"
        rm -rf --one-file-system /opt/quorate || fail "$2 can't be removed"
        ;;
    mask) case $(systemctl show -p LoadState --value "$2") in masked) systemctl unmask "$2" 2>&1 || fail "$2 can't be unmasked" ;; esac ;;
    file) rm -f -- "$2" || fail "$2 can't be removed" ;;
    leftover)
        case ${2##*/} in
        .quorate-new-* | .quorate-undo-* | *.quorate-new | quorate-build-* | quorate-bundle-* | .quorate-sync-*) rm -rf --one-file-system -- "$2" || fail "$2 can't be removed" ;;
        *) fail "$2 is not what a run leaves behind" ;;
        esac
        ;;
    account)
        ! getent passwd "$2" >/dev/null || userdel "$2" 2>&1 || fail "the account $2 can't be removed"
        ! getent group "$2" >/dev/null || groupdel "$2" 2>&1 || fail "the group $2 can't be removed"
        ;;
    folder) [ ! -d "$2" ] || rmdir -- "$2" 2>/dev/null || printf '%s\n' "$2" ;;
    *) fail "$1: not a kind of thing" ;;
    esac
    shift 2
done
