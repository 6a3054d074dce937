# Arguments: paths whose staged files become live.
for path; do
    new="${path%/*}/.quorate-new-${path##*/}~"
    if [ -e "$path" ]; then
        kept="/var/lib/quorate/previous$path"
        mkdir -p "${kept%/*}" && cp -p "$path" "$kept" || exit 1
    fi
    # Dated now: a daemon that restarted since the file was staged has not read it.
    touch "$new" && mv -fT "$new" "$path" || exit 1
    sync "${path%/*}"
done
