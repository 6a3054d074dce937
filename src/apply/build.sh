# Arguments: component, version, root of the result, packages to unpack beside the build, length of the script that unpacks them,
# length of the recipe, lengths of the inputs. Standard input: that script, the recipe, then the inputs.
# Standard output: the built archive. What the build says goes to standard error.
component=$1 version=$2 root=$3 packages=$4 unpack_length=$5 recipe_length=$6
shift 6
id quorate-build >/dev/null 2>&1 ||
    useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin quorate-build || exit 1
folder=$(mktemp -d /var/tmp/quorate-build-XXXXXXXX) || exit 1
trap 'rm -rf "$folder"' EXIT
# sh leaves the trap above out when a signal ends it: the time limit, or a line that broke.
trap 'exit 1' HUP INT PIPE TERM
head -c "$unpack_length" >"$folder/unpack.sh" || exit 1
head -c "$recipe_length" >"$folder/recipe.sh" || exit 1
n=0 more=
for length; do
    n=$((n + 1))
    head -c "$length" >"$folder/input-$n" || exit 1
    [ "$n" = 1 ] || more="$more $folder/input-$n"
done
mkdir "$folder/work" "$folder/out" "$folder/unpacked"
chmod 0755 "$folder" "$folder"/*
chown quorate-build: "$folder/work" "$folder/out" "$folder/unpacked"
if [ -n "$packages" ]; then
    # shellcheck disable=SC2086 # a list of names of packages
    /bin/sh "$folder/unpack.sh" quorate-build "$folder/unpacked" $packages >&2 || exit 1
fi
# No input on standard input, and all that is said to standard error: standard output belongs to the archive.
# shellcheck disable=SC2086 # a list of paths of ours, without blanks in them
setpriv --reuid=quorate-build --regid=quorate-build --init-groups \
    env QUORATE_ROOT="$root" QUORATE_UNPACKED="$folder/unpacked" /bin/sh "$folder/recipe.sh" "$folder/input-1" "$version" "$folder/work" "$folder/out/out.tar.gz" $more \
    </dev/null >&2 || exit 1
cat "$folder/out/out.tar.gz"
