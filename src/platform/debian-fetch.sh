# Arguments: a folder that is not there yet, packages. Fills it with these packages and all that they depend on, and with an index of
# them. What this host has installed counts for nothing: the answer is the one of an empty system, so that it serves hosts that
# lack more than this one, or have older versions. The host's own lists, caches and packages stay as they are.
folder=$1
shift
scratch=$folder.scratch
umask 022
mkdir -p "$folder" "$scratch/lists/partial" "$scratch/archives/partial" || exit 1
: >"$scratch/status"
apt() {
    # apt verifies the lists by the host's own keys, and each file by the lists. As root it hands downloads to an account of
    # its own, which could not write here.
    apt-get -q -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=3 \
        -o Dir::State::status="$scratch/status" -o Dir::State::extended_states="$scratch/extended" \
        -o Dir::State::lists="$scratch/lists" -o Dir::Cache::archives="$scratch/archives" \
        -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= "$@" </dev/null >"$scratch/log" 2>&1 && return 0
    tail -n 20 "$scratch/log" >&2
    return 1
}
apt update && apt -y --no-install-recommends --download-only install -- "$@" || exit 1
for file in "$scratch"/archives/*.deb; do
    # Without the epoch, whose colon apt has written as %3a: the name is a part of an address later.
    name=$(basename "$file" | sed 's/_[0-9]*%3a/_/') && mv "$file" "$folder/$name" || exit 1
done
cd "$folder" || exit 1
for file in *.deb; do
    dpkg-deb -f "$file" || exit 1
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$file" "$(stat -c %s "$file")" "$(sha256sum <"$file" | cut -d ' ' -f 1)"
done >Packages || exit 1
rm -rf "$scratch"
