# Arguments: kind, value, kind, value …: the files and units that a node may hold of ours, its two data folders, and files that scripts
# of ours or daemons of ours make. Reads only.
files= units= scripts= traces= alone= postgresql= etcd=
while [ $# -gt 1 ]; do
    case $2 in *\'*) word=$(printf "%s" "$2" | sed "s/'/'\\\\''/g") ;; *) word=$2 ;; esac
    case $1 in
    file) files="$files '$word'" ;;
    unit) units="$units '$word'" ;;
    script) scripts="$scripts '$word'" ;;
    trace) traces="$traces '$word'" ;;
    alone) alone="$alone '$word'" ;;
    postgresql) postgresql=$2 ;;
    etcd) etcd=$2 ;;
    esac
    shift 2
done
memory=/var/lib/quorate
# Files that were ours once: of every generation, and those whose former version was kept.
remembered() {
    cat "$memory"/generations/*/sums "$memory"/undo/*/paths 2>/dev/null | sed -n -e 's/^[0-9a-f]\{64\}  //p' -e 's/^\(date\|keep\) //p'
    find "$memory/previous" -type f -printf '/%P\n' 2>/dev/null
}
all() { { [ $# = 0 ] || printf '%s\n' "$@"; remembered; } | sort -u; }
# Sum, whether it says that it is ours, path.
found() {
    all "$@" | while IFS= read -r path; do
        [ -e "$path" ] || [ -L "$path" ] || continue
        sum=$(sha256sum <"$path")
        managed=no
        ! grep -qs 'Managed by quorate' "$path" || managed=yes
        printf '%s %s %s\n' "${sum%% *}" "$managed" "$path"
    done
}
# What a run that died left beside its place.
leftovers() {
    all "$@" | sed 's,/[^/]*$,,' | sort -u | while IFS= read -r folder; do
        find "$folder" -maxdepth 1 '(' -name '.quorate-new-*' -o -name '.quorate-undo-*' ')' 2>/dev/null
    done
    find /usr/local/bin /usr/local/sbin -maxdepth 1 -name '*.quorate-new' 2>/dev/null
    find /var/tmp -maxdepth 1 '(' -name 'quorate-build-*' -o -name 'quorate-bundle-*' ')' 2>/dev/null
    find /var/lib -maxdepth 1 -name '.quorate-sync-*' 2>/dev/null
}
units() { systemctl show -p Id,LoadState,ActiveState,UnitFileState,FragmentPath "$@"; }
links() { find /usr/local -maxdepth 2 -type l -lname '/opt/quorate/*' -printf '%p -> %l\n'; }
scripts() { for path; do ! grep -qs quorate "$path" || printf '%s\n' "$path"; done; }
# The two folders above such a file go with it, if nothing else is in them.
alone() {
    for path; do
        [ -e "$path" ] || continue
        printf 'file %s\n' "$path"
        for level in 1 2; do
            [ "$(ls -A "${path%/*}")" = "${path##*/}" ] || break
            path=${path%/*}
            printf 'folder %s\n' "$path"
        done
    done
}
traces() { for path; do [ ! -e "$path" ] || printf '%s\n' "$path"; done; }
made() {
    [ -e "$memory/made" ] || return 0
    sort -u "$memory/made" | while read -r kind name; do
        case $kind in
        account) getent passwd "$name" >/dev/null || getent group "$name" >/dev/null || continue ;;
        folder) [ -d "$name" ] || continue ;;
        esac
        printf '%s %s\n' "$kind" "$name"
    done
}
# One line a folder: kind, its mark (yes, no, empty), owner, bytes, when last written, whether all of it was counted, where it really
# is, how it is named.
line() {
    real=$(readlink -f -- "$3") && [ -d "$real" ] || return 0
    mark=$2
    [ -n "$(ls -A "$real")" ] || mark=empty
    size=$({ timeout 20 find "$real" -xdev -type f -printf '%T@ %b\n' 2>/dev/null; echo "end $?"; } |
        awk '$1 == "end" {all = $2 == 124 ? "no" : "yes"; next} {blocks += $2; if ($1 > last) last = $1} END {printf "%.0f\t%.0f\t%s", blocks * 512, last, all}')
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$1" "$mark" "$(stat -c %U "$real")" "$size" "$real" "$3"
}
data() {
    if [ -d "$etcd" ]; then
        if [ -d "$etcd/member" ]; then line etcd yes "$etcd"; else line etcd no "$etcd"; fi
    fi
    # What Patroni put aside when the making of a database failed.
    for failed in "$postgresql".failed*; do [ ! -d "$failed" ] || line failed yes "$failed"; done
    [ -d "$postgresql" ] || return 0
    if [ ! -e "$postgresql/PG_VERSION" ]; then
        # A copy that was cut off may not have it yet.
        if [ -d "$postgresql/global" ]; then line postgresql yes "$postgresql"; else line postgresql no "$postgresql"; fi
        return 0
    fi
    read -r version <"$postgresql/PG_VERSION"
    for link in "$postgresql"/pg_tblspc/*; do
        [ -L "$link" ] || continue
        for folder in "$(readlink -f -- "$link")/PG_${version}_"*; do
            [ ! -d "$folder" ] || line tablespace yes "$folder"
        done
    done
    [ ! -L "$postgresql/pg_wal" ] || line wal yes "$postgresql/pg_wal"
    line postgresql yes "$postgresql"
}
role() { [ ! -e "$postgresql/PG_VERSION" ] || { [ -e "$postgresql/standby.signal" ] && echo replica || echo leader; }; }
# Whether a PostgreSQL works on that folder: it may have outlived its Patroni.
serving() {
    real=$(readlink -f -- "$postgresql") && read -r pid <"$real/postmaster.pid" && [ "$(readlink "/proc/$pid/cwd")" = "$real" ] && echo yes
}
identity() {
    sed -n -e 's/^ETCD_INITIAL_CLUSTER=\(.*\)/members \1/p' -e 's/^ETCD_DATA_DIR=\(.*\)/etcd \1/p' /etc/etcd/etcd.env 2>/dev/null
    sed -n -e "s/^  data_dir: '\(.*\)'$/postgresql \1/p" -e "s/^name: '\(.*\)'$/name \1/p" /etc/patroni/patroni.yml 2>/dev/null
}
section owner cat "$memory/cluster"
section made made
section memory ls -A "$memory"
eval "section found found $files"
eval "section leftovers leftovers $files"
section applied sh -c 'cat /var/lib/quorate/generations/*/sums'
eval "section units units $units"
section links links
section programs find /opt/quorate -mindepth 1 -maxdepth 1
section opt ls -d /opt/quorate
eval "section scripts scripts $scripts"
eval "section traces traces $traces"
eval "section alone alone $alone"
section data data
section role role
section serving serving
section identity identity
section mounts awk '{print $2}' /proc/self/mounts
section addresses ip -o -4 addr show
