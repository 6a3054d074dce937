# First argument: a folder with an index of packages. apt then sees that alone: no other source, no list, preference or default release of
# the host's own, and what it writes down about it stays in the folder. The index needs no signature: its sum was checked on the way.
folder=$1
shift
mkdir -p "$folder/.apt/lists/partial" || exit 1
printf 'deb [trusted=yes] file:%s ./\n' "$folder" >"$folder/.apt/sources"
only="-o Dir::Etc::SourceList=$folder/.apt/sources -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null
 -o Dir::Etc::PreferencesParts=/dev/null -o Dir::State::Lists=$folder/.apt/lists -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
 -o APT::Default-Release= -o APT::Sandbox::User=root -o Acquire::Languages=none"
# shellcheck disable=SC2086 # options of ours, without blanks in them
apt-get -q $only update </dev/null >"$folder/.apt/log" 2>&1 || {
    cat "$folder/.apt/log" >&2
    exit 1
}
