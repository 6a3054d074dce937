# Arguments: number, sizes of record.json, inventory.yml and dcs.json on standard input, how many are kept; then the paths of
# the live files.
all=/var/lib/quorate/generations number=$1 new=$all/.new-$1 kept=$5
fail() { rm -rf "$new"; echo "$1" >&2; exit 1; }
rm -rf "$all"/.new-* "$all"/.old-* && mkdir -p "$new/files" && chmod 0700 "$all" || exit 1
head -c "$2" >"$new/record.json" && head -c "$3" >"$new/inventory.yml" && head -c "$4" >"$new/dcs.json" || fail "$new: disk full?"
[ "$(cat "$new/record.json" "$new/inventory.yml" "$new/dcs.json" | wc -c)" = "$(($2 + $3 + $4))" ] || fail "the generation did not arrive whole"
shift 5
for path; do
    into=$new/files$path
    mkdir -p "${into%/*}" && cp -p "$path" "$into" || fail "$path could not be kept"
done
(cd "$new/files" && find . -type f -exec sha256sum {} + | sed 's/  \./  /') >"$new/sums" || fail "$new: disk full?"
find "$new" -exec sync {} + || fail "$new could not be synced to disk"
if [ -e "$all/$number" ]; then mv -T "$all/$number" "$all/.old-$number" || fail "$all/$number is in the way"; fi
mv -T "$new" "$all/$number" && ln -sfn "$number" "$all/.current.new" && mv -fT "$all/.current.new" "$all/current" || exit 1
sync "$all"
rm -rf "$all"/.old-*
(cd "$all" && printf '%s\n' [0-9]*) | sort -rn | tail -n "+$((kept + 1))" | while read -r old; do
    [ "$old" = "$number" ] || rm -rf "${all:?}/$old"
done
