# Argument: how many lines are too many. Standard input: whole lines, to be appended.
journal=/var/lib/quorate/journal
mkdir -p /run/quorate "${journal%/*}" && chmod 0700 "${journal%/*}" && exec 9>>/run/quorate/journal.lock && flock 9 || exit 1
# Taken whole before the first byte is written: a line that breaks must not leave half a record.
lines=$(cat && echo .) && lines=${lines%.}
case $lines in *"
") ;; *) echo "the record did not arrive whole" >&2; exit 1 ;; esac
if [ -e "$journal" ]; then
    if [ "$(wc -l <"$journal")" -ge "$1" ]; then
        tail -n "$(($1 * 3 / 4))" "$journal" >"$journal.new" && sync "$journal.new" && mv -f "$journal.new" "$journal" || exit 1
    fi
    # A record that a dying machine cut off must not swallow the next.
    [ -z "$(tail -c 1 "$journal")" ] || echo >>"$journal" || exit 1
fi
printf '%s' "$lines" >>"$journal" && sync "$journal"
