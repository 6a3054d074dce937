# Arguments: what stays in quorate's own folder; all goes if none is named. Whose host it is goes last: until then the same command can
# be run again. The lock goes with the folder of it: nothing more of this run happens here.
memory=/var/lib/quorate
if [ -d "$memory" ]; then
    for path in "$memory"/* "$memory"/.[!.]*; do
        [ -e "$path" ] || [ -L "$path" ] || continue
        stays=no
        for name; do [ "$path" != "$memory/$name" ] || stays=yes; done
        [ "$stays" = yes ] || [ "$path" = "$memory/cluster" ] || rm -rf --one-file-system -- "$path" || exit 1
    done
    if [ $# = 0 ]; then
        rm -f "$memory/cluster" && rmdir "$memory" || exit 1
    fi
    sync "${memory%/*}/"
fi
rm -rf /run/quorate
