# Arguments: paths whose staged files become live.
for path; do
    new="${path%/*}/.quorate-new-${path##*/}"
    if [ -e "$path" ]; then
        kept="/var/lib/quorate/previous$path"
        mkdir -p "${kept%/*}" && cp -p "$path" "$kept" || exit 1
    fi
    mv -f "$new" "$path" || exit 1
    sync "${path%/*}"
done
