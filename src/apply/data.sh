# Arguments, three for each folder: its kind, where it really is, how it is named. Whatever happens between two commands: the sign by
# which a folder is known as data goes last, so that a run that died here can go on.
fail() { echo "$1" >&2; exit 1; }
while [ $# -ge 3 ]; do
    kind=$1 real=$2 name=$3
    shift 3
    case $real in
    /*[!/]*) ;;
    *) fail "$real: not a folder to remove" ;;
    esac
    case $real in
    /bin/* | /boot/* | /dev/* | /etc/* | /lib/* | /lib64/* | /proc/* | /sbin/* | /sys/* | /usr/*) fail "$real: a folder of the system" ;;
    /bin | /boot | /dev | /etc | /home | /lib | /lib64 | /media | /mnt | /opt | /proc | /root | /run | /sbin | /srv | /sys | /tmp | /usr | /var | /var/lib)
        fail "$real: a folder of the system" ;;
    esac
    if [ -d "$real" ]; then
        [ "$(readlink -f -- "$name")" = "$real" ] || [ "$kind" = tablespace ] || fail "$name does not lead to $real any more"
        ! awk -v folder="$real/" 'index($2, folder) == 1 {found = 1} END {exit !found}' /proc/self/mounts || fail "$real: another file system is mounted in it"
        pid=
        [ ! -e "$real/postmaster.pid" ] || read -r pid <"$real/postmaster.pid"
        [ -z "$pid" ] || [ "$(readlink "/proc/$pid/cwd")" != "$real" ] || fail "$real: PostgreSQL runs still (process $pid)"
        case $kind in
        postgresql | failed) last=PG_VERSION before=global ;;
        etcd) last=member before=member ;;
        *) last=. before=. ;;
        esac
        find "$real" -xdev -mindepth 1 -maxdepth 1 ! -name "$last" ! -name "$before" ! -name lost+found -exec rm -rf --one-file-system -- {} + || fail "$real can't be emptied"
        for part in "$before" "$last"; do
            [ "$part" = . ] || rm -rf --one-file-system -- "${real:?}/$part" || fail "$real can't be emptied"
        done
        # A folder that is a file system of its own stays, empty.
        rmdir -- "$real" 2>/dev/null || awk -v folder="$real" '$2 == folder {found = 1} END {exit !found}' /proc/self/mounts || fail "$real is not empty"
        [ ! -d "${real%/*}" ] || sync "${real%/*}/"
    fi
    [ ! -L "$name" ] || rm -f -- "$name" || fail "$name can't be removed"
done
