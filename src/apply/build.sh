# Arguments: component, version, root of the result, system it is for, what it runs under (a path), packages to unpack beside the build, length of the script
# that unpacks them, length of the one that downloads, length of the recipe, then of each input: own:LENGTH (a text of ours),
# file:LENGTH (an archive whose sum was checked before it was sent) or order:LENGTH (where this host gets it from, and its sum).
# Standard input: those scripts, the recipe, then the inputs. Standard output: the built archive. What the build says goes to
# standard error. Ends with 97 when a download failed.
component=$1 version=$2 root=$3 system=$4 interpreter=$5 packages=$6 unpack_length=$7 fetch_length=$8 recipe_length=$9
shift 9
folder=$(mktemp -d /var/tmp/quorate-build-XXXXXXXX) || exit 1
trap 'rm -rf "$folder"' EXIT
# A shell that a signal ends would not run the line above.
trap 'exit 1' HUP INT PIPE TERM
head -c "$unpack_length" >"$folder/unpack.sh" || exit 1
head -c "$fetch_length" >"$folder/fetch.sh" || exit 1
head -c "$recipe_length" >"$folder/recipe.sh" || exit 1
mkdir "$folder/in"
n=0 more=
for input; do
    n=$((n + 1))
    head -c "${input#*:}" >"$folder/${input%%:*}-$n" || exit 1
    case $input in order:*) ;; *) mv "$folder/${input%%:*}-$n" "$folder/in/input-$n" || exit 1 ;; esac
    [ "$n" = 1 ] || more="$more $folder/in/input-$n"
done
mkdir "$folder/work" "$folder/out" "$folder/unpacked"
chmod 0755 "$folder" "$folder"/*
chmod 0644 "$folder"/in/* "$folder"/order-* 2>/dev/null
chown quorate-build: "$folder/in" "$folder/work" "$folder/out" "$folder/unpacked"
# What comes from outside is fetched and unpacked by that account; root reads no more of it than a listing.
as_builder() { setpriv --reuid=quorate-build --regid=quorate-build --init-groups "$@"; }
n=0
for input; do
    n=$((n + 1))
    case $input in own:*) continue ;; esac
    case $input in order:*)
        as_builder /bin/sh "$folder/fetch.sh" "$folder/order-$n" "$folder/in/input-$n" </dev/null >&2 || exit 97 ;;
    esac
    judge_archive "$folder/in/input-$n" source || exit 1
done
chown root: "$folder/in"
if [ -n "$packages" ]; then
    # shellcheck disable=SC2086 # a list of names of packages
    /bin/sh "$folder/unpack.sh" quorate-build "$folder/unpacked" $packages >&2 || exit 1
fi
# Whoever asked holds this script's input open while it waits. When the input ends, nobody wants the result any more.
exec 3<&0
# No input for the build, and all that it says to standard error: standard output belongs to the archive. A session of its own
# can be ended whole.
# shellcheck disable=SC2086 # a list of paths of ours, without blanks in them
setsid setpriv --reuid=quorate-build --regid=quorate-build --init-groups \
    env QUORATE_ROOT="$root" QUORATE_BUILD="$system" QUORATE_INTERPRETER="$interpreter" QUORATE_UNPACKED="$folder/unpacked" \
    /bin/sh "$folder/recipe.sh" "$folder/in/input-1" "$version" "$folder/work" "$folder/out/out.tar.gz" $more \
    </dev/null >&2 3<&- &
build=$!
{ cat <&3; kill -s TERM -- "-$build"; } >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait "$build" || { kill "$watch" 2>/dev/null; exit 1; }
kill "$watch"
cat "$folder/out/out.tar.gz"
